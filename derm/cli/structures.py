"""`derm structures`: train, measure and look for dermoscopic structures."""

from pathlib import Path
from typing import Annotated

import typer

from derm.cli.targets import data_tables, refuse_read, weights_files
from derm.cli.terminal import check_decoder_learned, check_description, check_learned, err, out, progress
from derm.errors import ConfigFault

app = typer.Typer(
    help="Dermoscopic structures: train their decoder, measure it, look for them in pictures.", no_args_is_help=True
)

Data = Annotated[list[Path], typer.Option("--data", help="Folder of ISIC 2018 Tasks 1 and 2, with attributes.")]
Weights = Annotated[
    Path | None, typer.Option("--weights", help="Weights whose encoder is used (.json); without: the shipped ones.")
]
Decoder = Annotated[
    Path | None,
    typer.Option("--structures", help="The decoder (.json); without: DERM_STRUCTURES, or the shipped one."),
]


@app.command()
def train(
    data: Data,
    target: Annotated[Path, typer.Option("--out", help="Description (.json); tensors and graph go beside it.")],
    weights: Weights = None,
    epochs: Annotated[int, typer.Option(min=1, max=1000, help="Passes over the training part.")] = 24,
    views: Annotated[
        int, typer.Option(min=1, max=64, help="Views of each training picture, turned, cropped, relit.")
    ] = 4,
    size: Annotated[
        int, typer.Option(min=64, max=1024, help="Side of the encoder's square, pixels, a multiple of 32.")
    ] = 224,
    width: Annotated[int, typer.Option(min=8, max=1024, help="Channels of the decoder.")] = 48,
    seed: Annotated[int, typer.Option(min=0, max=2**31, help="Of starting weights and draws.")] = 0,
    threads: Annotated[int, typer.Option(min=1, help="Threads of the processor.")] = 1,
) -> None:
    """Train a slim decoder on the frozen encoder; thresholds and calibration are chosen on the validation part.

    The encoder's features are kept in the cache, and a stopped run finds them again.
    """
    import torch

    from derm.data.catalogue import read_data
    from derm.files import check_file
    from derm.model.weights import default_weights, load_weights
    from derm.paths import cache_folder
    from derm.structures.learn import learn
    from derm.structures.train import Epoch, HeadTraining
    from derm.train.commit import current_commit
    from derm.train.config import check_threads

    check_description(target)
    check_file(target)
    made = [target.with_suffix(ending) for ending in (".json", ".safetensors", ".onnx")]
    refuse_read(made, [*data_tables(data), *weights_files(weights)])
    if size % 32:
        raise ConfigFault(f"A side of {size} pixels does not fit: use a multiple of 32, such as 224 or 320.")
    torch.set_num_threads(check_threads(threads))
    model = load_weights(weights or default_weights())

    def tell(epoch: Epoch) -> None:
        aucs = ", ".join(f"{value:.2f}" for value in epoch.auc)
        err.print(f"Epoch {epoch.number} of {epochs}: loss {epoch.loss:.3f}, validation AUC {aucs}")

    learn(
        model,
        read_data(data),
        target,
        cache_folder(),
        config=HeadTraining(epochs=epochs, seed=seed),
        views=views,
        size=size,
        width=width,
        commit=current_commit(),
        progress=progress,
        tell=tell,
    )
    out.print(f"Written: {target}, {target.with_suffix('.safetensors').name} and {target.with_suffix('.onnx').name}")
    out.print("Measure it with `derm structures evaluate --split test --record`.")


@app.command()
def evaluate(
    data: Data,
    split: Annotated[str, typer.Option(help="Part to measure: 'train', 'validation' or 'test'.")] = "validation",
    weights: Weights = None,
    structures: Decoder = None,
    record: Annotated[bool, typer.Option("--record", help="Write the figures into the decoder's description.")] = False,
) -> None:
    """Say how well presence and place of each structure are told, with 95 % intervals over lesions."""
    from rich.table import Table

    from derm.data.catalogue import read_data
    from derm.data.split import known_part
    from derm.model.weights import default_weights, load_weights
    from derm.structures.learn import marked_rows
    from derm.structures.report import HEADS, measure_part, table_rows
    from derm.structures.weights import record_measured, structures_path, wanted_structures

    part = known_part(split)
    model = load_weights(weights or default_weights())
    decoder = wanted_structures(model.sha256, model.label, structures)
    catalogue = read_data(data)
    rows = marked_rows(catalogue, part)
    check_learned(model, catalogue, part)
    check_decoder_learned(decoder, catalogue, part, rows)
    with progress("Looking for structures") as watch:
        measured = measure_part(model, decoder, catalogue, part, watch)
    table = Table(title=f"Dermoscopic structures, {', '.join(catalogue.names)}, {part} part", title_justify="left")
    for head in HEADS:
        table.add_column(head)
    for row in table_rows(measured, decoder):
        table.add_row(*row)
    out.print(table)
    if record and (place := structures or structures_path()):
        record_measured(place, part, measured, decoder.sha256)
        out.print(f"Written: {place}")


@app.command()
def find(
    pictures: Annotated[list[Path], typer.Argument(help="Pictures, or folders of them.")],
    target: Annotated[Path | None, typer.Option("--out", help="CSV file, one row a picture.")] = None,
    weights: Weights = None,
    structures: Decoder = None,
) -> None:
    """Say which structures pictures show, how likely, and where. Exit status 1 if one could not be read."""
    from derm.files import check_file, write_text
    from derm.model.weights import default_weights, load_weights
    from derm.predict.case_structures import structure_rows
    from derm.predict.folder import not_looked_at, survey
    from derm.spreadsheet import csv_line
    from derm.structures.weights import structures_path, wanted_structures

    if target:
        check_file(target)
        kept = weights_files(wanted) if (wanted := structures or structures_path()) else []
        refuse_read([target], [*pictures, *weights_files(weights), *kept])
    model = load_weights(weights or default_weights())
    decoder = wanted_structures(model.sha256, model.label, structures)
    found = survey(pictures, (), (target,) if target else ())
    if left_out := not_looked_at(found.passed_over):
        err.print(left_out)
    rows: list[list[object]] = []
    failed = 0
    with progress("Looking for structures") as watch:
        for row in structure_rows(model, decoder, found.files, watch):
            rows.append(row.cells)
            failed += bool(row.fault)
            if target and row.fault:
                err.print(f"derm: {row.fault}")
            if not target:
                out.print(f"{row.name}\n" + "\n".join(f"  {said}" for said in row.said))
    if target:
        from derm.predict.case_structures import columns

        write_text(target, "".join(csv_line(cells) for cells in [list[object](columns(decoder.info)), *rows]))
        out.print(f"Written: {target}")
    if failed:
        raise typer.Exit(1)
