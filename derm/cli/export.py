"""`derm export`: the network as ONNX, for predictions on ONNX Runtime and for programs in other languages."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from derm.cli.targets import refuse_read, weights_files
from derm.cli.terminal import err, out
from derm.errors import WeightsFault

if TYPE_CHECKING:
    from derm.model.weights import Model


def export(
    target: Annotated[
        Path | None,
        typer.Option("--out", help="File to write, such as derm.onnx, weights inside; its description goes beside it."),
    ] = None,
    weights: Annotated[
        Path | None, typer.Option(help="Weights (.json or .safetensors); without: the shipped ones.")
    ] = None,
    graph: Annotated[
        Path | None,
        typer.Option(help="Folder for the network's graph without weights; without: the cache, where it is found."),
    ] = None,
) -> None:
    """Write the network as ONNX; without --out make only its graph, so that predictions run on ONNX Runtime.

    No file is written unless ONNX Runtime gives PyTorch's answers. Needs the extra `export`. docs/engines.md shows how
    the file is used without Derm. Research use only, not a medical device.
    """
    from derm.engine.graph import exporter, make_graph
    from derm.model.weights import default_weights, load_weights
    from derm.predict.learned_words import none_of
    from derm.predict.portable import check_target, describing, portable, write_portable

    exporter()
    if target is not None:
        check_target(target)
        refuse_read([target, describing(target)], weights_files(weights))
    model = load_weights(weights or default_weights())
    if graph is not None:
        err.print("Making the graph …")
        out.print(f"{make_graph(model.description.model, graph).path}: the network's graph, without weights.")
    content = portable(model)
    _check(model, content)
    if target is None:
        out.print("Predictions with these weights run on ONNX Runtime.")
        return
    write_portable(model, target, content)
    out.print(f"{target} ({len(content) / 1e6:.1f} MB) and {describing(target)}: answers as Derm's.")
    if doubt := none_of(model.description.training):
        out.print(doubt)
    out.print(model.description.licence)


def _check(model: "Model", content: bytes) -> None:
    """Hold the exported network to PyTorch's on drawn lesions; WeightsFault where the two differ."""
    from derm.bench.parity import drawn_squares, parity_of
    from derm.engine.pytorch import TorchEngine
    from derm.engine.runtime import OnnxEngine

    found = parity_of(model, TorchEngine(model.net), OnnxEngine(content), drawn_squares(model.description.model))
    if not found.holds:
        raise WeightsFault(
            f"On ONNX Runtime {model.name} answers otherwise than in PyTorch (probabilities by up to "
            f"{found.probability:.1g}, {found.changed} answers of {found.pictures} drawn lesions): no file was "
            "written. Train the weights further, or predict with DERM_ENGINE=torch."
        )
