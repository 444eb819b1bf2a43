"""`derm data`: look closely at a data set, see how it is split, or draw one."""

import json
from pathlib import Path
from typing import Annotated

import typer

from derm.cli.terminal import out, progress
from derm.errors import ConfigFault

app = typer.Typer(help="Check a data set, see its split, or draw a synthetic one.", no_args_is_help=True)


@app.command()
def check(
    folder: Annotated[Path, typer.Argument(help="Folder of HAM10000 in any of its layouts.")],
    as_json: Annotated[bool, typer.Option("--json", help="Everything as JSON.")] = False,
) -> None:
    """Count what a data set holds and name every fault with its cure; exit status 1 if there is one."""
    from derm.data.catalogue import read_catalogue
    from derm.data.check import check_data, report_as_dict, report_lines

    catalogue = read_catalogue(folder, strict=False)
    with progress("Reading every image and mask") as watch:
        report = check_data(catalogue, watch)
    if as_json:
        out.print_json(json.dumps(report_as_dict(report)))
    else:
        for line in report_lines(report):
            out.print(line)
    raise typer.Exit(1 if report.faulty else 0)


@app.command()
def split(
    folder: Annotated[Path, typer.Argument(help="Folder of HAM10000 in any of its layouts.")],
    by: Annotated[str, typer.Option(help="'lesion', or 'image' as in the paper, which leaks.")] = "lesion",
    target: Annotated[Path | None, typer.Option("--out", help="CSV file for image_id, lesion and part.")] = None,
) -> None:
    """Show which part each class falls into, and how many test images have a sister in training."""
    import pandas as pd

    from derm.data.catalogue import read_catalogue
    from derm.data.split import PARTS, count_leak, split_catalogue
    from derm.diagnoses import CODES
    from derm.files import write_text

    if by not in ("lesion", "image"):
        raise ConfigFault(f"--by '{by}' is unknown: use lesion or image.")
    catalogue = read_catalogue(folder)
    parted = split_catalogue(catalogue, by)  # type: ignore[arg-type]
    dx = catalogue.table["dx"]
    out.print(f"Split {parted.name}")
    counts = pd.crosstab(dx, parted.parts).reindex(index=list(CODES), columns=list(PARTS), fill_value=0)
    out.print(counts.rename_axis(index=None, columns=None).to_string())
    leak = count_leak(parted, dx)
    out.print(
        f"{leak.with_sister:,} of {leak.test:,} test images ({leak.share:.0%}) show a lesion that is also in the "
        f"training part; of the melanomas {leak.by_class['mel'][1]} of {leak.by_class['mel'][0]}."
    )
    if target:
        columns = {"image_id": catalogue.table["image_id"], "lesion": parted.lesions, "part": parted.parts}
        write_text(target, pd.DataFrame(columns).to_csv(index=False, lineterminator="\n"))


@app.command()
def synthesise(
    folder: Annotated[Path, typer.Argument(help="Folder to make, in HAM10000's layout.")],
    images: Annotated[int, typer.Option(help="How many images to draw, at least 21.")] = 1000,
    seed: Annotated[int, typer.Option(help="The same seed draws the same images.")] = 0,
) -> None:
    """Draw a data set of synthetic lesions: no patients, exact masks, seven different looks."""
    from derm.data.synthesise import synthesise as draw

    with progress("Drawing") as watch:
        draw(folder, images=images, seed=seed, progress=watch)
    out.print(f"{images:,} drawn images in {folder}. To train on them:")
    out.print(f"  derm train --data {folder} --run runs/drawn --start random --size 96")
