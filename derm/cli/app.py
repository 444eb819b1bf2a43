"""`derm app` and `derm serve`: serve the pages that come with Derm, to one person and to several."""

import os
import secrets
import socket
import subprocess
import sys
from pathlib import Path
from typing import Annotated
from urllib.parse import quote

import typer

from derm.cli.terminal import out
from derm.errors import ConfigFault
from derm.serve.opening import BASE, HOSTS, INSECURE, TOKEN, Opening, is_loopback, opening_of
from derm.serve.words import login_words, unencrypted

Data = Annotated[Path | None, typer.Option(help="Folder of a data set, for Explore and Compare.")]
Runs = Annotated[Path | None, typer.Option(help="Folder of training runs, for Monitor; without: runs.")]
Results = Annotated[
    Path | None, typer.Option(help="Folder of what `derm evaluate` and `derm explain` wrote; without: results.")
]
Weights = Annotated[Path | None, typer.Option(help="Weights (.json); without: the shipped ones.")]
Port = Annotated[int, typer.Option(min=1, max=65535, help="Port to listen on.")]


def app(
    data: Data = None,
    runs: Runs = None,
    results: Results = None,
    weights: Weights = None,
    port: Port = 8501,
    address: Annotated[
        str,
        typer.Option(help="Address to listen on; another than this machine's own needs login, --token or --insecure."),
    ] = "127.0.0.1",
    login: Annotated[
        bool, typer.Option("--login", help="End unless login is set up: see docs/operations.md for its settings.")
    ] = False,
    token: Annotated[
        bool, typer.Option("--token", help="Ask visitors for a token, which the printed address ends in.")
    ] = False,
    behind: Annotated[
        list[str] | None,
        typer.Option(help="Host name under which a server in front, which asks who visitors are, passes them on."),
    ] = None,
    insecure: Annotated[
        bool, typer.Option("--insecure", help="Listen on any address and ask nobody; every page says so.")
    ] = False,
    json_log: Annotated[
        bool, typer.Option("--json-log", help="Log requests, logins and faults as lines of JSON, without names.")
    ] = False,
    browser: Annotated[bool, typer.Option("--browser/--no-browser", help="Open a browser.")] = True,
) -> None:
    """Serve the app in a browser on this machine, until Ctrl-C. SECURITY.md says what is let in.

    Research use only, not a medical device.
    """
    from derm.paths import DATA, RESULTS, RUNS, SAFE_PATH, WEIGHTS, app_folder, user_path
    from derm.serve.log import WANTED
    from derm.serve.login import CALLBACK, REQUIRED, login_of, own_places

    named = {DATA: data, RUNS: runs, RESULTS: results, WEIGHTS: weights}
    for path in (data, weights):
        if path is not None and not user_path(path).exists():
            raise ConfigFault(f"There is no file or folder {path}: check the path.")
    places = {name: str(user_path(path).absolute()) for name, path in named.items() if path is not None}
    opened = _opened(token=token, behind=behind or [], insecure=insecure)
    asked = {REQUIRED: login, WANTED: json_log}
    opened |= {name: value for name, value in ((REQUIRED, "1"), (WANTED, "json")) if asked[name]}
    known = login_of({**os.environ, **opened}, own_places(app_folder()))
    opening = opening_of({**os.environ, **opened}, None if known is None else known.origin)
    opening.check_address(address)
    _check_own(address)
    words = [sys.executable, "-m", "streamlit", "run", str(app_folder() / "streamlit_app.py")]
    # With a token the browser needs it in the address, which stands in no process's arguments.
    shown = browser and opening.token is None
    words += ["--server.port", str(port), "--server.address", address, "--server.headless", str(not shown).lower()]
    # Without it Streamlit asks Amazon at its start for the machine's address, to print it, if it listens on every one.
    words += ["--browser.serverAddress", _named(address)]
    if opening != Opening():
        words += ["--server.allowedHosts", "*"]  # the gate knows the names that are allowed
    if opening.token:
        _tell_token(opening.token, address, port)
    if known is not None:
        out.print(login_words(known.redirect.geturl().removesuffix(CALLBACK), known.issuer), soft_wrap=True)
    environment = {**os.environ, **places, **opened, **SAFE_PATH}
    if os.name == "posix":
        os.execve(sys.executable, words, environment)  # the server takes this process's place, and its signals
    try:
        done = subprocess.run(words, env=environment, check=False)
    except KeyboardInterrupt:  # the server has had it, too
        raise typer.Exit(0) from None
    raise typer.Exit(done.returncode)


def serve(
    data: Data = None,
    runs: Runs = None,
    results: Results = None,
    weights: Weights = None,
    port: Port = 8501,
    address: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
) -> None:
    """Serve the app to several people who log in: `derm app --login --json-log --no-browser`.

    docs/operations.md has the settings of login and samples of a server with TLS in front. Research use only, not a
    medical device.
    """
    app(data, runs, results, weights, port, address, login=True, json_log=True, browser=False)


def _opened(*, token: bool, behind: list[str], insecure: bool) -> dict[str, str]:
    """The variables that open the app further, as asked for; a token that is set already stays."""
    made = {TOKEN: os.environ.get(TOKEN) or secrets.token_urlsafe(24)} if token else {}
    names = {HOSTS: ",".join(behind)} if behind else {}
    return {**made, **names, **({INSECURE: "1"} if insecure else {})}


def _check_own(address: str) -> None:
    """Refuse an address that this machine does not have: ConfigFault."""
    try:
        family, kind, *_, place = socket.getaddrinfo(address, 0, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind) as tried:
            tried.bind(place)
    except OSError as error:
        raise ConfigFault(f"{address} is no address of this machine: leave --address at 127.0.0.1.") from error


def _tell_token(token: str, address: str, port: int) -> None:
    """Print the address that lets in, and what it does not do."""
    below = os.environ.get(BASE, "").strip("/")
    place = f"{_named(address)}:{port}/{below}/" if below else f"{_named(address)}:{port}/"
    out.print(f"Open http://{place}?token={quote(token, safe='')}", soft_wrap=True)
    if not is_loopback(address):
        out.print(unencrypted(address), soft_wrap=True)


def _named(address: str) -> str:
    """An address that is listened on as a browser on this machine takes it."""
    name = "127.0.0.1" if address in ("0.0.0.0", "::", "") else address
    return f"[{name}]" if ":" in name else name
