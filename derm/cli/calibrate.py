"""`derm calibrate`: fit temperature, referral threshold and conformal sets, and write them beside the weights."""

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from derm.cli.terminal import out, progress, read_known
from derm.errors import ConfigFault, DataFault
from derm.figures.text import counted_share
from derm.files import real_path

if TYPE_CHECKING:
    from collections.abc import Callable

    from derm.data.catalogue import Catalogue
    from derm.data.split import By
    from derm.evaluate.calibrate import Calibration
    from derm.evaluate.local import CurvePoint, LocalCalibration
    from derm.model.gate import OodGate
    from derm.model.weights import Model, WeightsInfo

SIZES = (50, 100, 200, 400)
"""Confirmed cases for which `--curve` says what they buy."""

WEAK = 3
"""Exit status where a calibration was written that is not worth using."""

PROMISES = {
    "bound": "sensitivity at least {lower:.3f} (95 % confidence)",
    "average": "sensitivity {expected:.3f} on average over draws of so many; at least {lower:.3f} (95 % confidence)",
    "lowest": "too few for 95 %: sensitivity {expected:.3f} on average; at least {lower:.3f} (95 % confidence)",
}
"""What a threshold is worth, by `derm.metrics.sources.Promise`."""


def calibrate(
    data: Annotated[
        list[Path],
        typer.Option(help="Folder of a data set or of your own cases, see docs/data.md; several may be given."),
    ],
    outsiders: Annotated[
        Path | None,
        typer.Option(help="Folder of pictures that are not dermoscopic; without it the weights forget to tell them."),
    ] = None,
    weights: Annotated[Path | None, typer.Option(help="Weights to calibrate; without: the shipped ones.")] = None,
    target: Annotated[
        Path | None, typer.Option("--out", help="New description (.json); the tensors are copied beside it.")
    ] = None,
    in_place: Annotated[
        bool, typer.Option("--in-place", help="Rewrite the description of the shipped weights themselves.")
    ] = False,
    sources: Annotated[
        str, typer.Option(help="'alike': each source weighs alike, thresholds hold in each. 'pooled': images do.")
    ] = "alike",
    keep_weights: Annotated[
        bool, typer.Option("--keep-weights", help="Learn from all cases of the folder: your own, confirmed ones.")
    ] = False,
    gate_only: Annotated[
        bool, typer.Option("--gate-only", help="Learn from --outsiders alone; temperature and thresholds stay.")
    ] = False,
    curve: Annotated[
        bool, typer.Option("--curve", help="Write nothing; show what 50 to 400 cases of the folder would buy.")
    ] = False,
) -> None:
    """Turn scores into decisions: on the validation part alone, or with --keep-weights on a clinic's own cases.

    Exit status 3 where what was found is not worth using: too few lesions, thresholds of 0, or a larger error.
    """
    from derm.model.weights import default_weights, load_weights

    if sources not in ("alike", "pooled"):
        raise ConfigFault(f"--sources '{sources}' is unknown: use alike or pooled.")
    if gate_only and (outsiders is None or keep_weights or curve):
        raise ConfigFault("--gate-only needs --outsiders DIR, and goes with neither --keep-weights nor --curve.")
    path = weights or default_weights()
    if not curve:
        _check_target(path, target, in_place=in_place, keep_weights=keep_weights)
    model = load_weights(path)
    catalogue = read_known(data)
    known_images = _warn_of_known(model, catalogue) if keep_weights or curve else 0
    if curve:
        _show_curve(model, catalogue)
    elif keep_weights:
        _calibrate_locally(path, target or path, model, catalogue, known_images)
    elif gate_only and outsiders:
        _calibrate_gate(path, target, model, catalogue, outsiders)
    else:
        _calibrate(path, target, model, catalogue, outsiders, alike=sources == "alike")


def _warn_of_known(model: "Model", catalogue: "Catalogue") -> int:
    """Say where a source, or single images, are ones that the weights learned from: on such cases they look better than
    they are. How many images that are comes back."""
    import numpy as np

    from derm.data.split import split_own
    from derm.evaluate.known import find_known

    known = sorted(set(catalogue.table["source"]) & model.description.learned_from)
    named = catalogue.table["source"].isin(known).to_numpy(dtype=np.bool_)
    if known:
        out.print(f"THESE NUMBERS ARE TOO GOOD: the weights learned from images of {', '.join(known)}, too.")
    if named.all():
        return len(named)
    seen = find_known(model.description, catalogue, split_own(catalogue), np.arange(len(named)))
    if not seen.spoils:
        return int(named.sum())
    out.print(
        f"THESE NUMBERS ARE TOO GOOD: the weights learned from {int(seen.rows.sum()):,} of these {len(named):,} "
        "images, or from others of their lesions."
    )
    return int((named | seen.rows).sum())


def _check_target(path: Path, target: Path | None, *, in_place: bool, keep_weights: bool) -> None:
    """Refuse to write over the shipped description unasked, or over the one that is calibrated locally."""
    from derm.model.weights import default_weights

    if keep_weights and target is None:
        raise ConfigFault("Where shall the new description go? Name it with --out, such as --out clinic.json.")
    if target is None and not in_place and _is_shipped(path):
        raise ConfigFault(
            f"This would rewrite the shipped {default_weights().stem}.json: name a new description with --out, or say "
            "--in-place."
        )


def _is_shipped(path: Path) -> bool:
    from derm.model.weights import default_weights

    return real_path(path.with_suffix("")) == real_path(default_weights().with_suffix(""))


def _write(path: Path, target: Path | None, model: "Model", describe: "Callable[[WeightsInfo], WeightsInfo]") -> Path:
    from derm.model.weights import copy_weights, former_place, rewrite_description

    if target is None:
        former = former_place(path)
        rewrite_description(path, describe, model.sha256, keep=former)
        out.print(f"The former description: {former}.")
        return path
    copy_weights(path, target, describe(model.description), model.sha256)
    return target


def split_of(about: "WeightsInfo", catalogue: "Catalogue") -> "tuple[By, tuple[str, ...]]":
    """By what the weights' training data were split, and those of the catalogue's sources that it left out."""
    trained = about.training.get("config", {})
    there = {*catalogue.table["source"], *catalogue.table["dataset"]}
    return trained.get("split_by", "lesion"), tuple(one for one in trained.get("leave_out", ()) if one in there)


def _calibrate(
    path: Path, target: Path | None, model: "Model", catalogue: "Catalogue", outsiders: Path | None, *, alike: bool
) -> None:
    from derm.evaluate.calibrate import calibrate as fit
    from derm.evaluate.weak import weaknesses
    from derm.predict.folder import find_images

    if target is None:
        _tell_beforehand(path, model, outsiders)
    by, leave_out = split_of(model.description, catalogue)
    strangers = find_images([outsiders]) if outsiders else ()
    with progress("Calibrating") as watch:
        found = fit(model, catalogue, by, strangers, watch, alike=alike, leave_out=leave_out)
    weak = weaknesses(found.referral_threshold, found.conformal_thresholds, found.record)
    if target is None and weak and _is_shipped(path):
        raise DataFault(
            f"The shipped weights stay as they were, for this calibration is not worth using. {' '.join(weak)} Use "
            "more data, or name a new description with --out."
        )
    written = _write(path, target, model, found.describe)
    if (model.description.familiarity or model.description.gate) and not found.gate:
        out.print("These weights no longer tell pictures that are not dermoscopic: --outsiders DIR teaches them anew.")
    if "test" in model.description.measured:
        out.print("Their figures on the test part belonged to other numbers and are dropped: `derm evaluate --record`.")
    print_calibration(found)
    out.print(f"Written: {written}. What these numbers are worth on the test part, `derm evaluate` tells.")
    _end_weak(weak)


def _tell_beforehand(path: Path, model: "Model", outsiders: Path | None) -> None:
    """Say, before any work, what of the description will be replaced and what will be lost."""
    gone = [f"figures on the {name.replace('_', ' ')}" for name in model.description.measured if name != "calibration"]
    if (model.description.familiarity or model.description.gate) and outsiders is None:
        gone.append("what tells pictures that are not dermoscopic")
    lost = f"; it will lose {', '.join(gone)}" if gone else ""
    out.print(
        f"{path} will get a new temperature and new thresholds{lost}. What it says now is kept beside it (.json.old)."
    )


def _end_weak(weak: list[str]) -> None:
    """Say why a calibration is not worth using, and end with `WEAK`; go on where nothing speaks against it."""
    for sentence in weak:
        out.print(f"NOT WORTH USING: {sentence}")
    if weak:
        raise typer.Exit(WEAK)


def _calibrate_gate(path: Path, target: Path | None, model: "Model", catalogue: "Catalogue", outsiders: Path) -> None:
    from derm.evaluate.calibrate import calibrate_gate
    from derm.evaluate.record import refuse_calibrated
    from derm.predict.folder import find_images
    from derm.predict.record import calibration_of

    by, leave_out = split_of(model.description, catalogue)
    with progress("Calibrating") as watch:
        found = calibrate_gate(model, catalogue, by, find_images([outsiders]), watch, leave_out=leave_out)

    def with_gate(now: "WeightsInfo") -> "WeightsInfo":
        refuse_calibrated(path, now, calibration_of(model.description))  # the figures of `seen_little` are of these
        return found.describe(now)

    written = _write(path, target, model, with_gate)
    print_gate(found.gate, found.seen_little)
    out.print(f"Written: {written}. What it turns away on the test part, `derm evaluate` tells.")


def print_calibration(found: "Calibration") -> None:
    """Print what was chosen, and for each source what it is worth there."""
    from derm.diagnoses import CODES

    before, after = found.record["before"], found.record["after"]
    out.print(f"temperature            {found.temperature:.3f}")
    out.print(
        f"calibration error      {before['ece']:.3f} before, {after['ece']:.3f} after; "
        f"a perfect model of this size shows {after['ece_by_chance']:.3f}"
    )
    print_threshold(found.referral_threshold, found.record["referral"])
    print_sources(found.record)
    for code, threshold in zip(CODES, found.conformal_thresholds, strict=True):
        out.print(f"cannot exclude {code:<6}  from {threshold:.4f}")
    for grid, placed in found.record["evidence_shift"].items():
        if placed["pictures"]:
            out.print(
                f"cells of {grid:<14}{placed['shift']:+.3f} of a cell above and left of where they are enlarged; heat "
                f"maps of turned pictures differ by {placed['before']:.3f} without that, {placed['after']:.3f} with it"
            )
    if found.gate:
        print_gate(found.gate, found.record["seen_little"])


def print_gate(gate: "OodGate", seen: dict[str, Any]) -> None:
    """Print both statements about the kind of picture: what they catch and block, by source and class, on validation,
    and what answers are worth inside and outside of what the model has seen little of."""
    from rich.table import Table

    first = gate.not_dermoscopic.measured
    caught, tuned = first["caught"], first["tuned_on"]
    out.print(
        f"not dermoscopic        {counted_share(caught['share'], 0)} ({counted_share(caught['low'], 0)} – "
        f"{counted_share(caught['high'], 0)}) of "
        f"{caught['pictures']} outsiders of {tuned['patients']} patients caught, cross-validated by patient"
    )
    table = Table(title="On validation, by source and class", title_justify="left")
    for name in ("", "images", "blocked", "95 % interval", "seen little of"):
        table.add_column(name, justify="right" if name else "left")
    beyond = gate.seen_little.measured["beyond"]
    for name, own in sorted(first["blocked"].items()):
        little = counted_share(beyond[name]["share"], 1) if name in beyond else ""
        span = f"{counted_share(own['low'], 1)} – {counted_share(own['high'], 1)}"
        table.add_row(name, f"{own['pictures']:,}", counted_share(own["share"], 1), span, little)
    out.print(table)
    print_seen(seen)


def print_seen(seen: dict[str, Any]) -> None:
    """Print what answers are worth where the model has seen little, and elsewhere, over all sources and in each."""
    for name, own in {"all": seen, **seen["by_source"]}.items():
        for side, heading in (("inside", "seen little of"), ("outside", "others")):
            told = own[side]
            figures = []
            for figure in ("sensitivity", "specificity", "coverage"):
                value, span = told[figure]["value"], told[figure]["interval"]
                between = f" ({span[0]:.2f} – {span[1]:.2f})" if span else ""
                figures.append(f"{figure} {'–' if value is None else f'{value:.2f}'}{between}")
            out.print(
                f"{name}, {heading}: {told['images']:,} images, {told['malignant']} malignant lesions; "
                f"{', '.join(figures)}"
            )


def print_threshold(value: float, referral: dict[str, Any]) -> None:
    """Print the referral threshold, what it found where it was chosen, and what it is worth."""
    lower, expected = referral["lower_bound"] or 0.0, referral["expected"] or 0.0
    said = PROMISES[referral["promise"]].format(lower=lower, expected=expected)
    out.print(
        f"referral threshold     {value:.4f}: finds {referral['found']} of {referral['malignant_lesions']} malignant "
        f"lesions, {said}"
    )


def print_sources(record: dict[str, Any]) -> None:
    """Print what the chosen numbers are worth in each source of the validation part, and the worst one."""
    from rich.table import Table

    table = Table(title="By source, on validation; each lesion by its worst picture", title_justify="left")
    table.add_column("source")
    for name in ("images", "ECE", "debiased", "malignant found", "sensitivity, ≥", "specificity"):
        table.add_column(name, justify="right")
    for name, figures in record["by_source"].items():
        error, referral = figures["calibration"], figures["referral"]
        table.add_row(
            name,
            f"{referral['images']:,}",
            "–" if error is None else _three(error["ece"]),
            "–" if error is None else _three(error["ece_debiased"]),
            f"{referral['found']} of {referral['malignant_lesions']}",
            f"{_three(referral['sensitivity'])}, {_three(referral['lower_bound'])}",
            _three(referral["specificity"]),
        )
    out.print(table)
    worst, error = record["worst"]["sensitivity"], record["worst"]["ece_debiased"]
    if worst and error:
        out.print(
            f"Worst source: sensitivity {worst['sensitivity']:.3f} in {worst['source']}; debiased calibration error "
            f"{error['ece_debiased']:.3f} in {error['source']}."
        )


def _calibrate_locally(path: Path, target: Path, model: "Model", catalogue: "Catalogue", known_images: int) -> None:
    from derm.evaluate.local import ask_own_cases, calibrate_locally
    from derm.evaluate.weak import weaknesses
    from derm.model.weights import copy_weights

    name = ", ".join(catalogue.names)
    with progress("Asking the model") as watch:
        cases = ask_own_cases(model, catalogue, watch, called=name)
    found = calibrate_locally(model, cases, name, known_images)
    copy_weights(path, target, found.describe(model.description), model.sha256)
    print_local(found)
    out.print(f"Written: {target}. Use it with --weights {target}, or DERM_WEIGHTS={target} for the app.")
    _end_weak(weaknesses(found.referral_threshold, found.conformal_thresholds, found.record))


def print_local(found: "LocalCalibration") -> None:
    """Print what was learned from a clinic's own cases, and by cross-validation what it is worth."""
    from derm.diagnoses import CODES

    record = found.record
    local, crossed, untouched = record["local"], record["cross_validated"], record["untouched"]
    out.print(
        f"Local calibration on all {local['images']:,} images of {local['lesions']:,} lesions in {local['folder']}, "
        f"{counted_share(local['malignant_share'], 1)} malignant:"
    )
    out.print(f"temperature            {found.temperature:.3f}, before {local['temperature_before']:.3f}")
    out.print(
        f"calibration error      {record['before']['ece']:.3f} before, {record['after']['ece']:.3f} after, "
        f"cross-validated; a perfect model of this size shows {record['after']['ece_by_chance']:.3f}"
    )
    out.print(
        f"probabilities hold for {record['mix']['malignant_share']:.1%} malignant; at these cases' share their mean "
        f"malignant sum is {record['mix']['mean_sum']:.1%}"
    )
    print_threshold(found.referral_threshold, record["referral"])
    for name, rates in (("with the threshold before", untouched), ("now, cross-validated", crossed)):
        if rates:
            said = []
            for key in ("sensitivity", "specificity"):
                low, high = rates[key]["interval"]
                said.append(f"{key} {_three(rates[key]['value'])} ({low:.3f} – {high:.3f})")
            out.print(f"{name}: {', '.join(said)}")
    for code, threshold in zip(CODES, found.conformal_thresholds or (), strict=bool(found.conformal_thresholds)):
        own = "by these cases" if record["conformal_own"][code] else "as before: too few cases"
        out.print(f"cannot exclude {code:<6}  from {threshold:.4f}, {own}")


def _show_curve(model: "Model", catalogue: "Catalogue") -> None:
    from derm.evaluate.local import DRAWS, ask_own_cases, best_specificity, learning_curve

    with progress("Asking the model") as watch:
        cases = ask_own_cases(model, catalogue, watch, called=", ".join(catalogue.names))
    with progress("Drawing cases") as watch:
        points = learning_curve(cases, model.description, SIZES, DRAWS, watch)
    print_curve(points)
    out.print(
        f"{DRAWS} draws of each size, whole lesions, measured on all others; each lesion by its worst picture. In "
        "brackets what a single clinic may find itself with: 95 % of the draws (of the untouched weights: the 95 % "
        "interval over all cases)."
    )
    best = best_specificity(cases, model.description.temperature)
    out.print(f"With every case known, these scores reach a specificity of {best:.3f} at a sensitivity of 0.95.")


def print_curve(points: "list[CurvePoint]") -> None:
    """Print what so many cases buy, one line a size, as Markdown prints a table."""

    def spread(values: tuple[float, float, float]) -> str:
        return "–" if math.isnan(values[0]) else f"{values[0]:.3f} ({values[1]:.3f} – {values[2]:.3f})"

    head = (
        "cases",
        "malignant",
        "refused",
        "sensitivity",
        "specificity",
        "draws ≥ .95",
        "ECE malignant",
        "temperature",
    )
    lines = [f"| {' | '.join(head)} |", f"| {' | '.join(['---'] * len(head))} |"]
    for one in points:
        cells = (
            f"{one.images}" if one.images else "untouched",
            f"{one.malignant:.0f}" if one.images else "–",
            counted_share(one.refused, 0) if one.images else "–",
            spread(one.sensitivity),
            spread(one.specificity),
            "–" if not one.images or math.isnan(one.reached) else counted_share(one.reached, 0),
            f"{one.ece:.3f}",
            f"{one.temperature:.2f}",
        )
        lines.append(f"| {' | '.join(cells)} |")
    for line in lines:
        typer.echo(line)


def _three(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"
