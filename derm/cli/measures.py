"""`derm measures`: measures of lesions, and what each alone is worth."""

from pathlib import Path
from typing import Annotated

import typer

from derm.cli.targets import data_tables, refuse_read
from derm.cli.terminal import out, progress


def measures(
    data: Annotated[list[Path], typer.Option(help="Folder of a data set with outlines; several may be given.")],
    target: Annotated[Path | None, typer.Option("--out", help="CSV file, one row an image.")] = None,
    split: Annotated[str, typer.Option(help="Part to measure: 'train', 'validation' or 'test'.")] = "validation",
    worth: Annotated[
        Path | None, typer.Option(help="JSON file that what each measure is worth is written to, by source and part.")
    ] = None,
    workers: Annotated[int, typer.Option(min=1, help="Images measured at once.")] = 2,
) -> None:
    """Measure each lesion inside its true outline, and say how well each measure alone tells melanoma, by source."""
    from rich.table import Table

    from derm.data.catalogue import read_data
    from derm.data.split import known_part, split_catalogue
    from derm.evaluate.lesion_measures import known_worth, measure_rows, measure_worth, merged, worth_records
    from derm.files import check_file, is_named, write_json, write_text
    from derm.spreadsheet import csv_table

    part = known_part(split)
    for file in filter(None, (target, worth)):
        check_file(file)
        refuse_read([file], data_tables(data))
    catalogue = read_data(data)
    parts = split_catalogue(catalogue)
    lesions = catalogue.table.assign(lesion_id=parts.lesions)  # near duplicates joined; a layout may name none
    kept = known_worth(worth) if worth and is_named(worth) else []
    with progress("Measuring") as watch:
        rows = measure_rows(lesions.iloc[parts.rows(part)], workers, watch)
    if target:
        write_text(target, csv_table(rows, ".6f"))
        out.print(f"Written: {target}")
    table = Table(title=f"How well a measure alone tells them: AUC, {part} part", title_justify="left")
    for name in ("source", "tells", "of images", "measure", "AUC", "95 % interval"):
        table.add_column(name)
    told = measure_worth(rows)
    if worth:
        write_json(worth, merged(kept, worth_records(told, part)))
        out.print(f"Written: {worth}")
    for row in told.to_dict("records"):
        span = "–" if row["low"] is None else f"{row['low']:.2f} – {row['high']:.2f}"
        count = f"{row['positive']} of {row['images']}"
        table.add_row(row["source"], row["tells"], count, row["measure"], f"{row['auc']:.2f}", span)
    out.print(table)
