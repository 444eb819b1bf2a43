"""`derm predict`: outline, probabilities and evidence for files and folders."""

import json
import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from derm.cli.terminal import err, out, progress
from derm.errors import ConfigFault

if TYPE_CHECKING:
    from derm.predict.case import Case


def predict(
    paths: Annotated[list[Path], typer.Argument(help="Pictures, or folders of pictures.")],
    target: Annotated[
        Path | None,
        typer.Option("--out", help="CSV file, one row a picture; without it the answers are printed."),
    ] = None,
    masks: Annotated[
        Path | None, typer.Option(help="Folder for the outlines and class masks, PNG at the picture's size.")
    ] = None,
    maps: Annotated[Path | None, typer.Option(help="Folder for the seven heat maps of each picture, PNG.")] = None,
    prevalence: Annotated[
        float | None,
        typer.Option(help="Share of malignant lesions among your patients, such as 0.05; without: as in the data."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Write the rows to standard output as JSON.")] = False,
    views: Annotated[int, typer.Option(help="8: the mean over eight turned and mirrored views, and their spread.")] = 1,
    weights: Annotated[
        Path | None, typer.Option(help="Weights (.json or .safetensors); without: the shipped ones.")
    ] = None,
) -> None:
    """Diagnose pictures, and say the answers unless --out or --json takes them.

    Exit status 1 if one could not be read; the others are written all the same.

    Research use only, not a medical device.
    """
    from derm.files import check_file
    from derm.model.weights import default_weights, load_weights
    from derm.predict.folder import predict_files, write_predictions
    from derm.predict.practice import data_share
    from derm.predict.words import NOTICE, in_terminal

    if target:
        check_file(target)
    model = load_weights(weights or default_weights())
    if prevalence is not None and data_share(model.description) is None:
        raise ConfigFault(
            "These weights do not say for which mix of diagnoses their probabilities hold, so that --prevalence cannot "
            "carry them elsewhere: `derm calibrate` records it."
        )

    def tell(case: "Case") -> None:
        if target is None and not as_json:
            out.print("\n".join(in_terminal(case, model.description)))

    with progress("Diagnosing") as watch:
        rows = predict_files(
            model, paths, masks=masks, maps=maps, prevalence=prevalence, views=views, watch=watch, tell=tell
        )
    if target:
        write_predictions(rows, target)
    records = rows.to_dict("records")
    if as_json:
        plain = [
            {key: None if isinstance(value, float) and math.isnan(value) else value for key, value in row.items()}
            for row in records
        ]
        typer.echo(json.dumps(plain, indent=2, ensure_ascii=False))
    failed = [row for row in records if row["error"]]
    for row in failed:
        err.print(f"derm: {row['error']}")
    if target and not as_json:
        out.print(f"{len(rows) - len(failed)} of {len(rows)} pictures diagnosed: {target}")
    elif not as_json:
        out.print(NOTICE)
    raise typer.Exit(1 if failed else 0)
