"""What the gate says, to who starts the app and to who is refused.

Needs nothing. Knows no server.
"""

INSECURE = (
    "Insecure setup: this app is open to the network and asks nobody who they are. Whoever reaches it sees the data "
    "set and can start and stop training."
)
"""On top of every page of an app that is open to the network."""

FOREIGN_HOST = (
    "Refused: this app answers to its own machine's name alone. If a server in front of it passes this name on, start "
    "the app with derm app --behind NAME.\n"
)

FOREIGN_PAGE = "Refused: the request comes from a page of another site.\n"

OTHER_MACHINE = "Refused: this app answers to its own machine alone. Start it with derm app --token to open it.\n"

NO_TOKEN = (
    "This app asks for a token: open the address that ends in ?token=…, as `derm app --token` printed it when it "
    "started.\n"
)

NO_ROOM = "The server's memory is full with what its visitors have open: send the file again later.\n"

CLOSED = "Not found.\n"


def open_address(address: str | None) -> str:
    """Why the app does not start on `address`, and the cures."""
    named = address or "every address"
    return (
        f"The app does not listen on {named}, for it asks nobody who they are: leave the address at 127.0.0.1 (a "
        "server that asks may stand before it: `derm app --behind NAME`), or ask for a token with `derm app --token`, "
        "or open it to everybody with `derm app --insecure`, which every page then says."
    )


def unencrypted(address: str) -> str:
    """What is said when the app starts with a token on an address that others reach."""
    return (
        f"{address} is reached from other machines, and nothing on the way is encrypted: use it in a network that you "
        "trust, or put a server with TLS before it."
    )
