"""How many files and connections the server may have open: as many as the system lets it ask for.

Needs nothing. On systems without such limits it does nothing.
"""

MOST = 65_536
"""Open files that are asked for at most: silent connections of a whole network, and no more than a table can hold."""


def allow_more(most: int = MOST) -> int:
    """Raise this process's own limit of open files to what it may ask for; the limit then, 0 where there is none.

    Usual is 1,024, beyond which a server accepts nobody while silent connections stay.
    """
    try:
        import resource
    except ImportError:
        return 0
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = most if hard == resource.RLIM_INFINITY else min(most, hard)
    if 0 <= soft < wanted:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        except (OSError, ValueError):  # a sandbox that lets nothing be set
            return soft
        return wanted
    return soft
