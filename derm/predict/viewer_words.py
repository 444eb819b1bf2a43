"""What the viewer of a picture says: its buttons, its keys, and what it tells while it is worked with.

Needs nothing. Knows nothing of pages.
"""

from collections.abc import Mapping

from derm.language.speech import mark, say, separators

LAYER_NAMES = {
    "Outline": mark("Outline"),
    "Heat map": mark("Heat map"),
    "Class mask": mark("Class mask"),
    "Diameter": mark("Diameter"),
}
"""Of layers that lie on a picture."""

OPACITY_NAMES = {
    "Outline": mark("Opacity, outline"),
    "Heat map": mark("Opacity, heat map"),
    "Class mask": mark("Opacity, class mask"),
    "Diameter": mark("Opacity, diameter"),
}
"""Of the sliders of these layers."""

GONE = mark("This picture is no longer in memory: open its case again, then use what you drew.")

WORDS = {
    "bar": mark("Zoom and tools. Also double click, Ctrl and wheel, two fingers"),
    "keys": mark("Picture. Plus and minus zoom, 0 shows the whole, arrow keys move it"),
    "keys_points": mark(
        "Outline. N and P go from point to point, arrow keys move it, with Shift further, I inserts one, "
        "Delete removes it, Ctrl+Z takes a step back, Escape leaves"
    ),
    "keys_brush": mark(
        "Brush. Arrow keys move it, with Shift further, Space paints, Ctrl+Z goes a step back, Escape leaves"
    ),
    "keys_ruler": mark("Ruler. Arrow keys move an end, with Shift further, N goes to the other end, Escape leaves"),
    "layers": mark("Layers on the picture"),
    "work": mark("What the tool offers"),
    "plain": mark("The picture as it came."),
    "out": mark("Smaller"),
    "in": mark("Larger"),
    "whole": mark("Whole picture"),
    "side": mark("Side by side"),
    "side_help": mark("The picture as it came beside the one with layers; both move as one"),
    "ruler": mark("Ruler"),
    "ruler_help": mark("Measure a length, or tell the scale by a ruler in the picture"),
    "edit": mark("Correct outline"),
    "edit_help": mark("Move, insert and delete points, or paint; the model's outline is kept"),
    "full": mark("Full screen"),
    "points": mark("Points"),
    "points_help": mark("Drag a point, or the line between two to make a new one"),
    "paint": mark("Brush +"),
    "paint_help": mark("Paint to the outline what is lesion"),
    "erase": mark("Brush −"),
    "erase_help": mark("Wipe away what is none"),
    "size": mark("Size"),
    "insert": mark("Insert point"),
    "remove": mark("Delete point"),
    "undo": mark("Undo"),
    "redo": mark("Redo"),
    "models": mark("Model's outline"),
    "models_help": mark("Begin again from the model's outline"),
    "use": mark("Use this outline"),
    "use_help": mark("Measures, class mask and agreement follow it; the answer does not change"),
    "cancel": mark("Discard"),
    "mm": mark("The line along the ruler is, in mm"),
    "set_scale": mark("Use as scale"),
    "close": mark("Close"),
    "said_point": mark("Point {n} of {of}, at {x}, {y}."),
    "said_brush": mark("Brush at {x}, {y}."),
    "said_ruled": mark("{length} from end to end."),
    "said_last": mark("An outline needs three points: nothing was taken away."),
    "said_undone": mark("One step back."),
    "said_redone": mark("One step on."),
}
"""By name, as `pages/parts/viewer.js` asks for them."""


def said_words() -> dict[str, str | dict[str, str]]:
    """All of them in the language now spoken, with the decimal point of numbers."""
    return {
        **_said(WORDS),
        "names": _said(LAYER_NAMES),
        "opacities": _said(OPACITY_NAMES),
        "point": separators()[0],
    }


def _said(table: Mapping[str, str]) -> dict[str, str]:
    return {name: say(one) for name, one in table.items()}
