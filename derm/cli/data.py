"""`derm data`: look closely at a data set, see how it is split, or draw one."""

import json
from pathlib import Path
from typing import Annotated

import typer

from derm.cli.targets import data_tables, refuse_read, weights_files
from derm.cli.terminal import out, progress, read_known
from derm.diagnoses import CODES
from derm.errors import ConfigFault

app = typer.Typer(help="Check a data set, see its split, or draw a synthetic one.", no_args_is_help=True)


@app.command()
def check(
    folder: Annotated[Path, typer.Argument(help="Folder of a data set, in any layout of docs/data.md.")],
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
    folders: Annotated[list[Path], typer.Argument(help="Folders of data sets, in any layout of docs/data.md.")],
    by: Annotated[str, typer.Option(help="'lesion', or 'image' as in the paper, which leaks.")] = "lesion",
    leave_out: Annotated[
        list[str] | None, typer.Option(help="A source, or a part of one, that is all tested; may be repeated.")
    ] = None,
    target: Annotated[Path | None, typer.Option("--out", help="CSV file for image_id, lesion and part.")] = None,
) -> None:
    """Show which part each class falls into, and how many test images have a sister in training."""
    import pandas as pd

    from derm.data.recognise import name_rows
    from derm.data.split import APART, PARTS, count_leak, learned_parts, split_catalogue
    from derm.files import check_file, write_text
    from derm.spreadsheet import csv_table

    if by not in ("lesion", "image"):
        raise ConfigFault(f"--by '{by}' is unknown: use lesion or image.")
    if target:
        check_file(target)
        refuse_read([target], data_tables(folders))
    catalogue = read_known(folders)
    parted = split_catalogue(catalogue, by, leave_out or ())  # type: ignore[arg-type]
    dx, source = catalogue.table["dx"], catalogue.table["source"]
    out.print(f"Split {parted.name}")
    columns = [*PARTS, APART] if (parted.parts == APART).any() else list(PARTS)
    for name in sorted(set(source)):
        own = source == name
        kinds = [*CODES, *sorted(set(dx[own]) - set(CODES))]
        counts = pd.crosstab(dx[own], parted.parts[own]).reindex(index=kinds, columns=columns, fill_value=0)
        out.print(name, highlight=False, style="bold")
        out.print(counts.rename_axis(index=None, columns=None).to_string())
    leak = count_leak(parted, dx)
    out.print(
        f"{leak.with_sister:,} of {leak.test:,} test images ({leak.share:.0%}) show a lesion that is also in the "
        f"training part; of the melanomas {leak.by_class['mel'][1]} of {leak.by_class['mel'][0]}."
    )
    names, known = name_rows(catalogue), learned_parts(catalogue)
    if (known != "").any():
        renamed = (known != "") & ~names.exact
        test, learned = parted.parts == "test", (parted.parts == "test") & (known == "train")
        out.print(
            f"{int((known != '').sum()):,} images are of the splits that come with Derm, {int(renamed.sum()):,} of "
            f"them under other names ({len(catalogue.copies):,} by their look). {int(learned.sum()):,} of "
            f"{int(test.sum()):,} test images show a lesion, or are a picture, that the shipped weights learned from."
        )
    if target:
        table = {"image_id": catalogue.table["image_id"], "lesion": parted.lesions, "part": parted.parts}
        write_text(target, csv_table(pd.DataFrame(table)))


@app.command()
def duplicates(
    folders: Annotated[list[Path], typer.Argument(help="Folders of data sets; pairs across them are found, too.")],
    target: Annotated[Path, typer.Option("--out", help="CSV file of the pairs: near_duplicates.csv in your folder.")],
    weights: Annotated[Path | None, typer.Option(help="Weights whose features compare; without: the shipped.")] = None,
) -> None:
    """Find pictures of one lesion by the network's features and by their look, so that a split keeps them together.

    Written as near_duplicates.csv into the folder of a data set, `derm data split` and `derm train` read it.
    """
    from derm.data.catalogue import read_data
    from derm.explore.embedding_duplicates import find_same
    from derm.files import check_file, write_text
    from derm.model.weights import default_weights, load_weights
    from derm.spreadsheet import csv_table

    check_file(target)
    refuse_read([target], [*data_tables(folders), *weights_files(weights)])
    catalogue = read_data(folders, strict=False)
    with progress("Comparing pictures") as watch:
        pairs = find_same(load_weights(weights or default_weights()), catalogue, watch)
    write_text(target, csv_table(pairs, ".3f"))
    across = int(pairs["across_sources"].sum())
    out.print(f"{len(pairs):,} pairs, {across:,} of them across sources: {target}")


@app.command()
def words(
    folder: Annotated[Path, typer.Argument(help="Folder with a table whose diagnoses Derm does not know.")],
) -> None:
    """Ask what each unknown word for a diagnosis means, and write the answers into diagnoses.csv of the folder."""
    from derm.data.catalogue import read_words
    from derm.data.diagnosis_words import MAPPING_FILE, read_mapping, unknown_words, write_mapping

    own = read_mapping(folder)
    unknown = unknown_words(read_words(folder), own)
    if not unknown:
        out.print("Every diagnosis of this table is known.")
        return
    choices = [*CODES, "benign", "malignant", "unknown"]
    out.print(f"For each word, one of: {', '.join(choices)}. Unknown teaches an outline and no diagnosis.")
    answers = {}
    for word in unknown:
        answer = typer.prompt(word).strip().lower()
        while answer not in choices:
            answer = typer.prompt(f"{word} (one of {', '.join(choices)})").strip().lower()
        answers[word] = answer
    write_mapping(folder, answers)
    out.print(f"{len(answers):,} words written to {folder / MAPPING_FILE}")


@app.command()
def synthesise(
    folder: Annotated[Path, typer.Argument(help="Folder to make, in HAM10000's layout.")],
    images: Annotated[int, typer.Option(help="How many images to draw, at least 21.")] = 1000,
    seed: Annotated[int, typer.Option(help="The same seed draws the same images.")] = 0,
) -> None:
    """Draw a data set of synthetic lesions: no patients, exact masks, seven different looks."""
    from derm.data.synthetic.dataset import synthesise as draw

    with progress("Drawing") as watch:
        draw(folder, images=images, seed=seed, progress=watch)
    out.print(f"{images:,} drawn images in {folder}. To train on them:")
    out.print(f"  derm train --data {folder} --run runs/drawn --start random --size 96")
