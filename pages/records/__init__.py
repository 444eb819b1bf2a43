"""Parts of the page Cases, `pages/4_Cases.py`."""
