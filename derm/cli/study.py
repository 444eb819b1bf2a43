"""`derm study`: make a reader study, see its results, take them away."""

from pathlib import Path
from typing import Annotated

import typer

from derm.cli.targets import refuse_read
from derm.cli.terminal import err, out, progress
from derm.errors import ConfigFault
from derm.files import read_file

MOST_LIST = 1 << 20
"""Bytes of a list of images, at most: some fifty thousand names."""

app = typer.Typer(help="Reader studies: does the answer help? Make one, see results, export.", no_args_is_help=True)


@app.command()
def new(
    folder: Annotated[Path, typer.Argument(help="Folder to make; under DERM_STUDIES the page Study finds it.")],
    data: Annotated[list[Path], typer.Option(help="Folder of a data set, in any layout of docs/data.md.")],
    reader: Annotated[list[str], typer.Option(help="Name of a reader; once for each.")],
    cases: Annotated[int, typer.Option(help="How many cases are drawn by lot, one of a lesion.")] = 40,
    malignant: Annotated[float, typer.Option(help="Share of malignant ones among them.")] = 0.5,
    fixed: Annotated[Path | None, typer.Option("--list", help="File with a name of an image a line, no lot.")] = None,
    arm: Annotated[list[str] | None, typer.Option(help="without, with or explained; without this: all three.")] = None,
    washout: Annotated[int, typer.Option(help="Days between two arms, at least.")] = 28,
    seed: Annotated[int, typer.Option(help="Draws cases and orders.")] = 0,
    even_known: Annotated[bool, typer.Option(help="Take cases that the weights learned from.")] = False,
    weights: Annotated[Path | None, typer.Option(help="Weights (.json); without: the shipped ones.")] = None,
) -> None:
    """Draw cases, ask the model about them once, and freeze cases, answers, arms and readers by one hash."""
    import numpy as np

    from derm.cli.terminal import read_known
    from derm.data.split import split_catalogue
    from derm.evaluate.known import find_known
    from derm.model.weights import default_weights, load_weights
    from derm.study import words
    from derm.study.design import ARMS, choose_cases, new_study

    listed = _names(fixed) if fixed else None
    catalogue, model = read_known(data), load_weights(weights or default_weights())
    every = np.arange(len(catalogue.table))
    with progress("Looking for cases that the weights know") as watch:
        split = split_catalogue(catalogue, "lesion")
        known = find_known(model.description, catalogue, split, every, watch, calibrated=True).rows
    drawn_of = None if even_known else known
    names = choose_cases(catalogue, cases, malignant, seed, drawn_of) if listed is None else listed
    chosen = catalogue.table["image_id"].isin(names).to_numpy()
    if (twice := split.lesions[chosen][split.lesions[chosen].duplicated(keep=False)]).size:
        two = ", ".join(catalogue.table["image_id"][twice.index[twice == twice.iloc[0]]][:3])
        raise ConfigFault(
            f"{len(twice)} of these {int(chosen.sum())} cases show a lesion that another one shows, too ({two}), and "
            "cases count as independent: name one image of each lesion."
        )
    if count := int((known & chosen).sum()):
        said = (
            f"The weights learned from, or were calibrated on, {count} of these {int(chosen.sum())} cases: their "
            "answers are too good"
        )
        if not even_known:
            raise ConfigFault(f"{said}. Take others with --list, or go on with --even-known.")
        err.print(f"{said}.")
    with progress("Asking about the cases") as watch:
        study = new_study(
            folder, catalogue, model, names, readers=reader, arms=arm or ARMS, washout_days=washout, seed=seed,
            progress=watch,
        )  # fmt: skip
    out.print(words.frozen(study))
    out.print(words.mix(study))


@app.command()
def results(
    folder: Annotated[Path, typer.Argument(help="Folder of a study.")],
    as_json: Annotated[bool, typer.Option("--json", help="Everything as JSON.")] = False,
) -> None:
    """Sensitivity, specificity, accuracy and AUC by arm, compared over readers and cases."""
    import json

    from derm.study import words
    from derm.study.design import read_study
    from derm.study.reading import read_given
    from derm.study.results import as_dict, results_of

    study = read_study(folder)
    found = results_of(study, read_given(folder, study))
    if as_json:
        out.print_json(json.dumps(as_dict(study, found)))
        return
    for line in words.summary(study, found):
        out.print(line)


@app.command("export")
def export_to(
    folder: Annotated[Path, typer.Argument(help="Folder of a study.")],
    target: Annotated[Path, typer.Option("--out", help="CSV file: every opinion with truth and answer.")],
) -> None:
    """Write every opinion with the truth and the answer for its case."""
    from derm.files import check_file, write_text
    from derm.study import design, reading
    from derm.study.design import read_study
    from derm.study.reading import read_given
    from derm.study.results import opinions_csv

    check_file(target)
    refuse_read([target], [folder / design.FILE, folder / reading.FILE])
    study = read_study(folder)
    write_text(target, opinions_csv(study, read_given(folder, study)))
    out.print(str(target))


def _names(path: Path) -> list[str]:
    try:
        lines = read_file(path, MOST_LIST).decode("utf-8-sig").splitlines()
        return [line.strip() for line in lines if line.strip()]
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", error)
        raise ConfigFault(f"{path} cannot be read ({reason}): name a text file, an image a line.") from error
