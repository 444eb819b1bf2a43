"""The seven diagnoses of HAM10000: code, name, malignancy, colour.

Every order of classes, columns and bars in Derm comes from `DIAGNOSES`. Colours start from Okabe and
Ito's palette, malignant ones warm, benign ones cool; `ink` is the twin of at least 3 : 1 on white.
"""

from typing import NamedTuple


class Diagnosis(NamedTuple):
    """One of the seven.

    code: HAM10000's `dx`, lower case. name: as in a sentence. malignant: counted in the malignant sum
    (mel, bcc, akiec). colour: sRGB hex for dark backgrounds. ink: sRGB hex, at least 3 : 1 on white.
    """

    code: str
    name: str
    malignant: bool
    colour: str
    ink: str


DIAGNOSES: tuple[Diagnosis, ...] = (
    Diagnosis("akiec", "actinic keratosis or Bowen's disease", True, "#CC79A7", "#B8568C"),
    Diagnosis("bcc", "basal cell carcinoma", True, "#E69F00", "#B37400"),
    Diagnosis("bkl", "benign keratosis", False, "#56B4E9", "#2E86BD"),
    Diagnosis("df", "dermatofibroma", False, "#009E73", "#00855F"),
    Diagnosis("mel", "melanoma", True, "#E8702A", "#C85200"),
    Diagnosis("nv", "melanocytic nevus", False, "#4C9BD6", "#0072B2"),
    Diagnosis("vasc", "vascular lesion", False, "#8F8FD0", "#6F6FB0"),
)

CODES: tuple[str, ...] = tuple(diagnosis.code for diagnosis in DIAGNOSES)
"""The seven codes in output order of every model: alphabetical."""

MALIGNANT: tuple[bool, ...] = tuple(diagnosis.malignant for diagnosis in DIAGNOSES)
"""For each of `CODES`, whether it counts in the malignant sum."""

INDEX: dict[str, int] = {code: index for index, code in enumerate(CODES)}
"""Position of each code in `CODES`."""
