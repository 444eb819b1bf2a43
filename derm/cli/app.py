"""`derm app`: serve the pages that come with Derm."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Annotated

import typer

from derm.errors import ConfigFault


def serve(
    data: Annotated[Path | None, typer.Option(help="Folder of a data set, for Explore and Compare.")] = None,
    runs: Annotated[Path | None, typer.Option(help="Folder of training runs, for Monitor; without: runs.")] = None,
    results: Annotated[
        Path | None, typer.Option(help="Folder of what `derm evaluate` and `derm explain` wrote; without: results.")
    ] = None,
    weights: Annotated[Path | None, typer.Option(help="Weights (.json); without: the shipped ones.")] = None,
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port to listen on.")] = 8501,
    address: Annotated[
        str, typer.Option(help="Address to listen on. The app has no login: leave it at this machine's own.")
    ] = "127.0.0.1",
    browser: Annotated[bool, typer.Option("--browser/--no-browser", help="Open a browser.")] = True,
) -> None:
    """Serve the app in a browser on this machine, until Ctrl-C.

    Research use only, not a medical device.
    """
    from derm.paths import DATA, RESULTS, RUNS, WEIGHTS, app_folder

    named = {DATA: data, RUNS: runs, RESULTS: results, WEIGHTS: weights}
    for path in (data, weights):
        if path is not None and not path.expanduser().exists():
            raise ConfigFault(f"There is no file or folder {path}: check the path.")
    places = {name: str(path.expanduser().absolute()) for name, path in named.items() if path is not None}
    words = [sys.executable, "-m", "streamlit", "run", str(app_folder() / "streamlit_app.py")]
    words += ["--server.port", str(port), "--server.address", address, "--server.headless", str(not browser).lower()]
    environment = {**os.environ, **places}
    if os.name == "posix":
        os.execve(sys.executable, words, environment)  # the server takes this process's place, and its signals
    try:
        done = subprocess.run(words, env=environment, check=False)
    except KeyboardInterrupt:  # the server has had it, too
        raise typer.Exit(0) from None
    raise typer.Exit(done.returncode)
