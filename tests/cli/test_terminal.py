"""What a terminal obeys is shown, not sent, wherever it comes from."""

from io import StringIO

from rich.table import Table

from derm.cli.terminal import Terminal

HOSTILE = "a\x1b[31mb\x1b]0;T\x07c\u202ed\udc80"


def test_controls_of_names_are_shown_as_text():
    shown = StringIO()
    console = Terminal(file=shown, width=200, highlight=False, soft_wrap=True, markup=False, emoji=False)
    console.print(f"weights {HOSTILE}\nnext 皮膚 é\t1")
    table = Table(HOSTILE)
    table.add_row(HOSTILE)
    console.print(table)
    told = shown.getvalue()
    assert told.count(r"a\x1b[31mb\x1b]0;T\x07c\u202ed\udc80") == 3
    assert "\nnext 皮膚 é" in told
    assert not set(told) & set("\x1b\x07\u202e\udc80")
