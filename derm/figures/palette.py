"""Derm's colours, each for the light page and the dark one; those of the seven diagnoses stand in `derm.diagnoses`.

`.streamlit/config.toml` has the page's own, and a test holds it to this table. All have the contrast that
`tests/figures` asks for. Needs nothing.
"""

from typing import NamedTuple


class Tone(NamedTuple):
    """A colour on the light page and on the dark one, as #RRGGBB."""

    light: str
    dark: str

    def on(self, *, dark: bool) -> str:
        """The colour on the dark page, or on the light one."""
        return self.dark if dark else self.light


PAGE = Tone("#FDFCFB", "#15181B")
"""What everything lies on."""

PANEL = Tone("#F0EFEC", "#22272B")
"""A field or a label on it."""

TEXT = Tone("#22272B", "#ECEAE6")
"""Words and axes."""

SOFT_TEXT = Tone("#3A4046", "#D3D2CF")
"""Words beside a drawing."""

GREY = Tone("#666C72", "#9AA1A8")
"""What others are compared with."""

PRIMARY = Tone("#2B5A6E", "#8FBFD1")
"""Derm's own: buttons, the first line."""

SECOND = Tone("#A8480F", "#F2A65A")
"""The second line beside it."""

CHOSEN = Tone("#B3541E", "#F2B33D")
"""What was chosen, or what a sentence speaks of."""

WARM = Tone("#9C2A00", "#E8602F")
"""The second of two methods; a limit in a figure; a picture with a missed malignant lesion."""

ALARM = Tone("#A06A00", "#F2B33D")
"""A picture that was referred for nothing."""

CAPTION = Tone("#5C6166", "#A9ADB0")
"""Small words below others."""

RULE = Tone("#DAD8D3", "#3A4046")
"""Thin lines around fields and between rows."""

BODY, PLACE = "#7C8589", "#D55E00"
"""The outline of a body and a place on it, on both pages."""

SCALE = (Tone("#F3F1ED", "#20262B"), Tone("#0F4358", "#A6D8EA"))
"""From none to all, in a matrix."""

CATEGORIES = (
    Tone("#008CDB", "#00A0FA"),
    Tone("#A0781C", "#FFDE94"),
    Tone("#115F4A", "#00CC94"),
    Tone("#B67298", "#F5EBF0"),
    Tone("#45250C", "#DB6100"),
    Tone("#2F759D", "#95C4DF"),
    Tone("#2D2D52", "#7575B3"),
)
"""Fills of values that are no diagnoses, such as sexes and sources: the hues of Okabe and Ito's palette, spread in
lightness until they stay apart without red and green."""

SERIES = (
    PRIMARY,
    SECOND,
    Tone("#7D1A52", "#FFAAC4"),
    Tone("#2E7D4F", "#5FD39A"),
    Tone("#5B4B9A", "#B9AEF0"),
    Tone("#8A6A00", "#F0CF57"),
    Tone("#0B6E8A", "#55C7E8"),
    Tone("#4A4F55", "#C9CDD2"),
)
"""Lines that are told apart, such as runs."""


PRINTED = (PRIMARY.light, "#7FA6B5", GREY.light)
"""Bars on paper, which differ by pattern, too."""

STYLED = {"page": PAGE, "primary": PRIMARY, "warm": WARM, "alarm": ALARM, "caption": CAPTION}
"""What the pages' style sheet may name, as var(--derm-NAME)."""


def style_variables() -> str:
    """The colours of `STYLED` for a style sheet, each right on the light page and on the dark one."""
    named = " ".join(f"--derm-{name}: light-dark({tone.light}, {tone.dark});" for name, tone in STYLED.items())
    return f":root {{ {named} }}"


def scale_on(*, dark: bool) -> tuple[str, str]:
    """The ends of `SCALE` on the dark page, or on the light one."""
    return SCALE[0].on(dark=dark), SCALE[1].on(dark=dark)
