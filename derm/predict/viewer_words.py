"""What the viewer of a picture says: its buttons, its keys, and what it tells while it is worked with.

Needs nothing. Knows nothing of pages.
"""

LAYER_NAMES = {
    "Outline": "Outline",
    "Heat map": "Heat map",
    "Class mask": "Class mask",
    "Diameter": "Diameter",
}
"""Of layers that lie on a picture."""

GONE = "This picture is no longer in memory: open its case again, then use what you drew."

WORDS = {
    "bar": "Zoom and tools. Also double click, Ctrl and wheel, two fingers",
    "keys": "Picture. Plus and minus zoom, 0 shows the whole, arrow keys move it",
    "keys_points": "Outline. N and P go from point to point, arrow keys move it, with Shift further, I inserts one, "
    "Delete removes it, Ctrl+Z takes a step back, Escape leaves",
    "keys_brush": "Brush. Arrow keys move it, with Shift further, Space paints, Ctrl+Z goes a step back, Escape leaves",
    "keys_ruler": "Ruler. Arrow keys move an end, with Shift further, N goes to the other end, Escape leaves",
    "layers": "Layers on the picture",
    "work": "What the tool offers",
    "plain": "The picture as it came.",
    "out": "Smaller",
    "in": "Larger",
    "whole": "Whole picture",
    "side": "Side by side",
    "side_help": "The picture as it came beside the one with layers; both move as one",
    "ruler": "Ruler",
    "ruler_help": "Measure a length, or tell the scale by a ruler in the picture",
    "edit": "Correct outline",
    "edit_help": "Move, insert and delete points, or paint; the model's outline is kept",
    "full": "Full screen",
    "opacity": "Opacity,",
    "points": "Points",
    "points_help": "Drag a point, or the line between two to make a new one",
    "paint": "Brush +",
    "paint_help": "Paint to the outline what is lesion",
    "erase": "Brush −",
    "erase_help": "Wipe away what is none",
    "size": "Size",
    "insert": "Insert point",
    "remove": "Delete point",
    "undo": "Undo",
    "redo": "Redo",
    "models": "Model's outline",
    "models_help": "Begin again from the model's outline",
    "use": "Use this outline",
    "use_help": "Measures, class mask and agreement follow it; the answer does not change",
    "cancel": "Discard",
    "mm": "The line along the ruler is, in mm",
    "set_scale": "Use as scale",
    "close": "Close",
    "said_point": "Point {n} of {of}, at {x}, {y}.",
    "said_brush": "Brush at {x}, {y}.",
    "said_ruled": "{length} from end to end.",
    "said_last": "An outline needs three points: nothing was taken away.",
    "said_undone": "One step back.",
    "said_redone": "One step on.",
}
"""By name, as `pages/parts/viewer.js` asks for them."""
