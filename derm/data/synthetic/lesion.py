"""Dermoscopic lesions drawn by rule, with their exact masks: for tests, tours and the app's sample picture.

Needs a diagnosis, a seed and a size. Knows nothing about patients: no pixel comes from a photograph, and
a model trained on drawings has learned drawings.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from derm.diagnoses import CODES, INDEX
from derm.errors import ConfigFault
from derm.language.speech import say

Plane = NDArray[np.floating[Any]]
"""One value for each pixel, float32 or float64, (height, width)."""
Stack = NDArray[np.floating[Any]]
"""Several values for each pixel, float32 or float64, (height, width, channels)."""
Colour = tuple[int, int, int]
"""sRGB, 0–255."""

MELANIN = np.array([0.60, 0.95, 1.25], np.float32)
"""Absorbance of one unit of melanin in R, G, B: brown, because blue is absorbed most."""
BLOOD = np.array([0.16, 1.05, 0.78], np.float32)
"""Absorbance of one unit of blood in R, G, B: red, because green is absorbed most."""
ANGLES = 4096
"""Directions at which an outline's radius is tabulated: steps of 0.2 pixel on a lesion 150 pixels in radius."""
FRACTION = 4
"""Binary digits after the point in the coordinates that cv2 draws with."""
SMALLEST_SIDE = 64
"""Pixels; below, network and dots cannot be told apart."""


class DrawnLesion(NamedTuple):
    """One drawing.

    image: uint8 RGB (height, width, 3). mask: bool (height, width), true where the painted outline lies, one
    connected piece, also below hairs and ruler. dx: code of the diagnosis that it depicts.
    """

    image: NDArray[np.uint8]
    mask: NDArray[np.bool_]
    dx: str


class LesionStyle(NamedTuple):
    """What sets one diagnosis apart.

    paint: lays pigment, blood and veils on a sheet. rough: deviation of the outline's log radius. waves: highest
    Fourier order of the outline. stretch: largest log ratio of length to breadth. edge: half width of
    the border's transition, in 1/300 of the picture's short side.
    """

    paint: Callable[["Sheet"], None]
    rough: float
    waves: int
    stretch: float
    edge: float


class Pose(NamedTuple):
    """Where a lesion lies in its picture: centre x, y in pixels, turn in radians, zoom as a factor."""

    x: float
    y: float
    turn: float
    zoom: float


def draw_lesion(
    dx: str, seed: int, *, height: int = 300, width: int = 400, view: int = 0, look: LesionStyle | None = None
) -> DrawnLesion:
    """Draw a lesion of diagnosis `dx`: the same arguments give the same pixels.

    `seed` (≥ 0) fixes the lesion and the skin's tone; `view` (≥ 0) fixes how it is photographed: two views of one
    seed show one lesion, turned, shifted, lit and haired differently. `height` and `width` are pixels, at least 64.
    `look` is another one than that of `LOOKS`.
    The mask takes about 0.08 to 0.55 of a picture with sides up to 4 : 3, less of a longer one.

    Light is absorbed by melanin and blood (Beer–Lambert) and scattered back by veils, so skin shines through
    the lesion. What is drawn follows the criteria of Kittler et al., "Standardization of terminology in
    dermoscopy", J Am Acad Dermatol 74:1093 (2016). Raises `ConfigFault` for an unknown `dx`, a negative number or a
    side that is too small.
    """
    if dx not in LOOKS:
        raise ConfigFault(
            say(
                "“{dx}” is no diagnosis that Derm can draw: give one of {codes}.",
                dx=dx,
                codes=", ".join(CODES),
            )
        )
    if min(seed, view) < 0:
        raise ConfigFault(
            say(
                "Seed {seed} and view {view} must not be negative: give whole numbers from 0 on.",
                seed=seed,
                view=view,
            )
        )
    if min(height, width) < SMALLEST_SIDE:
        raise ConfigFault(
            say(
                "A drawing of {width} × {height} is too small: give at least {least} pixels a side.",
                width=width,
                height=height,
                least=SMALLEST_SIDE,
            )
        )
    look = look or LOOKS[dx]
    person = np.random.default_rng([0, INDEX[dx], seed])
    scene = np.random.default_rng([view + 1, INDEX[dx], seed])
    short = min(height, width)
    unit = short / 300

    share = float(np.exp(person.uniform(*np.log([0.11, 0.45]))))
    radii = _outline(person, look, area=share * short * min(max(height, width), 4 / 3 * short))
    skin_tone, flush = 0.06 + 1.3 * person.beta(0.9, 3.2), person.uniform(0.10, 0.30)
    sheet = _blank_sheet(person, radii, unit)
    look.paint(sheet)

    pose = _pose(scene, radii, height, width)
    inside = _inside(radii, pose, height, width)
    within = step(0.5 + inside / (2 * look.edge * unit))
    pigment, veil = _place(sheet, pose, height, width)

    skin_melanin, skin_blood = _skin(scene, skin_tone, flush, (height, width), unit)
    melanin = skin_melanin + within * pigment[..., 0]
    blood = skin_blood + within * pigment[..., 1]
    cover = within[..., None] * veil
    seen = np.exp(-(melanin[..., None] * MELANIN + blood[..., None] * BLOOD))
    shade = np.exp(-0.7 * skin_tone * MELANIN)  # white structures are dimmer in dark skin
    seen = seen * (1 - cover[..., 3:]) + cover[..., :3] * shade
    seen = _lay_on(scene, seen, unit)
    image = _photograph(scene, seen, unit)
    return DrawnLesion(image, inside >= 0, dx)


def _noise(rng: np.random.Generator, shape: tuple[int, ...], period: float) -> Plane:
    """Smooth noise without direction, about N(0, 1); `period` is the distance of its hills in pixels."""
    cell = max(period / 4, 1.0)
    rows, columns = (int(side / cell) + 8 for side in shape)
    coarse: Plane = np.asarray(
        cv2.GaussianBlur(rng.standard_normal((rows, columns), np.float32), (0, 0), period / cell / 3.2)
    )
    coarse /= coarse.std() + 1e-6
    grown = cv2.resize(coarse, None, fx=cell, fy=cell, interpolation=cv2.INTER_CUBIC)
    start = int(3 * cell)
    return np.ascontiguousarray(grown[start : start + shape[0], start : start + shape[1]])


def step(x: Plane) -> Plane:
    """From 0 to 1 without a corner, as x goes from 0 to 1."""
    x = np.clip(x, 0, 1)
    return x * x * (3 - 2 * x)


def _ridges(field: Plane, breadth: float) -> Plane:
    """1 along the winding lines where a noise field crosses zero, falling to 0 beside them."""
    lines: Plane = np.exp(-np.square(field / breadth))
    return lines


# ---- the lesion: an outline, and a sheet on which its inside is painted -------------------------------------


def _outline(rng: np.random.Generator, look: LesionStyle, area: float) -> NDArray[np.float32]:
    """Radius in pixels for each of `ANGLES` directions: a smooth closed curve of `area` square pixels.

    The logarithm of the radius is a Fourier series with falling amplitudes, so the curve never crosses itself.
    """
    phi = np.arange(ANGLES) * (2 * np.pi / ANGLES)
    order = np.arange(2, look.waves + 1)[:, None]
    size = rng.normal(0, 1, order.shape) / order**1.5
    waves = (size * np.cos(order * phi + rng.uniform(0, 2 * np.pi, order.shape))).sum(axis=0)
    log_radius = look.rough * waves / waves.std() + rng.uniform(0, look.stretch) / 2 * np.cos(2 * phi)
    radii = np.exp(log_radius)
    scaled: NDArray[np.float32] = (radii * np.sqrt(area / (np.pi * np.square(radii).mean()))).astype(np.float32)
    return scaled


def _towards(radii: NDArray[np.float32], angle: Plane) -> Plane:
    """The outline's radius in each direction of `angle` (radians)."""
    radius: Plane = radii[np.floor(angle * (ANGLES / (2 * np.pi))).astype(np.int32) % ANGLES]
    return radius


@dataclass
class Sheet:
    """A square on which one lesion is painted around its centre, before it is put into a picture.

    x, y: pixels from the centre. angle: radians. depth: 0 at the centre, 1 on the outline, above 1 outside.
    radii: the outline. unit: pixels in 1/300 of the picture's short side; all lengths below are in units.
    melanin, blood: amounts above those of the skin. veil: what scatters light back, RGBA premultiplied, 0–1.
    """

    rng: np.random.Generator
    x: Plane
    y: Plane
    angle: Plane
    depth: Plane
    radii: NDArray[np.float32]
    unit: float
    melanin: Plane
    blood: Plane
    veil: Stack

    def grain(self, period: float) -> Plane:
        """Smooth noise, about N(0, 1), with hills `period` apart."""
        return _noise(self.rng, self.depth.shape, period * self.unit)

    def cover(self, colour: Colour, share: Plane) -> None:
        """Lay `colour` over everything so far, `share` 0–1."""
        share = np.clip(share, 0, 1)[..., None]
        layer = np.array([*colour, 255], np.float32) / 255
        self.veil = self.veil * (1 - share) + layer * share

    def rim(self, start: float, end: float) -> Plane:
        """0 up to depth `start`, 1 from depth `end`."""
        return step((self.depth - start) / (end - start))

    def network(self, cell: float) -> Plane:
        """A pigment network, 0 in its holes and 1 on its lines: a honeycomb with meshes of `cell`, bent by noise."""
        bend = 0.35 * cell * self.unit
        x, y = self.x + bend * self.grain(2.6 * cell), self.y + bend * self.grain(2.6 * cell)
        wave = 4 * np.pi / (np.sqrt(3) * cell * self.unit)
        turns = self.rng.uniform(0, np.pi) + np.pi / 3 * np.arange(3)
        holes = np.sum([np.cos(wave * (np.cos(turn) * x + np.sin(turn) * y)) for turn in turns], axis=0)
        return 1 - step((holes + 1.6 + 0.3 * self.grain(2 * cell)) / 2.4)

    def places(self, count: int, near: float, far: float) -> NDArray[np.float64]:
        """`count` random points (count, 2) x, y in pixels of the sheet, between depths `near` and `far`."""
        angle = self.rng.uniform(0, 2 * np.pi, count)
        depth = np.sqrt(self.rng.uniform(near**2, far**2, count)) * _towards(self.radii, angle)
        centre = self.depth.shape[0] / 2
        return np.stack([centre + depth * np.cos(angle), centre + depth * np.sin(angle)], axis=1)

    def spots(self, count: int, small: float, large: float, *, near: float = 0.0, far: float = 0.9) -> Plane:
        """Coverage 0–1 by `count` ovals with half axes from `small` to `large`, between two depths."""
        drawn = np.zeros(self.depth.shape, np.uint8)
        for x, y in self.places(count, near, far):
            size = self.rng.uniform(small, large) * self.unit
            axes = np.array([size, size * self.rng.uniform(0.6, 1.0)])
            turn = self.rng.uniform(0, 180)
            cv2.ellipse(drawn, _fixed((x, y)), _fixed(axes), turn, 0, 360, 255, cv2.FILLED, cv2.LINE_AA, FRACTION)
        return drawn.astype(np.float32) / 255

    def soften(self, plane: Plane, reach: float) -> Plane:
        """`plane` blurred by `reach`."""
        blurred: Plane = np.asarray(cv2.GaussianBlur(plane, (0, 0), reach * self.unit))
        return blurred


def _fixed(point: tuple[float, float] | NDArray[np.float64]) -> tuple[int, int]:
    """`point` in cv2's fixed-point coordinates."""
    return round(float(point[0]) * 2**FRACTION), round(float(point[1]) * 2**FRACTION)


def _blank_sheet(rng: np.random.Generator, radii: NDArray[np.float32], unit: float) -> Sheet:
    """An empty sheet large enough for the outline and its soft border."""
    half = int(radii.max() + 30 * unit)
    y, x = (np.mgrid[-half:half, -half:half] + 0.5).astype(np.float32)
    angle = np.arctan2(y, x)
    shape = angle.shape
    return Sheet(
        rng=rng,
        x=x,
        y=y,
        angle=angle,
        depth=np.hypot(x, y) / _towards(radii, angle),
        radii=radii,
        unit=unit,
        melanin=np.zeros(shape, np.float32),
        blood=np.zeros(shape, np.float32),
        veil=np.zeros((*shape, 4), np.float32),
    )


# ---- the seven looks ------------------------------------------------------------------------------------------


def _paint_nevus(sheet: Sheet) -> None:
    """Nevus: one brown in a regular network that thins out towards the border; some have globules."""
    rng = sheet.rng
    tone = rng.uniform(0.50, 1.05)
    network, globules = rng.uniform(0.45, 0.85), rng.random() < 0.3
    lines = sheet.network(rng.uniform(7, 10))
    sheet.melanin += tone * (0.75 + 0.09 * sheet.grain(45) + 0.06 * sheet.grain(5))
    sheet.melanin += tone * network * lines * np.clip(0.9 + 0.35 * sheet.grain(40), 0, None)
    sheet.melanin += tone * rng.uniform(0.0, 0.8) * (1 - sheet.rim(0.0, 0.7))
    if globules:
        sheet.melanin += 0.9 * tone * sheet.soften(sheet.spots(90, 1.5, 3.2, near=0.2, far=0.92), 0.7)
    sheet.melanin *= 1 - 0.55 * sheet.rim(0.55, 1.05)
    sheet.blood += rng.uniform(-0.06, 0.10)


def _paint_melanoma(sheet: Sheet) -> None:
    """Melanoma: light brown to black without symmetry, under a blue-white veil off the middle.

    Broken network, streaks at the border of the darker side, black dots, red and white (regressed) areas.
    """
    rng = sheet.rng
    radius = float(sheet.radii.mean())
    turn = rng.uniform(0, 2 * np.pi)
    across = (np.cos(turn) * sheet.x + np.sin(turn) * sheet.y) / radius
    patches = 0.55 * sheet.grain(75) + 0.25 * sheet.grain(28)
    sheet.melanin += np.clip(1.15 + 0.55 * across + patches, 0.30, 2.6)
    broken = step(0.6 + 0.8 * sheet.grain(50)) * _ridges(sheet.grain(16), 0.5)
    sheet.melanin += 0.55 * broken + 0.10 * sheet.grain(4)
    streaks = np.cos(rng.integers(38, 60) * sheet.angle + 1.6 * sheet.grain(40))
    sheet.melanin += 0.9 * step(streaks) * sheet.rim(0.72, 0.95) * step(0.6 + across)
    sheet.blood += 0.55 * step(0.8 * (sheet.grain(80) - 0.4))
    scars = step(0.7 * (sheet.grain(55) - 1.0))
    sheet.cover((226, 198, 196), 0.6 * scars * (1 - sheet.rim(0.6, 0.9)))
    middle = 0.35 * radius * np.array([np.cos(turn + 0.6), np.sin(turn + 0.6)])
    distance = np.hypot(sheet.x - middle[0], sheet.y - middle[1]) / radius
    veil = step(1.5 - 2.1 * distance + 0.30 * sheet.grain(35))
    sheet.cover((112, 124, 158), rng.uniform(0.50, 0.75) * veil * (0.85 + 0.15 * sheet.grain(12)))
    dots = sheet.spots(int(rng.integers(25, 55)), 1.0, 3.2, near=0.35, far=0.97)
    sheet.cover((30, 20, 22), 0.85 * sheet.soften(dots, 0.6))


def _paint_carcinoma(sheet: Sheet) -> None:
    """Basal cell carcinoma: pearly pink, with sharp red vessels that branch like trees.

    Blue-grey ovoid nests and dots lie below the vessels; some have a small ulcer.
    """
    rng = sheet.rng
    sheet.blood += 0.68 + 0.12 * sheet.grain(40)
    sheet.melanin += 0.06
    sheet.cover((240, 208, 212), 0.42 + 0.16 * sheet.grain(30))
    sheet.cover((255, 246, 246), 0.5 * step(0.8 * sheet.grain(14) - 0.9))
    nests = sheet.soften(sheet.spots(int(rng.integers(4, 12)), 5, 13, near=0.15, far=0.85), 2.0)
    sheet.cover((84, 88, 116), 0.80 * nests * (0.9 + 0.15 * sheet.grain(8)))
    sheet.cover((96, 84, 100), 0.7 * sheet.soften(sheet.spots(int(rng.integers(5, 25)), 1, 2.2), 0.7))
    sheet.cover((196, 48, 66), 0.75 * _vessels(sheet, trees=int(rng.integers(3, 6))))
    if rng.random() < 0.3:
        ulcer = sheet.soften(sheet.spots(1, 9, 15, far=0.4), 2.5)
        sheet.cover((150, 62, 40), 0.8 * ulcer * step(0.9 + 0.5 * sheet.grain(6)))


def _paint_keratosis(sheet: Sheet) -> None:
    """Actinic keratosis: ill-defined, red and scaly, in a strawberry pattern.

    A red net between pale hair follicles, patches of white scale and some yellow crust on top.
    """
    rng = sheet.rng
    follicles = np.ones(sheet.depth.shape, np.uint8)
    for x, y in sheet.places(int(rng.integers(90, 150)), 0.0, 1.05):
        follicles[int(y), int(x)] = 0
    away: Plane = np.asarray(cv2.distanceTransform(follicles, cv2.DIST_L2, 5), dtype=np.float32) / sheet.unit
    net = step((away - 2.2) / 3.0)
    redness = 0.16 + 0.34 * net + 0.14 * sheet.grain(35) + 0.07 * sheet.grain(5)
    sheet.blood += np.clip(redness, 0, None) * (1 - 0.5 * sheet.rim(0.6, 1.0))
    sheet.melanin += np.clip(0.20 + 0.12 * sheet.grain(40) + 0.04 * sheet.grain(5), 0, None)
    sheet.cover((238, 206, 178), 0.60 * (1 - step((away - 0.9) / 1.8)))
    flakes = step(0.9 * (sheet.grain(30) - 0.2)) * step(0.5 + 0.9 * sheet.grain(5) + 0.5 * sheet.grain(11))
    sheet.cover((246, 238, 226), 0.80 * flakes * (1 - sheet.rim(0.7, 1.0)))
    sheet.cover((200, 150, 92), 0.55 * step(1.5 * (sheet.grain(24) - 1.5)) * step(1 + 0.8 * sheet.grain(5)))


def _paint_benign_keratosis(sheet: Sheet) -> None:
    """Benign (seborrhoeic) keratosis: waxy tan with a sharp border, as if stuck on.

    White milia-like cysts, dark comedo-like openings, winding ridges and furrows.
    """
    rng = sheet.rng
    tone = rng.uniform(0.35, 0.75)
    sheet.melanin += tone * (1 + 0.30 * sheet.grain(40) + 0.16 * sheet.grain(6))
    sheet.cover((172, 128, 84), np.full_like(sheet.depth, rng.uniform(0.25, 0.50)))
    relief = _ridges(sheet.grain(rng.uniform(15, 22)), 0.55) * step(0.8 + 0.6 * sheet.grain(60))
    sheet.cover((96, 64, 42), 0.50 * relief)
    sheet.cover((206, 166, 118), 0.30 * step(0.8 * sheet.grain(16) - 0.3))
    openings = sheet.soften(sheet.spots(int(rng.integers(8, 22)), 2.2, 5.5, far=0.88), 0.7)
    sheet.cover((58, 36, 26), 0.88 * openings)
    cysts = sheet.soften(sheet.spots(int(rng.integers(10, 24)), 2.0, 4.6, far=0.9), 1.3)
    sheet.cover((252, 240, 214), 0.92 * cysts)
    sheet.cover((84, 54, 36), 0.25 * sheet.rim(0.86, 0.98))


def _paint_dermatofibroma(sheet: Sheet) -> None:
    """Dermatofibroma: a white scar-like patch within a delicate light brown network that fades into the skin."""
    rng = sheet.rng
    size = rng.uniform(0.22, 0.36)
    ragged = sheet.depth + 0.07 * sheet.grain(26) + 0.03 * sheet.grain(9)
    scar = 1 - step((ragged - size) / 0.26)
    ring = 1 - sheet.rim(0.55, 1.1)
    sheet.blood += 0.18 * (1 + 0.3 * sheet.grain(40))
    sheet.melanin += (0.32 + 0.05 * sheet.grain(30)) * (0.35 + 0.65 * ring)
    sheet.melanin += rng.uniform(0.35, 0.60) * sheet.network(rng.uniform(7, 9.5)) * (0.25 + 0.75 * ring)
    strands = _ridges(sheet.grain(15), 0.3)
    sheet.cover((250, 232, 226), scar * (0.74 + 0.08 * sheet.grain(20)) + 0.5 * scar * (1 - scar) * strands)
    sheet.cover((226, 150, 150), 0.30 * scar * step(sheet.grain(18) - 0.4))


def _paint_vascular(sheet: Sheet) -> None:
    """Vascular lesion (angioma): well demarcated; round lacunae from red to purple, parted by paler septa."""
    rng = sheet.rng
    centres = sheet.places(int(rng.integers(14, 34)), 0.0, 0.95) - sheet.depth.shape[0] / 2
    squared = np.stack([np.square(sheet.x - x) + np.square(sheet.y - y) for x, y in centres.astype(np.float32)])
    nearest = squared.argmin(axis=0)
    first, second = np.sqrt(np.partition(squared, 1, axis=0)[:2])
    size = (rng.uniform(0.17, 0.30, len(centres)) * sheet.radii.mean()).astype(np.float32)
    apart = np.minimum((second - first) / 10, (size[nearest] - first + 4 * sheet.unit) / 8) / sheet.unit
    lacunae = step(apart + 0.10 * sheet.grain(9))
    purple = np.clip(rng.uniform(0.0, 0.7) + rng.normal(0, 0.25, len(centres)), 0, 1).astype(np.float32)
    amount = rng.uniform(0.9, 1.9, len(centres)).astype(np.float32)
    sheet.blood += 0.60 + 0.15 * sheet.grain(14) + lacunae * (amount[nearest] + 0.15 * sheet.grain(12))
    sheet.melanin += 0.75 * lacunae * sheet.soften(purple[nearest], 2)
    sheet.cover((86, 44, 104), 0.55 * lacunae * sheet.soften(purple[nearest], 2))
    sheet.cover((214, 150, 176), 0.30 * (1 - lacunae) * step(0.7 + 0.5 * sheet.grain(22)))
    sheet.cover((255, 235, 240), 0.35 * step(1.2 * (sheet.grain(16) - 1.5)))


def _vessels(sheet: Sheet, trees: int) -> Plane:
    """Coverage 0–1 by arborising vessels: thick stems from the border inwards, branching into ever finer twigs."""
    rng = sheet.rng
    drawn = np.zeros(sheet.depth.shape, np.uint8)
    centre = sheet.depth.shape[0] / 2
    stems = [(place, 2.2 * sheet.unit) for place in sheet.places(trees, 0.75, 0.95)]
    twigs = [(place, np.arctan2(*(centre - place)[::-1]) + rng.normal(0, 0.5), width) for place, width in stems]
    while twigs:
        place, heading, width = twigs.pop()
        steps = int(rng.integers(7, 14))
        bends = heading + np.cumsum(rng.normal(0, 0.24, steps))
        path = place + np.cumsum(np.stack([np.cos(bends), np.sin(bends)], axis=1) * 3.4 * sheet.unit, axis=0)
        points = np.round(np.vstack([place, path]) * 2**FRACTION).astype(np.int32)
        cv2.polylines(drawn, [points], False, 255, max(1, round(width)), cv2.LINE_AA, FRACTION)
        if width > 0.9 * sheet.unit:
            fork = rng.uniform(0.35, 0.75)
            twigs += [(path[-1], bends[-1] + fork, 0.66 * width), (path[-1], bends[-1] - fork, 0.66 * width)]
            twigs += [(path[steps // 2], bends[steps // 2] + rng.choice([-1, 1]) * 0.9, 0.5 * width)]
    return sheet.soften(drawn.astype(np.float32) / 255, 0.55) * (1 - sheet.rim(0.92, 1.0))


LOOKS: dict[str, LesionStyle] = {
    "nv": LesionStyle(_paint_nevus, rough=0.035, waves=6, stretch=0.28, edge=7),
    "mel": LesionStyle(_paint_melanoma, rough=0.13, waves=24, stretch=0.45, edge=6),
    "bcc": LesionStyle(_paint_carcinoma, rough=0.07, waves=9, stretch=0.35, edge=9),
    "akiec": LesionStyle(_paint_keratosis, rough=0.11, waves=12, stretch=0.45, edge=18),
    "bkl": LesionStyle(_paint_benign_keratosis, rough=0.06, waves=16, stretch=0.40, edge=2),
    "df": LesionStyle(_paint_dermatofibroma, rough=0.04, waves=7, stretch=0.20, edge=14),
    "vasc": LesionStyle(_paint_vascular, rough=0.07, waves=12, stretch=0.30, edge=3),
}
"""How each of the seven is drawn."""


# ---- the picture: skin, pose, and what a dermatoscope adds ------------------------------------------------------


def _pose(rng: np.random.Generator, radii: NDArray[np.float32], height: int, width: int) -> Pose:
    """A random place where the lesion fits, or nearly so: its centre is never outside the middle of the picture."""
    turn, zoom = rng.uniform(0, 2 * np.pi), rng.uniform(0.92, 1.06)
    phi = np.arange(ANGLES) * (2 * np.pi / ANGLES) + turn
    x, y = zoom * radii * np.cos(phi), zoom * radii * np.sin(phi)
    room_x = max(width / 2 - np.abs(x).max(), 0.03 * width)
    room_y = max(height / 2 - np.abs(y).max(), 0.03 * height)
    shift_x, shift_y = 0.8 * rng.uniform(-1, 1, 2) * (room_x, room_y)
    return Pose(width / 2 + shift_x, height / 2 + shift_y, turn, zoom)


def _inside(radii: NDArray[np.float32], pose: Pose, height: int, width: int) -> Plane:
    """How far each pixel lies inside the outline, along its ray from the centre: pixels, negative outside."""
    y, x = np.mgrid[:height, :width].astype(np.float32)
    x, y = x + (0.5 - pose.x), y + (0.5 - pose.y)
    inside: Plane = pose.zoom * _towards(radii, np.arctan2(y, x) - pose.turn) - np.hypot(x, y)
    return inside


def _place(sheet: Sheet, pose: Pose, height: int, width: int) -> tuple[Stack, Stack]:
    """The sheet in its pose: (height, width, 2) melanin and blood, (height, width, 4) veil."""
    cos, sin = pose.zoom * np.cos(pose.turn), pose.zoom * np.sin(pose.turn)
    centre = (sheet.depth.shape[0] - 1) / 2
    turned = np.array([[cos, -sin], [sin, cos]])
    shift = np.array([pose.x - 0.5, pose.y - 0.5]) - turned @ (centre, centre)
    matrix = np.column_stack([turned, shift])
    pigment = np.stack([sheet.melanin, sheet.blood], axis=-1)
    return (
        np.asarray(cv2.warpAffine(pigment, matrix, (width, height), flags=cv2.INTER_LINEAR)),
        np.asarray(cv2.warpAffine(sheet.veil, matrix, (width, height), flags=cv2.INTER_LINEAR)),
    )


def _skin(
    rng: np.random.Generator, tone: float, flush: float, shape: tuple[int, int], unit: float
) -> tuple[Plane, Plane]:
    """Melanin and blood of bare skin: `tone` from 0.06 (Fitzpatrick I) to 1.3 (VI), `flush` its redness.

    Blotches of both, fine furrows, and a mottle of single pixels.
    """
    furrows = _ridges(_noise(rng, shape, 9 * unit), 0.25)
    blotches = 0.07 * _noise(rng, shape, 90 * unit) + 0.05 * _noise(rng, shape, 22 * unit)
    melanin = tone * (1 + blotches + 0.05 * _noise(rng, shape, 6 * unit)) + 0.025 * furrows
    blood = flush * (1 + 0.12 * _noise(rng, shape, 70 * unit) + 0.10 * _noise(rng, shape, 10 * unit))
    return melanin, blood


def _lay_on(rng: np.random.Generator, seen: Stack, unit: float) -> Stack:
    """Lay hairs, gel bubbles and ruler marks over `seen` (height, width, 3, 0–1), each in some pictures only."""
    if rng.random() < 0.5:
        seen = _hairs(rng, seen, unit)
    if rng.random() < 0.25:
        seen = _bubbles(rng, seen, unit)
    if rng.random() < 0.12:
        seen = _ruler(rng, seen, unit)
    return seen


def _hairs(rng: np.random.Generator, seen: Stack, unit: float) -> Stack:
    """A few curved hairs, all about one way."""
    height, width = seen.shape[:2]
    drawn = np.zeros((height, width), np.uint8)
    along = rng.uniform(0, np.pi)
    t = np.linspace(0, 1, 24)[:, None]
    for _ in range(int(rng.integers(2, 16))):
        heading = along + rng.normal(0, 0.35)
        reach = rng.uniform(50, 190) * unit * np.array([np.cos(heading), np.sin(heading)])
        start = rng.uniform(-0.1, 1.0, 2) * (width, height)
        bow = rng.normal(0, 0.07) * reach[::-1] * (-1, 1)
        points = start + t * reach + 4 * t * (1 - t) * bow
        breadth = max(1, round(rng.uniform(0.6, 1.6) * unit))
        path = np.round(points * 2**FRACTION).astype(np.int32)
        cv2.polylines(drawn, [path], False, 255, breadth, cv2.LINE_AA, FRACTION)
    hair = cv2.GaussianBlur(drawn.astype(np.float32) / 255, (0, 0), 0.5 * unit)[..., None]
    colour = rng.uniform(0.6, 1.6) * np.array([0.16, 0.11, 0.09], np.float32)
    return seen + rng.uniform(0.65, 0.95) * hair * (colour - seen)


def _bubbles(rng: np.random.Generator, seen: Stack, unit: float) -> Stack:
    """Air bubbles in the contact gel: a bright ring with a highlight."""
    height, width = seen.shape[:2]
    drawn = np.zeros((height, width), np.uint8)
    for x, y, size in rng.uniform((0, 0, 2.5), (width, height, 9), (int(rng.integers(2, 9)), 3)):
        radius = size * unit
        edge = _fixed((radius, 0))[0]
        cv2.circle(drawn, _fixed((x, y)), edge, 110, 1, cv2.LINE_AA, FRACTION)
        glint = _fixed((x - 0.4 * radius, y - 0.4 * radius))
        cv2.circle(drawn, glint, edge // 5, 255, cv2.FILLED, cv2.LINE_AA, FRACTION)
    shine = cv2.GaussianBlur(drawn.astype(np.float32) / 255, (0, 0), 0.6 * unit)[..., None]
    return seen + 0.8 * shine * (1 - seen)


def _ruler(rng: np.random.Generator, seen: Stack, unit: float) -> Stack:
    """The black millimetre marks of a contact plate along the upper or lower edge, every fifth one longer."""
    height, width = seen.shape[:2]
    drawn = np.zeros((height, width), np.uint8)
    edge = rng.choice([0.0, float(height)])
    for mark, x in enumerate(np.arange(rng.uniform(0, 0.5) * width, width, 13 * unit)):
        length = (16 if mark % 5 == 0 else 9) * unit
        end = edge + length if edge == 0 else edge - length
        cv2.line(drawn, _fixed((x, edge)), _fixed((x, end)), 255, max(1, round(1.5 * unit)), cv2.LINE_AA, FRACTION)
    return seen * (1 - 0.85 * drawn[..., None].astype(np.float32) / 255)


def _photograph(rng: np.random.Generator, seen: Stack, unit: float) -> NDArray[np.uint8]:
    """`seen` (height, width, 3, 0–1) through lens and sensor, as uint8 RGB.

    Colour cast, uneven light, fall-off or black corners, slight blur, noise.
    """
    height, width = seen.shape[:2]
    y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j].astype(np.float32)
    cast = rng.uniform(0.93, 1.03) * np.exp(rng.normal(0, (0.02, 0.03, 0.05))).astype(np.float32)
    slope = rng.normal(0, 0.035, 2)
    light = 1 + slope[0] * x + slope[1] * y - rng.uniform(0.02, 0.10) * (x * x + y * y)
    if rng.random() < 0.3:
        radius = rng.uniform(0.80, 0.95) * np.hypot(width, height) / 2
        out = np.hypot(x * width / 2, y * height / 2) - radius
        light *= 0.04 + 0.96 * (1 - step(0.5 + out / (14 * unit)))
    shot = cv2.GaussianBlur(seen * cast * light[..., None].astype(np.float32), (0, 0), rng.uniform(0.4, 0.9) * unit)
    shot += rng.uniform(0.004, 0.012) * rng.standard_normal(shot.shape, np.float32)
    developed: NDArray[np.uint8] = np.round(255 * np.clip(shot, 0, 1)).astype(np.uint8)
    return developed
