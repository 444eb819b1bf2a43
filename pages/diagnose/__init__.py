"""Parts of the page Diagnose, `streamlit_app.py`."""
