"""A data set folder of drawn lesions in HAM10000's layout, to try every step of Derm without patients' pictures.

Needs an empty folder, a number of images and a seed. Knows nothing about how a lesion is drawn.
"""

import contextlib
import io
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from PIL import Image

from derm.data.synthetic.lesion import draw_lesion
from derm.diagnoses import CODES, HAM10000_IMAGES
from derm.errors import ConfigFault, DataFault
from derm.files import making_folder, write_bytes, write_text
from derm.language.speech import say
from derm.spreadsheet import csv_table

FEWEST_EACH = 3
"""Images of every diagnosis at least: one each for training, validation and test."""
FEWEST, MOST = FEWEST_EACH * len(CODES), 1_000_000
"""Images in a set."""
JPEG_QUALITY = 90

AGES: dict[str, tuple[float, float]] = {
    "akiec": (66.5, 11.5),
    "bcc": (67, 13.5),
    "bkl": (64, 14),
    "df": (53, 13.5),
    "mel": (60.5, 15),
    "nv": (46.5, 15),
    "vasc": (51.5, 21.5),
}
"""Mean and standard deviation of the age in years, as in HAM10000."""

COVERED_SITES: dict[str, float] = {
    "back": 0.23,
    "lower extremity": 0.23,
    "trunk": 0.18,
    "upper extremity": 0.13,
    "abdomen": 0.12,
    "foot": 0.04,
    "chest": 0.04,
    "face": 0.02,
    "neck": 0.01,
}
"""Where nevi, dermatofibromas and vascular lesions lie: shares."""
SUNLIT_SITES: dict[str, float] = {
    "face": 0.27,
    "back": 0.23,
    "lower extremity": 0.15,
    "upper extremity": 0.13,
    "chest": 0.07,
    "abdomen": 0.05,
    "neck": 0.04,
    "scalp": 0.04,
    "hand": 0.02,
}
"""Where keratoses, carcinomas and melanomas lie: shares."""
SITES: dict[str, dict[str, float]] = {
    code: COVERED_SITES if code in {"nv", "df", "vasc"} else SUNLIT_SITES for code in CODES
}
MALE = 0.54
"""Share of men."""
UNKNOWN_AGE, UNKNOWN_SEX, UNKNOWN_SITE = 0.006, 0.006, 0.023
"""Shares of lesions whose age, sex or site is not recorded; at least one lesion of each."""

HAM10000_COLUMNS = ("MEL", "NV", "BCC", "AKIEC", "BKL", "DF", "VASC")
GROUND_TRUTH_COLUMNS = (*HAM10000_COLUMNS, *(code.upper() for code in CODES if code.upper() not in HAM10000_COLUMNS))
"""The order of the ISIC 2018 ground truth file, which HAM10000's users know."""

README = """# Drawn lesions, no patients

{images} pictures of {lesions} lesions, drawn by Derm's own program from seed {seed}, in the layout of HAM10000.
**No picture shows a person and none was made from a photograph**; ages, sexes and sites are drawn by lot.
The set is for trying the program: a model trained on it has learned drawings, and its results say nothing about skin.

| file | what it is |
| --- | --- |
| `images/<image_id>.jpg` | RGB JPEG, 400 × 300, quality {quality} |
| `masks/<image_id>_segmentation.png` | lesion mask of the same size, 1-bit PNG: 1 = lesion, exact |
| `GroundTruth.csv` | labels one-hot: `image, MEL, NV, BCC, AKIEC, BKL, DF, VASC` |
| `HAM10000_metadata.csv` | `lesion_id, image_id, dx, dx_type, age, sex, localization, dataset` |

About a third of the lesions have two images: split by lesion, never by image.

Images of each diagnosis: {counts}.
"""


class PlannedImage(NamedTuple):
    """One image to draw. dx: code. lesion: its number, 1 to the set's images. view: 0, or 1 for a second image."""

    dx: str
    lesion: int
    view: int


def synthesise(folder: Path, *, images: int, seed: int, progress: Callable[[int, int], None] | None = None) -> None:
    """Draw `images` pictures with masks, labels and metadata into `folder`; the same seed gives the same set.

    Lesion `n` of the set is `draw_lesion(dx, seed * 1_000_000 + n)`. `progress(done, images)` is called after each
    image. The folder is whole or absent, whatever interrupts. Raises `ConfigFault` for fewer than 21 or more than a
    million images, a negative seed or a place without room, `DataFault` for a folder that holds anything.
    """
    if not FEWEST <= images <= MOST:
        raise ConfigFault(
            say(
                "{images} images cannot be drawn: give {fewest} (three of each diagnosis) to {most}.",
                images=images,
                fewest=FEWEST,
                most=MOST,
            )
        )
    if seed < 0:
        raise ConfigFault(
            say(
                "Seed {seed} is negative: give a whole number from 0 on.",
                seed=seed,
            )
        )
    if folder.exists() and not (folder.is_dir() and not any(folder.iterdir())):
        raise DataFault(
            say(
                "“{folder}” exists and is not an empty folder: name a new folder, or empty this one first.",
                folder=folder,
            )
        )

    folder = folder.resolve() if folder.exists() else folder  # a link to an empty folder cannot be removed as one
    with making_folder(folder) as part:
        _draw_set(part, images, seed, progress)
        with contextlib.suppress(FileNotFoundError):
            folder.rmdir()  # where it is there it is empty; not every system renames onto one
        part.rename(folder)


def _draw_set(folder: Path, images: int, seed: int, progress: Callable[[int, int], None] | None) -> None:
    rng = np.random.default_rng(seed)
    plan = _plan(images, rng)
    for number, planned in enumerate(plan, start=1):
        drawn = draw_lesion(planned.dx, seed * MOST + planned.lesion, view=planned.view)
        name = _image_id(number)
        write_bytes(folder / "images" / f"{name}.jpg", _encode(drawn.image, "JPEG", quality=JPEG_QUALITY))
        write_bytes(folder / "masks" / f"{name}_segmentation.png", _encode(drawn.mask, "PNG"))
        if progress is not None:
            progress(number, images)

    metadata = _metadata(plan, rng)
    counts = metadata["dx"].value_counts()
    readme = README.format(
        images=images,
        lesions=metadata["lesion_id"].nunique(),
        seed=seed,
        quality=JPEG_QUALITY,
        counts=" · ".join(f"{dx} {count}" for dx, count in counts.items()),
    )
    write_text(folder / "README.md", readme)
    write_text(folder / "GroundTruth.csv", csv_table(_ground_truth(metadata)))
    write_text(folder / "HAM10000_metadata.csv", csv_table(metadata))


def images_by_diagnosis(images: int) -> dict[str, int]:
    """How many of `images` (at least 21) show each diagnosis.

    Three each, and the rest in proportion to the square root of HAM10000's counts, by largest remainder: nevi lead,
    but the rare ones are not lost in a small set.
    """
    roots = np.sqrt([HAM10000_IMAGES.get(code, 0) for code in CODES])
    exact = (images - FEWEST) * roots / roots.sum()
    counts = np.floor(exact).astype(int)
    largest = np.argsort(counts - exact, kind="stable")[: images - FEWEST - counts.sum()]
    counts[largest] += 1
    return {code: FEWEST_EACH + int(count) for code, count in zip(CODES, counts, strict=True)}


def _plan(images: int, rng: np.random.Generator) -> list[PlannedImage]:
    """Every image of the set in random order; a quarter of the images are second views, so a third of the lesions."""
    plan = []
    numbers = list(rng.permutation(images) + 1)
    for dx, count in images_by_diagnosis(images).items():
        lesions = [int(numbers.pop()) for _ in range(count - count // 4)]
        plan += [PlannedImage(dx, lesion, 0) for lesion in lesions]
        plan += [PlannedImage(dx, lesion, 1) for lesion in lesions[: count // 4]]
    return [plan[index] for index in rng.permutation(len(plan))]


def _metadata(plan: list[PlannedImage], rng: np.random.Generator) -> pd.DataFrame:
    """HAM10000's metadata, one row for each planned image: what is said of a lesion is the same in all its images."""
    diagnoses = {planned.lesion: planned.dx for planned in sorted(plan, key=lambda planned: planned.lesion)}
    people = pd.DataFrame(
        {
            "age": [float(5 * np.clip(round(rng.normal(*AGES[dx]) / 5), 1, 17)) for dx in diagnoses.values()],
            "sex": rng.choice(["male", "female"], len(diagnoses), p=[MALE, 1 - MALE]),
            "localization": [_draw(SITES[dx], rng) for dx in diagnoses.values()],
        },
        index=list(diagnoses),
    )
    people.loc[_some(people.index, UNKNOWN_AGE, rng), "age"] = np.nan
    people.loc[_some(people.index, UNKNOWN_SEX, rng), "sex"] = "unknown"
    people.loc[_some(people.index, UNKNOWN_SITE, rng), "localization"] = "unknown"
    lesions = [planned.lesion for planned in plan]
    return pd.DataFrame(
        {
            "lesion_id": [f"DRAWN_L_{lesion:07d}" for lesion in lesions],
            "image_id": [_image_id(number) for number in range(1, len(plan) + 1)],
            "dx": [planned.dx for planned in plan],
            "dx_type": "drawn",
            **{column: people.loc[lesions, column].to_numpy() for column in people.columns},
            "dataset": "derm_synthetic",
        }
    )


def _ground_truth(metadata: pd.DataFrame) -> pd.DataFrame:
    """The labels one-hot, 1.0 or 0.0, in the ISIC 2018 order of columns."""
    columns = {name: (metadata["dx"] == name.lower()).astype(float) for name in GROUND_TRUTH_COLUMNS}
    return pd.DataFrame({"image": metadata["image_id"], **columns})


def _image_id(number: int) -> str:
    """The id of image `number`, which counts from 1."""
    return f"DRAWN_{number:07d}"


def _draw(shares: Mapping[str, float], rng: np.random.Generator) -> str:
    """One key of `shares`, by lot."""
    return str(rng.choice(list(shares), p=list(shares.values())))


def _some(index: pd.Index, share: float, rng: np.random.Generator) -> NDArray[np.int64]:
    """A random `share` of `index`, at least one."""
    return rng.choice(index.to_numpy(), max(1, round(share * len(index))), replace=False)


def _encode(pixels: NDArray[np.uint8] | NDArray[np.bool_], kind: str, **options: int) -> bytes:
    """`pixels` as the bytes of a JPEG or PNG file; bool pixels make a 1-bit PNG."""
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, kind, **options)
    return stream.getvalue()
