"""`derm compare`: two sets of weights on the same images, figure by figure, with the interval of the difference."""

import math
from pathlib import Path
from typing import Annotated

import typer

from derm.cli.targets import refuse_read, results_files
from derm.cli.terminal import out, progress


def compare(
    first: Annotated[Path, typer.Argument(help="Folder that `derm evaluate` wrote for one set of weights.")],
    second: Annotated[Path, typer.Argument(help="The same for the other, measured on the same images.")],
    target: Annotated[Path | None, typer.Option("--out", help="File for the table, CSV.")] = None,
) -> None:
    """Say how two sets of weights differ, by a paired bootstrap over lesions."""
    from rich.table import Table

    from derm.evaluate.compare import compare as hold_against
    from derm.evaluate.results import read_results
    from derm.files import check_file, write_text
    from derm.spreadsheet import csv_table

    if target:
        check_file(target)
        refuse_read([target], results_files([first, second]))
    one, other = read_results(first), read_results(second)
    with progress("Resampling") as watch:
        found = hold_against(one, other, progress=watch)
    table = Table(title=f"{other.name}\nless {one.name}", title_justify="left")
    for name in ("measure", "first", "second", "difference", "95 % interval"):
        table.add_column(name, justify="left" if name == "measure" else "right")
    for row in found.to_dict("records"):
        known = not math.isnan(row["low"])
        table.add_row(
            str(row["figure"]),
            f"{row['first']:.3f}",
            f"{row['second']:.3f}",
            f"{row['difference']:+.3f}",
            f"{row['low']:+.3f} – {row['high']:+.3f}" if known else "–",
        )
    out.print(table)
    about = one.about
    out.print(
        f"Where the interval holds 0, these {about['images']:,} images of the {about['part']} part cannot tell the two "
        "apart; of other seeds and other images it says nothing."
    )
    if target:
        write_text(target, csv_table(found, ".6f"))
        out.print(f"Written: {target}")
