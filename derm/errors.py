"""Every error that is the user's to mend, as one small tree.

DermError
├── ImageRefused    a file that is not a picture Derm can read
├── EntryRefused    an outline, a ruler's line or a length, as a person gave it, that cannot be one
├── DataFault       a data set folder that is incomplete or not what it says
├── WeightsFault    a weights file that is missing, damaged or of another model
├── ConfigFault     a setting outside its range
├── NotRegistered   two pictures that cannot be laid on each other
├── RunFault        a training run folder that cannot be started, resumed or read
├── RecordsFault    records of cases that cannot be opened, or an entry that they refuse
├── NotAllowed      what the role of who is logged in does not include, or somebody without any
└── StudyFault      a reader study that cannot be begun, read or gone on with

Each message names the value, what was expected and the cure, in one sentence that a page or a
terminal can show as it is. Anything else that is raised is our mistake, and crashes.
"""


class DermError(Exception):
    """The root: a mistake that the user can mend; `str(error)` is one sentence for the user.

    It can be said `again` in another language, as `derm.language.speech` made it.
    """

    def __str__(self) -> str:
        only = self.args[0] if len(self.args) == 1 else None
        return only if isinstance(only, str) else super().__str__()


class ImageRefused(DermError):
    """A file that is not a picture Derm can read."""


class EntryRefused(DermError):
    """An outline, a ruler's line or a length, as a person gave it, that cannot be one."""


class DataFault(DermError):
    """A data set folder that is incomplete or not what it says."""


class WeightsFault(DermError):
    """A weights file that is missing, damaged or of another model."""


class ConfigFault(DermError):
    """A setting outside its range."""


class RunFault(DermError):
    """A training run folder that cannot be started, resumed or read."""


class NotRegistered(DermError):
    """Two pictures that do not show one place, or not clearly enough to be laid on each other."""


class RecordsFault(DermError):
    """Records of cases that cannot be opened, or an entry that they refuse."""


class OtherPlace(RecordsFault):
    """A lesion of a name that the patient has already, elsewhere or since a moment ago: two would be taken for one."""


class StudyFault(DermError):
    """A reader study that cannot be begun, read or gone on with."""


class NotAllowed(DermError):
    """What the role of who is logged in does not include, or somebody without any."""
