"""`derm concepts`: what a diagnosis is made of in people's words, and what would change it."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from derm.cli.targets import data_tables, refuse_read, weights_files
from derm.cli.terminal import check_decoder_learned, check_description, check_learned, out, progress

if TYPE_CHECKING:
    from derm.concepts.learn import ReadPart
    from derm.data.split import Part
    from derm.model.weights import Model
    from derm.structures.weights import StructureWeights

app = typer.Typer(
    help="Structures and measures as concepts: what they alone tell, and what would change an answer.",
    no_args_is_help=True,
)

Data = Annotated[list[Path], typer.Option("--data", help="Folder of a data set; several may be given.")]
Weights = Annotated[Path | None, typer.Option("--weights", help="Weights (.json); without: the shipped ones.")]
Most = Annotated[int, typer.Option(min=20, help="Training pictures of a source, drawn by lot; half as many of others.")]


@app.command()
def measure(
    data: Data,
    target: Annotated[Path, typer.Option("--out", help="JSON file of all figures.")],
    weights: Weights = None,
    most: Most = 1400,
    vectors: Annotated[bool, typer.Option("--vectors/--no-vectors", help="Test with concept vectors, too.")] = True,
) -> None:
    """Measure the additive model beside the network, and test with concept activation vectors, on the test parts."""
    from derm.concepts.measure import measure_alone, measure_models, measure_vectors
    from derm.concepts.report import marked_source, model_table, vector_table
    from derm.files import check_file, write_json
    from derm.model.description import sealed
    from derm.model.weights import default_weights, load_weights
    from derm.structures.weights import wanted_structures

    check_file(target)
    refuse_read([target], [*data_tables(data), *weights_files(weights)])
    model = load_weights(weights or default_weights())
    decoder = wanted_structures(model.sha256, model.label)
    parts = _parts(model, decoder, data, most, measures=True)
    models, marked = measure_models(parts, model.description.temperature), marked_source(parts)
    followed: list[dict[str, Any]] = []
    if vectors and marked:
        with progress("Following the score along concepts") as watch:
            followed = measure_vectors(model, parts, marked, watch)
    about = {"weights": model.sha256, "network_id": model.network_id, "decoder": decoder.sha256, "most": most}
    content = {**about, "models": models, "alone": measure_alone(parts), "vectors": followed}
    write_json(target, sealed(content))
    out.print(model_table(models))
    out.print(vector_table(followed))
    out.print(f"Written: {target}")


@app.command()
def learn(
    data: Data,
    target: Annotated[Path, typer.Option("--out", help="Description (.json) of the directions.")],
    weights: Weights = None,
    most: Most = 1400,
) -> None:
    """Find what one deviation more of each concept does to the seven scores, on the training parts."""
    from derm.concepts.directions import as_json, learned_from
    from derm.files import check_file, write_json
    from derm.model.weights import default_weights, load_weights
    from derm.structures.weights import wanted_structures

    check_description(target)
    check_file(target)
    refuse_read([target], [*data_tables(data), *weights_files(weights)])
    model = load_weights(weights or default_weights())
    decoder = wanted_structures(model.sha256, model.label)
    parts = _parts(model, decoder, data, most)
    write_json(target, as_json(learned_from(model, decoder, parts)))
    out.print(f"Written: {target}")


@app.command()
def case(
    picture: Annotated[Path, typer.Argument(help="A picture.")],
    library: Annotated[Path | None, typer.Option(help="Folder of the library; without: DERM_LIBRARY.")] = None,
    weights: Weights = None,
) -> None:
    """Say what would change the answer: the nearest confirmed case on the other side, and the smallest change."""
    from derm.concepts.case import nearest_other, what_if
    from derm.concepts.words import change_lines, other_lines
    from derm.image.decode import open_image
    from derm.model.weights import default_weights, load_weights
    from derm.paths import library_folder
    from derm.predict.case import diagnose
    from derm.predict.library import find_library

    model = load_weights(weights or default_weights())
    found = diagnose(model, open_image(picture), picture.name)
    shelf = find_library(library or library_folder())
    other = None if shelf is None else nearest_other(shelf, model, found)
    lines = [*change_lines(found, what_if(found)), *other_lines(found, other, shelf)]
    for line in dict.fromkeys(lines):
        out.print(line)


def _parts(
    model: "Model", decoder: "StructureWeights", data: list[Path], most: int, *, measures: bool = False
) -> "dict[tuple[str, Part], ReadPart]":
    """What is read of the pictures of all folders, each split by itself, as it was when the weights learned.

    measures: figures are to be of the test parts, so that neither weights nor decoder may know them.
    """
    from derm.concepts.learn import check_apart, check_outlined, read_parts
    from derm.data.catalogue import read_data
    from derm.data.split import split_catalogue
    from derm.paths import cache_folder

    found: dict[tuple[str, Part], ReadPart] = {}
    catalogues = [read_data([folder]) for folder in data]
    check_apart(catalogues)
    for catalogue in catalogues if measures else ():
        check_learned(model, catalogue, "test")
        check_decoder_learned(decoder, catalogue, "test", split_catalogue(catalogue).rows("test"))
    for folder, catalogue in zip(data, catalogues, strict=True):
        with progress(f"Reading {folder.name}") as watch:
            found |= read_parts(model, decoder, catalogue, cache_folder() / "concepts", most, watch)
    check_outlined(model, found)
    return found
