"""What similar confirmed cases are worth: how often most of ten share a picture's true diagnosis, source by source.

Needs a library and pictures with diagnoses that it lacks, or knows the lesions of. Intervals are by bootstrap over
lesions, see `derm.metrics.bootstrap`. Says nothing of what the network itself answers.
"""

from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from derm.data.catalogue import Catalogue
from derm.data.split import Part, join_lesions, own_lesions, split_catalogue
from derm.diagnoses import CODES, DIAGNOSES
from derm.errors import DataFault
from derm.evaluate.inference import Progress
from derm.image.decode import open_image
from derm.metrics.bootstrap import bootstrap
from derm.model.weights import Model
from derm.predict.case import Case, diagnose
from derm.predict.library import Library, digest
from derm.predict.similar import Similar, majority, similar_to

ALL, MEAN = "all", "mean of the classes"


def find_neighbours(
    model: Model, library: Library, catalogue: Catalogue, part: Part, progress: Progress | None = None
) -> pd.DataFrame:
    """For each picture of a part with one of the seven diagnoses: source, lesion, dx, and what is similar to it.

    No picture of its own lesion is counted, whatever its name: another one of it would be found for what it shows.
    Columns beside them: majority, the code of most of the similar cases; same, bool, whether that is the truth;
    malignant, the share of malignant ones among them, 0 … 1; p_malignant, the network's own. progress: told (done,
    total). Raises DataFault where there is no such picture, or one to which the library has no case of another lesion,
    ImageRefused for one that cannot be read.
    """
    split = split_catalogue(catalogue)
    table = catalogue.table.assign(lesion=split.lesions).iloc[split.rows(part)]
    table = table[table["dx"].isin(CODES)]
    if table.empty:
        raise DataFault(f"The {part} part of {catalogue.place} holds no picture with one of the seven diagnoses.")
    own = lesions_in(library, catalogue, split.lesions)
    rows = []
    for done, row in enumerate(table.to_dict("records"), 1):
        case = diagnose(model, open_image(Path(row["image_path"])), row["image_id"])
        rows.append(
            {
                **{name: row[name] for name in ("image_id", "source", "lesion", "dx")},
                **_found(library, model, case, own[row["lesion"]]),
            }
        )
        if progress:
            progress(done, len(table))
    return pd.DataFrame(rows)


def lesions_in(library: Library, catalogue: Catalogue, lesions: pd.Series) -> dict[str, set[int]]:
    """What a library may know each lesion of a catalogue by: lesion → digests, of its names and of those that the
    library has for one of its images.

    lesions: of the split, text (n,), each image's.
    """
    table = catalogue.table
    own = own_lesions(table)
    joined = join_lesions(table.assign(lesion_id=own), catalogue.duplicates)
    by_image = dict(zip(library.columns["name"].tolist(), library.columns["lesion"].tolist(), strict=True))
    found: dict[str, set[int]] = {}
    for lesion, image, *names in zip(lesions, table["image_id"], own, joined, strict=True):
        digests = found.setdefault(lesion, set())
        digests.update(digest(name) for name in names)
        if (known := by_image.get(digest(image))) is not None:
            digests.add(known)
    return found


def _found(library: Library, model: Model, case: Case, own: set[int]) -> dict[str, object]:
    found = similar_to(library, model, case, without=own)
    if not found:
        raise DataFault(
            f"The library has no case of another lesion than that of {case.name}: build one of more lesions."
        )
    most = majority(found)
    return {
        "majority": "" if most is None else most.code,
        "malignant": malignant_among(found),
        "p_malignant": case.p_malignant,
    }


def malignant_among(found: list[Similar]) -> float:
    """The share of malignant diagnoses among similar cases, 0 … 1; NaN where there is none."""
    return float(np.mean([one.diagnosis.malignant for one in found])) if found else float("nan")


def worth(neighbours: pd.DataFrame) -> pd.DataFrame:
    """How often the majority is the truth, by source and diagnosis: columns source, dx, images, share, low, high.

    neighbours: of `find_neighbours`. dx is a code, `ALL` for every picture, or `MEAN` for the mean over the diagnoses
    that the source has. low, high: a 95 % interval; None where it is undefined.
    """
    found = []
    for source, rows in neighbours.groupby("source", sort=True):
        truth, most = rows["dx"].to_numpy(str), rows["majority"].to_numpy(str)

        def shares(
            chosen: NDArray[np.int64], truth: NDArray[np.str_] = truth, most: NDArray[np.str_] = most
        ) -> dict[str, float | None]:
            right, kinds = (truth == most)[chosen], truth[chosen]
            by_class = {code: float(right[kinds == code].mean()) if (kinds == code).any() else None for code in CODES}
            defined = [share for share in by_class.values() if share is not None]
            return {**by_class, ALL: float(right.mean()), MEAN: float(np.mean(defined))}

        values = shares(np.arange(len(rows)))
        spans = bootstrap(shares, rows["lesion"].to_numpy(str))
        for name, value in values.items():
            if value is not None:
                images = int((truth == name).sum()) if name in CODES else len(rows)
                low, high = spans[name] or (None, None)
                found.append({"source": source, "dx": name, "images": images, "share": value, "low": low, "high": high})
    return pd.DataFrame(found)


def malignant_auc(neighbours: pd.DataFrame) -> pd.DataFrame:
    """How well the share of malignant cases among the similar ones tells malignant pictures, beside the network's sum.

    Columns source, tells ('similar cases', 'network'), auc, low, high; 95 % intervals; None where undefined.
    """
    malignant = {one.code: one.malignant for one in DIAGNOSES}
    found = []
    for source, rows in neighbours.groupby("source", sort=True):
        truth = rows["dx"].map(malignant).to_numpy(bool)
        tells = {"similar cases": rows["malignant"].to_numpy(float), "network": rows["p_malignant"].to_numpy(float)}

        def areas(
            chosen: NDArray[np.int64], truth: NDArray[np.bool_] = truth, tells: dict[str, NDArray[np.float64]] = tells
        ) -> dict[str, float | None]:
            both = 0 < truth[chosen].sum() < len(chosen)
            return {
                name: float(roc_auc_score(truth[chosen], values[chosen])) if both else None
                for name, values in tells.items()
            }

        spans = bootstrap(areas, rows["lesion"].to_numpy(str), replicates=200)
        for name, value in areas(np.arange(len(rows))).items():
            low, high = spans[name] or (None, None)
            found.append({"source": source, "tells": name, "auc": value, "low": low, "high": high})
    return pd.DataFrame(found)
