"""`python -m derm`: the command `derm`, for whoever knows the interpreter and not where the script lies.

Needs nothing. Gives nothing to import.
"""

from derm.cli.main import main

if __name__ == "__main__":
    main()
