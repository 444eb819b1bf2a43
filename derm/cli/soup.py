"""`derm soup`: the mean of several sets of weights."""

from pathlib import Path
from typing import Annotated

import typer

from derm.cli.targets import refuse_read, weights_files
from derm.cli.terminal import check_description, out


def soup(
    sources: Annotated[list[Path], typer.Argument(help="Weights (.json) of trainings with a common beginning.")],
    target: Annotated[Path, typer.Option("--out", help="Where to, such as runs/soup/best.json.")],
    share: Annotated[
        list[float] | None, typer.Option(help="How much of each, in their order; repeated. Without: alike.")
    ] = None,
    size: Annotated[int | None, typer.Option(help="Side of the input, pixels. Without: that of the first.")] = None,
) -> None:
    """Average weights that were trained from a common beginning; measure the mean with derm evaluate, then ship it.

    Often better than each of them, at the cost of one (a model soup, Wortsman et al. 2022).
    """
    from derm.figures.text import epoch_number
    from derm.model.soup import cook_soup

    check_description(target)
    read = [place for source in sources for place in weights_files(source)]
    refuse_read([target, target.with_suffix(".safetensors")], read)
    model = cook_soup(sources, target, share, input_size=size)
    for part in model.description.training["soup"]:
        epoch = "" if part["epoch"] is None else f", epoch {epoch_number(part['epoch'])}"
        out.print(f"{part['share']:.0%} of {part['weights']} {part['sha256'][:8]}{epoch}")
    out.print(f"{target}: sha256 {model.sha256[:8]}… What it is worth, `derm evaluate` tells.")
