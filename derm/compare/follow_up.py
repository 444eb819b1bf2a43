"""Two visits: what has changed of one lesion between two pictures, measured where both are laid on each other.

Needs two pictures with their outlines that `derm.image.register` can lay on each other. Gives figures; what they are
worth, measured on pictures taken again of an unchanged lesion, stands in `derm.compare.follow_up_words`.
"""

from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from derm.data.looks import long_hashes, look_at, same_looks
from derm.errors import NotRegistered
from derm.image.lesion_measures import feret_diameter
from derm.image.overlay import resize_mask, resize_picture
from derm.image.quality import SECOND
from derm.image.register import SAME_CURE, Registration, covered, laid, laid_mask, register
from derm.language.speech import say
from derm.predict.case import Case
from derm.predict.doubts import OF_OUTLINE, Doubt, doubts_of, is_sized

SIDE = 512
"""Longer side, pixels, at which colours and borders are compared."""

SEEN = 0.95
"""Share of each outline that both pictures must show for its size to be compared."""

BAND = 0.15
"""Half the width of the band along the border in which new structures are looked for, in diameters of a disc as large
as the lesion."""

DARKER = 12.0
"""Lightness, CIELAB, by which a place is darker than before from which it belongs to a new structure."""

LEAST_STRUCTURE = 0.02
"""Area of a new structure, at least, as a share of the lesion's area before."""

SOFTENED = 0.008
"""Deviation of the blur under which both pictures are compared, in longer sides: what registration leaves."""

SAME_LIKENESS, SAME_TURN, SAME_SIZE, SAME_COLOUR = 0.97, 0.5, 0.02, 2.0
"""What else two pictures of alike looks agree in where they are one photograph: structures, degrees from a right angle,
share of the size, CIELAB. Copies at quality 30 or a third of the size have 0.977 or more; a second photograph by hand
is turned and moved by more."""

HOURS = 12

LONGEST = 900
"""Longer side of a picture for the screen and for files, pixels."""


class Structure(NamedTuple):
    """A place along the border that is darker than before."""

    hour: int
    """Where it lies, as on the face of a clock around the lesion's middle in the first picture, 1 … 12."""

    share: float
    """Its area as a share of the lesion's area before."""

    darker: float
    """Mean difference in lightness, CIELAB, above 0."""


class Visit(NamedTuple):
    """What is compared of a case."""

    name: str
    image: NDArray[np.uint8]
    """Uint8 (H, W, 3) RGB."""
    mask: NDArray[np.bool_]
    """Bool (H, W), its outline without specks."""
    mm_per_pixel: float | None
    """Above 0; None where not known."""
    doubts: tuple[Doubt, ...]
    """Of the picture and of the outline that is shown."""
    sized: bool
    """Whether that outline is one to measure by, see `derm.predict.doubts.is_sized`."""


class VisitSize(NamedTuple):
    """What is told of a visit once both are compared, for which its picture need not stay in memory."""

    shape: tuple[int, int]
    """Height and width of the picture, pixels."""
    area: int
    """Of the outline without specks, pixels."""
    diameter: float
    """Its greatest Feret diameter, pixels."""
    mm_per_pixel: float | None
    """Above 0; None where not known."""
    doubts: tuple[Doubt, ...]
    """Of the picture and of the outline that is shown."""
    sized: bool
    """Whether that outline is one to measure by, see `derm.predict.doubts.is_sized`."""


class Laid(NamedTuple):
    """Both pictures and outlines at the first's frame, at most `LONGEST` pixels long."""

    before: NDArray[np.uint8]
    """The first picture, uint8 (h, w, 3) RGB."""
    after: NDArray[np.uint8]
    """The second as it lies on it, likewise; black beside it."""
    outline_before: NDArray[np.bool_]
    """Bool (h, w)."""
    outline_after: NDArray[np.bool_]
    """Bool (h, w), as it lies on the first."""


@dataclass(frozen=True, eq=False)
class FollowUp:
    """The second picture on the first, and what has changed; small, for a visit keeps it."""

    first: VisitSize
    second: VisitSize
    laid: Laid
    registration: Registration

    told_scale: float | None
    """Pixels of the first for one of the second, by the millimetres that both files tell; None where one does not."""

    area_ratio: float
    """Area after to area before, above 0."""

    diameter_ratio: float
    """Greatest Feret diameter after to before, above 0."""

    shift: float
    """Between the middles of both outlines, as a share of the diameter before."""

    lighter: float
    """Change of the lesion's mean lightness beside its skin, CIELAB: below 0 it has become darker."""

    colour: float
    """Difference between the lesion's mean colours beside its skin, CIELAB, Euclidean, at least 0."""

    structures: tuple[Structure, ...]
    """New along the border, the largest first."""


def follow_up(earlier: Case, later: Case) -> FollowUp:
    """Lay the later visit's picture on the earlier one's and measure what has changed inside their outlines.

    Millimetres count where both cases have a scale. Raises NotRegistered where they do not fit, too little of the
    lesion is in both, or both are one photograph, of which 'no change' would be true and mean nothing.
    """
    first, second = _visit_of(earlier), _visit_of(later)
    found = register(first.image, second.image, first.mask, second.mask)
    told = second.mm_per_pixel / first.mm_per_pixel if first.mm_per_pixel and second.mm_per_pixel else None
    shape = first.mask.shape
    there, after = covered(second.mask.shape, found, *shape), laid_mask(second.mask, found, *shape)
    _check_seen(first, second, found, there, after)
    scale = found.scale if told is None else told
    area = float(second.mask.sum()) * scale**2 / float(first.mask.sum())
    before, now = _middle(first.mask), _middle(after)
    sizes = [
        VisitSize(
            one.mask.shape, int(one.mask.sum()), feret_diameter(one.mask), one.mm_per_pixel, one.doubts, one.sized
        )
        for one in (first, second)
    ]
    diameter = sizes[0].diameter
    colours = _colours(first, second, found, there)
    if _one_photograph(first, second, found, colours):
        raise NotRegistered(
            say(
                "{earlier} and {later} are one photograph, be it saved again or in another size, which cannot show a "
                "change: choose the picture of the other visit.",
                earlier=first.name,
                later=second.name,
            )
        )
    return FollowUp(
        first=sizes[0],
        second=sizes[1],
        laid=_laid(first, second, found, after),
        registration=found,
        told_scale=told,
        area_ratio=area,
        diameter_ratio=sizes[1].diameter * scale / diameter,
        shift=float(np.linalg.norm(now - before)) / diameter,
        lighter=colours.lighter,
        colour=colours.apart,
        structures=colours.structures,
    )


def _laid(first: Visit, second: Visit, found: Registration, after: NDArray[np.bool_]) -> Laid:
    height, width = first.mask.shape
    scale = min(1.0, LONGEST / max(height, width))
    shape = max(1, round(height * scale)), max(1, round(width * scale))
    return Laid(
        resize_picture(first.image, *shape),
        resize_picture(laid(second.image, found, height, width), *shape),
        resize_mask(first.mask, *shape),
        resize_mask(after, *shape),
    )


def _visit_of(case: Case) -> Visit:
    if not case.has_outline:
        raise NotRegistered(
            say(
                "No lesion was found in {name}, so that there is nothing to compare: {cure}.",
                name=case.name,
                cure=say(SAME_CURE),
            )
        )
    scale = None if case.scale is None else case.scale.mm_per_pixel
    doubts = tuple(one for one in doubts_of(case) if case.polygons is None or one not in OF_OUTLINE)
    return Visit(case.name, case.image, _without_specks(case.outline), scale, doubts, is_sized(case))


def _without_specks(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The pieces of an outline, bool (H, W), that count as lesions, see `derm.image.quality.SECOND`: a speck far away
    would be half of a diameter."""
    count, labels, pieces, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8))
    areas = pieces[:, cv2.CC_STAT_AREA].copy()
    areas[0] = 0
    kept = areas >= max(1, SECOND * areas.max())
    return mask if kept.sum() == count - 1 else kept[labels]


def _check_seen(
    first: Visit, second: Visit, found: Registration, there: NDArray[np.bool_], after: NDArray[np.bool_]
) -> None:
    """Refuse where a part of the lesion lies outside of one of the pictures."""
    before_seen = float(there[first.mask].mean())
    now_seen = float(after.sum()) / max(1.0, float(second.mask.sum()) * found.scale**2)
    if min(before_seen, now_seen) < SEEN:
        raise NotRegistered(
            say(
                "Only {seen:.0%} of the lesion is in both pictures, so that its size cannot be compared: "
                "choose two pictures that show all of it.",
                seen=min(before_seen, now_seen),
            )
        )
    both = float((first.mask & after).sum()) / float((first.mask | after).sum())
    if not both:
        raise NotRegistered(say("The outlines of both visits lie on different places: {cure}.", cure=say(SAME_CURE)))


def _middle(mask: NDArray[np.bool_]) -> NDArray[np.float64]:
    """The centroid, (x, y)."""
    rows, columns = np.nonzero(mask)
    return np.array([columns.mean(), rows.mean()])


class _Colours(NamedTuple):
    lighter: float
    apart: float
    structures: tuple[Structure, ...]


def _colours(first: Visit, second: Visit, found: Registration, there: NDArray[np.bool_]) -> _Colours:
    """Changes of colour and new structures, with the second picture's light made that of the first by their skin."""
    height, width = first.mask.shape
    size = SIDE / max(height, width)
    shape = max(1, round(height * size)), max(1, round(width * size))
    before = resize_picture(first.image, *shape)
    now = resize_picture(laid(second.image, found, height, width), *shape)
    was, became = (resize_mask(mask, *shape) for mask in (first.mask, laid_mask(second.mask, found, height, width)))
    seen = resize_mask(there, *shape)
    reach = max(1, round(BAND * 2 * np.sqrt(was.sum() / np.pi)))
    either = was | became
    skin = seen & ~_grown(either, max(3, reach // 2)) & (before.max(axis=2) > 40) & (now.max(axis=2) > 40)
    sigma = SOFTENED * SIDE
    one, two = (_linear(cv2.GaussianBlur(picture, (0, 0), sigma)) for picture in (before, now))
    if skin.sum() >= 0.02 * skin.size:
        two = two * _light(one, two, skin)
    lab_before, lab_now = _lab(one), _lab(two)
    both = was & became & seen
    if not both.any():
        return _Colours(float("nan"), float("nan"), ())
    change = lab_now[both].mean(axis=0) - lab_before[both].mean(axis=0)
    band = _grown(was, reach) & ~_shrunk(was, reach) & _shrunk(seen, 3)
    darker = (lab_before[..., 0] - lab_now[..., 0]) * band
    return _Colours(float(change[0]), float(np.linalg.norm(change)), _structures(darker, was))


def _one_photograph(first: Visit, second: Visit, found: Registration, colours: _Colours) -> bool:
    """Whether both pictures are the same photograph, whatever became of its size, compression, light or turn."""
    off = (found.angle + 45) % 90 - 45
    size = found.scale * max(second.mask.shape) / max(first.mask.shape)
    in_place = abs(off) <= SAME_TURN and abs(size - 1) <= SAME_SIZE and found.likeness >= SAME_LIKENESS
    unchanged = not colours.structures and colours.apart <= SAME_COLOUR
    return (
        in_place and unchanged and bool(same_looks(look_at(first.image), long_hashes(look_at(second.image)[None]))[0])
    )


def _light(before: NDArray[np.float32], now: NDArray[np.float32], skin: NDArray[np.bool_]) -> NDArray[np.float32]:
    """By what the second picture's linear light is multiplied so that its skin is the first's, place by place.

    A plane in the logarithm of each channel: light falls aslant, and less of it at one side.
    """
    rows, columns = np.nonzero(skin)
    height, width = skin.shape
    terms = np.stack([np.ones(len(rows)), rows / height - 0.5, columns / width - 0.5], axis=1)
    ratio = np.log(np.maximum(before[skin], 1e-3) / np.maximum(now[skin], 1e-3))
    middle = np.median(ratio, axis=0)
    calm = (np.abs(ratio - middle) < 0.5).all(axis=1)
    if calm.sum() < 100:
        return np.broadcast_to(np.exp(middle).astype(np.float32), before.shape)
    fitted, *_ = np.linalg.lstsq(terms[calm], ratio[calm], rcond=None)
    down, across = np.meshgrid(np.arange(height) / height - 0.5, np.arange(width) / width - 0.5, indexing="ij")
    plane = np.stack([np.ones_like(down), down, across], axis=-1) @ fitted
    return np.asarray(np.exp(plane), np.float32)


def _structures(darker: NDArray[np.float32], was: NDArray[np.bool_]) -> tuple[Structure, ...]:
    """Pieces that are darker than before by `DARKER`, and large enough."""
    area = float(was.sum())
    _, labels, pieces, centres = cv2.connectedComponentsWithStats((darker >= DARKER).astype(np.uint8))
    middle = _middle(was)
    found = [
        Structure(
            _hour(centres[number] - middle),
            float(pieces[number, cv2.CC_STAT_AREA]) / area,
            float(darker[labels == number].mean()),
        )
        for number in range(1, len(pieces))
        if pieces[number, cv2.CC_STAT_AREA] >= LEAST_STRUCTURE * area
    ]
    return tuple(sorted(found, key=lambda one: -one.share))


def _hour(away: NDArray[np.float64]) -> int:
    """A direction, (x, y) with y downwards, as on the face of a clock: 12 above, 3 to the right."""
    turn = np.arctan2(away[0], -away[1]) / (2 * np.pi) * HOURS
    return round(float(turn)) % HOURS or HOURS


def _grown(mask: NDArray[np.bool_], pixels: int) -> NDArray[np.bool_]:
    return np.asarray(cv2.distanceTransform((~mask).astype(np.uint8), cv2.DIST_L2, 5)) <= pixels


def _shrunk(mask: NDArray[np.bool_], pixels: int) -> NDArray[np.bool_]:
    return np.asarray(cv2.distanceTransform(mask.astype(np.uint8), cv2.DIST_L2, 5)) > pixels


def _linear(image: "cv2.typing.MatLike") -> NDArray[np.float32]:
    """sRGB values, uint8, as linear light, float32, 0 … 1."""
    value = np.asarray(image, np.float32) / 255
    return np.asarray(np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4), np.float32)


def _lab(linear: NDArray[np.float32]) -> NDArray[np.float32]:
    """CIELAB of linear light: lightness 0 … 100."""
    value = np.clip(linear, 0, 1)
    again = np.asarray(np.where(value <= 0.0031308, value * 12.92, 1.055 * value ** (1 / 2.4) - 0.055), np.float32)
    return np.asarray(cv2.cvtColor(again, cv2.COLOR_RGB2LAB), np.float32)
