"""A process that answers pictures with one thread: `python -m derm.predict.worker`, started by `derm.predict.crew`.

Needs a pickled model and what is asked on standard input, then tasks, one after the other; gives their records on
standard output, in order. Ends when its input does, also where whoever started it was killed.
"""

import os
import pickle
import sys
from contextlib import suppress

READY = "ready"
"""What it says once the model has been loaded."""


def main() -> None:
    """Answer what comes until it ends."""
    import cv2

    from derm.predict.ask import ask

    requests, answers = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what libraries print must not stand among the answers
    cv2.setNumThreads(1)
    # Whoever sends was ended in the middle, or does not listen any more.
    with suppress(EOFError, pickle.UnpicklingError, BrokenPipeError):
        model, asking = pickle.load(requests)
        said: object = READY
        while True:
            pickle.dump(said, answers)
            answers.flush()
            said, _ = ask(model, pickle.load(requests), asking)


if __name__ == "__main__":
    main()
