"""What a report says, section by section: paragraphs, tables, figures; the card and the page both print these.

Needs `Facts`. Every number in a sentence comes from them. Knows no HTML, and of Markdown a
code's backticks, and how names stay text in it.
"""

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import plotly.graph_objects as go

from derm.data.catalogue import HAM10000
from derm.data.split import own_lesions
from derm.diagnoses import CODES
from derm.evaluate.by_source import FIGURES, SMALL, sources_table
from derm.evaluate.explain_dataset import ExplainResults
from derm.evaluate.local import TARGET
from derm.evaluate.results import Results
from derm.evaluate.test_set_log import is_ham10000
from derm.explain.agreement import BUILT_IN, CENTRE_PRIOR
from derm.figures.paper import beside_bars, class_distribution, split_sizes, training_curves
from derm.figures.results import confusion_matrix, precision_recall, reliability, roc, subgroups
from derm.figures.text import epoch_number, in_code, in_markdown
from derm.language.quantities import listed
from derm.language.speech import mark, number, say
from derm.metrics.paper import of_class
from derm.metrics.registry import lower_first
from derm.model.weights import HAM10000_DATASETS, said_licence
from derm.predict.words import local_calibration, source_name
from derm.report import tables
from derm.report.facts import Facts
from derm.report.tables import Table

SWITCHES = ("curriculum", "replay")
"""Of a recipe, what is on or off."""


class Chart(NamedTuple):
    """A plotly figure with its caption, which says in words what it shows."""

    caption: str
    figure: go.Figure


@dataclass(frozen=True)
class Section:
    """A heading and what stands under it, in this order."""

    title: str
    """In the language of the report."""
    paragraphs: list[str]
    tables: list[Table] = field(default_factory=list)
    charts: list[Chart] = field(default_factory=list)
    holds: str = ""
    """What the page shows below: 'outlines' that agree least, or 'explanations' of the seven diagnoses."""


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
    measures = {
        "parameters": parameters / 1e6,
        "input_size": config.input_size,
        "name": in_code(facts.model.name),
        "sha256": facts.model.sha256[:16],
    }
    if config.system:
        about = say(
            "One network answers once for the outline, seven probabilities and the evidence behind each: `{system}`, "
            "{parameters:.1f} million parameters, input {input_size} × {input_size} pixels. Weights `{name}`, SHA-256 "
            "`{sha256}`.",
            system=config.system,
            **measures,
        )
    else:
        about = say(
            "One network answers once for the outline, seven probabilities and the evidence behind each: design "
            "`{design}`, encoder {encoder}, {parameters:.1f} million parameters, input {input_size} × {input_size} "
            "pixels. Weights `{name}`, SHA-256 `{sha256}`.",
            design=config.design,
            encoder=config.encoder,
            **measures,
        )
    if config.head == "pixel":
        about += " " + say(
            "Scores are added up of the evidence at each cell of 8 pixels: {whole_share:.0%} of the weight is spread "
            "over the picture, the rest by the outline.",
            whole_share=config.whole_share,
        )
    elif config.pooling == "whole+lesion":
        about += " " + say("Features are pooled over the picture and inside the outline.")
    said = [about]
    soup = training.get("soup", [])
    if soup:
        said.append(
            say(
                "Its weights are the mean of those of {soup} trainings with a common beginning (a model soup, "
                "Wortsman et al. 2022): {parts}.",
                soup=len(soup),
                parts=listed([_ingredient(part) for part in soup]),
            )
        )
    said += _since(training)
    told = "epoch" in training and training.get("data", {}).keys() >= {"train", "split"}
    if told and recipe.keys() >= {"epochs", "start", "optimiser", "learning_rate", "batch", "mask_loss", *SWITCHES}:
        said.append(_recipe(training, recipe))
    return Section(say("Model"), said)


def _since(training: dict[str, Any]) -> list[str]:
    """What was done to the weights after the training that is told of: a head taught by a practice, or other statistics
    of pictures."""
    said = []
    taught, adapted = training.get("taught", {}), training.get("adapted", {})
    if taught.keys() >= {"pictures", "from"}:
        said.append(
            say(
                "The head was then taught on {pictures:,} confirmed pictures of a practice, beginning from the weights "
                "{weights}; what is told of the training holds for these.",
                pictures=taught["pictures"],
                weights=in_markdown(taught["from"]),
            )
        )
    if adapted.keys() >= {"pictures", "from", "share"}:
        said.append(
            say(
                "The statistics by which the network normalises were then adapted to {pictures:,} pictures without "
                "labels, with a weight of {share:.0%}, from the weights {weights}; what is told of the training holds "
                "for these.",
                pictures=adapted["pictures"],
                share=adapted["share"],
                weights=in_markdown(adapted["from"]),
            )
        )
    return said


def _recipe(training: dict[str, Any], recipe: dict[str, Any]) -> str:
    """How the weights were trained; of a mean the first of them. recipe: the configuration."""
    epochs = {
        "epoch": training["epoch"] + 1,
        "epochs": recipe["epochs"],
        "train": training["data"]["train"],
        "split": in_markdown(tables.split_name(training["data"]["split"])),
    }
    told = (
        say("The first was trained for {epoch} of {epochs} epochs on {train:,} images ({split}).", **epochs)
        if training.get("soup")
        else say("Trained for {epoch} of {epochs} epochs on {train:,} images ({split}).", **epochs)
    )
    start = str(recipe["start"])
    begun = (
        [say("Training went on from the weights `{start}`.", start=in_code(start))] if start.endswith(".json") else []
    )
    how = say(
        "Optimiser {optimiser}, rate {learning_rate:g}, batches of {batch}; {mask_loss} for the outline and "
        "cross-entropy for the diagnosis; curriculum {curriculum}, hard-example replay {replay}. Commit `{commit}`; "
        "the whole configuration lies beside the weights.",
        optimiser=in_markdown(str(recipe["optimiser"])),
        learning_rate=recipe["learning_rate"],
        batch=recipe["batch"],
        mask_loss=in_markdown(str(recipe["mask_loss"])),
        curriculum=_switch(recipe["curriculum"]["enabled"]),
        replay=_switch(recipe["replay"]["enabled"]),
        commit=in_code(str(training.get("commit") or say("unknown"))[:12]),
    )
    return " ".join([told, *begun, how])


def _ingredient(part: dict[str, Any]) -> str:
    """One of the trainings whose weights were averaged, as `derm.model.soup` describes it."""
    recipe = part.get("config") or {}
    if part.get("epoch") is None or not recipe.keys() >= {"epochs", "model", *SWITCHES}:
        return say("`{weights}` ({share:.0%})", weights=in_code(part["weights"]), share=part["share"])
    return say(
        "`{weights}` ({share:.0%}, epoch {epoch} of {epochs} at {input_size} pixels, curriculum "
        "{curriculum}, replay {replay})",
        weights=in_code(part["weights"]),
        share=part["share"],
        epoch=part["epoch"] + 1,
        epochs=recipe["epochs"],
        input_size=recipe["model"].get("input_size", say("unknown")),
        curriculum=_switch(recipe["curriculum"]["enabled"]),
        replay=_switch(recipe["replay"]["enabled"]),
    )


def _use(facts: Facts) -> Section:
    test = facts.results.about
    elsewhere = (
        say(
            "“By source” has the same of others; beyond those, how it does on other skin, cameras and clinics has not "
            "been measured."
        )
        if facts.sources is not None
        else say("How it does on other skin, cameras and clinics has not been measured.")
    )
    counted = {"images": test["images"], "lesions": test["lesions"]}
    of = set(test.get("sources", {}))
    learned = set(facts.model.description.learned_from) if facts.model.description.tells_sources else set()
    if learned and of <= learned:
        measured = say(
            "The model was measured on {images:,} images of {lesions:,} lesions from the data set that it was trained "
            "on.",
            **counted,
        )
    elif learned:
        measured = say(
            "The model was measured on {images:,} images of {lesions:,} lesions from {sources}; it was trained on "
            "{learned}.",
            **counted,
            sources=_sources_listed(of),
            # Not the clinics and cameras of HAM10000, which are there beside it.
            learned=_sources_listed(learned - set(HAM10000_DATASETS)),
        )
    else:
        measured = say(
            "The model was measured on {images:,} images of {lesions:,} lesions from {sources}; what it was trained on "
            "is not recorded.",
            **counted,
            sources=_sources_listed(of),
        )
    known = (
        say(
            "HAM10000 shows mostly fair skin, from Vienna and Queensland. The model knows seven diagnoses, and a "
            "lesion of an eighth kind gets one of the seven. Images are scaled to a small square, so that fine "
            "structure is lost."
        )
        if HAM10000 in of | learned
        else say(
            "The model knows seven diagnoses, and a lesion of an eighth kind gets one of the seven. Images are scaled "
            "to a small square, so that fine structure is lost."
        )
    )
    looks = say(
        "The test part of HAM10000 has been looked at {looks} times, as `looks-at-the-test-part.csv` "
        "counts; each look makes its figures a little less new. `derm explain`, which chooses nothing, "
        "is not counted.",
        looks=facts.looks,
    )
    return Section(
        say("Intended use and limits"),
        [
            say(
                "**Research use only, not a medical device.** For research on dermoscopic images and for teaching: to "
                "study how such a model behaves, where it errs, and what its explanations are worth. Not for decisions "
                "about patients."
            ),
            f"{measured} {elsewhere} {known}",
            *([looks] if is_ham10000(facts.catalogue) else []),
        ],
    )


def _sources_listed(sources: Collection[str]) -> str:
    return listed([in_markdown(name) for name in sorted(map(source_name, sources))])


def _data(facts: Facts) -> Section:
    counts = {code: facts.images_of(code) for code in CODES}
    return Section(
        say("Data"),
        [_published(facts) if facts.is_whole_ham10000 else _given(facts)],
        [tables.data(facts), tables.leaks(facts)],
        [
            Chart(say("The paper's Figure 1: images of each diagnosis."), class_distribution(counts)),
            Chart(say("The paper's Figure 2: images of each part, by diagnosis."), split_sizes(facts.parts)),
        ],
    )


def _published(facts: Facts) -> str:
    """What is known of HAM10000."""
    return say(
        "HAM10000 (Tschandl, Rosendahl, Kittler 2018): 10,015 dermoscopic images of 7,470 lesions, with "
        "a lesion mask for each (Tschandl et al. 2020), split 60/20/20 by lesion and stratified by "
        "class. The paper splits by image: {share:.0%} of its test images then show a lesion that is "
        "also in training. Its figures, and ours under its protocol, are too good for that reason.",
        share=facts.leaks["image"].share,
    )


def _given(facts: Facts) -> str:
    """What another data set's table tells of it."""
    table = facts.catalogue.table
    told = say(
        "{images:,} images of {lesions:,} lesions from {sources}, split by lesion; {diagnosed:,} images have one of "
        "the seven diagnoses, {outlined:,} a lesion mask.",
        images=len(table),
        lesions=own_lesions(table).nunique(),
        sources=_sources_listed(set(table["source"])),
        diagnosed=int(table["dx"].isin(CODES).sum()),
        outlined=int((table["mask_path"] != "").sum()),
    )
    if "image" not in facts.leaks:
        return told
    return f"{told} " + say(
        "Split by image, as in the paper, {share:.0%} of the test images would show a lesion that is also in training.",
        share=facts.leaks["image"].share,
    )


def _headline(facts: Facts) -> Section:
    about = facts.results.about
    ours = say(
        "“Split by lesion” is the honest column: {images:,} images of lesions that the model never saw, "
        "at the highest of seven probabilities, without test-time augmentation. In brackets the 95 % "
        "interval by bootstrap over lesions.",
        images=about["images"],
    )
    if facts.by_image is None:
        theirs = say(
            "Weights like these were not measured under the paper's protocol, so that its column is empty; an earlier "
            "recipe of ours was, both ways, and stands in docs/results.md."
        )
    else:
        size = facts.by_image.about["input_size"]
        theirs = say(
            "“Split by image” are weights trained and measured as in the paper ({images:,} test images, "
            "input {size} × {size} pixels), to see what its protocol adds; they are not shipped.",
            images=facts.by_image.about["images"],
            size=size,
        )
        trainings = len(facts.model.description.training.get("soup", ())) or 1
        if (size, facts.by_image.about.get("mean_of", 1)) != (about["input_size"], trainings):
            theirs += " " + say(
                "They are of another recipe than those split by lesion, so that the difference of the two is not the "
                "protocol's alone."
            )
    note = say("The paper also prints an accuracy of 0.8557 (text) and an AUC of 0.9739 (Table 4).")
    return Section(
        say("Headline"), [ours, f"{theirs} {note}"], [tables.beside(facts, tables.HEADLINE, say("Diagnosis"))]
    )


def _sources(facts: Facts) -> Section:
    own = facts.sources or facts.results
    found = own.by_source
    said = [
        say(
            "A pooled figure hides the source on which a model fails. Sensitivity and specificity are at the "
            "referral threshold, each lesion counting once; “turned away” is the share called no dermoscopic "
            "picture, which gets no answer. In brackets the 95 % interval by bootstrap over lesions."
        ),
    ]
    if facts.sources is None and len(own.about.get("sources", ())) < 2:
        said.append(say("These weights were measured on one source: how they do elsewhere is not known."))
    if facts.left_out:
        said.append(
            say(
                "Left out and then measured: weights that saw nothing of the source in their line, and whose "
                "training may be shorter than that of the weights of this card. That is nearest to what a clinic "
                "may expect whose pictures nobody trained on."
            )
        )
    shown = []
    for one, caption, source in (
        (own, say("{part} parts, by source", part=say(own.about["part"])), tables.SOURCES),
        *((one, f"{one.about['weights']}: {one.about['split']}", tables.LEFT_OUT) for one in facts.left_out),
    ):
        told = tables.sources(one, caption, source)
        if told.rows:
            shown.append(told)
        else:
            said.append(
                say(
                    "No source has the {least} lesions that a row needs: {caption}.",
                    least=SMALL,
                    caption=in_markdown(caption),
                )
            )
    table = sources_table(found)
    charts = [
        Chart(
            say("{figures} of each source.", figures=say(FIGURES[name])),
            subgroups(table, dark=False, name=name, title=say(FIGURES[name])),
        )
        for name in ("melanoma_auc", "sensitivity", "dice")
        if found
    ]
    return Section(say("By source"), said, shown, charts)


def _classes(facts: Facts) -> Section:
    own = [tables.classes(facts.results, say("Ours, split by lesion"), tables.EVALUATE)]
    if facts.by_image is not None:
        own.append(tables.classes(facts.by_image, say("Ours, split by image (leaks)"), tables.BY_IMAGE))
    charts = [
        Chart(
            say(
                "The paper's Figure {number}: {title} of each class, ours beside the paper's.",
                number=number,
                title=title,
            ),
            beside_bars(title, _series(facts, name)),
        )
        for number, name, title in (
            (4, "specificity", say("specificity")),
            (5, "precision", say("precision")),
            (5, "recall", say("recall")),
            (5, "f1", "F1"),
        )
    ]
    note = say(
        "Six of the seven specificities that the paper prints do not follow from its Table 2; both stand below. Figure "
        "4 takes those that follow."
    )
    return Section(say("Each class"), [note], [*own, tables.paper_classes()], charts)


def _confusion(facts: Facts) -> Section:
    found = [(facts.results, say("Split by lesion"), tables.EVALUATE)]
    if facts.by_image is not None:
        found.append((facts.by_image, say("Split by image (leaks)"), tables.BY_IMAGE))
    return Section(
        say("Confusion matrix"),
        [say("Rows are true diagnoses, columns the likeliest ones.")],
        [tables.confusion(results, title, source) for results, title, source in found],
        [
            Chart(
                say("The paper's Figure 6: confusion matrix, {title}.", title=lower_first(title)),
                confusion_matrix(results.metrics["confusion_matrix"], rates=False, dark=False),
            )
            for results, title, _ in found
        ],
    )


def _training(facts: Facts) -> Section:
    history = facts.model.description.training.get("history") or []
    if not history:
        return Section(
            say("Training, epoch by epoch"),
            [
                say(
                    "These weights were trained before epochs were kept beside them; docs/experiments.md has what "
                    "is known."
                )
            ],
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
        "epoch",
        say("outline loss, training"),
        say("class loss, training"),
        say("outline loss, validation"),
        say("class loss, validation"),
        "Dice",
        "accuracy",
        say("macro AUC"),
    )
    table = Table(say("Epoch by epoch"), columns, rows, say("`derm train`: the weights' .json, training.history"))
    chart = Chart(say("The paper's Figure 7: loss and Dice of the outline, epoch by epoch."), training_curves(history))
    said = [say("Dice, accuracy and AUC are of the validation part.")]
    if "soup" in facts.model.description.training:
        said.append(say("They are of the first of the trainings whose weights were averaged."))
    return Section(say("Training, epoch by epoch"), said, [table], [chart])


def _calibration(facts: Facts) -> Section:
    bins = facts.results.metrics["calibration"]["reliability"]
    charts = [
        Chart(
            say("Reliability of {title}, before the temperature.", title=title)
            if when == "before"
            else say("Reliability of {title}, after the temperature.", title=title),
            reliability(bins[when][key], dark=False),
        )
        for key, title in (("top_label", say("the likeliest diagnosis")), ("malignant", say("the malignant sum")))
        for when in ("before", "after")
    ]
    local = local_calibration(facts.model.description)
    fitted = (
        say(
            "The temperature was fitted on {images:,} confirmed images of {folder}.",
            images=local["images"],
            folder=in_markdown(local["folder"]),
        )
        if local
        else say("The temperature was fitted on half of the validation lesions.")
    )
    limits = say(
        "A perfect model of this size would show an ECE as large as “by chance”, so that the true error lies between "
        "the debiased ECE and the ECE. Resampling adds to an ECE, too: its interval lies somewhat too high."
    )
    return Section(say("Calibration"), [f"{fitted} {limits}"], [tables.calibration(facts)], charts)


def _decision(facts: Facts) -> Section:
    decision = facts.results.metrics["decision"]
    if decision is None:
        return Section(
            say("Decision"), [say("These weights have no referral threshold yet: `derm calibrate` chooses one.")]
        )
    record = facts.model.description.measured.get("calibration", {}).get("referral")
    local = local_calibration(facts.model.description)
    chosen = [
        say(
            "The referral threshold was chosen on the confirmed cases of {folder}, each lesion judged by its worst "
            "picture.",
            folder=in_markdown(local["folder"]),
        )
        if local
        else say("The referral threshold was chosen on validation, each lesion judged by its worst picture.")
    ]
    if record:
        found = {
            "found": record["found"],
            "malignant_lesions": record["malignant_lesions"],
            "lower_bound": record["lower_bound"],
            "calibrate": _calibrating(facts),
        }
        chosen.append(
            say(
                "It is the highest at which the lower one-sided 95 % bound of sensitivity is at least {least} ({found} "
                "of {malignant_lesions} malignant lesions found, bound {lower_bound:.3f}; {calibrate}).",
                least=TARGET,
                **found,
            )
            if record.get("promise", "bound") == "bound"
            else say(
                "It is the highest that so few malignant lesions allow ({found} of {malignant_lesions} malignant "
                "lesions found, bound {lower_bound:.3f}; {calibrate}).",
                **found,
            )
        )
        chosen += _in_each_source(record, facts.model.description.measured["calibration"].get("by_source", {}))
    malignant, benign = decision["of_100_malignant"], decision["of_100_benign"]
    if malignant is not None and benign is not None:
        chosen.append(
            say(
                "Of 100 malignant lesions like those in the test part about {malignant} are above it; of 100 benign, "
                "{benign}.",
                malignant=malignant,
                benign=benign,
            )
        )
    curves = facts.results.curves
    return Section(
        say("Decision"),
        [" ".join(chosen)],
        [tables.referral(facts), tables.predictive(facts), tables.conformal(facts)],
        [
            Chart(
                say("ROC curves, each class against the rest, and malignant against benign."),
                roc(curves, dark=False, metrics=facts.results.metrics),
            ),
            Chart(say("Precision and recall, each class against the rest."), precision_recall(curves, dark=False)),
        ],
    )


def _calibrating(facts: Facts) -> str:
    """The command that the weights were calibrated by."""
    return tables.CALIBRATE_LOCALLY if local_calibration(facts.model.description) else tables.CALIBRATE


def _in_each_source(record: dict[str, Any], by_source: dict[str, dict[str, Any]]) -> list[str]:
    """In which sources of validation the bound does not hold, whether they chose the threshold or had too few malignant
    lesions to choose; or that it holds in each."""
    told = {name: figures["referral"] for name, figures in by_source.items() if figures.get("referral")}
    own = {name: figures for name, figures in told.items() if figures["malignant_lesions"]}
    if len(own) < 2 or set(record.get("chosen_by", ())) - set(own):
        return []
    below = [
        say(
            "In {source} alone the bound is {lower_bound:.3f}, for {found} of {malignant_lesions} are found.",
            source=in_markdown(source_name(name)),
            lower_bound=figures["lower_bound"] or 0.0,
            found=figures["found"],
            malignant_lesions=figures["malignant_lesions"],
        )
        for name, figures in own.items()
        if (figures["lower_bound"] or 0.0) < TARGET
    ]
    return below or [say("That holds in each source.")]


def _outlines(facts: Facts) -> Section:
    return Section(
        say("Outlines"),
        [
            say(
                "Each outline is compared with the dermatologist's at the image's own size; an image counts once. "
                "Distances are in pixels of 400 × 300 images. The outlines that agree least are drawn by `derm "
                "evaluate` into `worst-outlines/`, and shown in the HTML report."
            )
            if facts.is_whole_ham10000
            else say(
                "Each outline is compared with the dermatologist's at the image's own size; an image counts once. "
                "Distances are in pixels of that size. The outlines that agree least are drawn by `derm evaluate` into "
                "`worst-outlines/`, and shown in the HTML report."
            ),
        ],
        [tables.outlines(facts)],
        holds="outlines",
    )


def _explanation(facts: Facts) -> Section:
    found = facts.results.metrics["explanation"]["true_mask"]
    paragraphs = [
        say(
            "Grad-CAM shows where a score comes from, not why. Lesions of HAM10000 lie in the middle of the "
            "picture, so that a centre prior, a fixed Gaussian there, agrees with them, too: read each figure "
            "against the centre prior's. The paper prints 0.7736 for the agreement, which is its segmentation IoU "
            "to the fourth digit, so we take it as not reported."
        )
        if facts.is_whole_ham10000
        else say(
            "Grad-CAM shows where a score comes from, not why. Where lesions lie in the middle of the picture, a "
            "centre prior, a fixed Gaussian there, agrees with them, too: read each figure against the centre prior's."
        ),
    ]
    if found:
        best, prior = found["likeliest_class"]["iou"], found["centred_blob"]["iou"]
        paragraphs.append(say(HERE[_as_printed(best, prior)], best=best, prior=prior))
    if facts.explained is not None:
        paragraphs.append(_by_area(facts.explained))
    if facts.model.description.model.looks_inside:
        paragraphs.append(say(BUILT_IN))
    if facts.explained is None:
        paragraphs.append(say("Other methods, faithfulness and sanity were not measured: `derm explain` does."))
    else:
        paragraphs.append(
            say(
                "Deletion and insertion ask about pictures that nobody takes; a map that is the same everywhere "
                "can look good by deletion. A map that stays alike when the network has unlearned everything shows "
                "the picture, not the model. What each figure means and does not mean is in "
                "`docs/explanation-measures.md`."
            )
        )
    more = (tables.maps(facts), tables.trials(facts), tables.right_or_wrong(facts))
    held = [tables.agreement(facts), *(table for table in more if table)]
    return Section(say("Explanations"), paragraphs, held, holds="explanations")


HERE = {
    -1: mark(
        "Here Grad-CAM of the likeliest class overlaps with the true mask by {best:.2f}, less than the centre prior "
        "({prior:.2f})."
    ),
    0: mark(
        "Here Grad-CAM of the likeliest class overlaps with the true mask by {best:.2f}, as much as the centre prior."
    ),
    1: mark(
        "Here Grad-CAM of the likeliest class overlaps with the true mask by {best:.2f}, more than the centre prior "
        "({prior:.2f})."
    ),
}
"""What the agreement is beside the centre prior's, by `_as_printed`."""

ALIKE = {
    -1: mark(
        "With each threshold counted alike it agrees less than the centre prior: area under IoU {area:.2f} against "
        "{prior:.2f}."
    ),
    0: mark(
        "With each threshold counted alike it agrees as much as the centre prior: both have an area under IoU of "
        "{area:.2f}."
    ),
    1: mark(
        "With each threshold counted alike it agrees more than the centre prior: area under IoU {area:.2f} against "
        "{prior:.2f}."
    ),
}
"""Likewise, of the area under the curve over thresholds."""


def _as_printed(own: float, other: float) -> int:
    """1 where `own` is more than the other, -1 where it is less, 0 where both read alike with two decimals."""
    first, second = (round(value, 2) for value in (own, other))
    return (first > second) - (first < second)


def _by_area(explained: ExplainResults) -> str:
    """What Grad-CAM's agreement comes to where no threshold is chosen, and whether it tells right from wrong."""
    own, telling = explained.summary["agreement"]["predicted"], explained.summary["right_or_wrong"]["grad-cam"]
    area, prior = (own[name]["all"]["all"]["figures"]["true_iou_area"]["mean"] for name in ("grad-cam", CENTRE_PRIOR))
    both, auc = {"area": area, "prior": prior}, telling["true_iou_area"]["auc"]
    said = say(ALIKE[_as_printed(area, prior)], **both)
    if auc is None:
        return said
    return f"{said} " + say(
        "It tells right predictions from wrong ones with an AUC of {auc:.2f}, where a coin has {coin:.2f}.",
        auc=auc,
        coin=0.5,
    )


def _subgroups(facts: Facts) -> Section:
    return Section(
        say("Subgroups and shortcuts"),
        [
            say(
                "Sources differ in case mix, and by themselves say something about malignancy; age, sex and site "
                "do, too. Groups of fewer than 20 lesions have no interval. Differences between groups whose "
                "intervals overlap may be chance; no correction for the number of comparisons was made."
            ),
        ],
        [*(tables.subgroups(facts, name) for name in ("age", "sex", "site", "source")), tables.baselines(facts)],
        [
            Chart(
                say("{title} by age, sex, site and source.", title=title),
                subgroups(facts.results.subgroups, dark=False, name=name),
            )
            for name, title in (
                ("balanced_accuracy", say("Balanced accuracy")),
                ("malignant.auc", say("Malignant AUC")),
            )
        ],
    )


def _rerun(facts: Facts) -> Section:
    more = " --by-image results/by-image" if facts.by_image else ""
    more += " --explained results/explained" if facts.explained else ""
    return Section(
        say("How to rerun each number"),
        [
            say("`derm data split DIR` and `derm data split DIR --by image`: the parts and what leaks."),
            say(
                "`derm train --data DIR --run RUN` with the settings in the weights' .json under training.config "
                "(for a mean, each under training.soup, then `derm soup`): weights like these. For those that Derm "
                "ships, docs/experiments.md has the commands and where they started. `--split-by image` trains "
                "those of the paper's protocol."
            ),
            say("{calibrate}: temperature, referral threshold, conformal thresholds.", calibrate=_calibrating(facts)),
            say(
                "{evaluate} `--out results/test`: every figure here, with intervals of 1,000 resamples.",
                evaluate=tables.EVALUATE,
            ),
            say("{explain} `--out results/explained`: what heat maps are worth.", explain=tables.EXPLAIN),
            say("`derm compare results/one results/other`: two sets of weights, by a paired bootstrap."),
            say(
                "`derm report --data DIR --results results/test{more}`: this card, and the HTML report with its "
                "figures.",
                more=more,
            ),
        ],
    )


def _licence(facts: Facts) -> Section:
    return Section(
        say("Licence"),
        [in_markdown(said_licence(facts.model.description.licence)), say("The code is under the MIT licence.")],
    )


def _series(facts: Facts, name: str) -> dict[str, list[float | None]]:
    """A measure of each class, ours under both protocols and the paper's, by the names in the legend."""

    def ours(results: Results) -> list[float | None]:
        return [results.metrics["per_class"][code][name] for code in CODES]

    found: dict[str, list[float | None]] = {say("ours, split by lesion"): ours(facts.results)}
    if facts.by_image is not None:
        found[say("ours, split by image")] = ours(facts.by_image)
    return {**found, say("the paper"): [of_class(code, name) for code in CODES]}


def _switch(on: bool) -> str:
    return say("on") if on else say("off")


def _loss(value: float | None) -> str:
    return "–" if value is None else number(value, ".3f")
