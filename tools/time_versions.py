#!/usr/bin/env python3
"""From a JPEG's bytes to the answer with seven heat maps: this version beside an older one, for docs/engines.md.

Needs another checkout of Derm, such as `git worktree add ../old 3eed9be`. Each version is asked in a process of its own
about the same file, in turn, so that what else the machine does hits both alike. A version that knows the screen's size
makes maps for it, an older one for the picture's own.

    python tools/time_versions.py ../old --busy 1
"""

import argparse
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from derm.bench.engines import SIZES, busy_neighbours, jpeg_of

HERE = Path(__file__).parents[1]

CHILD = """
import sys, time
from pathlib import Path
from derm.model.weights import load_weights
from derm.predict.case import diagnose_bytes
try:
    from derm.predict.view import screen_size
except ImportError:
    screen_size = lambda case: case.image.shape[:2]
model = load_weights(Path(sys.argv[1]) / "weights" / "derm.json")
for line in sys.stdin:
    content = Path(line.strip()).read_bytes()
    began = time.perf_counter()
    case = diagnose_bytes(model, content, "drawn.jpg")
    maps = [evidence.scaled(*screen_size(case)) for evidence in case.evidence]
    print(time.perf_counter() - began, flush=True)
"""

WARM_UP, CALLS = 3, 12


def started(checkout: Path) -> subprocess.Popen[str]:
    """A process that answers with the code and the weights of a checkout, and says how long it took."""
    words = [sys.executable, "-c", CHILD, str(checkout)]
    return subprocess.Popen(words, cwd=checkout, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def asked(process: subprocess.Popen[str], path: Path) -> float:
    """Milliseconds of one call."""
    if process.stdin is None or process.stdout is None:
        raise RuntimeError("the process has no streams")
    print(path, file=process.stdin, flush=True)
    return 1000 * float(process.stdout.readline())


def main() -> None:
    """Print a row for each size of picture."""
    given = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    given.add_argument("old", type=Path)
    given.add_argument("--busy", type=int, default=0, help="Other processes that keep a core at work.")
    told = given.parse_args()
    before, now = started(told.old.absolute()), started(HERE)
    print("| picture | before | now | now / before |\n| --- | --- | --- | --- |")
    with tempfile.TemporaryDirectory() as folder, busy_neighbours(told.busy):
        for height, width in SIZES:
            path = Path(folder) / f"{width}.jpg"
            path.write_bytes(jpeg_of(height, width))
            pairs = [(asked(before, path), asked(now, path)) for _ in range(WARM_UP + CALLS)][WARM_UP:]
            old, new = (statistics.median(times) for times in zip(*pairs, strict=True))
            print(f"| {width} × {height} | {old:.0f} ms | {new:.0f} ms | {new / old:.2f} |", flush=True)
    for process in (before, now):
        process.kill()


if __name__ == "__main__":
    main()
