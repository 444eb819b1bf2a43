"""Random variants of a training image, its mask following: rotation, flips, crop-and-scale, brightness and colour.

Needs square uint8 images. Each variant is a function of its seed alone, so that a resumed run sees the same ones.
"""

import os
from dataclasses import dataclass
from typing import NamedTuple

# albumentations asks the network for a newer version of itself when it is imported, unless told not to.
os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")

import albumentations as A
import cv2
import numpy as np
from numpy.typing import NDArray

from derm.errors import ConfigFault


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

    def __post_init__(self) -> None:
        """Check every field's range."""
        if not 0 <= self.rotation <= 180:
            raise ConfigFault(f"The rotation {self.rotation} does not fit: use 0 to 180 degrees.")
        if not 0 < self.smallest_crop <= 1:
            raise ConfigFault(f"The smallest crop {self.smallest_crop} does not fit: use a share above 0, at most 1.")
        if not (0 <= self.brightness <= 1 and 0 <= self.colour <= 1):
            raise ConfigFault(
                f"Brightness {self.brightness} and colour {self.colour} do not fit: use shares from 0 to 1."
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

    def vary(self, image: NDArray[np.uint8], mask: NDArray[np.uint8], seed: int) -> Variant:
        """Draw the variant of `image`, uint8 (S, S, 3), and `mask`, uint8 (S, S), that belongs to `seed`."""
        self._steps.set_random_seed(seed)
        varied = self._steps(image=image, mask=mask)
        return Variant(varied["image"], varied["mask"])
