"""Figures without foreign markup: plotly takes tags in every text of a figure for its own, links among them.

Needs a figure. Knows the tags that Derm's own figures use; all others were brought in by data and are shown as text.
"""

import re
from typing import Any

import numpy as np
import plotly.graph_objects as go

from derm.language.speech import separators

_FOREIGN = re.compile(
    r"<(?!/?(?:b|br|extra)>|/span>|span style=[\"'](?:color: ?#[0-9a-fA-F]{6}|font-size: ?\d+px)[\"']>)"
)


def shown_figure(figure: go.Figure) -> go.Figure:
    """The figure with every tag but Derm's own as plain text; the very same where there is none, in English.

    Numbers that plotly writes follow the language now spoken.
    """
    content = figure.to_dict()
    cleaned = _cleaned(content)
    if separators() != ".,":  # plotly's own
        return go.Figure(cleaned).update_layout(separators=separators())
    return figure if cleaned is content else go.Figure(cleaned)


def _cleaned(value: Any) -> Any:  # noqa: ANN401 (whatever a figure holds)
    """`value` with foreign tags escaped; the very same where it has none."""
    if isinstance(value, str):
        return _FOREIGN.sub("&lt;", value) if "<" in value else value
    if isinstance(value, dict):
        # What a click gives back is nothing that is shown.
        found = {name: one if name == "customdata" else _cleaned(one) for name, one in value.items()}
        return found if any(found[name] is not one for name, one in value.items()) else value
    if isinstance(value, np.ndarray) and value.dtype.kind in "OUS":
        listed = value.tolist()
        told = _cleaned(listed)
        return value if told is listed else np.array(told, dtype=object)
    if isinstance(value, list | tuple):
        each = [_cleaned(one) for one in value]
        return each if any(new is not one for new, one in zip(each, value, strict=True)) else value
    return value
