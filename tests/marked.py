"""A drawn folder with marks in the layout of ISIC 2018 Task 2.

Needs an empty folder to write into.
"""

from pathlib import Path

import cv2
import numpy as np
import pandas as pd

from derm.data.synthetic.lesion import draw_lesion
from derm.structures.table import KEYS

PICTURES = 30


def write_marked(folder: Path, *, mixed: bool = False) -> None:
    """Write `PICTURES` drawn pictures: every other one has a bright square, marked as globules; all have network.

    mixed: besides, each of the other structures is marked in some by lot, and network is in some alone.
    """
    lot = np.random.default_rng(3)
    for name in ("images", "masks", "attributes"):
        (folder / name).mkdir()
    rows = []
    for number in range(PICTURES):
        image_id, code = f"ISIC_9{number:06}", ("nv", "mel", "bkl")[number % 3]
        drawn = draw_lesion(code, number, height=64, width=64)
        image, marks = drawn.image.copy(), np.zeros((64, 64), np.uint8)
        marks[8:56, 8:56] = 1
        shown = {key: int(key == "pigment_network" or (key == "globules" and number % 2)) for key in KEYS}
        if mixed:
            shown |= {key: int(lot.random() < 0.5) for key in KEYS if key != "globules"}
            marks[:] = 0
            for bit, key in enumerate(KEYS):
                marks[8:56, 8:56] |= shown[key] << bit if key != "globules" else 0
        if number % 2:
            image[24:40, 24:40] = (250, 250, 60)
            marks[24:40, 24:40] |= 16
        cv2.imwrite(str(folder / "images" / f"{image_id}.jpg"), image[..., ::-1])
        cv2.imwrite(str(folder / "masks" / f"{image_id}_segmentation.png"), drawn.mask.astype(np.uint8) * 255)
        cv2.imwrite(str(folder / "attributes" / f"{image_id}.png"), marks)
        rows.append({"image_id": image_id, "dx": code, "age": 50, "sex": "female", "mask_share": 0.3, **shown})
    pd.DataFrame(rows).to_csv(folder / "metadata.csv", index=False)
