#!/usr/bin/env python3
"""Train and measure the paper's other systems on an accelerator that is there for minutes, several processes at once.

Needs Derm and a folder of HAM10000, whose pictures may be as small as 128 pixels (docs/zoo.md, "On an accelerator").
What was measured when the time is over lies in --out as one small archive of predictions, without weights; what was
begun is lost. Figures of it `derm zoo table --results` puts side by side, where the archive is unpacked.
"""

import argparse
import signal
import subprocess
import sys
import tarfile
import time
from pathlib import Path

from derm.data.catalogue import read_data
from derm.data.store import open_store
from derm.paths import cache_folder
from derm.zoo.protocol import BUDGETS
from derm.zoo.results import COST, MEASURED, PREDICTIONS
from derm.zoo.systems import SYSTEMS, find_systems

KEPT = (COST, MEASURED, PREDICTIONS)
"""Files of a result that the table is made of."""

PATIENCE = 20.0
"""Seconds that processes are given, all together, to write their checkpoints before they are ended."""


def main() -> None:
    """Run every lane until it ends or the time is over, then pack what has been measured."""
    options = parse()
    options.results.mkdir(parents=True, exist_ok=True)
    end = time.monotonic() + 60 * options.minutes
    names = [system.name for system in find_systems(options.names)]
    # Once, or every lane would decode all pictures for itself.
    open_store(read_data([options.data]), BUDGETS["proxy"].size, cache_folder())
    lanes = deal(names, options.lanes // len(options.split_by))
    started = [start(lane, by, options) for by in options.split_by for lane in lanes]
    wait(started, end)
    packed = pack(options.results, options.out)
    print(f"{packed} results are in {options.out}", flush=True)


def parse() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", default=["all"], help=f"among {', '.join(SYSTEMS)}; without: all")
    parser.add_argument("--data", type=Path, required=True, help="folder of HAM10000")
    parser.add_argument("--results", type=Path, default=Path("results/zoo"), help="folder of results, gone on with")
    parser.add_argument("--out", type=Path, required=True, help="archive to write, .tar.gz")
    parser.add_argument("--split-by", nargs="+", default=["lesion", "image"], choices=["lesion", "image"])
    parser.add_argument("--lanes", type=int, default=8, help="processes at once, those of both splits together")
    parser.add_argument("--workers", type=int, default=1, help="processes that vary images, for each lane")
    parser.add_argument("--minutes", type=float, default=8.0, help="for all of them together")
    parser.add_argument("--device", default="cuda", help="cuda, or cpu to rehearse")
    return parser.parse_args()


def deal(names: list[str], lanes: int) -> list[list[str]]:
    """The names in at most `lanes` heaps, dealt like cards, ours first, which all others are held against."""
    heaps = [names[first :: max(1, lanes)] for first in range(max(1, lanes))]
    return [heap for heap in heaps if heap]


def start(names: list[str], by: str, options: argparse.Namespace) -> "subprocess.Popen[bytes]":
    """Begin to train and measure `names`, split by `by`, with two threads."""
    words = ["zoo", "run", *names, "--data", options.data, "--results", options.results, "--split-by", by]
    words += ["--workers", options.workers, "--threads", 2, "--device", options.device]
    return subprocess.Popen([sys.executable, "-P", "-m", "derm", *map(str, words)])


def wait(started: list["subprocess.Popen[bytes]"], end: float) -> None:
    """Wait until all have ended, or until `end`, a moment of the monotonic clock, and then stop them."""
    while time.monotonic() < end and any(one.poll() is None for one in started):
        time.sleep(0.2)
    left = [one for one in started if one.poll() is None]
    for one in left:
        one.send_signal(signal.SIGINT)
    last = time.monotonic() + PATIENCE
    for one in left:
        try:
            one.wait(max(0.0, last - time.monotonic()))
        except subprocess.TimeoutExpired:
            one.kill()
            one.wait()


def pack(results: Path, out: Path) -> int:
    """Put what the table needs of every finished result below `results` into `out`, .tar.gz; how many there were."""
    found = sorted(path.parent for path in results.rglob(MEASURED))
    out.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(out, "w:gz") as archive:
        for place in found:
            for name in KEPT:
                if (place / name).is_file():
                    archive.add(place / name, str((place / name).relative_to(results)))
    return len(found)


if __name__ == "__main__":
    main()
