"""Outlines, heat maps and masks drawn on a picture, and the bytes that a browser shows.

Needs arrays of one size. Lines grow with the picture, so that they look alike on every one. Knows nothing of
diagnoses and models.
"""

import cv2
import numpy as np
from cv2.typing import MatLike
from numpy.typing import NDArray

LIGHT = (255, 255, 255)
"""Of the line itself, sRGB."""

DARK = (20, 20, 20)
"""Of its rim, sRGB. One of the two stands out on pale skin, on dark skin and on the black corners of a dermatoscope."""

LINE = 0.0025
"""Width of the line as a share of the picture's longer side: 3 pixels of 1,200."""

DASH = 6
"""Length of a dash and of a gap, in widths of the line."""

HEAT = cv2.COLORMAP_INFERNO
"""Perceptually even, from black over red to pale yellow; it rises in lightness, so it is read without colour, too."""

JPEG_QUALITY = 92
"""Of pictures for the screen. What is downloaded is PNG and loses nothing."""


def resize_picture(image: NDArray[np.uint8], height: int, width: int) -> NDArray[np.uint8]:
    """The picture, uint8 (H, W, 3), at another size, uint8 (height, width, 3), shrunk or grown without steps."""
    method = cv2.INTER_AREA if image[..., 0].size > height * width else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(image, (width, height), interpolation=method), dtype=np.uint8)


def resize_mask(mask: NDArray[np.bool_], height: int, width: int) -> NDArray[np.bool_]:
    """The mask, bool (H, W), at another size, bool (height, width): True where at least half of a pixel was."""
    if mask.shape == (height, width):
        return mask
    method = cv2.INTER_AREA if mask.size > height * width else cv2.INTER_LINEAR
    scaled = cv2.resize(mask.astype(np.uint8) * 255, (width, height), interpolation=method)
    return np.asarray(scaled) >= 128


def draw_outline(
    image: NDArray[np.uint8], mask: NDArray[np.bool_], *, dashed: bool = False, scale: float = 1.0
) -> NDArray[np.uint8]:
    """A copy of the picture with a light line in a dark rim along the border of the mask.

    image: uint8 (H, W, 3) RGB. mask: bool (H, W); an empty one leaves the picture as it is. dashed: for the true
    outline, where the model's own is drawn, too. scale: of the line's width; small pictures need more than 1. Raises
    ValueError for two sizes.
    """
    _check(image, mask)
    contours, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
    line = max(1, round(scale * LINE * max(mask.shape)))
    strokes = [stroke for contour in contours for stroke in _dashes(contour, DASH * line)] if dashed else contours
    drawn = np.ascontiguousarray(image).copy()
    cv2.polylines(drawn, strokes, not dashed, DARK, 3 * line, cv2.LINE_AA)
    cv2.polylines(drawn, strokes, not dashed, LIGHT, line, cv2.LINE_AA)
    return drawn


def draw_line(
    image: NDArray[np.uint8], start: tuple[float, float], end: tuple[float, float], scale: float = 0.7
) -> NDArray[np.uint8]:
    """A copy of the picture with a light line in a dark rim between two places, (x, y), and a bar across each end.

    image: uint8 (H, W, 3) RGB. scale: of the line's width, as in `draw_outline`.
    """
    line = max(1, round(scale * LINE * max(image.shape[:2])))
    along = np.subtract(end, start)
    bar = np.array([-along[1], along[0]]) / max(float(np.hypot(*along)), 1e-9) * 5 * line
    ends = [(start, end), *((np.subtract(place, bar), np.add(place, bar)) for place in (start, end))]
    strokes = [np.rint(np.array(pair)).astype(np.int32)[:, None] for pair in ends]
    drawn = np.ascontiguousarray(image).copy()
    cv2.polylines(drawn, strokes, False, DARK, 3 * line, cv2.LINE_AA)
    cv2.polylines(drawn, strokes, False, LIGHT, line, cv2.LINE_AA)
    return drawn


def lay_heat(image: NDArray[np.uint8], heat: NDArray[np.float32], opacity: float) -> NDArray[np.uint8]:
    """The picture under the colours of a heat map.

    image: uint8 (H, W, 3) RGB. heat: float32 (H, W), 0 … 1. opacity: 0 … 1, the same everywhere, so that one colour
    means one value. Raises ValueError for two sizes or an opacity outside.
    """
    _check(image, heat, opacity)
    return _blend(image, heat_colours(heat), opacity)


def lay_mask(image: NDArray[np.uint8], mask: NDArray[np.bool_], colour: str, opacity: float) -> NDArray[np.uint8]:
    """The picture with the inside of a mask tinted and its border drawn.

    image: uint8 (H, W, 3) RGB. mask: bool (H, W). colour: sRGB as '#rrggbb'. opacity: of the tint, 0 … 1; the border
    is always drawn, for colour alone would be lost on some skin. Raises ValueError for two sizes or an opacity outside.
    """
    _check(image, mask, opacity)
    tinted = np.where(mask[..., None], np.array(rgb(colour), dtype=np.uint8), image)
    return draw_outline(_blend(image, tinted, opacity), mask)


def heat_colours(heat: NDArray[np.float32]) -> NDArray[np.uint8]:
    """The colours of values 0 … 1, float32 (H, W): uint8 (H, W, 3) RGB."""
    levels = np.rint(heat.clip(0, 1) * np.float32(255)).astype(np.uint8)
    return np.asarray(cv2.cvtColor(cv2.applyColorMap(levels, HEAT), cv2.COLOR_BGR2RGB), dtype=np.uint8)


def heat_stops(count: int = 9) -> list[str]:
    """The heat map's colours at `count` even steps from 0 to 1, as '#rrggbb': for a legend."""
    scale = heat_colours(np.linspace(0, 1, count, dtype=np.float32)[None])[0]
    return [f"#{red:02x}{green:02x}{blue:02x}" for red, green, blue in scale.tolist()]


def rgb(colour: str) -> tuple[int, int, int]:
    """Red, green and blue, 0 … 255, of '#rrggbb'."""
    red, green, blue = bytes.fromhex(colour.removeprefix("#"))
    return red, green, blue


def jpeg(image: NDArray[np.uint8]) -> bytes:
    """A JPEG file of the picture, uint8 (H, W, 3) RGB, for the screen; it holds pixels and nothing else."""
    settings = [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY]
    _, encoded = cv2.imencode(".jpg", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), settings)
    return encoded.tobytes()


def png(image: NDArray[np.uint8]) -> bytes:
    """A PNG file of a picture, uint8 (H, W, 3) RGB, or of a grey one, uint8 (H, W); it holds nothing but pixels."""
    _, encoded = cv2.imencode(".png", image if image.ndim == 2 else cv2.cvtColor(image, cv2.COLOR_RGB2BGR))
    return encoded.tobytes()


def mask_png(mask: NDArray[np.bool_]) -> bytes:
    """A PNG file of a mask, bool (H, W): 255 on lesion, 0 elsewhere."""
    return png(mask.astype(np.uint8) * np.uint8(255))


def _dashes(contour: MatLike, length: int) -> list[MatLike]:
    """A closed contour, int32 (n, 1, 2), as every other piece of `length` points of it."""
    return [contour[start : start + length] for start in range(0, len(contour), 2 * length)]


def _blend(below: NDArray[np.uint8], above: NDArray[np.uint8], opacity: float) -> NDArray[np.uint8]:
    return np.asarray(cv2.addWeighted(above, opacity, below, 1 - opacity, 0), dtype=np.uint8)


def _check(image: NDArray[np.uint8], layer: NDArray[np.bool_] | NDArray[np.float32], opacity: float = 1.0) -> None:
    if layer.shape != image.shape[:2]:
        raise ValueError(f"the picture is {image.shape[:2]}, the layer {layer.shape}: bring them to one size first")
    if not 0 <= opacity <= 1:
        raise ValueError(f"the opacity is {opacity}, not a share from 0 to 1")
