"""`derm quality`: blur, exposure, resolution, framing and marks of pictures as a table, before any diagnosis."""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from derm.cli.targets import refuse_read, weights_files
from derm.cli.terminal import err, out, progress

if TYPE_CHECKING:
    from derm.model.weights import Model
    from derm.predict.found import FoundPicture
    from derm.predict.record import Record


NAMELESS = "It cannot be read: check its path, or the archive that it is in."
"""Said of what cannot be read where names are left out: the sentence that is known names the file, or its archive."""


def quality(
    paths: Annotated[list[Path], typer.Argument(help="Pictures, or folders of pictures.")],
    target: Annotated[Path | None, typer.Option("--out", help="CSV file, one row a picture.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Write the rows to standard output as JSON.")] = False,
    nameless: Annotated[
        bool, typer.Option("--nameless", help="Name pictures by their content, for files may bear a patient's name.")
    ] = False,
    weights: Annotated[
        Path | None, typer.Option(help="Weights (.json or .safetensors) whose outline is taken; without: the shipped.")
    ] = None,
) -> None:
    """Measure pictures and say what to do about each, without a diagnosis.

    Without --out and --json each picture is a line. docs/doubts.md has every threshold, how it was chosen and its false
    alarms. Exit status 1 if one could not be read. Research use only, not a medical device.
    """
    from derm.files import check_file, write_text
    from derm.model.weights import default_weights, load_weights
    from derm.predict.folder import not_looked_at, survey
    from derm.predict.quality import counted, quality_csv, rounded

    if target is not None:
        check_file(target)
        refuse_read([target], [*paths, *weights_files(weights)])
    found = survey(paths, (), () if target is None else (target,))
    if left_out := not_looked_at(found.passed_over):
        err.print(left_out)
    model = load_weights(weights or default_weights())
    rows = []
    with progress("Measuring") as watch:
        for done, row in enumerate(_rows(model, found.files, nameless=nameless), 1):
            rows.append(row)
            if target is None and not as_json:
                out.print(f"{row['file']}: {row['what_to_do'] or 'nothing was found'}")
            watch(done, len(found.files))
    if target is not None:
        write_text(target, quality_csv(rows))
    if as_json:
        typer.echo(json.dumps([rounded(row) for row in rows], indent=2, ensure_ascii=False))
    else:
        usable = sum(bool(row["usable"]) for row in rows)
        out.print(f"{usable:,} of {len(rows):,} pictures can be judged{f': {target}' if target else '.'}")
        out.print(", ".join(f"{key} {count:,}" for key, count in counted(rows).items()) or "Nothing was found.")
    raise typer.Exit(1 if any(row["error"] for row in rows) else 0)


def _rows(model: "Model", files: "list[FoundPicture]", *, nameless: bool) -> "Iterator[Record]":
    from derm.errors import ImageRefused
    from derm.image.decode import read_image
    from derm.predict.case import diagnose
    from derm.predict.found import printable
    from derm.predict.quality import quality_row, refused_row

    for place, one in enumerate(files, 1):
        name = f"Picture {place}" if nameless else printable(one.path)
        if one.fault:
            yield refused_row(name, NAMELESS if nameless else one.fault)
            continue
        try:
            content = one.read()
        except ImageRefused as refused:
            yield refused_row(name, NAMELESS if nameless else str(refused))
            continue
        if nameless:
            name = hashlib.sha256(content).hexdigest()[:12]
        try:
            pixels = read_image(content, name if nameless else one.path.name)
        except ImageRefused as refused:
            yield refused_row(name, str(refused))
            continue
        yield quality_row(diagnose(model, pixels, name), name, model.description.model.input_size)
