"""The paper's printed numbers, and ours beside them.

Source: Fiaz et al., Frontiers in Medicine 12:1681542 (2025): section 4.1, Tables 2, 3 and 4.
Knows only what was printed; the paper's split is by image, so that its numbers flatter.
"""

from typing import Any, NamedTuple

from derm.diagnoses import CODES
from derm.metrics import registry


class PaperClass(NamedTuple):
    """One line of Table 2, and the specificity that section 4.1 prints; all shares are 0 … 1, support is test cases."""

    precision: float
    recall: float
    f1: float
    support: int
    printed_specificity: float


class PaperFigure(NamedTuple):
    """One line of the comparison: our value and the paper's, None where there is none, and what to know of them."""

    name: str
    ours: float | None
    paper: float | None
    note: str


PER_CLASS: dict[str, PaperClass] = {
    "akiec": PaperClass(0.810811, 0.461538, 0.588235, 65, 0.9871),
    "bcc": PaperClass(0.902778, 0.631068, 0.742857, 103, 0.9916),
    "bkl": PaperClass(0.723810, 0.690909, 0.706977, 220, 0.9383),
    "df": PaperClass(0.692308, 0.391304, 0.500000, 23, 0.9985),
    "mel": PaperClass(0.640909, 0.632287, 0.636569, 223, 0.9860),
    "nv": PaperClass(0.896527, 0.943326, 0.919331, 1341, 0.8535),
    "vasc": PaperClass(0.675000, 0.964286, 0.794118, 28, 0.9934),
}

CASES = 2003
"""Test images, as in Table 2."""

OVERALL: dict[str, float] = {
    "accuracy": 0.843235,
    "balanced_accuracy": 0.673531,
    "macro_precision": 0.763163,
    "macro_recall": 0.673531,
    "macro_f1": 0.698298,
    "weighted_precision": 0.841196,
    "weighted_recall": 0.843235,
    "weighted_f1": 0.838142,
    "macro_auc": 0.9350,
    "dice": 0.8622,
    "iou": 0.7736,
    "pixel_accuracy": 0.9338,
}
"""The paper's values under the keys of metrics.json; what Table 2 calls macro recall is balanced accuracy, too."""

ACCURACY_IN_TEXT = 0.8557
AUC_IN_TABLE_4 = 0.9739

MILLISECONDS = 40.0
"""Time for one image: "more than 40 milliseconds", so that this is the least it can be."""

LEAKS = "the paper's split is by image and leaks"
"""The note on every share the paper measured: pictures of one lesion are in its training and its test set."""

NOTES: dict[str, str] = {
    "accuracy": f"{ACCURACY_IN_TEXT} in its text",
    "macro_auc": f"{AUC_IN_TABLE_4} in its Table 4; how it averages is not said",
}


def count_calls(row: PaperClass) -> tuple[int, int]:
    """The true and the false positives that a line of Table 2 implies, in cases.

    tp = recall · support and fp = tp · (1 / precision - 1). Six printed digits bring both to within 0.002 of a
    whole number; three digits would not (NV's precision 0.897 gives 145 false positives, 0.896527 gives 146).
    """
    tp = round(row.recall * row.support)
    return tp, round(tp * (1 / row.precision - 1))


def specificity_from_table(code: str) -> float:
    """The specificity of the class `code` that follows from Table 2, 0 … 1; six of the seven printed ones do not."""
    row = PER_CLASS[code]
    _, fp = count_calls(row)
    return 1 - fp / (CASES - row.support)


def of_class(code: str, name: str) -> float | None:
    """The paper's precision, recall, f1 or specificity (by its table) of a class, 0 … 1; None for one it lacks."""
    if code not in PER_CLASS:
        return None
    return specificity_from_table(code) if name == "specificity" else getattr(PER_CLASS[code], name)


def compare_with_paper(metrics: dict[str, Any], milliseconds: float | None = None) -> list[PaperFigure]:
    """Our measurements beside the paper's, line by line: overall, class by class in the order of CODES, then time.

    metrics: as `merge_measures` gives it. milliseconds: our time for one image, None if it was not measured.
    """
    rows = [
        PaperFigure(name, metrics[name], paper, "; ".join(filter(None, (LEAKS, NOTES.get(name)))))
        for name, paper in OVERALL.items()
    ]
    rows += [
        PaperFigure(metric.key, metrics[metric.key], None, "")
        for metric in (*registry.OVERALL, *registry.OUTLINE)
        if metric.key not in OVERALL
    ]
    for code in CODES:
        for name in ("precision", "recall", "f1", "specificity"):
            paper = of_class(code, name)
            note = "" if paper is None else LEAKS
            if note and name == "specificity":
                note += f"; from its Table 2, it prints {PER_CLASS[code].printed_specificity:.4f}"
            rows.append(PaperFigure(f"{code} {name}", metrics["per_class"][code][name], paper, note))
    return [
        *rows,
        PaperFigure("milliseconds", milliseconds, MILLISECONDS, 'the paper says "more than 40 milliseconds"'),
    ]
