"""`derm compare-visits`: what has changed of a lesion between two pictures."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from derm.cli.targets import refuse_read, weights_files
from derm.cli.terminal import out
from derm.language.speech import say

if TYPE_CHECKING:
    from derm.model.weights import Model
    from derm.predict.case import Case

SIDES, FLICKER, CHANGES = "side_by_side.png", "flicker.gif", "changes.json"
"""Files that are written."""


def compare_visits(
    earlier: Annotated[Path, typer.Argument(help="The picture of the earlier visit.")],
    later: Annotated[Path, typer.Argument(help="The picture of the later visit.")],
    target: Annotated[Path | None, typer.Option("--out", help="Folder for pictures and figures.")] = None,
    scales: Annotated[
        tuple[float, float] | None,
        typer.Option("--scales", help="Millimetres a pixel of both, in place of what DICOM files tell."),
    ] = None,
    weights: Annotated[
        Path | None, typer.Option(help="Weights (.json or .safetensors); without: the shipped ones.")
    ] = None,
) -> None:
    """Lay two pictures of one lesion on each other and say what has changed, each figure with its error.

    --out writes both side by side (PNG), a flicker (GIF) and the figures (JSON). Where the pictures do not fit it ends
    with one sentence and exit status 1. Research use only, not a medical device.
    """
    from derm.compare.follow_up import follow_up
    from derm.compare.follow_up_pictures import flicker_gif, side_by_side
    from derm.compare.follow_up_words import as_json, doubt_lines, headline, sentences
    from derm.files import json_text, write_together
    from derm.image.overlay import png
    from derm.model.weights import default_weights, load_weights
    from derm.predict.words import NOTICE

    if target is not None:
        refuse_read([target / name for name in (SIDES, FLICKER, CHANGES)], [earlier, later, *weights_files(weights)])
    model = load_weights(weights or default_weights())
    given = (None, None) if scales is None else _checked(scales)
    first, second = (_case(model, path, scale) for path, scale in zip((earlier, later), given, strict=True))
    found = follow_up(first, second)
    for line in (*doubt_lines(found), headline(found), *sentences(found), say(NOTICE)):
        out.print(line)
    if target is not None:
        changes = json_text(as_json(found)).encode()
        write_together(target, {SIDES: png(side_by_side(found)), FLICKER: flicker_gif(found), CHANGES: changes}, ())
        out.print(f"Written: {target}")


def _case(model: "Model", path: Path, mm_per_pixel: float | None) -> "Case":
    from derm.image.decode import image_name, read_file, read_scaled
    from derm.image.scale import Scale
    from derm.predict.case import diagnose

    name = image_name(path.name)
    pixels, told = read_scaled(read_file(path), name)
    scale = Scale(mm_per_pixel, "given") if mm_per_pixel else Scale(told, "DICOM") if told else None
    return diagnose(model, pixels, name, scale=scale)


def _checked(scales: tuple[float, float]) -> tuple[float, float]:
    from derm.errors import ConfigFault
    from derm.image.dicom import LEAST_SPACING, MOST_SPACING

    for one in scales:
        if not LEAST_SPACING <= one <= MOST_SPACING:
            raise ConfigFault(
                f"--scales has {one:g}: a dermatoscope's picture has {LEAST_SPACING} to "
                f"{MOST_SPACING} millimetres a pixel."
            )
    return scales
