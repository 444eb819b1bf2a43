"""What a report says, section by section: paragraphs, tables, figures; the card and the page both print these.

Needs `Facts`. Every number in a sentence comes from them. Knows neither Markdown nor HTML, but for a code's backticks.
"""

from dataclasses import dataclass, field
from typing import Any, NamedTuple

import plotly.graph_objects as go

from derm.diagnoses import CODES
from derm.evaluate.by_source import FIGURES, sources_table
from derm.evaluate.explain_dataset import ExplainResults
from derm.evaluate.results import Results
from derm.explain.agreement import BUILT_IN, CENTRE_PRIOR
from derm.figures.paper import beside_bars, class_distribution, split_sizes, training_curves
from derm.figures.results import confusion_matrix, precision_recall, reliability, roc, subgroups
from derm.figures.text import epoch_number
from derm.language.speech import say
from derm.metrics.paper import PER_CLASS, specificity_from_table
from derm.report import tables
from derm.report.facts import Facts
from derm.report.tables import Table


class Chart(NamedTuple):
    """A plotly figure with its caption, which says in words what it shows."""

    caption: str
    figure: go.Figure


@dataclass(frozen=True)
class Section:
    """A heading and what stands under it, in this order."""

    title: str
    paragraphs: list[str]
    tables: list[Table] = field(default_factory=list)
    charts: list[Chart] = field(default_factory=list)


def sections(facts: Facts) -> list[Section]:
    """The whole report."""
    return [
        _model(facts),
        _use(facts),
        _data(facts),
        _headline(facts),
        _sources(facts),
        _classes(facts),
        _confusion(facts),
        _training(facts),
        _calibration(facts),
        _decision(facts),
        _outlines(facts),
        _explanation(facts),
        _subgroups(facts),
        _rerun(facts),
        _licence(facts),
    ]


def _model(facts: Facts) -> Section:
    description = facts.model.description
    config, training = description.model, description.training
    recipe = training.get("config", {})
    parameters = sum(parameter.numel() for parameter in facts.model.net.parameters())
    inside = ", pooled over the picture and inside the outline" if config.pooling == "whole+lesion" else ""
    if config.head == "pixel":
        inside = (
            f", scores added up of evidence at each cell of 8 pixels, {config.whole_share:.0%} of the weight spread "
            "over the picture and the rest by the outline"
        )
    made_of = f"`{config.design}`, encoder {config.encoder}" if not config.system else f"of `{config.system}`"
    about = [
        f"One network answers once for the outline, seven probabilities and the evidence behind each: design "
        f"{made_of}{inside}, {parameters / 1e6:.1f} million parameters, input "
        f"{config.input_size} × {config.input_size} pixels. Weights `{facts.model.name}`, SHA-256 "
        f"`{facts.model.sha256[:16]}`.",
    ]
    soup = training.get("soup", [])
    if soup:
        *others, last = [_ingredient(part) for part in soup]
        about.append(
            f"Its weights are the mean of those of {len(soup)} trainings with a common beginning (a model soup, "
            f"Wortsman et al. 2022): {', '.join(others)} and {last}."
        )
    if recipe:
        start = str(recipe["start"])
        begun = f", going on from the weights `{start}`," if start.endswith(".json") else ""
        about.append(
            f"{'The first was trained' if soup else 'Trained'} for {training['epoch'] + 1} of {recipe['epochs']} "
            f"epochs{begun} on "
            f"{training['data']['train']:,} images (split {training['data']['split']}) with "
            f"{recipe['optimiser']}, rate {recipe['learning_rate']:g}, batches of "
            f"{recipe['batch']}, {recipe['mask_loss']} for the outline and cross-entropy for the diagnosis; curriculum "
            f"{_switch(recipe['curriculum']['enabled'])}, hard-example replay {_switch(recipe['replay']['enabled'])}. "
            f"Commit `{str(training.get('commit') or 'unknown')[:12]}`; the whole configuration lies beside the "
            "weights."
        )
    return Section("Model", about)


def _ingredient(part: dict[str, Any]) -> str:
    """One of the trainings whose weights were averaged, as `derm.model.soup` describes it."""
    recipe = part["config"]
    return (
        f"`{part['weights']}` ({part['share']:.0%}, epoch {part['epoch'] + 1} of {recipe['epochs']} at "
        f"{recipe['model']['input_size']} pixels, curriculum {_switch(recipe['curriculum']['enabled'])}, replay "
        f"{_switch(recipe['replay']['enabled'])})"
    )


def _use(facts: Facts) -> Section:
    test = facts.results.about
    elsewhere = (
        "“By source” has the same of others; beyond those, how it does on other skin, cameras and clinics"
        if facts.sources is not None
        else "How it does on other skin, cameras and clinics"
    )
    return Section(
        "Intended use and limits",
        [
            "**Research use only, not a medical device.** For research on dermoscopic images and for teaching: to "
            "study how such a model behaves, where it errs, and what its explanations are worth. Not for decisions "
            "about patients.",
            f"The model was measured on {test['images']:,} images of {test['lesions']:,} lesions from the data set "
            f"that it was trained on. {elsewhere} has not been measured; HAM10000 shows mostly fair skin, from Vienna "
            "and Queensland. It knows seven diagnoses, and a lesion of an eighth "
            "kind gets one of the seven. Images are scaled to a small square, so that fine structure is lost.",
            f"The test part of HAM10000 has been looked at {facts.looks} times, as `looks-at-the-test-part.csv` "
            "counts; each look makes its figures a little less new. `derm explain`, which chooses nothing, is not "
            "counted.",
        ],
    )


def _data(facts: Facts) -> Section:
    leak, counts = facts.leaks["image"], {code: facts.images_of(code) for code in CODES}
    return Section(
        "Data",
        [
            "HAM10000 (Tschandl, Rosendahl, Kittler 2018): 10,015 dermoscopic images of 7,470 lesions, with a lesion "
            "mask for each (Tschandl et al. 2020), split 60/20/20 by lesion and stratified by class. The paper splits "
            f"by image: {leak.share:.0%} of its test images then show a lesion that is also in training. Its figures, "
            "and ours under its protocol, are too good for that reason.",
        ],
        [tables.data(facts), tables.leaks(facts)],
        [
            Chart("The paper's Figure 1: images of each diagnosis.", class_distribution(counts)),
            Chart("The paper's Figure 2: images of each part, by diagnosis.", split_sizes(facts.parts)),
        ],
    )


def _headline(facts: Facts) -> Section:
    about = facts.results.about
    ours = (
        f"“Split by lesion” is the honest column: {about['images']:,} images of lesions that the model never saw, at "
        "the highest of seven probabilities, without test-time augmentation. In brackets the 95 % interval by "
        "bootstrap over lesions."
    )
    if facts.by_image is None:
        theirs = (
            "Weights like these were not measured under the paper's protocol, so that its column is empty; an earlier "
            "recipe of ours was, both ways, and stands in docs/results.md."
        )
    else:
        size = facts.by_image.about["input_size"]
        theirs = (
            "“Split by image” are weights trained and measured as in the paper "
            f"({facts.by_image.about['images']:,} test images, input {size} × {size} pixels), to see what its protocol "
            "adds; they are not shipped."
        )
        if size != about["input_size"]:
            theirs += (
                " They are of another recipe than those split by lesion, so that the difference of the two is not the "
                "protocol's alone."
            )
    note = "The paper also prints an accuracy of 0.8557 (text) and an AUC of 0.9739 (Table 4)."
    return Section("Headline", [ours, f"{theirs} {note}"], [tables.beside(facts, tables.HEADLINE, "Diagnosis")])


def _sources(facts: Facts) -> Section:
    own = facts.sources or facts.results
    found = own.by_source
    if not found:
        return Section("By source", ["These results tell no sources apart: `derm evaluate` does since."])
    said = [
        "A pooled figure hides the source on which a model fails. Sensitivity and specificity are at the referral "
        "threshold, each lesion counting once; “turned away” is the share called no dermoscopic picture, which gets no "
        "answer. In brackets the 95 % interval by bootstrap over lesions.",
    ]
    if facts.sources is None:
        said.append("These weights were measured on one source: how they do elsewhere is not known.")
    if facts.left_out:
        said.append(
            "Left out and then measured: weights that saw nothing of the source in their line, and whose training may "
            "be shorter than that of the weights of this card. That is nearest to what a clinic may expect whose "
            "pictures nobody trained on."
        )
    shown = [tables.sources(own, f"{own.about['part']} parts, by source", tables.SOURCES)]
    shown += [tables.sources(one, f"{one.about['weights']}: {one.about['split']}", tables.LEFT_OUT)
              for one in facts.left_out]  # fmt: skip
    table = sources_table(found)
    charts = [
        Chart(f"{FIGURES[name]} of each source.", subgroups(table, dark=False, name=name, title=FIGURES[name]))
        for name in ("melanoma_auc", "sensitivity", "dice")
    ]
    return Section("By source", said, shown, charts)


def _classes(facts: Facts) -> Section:
    own = [tables.classes(facts.results, "Ours, split by lesion", tables.EVALUATE)]
    if facts.by_image is not None:
        own.append(tables.classes(facts.by_image, "Ours, split by image (leaks)", tables.BY_IMAGE))
    charts = [
        Chart(
            f"The paper's Figure {number}: {title} of each class, ours beside the paper's.",
            beside_bars(title, _series(facts, name)),
        )
        for number, name, title in (
            (4, "specificity", "specificity"),
            (5, "precision", "precision"),
            (5, "recall", "recall"),
            (5, "f1", "F1"),
        )
    ]
    note = (
        "Six of the seven specificities that the paper prints do not follow from its Table 2; both stand below. Figure "
        "4 takes those that follow."
    )
    return Section("Each class", [note], [*own, tables.paper_classes()], charts)


def _confusion(facts: Facts) -> Section:
    found = [(facts.results, "Split by lesion", tables.EVALUATE)]
    if facts.by_image is not None:
        found.append((facts.by_image, "Split by image (leaks)", tables.BY_IMAGE))
    return Section(
        "Confusion matrix",
        ["Rows are true diagnoses, columns the likeliest ones."],
        [tables.confusion(results, title, source) for results, title, source in found],
        [
            Chart(
                f"The paper's Figure 6: confusion matrix, {title.lower()}.",
                confusion_matrix(results.metrics["confusion_matrix"], rates=False, dark=False),
            )
            for results, title, _ in found
        ],
    )


def _training(facts: Facts) -> Section:
    history = facts.model.description.training.get("history") or []
    if not history:
        return Section(
            "Training, epoch by epoch",
            ["These weights were trained before epochs were kept beside them; docs/experiments.md has what is known."],
        )
    rows = [
        (
            str(epoch_number(entry["epoch"])),
            *(_loss(entry[part].get(name)) for part in ("train", "validation") for name in ("mask_loss", "class_loss")),
            tables.figure(entry["validation"].get("dice")),
            tables.figure(entry["validation"].get("accuracy")),
            tables.figure(entry["validation"].get("macro_auc")),
        )
        for entry in history
    ]
    columns = (
        "epoch", "outline loss, training", "class loss, training", "outline loss, validation", "class loss, validation",
        "Dice", "accuracy", "macro AUC",
    )  # fmt: skip
    table = Table("Epoch by epoch", columns, rows, "`derm train`: the weights' .json, training.history")
    chart = Chart("The paper's Figure 7: loss and Dice of the outline, epoch by epoch.", training_curves(history))
    said = ["Dice, accuracy and AUC are of the validation part."]
    if "soup" in facts.model.description.training:
        said.append("They are of the first of the trainings whose weights were averaged.")
    return Section("Training, epoch by epoch", said, [table], [chart])


def _calibration(facts: Facts) -> Section:
    bins = facts.results.metrics["calibration"]["reliability"]
    charts = [
        Chart(f"Reliability of {title}, {when} the temperature.", reliability(bins[when][key], dark=False))
        for key, title in (("top_label", "the likeliest diagnosis"), ("malignant", "the malignant sum"))
        for when in ("before", "after")
    ]
    return Section(
        "Calibration",
        [
            "The temperature was fitted on half of the validation lesions. A perfect model of this size would show an "
            "ECE as large as “by chance”, so that the true error lies between the debiased ECE and the ECE. Resampling "
            "adds to an ECE, too: its interval lies somewhat too high.",
        ],
        [tables.calibration(facts)],
        charts,
    )


def _decision(facts: Facts) -> Section:
    decision = facts.results.metrics["decision"]
    if decision is None:
        return Section("Decision", ["These weights have no referral threshold yet: `derm calibrate` chooses one."])
    record = facts.model.description.measured.get("calibration", {}).get("referral")
    aim = "at which the lower one-sided 95 % bound of sensitivity is at least 0.95"
    if record and record.get("promise", "bound") != "bound":
        aim = "that so few malignant lesions allow"
    each = " in each source" if record and len(record.get("chosen_by", ())) > 1 else ""
    chosen = (
        f"The referral threshold was chosen on validation: the highest {aim}{each}, "
        f"each lesion judged by its worst picture ({record['found']} of "
        f"{record['malignant_lesions']} malignant lesions found, bound {record['lower_bound']:.3f}; "
        f"{tables.CALIBRATE})."
        if record
        else "The referral threshold was chosen on validation."
    )
    malignant, benign = decision["of_100_malignant"], decision["of_100_benign"]
    meaning = (
        f"Of 100 malignant lesions like those in the test part about {malignant} are above it; of 100 benign, {benign}."
    )
    curves = facts.results.curves
    return Section(
        "Decision",
        [f"{chosen} {meaning}"],
        [tables.referral(facts), tables.predictive(facts), tables.conformal(facts)],
        [
            Chart(
                "ROC curves, each class against the rest, and malignant against benign.",
                roc(curves, dark=False, metrics=facts.results.metrics),
            ),
            Chart("Precision and recall, each class against the rest.", precision_recall(curves, dark=False)),
        ],
    )


def _outlines(facts: Facts) -> Section:
    return Section(
        "Outlines",
        [
            "Each outline is compared with the dermatologist's at the image's own size; an image counts once. "
            "Distances are in pixels of 400 × 300 images. The outlines that agree least are drawn by `derm evaluate` "
            "into `worst-outlines/`, and shown in the HTML report.",
        ],
        [tables.outlines(facts)],
    )


def _explanation(facts: Facts) -> Section:
    found = facts.results.metrics["explanation"]["true_mask"]
    paragraphs = [
        "Grad-CAM shows where a score comes from, not why. Lesions of HAM10000 lie in the middle of the picture, so "
        "that a centre prior, a fixed Gaussian there, agrees with them, too: read each figure against the centre "
        "prior's. The paper prints 0.7736 for the agreement, which is its segmentation IoU to the fourth digit, so we "
        "take it as not reported.",
    ]
    if found:
        best, prior = found["likeliest_class"]["iou"], found["centred_blob"]["iou"]
        word = "less than" if best < prior else "more than"
        paragraphs.append(
            f"Here Grad-CAM of the likeliest class overlaps with the true mask by {best:.2f}, {word} the centre "
            f"prior ({prior:.2f})."
        )
    if facts.explained is not None:
        paragraphs.append(_by_area(facts.explained))
    if facts.model.description.model.looks_inside:
        paragraphs.append(say(BUILT_IN))
    if facts.explained is None:
        paragraphs.append("Other methods, faithfulness and sanity were not measured: `derm explain` does.")
    else:
        paragraphs.append(
            "Deletion and insertion ask about pictures that nobody takes; a map that is the same everywhere can look "
            "good by deletion. A map that stays alike when the network has unlearned everything shows the picture, not "
            "the model. What each figure means and does not mean is in `docs/explanation-measures.md`."
        )
    more = (tables.maps(facts), tables.trials(facts), tables.right_or_wrong(facts))
    return Section("Explanations", paragraphs, [tables.agreement(facts), *(table for table in more if table)])


def _by_area(explained: ExplainResults) -> str:
    """What Grad-CAM's agreement comes to where no threshold is chosen, and whether it tells right from wrong."""
    own, telling = explained.summary["agreement"]["predicted"], explained.summary["right_or_wrong"]["grad-cam"]
    area, prior = (own[name]["all"]["all"]["figures"]["true_iou_area"]["mean"] for name in ("grad-cam", CENTRE_PRIOR))
    word, auc = "less than" if area < prior else "more than", telling["true_iou_area"]["auc"]
    said = (
        f"With each threshold counted alike it agrees {word} the centre prior: area under IoU {area:.2f} against "
        f"{prior:.2f}."
    )
    if auc is None:
        return said
    return f"{said} It tells right predictions from wrong ones with an AUC of {auc:.2f}, where a coin has 0.50."


def _subgroups(facts: Facts) -> Section:
    return Section(
        "Subgroups and shortcuts",
        [
            "Sources differ in case mix, and by themselves say something about malignancy; age, sex and site do, too. "
            "Groups of fewer than 20 lesions have no interval. Differences between groups whose intervals overlap may "
            "be chance; no correction for the number of comparisons was made.",
        ],
        [*(tables.subgroups(facts, name) for name in ("age", "sex", "site", "source")), tables.baselines(facts)],
        [
            Chart(f"{title} by age, sex, site and source.", subgroups(facts.results.subgroups, dark=False, name=name))
            for name, title in (("balanced_accuracy", "Balanced accuracy"), ("malignant.auc", "Malignant AUC"))
        ],
    )


def _rerun(facts: Facts) -> Section:
    more = " --by-image results/by-image" if facts.by_image else ""
    more += " --explained results/explained" if facts.explained else ""
    return Section(
        "How to rerun each number",
        [
            "`derm data split DIR` and `derm data split DIR --by image`: the parts and what leaks.",
            "`derm train --data DIR --run RUN` with the settings in the weights' .json under training.config (for a "
            "mean, each under training.soup, then `derm soup`): weights like these. For those that Derm ships, "
            "docs/experiments.md has the commands and where they started. `--split-by image` trains those of the "
            "paper's protocol.",
            f"{tables.CALIBRATE}: temperature, referral threshold, conformal thresholds.",
            f"{tables.EVALUATE} `--out results/test`: every figure here, with intervals of 1,000 resamples.",
            f"{tables.EXPLAIN} `--out results/explained`: what heat maps are worth.",
            "`derm compare results/one results/other`: two sets of weights, by a paired bootstrap.",
            f"`derm report --data DIR --results results/test{more}`: this card, and the HTML report with its figures.",
        ],
    )


def _licence(facts: Facts) -> Section:
    return Section(
        "Licence",
        [facts.model.description.licence, "The code is under the MIT licence."],
    )


def _series(facts: Facts, name: str) -> dict[str, list[float | None]]:
    """A measure of each class, ours under both protocols and the paper's, by the names in the legend."""

    def ours(results: Results) -> list[float | None]:
        return [results.metrics["per_class"][code][name] for code in CODES]

    paper = [
        specificity_from_table(code) if name == "specificity" else getattr(PER_CLASS[code], name) for code in CODES
    ]
    found: dict[str, list[float | None]] = {"ours, split by lesion": ours(facts.results)}
    if facts.by_image is not None:
        found["ours, split by image"] = ours(facts.by_image)
    return {**found, "the paper": paper}


def _switch(on: bool) -> str:
    return "on" if on else "off"


def _loss(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"
