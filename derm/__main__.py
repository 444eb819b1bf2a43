"""The command `derm`, also `python -m derm`: for whoever knows the interpreter and not where the script lies.

Needs nothing. Gives `main`, which heeds Ctrl-C before anything that takes time is imported.
"""

from derm.cli.interrupt import end, end_at_once, heed


def main() -> None:
    """Run the command line, see `derm.cli.main`."""
    heed()
    from derm.cli.main import main as run

    try:
        run()
    except KeyboardInterrupt:  # between the command line's own lines
        end()
    finally:
        end_at_once()


if __name__ == "__main__":
    main()
