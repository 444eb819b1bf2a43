"""Derm: from a dermoscopic photograph to an outline, seven probabilities and the evidence for each."""

__version__ = "0.1.0"
