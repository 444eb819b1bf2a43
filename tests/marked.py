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


def write_marked(folder: Path) -> None:
    """Write `PICTURES` drawn pictures: every other one has a bright square, marked as globules; all have network."""
    for name in ("images", "masks", "attributes"):
        (folder / name).mkdir()
    rows = []
    for number in range(PICTURES):
        image_id, code = f"ISIC_9{number:06}", ("nv", "mel", "bkl")[number % 3]
        drawn = draw_lesion(code, number, height=64, width=64)
        image, marks = drawn.image.copy(), np.zeros((64, 64), np.uint8)
        marks[8:56, 8:56] = 1
        if number % 2:
            image[24:40, 24:40] = (250, 250, 60)
            marks[24:40, 24:40] |= 16
        cv2.imwrite(str(folder / "images" / f"{image_id}.jpg"), image[..., ::-1])
        cv2.imwrite(str(folder / "masks" / f"{image_id}_segmentation.png"), drawn.mask.astype(np.uint8) * 255)
        cv2.imwrite(str(folder / "attributes" / f"{image_id}.png"), marks)
        shown = {key: int(key == "pigment_network" or (key == "globules" and number % 2)) for key in KEYS}
        rows.append({"image_id": image_id, "dx": code, "age": 50, "sex": "female", "mask_share": 0.3, **shown})
    pd.DataFrame(rows).to_csv(folder / "metadata.csv", index=False)
