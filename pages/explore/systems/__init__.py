"""The view Other systems: what the paper compares itself with, on one split."""
