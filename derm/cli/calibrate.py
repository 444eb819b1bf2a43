"""`derm calibrate`: fit temperature, referral threshold and conformal sets, and write them beside the weights."""

from pathlib import Path
from typing import Annotated

import typer

from derm.cli.terminal import out, progress


def calibrate(
    data: Annotated[list[Path], typer.Option(help="Folder of a data set, see docs/data.md; several may be given.")],
    outsiders: Annotated[
        Path | None,
        typer.Option(help="Folder of pictures that are not dermoscopic; without it the weights forget to tell them."),
    ] = None,
    weights: Annotated[Path | None, typer.Option(help="Weights to calibrate; without: the shipped ones.")] = None,
) -> None:
    """Turn scores into decisions, on the validation part alone, and write the numbers into the weights' .json."""
    from derm.data.catalogue import read_data
    from derm.diagnoses import CODES
    from derm.evaluate.calibrate import calibrate as fit
    from derm.model.weights import default_weights, load_weights, rewrite_description
    from derm.predict.folder import find_images

    path = weights or default_weights()
    model = load_weights(path)
    catalogue = read_data(data)
    by = model.description.training.get("config", {}).get("split_by", "lesion")
    with progress("Calibrating") as watch:
        found = fit(model, catalogue, by, find_images([outsiders]) if outsiders else (), watch)
    rewrite_description(path, found.describe(model.description))
    if model.description.familiarity and not found.familiarity:
        out.print("These weights no longer tell pictures that are not dermoscopic: --outsiders DIR teaches them anew.")
    if "test" in model.description.measured:
        out.print("Their figures on the test part belonged to other numbers and are dropped: `derm evaluate --record`.")
    before, after, referral = found.record["before"], found.record["after"], found.record["referral"]
    out.print(f"temperature            {found.temperature:.3f}")
    out.print(
        f"calibration error      {before['ece']:.3f} before, {after['ece']:.3f} after; "
        f"a perfect model of this size shows {after['ece_by_chance']:.3f}"
    )
    out.print(
        f"referral threshold     {found.referral_threshold:.4f}: finds {referral['found']} of "
        f"{referral['malignant_lesions']} malignant lesions, sensitivity at least {referral['lower_bound']:.3f} (95 %)"
    )
    for code, threshold in zip(CODES, found.conformal_thresholds, strict=True):
        out.print(f"cannot exclude {code:<6}  from {threshold:.4f}")
    for grid, placed in found.record["evidence_shift"].items():
        if placed["pictures"]:
            out.print(
                f"cells of {grid:<14}{placed['shift']:+.3f} of a cell above and left of where they are enlarged; heat "
                f"maps of turned pictures differ by {placed['before']:.3f} without that, {placed['after']:.3f} with it"
            )
    if found.familiarity:
        caught, alarms = found.familiarity["caught"]["share"], found.familiarity["false_alarms"]["share"]
        out.print(f"pictures that are not dermoscopic: {caught:.0%} caught, {alarms:.1%} false alarms on validation")
    out.print(f"Written: {path}. What these numbers are worth on the test part, `derm evaluate` tells.")
