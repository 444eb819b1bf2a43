"""`derm evaluate`: measure weights on a part of a data set, beside the paper's numbers."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from derm.cli.calibrate import print_seen
from derm.cli.targets import refuse_read, results_files, weights_files
from derm.cli.terminal import err, figure, out, progress, read_known
from derm.errors import ConfigFault
from derm.figures.text import counted_share
from derm.language.speech import say

if TYPE_CHECKING:
    from derm.data.split import By


def evaluate(
    data: Annotated[list[Path], typer.Option(help="Folder of a data set, see docs/data.md; several may be given.")],
    target: Annotated[Path, typer.Option("--out", help="Folder for metrics.json and predictions.csv.")],
    weights: Annotated[
        Path | None, typer.Option(help="Weights (.json or .safetensors); without: the shipped ones.")
    ] = None,
    split: Annotated[str, typer.Option(help="Part to measure on: 'train', 'validation' or 'test'.")] = "test",
    prevalence: Annotated[
        float, typer.Option(min=0, max=1, help="Share of malignant lesions for which predictive values are given.")
    ] = 0.1,
    record: Annotated[bool, typer.Option("--record", help="Write the headline into the weights' .json.")] = False,
    split_by: Annotated[str, typer.Option(help="'lesion', or 'image' as in the paper, which leaks.")] = "lesion",
    views: Annotated[int, typer.Option(help="8: the mean over eight turned and mirrored views, and its worth.")] = 1,
    leave_out: Annotated[
        list[str] | None,
        typer.Option(help="A source, or a part of one, to measure on whole, for weights trained without it."),
    ] = None,
    even_known: Annotated[
        bool, typer.Option("--even-known", help="Measure even on images that the weights learned from, and say so.")
    ] = False,
) -> None:
    """Measure weights and write every figure, with its 95 % interval, and one row an image."""
    from derm.data.split import known_part
    from derm.evaluate.dataset import evaluate as measure
    from derm.evaluate.dataset import write_evaluation
    from derm.evaluate.record import record_measures
    from derm.evaluate.results import why_known
    from derm.evaluate.test_set_log import LOOKS, count_look, is_ham10000
    from derm.files import make_folder
    from derm.model.weights import default_weights, load_weights
    from derm.predict.learned_words import all_not_learned

    split = known_part(split)
    if split_by not in ("lesion", "image"):
        raise ConfigFault(f"--split-by '{split_by}' is unknown: use lesion or image.")
    if views != 1 and record:
        raise ConfigFault("The weights' .json holds figures of one view: leave out --views, or --record.")
    make_folder(target)
    refuse_read(results_files([target]), weights_files(weights))
    model = load_weights(weights or default_weights())
    catalogue = read_known(data)
    trained_by = model.description.training.get("config", {}).get("split_by")
    about = {"trained_on_split_by": trained_by, "split_by": split_by, "part": split, "left_out": leave_out or ()}
    reason = why_known({**about, "trained_on_sources": model.description.learned_from})
    if reason and record:
        raise ConfigFault(
            f"These weights {reason} of the split by {split_by}: measure the validation or test part with "
            f"--split-by {trained_by}, or leave out --record."
        )
    if even_known and record:
        raise ConfigFault(
            "Figures of images that the weights learned from are too good, and are not recorded: leave out "
            "--even-known, or --record."
        )
    with progress("Measuring") as measuring:
        result = measure(
            model,
            catalogue,
            split,
            by=cast("By", split_by),
            leave_out=leave_out or (),
            prevalence=prevalence,
            views=views,
            even_known=even_known,
            measuring=measuring,
            resampling=measuring,
        )
    write_evaluation(result, target)
    for sentence in all_not_learned(model.description.training).values():
        out.print(sentence)
    if record:
        record_measures(weights or default_weights(), result.metrics)
    if split == "test" and is_ham10000(catalogue):
        try:
            if looks := count_look(result.metrics):
                out.print(f"This was look number {looks} at the test part; they are counted in {LOOKS.name}.")
        except ConfigFault as fault:  # hours of measuring are not to be done again for a line in a log
            err.print(str(fault))
    print_table(result.metrics)
    out.print(f"\nWritten: {target / 'metrics.json'}, {target / 'predictions.csv'}")


def print_table(metrics: dict[str, Any]) -> None:
    """Print our figures, with their intervals, beside the paper's."""
    from rich.table import Table

    from derm.evaluate.results import why_known
    from derm.explain.agreement import BUILT_IN
    from derm.metrics.paper import NOTES, compare_with_paper

    about = metrics["measured_on"]
    table = Table(
        title=f"{about['weights']}: {about['part']} part, split {about['split']}, "
        f"{about['images']:,} images of {about['lesions']:,} lesions",
        title_justify="left",
    )
    table.add_column("measure")
    for name in ("ours", "95 % interval", "paper"):
        table.add_column(name, justify="right")
    for row in compare_with_paper(metrics):
        if row.name == "milliseconds":
            continue
        code, _, name = row.name.rpartition(" ")
        between = metrics["intervals"].get(f"per_class.{code}.{name}" if code else name)
        table.add_row(
            row.name.replace("_", " "),
            figure(row.ours),
            "" if between is None else f"{between[0]:.3f} – {between[1]:.3f}",
            figure(row.paper),
        )
    out.print(table)
    print_rules(metrics)
    print_decision(metrics)
    print_views(metrics)
    grad_cam = metrics["explanation"]["true_mask"]
    if grad_cam:
        out.print(
            f"Grad-CAM with the true mask, IoU at the best common threshold: {grad_cam['all_classes']['iou']:.3f} as "
            f"the mean over seven classes, {grad_cam['likeliest_class']['iou']:.3f} for the likeliest class, "
            f"{grad_cam['centred_blob']['iou']:.3f} for the centre prior."
        )
        if metrics["measured_on"]["looks_inside"]:
            out.print(say(BUILT_IN))
    if metrics["by_source"]:
        print_sources(metrics["by_source"])
    if metrics.get("seen_little"):
        print_seen(metrics["seen_little"])
    out.print("The paper splits by image, so that its test images have sisters in training: its figures are too good.")
    for name, note in NOTES.items():
        out.print(f"{name.replace('_', ' ')}: {note}.")
    out.print("Its specificities are worked out from its Table 2; most that it prints do not follow from it.")
    if reason := why_known(about):
        out.print(f"THESE FIGURES ARE TOO GOOD: the weights {reason}.")


def print_sources(by_source: dict[str, Any]) -> None:
    """Print each source's figures with their intervals, one below the other."""
    from rich.table import Table

    from derm.evaluate.by_source import FIGURES

    table = Table(title="By source; each lesion counts once where it is referred", title_justify="left")
    table.add_column("figure")
    for name, own in by_source.items():
        rated = own["rated"]["images"]
        known = f", {rated:,} known\nbenign or malignant" if rated < own["images"] else ""
        table.add_column(f"{'  ' if own['within'] else ''}{name}\n{own['images']:,} images{known}", justify="right")
    for name, heading in FIGURES.items():
        cells = []
        for own in by_source.values():
            told = own["figures"][name]
            between = told["interval"]
            span = "" if between is None else f"\n{between[0]:.2f} – {between[1]:.2f}"
            cells.append(f"{figure(told['value'])}{span}")
        table.add_row(heading, *cells)
    out.print(table)


def print_rules(metrics: dict[str, Any]) -> None:
    """Print what "most likely" is worth at the data's own mix and at equal classes, with 95 % intervals."""
    from rich.table import Table

    from derm.evaluate.decision import RULES

    table = Table(title='Two rules for "most likely"', title_justify="left")
    table.add_column("")
    rules = {rule: name for rule, name in RULES.items() if rule in metrics["rules"]}
    for name in rules.values():
        table.add_column(name, justify="right")
    for measure in metrics["rules"]["data_mix"]:
        cells = []
        for rule in rules:
            between = metrics["intervals"].get(f"rules.{rule}.{measure}")
            span = "" if between is None else f" ({between[0]:.3f} – {between[1]:.3f})"
            cells.append(f"{figure(metrics['rules'][rule][measure])}{span}")
        table.add_row(measure.replace("_", " "), *cells)
    out.print(table)
    if "equal_mix" not in rules:
        out.print(
            "At equal classes: unknown, these weights do not say for which mix of diagnoses they were calibrated."
        )


def print_views(metrics: dict[str, Any]) -> None:
    """Print what several views bring, and what their spread tells of errors, where that has been measured."""
    views = metrics.get("views")
    if not views:
        return

    def told(name: str) -> str:
        value, interval = views[name]["value"], views[name]["interval"]
        return f"{figure(value)}" + ("" if interval is None else f" ({interval[0]:.3f} – {interval[1]:.3f})")

    out.print(
        f"The mean over {views['count']} views, beside the upright one: accuracy {told('gain.accuracy')}, macro AUC "
        f"{told('gain.macro_auc')}."
    )
    out.print(
        f"Right from wrong ({views['errors']} errors), AUC: by the probability {told('probability')}, by the views' "
        f"spread {told('spread')}, by their disagreement {told('disagreement')}; spread less probability "
        f"{told('spread less probability')}."
    )


def share(value: float | None) -> str:
    """A share as a percentage, or a dash where it is undefined."""
    return "–" if value is None else counted_share(value, 1)


def print_decision(metrics: dict[str, Any]) -> None:
    """Print calibration, referral, conformal sets and outlines, where they have been measured."""
    error, outlines, decision = metrics["calibration"]["after"], metrics["outlines"], metrics["decision"]
    out.print(
        f"Calibration error (15 bins) {error['ece']:.3f}, of which a perfect model shows {error['ece_by_chance']:.3f}; "
        f"Brier {error['brier']:.3f}."
    )
    if outlines["thresholded_jaccard"] is not None:
        out.print(
            f"Outlines: thresholded Jaccard {outlines['thresholded_jaccard']:.3f}, {share(outlines['share_failed'])} "
            f"fail; 95th percentile Hausdorff {outlines['hausdorff95_mean']:.1f} pixels, mean surface distance "
            f"{outlines['surface_distance_mean']:.1f}."
        )
    for name, figures in metrics["baselines"].items():
        out.print(
            f"Without the picture, {name}: accuracy {figure(figures['accuracy'])}, macro AUC "
            f"{figure(figures['macro_auc'])}."
        )
    if decision is None:
        out.print("No referral threshold and no conformal sets: `derm calibrate` chooses them on validation.")
        return
    spans = metrics["intervals"]
    by_lesion = decision["by_lesion"]
    for of, field, rates in (("lesions", "decision.by_lesion", by_lesion), ("images", "decision", decision)):
        for name in ("sensitivity", "specificity"):
            low, high = spans[f"{field}.{name}"] or (float("nan"), float("nan"))
            out.print(
                f"Referral at {decision['threshold']:.4f}, of {of}: {name} {share(rates[name])} "
                f"({low:.3f} – {high:.3f})"
            )
    out.print(
        f"At a prevalence of {decision['prevalence']:.0%}, of the lesions referred {share(by_lesion['ppv'])} are "
        f"malignant, of the others {share(by_lesion['npv'])} benign."
    )
    sets = decision["conformal"]
    low, high = spans["decision.conformal.coverage"]
    out.print(
        f"Conformal sets (90 %): coverage {sets['coverage']:.3f} ({low:.3f} – {high:.3f}), {sets['mean_size']:.2f} "
        "diagnoses on average."
    )
