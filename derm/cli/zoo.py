"""`derm zoo`: the systems that the paper compares itself with, listed, trained and measured, and put side by side."""

import signal
import types
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from derm.cli.interrupt import INTERRUPTED
from derm.cli.targets import refuse_read
from derm.cli.terminal import bar, err, out, progress, read_known
from derm.errors import ConfigFault

if TYPE_CHECKING:
    from derm.zoo.run import OrderStage

app = typer.Typer(help="The other systems of the paper, by name, on one split: list, run, table.", no_args_is_help=True)

Results = Annotated[
    Path | None, typer.Option("--results", help="Folder of results; without: zoo in the folder of results.")
]


@app.command("list")
def list_systems(
    names: Annotated[list[str] | None, typer.Argument(help="Of these alone, with all that is known.")] = None,
) -> None:
    """Say which systems there are: what they answer, what was claimed, and, by name, what was not known and decided."""
    from rich.table import Table

    from derm.zoo.systems import SYSTEMS, find_systems
    from derm.zoo.words import claims_text

    if names:
        for system in find_systems(names):
            out.print(
                f"{system.name}: {system.label}\n  answers: {system.task}\n  source: {system.source}\n  built of: "
                f"{system.parts}\n  claimed, of other data: {claims_text(system.name)}\n  not known: {system.unknown}\n"
                f"  decided: {system.decided}\n"
            )
        return
    table = Table(title=f"{len(SYSTEMS)} systems", title_justify="left")
    for name in ("name", "system", "answers", "claimed, of other data"):
        table.add_column(name, overflow="fold")
    for system in SYSTEMS.values():
        table.add_row(system.name, system.label, system.task, "; ".join(claim.figures for claim in system.claims))
    out.print(table)


class _Stop:
    """Whether a signal has asked to stop, and how far that is heeded."""

    def __init__(self) -> None:
        self.asked = self.training = False

    def ask(self, number: int, _frame: types.FrameType | None) -> None:
        """Take a signal; a second one ends the process at once."""
        self.asked = True
        signal.signal(number, signal.SIG_DFL)
        if self.training:
            err.print("Stopping after this step, with a checkpoint. Once more to end without one.")
        else:
            err.print("Stopping at the next picture or step; what is measured begins anew. Once more to end at once.")

    def heed(self, stage: "OrderStage") -> None:
        """End what `stage` does, where a stop is asked for: KeyboardInterrupt. Training itself asks after each step."""
        self.training = stage == "training"
        if self.asked and not self.training:
            raise KeyboardInterrupt


@app.command()
def run(
    names: Annotated[list[str], typer.Argument(help="Names of `derm zoo list`, or 'all'.")],
    data: Annotated[list[Path], typer.Option(help="Folder of a data set, see docs/data.md; several may be given.")],
    budget: Annotated[str, typer.Option(help="'proxy', for all on a processor, or 'full', as the paper trains.")] = (
        "proxy"
    ),
    split_by: Annotated[str, typer.Option(help="'lesion', or 'image' as in the paper, which leaks.")] = "lesion",
    start: Annotated[
        str, typer.Option(help="'random', 'timm' (ImageNet), or a .safetensors file for 'shared' and 'dual'.")
    ] = "random",
    results: Results = None,
    explain: Annotated[bool, typer.Option("--explain", help="Hold heat maps to account, too: minutes more each.")] = (
        False
    ),
    marked: Annotated[
        Path | None, typer.Option("--marked", help="Folder of ISIC 2018 Tasks 1 and 2: CME among the explanations.")
    ] = None,
    costs_only: Annotated[bool, typer.Option("--costs-only", help="Count and time them, train nothing.")] = False,
    threads: Annotated[int, typer.Option(min=0, help="Threads of the network; 0: as many as there are cores.")] = 0,
    workers: Annotated[int, typer.Option(min=0, max=8, help="Processes that vary images; nothing depends on it.")] = 2,
    device: Annotated[str, typer.Option(help="'cpu', 'cuda', or 'auto'.")] = "auto",
) -> None:
    """Train and measure systems one after the other; what is done is passed over, what was begun goes on."""
    import torch

    from derm.cli.train import find_device
    from derm.data.split import By
    from derm.files import make_folder
    from derm.paths import cache_folder
    from derm.train.config import check_threads
    from derm.zoo.protocol import find_budget
    from derm.zoo.run import SystemOrder, carry_out, left_of
    from derm.zoo.systems import find_systems

    if split_by not in ("lesion", "image"):
        raise ConfigFault(f"--split-by '{split_by}' is unknown: use lesion or image.")
    if start.endswith(".json"):
        raise ConfigFault("Trained weights would know more than the others: start from random, timm or a .safetensors.")
    systems, given, folder = find_systems(names), find_budget(budget), results_of(results)
    if start not in ("random", "timm") and (odd := [one.name for one in systems if one.design is None]):
        raise ConfigFault(f"Only shared and dual start from a file, not {odd[0]}: use --start random or timm.")
    if start not in ("random", "timm") and not Path(start).is_file():
        raise ConfigFault(f"There is no file {start} to start from: use random, timm, or a .safetensors that is there.")
    known = None if marked is None else read_known([marked])
    orders = [
        SystemOrder(one, given, cast("By", split_by), start, folder, explain, known, costs_only, workers)
        for one in systems
    ]
    catalogue = read_known(data)
    left = left_of(orders, catalogue)
    if passed := len(orders) - len(left):
        out.print(f"{passed} of {len(orders)} are done already.")
    if not left:
        return
    make_folder(folder)
    if check_threads(threads):
        torch.set_num_threads(threads)
    found = find_device(device)
    stop = _Stop()
    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, stop.ask)
    with bar() as shown:
        whole = shown.add_task("Systems", total=len(left))
        part = shown.add_task("", total=None, visible=False)
        for order in left:

            def tell(stage: "OrderStage", done: int, total: int, order: SystemOrder = order) -> None:
                stop.heed(stage)
                shown.update(
                    part, description=f"{order.system.name}: {stage}", completed=done, total=total, visible=True
                )

            if not carry_out(order, catalogue, cache_folder(), device=found, tell=tell, stop=lambda: stop.asked):
                out.print(f"{order.system.name}: stopped with a checkpoint. To go on: the same command again.")
                raise typer.Exit(INTERRUPTED)
            shown.reset(part, visible=False)
            shown.advance(whole)
            out.print(f"{order.system.name}: {'counted and timed' if costs_only else 'done'}, {order.place}")
            if stop.asked:
                raise typer.Exit(INTERRUPTED)


@app.command()
def table(
    target: Annotated[Path, typer.Option("--out", help="Markdown file to write; its JSON goes beside it.")] = Path(
        "docs", "comparison.md"
    ),
    budget: Annotated[str, typer.Option(help="'proxy' or 'full'.")] = "proxy",
    results: Results = None,
) -> None:
    """Put what has been measured side by side, with intervals and differences to ours, as a page and as JSON."""
    from derm.files import check_file, write_json, write_text
    from derm.zoo import words
    from derm.zoo.compared import compare_systems
    from derm.zoo.cost import count
    from derm.zoo.document import document
    from derm.zoo.place import NAME
    from derm.zoo.protocol import find_budget

    if target.suffix != ".md":
        raise ConfigFault(f"--out {target} does not end in .md: name the page, its JSON goes beside it.")
    check_file(target)
    given, folder = find_budget(budget), results_of(results)
    refuse_read(
        [target, target.with_suffix(".json")], {*folder.rglob("*.json"), *folder.rglob("*.csv")} - {folder / NAME}
    )
    with progress("Comparing") as watch:
        found = compare_systems(
            folder, given.name, given.size, lambda system: count(system.model(given.size)), progress=watch
        )
    write_text(target, document(found))
    content = found.as_dict()
    for place in (target.with_suffix(".json"), folder / NAME):
        write_json(place, content)
    out.print(words.conclusion(found))
    if told := words.not_run(found):
        out.print(told)
    out.print(f"Written: {target}, {target.with_suffix('.json')}")


def results_of(named: Path | None) -> Path:
    """The folder of the zoo's results: `named`, or zoo in the folder of results."""
    from derm.paths import user_path
    from derm.zoo.place import zoo_folder

    return user_path(named) if named else zoo_folder()
