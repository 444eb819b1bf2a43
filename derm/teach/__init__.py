"""Corrections teach: which case to look at next, the training on confirmed cases, and what was gained by it."""
