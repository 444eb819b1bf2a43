"""What makes pictures of one clinic unlike those of another, drawn over a square picture: light, camera, marks on skin.

Needs uint8 RGB squares and a random generator; gives new arrays. Knows nothing of how often: `derm.data.augment` does.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.uint8]
"""uint8 (S, S, 3) RGB, or a mask, uint8 (S, S) of 0 and 1."""

STICKERS = (
    (38, 92, 170), (30, 140, 205), (32, 138, 84), (120, 178, 60), (236, 196, 44), (232, 132, 40), (196, 50, 52),
    (150, 60, 130), (128, 128, 128), (40, 40, 44),
)  # fmt: skip
"""Colours of calibration stickers, sRGB: blue, cyan, greens, yellow, orange, red, magenta, grey, black."""

INKS = ((92, 48, 150), (120, 60, 160), (60, 64, 168), (40, 60, 140), (70, 40, 110))
"""What skin markers leave of white, sRGB: gentian violet to blue."""


def shrink(image: Picture, mask: Picture, zoom: float, random: np.random.Generator) -> tuple[Picture, Picture]:
    """Shrink both by one factor from 1 - `zoom` to 1, near the middle; around it they are reflected.

    Near the middle, for there the reflection shows the picture's border, not the lesion once more.
    """
    size = len(image)
    side = max(2, round(size * random.uniform(1 - zoom, 1)))
    top, left = np.rint((size - side) * random.uniform(0.3, 0.7, 2)).astype(int).tolist()
    small = cv2.resize(image, (side, side), interpolation=cv2.INTER_AREA)
    small_mask = (cv2.resize(mask * 255, (side, side), interpolation=cv2.INTER_AREA) >= 128).astype(np.uint8)
    borders = top, size - side - top, left, size - side - left, cv2.BORDER_REFLECT_101
    return _uint8(cv2.copyMakeBorder(small, *borders)), _uint8(cv2.copyMakeBorder(small_mask, *borders))


def colour_curves(temperature: float, gamma: float, random: np.random.Generator) -> NDArray[np.uint8]:
    """Curves of red, green and blue, uint8 (1, 256, 3) for `cv2.LUT`: another white balance, another gamma.

    temperature: red is multiplied by up to exp(± it), blue divided by as much, green multiplied by up to exp(± a third
    of it), the whole so that grey keeps its luminance (Rec. 601). gamma: values, 0 … 1, are raised to exp(± it).
    """
    warm, tint, bend = random.uniform(-1, 1, 3) * (temperature, temperature / 3, gamma)
    gains = np.exp([warm, tint, -warm])
    gains /= gains @ (0.299, 0.587, 0.114)
    values = (np.arange(256) / 255.0)[:, None] ** np.exp(bend) * gains
    table: NDArray[np.uint8] = np.rint(np.minimum(values, 1) * 255).astype(np.uint8)[None]
    return table


def light_aslant(image: Picture, gradient: float, random: np.random.Generator) -> Picture:
    """Light falling off evenly across the picture in any direction: up to `gradient` / 2 more on one side, less on
    the other, the middle as before."""
    fall, angle = random.uniform(0, gradient), random.uniform(0, 2 * np.pi)
    place = np.linspace(-0.5, 0.5, len(image), dtype=np.float32) * fall
    light = 1 + place[None, :] * np.float32(np.cos(angle)) + place[:, None] * np.float32(np.sin(angle))
    return _uint8(cv2.multiply(image, cv2.merge([light] * 3), dtype=cv2.CV_8U))


def add_noise(image: Picture, random: np.random.Generator) -> Picture:
    """A sensor's noise: normal, independent in each pixel and channel, of a deviation from 2 to 12 of 255."""
    noise = random.standard_normal(image.shape, np.float32) * np.float32(random.uniform(2, 12))
    return _uint8(cv2.add(image, noise, dtype=cv2.CV_8U))


def recompress(image: Picture, random: np.random.Generator) -> Picture:
    """The picture after JPEG at a quality from 30 to 90, colours at half resolution as cameras store them."""
    quality = int(random.integers(30, 91))
    _, code = cv2.imencode(".jpg", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, quality])
    return _uint8(cv2.cvtColor(np.asarray(cv2.imdecode(code, cv2.IMREAD_COLOR)), cv2.COLOR_BGR2RGB))


def draw_ruler(image: Picture, random: np.random.Generator) -> Picture:
    """A scale along one of the four borders, aslant by up to 6 degrees: ticks, every fifth or tenth of them longer,
    mostly dark, in half of the pictures on a pale strip, in half with figures."""
    turns = int(random.integers(4))
    painted = np.ascontiguousarray(np.rot90(image, turns))  # drawn along the top border, then turned back
    size = len(painted)
    step = size * random.uniform(0.025, 0.07)
    every = int(random.choice([5, 10]))
    reach, depth = size * random.uniform(0.02, 0.06), size * random.uniform(0.0, 0.06)
    angle = np.radians(random.uniform(-6, 6))
    along, down = np.array([np.cos(angle), np.sin(angle)]), np.array([-np.sin(angle), np.cos(angle)])
    start = np.array([size / 2, depth]) - along * size * random.uniform(0.7, 0.8)
    grey = random.uniform(0, 60)
    on_strip, figures = random.random(2) < 0.5
    if on_strip:
        far, edge = along * 2 * size, down * reach * random.uniform(1.8, 3.2)
        corners = np.array([start - down * size, start - down * size + far, start + edge + far, start + edge])
        cover = painted.copy()
        pale = random.uniform(175, 250) * np.array([1.0, random.uniform(0.93, 1), random.uniform(0.88, 1)])
        cv2.fillConvexPoly(cover, _fixed(corners), pale.tolist(), cv2.LINE_AA, shift=4)
        painted = _uint8(cv2.addWeighted(cover, 0.85, painted, 0.15, 0))
    elif random.random() < 0.25:
        grey = random.uniform(200, 255)  # engraved in the contact plate and lit
    count = np.arange(int(2 * size / step))
    first = start + along * (count * step)[:, None]
    last = first + down * (reach * np.where(count % every == 0, 1.6, 1.0))[:, None]
    ink, width = (grey, grey, grey), max(1, round(size / 224 * random.uniform(0.7, 1.7)))
    cv2.polylines(painted, list(_fixed(np.stack([first, last], 1))), False, ink, width, cv2.LINE_AA, shift=4)
    if figures:
        offset = int(random.integers(0, 8))
        for tick in count[::every]:
            x, y = first[tick] + down * reach * 2.6 + (-0.02 * size, 0.02 * size)
            text, place = str(tick // every + offset), (int(x), int(y))
            cv2.putText(painted, text, place, cv2.FONT_HERSHEY_SIMPLEX, size / 600, ink, 1, cv2.LINE_AA)
    return np.ascontiguousarray(np.rot90(painted, -turns))


def draw_patch(image: Picture, mask: Picture, random: np.random.Generator) -> Picture:
    """A round sticker of one colour, an eighth to three eighths of the side in radius, cut by the border.

    Such stickers lie beside the lesion: of four places, the one that hides least of `mask`.
    """
    size = len(image)
    radius = size * random.uniform(0.125, 0.375)
    turn = random.uniform(0, 2 * np.pi) + np.arange(4) * np.pi / 2
    towards = np.stack([np.cos(turn), np.sin(turn)], 1)
    border = size / 2 / np.abs(towards).max(1, keepdims=True)
    centres = size / 2 + (border + radius * random.uniform(-0.4, 0.6)) * towards
    place = np.arange(size, dtype=np.float32) + 0.5
    dx, dy = place - centres[:, :1].astype(np.float32), place - centres[:, 1:].astype(np.float32)
    distance = np.sqrt(dx[:, None, :] ** 2 + dy[:, :, None] ** 2)
    hidden = ((distance < radius) & (mask == 1)).sum((1, 2))
    # The border is one hundredth of the side wide, about a pixel.
    inside = np.clip((radius - distance[np.argmin(hidden)]) / (size / 100) + 0.5, 0, 1)[..., None]
    colour = np.array(STICKERS[random.integers(len(STICKERS))], np.float32) * random.uniform(0.75, 1.15)
    shade = 1 + random.uniform(-0.25, 0.25) * (place / size - 0.5)[:, None, None]  # lit from one side
    return _uint8(np.rint(np.clip(image * (1 - inside) + colour.astype(np.float32) * shade * inside, 0, 255)))


def draw_ink(image: Picture, mask: Picture, random: np.random.Generator) -> Picture:
    """Marks of a skin marker around the lesion, violet or blue: a ring not quite closed, some arcs, or dots.

    They follow an ellipse 1.1 to 1.5 times as wide and high as `mask`, or as the middle half where it is empty, and
    absorb light, so that skin and its lines stay visible below.
    """
    size = len(image)
    columns, rows = np.flatnonzero(mask.any(axis=0)), np.flatnonzero(mask.any(axis=1))
    if not len(columns):
        columns = rows = np.array([size // 4, size - size // 4])
    centre = np.array([columns[0] + columns[-1], rows[0] + rows[-1]]) / 2
    half = np.array([columns[-1] - columns[0], rows[-1] - rows[0]]) / 2
    half = np.maximum(half, size / 12) * random.uniform(1.1, 1.5) + size * 0.02
    width = max(1, round(size * random.uniform(0.012, 0.035)))
    kind = random.integers(3)
    number = 1 if kind == 0 else int(random.integers(2, 6))
    span = random.uniform(3.5, 6) if kind == 0 else random.uniform(0.15, 0.9) if kind == 1 else 0.02
    middles = random.uniform(0, 2 * np.pi) + np.arange(number) * 2 * np.pi / number + random.normal(0, 0.2, number)
    strokes = np.zeros((size, size), np.uint8)
    for middle in middles:
        angle = middle + np.linspace(-span / 2, span / 2, 24)
        wobble = 1 + 0.05 * np.sin(3 * angle + middle) + random.normal(0, 0.01, 24)
        curve = centre + half * np.stack([np.cos(angle), np.sin(angle)], 1) * wobble[:, None]
        # A hand does not press alike: each stroke has a strength of its own.
        cv2.polylines(strokes, [_fixed(curve)], False, random.uniform(150, 255), width, cv2.LINE_AA, shift=4)
    pressed = cv2.GaussianBlur(strokes, (0, 0), max(0.4, width / 5)).astype(np.float32)[..., None] / 255
    left = np.array(INKS[random.integers(len(INKS))], np.float32) / 255
    strength = np.float32(random.uniform(0.5, 0.95))
    return _uint8(np.rint(image * (1 - strength * pressed * (1 - left))))


def _fixed(points: NDArray[np.float64]) -> NDArray[np.int32]:
    """Points in pixels as cv2 draws them with shift 4: sixteenths."""
    return np.rint(points * 16).astype(np.int32)


def _uint8(array: object) -> NDArray[np.uint8]:
    return np.asarray(array, dtype=np.uint8)
