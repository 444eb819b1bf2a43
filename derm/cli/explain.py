"""`derm explain`: hold the heat maps of a part of a data set to account, so that the page Compare can show it."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from derm.cli.targets import refuse_read, results_files, weights_files
from derm.cli.terminal import out, progress, read_known
from derm.errors import ConfigFault
from derm.language.speech import say

if TYPE_CHECKING:
    from derm.data.split import By


def explain(
    data: Annotated[list[Path], typer.Option(help="Folder of a data set, see docs/data.md; several may be given.")],
    target: Annotated[
        Path, typer.Option("--out", help="Folder for the tables and summary.json; one that was begun is gone on with.")
    ],
    weights: Annotated[
        Path | None, typer.Option(help="Weights (.json or .safetensors); without: the shipped ones.")
    ] = None,
    split: Annotated[str, typer.Option(help="Part to explain: 'train', 'validation' or 'test'.")] = "test",
    sample: Annotated[
        int, typer.Option(min=1, help="Images, stratified by class, for Score-CAM, occlusion, faithfulness and sanity.")
    ] = 140,
    workers: Annotated[int, typer.Option(min=0, help="Parts worked on at once; 0: one for each core.")] = 0,
    split_by: Annotated[str, typer.Option(help="'lesion', or 'image' as in the paper, which leaks.")] = "lesion",
) -> None:
    """Draw every method's heat maps, measure their agreement, faithfulness and sanity, and summarise with intervals."""
    import torch

    from derm.data.split import PARTS
    from derm.evaluate.explain_dataset import explain as hold_to_account
    from derm.evaluate.results import why_known
    from derm.explain.agreement import BUILT_IN
    from derm.files import make_folder
    from derm.model.weights import default_weights, load_weights

    if split not in PARTS:
        raise ConfigFault(f"There is no part '{split}': use one of {', '.join(PARTS)}.")
    if split_by not in ("lesion", "image"):
        raise ConfigFault(f"--split-by '{split_by}' is unknown: use lesion or image.")
    make_folder(target)
    refuse_read(results_files([target]), weights_files(weights))
    model, catalogue = load_weights(weights or default_weights()), read_known(data)
    # One thread a worker: the parts run side by side, and what is measured does not depend on the number of cores.
    torch.set_num_threads(1)
    with progress("Explaining") as watch:
        found = hold_to_account(
            model,
            catalogue,
            split,
            target,
            by=cast("By", split_by),
            sample=sample,
            workers=workers or os.cpu_count() or 1,
            mapping=watch,
            sampling=watch,
            resampling=watch,
        )
    print_summary(found.name, found.summary)
    if model.description.model.looks_inside:
        out.print(say(BUILT_IN))
    if reason := why_known(found.about):
        out.print(f"THESE FIGURES ARE TOO GOOD: the weights {reason}.")
    out.print(f"\nWritten: {target / 'agreement.parquet'}, {target / 'sample.parquet'}, {target / 'summary.json'}")


def print_summary(name: str, summary: dict[str, Any]) -> None:
    """Print agreement and faithfulness of the predicted class's maps, all diagnoses together."""
    from rich.table import Table

    from derm.explain.agreement import REFERENCE_LABELS
    from derm.explain.methods import METHODS

    labels = {name: method.label for name, method in METHODS.items()} | REFERENCE_LABELS

    def cell(figures: dict[str, Any], key: str) -> str:
        return f"{figures[key]['mean']:.3f}" if key in figures else "–"

    columns = {
        "agreement": ("true_iou_area", "true_best_iou", "true_pointing", "true_inside", "true_rank"),
        "sample": ("deletion", "insertion", "road", "stability_rank", "equivariance_rank"),
    }
    for part, keys in columns.items():
        table = Table(title=f"{name}: {part}", title_justify="left")
        table.add_column("method")
        for key in ("images", "flat", *keys):
            table.add_column(key.removeprefix("true_").replace("_", " "), justify="right")
        for method, found in summary[part]["predicted"].items():
            whole = found["all"]["all"]
            table.add_row(
                labels.get(method, method),
                str(whole["images"]),
                str(whole["flat"]),
                *(cell(whole["figures"], key) for key in keys),
            )
        out.print(table)
    for method, figures in summary["right_or_wrong"].items():
        for key in ("probability", "true_iou_area"):
            if key in figures and figures[key]["interval"]:
                low, high = figures[key]["interval"]
                out.print(
                    f"Right from wrong predictions by {labels.get(method, method)}"
                    + ("" if key == "probability" else ", area under its IoU with the true mask")
                    + f": AUC {figures[key]['auc']:.3f} ({low:.3f} – {high:.3f})"
                )
    out.print("A map that agrees with the outline need not be right, nor one that does not, wrong.")
