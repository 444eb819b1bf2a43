#!/usr/bin/env python3
"""How often each doubt is raised by real pictures, and by faults made on purpose; tables for docs/doubts.md.

Needs data folders such as HAM10000's and weights. It asks about a few hundred pictures of the validation part and makes
the faults of them in memory. Nothing is written but the tables, to the terminal.

    python tools/measure_doubts.py --data HAM10000 --data ISIC2018_T1
"""

import argparse
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from derm.data.catalogue import read_data
from derm.data.split import split_catalogue
from derm.image.decode import open_image, read_mask
from derm.image.quality import share_at_edge
from derm.metrics.decision import clopper_pearson
from derm.model.weights import Model, default_weights, load_weights
from derm.predict.case import diagnose
from derm.predict.doubts import Doubt, doubts_of

Picture = NDArray[np.uint8]
Fault = Callable[[list[Picture], np.random.Generator], Picture]

SEED = 11

TRULY = {"True outline on the border by 20 %": 0.2, "By 10 to 20 %": 0.1, "By less": 0.0}
"""Names of the groups of `edge_rates`, and the least share of the true outline's length on the border."""

LOST = (0.1, 0.2, 0.3, 0.4)
"""Shares of a lesion's area that are cut off."""


def contact_sheet(rows: int, columns: int, gap: int) -> Fault:
    """`rows` × `columns` pictures of 260 × 200 pixels with `gap` white pixels between them."""

    def make(pictures: list[Picture], random: np.random.Generator) -> Picture:
        tiles = [
            [cv2.resize(pictures[random.integers(len(pictures))], (260, 200)) for _ in range(columns)]
            for _ in range(rows)
        ]
        padded = [
            [cv2.copyMakeBorder(tile, 0, gap, 0, gap, cv2.BORDER_CONSTANT, value=(255,) * 3) for tile in row]
            for row in tiles
        ]
        return np.vstack([np.hstack(row) for row in padded])

    return make


def screenshot(share: float, *, dark: bool) -> Fault:
    """A window of 1440 × 900 pixels with bars and text, of which a picture fills `share`."""

    def make(pictures: list[Picture], random: np.random.Generator) -> Picture:
        ground, ink, bar = ((30,) * 3, (220,) * 3, (52,) * 3) if dark else ((250,) * 3, (40,) * 3, (226,) * 3)
        page = np.full((900, 1440, 3), ground, dtype=np.uint8)
        page[:70] = bar
        for row in range(120, 880, 50):
            cv2.putText(page, "Patient record", (20, row), cv2.FONT_HERSHEY_SIMPLEX, 0.6, ink, 1, cv2.LINE_AA)
        height = min(int(np.sqrt(share * 900 * 1440 * 0.75)), 810)
        width = min(int(height / 0.75), 1200)
        page[80 : 80 + height, 1430 - width : 1430] = cv2.resize(one(pictures, random), (width, height))
        return page

    return make


def exposed(stops: int) -> Fault:
    """The picture exposed by `stops` more, in linear light, clipped."""

    def make(pictures: list[Picture], random: np.random.Generator) -> Picture:
        value = one(pictures, random) / 255
        linear = np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4) * 2.0**stops
        linear = np.clip(linear, 0, 1)
        again = np.where(linear <= 0.0031308, linear * 12.92, 1.055 * linear ** (1 / 2.4) - 0.055)
        return np.rint(255 * again).astype(np.uint8)

    return make


def blurred(share: float) -> Fault:
    """The picture under a Gaussian blur whose deviation is `share` of its width."""

    def make(pictures: list[Picture], random: np.random.Generator) -> Picture:
        picture = one(pictures, random)
        return np.asarray(cv2.GaussianBlur(picture, (0, 0), share * picture.shape[1]), dtype=np.uint8)

    return make


def one(pictures: list[Picture], random: np.random.Generator) -> Picture:
    """One of the pictures, by lot."""
    return pictures[random.integers(len(pictures))]


FAULTS: dict[str, tuple[set[Doubt], Fault]] = {
    "Two pictures, no gap": ({Doubt.SEVERAL_PICTURES, Doubt.SCREENSHOT}, contact_sheet(1, 2, 0)),
    "2 × 2 pictures, no gap": ({Doubt.SEVERAL_PICTURES, Doubt.SCREENSHOT}, contact_sheet(2, 2, 0)),
    "5 × 6 pictures, white gaps": ({Doubt.SEVERAL_PICTURES, Doubt.SCREENSHOT}, contact_sheet(5, 6, 8)),
    "Light window, 45 % picture": ({Doubt.SCREENSHOT}, screenshot(0.45, dark=False)),
    "Light window, 75 % picture": ({Doubt.SCREENSHOT}, screenshot(0.75, dark=False)),
    "Dark window, 45 % picture": ({Doubt.SCREENSHOT}, screenshot(0.45, dark=True)),
    "Exposed by +2 stops": ({Doubt.OVEREXPOSED, Doubt.BURNT_OUT}, exposed(2)),
    "Exposed by +3 stops": ({Doubt.BURNT_OUT}, exposed(3)),
    "Exposed by −3 stops": ({Doubt.UNDEREXPOSED, Doubt.TOO_DARK}, exposed(-3)),
    "Exposed by −5 stops": ({Doubt.TOO_DARK}, exposed(-5)),
    "Blurred by 0.5 % of the width": ({Doubt.BLURRED}, blurred(0.005)),
    "Blurred by 1 % of the width": ({Doubt.BLURRED}, blurred(0.01)),
}
"""By name: the doubts of which one must be raised, and how the fault is made."""


def main() -> None:
    """Print both tables, source by source."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--data", type=Path, action="append", required=True, help="a data folder; may be given again")
    parser.add_argument("--weights", type=Path, default=None, help="the shipped ones unless given")
    parser.add_argument("--images", type=int, default=250, help="pictures of each source")
    parser.add_argument("--faulty", type=int, default=40, help="pictures made for each fault and source; 0 for none")
    asked = parser.parse_args()
    model = load_weights(asked.weights or default_weights())
    for folder in asked.data:
        pictures = list(validation_pictures(folder, asked.images))
        print(f"\n{folder.name}: {len(pictures)} pictures of the validation part\n")
        for row in [*real_rates(model, pictures), *fault_rates(model, pictures, asked.faulty)]:
            print(row)
        for row in edge_rates(model, folder, asked.images):
            print(row)


def validation_pictures(folder: Path, count: int) -> Iterator[Picture]:
    """Up to `count` pictures of the validation part, drawn by lot, uint8 (H, W, 3) RGB."""
    for path in validation_rows(folder, count)["image_path"]:
        yield open_image(Path(path))


def validation_rows(folder: Path, count: int) -> pd.DataFrame:
    """Up to `count` rows of the validation part, drawn by lot."""
    catalogue = read_data([folder])
    rows = np.random.default_rng(SEED).permutation(split_catalogue(catalogue).rows("validation"))[:count]
    return catalogue.table.iloc[rows]


def real_rates(model: Model, pictures: list[Picture]) -> Iterator[str]:
    """A line for each doubt: how often it is raised of real pictures."""
    found = [doubts_of(diagnose(model, picture, "real")) for picture in pictures]
    for doubt in Doubt:
        yield line(f"{doubt.value}{' (blocks)' if doubt.blocks else ''}", [doubt in one for one in found])


def fault_rates(model: Model, pictures: list[Picture], count: int) -> Iterator[str]:
    """A line for each fault, made `count` times: how often one of its doubts is raised."""
    for name, (wanted, make) in FAULTS.items() if count else ():
        random = np.random.default_rng(SEED)
        cases = (diagnose(model, make(pictures, random), "fault") for _ in range(count))
        yield line(name, [bool(wanted & set(doubts_of(case))) for case in cases])


def edge_rates(model: Model, folder: Path, count: int) -> Iterator[str]:
    """How often `cut_by_edge` is raised by what the true outline has on the border, and of lesions cut on purpose.

    A lesion that lies free is cut by a side drawn by lot, so that the share of `LOST` of its area is gone.
    """
    by_truth: dict[str, list[bool]] = {name: [] for name in TRULY}
    by_loss: dict[float, list[bool]] = {lost: [] for lost in LOST}
    random = np.random.default_rng(SEED)
    for image_path, mask_path in validation_rows(folder, count)[["image_path", "mask_path"]].itertuples(index=False):
        if not mask_path:
            continue
        picture, truth = open_image(Path(image_path)), read_mask(Path(mask_path))
        share = share_at_edge(truth)
        name = next(name for name, least in TRULY.items() if share >= least)
        by_truth[name].append(is_cut(model, picture))
        if share == 0 and truth.any():
            lost, side = LOST[random.integers(len(LOST))], random.integers(4)
            turned, across = np.rot90(picture, side), np.rot90(truth, side).sum(axis=0).cumsum()
            begin = int(np.searchsorted(across, lost * across[-1]))
            by_loss[lost].append(is_cut(model, np.ascontiguousarray(turned[:, begin:])))
    found = by_truth | {f"Cut, {lost:.0%} of its area gone": raised for lost, raised in by_loss.items()}
    for name, raised in found.items():
        if raised:
            yield line(f"{name} ({len(raised)})", raised)


def is_cut(model: Model, picture: Picture) -> bool:
    """Whether the lesion is called cut by the edge."""
    return Doubt.CUT_BY_EDGE in doubts_of(diagnose(model, picture, "edge"))


def line(name: str, raised: list[bool]) -> str:
    """A row of a table in Markdown: name, share, and its 95 % interval (Clopper and Pearson)."""
    low, high = clopper_pearson(sum(raised), len(raised), one_sided=0.975)
    return f"| {name} | {np.mean(raised):.1%} | {float(low):.1%} … {float(high):.1%} |"


if __name__ == "__main__":
    main()
