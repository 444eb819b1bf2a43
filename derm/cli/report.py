"""`derm report`: what was measured, as a model card and as an HTML page with figures."""

from pathlib import Path
from typing import Annotated

import typer

from derm.cli.targets import data_tables, refuse_read, results_files, weights_files
from derm.cli.terminal import err, out, read_known


def report(
    data: Annotated[
        list[Path], typer.Option(help="Folder of the data set that the results were measured on; several may be given.")
    ],
    results: Annotated[Path, typer.Option(help="Folder that `derm evaluate` wrote for the test part.")],
    by_image: Annotated[
        Path | None,
        typer.Option(help="The same for weights of the paper's protocol, trained and measured on the split by image."),
    ] = None,
    explained: Annotated[Path | None, typer.Option(help="Folder that `derm explain` wrote for the test part.")] = None,
    sources: Annotated[
        Path | None, typer.Option(help="Folder that `derm evaluate` wrote for the test parts of several sources.")
    ] = None,
    left_out: Annotated[
        list[Path] | None, typer.Option(help="The same with a source left out; may be repeated.")
    ] = None,
    weights: Annotated[Path | None, typer.Option(help="Weights of the results; without: the shipped ones.")] = None,
    spoken: Annotated[
        str, typer.Option("--language", help="Of card and report: en or de; see docs/languages.md.")
    ] = "en",
    card: Annotated[Path, typer.Option(help="File for the model card, Markdown.")] = Path("docs/model-card.md"),
    page: Annotated[Path, typer.Option(help="File for the report with figures, HTML.")] = Path("results/report.html"),
) -> None:
    """Write the model card and the report; every number in them comes from the folders that are named."""
    from derm.errors import ConfigFault
    from derm.evaluate.explain_dataset import read_explain_results
    from derm.evaluate.results import read_results
    from derm.files import check_file, write_text
    from derm.language.speech import languages, speaking
    from derm.model.weights import default_weights, load_weights
    from derm.report.card import model_card
    from derm.report.facts import gather
    from derm.report.page import report_page

    if spoken not in languages():
        raise ConfigFault(f"--language is '{spoken}': it must be one of {', '.join(languages())}.")
    for path in (card, page):
        check_file(path)
    measured = results_files([results, by_image, explained, sources, *(left_out or ())])
    refuse_read([card, page], [*data_tables(data), *measured, *weights_files(weights)])
    facts = gather(
        load_weights(weights or default_weights()),
        read_results(results),
        read_known(data),
        read_results(by_image) if by_image else None,
        read_explain_results(explained) if explained else None,
        read_results(sources) if sources else None,
        [read_results(folder) for folder in left_out or ()],
    )
    err.print("Drawing figures and pictures: some seconds …")
    with speaking(spoken):
        write_text(card, model_card(facts))
        write_text(page, report_page(facts))
    out.print(f"Written: {card}, {page}")
    out.print(f"{page} holds pictures of the data set: keep it where the data set may be.")
