#!/usr/bin/env python3
"""How far apart two pictures of an unchanged lesion are by `derm compare-visits`; tables for docs/follow-up.md.

Needs data folders such as HAM10000's and weights. It takes pictures of the validation part again in memory (turned,
from nearer or farther, in other light, compressed anew), pairs of pictures that HAM10000 has of one lesion, and pairs
of different lesions. Nothing is written but the tables, to the terminal.

    python tools/measure_follow_up.py --data HAM10000 --data ISIC2018_T1
"""

import argparse
from collections import Counter
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from derm.compare.follow_up import FollowUp, follow_up
from derm.data.catalogue import read_data
from derm.data.split import split_catalogue
from derm.errors import NotRegistered
from derm.image.decode import open_image
from derm.metrics.decision import clopper_pearson
from derm.model.weights import Model, default_weights, load_weights
from derm.predict.case import Case, diagnose

SEED = 5

Picture = NDArray[np.uint8]


class Retake(NamedTuple):
    """How a picture is taken again: turned by up to `angle` degrees, from up to `zoom` times as near or far, moved by
    up to `shift` of the side, with red and blue up to `warm` apart, brighter or darker by up to `light`, with light
    falling off by up to `aslant`, blurred by up to `blur` of the width."""

    angle: float
    zoom: float
    shift: float
    warm: float
    light: float
    aslant: float
    blur: float


RETAKES = {
    "same day: 15°, 10 % nearer, light ±10 %": Retake(15, 1.1, 0.04, 0.03, 0.10, 0.1, 0.001),
    "another day: any turn, 25 % nearer, light ±25 %": Retake(180, 1.25, 0.06, 0.10, 0.25, 0.2, 0.002),
}


def retaken(image: Picture, how: Retake, random: np.random.Generator) -> tuple[Picture, float]:
    """The picture taken again, its border repeated where it ends, and by what it was scaled."""
    height, width = image.shape[:2]
    zoom = float(np.exp(random.uniform(-1, 1) * np.log(how.zoom)))
    angle = random.uniform(-how.angle, how.angle)
    matrix = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), angle, zoom)
    matrix[:, 2] += random.uniform(-how.shift, how.shift, 2) * (width, height)
    moved = cv2.warpAffine(image, matrix, (width, height), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT_101)
    value = (np.asarray(moved, np.float32) / 255) ** 2.2
    warm = random.uniform(-how.warm, how.warm)
    gains = np.exp(np.array([warm, 0, -warm]) + random.uniform(-how.light, how.light))
    place, turn = np.linspace(-0.5, 0.5, max(height, width)), random.uniform(0, 2 * np.pi)
    slope = 1 + how.aslant * (place[:height, None] * np.sin(turn) + place[None, :width] * np.cos(turn))
    lit = np.clip(value * gains * slope[..., None], 0, 1) ** (1 / 2.2)
    soft = cv2.GaussianBlur(lit.astype(np.float32), (0, 0), max(0.01, random.uniform(0, how.blur) * width))
    noisy = soft * 255 + random.normal(0, 2, soft.shape)
    _, code = cv2.imencode(".jpg", np.clip(noisy, 0, 255).astype(np.uint8)[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 85])
    return np.ascontiguousarray(cv2.imdecode(code, cv2.IMREAD_COLOR)[..., ::-1]), zoom


def main() -> None:
    """Print the tables, source by source."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--data", type=Path, action="append", required=True, help="a data folder; may be given again")
    parser.add_argument("--weights", type=Path, default=None, help="the shipped ones unless given")
    parser.add_argument("--images", type=int, default=200, help="pictures of each source")
    asked = parser.parse_args()
    model = load_weights(asked.weights or default_weights())
    for folder in asked.data:
        catalogue = read_data([folder])
        split = split_catalogue(catalogue)
        table = catalogue.table.assign(lesion=split.lesions)
        own = table.iloc[split.rows("validation")]
        drawn = (
            own.groupby("lesion", sort=True)
            .first()
            .sample(min(asked.images, own["lesion"].nunique()), random_state=SEED)
        )
        cases = [diagnose(model, open_image(Path(path)), "first") for path in drawn["image_path"]]
        for name, how in RETAKES.items():
            say(f"{folder.name}, {name}", retake_rows(model, cases, how))
        say(
            f"{folder.name}, different lesions",
            [tried(one, two) for one, two in zip(cases, [*cases[1:], cases[0]], strict=True)],
        )
        if pairs := pairs_of(own, asked.images):
            rows = [tried(*(diagnose(model, open_image(Path(path)), "visit") for path in pair)) for pair in pairs]
            say(f"{folder.name}, two pictures of one lesion", rows)


def pairs_of(table: pd.DataFrame, most: int) -> list[tuple[str, str]]:
    """Two pictures each of lesions that have several."""
    groups = [list(group["image_path"]) for _, group in table.groupby("lesion", sort=True) if len(group) > 1]
    random = np.random.default_rng(SEED)
    return [(groups[place][0], groups[place][1]) for place in random.permutation(len(groups))[:most]]


def retake_rows(model: Model, cases: list[Case], how: Retake) -> list[FollowUp | str]:
    """What is found between each case and its picture taken again."""
    random = np.random.default_rng(SEED)
    found = []
    for case in cases:
        picture, zoom = retaken(case.image, how, random)
        one = tried(case, diagnose(model, picture, "again"))
        if isinstance(one, FollowUp):
            SCALES.append(abs(np.log(one.registration.scale * zoom)))
        found.append(one)
    return found


SCALES: list[float] = []
"""Errors of the scale that was found, as logarithms, of retakes since the last table."""


def tried(first: Case, second: Case) -> FollowUp | str:
    """What has changed, or the sentence that refuses."""
    try:
        return follow_up(first, second)
    except NotRegistered as refused:
        return str(refused)


def say(name: str, rows: list[FollowUp | str]) -> None:
    """A table: how many fit, and what 95 of 100 of them stay within."""
    fit = [one for one in rows if isinstance(one, FollowUp)]
    low, high = clopper_pearson(len(fit), len(rows), one_sided=0.975)
    print(f"\n{name}: {len(fit)} of {len(rows)} fit ({len(fit) / len(rows):.1%}, {float(low):.1%} … {float(high):.1%})")
    reasons = Counter(" ".join(one.split()[:3]) for one in rows if isinstance(one, str))
    print("  refused:", dict(reasons.most_common()))
    if not fit:
        return
    figures = {
        "area, %": [100 * abs(np.log(one.area_ratio)) for one in fit],
        "diameter, %": [100 * abs(np.log(one.diameter_ratio)) for one in fit],
        "lightness": [abs(one.lighter) for one in fit],
        "colour": [one.colour for one in fit],
        "residual, ‰": [1000 * one.registration.residual / max(one.first.mask.shape) for one in fit],
    }
    if SCALES:
        figures["scale, %"] = [100 * error for error in SCALES]
        SCALES.clear()
    for label, values in figures.items():
        half, most = np.nanpercentile(values, (50, 95))
        print(f"| {label} | median {half:.1f} | 95 of 100 within {most:.1f} |")
    some = sum(bool(one.structures) for one in fit)
    low, high = clopper_pearson(some, len(fit), one_sided=0.975)
    print(f"| new structures | {some} of {len(fit)} | {float(low):.1%} … {float(high):.1%} |")
    likeness = np.percentile([one.registration.likeness for one in fit], (0, 5, 50))
    matches = min(one.registration.matches for one in fit)
    print(f"  likeness least, 5 %, median: {likeness.round(2)}; matches least: {matches}")


if __name__ == "__main__":
    main()
