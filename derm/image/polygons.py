"""An outline as polygons: made of a mask, checked as a person drew it, filled again, kept as JSON.

Needs a mask, or what came from a page or a file. Places are those of pixel centres: (0, 0) is the middle of the first
pixel, x grows to the right, y downwards. Holes are filled: a lesion has none. Knows nothing of models.
"""

import json

import cv2
import numpy as np
from numpy.typing import NDArray

from derm.errors import EntryRefused
from derm.image.scale import is_number
from derm.json_checks import is_count, is_text
from derm.language.speech import say

Ring = tuple[tuple[float, float], ...]
"""A closed line, (x, y) in pixels; the last point joins the first."""

Polygons = tuple[Ring, ...]
"""One ring for each part of a lesion; where they overlap, they count once."""

MOST_POINTS = 1000
"""Of one outline, all its rings together. A network's outline at full resolution needs fewer than 200."""

MOST_PARTS = 20
"""Rings of one outline."""

COARSENESS = 0.003
"""How far a ring made of a mask may leave its border, as a share of the picture's longer side: 1.8 pixels of 600. With
fewer points to take hold of, outlines of drawn lesions still overlap their masks by 0.99 (IoU)."""

SPECK = 0.0005
"""Share of the picture below which a part of a mask gets no ring of its own, unless it is the largest."""


def polygons_of(mask: NDArray[np.bool_]) -> Polygons:
    """The borders of `mask`, bool (H, W), as few points as stay within `COARSENESS` of them, the largest part first.

    Specks and holes are left out, and lines a pixel wide; none crosses or touches itself. Empty for an empty mask.
    """
    rings = [ring for contour in _parts(mask) if (ring := _simplified(contour, max(mask.shape)))]
    kept: list[Ring] = []
    for ring in rings[:MOST_PARTS]:
        if sum(map(len, kept)) + len(ring) <= MOST_POINTS:
            kept.append(ring)
    return tuple(kept)


def fill(polygons: Polygons, height: int, width: int) -> NDArray[np.bool_]:
    """The inside of the polygons with their lines as a mask, bool (height, width)."""
    filled = np.zeros((height, width), dtype=np.uint8)
    for ring in polygons:
        # Sixteenths of a pixel: OpenCV takes whole numbers and how many of their bits lie behind the point.
        places = np.rint(np.array(ring, dtype=np.float64) * 16).astype(np.int32)
        cv2.fillPoly(filled, [places], 1, cv2.LINE_8, 4)
    return filled.astype(np.bool_)


def check_polygons(given: object, height: int, width: int, least: float) -> Polygons:
    """What a person drew, a list of rings of [x, y], as polygons of a picture of `height` × `width` pixels.

    least: the smallest share of the picture that an outline may fill, 0 … 1. Points that follow on themselves are left
    out. Raises EntryRefused, with the sentence that says what to do, for what is no outline of this picture.
    """
    rings = _numbers(given)
    _check_count(rings)
    for ring in rings:
        _check_place(ring, height, width)
    for ring in rings:
        if place := crossing(ring):
            x, y = (round(value) for value in place)
            raise EntryRefused(
                say(
                    "The outline crosses or touches itself near {x}, {y}: move the points there apart, or undo the "
                    "step.",
                    x=x,
                    y=y,
                )
            )
    polygons = tuple(tuple((round(float(x), 2), round(float(y), 2)) for x, y in ring) for ring in rings)
    share = float(fill(polygons, height, width).mean())
    if share < least:
        raise EntryRefused(
            say(
                "The outline encloses {share:.2g} % of the picture, and a lesion at least {least:.2g} %: draw "
                "it around the whole lesion.",
                share=100 * share,
                least=100 * least,
            )
        )
    return polygons


def crossing(ring: NDArray[np.float64]) -> tuple[float, float] | None:
    """Where a closed line, float64 (n, 2), first crosses or touches itself, or turns back on itself; else None."""
    start, end = ring, np.roll(ring, -1, axis=0)
    count = len(ring)
    first, second = np.triu_indices(count, 1)
    apart = (second - first > 1) & ((first > 0) | (second < count - 1))
    first, second = first[apart], second[apart]
    meets = _meet(start[first], end[first], start[second], end[second])
    back = _turns_back(ring)
    if meets.any():
        x, y = start[second[int(meets.argmax())]].tolist()
        return x, y
    if back.any():
        x, y = ring[int(back.argmax())].tolist()
        return x, y
    return None


def polygons_json(polygons: Polygons, height: int, width: int, digest: str, whose: str, notice: str) -> str:
    """Polygons as a JSON file. digest: SHA-256 of the picture's size and pixels, for pictures of one camera have one
    size. whose: outline, such as 'model' or 'edited'. notice: what the file is not for."""
    content = {
        "outline": whose,
        "pixels_sha256": digest,
        "width": width,
        "height": height,
        "places": "x, y in pixels; 0, 0 is the centre of the first pixel, y grows downwards",
        "polygons": [[list(point) for point in ring] for ring in polygons],
        "notice": notice,
    }
    return json.dumps(content, ensure_ascii=False) + "\n"


def read_polygons(text: str, height: int, width: int, digest: str, least: float) -> tuple[Polygons, object]:
    """The polygons in a JSON file as `polygons_json` writes it, checked as by `check_polygons`, and whose they are.

    digest: of the picture that they are to belong to; a file without one is believed. Whose: what the file says, None
    where it says nothing. Raises EntryRefused.
    """
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise EntryRefused(say("The outline is no JSON file: give one that Derm wrote.")) from error
    if not isinstance(content, dict) or "polygons" not in content:
        raise EntryRefused(say("The outline's file has no field 'polygons': give one that Derm wrote."))
    size = (content.get("width", width), content.get("height", height))
    if not all(map(is_count, size)):
        raise EntryRefused(say("The outline's file tells no size of its picture: give one that Derm wrote."))
    if size != (width, height):
        raise EntryRefused(
            say(
                "The outline was drawn on a picture of {drawn_width} × {drawn_height} pixels and this one has {width} "
                "× {height}: give the outline of this picture.",
                drawn_width=size[0],
                drawn_height=size[1],
                width=width,
                height=height,
            )
        )
    drawn_on = content.get("pixels_sha256", digest)
    if not is_text(drawn_on) or not drawn_on.isalnum():
        raise EntryRefused(say("The outline's file tells no digest of its picture: give one that Derm wrote."))
    if drawn_on != digest:
        raise EntryRefused(
            say(
                "The outline was drawn on picture {drawn_on} and this one is {digest}: give the outline of this "
                "picture, or draw it anew.",
                drawn_on=drawn_on[:8],
                digest=digest[:8],
            )
        )
    return check_polygons(content["polygons"], height, width, least), content.get("outline")


def _parts(mask: NDArray[np.bool_]) -> list[NDArray[np.int32]]:
    """The outer borders of the parts of `mask`, int32 (n, 2), the largest first; without lines a pixel wide."""
    whole = mask.astype(np.uint8)
    opened = cv2.morphologyEx(whole, cv2.MORPH_OPEN, np.ones((3, 3), dtype=np.uint8))
    contours, _ = cv2.findContours(opened if opened.any() else whole, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    order = sorted(contours, key=cv2.contourArea, reverse=True)
    least = SPECK * mask.size
    large = [contour for place, contour in enumerate(order) if place == 0 or cv2.contourArea(contour) >= least]
    return [np.asarray(contour[:, 0], dtype=np.int32) for contour in large]


def _simplified(contour: NDArray[np.int32], longer: int) -> Ring | None:
    """A border as a ring that neither crosses nor touches itself: as coarse as asked, or finer, or its hull."""
    wanted = COARSENESS * longer
    for within in (wanted, wanted / 2, 2 * wanted, 4 * wanted):
        ring = np.asarray(cv2.approxPolyDP(contour[:, None], within, closed=True))[:, 0].astype(np.float64)
        if 3 <= len(ring) <= MOST_POINTS and crossing(ring) is None:
            return _ring(ring)
    hull = np.asarray(cv2.convexHull(contour))[:, 0].astype(np.float64)
    return _ring(hull) if len(hull) >= 3 else None


def _ring(points: NDArray[np.float64]) -> Ring:
    return tuple((float(x), float(y)) for x, y in points)


def _numbers(given: object) -> list[NDArray[np.float64]]:
    """The rings as arrays, float64 (n, 2), a point that follows on itself left out."""
    said = say("The outline is no list of points: draw it again.")
    if not isinstance(given, list | tuple):
        raise EntryRefused(said)
    rings = []
    _check_parts(len(given))
    for ring in given:
        if not isinstance(ring, list | tuple) or not all(_is_point(point) for point in ring):
            raise EntryRefused(said)
        _check_points(len(ring))
        points = np.array(ring, dtype=np.float64).reshape(-1, 2).round(2)
        rings.append(points[(points != np.roll(points, 1, axis=0)).any(axis=1)])
    return rings


def _is_point(point: object) -> bool:
    return isinstance(point, list | tuple) and len(point) == 2 and all(map(is_number, point))


def _check_parts(count: int) -> None:
    if count > MOST_PARTS:
        raise EntryRefused(
            say(
                "The outline has {count} parts and may have {most_parts}: join them, or remove some.",
                count=count,
                most_parts=MOST_PARTS,
            )
        )


def _check_points(count: int) -> None:
    if count > MOST_POINTS:
        raise EntryRefused(
            say(
                "The outline has {count} points and may have {most_points}: draw it with fewer.",
                count=count,
                most_points=MOST_POINTS,
            )
        )


def _check_count(rings: list[NDArray[np.float64]]) -> None:
    if not rings:
        raise EntryRefused(say("There is no outline: draw one, or go back to the model's."))
    _check_points(sum(map(len, rings)))
    if min(map(len, rings)) < 3:
        raise EntryRefused(say("A part of the outline has fewer than three points: add some, or remove the part."))


def _check_place(ring: NDArray[np.float64], height: int, width: int) -> None:
    outside = (ring < 0).any(axis=1) | (ring[:, 0] > width - 1) | (ring[:, 1] > height - 1)
    if outside.any():
        x, y = ring[int(outside.argmax())]
        raise EntryRefused(
            say(
                "The outline leaves the picture at {x:.5g}, {y:.5g}; this one has {width} × {height} pixels: "
                "move the point inside.",
                x=x,
                y=y,
                width=width,
                height=height,
            )
        )


def _meet(
    a: NDArray[np.float64], b: NDArray[np.float64], c: NDArray[np.float64], d: NDArray[np.float64]
) -> NDArray[np.bool_]:
    """Whether the line from a to b has a point of that from c to d, each float64 (n, 2): bool (n,)."""
    sides = [np.sign(_turn(*three)) for three in ((a, b, c), (a, b, d), (c, d, a), (c, d, b))]
    boxes = (np.minimum(a, b) <= np.maximum(c, d)).all(axis=1) & (np.minimum(c, d) <= np.maximum(a, b)).all(axis=1)
    met: NDArray[np.bool_] = boxes & (sides[0] * sides[1] <= 0) & (sides[2] * sides[3] <= 0)
    return met


def _turns_back(ring: NDArray[np.float64]) -> NDArray[np.bool_]:
    """At which points, bool (n,), the line goes back along where it came from."""
    before, after = np.roll(ring, 1, axis=0) - ring, np.roll(ring, -1, axis=0) - ring
    flat = before[:, 0] * after[:, 1] - before[:, 1] * after[:, 0] == 0
    back: NDArray[np.bool_] = flat & ((before * after).sum(axis=1) > 0)
    return back


def _turn(a: NDArray[np.float64], b: NDArray[np.float64], c: NDArray[np.float64]) -> NDArray[np.float64]:
    """Twice the area of each triangle, above 0 where it turns one way and below where the other."""
    turn: NDArray[np.float64] = (b[:, 0] - a[:, 0]) * (c[:, 1] - a[:, 1]) - (b[:, 1] - a[:, 1]) * (c[:, 0] - a[:, 0])
    return turn
