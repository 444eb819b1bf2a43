"""The tables of a report: each a caption, columns, rows of text, and the command that its numbers come from.

Needs `Facts`. Rounds to what figures are worth and puts each interval beside its figure; computes nothing new but
predictive values at other prevalences. Knows neither Markdown nor HTML.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from derm.data.value_words import value_called
from derm.diagnoses import CODES, DIAGNOSES
from derm.evaluate.by_source import FIGURES
from derm.evaluate.results import Results
from derm.explain.agreement import REFERENCE_LABELS
from derm.explain.methods import METHODS
from derm.figures.text import capital, counted_share
from derm.language.speech import mark, number, say
from derm.metrics import registry
from derm.metrics.decision import predictive_values
from derm.metrics.missing import or_nan
from derm.metrics.paper import OVERALL, PER_CLASS, specificity_from_table
from derm.metrics.registry import LABELS, in_one_unit, lower_first
from derm.report.facts import Facts

EVALUATE = "`derm evaluate --data DIR --split test`"
BY_IMAGE = "`derm evaluate --data DIR --weights BY_IMAGE --split test --split-by image`"
EXPLAIN = "`derm explain --data DIR --split test`"
CALIBRATE = "`derm calibrate --data DIR --outsiders PHOTOGRAPHS`"
CALIBRATE_LOCALLY = "`derm calibrate --data DIR --keep-weights`"

SOURCES = "`derm evaluate --data FIRST --data SECOND --split test`"
LEFT_OUT = "`derm evaluate --data FIRST --data SECOND --weights LEFT --leave-out SOURCE`"

PREVALENCES = (0.02, 0.05, 0.1, 0.2)
"""Shares of malignant lesions for which predictive values are printed; `derm evaluate --prevalence` takes any."""

HEADLINE = {metric.key: metric.label for metric in registry.OVERALL}
OUTLINE = {metric.key: metric.label for metric in registry.OUTLINE}
SUBGROUP_FIGURES = {
    "accuracy": mark("accuracy"),
    "balanced_accuracy": mark("balanced accuracy"),
    "malignant.auc": mark("malignant AUC"),
    "decision.by_lesion.sensitivity": mark("sensitivity, by lesion"),
    "decision.by_lesion.specificity": mark("specificity, by lesion"),
    "decision.sensitivity": mark("sensitivity, by picture"),
    "decision.specificity": mark("specificity, by picture"),
    "dice": "Dice",
}
"""The subgroup figures that the card prints; subgroups.csv holds every headline figure."""


BY = {
    "age": mark("By age"),
    "sex": mark("By sex"),
    "site": mark("By site"),
    "source": mark("By source"),
}
"""Captions of the tables of subgroups."""

SPLITS = {"by lesion": mark("split by lesion"), "by image": mark("split by image")}
"""How a data set was split, as it stands within a sentence."""

HEADS = (
    *(mark("measure"), mark("class"), mark("precision"), mark("recall"), mark("specificity"), mark("images")),
    *(mark("source"), mark("melanomas"), mark("split"), mark("all"), mark("sensitivity"), mark("coverage")),
    *(mark("age"), mark("sex"), mark("site"), mark("lesions"), mark("malignant"), mark("read"), mark("map")),
    *(mark("by"), mark("epoch"), mark("accuracy"), mark("training"), mark("validation"), mark("test"), mark("train")),
)
"""Heads of columns in a word, which are said where a table is drawn; names of parts, too."""


def split_name(split: str) -> str:
    """How a data set was split, as it stands within a sentence."""
    return say(SPLITS[split]) if split in SPLITS else say("split {split}", split=split)


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
    return (
        number(value, ".3f")
        if interval is None
        else f"{number(value, '.3f')} ({number(interval[0], '.3f')} – {number(interval[1], '.3f')})"
    )


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
        (say(title), measured(facts.results, name), measured(facts.by_image, name), figure(OVERALL.get(name)))
        for name, title in names.items()
    ]
    columns = (
        "measure",
        say("ours, split by lesion"),
        say("ours, split by image (leaks)"),
        say("the paper, split by image (leaks)"),
    )
    source = say(
        "{evaluate} and {by_image}: metrics.json; the paper's Tables 2 to 4", evaluate=EVALUATE, by_image=BY_IMAGE
    )
    return Table(caption, columns, rows, source)


def sources(results: Results, caption: str, source: str) -> Table:
    """Every figure of each source; of results with a source left out, of that one alone."""
    out = results.about.get("left_out", [])
    rows = [
        (
            name if own["within"] is None else f"{own['within']}: {name}",
            number(own["images"], ","),
            number(own["melanomas"], ","),
            *(short(told["value"], told["interval"]) for told in own["figures"].values()),
        )
        for name, own in results.by_source.items()
        if not out or name in out
    ]
    columns = ("source", "images", "melanomas", *(lower_first(label) for label in FIGURES.values()))
    return Table(caption, columns, rows, say("{source}: metrics.json, by_source", source=source))


def short(value: float | None, interval: Sequence[float] | None = None) -> str:
    """A figure of 0 … 1 with two digits and its 95 % interval, '–' where it is undefined."""
    if value is None:
        return "–"
    return (
        number(value, ".2f")
        if interval is None
        else f"{number(value, '.2f')} ({number(interval[0], '.2f')} – {number(interval[1], '.2f')})"
    )


def classes(results: Results, caption: str, source: str) -> Table:
    """Table 2: precision, recall, F1, specificity, AUC and support of each class."""
    rows = []
    for diagnosis in DIAGNOSES:
        own = results.metrics["per_class"][diagnosis.code]
        names = ("precision", "recall", "f1", "specificity", "auc")
        shares = [measured(results, f"per_class.{diagnosis.code}.{name}") for name in names]
        rows.append((diagnosis.code, *shares, number(own["support"], ",")))
    columns = ("class", "precision", "recall", "F1", "specificity", "AUC", "images")
    return Table(caption, columns, rows, say("{source}: metrics.json, per_class", source=source))


def paper_classes() -> Table:
    """The paper's Table 2, with the specificity that follows from it and the one it prints."""
    rows = [
        (
            code,
            *(figure(value) for value in (row.precision, row.recall, row.f1)),
            number(specificity_from_table(code), ".3f"),
            number(row.printed_specificity, ".3f"),
            number(row.support, ","),
        )
        for code, row in PER_CLASS.items()
    ]
    columns = (
        "class",
        "precision",
        "recall",
        "F1",
        say("specificity that follows"),
        say("specificity printed"),
        "images",
    )
    return Table(say("The paper's Table 2"), columns, rows, say("Fiaz et al. 2025, Table 2 and section 4.1"))


def confusion(results: Results, caption: str, source: str) -> Table:
    """Figure 6 in numbers: rows are true diagnoses, columns the likeliest ones."""
    matrix = results.metrics["confusion_matrix"]
    rows = [(code, *(number(count, ",") for count in line)) for code, line in zip(CODES, matrix, strict=True)]
    return Table(
        caption,
        (say("true, then called"), *CODES),
        rows,
        say("{source}: metrics.json, confusion_matrix", source=source),
    )


def data(facts: Facts) -> Table:
    """Figures 1 and 2 in numbers: images of each class in each part."""
    rows = [
        (code, *(number(facts.parts[part][code], ",") for part in facts.parts), number(facts.images_of(code), ","))
        for code in CODES
    ]
    totals = [number(sum(counts.values()), ",") for counts in facts.parts.values()]
    everything = sum(facts.images_of(code) for code in CODES)
    rows.append((say("all"), *totals, number(everything, ",")))
    return Table(
        say("Images of each class, split by lesion"), ("class", *facts.parts, "all"), rows, "`derm data split DIR`"
    )


def leaks(facts: Facts) -> Table:
    """How many test images show a lesion that is also in training, for both ways to split."""
    rows = []
    for by, leak in facts.leaks.items():
        test, sister = leak.by_class["mel"]
        rows.append(
            (
                split_name(f"by {by}"),
                number(leak.test, ","),
                f"{number(leak.with_sister, ',')} ({number(leak.share, '.0%')})",
                say("{sister:,} of {test:,}", sister=sister, test=test),
            )
        )
    columns = ("split", say("test images"), say("of a lesion in training"), say("melanomas of a lesion in training"))
    return Table(say("What leaks"), columns, rows, say("`derm data split DIR` and `derm data split DIR --by image`"))


def calibration(facts: Facts) -> Table:
    """ECE, its share by chance, and Brier, before and after the temperature, of the top label and of malignancy."""
    rows = []
    found = facts.results.metrics["calibration"]
    for title, prefix in ((say("likeliest diagnosis"), ""), (say("malignant against benign"), "malignant.")):
        for when in ("before", "after"):
            own = found[when]["malignant"] if prefix else found[when]
            name = f"calibration.{when}.{prefix}"
            rows.append(
                (
                    say("{title}, before", title=title) if when == "before" else say("{title}, after", title=title),
                    measured(facts.results, f"{name}ece"),
                    figure(own["ece_by_chance"]),
                    measured(facts.results, f"{name}ece_debiased"),
                    measured(facts.results, f"{name}brier"),
                )
            )
    temperature = found["temperature"]
    columns = (
        say("probabilities (temperature {temperature:.3f})", temperature=temperature),
        say("ECE, 15 bins"),
        say("by chance"),
        say("ECE debiased"),
        "Brier",
    )
    return Table(
        say("Calibration on the test part"),
        columns,
        rows,
        say("{evaluate}: metrics.json, calibration", evaluate=EVALUATE),
    )


def referral(facts: Facts) -> Table:
    """Sensitivity and specificity of the referral threshold, by picture and by lesion."""
    rows = [
        (title, measured(facts.results, f"{key}.sensitivity"), measured(facts.results, f"{key}.specificity"))
        for title, key in (
            (say("of pictures"), "decision"),
            (say("of lesions, each counting once"), "decision.by_lesion"),
        )
    ]
    threshold = facts.results.metrics["decision"]["threshold"]
    caption = say("Referral from a malignant sum of {threshold:.4f}", threshold=threshold)
    return Table(
        caption, ("", "sensitivity", "specificity"), rows, say("{evaluate}: metrics.json, decision", evaluate=EVALUATE)
    )


def predictive(facts: Facts) -> Table:
    """What a referral means at several prevalences, by Bayes' rule."""
    by_lesion = facts.results.metrics["decision"]["by_lesion"]
    sensitivity, specificity = or_nan(by_lesion["sensitivity"]), or_nan(by_lesion["specificity"])
    rows = []
    for prevalence in PREVALENCES:
        values = predictive_values(sensitivity, specificity, prevalence)
        shares = ((values.ppv, 1), (values.npv, 2))
        told = ("–" if math.isnan(value) else counted_share(value, digits) for value, digits in shares)
        rows.append((number(prevalence, ".0%"), *told))
    columns = (say("malignant among those seen"), say("of those referred, malignant"), say("of the others, benign"))
    source = say("{evaluate} --prevalence SHARE: metrics.json, decision, by lesion", evaluate=EVALUATE)
    return Table(say("Predictive values of the referral threshold"), columns, rows, source)


def conformal(facts: Facts) -> Table:
    """Coverage and size of the sets of what cannot be excluded, overall and for each class."""
    held = facts.results.metrics["decision"]["conformal"]
    name = "decision.conformal"
    sizes = [(say("all"), measured(facts.results, f"{name}.coverage"), number(held["mean_size"], ".2f"), "")]
    for code in CODES:
        own = held["per_class"][code]
        size = "–" if own["mean_size"] is None else number(own["mean_size"], ".2f")
        sizes.append(
            (code, measured(facts.results, f"{name}.per_class.{code}.coverage"), size, number(own["support"], ","))
        )
    columns = (say("true diagnosis"), "coverage", say("diagnoses in the set"), "images")
    caption = say("What cannot be excluded: class-conditional conformal sets at 90 %")
    return Table(caption, columns, sizes, say("{evaluate}: metrics.json, decision.conformal", evaluate=EVALUATE))


def outlines(facts: Facts) -> Table:
    """Table 3 and what it leaves out: thresholded Jaccard, failures and surface distances."""
    rows = [
        (say(title), measured(facts.results, name), measured(facts.by_image, name), figure(OVERALL.get(name)))
        for name, title in OUTLINE.items()
    ]
    more = {
        "outlines.thresholded_jaccard": say("Thresholded Jaccard (0 below 0.65)"),
        "outlines.share_failed": say("Share that fails (IoU below 0.65)"),
    }
    rows += [
        (say(title), measured(facts.results, name), measured(facts.by_image, name), "–") for name, title in more.items()
    ]
    distances = {
        "outlines.hausdorff95_mean": say("95th percentile Hausdorff, pixels"),
        "outlines.surface_distance_mean": say("Mean surface distance, pixels"),
    }
    rows += [
        (title, _pixels(facts.results, name), _pixels(facts.by_image, name), "–") for name, title in distances.items()
    ]
    columns = ("measure", say("ours, split by lesion"), say("ours, split by image"), say("the paper's Table 3"))
    source = say("{evaluate}: metrics.json and outlines.csv, at each image's own size", evaluate=EVALUATE)
    return Table(say("Outlines"), columns, rows, source)


def subgroups(facts: Facts, dimension: str) -> Table:
    """Some headline figures for each group of `dimension`: 'age', 'sex', 'site' or 'source'."""
    own = facts.results.subgroups
    own = own[own["dimension"] == dimension]
    names = in_one_unit(SUBGROUP_FIGURES, set(own["figure"]))
    rows = []
    for group in dict.fromkeys(own["group"]):
        lines = own[own["group"] == group].set_index("figure").to_dict("index")
        first = next(iter(lines.values()))
        counts = (number(first["images"], ","), number(first["lesions"], ","), number(first["malignant"], ","))
        rows.append((value_called(str(group)), *counts, *(_of_group(lines.get(name)) for name in names)))
    columns = (dimension, "images", "lesions", "malignant", *(SUBGROUP_FIGURES[name] for name in names))
    return Table(say(BY[dimension]), columns, rows, say("{evaluate}: subgroups.csv", evaluate=EVALUATE))


def baselines(facts: Facts) -> Table:
    """What can be had without looking at the picture, beside what the model reaches."""
    names = registry.HEADLINE
    rows = [
        (capital(say(title)), *(figure(own[name]) for name in names), figure(own["malignant_auc"]))
        for title, own in facts.results.metrics["baselines"].items()
    ]
    ours = facts.results.metrics
    rows.append((say("The model"), *(figure(ours[name]) for name in names), figure(ours["malignant"]["auc"])))
    columns = ("read", *(lower_first(LABELS[name]) for name in names), say("malignant AUC"))
    return Table(
        say("Without the picture"), columns, rows, say("{evaluate}: metrics.json, baselines", evaluate=EVALUATE)
    )


def agreement(facts: Facts) -> Table:
    """Grad-CAM against the masks: the paper's IoU at the best common threshold, beside the centre prior's."""
    titles = {
        "all_classes": say("Grad-CAM, mean over seven classes (the paper's measure)"),
        "likeliest_class": say("Grad-CAM of the likeliest class"),
        "centred_blob": say("A centre prior"),
    }
    found = facts.results.metrics["explanation"]
    rows = []
    for name, title in titles.items():
        cells = [found[mask][name] if found[mask] else None for mask in ("true_mask", "predicted_mask")]
        rows.append(
            (
                title,
                *(
                    "–"
                    if cell is None
                    else say("{iou:.3f} at {threshold:.2f}", iou=cell["iou"], threshold=cell["threshold"])
                    for cell in cells
                ),
            )
        )
    columns = ("map", say("IoU with the true mask, at threshold"), say("IoU with the predicted mask, at threshold"))
    source = say("{evaluate}: metrics.json, explanation", evaluate=EVALUATE)
    return Table(say("Heat map and outline, at the best threshold common to all images"), columns, rows, source)


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
        rows.append((label, *cells, "" if skill is None else number(skill, "+.2f")))
    columns = (
        "map",
        say("area under IoU"),
        say("best IoU"),
        say("evidence inside"),
        say("strongest point inside"),
        say("strongest pixels inside"),
        say("skill of the area"),
    )
    source = say(
        "{explain}: summary.json, agreement; skill is 0 for the centre prior and 1 for the mask itself", explain=EXPLAIN
    )
    return Table(say("Each method's map of the likeliest class against the true mask"), columns, rows, source)


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
    titles = (
        say("deletion (low is good)"),
        say("insertion (high)"),
        say("ROAD (above 0)"),
        say("still under noise"),
        say("follows turns"),
    )
    columns = ("map", *titles, *(say("like an unlearned network (low)") for _ in last))
    images = facts.explained.sample["image_id"].nunique()
    caption = say(
        "Faithfulness and sanity on a sample of {images} test images, equally many of each diagnosis where there are",
        images=images,
    )
    return Table(caption, columns, rows, say("{explain}: summary.json, sample", explain=EXPLAIN))


def right_or_wrong(facts: Facts) -> Table | None:
    """Whether agreement tells right from wrong predictions, as AUC; None where `derm explain` was not run."""
    if facts.explained is None:
        return None
    own = facts.explained.summary["right_or_wrong"]
    rows = [(say("Probability of the likeliest class"), _auc(own.get("probability", {}).get("probability")), "")]
    for method, label in _methods(own).items():
        rows.append((label, _auc(own[method].get("true_inside")), _auc(own[method].get("true_iou_area"))))
    columns = ("by", say("evidence inside the true mask"), say("area under IoU with it"))
    source = say("{explain}: summary.json, right_or_wrong", explain=EXPLAIN)
    return Table(say("Does agreement tell right from wrong predictions? AUC, 0.5 is a coin"), columns, rows, source)


def _methods(own: Mapping[str, Any]) -> dict[str, str]:
    """The methods and references that a part of the summary holds, name → label, in the order of the table."""
    labels = {name: method.label for name, method in METHODS.items()}
    return {name: say(label) for name, label in (labels | REFERENCE_LABELS).items() if name in own}


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
    return (
        number(value, ".1f")
        if interval is None
        else f"{number(value, '.1f')} ({number(interval[0], '.1f')} – {number(interval[1], '.1f')})"
    )
