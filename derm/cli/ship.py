"""`derm ship`: turn a run's weights into a pair of files to give away."""

from pathlib import Path
from typing import Annotated

import typer

from derm.cli.targets import refuse_read, weights_files
from derm.cli.terminal import check_description, out
from derm.errors import ConfigFault


def ship(
    source: Annotated[Path, typer.Argument(help="Weights of a run, such as runs/first/best.json.")],
    target: Annotated[Path | None, typer.Option("--out", help="Where to, such as weights/derm.json.")] = None,
    half: Annotated[bool, typer.Option("--half/--full", help="Float16, half the size, or float32.")] = True,
    size: Annotated[int | None, typer.Option(help="Another side of the input than it was trained at, pixels.")] = None,
    in_place: Annotated[
        bool,
        typer.Option("--in-place", help="Write hash and recorded answer into an older description; the tensors stay."),
    ] = False,
) -> None:
    """Copy weights with their description; measure them afterwards with `derm evaluate --record`."""
    from derm.model.weights import load_weights, rewrite_description, ship_weights

    if in_place == (target is not None) or (in_place and size is not None):
        raise ConfigFault("Where to? Name a description with --out, or say --in-place, without --size.")
    if in_place or target is None:
        rewrite_description(source, lambda said: said)
        out.print(f"{source}: what it says is under a hash, and what the weights answer for a drawn picture recorded.")
        return
    check_description(target)
    refuse_read([target, target.with_suffix(".safetensors")], weights_files(source))
    ship_weights(source, target, half=half, input_size=size)
    model = load_weights(target)
    megabytes = target.with_suffix(".safetensors").stat().st_size / 1e6
    out.print(f"{target} and {target.with_suffix('.safetensors')}: {megabytes:.1f} MB, sha256 {model.sha256[:8]}…")
    out.print(model.description.licence)
