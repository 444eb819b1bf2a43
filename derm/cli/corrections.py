"""`derm bench corrections`: what a practice's corrections would buy, by the way in which its cases are chosen."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from derm.cli.terminal import err, out, progress

if TYPE_CHECKING:
    from derm.teach.simulate import CorrectionsWorth
    from derm.teach.simulate_whole import WholeWorth


def corrections(
    weights: Annotated[Path, typer.Option(help="Weights (.json) that have never seen the source in --practice.")],
    old: Annotated[list[Path], typer.Option(help="Folder of the data that they learned from; may be repeated.")],
    practice: Annotated[Path, typer.Option(help="Folder of the data set that stands for a practice.")],
    target: Annotated[Path, typer.Option("--out", help="Folder for corrections.csv and the features of all pictures.")],
    split: Annotated[
        str, typer.Option(help="Its part to measure on: 'validation' for choices, 'test'.")
    ] = "validation",
    size: Annotated[
        list[int] | None, typer.Option(min=1, help="Corrections, several times; without: 100, 200, 400.")
    ] = None,
    seeds: Annotated[int, typer.Option(min=1, max=1000, help="Practices of each way that draws lots.")] = 10,
    balance: Annotated[
        float, typer.Option(min=0, max=1, help="How evenly corrections and old data weigh, as source_balance.")
    ] = 0.8,
    whole: Annotated[
        int, typer.Option(min=0, max=1000, help="Train whole networks, too, so many epochs each; hours. 0: none.")
    ] = 0,
    anchor: Annotated[
        float | None, typer.Option(min=0, help="How strongly the head is held to where it began.")
    ] = None,
) -> None:
    """Confirm cases of a data set by lot and by doubt, train the class head on them, and measure what was gained.

    Pictures are asked about once; what they are made of lies in --out and is found again. The last line is JSON.
    """
    from derm.cli.terminal import read_known
    from derm.data.split import known_part, split_own
    from derm.files import make_folder, unlinked, write_text
    from derm.model.weights import load_weights
    from derm.spreadsheet import csv_table
    from derm.teach import simulate
    from derm.teach.head import ANCHOR

    part, model = known_part(split), load_weights(weights)
    make_folder(target)
    first, second = read_known(old), read_known([practice])
    with progress("Asking about pictures") as watch:
        bench = simulate.gather(model, first, second, part, target, watch)
    with progress("Practices") as watch:
        outcomes = simulate.simulate(
            bench, sizes=size or simulate.SIZES, seeds=seeds, balance=balance,
            anchor=ANCHOR if anchor is None else anchor, progress=watch,
        )  # fmt: skip
    for line in table_lines(outcomes):
        out.print(line)
    counts = f"{len(bench.measured.classes):,} pictures of the {part} part of {practice.name}"
    out.print(
        f"Measured on {counts}; of the old data on {len(bench.home.classes):,} validation pictures, on which the "
        "threshold was chosen each time, too. Each picture counts by itself, for sensitivity and specificity as well. "
        "In brackets 95 % intervals by bootstrap over lesions."
    )
    write_text(unlinked(target / "corrections.csv"), csv_table(simulate.table_of(outcomes), ".6f"))
    err.print(f"Written: {target / 'corrections.csv'}")
    if (second.table["mask_path"].iloc[split_own(second).rows(part)] != "").any():
        with progress("Measuring outlines") as watch:
            value, span = simulate.dice_of(model, second, part, watch)
        low, high = span or (float("nan"), float("nan"))
        out.print(f"Dice {value:.3f} ({low:.3f} – {high:.3f}), before and after: the head alone moves no outline.")
    if whole:
        from derm.teach.simulate_whole import simulate_whole

        with progress("Training whole networks") as watch:
            trained = simulate_whole(
                model, weights, first, second, part, bench, target, sizes=size or simulate.SIZES, epochs=whole,
                watch=lambda event: watch(event["step"], event["steps"]) if event["event"] == "tick" else None,
            )  # fmt: skip
        for line in whole_lines(trained):
            out.print(line)
    typer.echo(json.dumps([one._asdict() for one in outcomes]))


HEADS = {
    "mel_auc": "melanoma AUC",
    "sensitivity": "sensitivity",
    "specificity": "specificity",
    "balanced_accuracy": "balanced accuracy",
    "home_mel_auc": "old data: melanoma AUC",
    "home_balanced": "old data: balanced accuracy",
}
"""Figure → what it is called in the table."""


def whole_lines(found: "list[WholeWorth]") -> list[str]:
    """Trainings of whole networks as lines of a table, as Markdown prints one: each figure, and what was gained."""
    names = {**HEADS, "dice": "Dice"}
    head = ["cases confirmed", "chosen", *names.values()]
    lines = [f"| {' | '.join(head)} |", f"| {' | '.join(['---'] * len(head))} |"]
    for one in found:
        cells = []
        for name in names:
            value, (gain, span) = one.figures[name], one.gains[name]
            between = "" if span is None else f" ({span[0]:+.3f} to {span[1]:+.3f})"
            cells.append("–" if value is None or gain is None else f"{value:.3f}, {gain:+.3f}{between}")
        lines.append(f"| {one.corrections} | {one.strategy} | {' | '.join(cells)} |")
    return lines


def table_lines(outcomes: "list[CorrectionsWorth]") -> list[str]:
    """The outcomes as lines of a table, as Markdown prints one: each figure, and below it what it is beyond random."""
    head = ["cases confirmed", "chosen", "malignant", *HEADS.values()]
    lines = [f"| {' | '.join(head)} |", f"| {' | '.join(['---'] * len(head))} |"]
    for one in outcomes:
        cells = []
        for name in HEADS:
            value, span = one.figures[name], one.intervals[name]
            between = "" if span is None else f" ({span[0]:.3f} – {span[1]:.3f})"
            cells.append("–" if value is None else f"{value:.3f}{between}")
        chosen, number = (one.strategy, f"{one.malignant:.0f}") if one.corrections else ("–", "–")
        lines.append(f"| {one.corrections} | {chosen} | {number} | {' | '.join(cells)} |")
    return lines
