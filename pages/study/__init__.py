"""Parts of the page Study, `pages/5_Study.py`."""
