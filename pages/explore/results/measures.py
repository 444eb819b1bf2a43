"""Figures and curves of the kept images with their intervals, resampled once for all sessions."""

from typing import Any

import streamlit as st

from derm.evaluate.results import Results
from derm.explore import predictions
from derm.explore.filtered import Kept
from derm.language.speech import mark
from pages.parts.spinning import spinning


@spinning(mark("Resampling for the intervals …"))
@st.cache_data(show_spinner=False, max_entries=32)
def shared_measures(stamp: str, kept: Kept, _results: Results) -> dict[str, Any]:
    """Figures of the kept images with intervals."""
    return predictions.measures(_results, kept)


@spinning(mark("Resampling for the intervals …"))
@st.cache_data(show_spinner=False, max_entries=32)
def shared_curves(stamp: str, kept: Kept, _results: Results) -> tuple[dict[str, Any], dict[str, Any]]:
    """Curves of the kept images, and intervals of their average precision."""
    return predictions.curves(_results, kept), predictions.precision_intervals(_results, kept)
