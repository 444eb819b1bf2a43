"""Random variants of a training image, its mask following: rotation, flips, crop-and-scale, brightness and colour, and
what a dermoscope and its picture suffer from: hair, dark corners, blur, a hidden part, and what other clinics' pictures
have: other light and cameras, scales, stickers, ink.

Needs square uint8 images. Each variant is a function of its seed alone, so that a resumed run sees the same ones.
"""

from dataclasses import dataclass
from typing import NamedTuple

import albumentations as A
import cv2
import numpy as np
from numpy.typing import NDArray

from derm.data.artefacts import (
    add_noise,
    colour_curves,
    draw_ink,
    draw_patch,
    draw_ruler,
    light_aslant,
    recompress,
    shrink,
)
from derm.errors import ConfigFault
from derm.image.resize import PADDING
from derm.language.speech import say

HIDDEN = PADDING
"""Colour of a hidden rectangle: ImageNet's mean, which the network takes for 0."""


@dataclass(frozen=True)
class AugmentConfig:
    """How far training images are varied. Raises ConfigFault for a value outside its range."""

    enabled: bool = True
    """Off: images are shown as they are."""

    rotation: float = 180.0
    """Largest turn either way, degrees; a lesion has no upright."""

    smallest_crop: float = 0.7
    """Smallest share of the image's area that a crop keeps, above 0, at most 1."""

    brightness: float = 0.2
    """Largest relative change of brightness and of contrast, 0 … 1."""

    colour: float = 0.15
    """Largest relative change of saturation, 0 … 1; the hue turns by at most a tenth of it."""

    hair: float = 0.0
    """Share of the images over which a few thin dark hairs are drawn, 0 … 1."""

    vignette: float = 0.0
    """Share of the images that darken towards a round edge, to black corners as of a dermoscope, 0 … 1."""

    blur: float = 0.0
    """Share of the images that are blurred, by 0.4 to 1.2 pixels, or coarsened to half to nine tenths of their side,
    0 … 1."""

    erase: float = 0.0
    """Share of the images in which a rectangle of a tenth to a third of each side is hidden, 0 … 1 (DeVries and Taylor
    2017); the mask stays whole."""

    zoom: float = 0.0
    """Largest share of its side by which half of the images are shrunk, 0 … 0.75; they are reflected around it."""

    temperature: float = 0.0
    """Largest change of the white balance, 0 … 1: the logarithm of the gain of red and of the loss of blue, or the
    other way round; green against magenta by a third of it."""

    gamma: float = 0.0
    """Largest change of gamma, 0 … 1: the logarithm of the power that values are raised to."""

    gradient: float = 0.0
    """Largest relative fall of light across the image, 0 … 1."""

    noise: float = 0.0
    """Share of the images with a sensor's noise, of 2 to 12 of 255 in deviation, 0 … 1."""

    jpeg: float = 0.0
    """Share of the images that are compressed again, by JPEG at quality 30 to 90, 0 … 1."""

    ruler: float = 0.0
    """Share of the images with a scale along a border, 0 … 1."""

    patch: float = 0.0
    """Share of the images with a round coloured sticker at the border, 0 … 1."""

    ink: float = 0.0
    """Share of the images with marks of a violet or blue pen around the lesion, 0 … 1."""

    def __post_init__(self) -> None:
        """Check every field's range."""
        for name in ("hair", "vignette", "blur", "erase", "noise", "jpeg", "ruler", "patch", "ink"):
            if not 0 <= getattr(self, name) <= 1:
                raise ConfigFault(
                    say(
                        "The share of {name} {value} does not fit: use a share from 0 to 1.",
                        name=name,
                        value=getattr(self, name),
                    )
                )
        if not 0 <= self.rotation <= 180:
            raise ConfigFault(
                say(
                    "The rotation {rotation} does not fit: use 0 to 180 degrees.",
                    rotation=self.rotation,
                )
            )
        if not 0 < self.smallest_crop <= 1:
            raise ConfigFault(
                say(
                    "The smallest crop {smallest_crop} does not fit: use a share above 0, at most 1.",
                    smallest_crop=self.smallest_crop,
                )
            )
        for name, most in (("zoom", 0.75), ("temperature", 1), ("gamma", 1), ("gradient", 1)):
            if not 0 <= getattr(self, name) <= most:
                raise ConfigFault(
                    say(
                        "The {name} {value} does not fit: use 0 to {most}.",
                        name=name,
                        value=getattr(self, name),
                        most=most,
                    )
                )
        if not (0 <= self.brightness <= 1 and 0 <= self.colour <= 1):
            raise ConfigFault(
                say(
                    "Brightness {brightness} and colour {colour} do not fit: use shares from 0 to 1.",
                    brightness=self.brightness,
                    colour=self.colour,
                )
            )


class Variant(NamedTuple):
    """An image, uint8 (S, S, 3) RGB, and its mask, uint8 (S, S) of 0 and 1."""

    image: NDArray[np.uint8]
    mask: NDArray[np.uint8]


class Augmenter:
    """Draws variants; one for each process, since it holds a random state between its two steps."""

    def __init__(self, config: AugmentConfig, size: int) -> None:
        self._steps = A.Compose(
            [
                A.D4(p=1),
                A.Affine(
                    rotate=(-config.rotation, config.rotation),
                    border_mode=cv2.BORDER_REFLECT_101,  # black corners would be drawn into every turned image
                    interpolation=cv2.INTER_LINEAR,
                    mask_interpolation=cv2.INTER_NEAREST,
                    p=0.5 if config.rotation else 0,
                ),
                A.RandomResizedCrop(
                    size=(size, size),
                    scale=(config.smallest_crop, 1.0),
                    ratio=(0.8, 1.25),
                    interpolation=cv2.INTER_LINEAR,
                    mask_interpolation=cv2.INTER_NEAREST,
                    p=1 if config.smallest_crop < 1 else 0,
                ),
                A.ColorJitter(
                    brightness=(1 - config.brightness, 1 + config.brightness),
                    contrast=(1 - config.brightness, 1 + config.brightness),
                    saturation=(1 - config.colour, 1 + config.colour),
                    hue=(-config.colour / 10, config.colour / 10),
                    p=0.8 if config.brightness or config.colour else 0,
                ),
            ],
            seed=0,
        )
        self._config = config
        # After hair and edge, which it blurs and hides. Absent at 0: without them nothing more is drawn than before.
        last: list[A.BasicTransform | A.BaseCompose] = []
        if config.blur:
            blurs = [
                A.GaussianBlur(blur_limit=0, sigma_limit=(0.4, 1.2), p=1),
                A.Downscale(
                    scale_range=(0.5, 0.9),
                    interpolation_pair={"downscale": cv2.INTER_AREA, "upscale": cv2.INTER_LINEAR},
                    p=1,
                ),
            ]
            last.append(A.OneOf(blurs, p=config.blur))
        if config.erase:
            side = (0.1, 0.33)
            last.append(
                A.CoarseDropout((1, 1), hole_height_range=side, hole_width_range=side, fill=HIDDEN, p=config.erase)
            )
        self._last = A.Compose(last, seed=0) if last else None

    def vary(self, image: NDArray[np.uint8], mask: NDArray[np.uint8], seed: int) -> Variant:
        """Draw the variant of `image`, uint8 (S, S, 3), and `mask`, uint8 (S, S), that belongs to `seed`."""
        config = self._config
        # In the order of nature: where the lesion lies, what lies on the skin, light, camera, file. Shrinking comes
        # before the crop, which takes most of what is reflected away again.
        if config.zoom and (random := _lot(seed, 2, 0.5)):
            image, mask = shrink(image, mask, config.zoom, random)
        self._steps.set_random_seed(seed)
        varied = self._steps(image=image, mask=mask)
        picture, mask = varied["image"], varied["mask"]
        if random := _lot(seed, 3, config.ink):
            picture = draw_ink(picture, mask, random)
        if random := _lot(seed, 4, config.patch):
            picture = draw_patch(picture, mask, random)
        if random := _lot(seed, 5, config.ruler):
            picture = draw_ruler(picture, random)
        random = np.random.default_rng([seed, 1])
        hair, edge = random.random(2)
        if hair < config.hair:
            picture = draw_hair(picture, random)
        if config.gradient:
            picture = light_aslant(picture, config.gradient, np.random.default_rng([seed, 6]))
        if edge < config.vignette:
            picture = darken_edge(picture, random)
        if config.temperature or config.gamma:
            curves = colour_curves(config.temperature, config.gamma, np.random.default_rng([seed, 7]))
            picture = cv2.LUT(picture, curves)
        if random := _lot(seed, 8, config.noise):
            picture = add_noise(picture, random)
        if random := _lot(seed, 9, config.jpeg):
            picture = recompress(picture, random)
        if self._last is not None:
            self._last.set_random_seed(seed)
            picture = self._last(image=picture)["image"]
        return Variant(picture, mask)


def _lot(seed: int, number: int, share: float) -> np.random.Generator | None:
    """What a variation draws from where it acts on the image of `seed`, as it does on a `share` of them; else None.

    Each has its `number`, so that turning one on changes no other.
    """
    if not share:
        return None
    random = np.random.default_rng([seed, number])
    return random if random.random() < share else None


def draw_hair(image: NDArray[np.uint8], random: np.random.Generator) -> NDArray[np.uint8]:
    """Draw three to ten thin dark curves over `image`, uint8 (S, S, 3) RGB, and return the new one.

    Each is a quadratic Bézier curve that begins and ends anywhere, up to a third of the side beyond the border; one
    picture's hairs are of one colour, between black and brown. At 224 pixels they are one or two pixels wide.
    """
    size = len(image)
    painted = image.copy()
    brightness = random.uniform(0, 70)
    colour = tuple(brightness * np.array([1.0, 0.75, 0.6]))
    along = np.linspace(0, 1, 24)[:, None]
    for _ in range(random.integers(3, 11)):
        first, last = random.uniform(-size / 3, size * 4 / 3, (2, 2))
        bend = (first + last) / 2 + random.normal(0, size / 6, 2)
        curve = (1 - along) ** 2 * first + 2 * along * (1 - along) * bend + along**2 * last
        width = max(1, round(random.uniform(0.8, 2.2) * size / 224))
        cv2.polylines(painted, [np.rint(curve * 16).astype(np.int32)], False, colour, width, cv2.LINE_AA, shift=4)
    return painted


def darken_edge(image: NDArray[np.uint8], random: np.random.Generator) -> NDArray[np.uint8]:
    """Darken `image`, uint8 (S, S, 3) RGB, towards a round edge, beyond which it is black, and return the new one.

    The circle's radius is 0.5 to 0.68 of the side, its centre within a twentieth of the side from the middle; the
    darkening begins sharply at the edge or up to 0.3 of the side within it.
    """
    size = len(image)
    radius, soft = size * random.uniform(0.5, 0.68), size * random.uniform(0.01, 0.3)
    x, y = size / 2 + size * random.uniform(-0.05, 0.05, 2)
    place = np.arange(size, dtype=np.float32) + 0.5
    distance = np.hypot(place[:, None] - y, place[None, :] - x)
    light = np.clip((radius - distance) / soft, 0, 1)
    darkened: NDArray[np.uint8] = np.rint(image * light[..., None]).astype(np.uint8)
    return darkened
