"""The theme's colours, and how far two colours stand apart.

Needs the app's own configuration. Knows no figure.
"""

import tomllib
from pathlib import Path

import numpy as np

THEME = tomllib.loads((Path(__file__).parents[1] / ".streamlit" / "config.toml").read_text())["theme"]


def linear(colour: str) -> np.ndarray:
    """Linear RGB, 0 … 1, of a colour in sRGB such as #1F77B4."""
    value = np.array(list(bytes.fromhex(colour[1:]))) / 255
    return np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)


def contrast(one: str, other: str) -> float:
    """WCAG 2: 1 … 21."""
    dark, light = sorted(float(linear(colour) @ [0.2126, 0.7152, 0.0722]) for colour in (one, other))
    return (light + 0.05) / (dark + 0.05)
