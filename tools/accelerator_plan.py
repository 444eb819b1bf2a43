#!/usr/bin/env python3
"""Train the best recipe on an accelerator that is there for minutes: three seeds, a larger picture, the dual design.

Needs Derm, and a folder with ham10000/, isic2018_task1/ and pretrained/ (docs/training.md, "On an accelerator"). Each
training has its own limit of time; its weights lie in --out the moment it ends, in pieces small enough to be carried.
Does not choose among them: that is for validation, by `derm evaluate` and `derm soup`.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

PIECE = 15 << 20
"""Bytes of one file in --out: some ways back carry no more than 16 MiB a file."""

RECIPE = {
    "learning_rate": 0.001, "weight_decay": 0.05, "sampling": 0.25, "source_balance": 0.5, "average": 0.999,
    "mix.probability": 0.3, "model.drop_path": 0.1, "model.dropout": 0.3,
    "augment.smallest_crop": 0.4, "augment.colour": 0.2, "augment.brightness": 0.3, "augment.hair": 0.1,
    "augment.vignette": 0.1, "augment.blur": 0.15, "augment.erase": 0.2, "augment.zoom": 0.3,
    "augment.temperature": 0.2, "augment.gamma": 0.25, "augment.gradient": 0.3, "augment.noise": 0.15,
    "augment.jpeg": 0.3, "augment.ruler": 0.1, "augment.patch": 0.1, "augment.ink": 0.1,
    "best_by": '"source_auc"',
}  # fmt: skip
"""The recipe of docs/experiments.md that travels best so far."""


class Training(NamedTuple):
    """name: of its folder and its files. minutes: its limit. settings: what differs from `RECIPE`."""

    name: str
    minutes: float
    settings: dict[str, object]


PLAN = (
    Training("both-224-0", 3.0, {"model.input_size": 224, "epochs": 30, "batch": 128, "seed": 0}),
    Training("both-224-1", 3.0, {"model.input_size": 224, "epochs": 30, "batch": 128, "seed": 1}),
    Training("both-224-2", 3.0, {"model.input_size": 224, "epochs": 30, "batch": 128, "seed": 2}),
    Training("both-288-0", 5.0, {"model.input_size": 288, "epochs": 30, "batch": 96, "seed": 0}),
    Training("dual-224-0", 6.0, {"model.input_size": 224, "epochs": 30, "batch": 96, "model.design": '"dual"'}),
)
"""In the order of what is wanted most. An H200 with three workers gave 500 images a second at 224 pixels, so that
thirty epochs of 7,245 images would take 7 minutes; the limits suppose all cores, which has not been tried."""


def main() -> None:
    """Run the trainings that were asked for, one after the other, while time is left."""
    options = parse()
    options.out.mkdir(parents=True, exist_ok=True)
    end = time.monotonic() + 60 * options.minutes
    for training in PLAN:
        left = (end - time.monotonic()) / 60 - 0.3  # what shipping takes
        if options.only and training.name not in options.only:
            continue
        if left < 1:
            print(f"{training.name}: no time is left, {left:.1f} min", flush=True)
            continue
        run_one(training, options, min(training.minutes, left))


def parse() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with ham10000/, isic2018_task1/, pretrained/")
    parser.add_argument("--out", type=Path, required=True, help="where weights go, in pieces of 15 MiB")
    parser.add_argument("--runs", type=Path, default=Path("runs/accelerator"), help="folder of the runs")
    parser.add_argument("--minutes", type=float, default=9.0, help="for all of them together")
    parser.add_argument("--only", nargs="*", help=f"names among {', '.join(one.name for one in PLAN)}")
    parser.add_argument("--device", default="cuda", help="cuda, or cpu to rehearse")
    parser.add_argument("--share", type=float, default=1.0, help="share of the training part, to rehearse")
    parser.add_argument("--epochs", type=int, help="instead of the plan's, to rehearse")
    parser.add_argument("--size", type=int, help="instead of the plan's, to rehearse")
    parser.add_argument("--batch", type=int, help="instead of the plan's, to rehearse")
    parser.add_argument("--workers", type=int, help="processes that vary images, to rehearse")
    parser.add_argument("--start", help="instead of the weights in pretrained/")
    return parser.parse_args()


def run_one(training: Training, options: argparse.Namespace, minutes: float) -> None:
    """Train for at most `minutes`, then put weights and log into --out; where it fails, the others go on."""
    run = options.runs / training.name
    sources = [folder for name in ("ham10000", "isic2018_task1") if (folder := options.data / name).is_dir()]
    start = options.start or str(options.data / "pretrained" / "efficientnet_b0_from_lite0.safetensors")
    settings = {**RECIPE, **training.settings}
    for name, value in (("epochs", options.epochs), ("model.input_size", options.size), ("batch", options.batch)):
        if value is not None:
            settings[name] = value
    words = ["train", "--run", str(run), "--start", start, "--device", options.device, "--minutes", f"{minutes:.2f}"]
    words += [word for source in sources or [options.data] for word in ("--data", str(source))]
    words += ["--share", str(options.share)]
    words += [] if options.workers is None else ["--workers", str(options.workers)]
    words += [word for name, value in settings.items() for word in ("--set", f"{name}={value}")]
    began = time.monotonic()
    if derm(*words) or not (run / "best.json").is_file():
        print(f"{training.name}: no weights after {time.monotonic() - began:.0f} s", flush=True)
        return
    shipped = run / f"{training.name}.json"
    derm("ship", str(run / "best.json"), "--out", str(shipped))
    shutil.copy(shipped, options.out)
    shutil.copy(run / "events.jsonl", options.out / f"{training.name}.events.jsonl")
    in_pieces(shipped.with_suffix(".safetensors"), options.out)
    print(json.dumps({"training": training.name, "seconds": round(time.monotonic() - began)}), flush=True)


def derm(*words: str) -> int:
    """Call the command `derm` of this interpreter, or this checkout where it is not installed; its exit status."""
    paths = os.pathsep.join(filter(None, [os.environ.get("PYTHONPATH"), str(Path(__file__).resolve().parents[1])]))
    called = [sys.executable, "-P", "-m", "derm", *words]
    return subprocess.run(called, env={**os.environ, "PYTHONPATH": paths}, check=False).returncode


def in_pieces(path: Path, out: Path) -> list[Path]:
    """Copy a file to `out` in pieces of at most `PIECE` bytes, NAME.0, NAME.1, …; `cat NAME.*` puts them together."""
    pieces = []
    with path.open("rb") as stream:
        while content := stream.read(PIECE):
            pieces.append(out / f"{path.name}.{len(pieces)}")
            pieces[-1].write_bytes(content)
    return pieces


if __name__ == "__main__":
    main()
