"""The seven diagnoses of HAM10000: code, name, malignancy, colour.

Every order of classes, columns and bars in Derm comes from `DIAGNOSES`. Colours start from Okabe and
Ito's palette, malignant ones warm, benign ones cool, spread in lightness so that the seven stay apart without red and
green, too; `ink` is the dark twin. Both have at least 3 : 1 on the page's backgrounds.
"""

from typing import NamedTuple

from derm.language.speech import mark, say


class Diagnosis(NamedTuple):
    """One of the seven.

    code: HAM10000's `dx`, lower case. name: in English, for files. malignant: counted in the malignant sum (mel, bcc,
    akiec). colour: sRGB hex for dark backgrounds. ink: sRGB hex for light ones.
    """

    code: str
    name: str
    malignant: bool
    colour: str
    ink: str

    @property
    def called(self) -> str:
        """The name as in a sentence of the language now spoken."""
        return say(self.name)


DIAGNOSES: tuple[Diagnosis, ...] = (
    Diagnosis("akiec", mark("actinic keratosis or Bowen's disease"), True, "#FFAAC4", "#7D1A52"),
    Diagnosis("bcc", mark("basal cell carcinoma"), True, "#F8B61A", "#B37C00"),
    Diagnosis("bkl", mark("benign keratosis"), False, "#55E2FF", "#0E93AE"),
    Diagnosis("df", mark("dermatofibroma"), False, "#1F9A5A", "#339361"),
    Diagnosis("mel", mark("melanoma"), True, "#E8602F", "#9C2A00"),
    Diagnosis("nv", mark("melanocytic nevus"), False, "#2C9DFD", "#1F86E0"),
    Diagnosis("vasc", mark("vascular lesion"), False, "#8082B0", "#2B3A75"),
)

HAM10000_IMAGES: dict[str, int] = {
    "akiec": 327, "bcc": 514, "bkl": 1099, "df": 115, "mel": 1113, "nv": 6705, "vasc": 142,
}  # fmt: skip
"""Images of each diagnosis in HAM10000 (Tschandl et al., Scientific Data 5:180161, 2018), which knows these seven."""

CODES: tuple[str, ...] = tuple(diagnosis.code for diagnosis in DIAGNOSES)
"""The seven codes in output order of every model: alphabetical."""

MALIGNANT: tuple[bool, ...] = tuple(diagnosis.malignant for diagnosis in DIAGNOSES)
"""For each of `CODES`, whether it counts in the malignant sum."""

INDEX: dict[str, int] = {code: index for index, code in enumerate(CODES)}
"""Position of each code in `CODES`."""
