"""The guard that keeps a command from writing over what it reads, and which files those are.

Needs the names that the readers of data sets, weights and results go by. Reads no file and writes none.
"""

from collections.abc import Iterable, Sequence
from glob import escape
from pathlib import Path

from derm.errors import ConfigFault
from derm.files import is_there
from derm.language.speech import say


def refuse_read(targets: Iterable[Path], read: Iterable[Path]) -> None:
    """Refuse a place to write to that is one of the files `read`, by whatever path or link: ConfigFault."""
    inputs = list(read)
    for target in targets:
        if not target.is_dir() and any(_is_same(target, one) for one in inputs):
            raise ConfigFault(
                say("{path} is one of the files that this command reads: name another place to write to.", path=target)
            )


def _is_same(one: Path, other: Path) -> bool:
    if is_there(one) and is_there(other):
        return one.samefile(other)
    return one.absolute() == other.absolute()


def data_tables(folders: Sequence[Path]) -> list[Path]:
    """The tables that are read from folders of data sets, there or not; near_duplicates.csv is Derm's own to renew."""
    from derm.data.catalogue import DUPLICATE_FILES, GROUPING_FILES, METADATA_FILES, NEAR_DUPLICATES, TRUTH_FILES
    from derm.data.diagnosis_words import MAPPING_FILE
    from derm.data.isic import ARCHIVE_TABLE, ISIC2019_METADATA, ISIC2019_TRUTH
    from derm.data.own import TABLE

    names = {TABLE, MAPPING_FILE, ARCHIVE_TABLE, *ISIC2019_METADATA, *ISIC2019_TRUTH, *METADATA_FILES}
    names |= {*TRUTH_FILES, *GROUPING_FILES, *DUPLICATE_FILES}
    names -= {NEAR_DUPLICATES}
    known = {name.lower() for name in names}
    there = [place for folder in folders for place in folder.rglob("*") if place.name.lower() in known]
    return there + [folder / name for folder in folders for name in sorted(names)]


def weights_files(path: Path | None) -> list[Path]:
    """Description and tensors of weights; of the shipped ones where no path is given."""
    from derm.model.weights import default_weights

    place = path or default_weights()
    hashed = place.parent.glob(f"{escape(place.stem)}-{'[0-9a-f]' * 8}.safetensors")
    return [place, *(place.with_suffix(ending) for ending in (".json", ".safetensors")), *hashed]


def results_files(folders: Iterable[Path | None]) -> list[Path]:
    """What `derm evaluate` and `derm explain` wrote into folders; nothing for None."""
    from derm.evaluate import explain_dataset
    from derm.evaluate.results import JSONS, TABLES

    names = [*(f"{name}.json" for name in JSONS), *(f"{name}.csv" for name in TABLES), *explain_dataset.FILES]
    return [folder / name for folder in folders if folder is not None for name in names]
