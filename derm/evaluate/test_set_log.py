"""The log of looks at HAM10000's test part: each one makes its figures a little less new, so they are counted.

Needs what `derm evaluate` measured, and to be run in a checkout: the file is part of the repository,
`docs/looks-at-the-test-part.csv`. Elsewhere nothing is counted, and nothing is ever written beside the installed code.
"""

from pathlib import Path
from typing import Any

from derm.data.catalogue import Catalogue
from derm.data.recognise import name_rows, shipped_split
from derm.errors import ConfigFault
from derm.files import alone_in, is_named, read_file, write_text
from derm.language.speech import say
from derm.spreadsheet import csv_line

LOOKS = Path("docs", "looks-at-the-test-part.csv")
"""Below the folder that the command is run in."""

MOST_BYTES = 16 << 20
"""Of it: a hundred thousand looks."""

PATIENCE = 30
"""Seconds that a look waits for others to be written."""

WHOLE = 2004
"""Images of HAM10000's whole test part with a diagnosis, split by lesion."""

COLUMNS = ("date", "weights", "sha256", "split", "accuracy", "balanced_accuracy", "macro_f1", "macro_auc", "dice")


def is_ham10000(catalogue: Catalogue) -> bool:
    """Whether a catalogue holds images of HAM10000's published split, by whatever name: the image's, its copy's, or
    its lesion's."""
    return bool(name_rows(catalogue).lesion.isin(shipped_split()["lesion"]).any())


def count_look(metrics: dict[str, Any], looks: Path = LOOKS) -> int:
    """Append a look to `looks`, an existing CSV file, and return how many it holds now; 0 without such a file.

    Of looks that end at once each waits for the one before, or one would be lost. Raises ConfigFault with the line that
    lacks where none ends, or the file cannot be read.
    """
    if not is_named(looks):
        return 0
    about = metrics["measured_on"]
    figures = [f"{metrics[name]:.4f}" if metrics[name] is not None else "" for name in COLUMNS[4:]]
    sources, views, images = len(about.get("sources", {})), about.get("views", 1), about.get("images", WHOLE)
    # What is not of single views of HAM10000's whole part must not look like its own figures.
    split = f"by {about['split_by']}" + (f", {sources} sources pooled" if sources > 1 else "")
    split += f", {views} views" if views > 1 else ""
    split += f", {images} images" if about["split_by"] == "lesion" and (sources > 1 or images != WHOLE) else ""
    line = csv_line([about["date"], about["weights"], about["sha256"][:16], split, *figures])
    busy = say(
        "The results are written, but this look is not counted, for another has been written into {looks} for "
        "{seconds} seconds: when that has ended, append the line {line}",
        looks=looks,
        seconds=PATIENCE,
        line=line.strip(),
    )
    with alone_in(looks.parent, PATIENCE, busy):
        try:
            text = read_file(looks, MOST_BYTES).decode() + line
        except (OSError, ValueError) as error:
            raise ConfigFault(
                say(
                    "The results are written, but this look is not counted, for {looks} cannot be read ({error}): put "
                    "it back, and append the line {line}",
                    looks=looks,
                    error=error,
                    line=line.strip(),
                )
            ) from error
        write_text(looks, text)
    return len(text.splitlines()) - 1
