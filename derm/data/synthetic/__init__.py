"""Drawn lesions: one by one, as a whole data set, and as the stand-in where there is no other data set."""
