"""The tables of a report: each a caption, columns, rows of text, and the command that its numbers come from.

Needs `Facts`. Rounds to what figures are worth and puts each interval beside its figure; computes nothing new but
predictive values at other prevalences. Knows neither Markdown nor HTML.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from derm.diagnoses import CODES, DIAGNOSES
from derm.evaluate.by_source import FIGURES
from derm.evaluate.results import Results
from derm.explain.agreement import REFERENCE_LABELS
from derm.explain.methods import METHODS
from derm.figures.text import capital
from derm.metrics import registry
from derm.metrics.decision import predictive_values
from derm.metrics.paper import OVERALL, PER_CLASS, specificity_from_table
from derm.metrics.registry import LABELS, lower_first
from derm.report.facts import Facts

EVALUATE = "`derm evaluate --data DIR --split test`"
BY_IMAGE = "`derm evaluate --data DIR --weights BY_IMAGE --split test --split-by image`"
EXPLAIN = "`derm explain --data DIR --split test`"
CALIBRATE = "`derm calibrate --data DIR --outsiders PHOTOGRAPHS`"

SOURCES = "`derm evaluate --data FIRST --data SECOND --split test`"
LEFT_OUT = "`derm evaluate --data FIRST --data SECOND --weights LEFT --leave-out SOURCE`"

PREVALENCES = (0.02, 0.05, 0.1, 0.2)
"""Shares of malignant lesions for which predictive values are printed; `derm evaluate --prevalence` takes any."""

HEADLINE = {metric.key: metric.label for metric in registry.OVERALL}
OUTLINE = {metric.key: metric.label for metric in registry.OUTLINE}
SUBGROUP_FIGURES = {
    "accuracy": "accuracy",
    "balanced_accuracy": "balanced accuracy",
    "malignant.auc": "malignant AUC",
    "decision.sensitivity": "sensitivity",
    "decision.specificity": "specificity",
    "dice": "Dice",
}
"""The subgroup figures that the card prints; subgroups.csv holds every headline figure."""


class Table(NamedTuple):
    """A table: rows hold as many texts as there are columns. source: the command, and the file it writes."""

    caption: str
    columns: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]
    source: str


def figure(value: float | None, interval: Sequence[float] | None = None) -> str:
    """A figure of 0 … 1 with its 95 % interval in brackets, '–' where it is undefined."""
    if value is None:
        return "–"
    return f"{value:.3f}" if interval is None else f"{value:.3f} ({interval[0]:.3f} – {interval[1]:.3f})"


def measured(results: Results | None, name: str) -> str:
    """The figure `name`, with dots as in the intervals of metrics.json, and its interval; '–' without results."""
    if results is None:
        return "–"
    value: Any = results.metrics
    for key in name.split("."):
        value = None if value is None else value.get(key)
    return figure(value, results.metrics["intervals"].get(name))


def beside(facts: Facts, names: Mapping[str, str], caption: str) -> Table:
    """Overall figures under both protocols beside the paper's."""
    rows = [
        (title, measured(facts.results, name), measured(facts.by_image, name), figure(OVERALL.get(name)))
        for name, title in names.items()
    ]
    columns = ("measure", "ours, split by lesion", "ours, split by image (leaks)", "the paper, split by image (leaks)")
    source = f"{EVALUATE} and {BY_IMAGE}: metrics.json; the paper's Tables 2 to 4"
    return Table(caption, columns, rows, source)


def sources(results: Results, caption: str, source: str) -> Table:
    """Every figure of each source; of results with a source left out, of that one alone."""
    out = results.about.get("left_out", [])
    rows = [
        (
            name if own["within"] is None else f"{own['within']}: {name}",
            f"{own['images']:,}",
            f"{own['melanomas']:,}",
            *(short(told["value"], told["interval"]) for told in own["figures"].values()),
        )
        for name, own in results.by_source.items()
        if not out or name in out
    ]
    columns = ("source", "images", "melanomas", *(label.lower() for label in FIGURES.values()))
    return Table(caption, columns, rows, f"{source}: metrics.json, by_source")


def short(value: float | None, interval: Sequence[float] | None = None) -> str:
    """A figure of 0 … 1 with two digits and its 95 % interval, '–' where it is undefined."""
    if value is None:
        return "–"
    return f"{value:.2f}" if interval is None else f"{value:.2f} ({interval[0]:.2f} – {interval[1]:.2f})"


def classes(results: Results, caption: str, source: str) -> Table:
    """Table 2: precision, recall, F1, specificity, AUC and support of each class."""
    rows = []
    for diagnosis in DIAGNOSES:
        own = results.metrics["per_class"][diagnosis.code]
        names = ("precision", "recall", "f1", "specificity", "auc")
        shares = [measured(results, f"per_class.{diagnosis.code}.{name}") for name in names]
        rows.append((diagnosis.code, *shares, f"{own['support']:,}"))
    columns = ("class", "precision", "recall", "F1", "specificity", "AUC", "images")
    return Table(caption, columns, rows, f"{source}: metrics.json, per_class")


def paper_classes() -> Table:
    """The paper's Table 2, with the specificity that follows from it and the one it prints."""
    rows = [
        (
            code,
            *(figure(value) for value in (row.precision, row.recall, row.f1)),
            f"{specificity_from_table(code):.3f}",
            f"{row.printed_specificity:.3f}",
            f"{row.support:,}",
        )
        for code, row in ((code, PER_CLASS[code]) for code in CODES)
    ]
    columns = ("class", "precision", "recall", "F1", "specificity that follows", "specificity printed", "images")
    return Table("The paper's Table 2", columns, rows, "Fiaz et al. 2025, Table 2 and section 4.1")


def confusion(results: Results, caption: str, source: str) -> Table:
    """Figure 6 in numbers: rows are true diagnoses, columns the likeliest ones."""
    matrix = results.metrics["confusion_matrix"]
    rows = [(code, *(f"{count:,}" for count in line)) for code, line in zip(CODES, matrix, strict=True)]
    return Table(caption, ("true, then called", *CODES), rows, f"{source}: metrics.json, confusion_matrix")


def data(facts: Facts) -> Table:
    """Figures 1 and 2 in numbers: images of each class in each part."""
    rows = [
        (code, *(f"{facts.parts[part][code]:,}" for part in facts.parts), f"{facts.images_of(code):,}")
        for code in CODES
    ]
    totals = [f"{sum(counts.values()):,}" for counts in facts.parts.values()]
    rows.append(("all", *totals, f"{len(facts.catalogue.table):,}"))
    return Table("Images of each class, split by lesion", ("class", *facts.parts, "all"), rows, "`derm data split DIR`")


def leaks(facts: Facts) -> Table:
    """How many test images show a lesion that is also in training, for both ways to split."""
    rows = []
    for by, leak in facts.leaks.items():
        test, sister = leak.by_class["mel"]
        rows.append(
            (f"by {by}", f"{leak.test:,}", f"{leak.with_sister:,} ({leak.share:.0%})", f"{sister:,} of {test:,}")
        )
    columns = ("split", "test images", "of a lesion in training", "melanomas of a lesion in training")
    return Table("What leaks", columns, rows, "`derm data split DIR` and `derm data split DIR --by image`")


def calibration(facts: Facts) -> Table:
    """ECE, its share by chance, and Brier, before and after the temperature, of the top label and of malignancy."""
    rows = []
    found = facts.results.metrics["calibration"]
    for title, prefix in (("likeliest diagnosis", ""), ("malignant against benign", "malignant.")):
        for when in ("before", "after"):
            own = found[when]["malignant"] if prefix else found[when]
            name = f"calibration.{when}.{prefix}"
            rows.append(
                (
                    f"{title}, {when}",
                    measured(facts.results, f"{name}ece"),
                    figure(own["ece_by_chance"]),
                    measured(facts.results, f"{name}ece_debiased"),
                    measured(facts.results, f"{name}brier"),
                )
            )
    temperature = found["temperature"]
    columns = (f"probabilities (temperature {temperature:.3f})", "ECE, 15 bins", "by chance", "ECE debiased", "Brier")
    return Table("Calibration on the test part", columns, rows, f"{EVALUATE}: metrics.json, calibration")


def referral(facts: Facts) -> Table:
    """Sensitivity and specificity of the referral threshold, by picture and by lesion."""
    rows = [
        (title, measured(facts.results, f"{key}.sensitivity"), measured(facts.results, f"{key}.specificity"))
        for title, key in (("of pictures", "decision"), ("of lesions, each counting once", "decision.by_lesion"))
    ]
    threshold = facts.results.metrics["decision"]["threshold"]
    caption = f"Referral from a malignant sum of {threshold:.4f}"
    return Table(caption, ("", "sensitivity", "specificity"), rows, f"{EVALUATE}: metrics.json, decision")


def predictive(facts: Facts) -> Table:
    """What a referral means at several prevalences, by Bayes' rule."""
    by_lesion = facts.results.metrics["decision"]["by_lesion"]
    rows = []
    for prevalence in PREVALENCES:
        values = predictive_values(by_lesion["sensitivity"], by_lesion["specificity"], prevalence)
        rows.append((f"{prevalence:.0%}", f"{values.ppv:.1%}", f"{values.npv:.2%}"))
    columns = ("malignant among those seen", "of those referred, malignant", "of the others, benign")
    source = f"{EVALUATE} --prevalence SHARE: metrics.json, decision, by lesion"
    return Table("Predictive values of the referral threshold", columns, rows, source)


def conformal(facts: Facts) -> Table:
    """Coverage and size of the sets of what cannot be excluded, overall and for each class."""
    held = facts.results.metrics["decision"]["conformal"]
    name = "decision.conformal"
    sizes = [("all", measured(facts.results, f"{name}.coverage"), f"{held['mean_size']:.2f}", "")]
    for code in CODES:
        own = held["per_class"][code]
        size = "–" if own["mean_size"] is None else f"{own['mean_size']:.2f}"
        sizes.append((code, measured(facts.results, f"{name}.per_class.{code}.coverage"), size, f"{own['support']:,}"))
    columns = ("true diagnosis", "coverage", "diagnoses in the set", "images")
    caption = "What cannot be excluded: class-conditional conformal sets at 90 %"
    return Table(caption, columns, sizes, f"{EVALUATE}: metrics.json, decision.conformal")


def outlines(facts: Facts) -> Table:
    """Table 3 and what it leaves out: thresholded Jaccard, failures and surface distances."""
    rows = [
        (title, measured(facts.results, name), measured(facts.by_image, name), figure(OVERALL.get(name)))
        for name, title in OUTLINE.items()
    ]
    more = {
        "outlines.thresholded_jaccard": "Thresholded Jaccard (0 below 0.65)",
        "outlines.share_failed": "Share that fails (IoU below 0.65)",
    }
    rows += [
        (title, measured(facts.results, name), measured(facts.by_image, name), "–") for name, title in more.items()
    ]
    distances = {
        "outlines.hausdorff95_mean": "95th percentile Hausdorff, pixels",
        "outlines.surface_distance_mean": "Mean surface distance, pixels",
    }
    rows += [
        (title, _pixels(facts.results, name), _pixels(facts.by_image, name), "–") for name, title in distances.items()
    ]
    columns = ("measure", "ours, split by lesion", "ours, split by image", "the paper's Table 3")
    source = f"{EVALUATE}: metrics.json and outlines.csv, at each image's own size"
    return Table("Outlines", columns, rows, source)


def subgroups(facts: Facts, dimension: str) -> Table:
    """Some headline figures for each group of `dimension`: 'age', 'sex', 'site' or 'source'."""
    own = facts.results.subgroups
    own = own[own["dimension"] == dimension]
    rows = []
    for group in dict.fromkeys(own["group"]):
        lines = own[own["group"] == group].set_index("figure").to_dict("index")
        first = next(iter(lines.values()))
        counts = (f"{first['images']:,}", f"{first['lesions']:,}", f"{first['malignant']:,}")
        rows.append((str(group), *counts, *(_of_group(lines.get(name)) for name in SUBGROUP_FIGURES)))
    columns = (dimension, "images", "lesions", "malignant", *SUBGROUP_FIGURES.values())
    return Table(f"By {dimension}", columns, rows, f"{EVALUATE}: subgroups.csv")


def baselines(facts: Facts) -> Table:
    """What can be had without looking at the picture, beside what the model reaches."""
    names = registry.HEADLINE
    rows = [
        (capital(title), *(figure(own[name]) for name in names), figure(own["malignant_auc"]))
        for title, own in facts.results.metrics["baselines"].items()
    ]
    ours = facts.results.metrics
    rows.append(("The model", *(figure(ours[name]) for name in names), figure(ours["malignant"]["auc"])))
    columns = ("read", *(lower_first(LABELS[name]) for name in names), "malignant AUC")
    return Table("Without the picture", columns, rows, f"{EVALUATE}: metrics.json, baselines")


def agreement(facts: Facts) -> Table:
    """Grad-CAM against the masks: the paper's IoU at the best common threshold, beside the centre prior's."""
    titles = {
        "all_classes": "Grad-CAM, mean over seven classes (the paper's measure)",
        "likeliest_class": "Grad-CAM of the likeliest class",
        "centred_blob": "A centre prior",
    }
    found = facts.results.metrics["explanation"]
    rows = []
    for name, title in titles.items():
        cells = [found[mask][name] if found[mask] else None for mask in ("true_mask", "predicted_mask")]
        rows.append(
            (title, *("–" if cell is None else f"{cell['iou']:.3f} at {cell['threshold']:.2f}" for cell in cells))
        )
    columns = ("map", "IoU with the true mask, at threshold", "IoU with the predicted mask, at threshold")
    source = f"{EVALUATE}: metrics.json, explanation"
    return Table("Heat map and outline, at the best threshold common to all images", columns, rows, source)


def maps(facts: Facts) -> Table | None:
    """How each method's map of the likeliest class agrees with the true mask, over all test images; None without."""
    if facts.explained is None:
        return None
    own = facts.explained.summary["agreement"]["predicted"]
    names = ("iou_area", "best_iou", "inside", "pointing", "rank")
    rows = []
    for method, label in _methods(own).items():
        found = own[method]["all"]["all"]["figures"]
        cells = [_mean(found.get(f"true_{name}")) for name in names]
        skill = found.get("true_iou_area", {}).get("skill")
        rows.append((label, *cells, "" if skill is None else f"{skill:+.2f}"))
    columns = (
        "map", "area under IoU", "best IoU", "evidence inside", "strongest point inside", "strongest pixels inside",
        "skill of the area",
    )  # fmt: skip
    source = f"{EXPLAIN}: summary.json, agreement; skill is 0 for the centre prior and 1 for the mask itself"
    return Table("Each method's map of the likeliest class against the true mask", columns, rows, source)


def trials(facts: Facts) -> Table | None:
    """Faithfulness and sanity of each method over the sample; None where `derm explain` was not run."""
    if facts.explained is None:
        return None
    own = facts.explained.summary["sample"]["predicted"]
    last = [name for name in facts.explained.sample.columns if name.startswith("random_")][-1:]
    names = ("deletion", "insertion", "road", "stability_structure", "equivariance_structure", *last)
    rows = []
    for method, label in _methods(own).items():
        found = own[method]["all"]["all"]["figures"]
        rows.append((label, *(_mean(found.get(name)) for name in names)))
    titles = ("deletion (low is good)", "insertion (high)", "ROAD (above 0)", "still under noise", "follows turns")
    columns = ("map", *titles, *("like an unlearned network (low)" for _ in last))
    images = facts.explained.sample["image_id"].nunique()
    caption = (
        f"Faithfulness and sanity on a sample of {images} test images, equally many of each diagnosis where there are"
    )
    return Table(caption, columns, rows, f"{EXPLAIN}: summary.json, sample")


def right_or_wrong(facts: Facts) -> Table | None:
    """Whether agreement tells right from wrong predictions, as AUC; None where `derm explain` was not run."""
    if facts.explained is None:
        return None
    own = facts.explained.summary["right_or_wrong"]
    rows = [("Probability of the likeliest class", _auc(own.get("probability", {}).get("probability")), "")]
    for method, label in _methods(own).items():
        rows.append((label, _auc(own[method].get("true_inside")), _auc(own[method].get("true_iou_area"))))
    columns = ("by", "evidence inside the true mask", "area under IoU with it")
    source = f"{EXPLAIN}: summary.json, right_or_wrong"
    return Table("Does agreement tell right from wrong predictions? AUC, 0.5 is a coin", columns, rows, source)


def _methods(own: Mapping[str, Any]) -> dict[str, str]:
    """The methods and references that a part of the summary holds, name → label, in the order of the table."""
    labels = {name: method.label for name, method in METHODS.items()}
    return {name: label for name, label in (labels | REFERENCE_LABELS).items() if name in own}


def _mean(found: Mapping[str, Any] | None) -> str:
    return "–" if not found else figure(found["mean"], found["interval"])


def _auc(found: Mapping[str, Any] | None) -> str:
    return "–" if not found or found["auc"] is None else figure(found["auc"], found["interval"])


def _of_group(line: Mapping[Any, Any] | None) -> str:
    if line is None or line["value"] != line["value"]:  # NaN
        return "–"
    known = line["low"] == line["low"]
    return figure(line["value"], (line["low"], line["high"]) if known else None)


def _pixels(results: Results | None, name: str) -> str:
    if results is None or results.metrics["outlines"][name.split(".")[1]] is None:
        return "–"
    value, interval = results.metrics["outlines"][name.split(".")[1]], results.metrics["intervals"].get(name)
    return f"{value:.1f}" if interval is None else f"{value:.1f} ({interval[0]:.1f} – {interval[1]:.1f})"
