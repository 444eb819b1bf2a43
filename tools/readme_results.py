#!/usr/bin/env python3
"""The table of results in README.md, from what is recorded beside the shipped weights.

Needs the standard library and weights/derm.json, into which `derm evaluate --record` writes the figures by source.
Without an option it replaces what lies between the two marks of README.md; --check only says whether it would, and
--print writes the table to the terminal. Measures nothing itself.
"""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
WEIGHTS = ROOT / "weights" / "derm.json"
README = ROOT / "README.md"

BEGIN, END = "<!-- results -->", "<!-- /results -->"

SOURCES = {"ham10000": "HAM10000", "isic2018_task1": "ISIC 2018 Task 1"}
"""Columns: the source's name in the data → as it is printed."""

ROWS = {
    "melanoma_auc": "Melanoma against all other diagnoses (AUC)",
    "sensitivity": "Malignant lesions found at the referral threshold (sensitivity)",
    "specificity": "Benign lesions left alone there (specificity)",
    "balanced_accuracy": "Balanced accuracy, over the diagnoses that the source has",
    "ece_debiased": "Calibration error (ECE, debiased; lower is better)",
    "coverage": "The diagnoses that “cannot be excluded” hold the true one (coverage)",
    "dice": "Outline (Dice)",
    "turned_away": "Turned away as not dermoscopic (lower is better)",
}
"""Rows: the figure's name in the description → as it is printed."""


def results(description: dict[str, Any]) -> str:
    """The table of README.md with its date, Markdown; description: that of the weights, as their .json holds it.

    Exits with one sentence where the figures by source have not been recorded.
    """
    measured = description.get("measured", {}).get("test_by_source", {})
    sources = measured.get("sources", {})
    missing = [name for name in SOURCES if name not in sources]
    if missing:
        sys.exit(
            f"The description of the weights holds no figures of {', '.join(missing)}: run derm evaluate "
            "--data HAM10000 --data ISIC2018_TASK1 --out results --record with these weights."
        )
    counts = [f"{label}, {sources[name]['images']:,} images" for name, label in SOURCES.items()]
    lines = [
        f"| test part, split {measured['split']} | {' | '.join(counts)} |",
        "| --- | --- | --- |",
        *(
            f"| {label} | {' | '.join(cell(sources[name]['figures'][key]) for name in SOURCES)} |"
            for key, label in ROWS.items()
        ),
        "",
        f"Measured on {measured['date']}. {training(description)}",
    ]
    return "\n".join(lines)


def cell(figure: dict[str, Any]) -> str:
    """A figure with its 95 % interval, two decimals; a dash where it is undefined."""
    if figure["value"] is None:
        return "–"
    low, high = figure["interval"]
    value, low, high = (f"{number:.2f}".replace("-0.00", "0.00") for number in (figure["value"], low, high))
    return f"{value} ({low} – {high})"


def training(description: dict[str, Any]) -> str:
    """Which sources the weights have learned from, and which of the table they have not."""
    data = description.get("training", {}).get("data", {})
    learned = {*data.get("sources", ["ham10000"]), *data.get("sources_before", [])}
    seen = [label for name, label in SOURCES.items() if name in learned]
    unseen = [label for name, label in SOURCES.items() if name not in learned]
    rest = f", and have never seen {' or '.join(unseen)}" if unseen else ""
    return f"The weights were trained on the training part of {' and '.join(seen)}{rest}."


def with_results(readme: str, table: str) -> str:
    """`readme` with `table` between the two marks."""
    before, _, rest = readme.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not end:
        sys.exit(f"README.md lacks the marks {BEGIN} and {END}: put them where the table is to stand.")
    return f"{before}{BEGIN}\n\n{table}\n\n{END}{after}"


def main() -> None:
    """Replace the table, or with --check say whether it is out of date."""
    parser = argparse.ArgumentParser(description="Write the table of results in README.md from weights/derm.json.")
    parser.add_argument("--check", action="store_true", help="write nothing; exit status 1 if the table differs")
    parser.add_argument("--print", action="store_true", help="write the table to the terminal alone")
    options = parser.parse_args()
    table = results(json.loads(WEIGHTS.read_text(encoding="utf-8")))
    if options.print:
        print(table)
        return
    old = README.read_text(encoding="utf-8")
    new = with_results(old, table)
    if options.check:
        sys.exit("README.md's table differs from weights/derm.json: run tools/readme_results.py" if new != old else 0)
    README.write_text(new, encoding="utf-8")


if __name__ == "__main__":
    main()
