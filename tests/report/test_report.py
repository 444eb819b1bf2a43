"""Model card and report: every number in them stands in the results they are made from."""

import base64
import copy
import json
import os
import re
from dataclasses import replace
from functools import partial

import numpy as np
import pandas as pd
import pytest
from unsaid import unsaid

from derm.data.identity import sources_sha256
from derm.data.split import split_catalogue
from derm.diagnoses import CODES, MALIGNANT
from derm.errors import DataFault
from derm.evaluate.by_source import FIGURES
from derm.evaluate.calibrate import calibrate
from derm.evaluate.dataset import evaluate, write_evaluation
from derm.evaluate.explain_dataset import ExplainResults
from derm.evaluate.results import WORST, read_results, typical_image
from derm.explain.agreement import BUILT_IN, CENTRE_PRIOR
from derm.language.speech import BRACKETED, speaking
from derm.metrics.decision import predictive_values
from derm.predict.record import calibration_of
from derm.report import tables
from derm.report.card import model_card
from derm.report.facts import _check_data, _check_shared_data, gather
from derm.report.page import JPEG, _worst, report_page
from derm.report.sections import sections
from derm.train.config import preset

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def model(tiny_model, drawn_catalogue):
    found = calibrate(tiny_model, drawn_catalogue)
    described = found.describe(tiny_model.description)
    history = [
        {"epoch": epoch, "train": {"mask_loss": 1 / (epoch + 1), "class_loss": 1.5}, "validation": {"dice": 0.5}}
        for epoch in range(3)
    ]
    return replace(tiny_model, description=replace(described, training={"history": history}))


@pytest.fixture(scope="module")
def results(model, drawn_catalogue, tmp_path_factory):
    folder = tmp_path_factory.mktemp("report") / "test"
    write_evaluation(evaluate(model, drawn_catalogue, "test", replicates=20), folder)
    return read_results(folder)


@pytest.fixture(scope="module")
def by_image(model, drawn_catalogue, tmp_path_factory):
    folder = tmp_path_factory.mktemp("report") / "by-image"
    trained = replace(model, description=replace(model.description, training={"config": {"split_by": "image"}}))
    write_evaluation(evaluate(trained, drawn_catalogue, "test", by="image", replicates=20), folder)
    return read_results(folder)


@pytest.fixture(scope="module")
def facts(model, results, drawn_catalogue, by_image):
    return gather(model, results, drawn_catalogue, by_image)


def test_the_card_says_in_which_source_the_bound_cannot_hold(facts):
    def card(bound_of_b: float, **other: object) -> str:
        own = {"malignant_lesions": 25, "found": 25, "lower_bound": bound_of_b}
        by_source = {"a": {"referral": own | {"lower_bound": 0.953}}, "b": {"referral": own}}
        referral = own | {"lower_bound": 0.953, "promise": "bound", "chosen_by": ["a", "b"]} | other
        measured = {"calibration": {"referral": referral, "by_source": by_source}}
        description = replace(facts.model.description, measured=measured)
        return model_card(replace(facts, model=replace(facts.model, description=description)))

    assert "That holds in each source." in card(0.951)
    # Of 25 malignant lesions, all of which are found, the bound is 0.05 ** (1 / 25).
    few = card(0.05 ** (1 / 25))
    assert "In b alone the bound is 0.887, for 25 of 25 are found." in few
    # Whoever chose it: a source of too few malignant lesions has no say, and may be missed all the same.
    for other in ({"chosen_by": ["a"]}, {"promise": "average"}, {"chosen_by": []}):
        assert "In b alone the bound is 0.300, for 25 of 25 are found." in card(0.3, **other)
        assert "In a alone" not in card(0.3, **other)
    for silent in (few, card(0.3, chosen_by=["a"]), card(0.951, chosen_by=["a", "c"])):
        assert "holds in each source" not in silent


def test_the_card_of_weights_calibrated_on_ones_own_cases_names_these(facts):
    measured = facts.model.description.measured
    local = {"folder": "clinic", "images": 310, "lesions": 300}
    own = {**measured, "calibration": {**measured["calibration"], "local": local}}
    model = replace(facts.model, description=replace(facts.model.description, measured=own))
    card = model_card(replace(facts, model=model))
    assert "The temperature was fitted on 310 confirmed images of clinic. A perfect model" in card
    assert "The referral threshold was chosen on the confirmed cases of clinic, each lesion" in card
    assert "`derm calibrate --data DIR --keep-weights`" in card
    assert "validation lesions" not in card


def test_the_card_tells_both_protocols_and_the_papers_figures(facts, results, by_image):
    card = model_card(facts)
    accuracy, low, high = results.metrics["accuracy"], *results.metrics["intervals"]["accuracy"]
    theirs = by_image.metrics["accuracy"]
    line = next(line for line in card.splitlines() if line.startswith("| Accuracy |"))
    cells = [cell.strip() for cell in line.strip("|").split("|")]
    assert cells[1] == f"{accuracy:.3f} ({low:.3f} – {high:.3f})"
    assert cells[2].startswith(f"{theirs:.3f} (")
    assert cells[3] == "0.843"
    assert "were not measured under the paper's protocol" not in card
    assert "Research use only, not a medical device" in card
    assert "CC BY-NC" in card


def test_the_card_of_results_from_before_a_metric_has_a_dash_for_it(facts, results, tmp_path):
    write_evaluation(results, tmp_path)
    metrics = json.loads((tmp_path / "metrics.json").read_text())
    del metrics["macro_auc"], metrics["intervals"]["macro_auc"]
    for own in (*metrics["per_class"].values(), *metrics["baselines"].values()):
        own.pop("specificity", None)
        own.pop("macro_auc", None)
    (tmp_path / "metrics.json").write_text(json.dumps(metrics))
    card = model_card(replace(facts, results=read_results(tmp_path)))
    line = next(line for line in card.splitlines() if line.startswith("| Macro AUC |"))
    assert line.split("|")[2].strip() == "–"


def test_the_card_says_where_the_two_protocols_are_not_of_one_recipe(facts, by_image):
    assert "another recipe" not in model_card(facts)
    smaller = replace(by_image, metrics={**by_image.metrics, "measured_on": {**by_image.about, "input_size": 32}})
    card = model_card(replace(facts, by_image=smaller))
    assert "input 32 × 32 pixels" in card
    assert "They are of another recipe than those split by lesion" in card
    mean = replace(by_image, metrics={**by_image.metrics, "measured_on": {**by_image.about, "mean_of": 3}})
    assert "They are of another recipe" in model_card(replace(facts, by_image=mean))


def test_the_card_names_the_weights_that_training_went_on_from(facts):
    recipe = {**preset("derm").as_dict(), "start": "before.json"}
    training = {"config": recipe, "epoch": 7, "data": {"train": 6006, "split": "by lesion"}}
    model = replace(facts.model, description=replace(facts.model.description, training=training))
    told = (
        "Trained for 8 of 20 epochs on 6,006 images (split by lesion). Training went on from the weights `before.json`."
    )
    assert told in model_card(replace(facts, model=model))


def test_the_card_names_the_trainings_whose_weights_were_averaged(facts):
    config = replace(preset("derm"), epochs=8).as_dict()
    one = {"weights": "first/best", "share": 0.75, "epoch": 2, "config": config}
    other = {**one, "weights": "second/final", "share": 0.25, "epoch": 7}
    training = {"config": config, "epoch": 2, "data": {"train": 40, "split": "by lesion"}, "soup": [one, other]}
    history = facts.model.description.training["history"]
    described = replace(facts.model.description, training={**training, "history": history})
    card = model_card(replace(facts, model=replace(facts.model, description=described)))
    assert "the mean of those of 2 trainings with a common beginning" in card
    told = "`first/best` (75%, epoch 3 of 8 at 224 pixels, curriculum off, replay off) and `second/final` (25%, epoch 8"
    assert told in card
    assert "The first was trained for 3 of 8 epochs" in card
    assert "They are of the first of the trainings whose weights were averaged." in card
    assert "averaged" not in model_card(facts)


def test_the_card_says_what_was_done_to_the_weights_since(facts):
    training = {
        "taught": {"way": "head", "from": "derm e7b93003", "from_sha256": "0" * 64, "pictures": 120},
        "adapted": {"from": "derm", "sha256": "0" * 64, "pictures": 400, "share": 0.5},
    }
    described = replace(facts.model.description, training=training)
    card = model_card(replace(facts, model=replace(facts.model, description=described)))
    assert "taught on 120 confirmed pictures of a practice, beginning from the weights derm e7b93003" in card
    assert "adapted to 400 pictures without labels, with a weight of 50%, from the weights derm;" in card


def test_the_card_leaves_out_what_a_training_does_not_tell_of_itself(facts):
    part = {"weights": "first/best", "sha256": "0" * 64, "share": 1.0, "epoch": None, "config": {"epochs": 8}}
    training = {"config": {"epochs": 8}, "data": {"images": 3}, "soup": [part]}
    card = model_card(
        replace(facts, model=replace(facts.model, description=replace(facts.model.description, training=training)))
    )
    assert "(a model soup, Wortsman et al. 2022): `first/best` (100%)." in card
    assert "Optimiser" not in card


HOSTILE = "<img src=x onerror=alert(1)> <script>alert(2)</script> [a](http://b.c/d) ![e](http://b.c/f) `g` | h\n\n# i"


def test_names_from_elsewhere_are_text_in_card_and_page(facts, results):
    """Of weights, of what they learned from, and of sources and groups of the data set."""
    one = {"weights": HOSTILE, "sha256": "0" * 64, "share": 1.0, "epoch": 2, "config": preset("derm").as_dict()}
    config = preset("derm").as_dict() | {"start": f"{HOSTILE}.json", "optimiser": HOSTILE, "mask_loss": HOSTILE}
    training = {
        "config": config, "epoch": 2, "commit": HOSTILE, "soup": [one],
        "data": {"train": 40, "split": HOSTILE, "sources": {HOSTILE: {}}},
        "taught": {"from": HOSTILE, "pictures": 3}, "adapted": {"from": HOSTILE, "pictures": 3, "share": 0.5},
        "history": facts.model.description.training["history"],
    }  # fmt: skip
    measured = {"calibration": {**facts.model.description.measured["calibration"], "local": {
        "folder": HOSTILE, "images": 3, "lesions": 3,
    }}}  # fmt: skip
    described = replace(facts.model.description, training=training, measured=measured, licence=HOSTILE)
    weights = replace(facts.model, name=HOSTILE, description=described)
    table = facts.catalogue.table.assign(source=HOSTILE)
    about = {**results.about, "weights": HOSTILE, "split": HOSTILE, "sources": {HOSTILE: 3}}
    figures = {name: {"value": 0.5, "interval": [0.25, 0.75]} for name in FIGURES}
    own = {"within": HOSTILE, "images": 40, "lesions": 30, "melanomas": 9, "malignant": 9, "figures": figures}
    metrics = {**results.metrics, "measured_on": about, "by_source": {HOSTILE: own}}
    groups = results.subgroups.assign(group=HOSTILE + results.subgroups["group"].astype(str))
    found = replace(results, metrics=metrics, subgroups=groups)
    told = replace(
        facts, model=weights, results=found, left_out=(found,), catalogue=replace(facts.catalogue, table=table)
    )
    card, page = model_card(told), report_page(told)
    assert "&lt;img src=x onerror=alert(1)>" in card
    spoken = re.sub(r"`[^`\n]*`", "", card)  # between backticks all is text
    for markup in ("<img", "<script", "](http"):
        assert markup not in spoken.replace("\\](http", "")
    assert not re.search("^# i", card, flags=re.MULTILINE)
    for lines in re.findall(r"(?:^\|.*\n)+", card, flags=re.MULTILINE):
        assert len({len(re.findall(r"(?<!\\)\|", line)) for line in lines.strip().splitlines()}) == 1
    for start in ("<img src=x", "<script>alert", 'href="http://b.c', 'src="http://b.c'):
        assert start not in page


def test_each_table_of_the_card_is_whole_and_names_its_command(facts):
    for section in sections(facts):
        for table in section.tables:
            assert table.rows
            assert {len(row) for row in table.rows} == {len(table.columns)}
            assert "`derm " in table.source or "Fiaz et al. 2025" in table.source
    card = model_card(facts)
    assert re.findall(r"^\|.*\n(?=\n\|)", card, flags=re.MULTILINE) == []  # no line parts a head from its rows
    for table in re.findall(r"(?:^\|.*\n)+", card, flags=re.MULTILINE):
        assert len({line.count("|") for line in table.strip().splitlines()}) == 1


def test_every_class_and_part_is_counted(facts, drawn_catalogue):
    rows = {row[0]: row for row in tables.data(facts).rows}
    split = split_catalogue(drawn_catalogue)
    for code in CODES:
        dx = drawn_catalogue.table["dx"] == code
        counts = [int((dx & (split.parts == part)).sum()) for part in ("train", "validation", "test")]
        assert rows[code] == (code, *map(str, counts), str(sum(counts)))
    assert rows["all"][-1] == str(len(drawn_catalogue.table))


def test_predictive_values_by_hand(facts):
    own = facts.results.metrics["decision"]["by_lesion"]
    values = predictive_values(own["sensitivity"], own["specificity"], 0.05)
    row = next(row for row in tables.predictive(facts).rows if row[0] == "5%")
    assert row[1:] == (f"{values.ppv:.1%}", f"{values.npv:.2%}")


def test_figures_with_and_without_interval():
    assert tables.figure(None) == "–"
    assert tables.figure(0.5) == "0.500"
    assert tables.figure(0.12345, (0.1, 0.2)) == "0.123 (0.100 – 0.200)"
    assert tables.measured(None, "accuracy") == "–"


def test_undefined_figures_of_a_group_are_a_dash(facts):
    for dimension in ("age", "sex", "site", "source"):
        table = tables.subgroups(facts, dimension)
        assert "nan" not in json.dumps(table.rows)
        assert sum(int(row[1]) for row in table.rows) == len(facts.results.predictions)


def test_groups_are_told_by_lesion_as_sources_are_and_by_picture_where_results_have_no_more(facts):
    of_groups = facts.results.subgroups
    pictures = of_groups[~of_groups["figure"].str.startswith("decision.by_lesion.")]
    earlier = replace(facts, results=replace(facts.results, subgroups=pictures))
    for known, unit in ((facts, "lesion"), (earlier, "picture")):
        table = tables.subgroups(known, "sex")
        said = [column for column in table.columns if "sensitivity" in column or "specificity" in column]
        assert said == [f"sensitivity, by {unit}", f"specificity, by {unit}"]
        name = "decision.by_lesion.specificity" if unit == "lesion" else "decision.specificity"
        rows = of_groups[(of_groups["dimension"] == "sex") & (of_groups["figure"] == name)].set_index("group")["value"]
        place = table.columns.index(said[1])
        assert {row[0]: row[place][:5] for row in table.rows} == {sex: f"{value:.3f}" for sex, value in rows.items()}


@pytest.mark.parametrize("kept", [True, False])
def test_lesions_that_are_all_malignant_or_all_benign_are_reported(model, drawn_catalogue, tmp_path, kept):
    wanted = [code for code, is_malignant in zip(CODES, MALIGNANT, strict=True) if is_malignant == kept]
    one_kind = drawn_catalogue.table[drawn_catalogue.table["dx"].isin(wanted)].reset_index(drop=True)
    catalogue = replace(drawn_catalogue, table=one_kind)
    write_evaluation(evaluate(model, catalogue, "test", replicates=20), tmp_path / "test")
    found = read_results(tmp_path / "test")
    assert found.metrics["decision"]["of_100_benign" if kept else "of_100_malignant"] is None
    text = report_page(gather(model, found, catalogue, None))
    assert "None" not in re.sub(r"<script.*?</script>", "", text, flags=re.DOTALL)
    assert "about None" not in model_card(gather(model, found, catalogue, None))


def test_groups_are_said_in_the_language_of_the_report(facts):
    with speaking("de"):
        found = {row[0] for row in tables.subgroups(facts, "sex").rows}
    assert found <= {"weiblich", "männlich", "unbekannt"}


def test_the_page_stands_alone_and_has_the_papers_figures(facts):
    page = report_page(facts)
    assert page.count("<h1") == 1
    for number in (1, 2, 4, 5, 6, 7):
        assert f"The paper&#39;s Figure {number}" in page
    assert "Figures 8, 9 and 10" in page
    assert not re.search(r'<(?:script|link|img|iframe)[^>]+(?:src|href)="(?:https?:)?//', page)  # nothing is fetched
    pictures = re.findall(r'<img src="data:image/jpeg;base64,[^"]+" alt="([^"]+)"', page)
    tested = set(facts.results.predictions["dx_true"])
    assert len(pictures) == 3 * len(tested) + min(50, len(facts.results.predictions))
    assert page.count("Plotly.newPlot(") == sum(len(section.charts) for section in sections(facts))


def test_the_typical_image_is_the_median_of_its_class(facts):
    own = facts.results.predictions
    own = own[own["dx_true"] == "nv"].sort_values("p_nv", kind="stable")
    assert typical_image(facts.results.predictions, "nv") == own["image_id"].iloc[(len(own) - 1) // 2]


def test_without_the_papers_protocol_its_column_is_empty(model, results, drawn_catalogue):
    alone = gather(model, results, drawn_catalogue)
    assert "were not measured under the paper's protocol" in model_card(alone)
    assert [row[2] for row in tables.beside(alone, tables.HEADLINE, "Diagnosis").rows] == ["–"] * len(tables.HEADLINE)


def test_weights_without_epochs_and_thresholds_say_so(tiny_model, drawn_catalogue, tmp_path):
    write_evaluation(evaluate(tiny_model, drawn_catalogue, "test", replicates=2), tmp_path)
    card = model_card(gather(tiny_model, read_results(tmp_path), drawn_catalogue))
    assert "before epochs were kept" in card
    assert "have no referral threshold yet" in card


def test_results_of_other_weights_are_refused(model, results, drawn_catalogue):
    with pytest.raises(DataFault, match=r"are of the weights tiny .* not of tiny \(ffff\)"):
        gather(replace(model, sha256="ffff"), results, drawn_catalogue)


def test_results_of_an_older_version_are_refused(model, results, drawn_catalogue):
    older = replace(results, metrics={name: of for name, of in results.metrics.items() if name != "calibration"})
    with pytest.raises(DataFault, match=r"come from an older Derm, metrics\.json lacks calibration: make them anew"):
        gather(model, older, drawn_catalogue)


def test_results_of_another_part_are_refused(model, results, drawn_catalogue, by_image):
    about = {**results.about, "part": "validation"}
    other = replace(results, metrics={**results.metrics, "measured_on": about})
    with pytest.raises(DataFault, match="are of the validation part, split by lesion: a report needs the test part"):
        gather(model, other, drawn_catalogue)
    with pytest.raises(DataFault, match="split by lesion: for --by-image train with `--split-by image`"):
        gather(model, results, drawn_catalogue, results)


def told(results, **about):
    """The same results, of which metrics.json says something else."""
    return replace(results, metrics={**results.metrics, "measured_on": {**results.about, **about}})


def test_results_of_another_data_set_are_refused(model, results, by_image, drawn_catalogue):
    other = replace(results, predictions=results.predictions.assign(image_id="ISIC_0024306"))
    again = "`derm evaluate --data DIR --weights FILE --split test"
    cure = f"give --data the data set that they are of, or measure this one with {again}"
    with pytest.raises(DataFault, match=f"are not in this data set, ISIC_0024306 for one, so they are .*: {cure}"):
        gather(model, other, drawn_catalogue)
    foreign = replace(by_image, predictions=by_image.predictions.assign(image_id="ISIC_0024306"))
    with pytest.raises(DataFault, match=f"are not in this data set, ISIC_0024306 for one, .*: {cure} --split-by image"):
        gather(model, results, drawn_catalogue, foreign)
    with pytest.raises(DataFault, match=r"are of another test part than that of .*: give --data the data set that"):
        gather(model, replace(results, predictions=results.predictions.iloc[1:]), drawn_catalogue)


def test_a_test_part_with_an_open_diagnosis_is_reported(model, drawn_catalogue, tmp_path):
    table = drawn_catalogue.table
    parts = split_catalogue(drawn_catalogue).parts
    chosen = table.index.isin(table[parts == "test"].drop_duplicates("dx").index)
    named = dict(zip(table["image_id"], parts, strict=True))
    catalogue = replace(drawn_catalogue, table=table.assign(dx=table["dx"].mask(chosen, "unknown")), parts=named)
    open_images = table["image_id"][chosen]
    assert set(open_images) <= set(table["image_id"].iloc[split_catalogue(catalogue).rows("test")])
    write_evaluation(evaluate(model, catalogue, "test", replicates=2), tmp_path)
    results = read_results(tmp_path)
    assert not results.predictions["image_id"].isin(open_images).any()
    with_open = pd.concat([results.predictions, pd.DataFrame({"image_id": open_images, "dx_true": "unknown"})])
    explained = explained_of(model, replace(results, predictions=with_open))
    assert gather(model, results, catalogue, explained=explained).results is results


def test_data_that_cannot_be_split_by_image_are_reported(model, drawn_catalogue, tmp_path):
    """A table that names the parts may have fewer images of a class than a split of our own needs."""
    table = drawn_catalogue.table
    parts = split_catalogue(drawn_catalogue).parts
    few = table.index.isin(table[table["dx"] == "df"].index[:-2])
    named = dict(zip(table["image_id"], parts, strict=True))
    catalogue = replace(drawn_catalogue, table=table.assign(dx=table["dx"].mask(few, "unknown")), parts=named)
    with pytest.raises(DataFault, match="too few to split"):
        split_catalogue(catalogue, "image")
    write_evaluation(evaluate(model, catalogue, "test", replicates=2), tmp_path)
    card = model_card(gather(model, read_results(tmp_path), catalogue))
    assert "split by lesion;" in card
    assert "Split by image, as in the paper," not in card
    assert "| by image |" not in card


def test_results_of_other_pictures_under_the_same_names_are_refused(model, results, by_image, drawn_catalogue):
    table = drawn_catalogue.table
    swapped = replace(drawn_catalogue, table=table.assign(image_path=table["image_path"].iloc[::-1].to_numpy()))
    blind = told(results, identity=None)  # as of an older version: names and diagnoses are all that it has
    assert gather(model, blind, swapped)
    left_out = told(results, left_out=["elsewhere"])
    for given in (
        {"results": results},
        {"by_image": by_image},
        {"explained": explained_of(model, results, identity=results.about["identity"])},
        {"sources": results},
        {"left_out": [left_out]},
    ):
        with pytest.raises(DataFault, match=r"has other pictures under the names of the .* give --data the data set"):
            gather(model, **{"results": blind, "catalogue": swapped, **given})


def test_results_of_sources_with_other_names_are_refused(model, results, drawn_catalogue):
    table = drawn_catalogue.table

    def named(*names):
        turns = np.resize(names, len(table))
        return replace(drawn_catalogue, table=table.assign(source=turns, dataset=turns))

    one, other = named("a", "b"), named("b", "a")
    measured = one.table.set_index("image_id").loc[results.predictions["image_id"]].reset_index()
    own = told(results, identity=results.about["identity"] | {"sources": sources_sha256(measured)})
    older = told(results, identity={k: v for k, v in results.about["identity"].items() if k != "sources"})
    assert _check_data(own, own.predictions, one) is None
    assert _check_data(older, older.predictions, other) is None
    assert _check_shared_data(own, one) is None
    for check in (partial(_check_data, own, own.predictions), partial(_check_shared_data, own)):
        with pytest.raises(DataFault, match=r"are of other sources, by whose names .* give --data the data set that"):
            check(other)


def test_sources_that_the_data_set_does_not_hold_are_taken_and_others_must_be_its_own(model, results, drawn_catalogue):
    elsewhere = replace(results, predictions=results.predictions.assign(image_id="X" + results.predictions["image_id"]))
    sources = told(elsewhere, sources={"elsewhere": len(results.predictions)})
    left_out = told(sources, left_out=["elsewhere"])
    facts = gather(model, results, drawn_catalogue, sources=sources, left_out=[left_out])
    assert facts.sources is sources
    assert facts.left_out == (left_out,)
    source = drawn_catalogue.table["source"].iloc[0]
    with pytest.raises(DataFault, match=f"images of the source {source}, of which .* holds 0: give --data the data"):
        gather(model, results, drawn_catalogue, sources=elsewhere)
    dx = np.where(results.predictions["dx_true"] == "nv", "mel", "nv")
    corrected = replace(results, predictions=results.predictions.assign(dx_true=dx))
    with pytest.raises(DataFault, match="have another diagnosis in this data set"):
        gather(model, results, drawn_catalogue, sources=corrected)


@pytest.mark.parametrize("role", ["results", "by_image", "explained", "sources", "left_out"])
def test_what_its_weights_know_is_refused(model, results, by_image, drawn_catalogue, role):
    known = {"known_images": 3}
    given = {
        "results": told(results, **known),
        "by_image": told(by_image, **known),
        "explained": explained_of(model, results, **known),
        "sources": told(results, **known),
        "left_out": [told(results, left_out=["elsewhere"], **known)],
    }
    with pytest.raises(
        DataFault, match="too good, because the weights learned from, or were calibrated on, 3 of these images"
    ):
        gather(model, **{"results": results, "catalogue": drawn_catalogue, role: given[role]})


def test_sources_of_another_split_part_or_answer_are_refused(model, results, drawn_catalogue):
    by_image = told(results, split_by="image", split="by image, as in the paper: it leaks", trained_on_split_by=None)
    for one, sentence in (
        (by_image, "are of the test part, split by image, as in the paper: for --sources measure these weights"),
        (told(results, part="validation"), "are of the validation part, split by lesion: for --sources measure"),
        (told(results, sha256="ffff"), r"are of the weights tiny \(ffff\), not of tiny"),
        (told(results, left_out=["elsewhere"]), "have the source elsewhere left out: for --sources measure"),
        (told(results, views=8), "are of the mean over 8 views, and a report tells of one: measure anew"),
    ):
        with pytest.raises(DataFault, match=sentence):
            gather(model, results, drawn_catalogue, sources=one)
    with pytest.raises(DataFault, match="are of the validation part, split by lesion: train with `derm train --leave"):
        gather(model, results, drawn_catalogue, left_out=[told(results, left_out=["x"], part="validation")])


@pytest.mark.parametrize("field", ["temperature", "referral_threshold"])
def test_results_from_before_the_weights_were_calibrated_anew_are_refused(model, results, drawn_catalogue, field):
    anew = replace(model, description=replace(model.description, **{field: 0.75}))
    with pytest.raises(DataFault, match=f"are of tiny with the {field.replace('_', ' ')} .*, which is 0.75 now: meas"):
        gather(anew, results, drawn_catalogue)


def test_results_from_before_sets_alone_were_calibrated_anew_are_refused(model, results, drawn_catalogue):
    assert results.about["calibration"] == calibration_of(model.description)
    anew = replace(model, description=replace(model.description, conformal_thresholds=(0.5,) * 7))
    with pytest.raises(DataFault, match=r"are of tiny with the calibration \w{8}, which is \w{8} now: measure anew"):
        gather(anew, results, drawn_catalogue)


def test_sources_too_small_for_a_row_are_said_to_be(facts, results):
    small = replace(results, metrics={**results.metrics, "by_source": {}})
    without = told(small, left_out=["elsewhere"], split="by lesion, elsewhere left out")
    card = model_card(replace(facts, results=small))
    assert "No source has the 20 lesions that a row needs: test parts, by source." in card
    card = model_card(replace(facts, left_out=(without,)))
    assert "No source has the 20 lesions that a row needs: tiny: by lesion, elsewhere left out." in card


def explained_of(model, results, **about) -> ExplainResults:
    """Explanations of one method, by hand, of the images of `results`."""
    figures = {
        "true_iou_area": {"mean": 0.25, "interval": [0.2, 0.3], "skill": -0.125, "skill_interval": None},
        "true_inside": {"mean": 0.5, "interval": [0.4, 0.6], "skill": 0.25, "skill_interval": None},
        "deletion": {"mean": 0.125, "interval": None},
    }
    of_blob = {"true_iou_area": {"mean": 0.375, "interval": None}}
    method = {
        name: {"all": {"all": {"images": 3, "flat": 0, "figures": found}}}
        for name, found in (("grad-cam", figures), (CENTRE_PRIOR, of_blob))
    }
    summary = {
        "agreement": {"predicted": method},
        "sample": {"predicted": method},
        "right_or_wrong": {
            "grad-cam": {
                "true_inside": {"auc": 0.625, "interval": [0.5, 0.75]},
                "true_iou_area": {"auc": 0.4375, "interval": None},
            },
            "probability": {"probability": {"auc": 0.75, "interval": None}},
        },
    }
    given = {"weights": "tiny", "sha256": model.sha256, "part": "test", "split": "by lesion", "split_by": "lesion"} | {
        "trained_on_split_by": None
    }
    sample = pd.DataFrame({"image_id": ["a", "b", "b"], "random_stem_structure": [0.1, 0.2, 0.3]})
    images = results.predictions[["image_id", "dx_true"]]
    return ExplainResults(results.folder, given | about, summary, images, sample)


def test_agreement_that_is_built_in_is_said_to_be(model, results, drawn_catalogue):
    facts = gather(model, results, drawn_catalogue)
    assert BUILT_IN not in model_card(facts)
    config = replace(model.description.model, pooling="whole+lesion")
    inside = replace(model, description=replace(model.description, model=config))
    card = model_card(replace(facts, model=inside))
    assert BUILT_IN in card
    assert "pooled over the picture and inside the outline" in card
    config = replace(model.description.model, head="pixel", whole_share=0.4)
    cells = replace(model, description=replace(model.description, model=config))
    card = model_card(replace(facts, model=cells))
    assert BUILT_IN in card
    assert (
        "evidence at each cell of 8 pixels: 40% of the weight is spread over the picture, the rest by the outl" in card
    )


def test_what_explanations_are_worth_stands_in_the_card(model, results, drawn_catalogue):
    facts = gather(model, results, drawn_catalogue, explained=explained_of(model, results))
    card = model_card(facts)
    assert "| Grad-CAM | 0.250 (0.200 – 0.300) | – | 0.500 (0.400 – 0.600) | – | – | -0.12 |" in card
    assert "on a sample of 2 test images" in card
    assert "| Grad-CAM | 0.125 | – | – | – | – | – |" in card
    assert "| Grad-CAM | 0.625 (0.500 – 0.750) | 0.438 |" in card
    assert "it agrees less than the centre prior: area under IoU 0.25 against 0.38. It tells right predictions" in card
    assert "with an AUC of 0.44, where a coin has 0.50." in card
    assert "| Probability of the likeliest class | 0.750 |  |" in card
    without = model_card(gather(model, results, drawn_catalogue))
    assert "were not measured: `derm explain` does" in without


@pytest.mark.parametrize(
    ("own", "prior", "told"),
    [
        (0.524, 0.516, "by 0.52, as much as the centre prior."),
        (0.524, 0.514, "by 0.52, more than the centre prior (0.51)."),
        (0.516, 0.524, "by 0.52, as much as the centre prior."),
        (0.514, 0.524, "by 0.51, less than the centre prior (0.52)."),
    ],
)
def test_what_reads_alike_is_not_called_more_or_less(model, results, drawn_catalogue, own, prior, told):
    metrics = copy.deepcopy(results.metrics)
    held = metrics["explanation"]["true_mask"]
    held["likeliest_class"]["iou"], held["centred_blob"]["iou"] = own, prior
    facts = replace(gather(model, results, drawn_catalogue), results=replace(results, metrics=metrics))
    (said,) = [section for section in sections(facts) if section.holds == "explanations"]
    assert any(paragraph.endswith(told) for paragraph in said.paragraphs)


def test_explanations_of_other_weights_or_another_part_are_refused(model, results, drawn_catalogue):
    with pytest.raises(DataFault, match=r"are of the weights tiny \(ffff\), not of tiny .* with `derm explain`"):
        gather(model, results, drawn_catalogue, explained=explained_of(model, results, sha256="ffff"))
    with pytest.raises(DataFault, match="are of the validation part, split by lesion: a report needs the test part"):
        gather(model, results, drawn_catalogue, explained=explained_of(model, results, part="validation"))
    fewer = replace(results, predictions=results.predictions.iloc[1:])
    with pytest.raises(DataFault, match=r"explanations in .* are of another test part .* with `derm explain"):
        gather(model, results, drawn_catalogue, explained=explained_of(model, fewer, methods=[]))


def test_every_text_of_the_card_comes_from_a_catalogue(facts):
    with speaking(BRACKETED):
        card = model_card(facts)
    about = facts.model.description
    own = (facts.model.name, about.licence, about.model.encoder, facts.model.sha256[:16], *OWN)
    assert unsaid(card, own) == []


OWN = (
    *(
        "metrics.json",
        "subgroups.csv",
        "summary.json",
        "Brier",
        "derm_synthetic",
        "--by-image results/by-image",
        "shared",
    ),
    *("female", "male", "back", "chest", "lower extremity", "upper extremity", "scalp", "unknown"),
)
"""Files, commands, names (of the design, too), and what stands so in the data set's own table."""


def test_the_page_speaks_german(facts):
    with speaking("de"):
        page = report_page(facts)
    assert '<html lang="de">' in page
    assert "Nur für Forschungszwecke, kein Medizinprodukt." in page
    assert "Zweck und Grenzen" in page


def test_pictures_of_outlines_are_taken_from_their_folder_alone(tmp_path):
    """A results folder of somebody else's: links, pipes and other files never reach the page."""
    folder = tmp_path / WORST
    folder.mkdir()
    (tmp_path / "secret.jpg").write_bytes(JPEG + b"elsewhere")
    (folder / "01-A-iou-0.12.jpg").write_bytes(JPEG + b"own")
    (folder / "02-B-iou-0.13.jpg").symlink_to(tmp_path / "secret.jpg")
    (folder / "03-C-iou-0.14.jpg").write_bytes(b"text")
    os.mkfifo(folder / "04-D-iou-0.15.jpg")
    (folder / "foreign.jpg").write_bytes(JPEG)
    (found,) = _worst(tmp_path)
    assert found["alt"] == "1. A, IoU 0.12"
    assert base64.b64decode(found["source"].partition(",")[2]) == JPEG + b"own"
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / WORST).symlink_to(folder)
    assert _worst(tmp_path / "other") == []


def test_the_card_of_another_data_set_says_nothing_of_ham10000(facts, drawn_catalogue):
    card = model_card(facts)
    table = drawn_catalogue.table
    about = facts.results.about
    measured = f"The model was measured on {about['images']} images of {about['lesions']} lesions from "
    assert f"{measured}drawn lesions; what it was trained on is not recorded." in card
    assert "fair skin" not in card
    leak = f"{100 * facts.leaks['image'].share:.0f}% of the test images would show a lesion that is also in training"
    assert f"{len(table)} images of {table['lesion_id'].nunique()} lesions from drawn lesions, " in card
    assert leak in card
    for only in (
        "10,015 dermoscopic images",
        "has been looked at",
        "400 × 300",
        "Lesions of HAM10000",
        "The paper splits",
    ):
        assert only not in card
    whole = replace(facts.model.description, training={"data": {"images": 10_015}})  # from before sources were recorded
    card = model_card(replace(facts, model=replace(facts.model, description=whole)))
    assert f"{measured}drawn lesions; it was trained on HAM10000." in card
    assert "HAM10000 shows mostly fair skin" in card
    own = replace(facts.model.description, training={"data": {"sources": {"derm_synthetic": {}}}})
    card = model_card(replace(facts, model=replace(facts.model, description=own)))
    assert f"{measured}the data set that it was trained on." in card
    assert "fair skin" not in card


def test_the_card_tells_what_is_published_of_ham10000_alone(facts, drawn_catalogue):
    rows = np.arange(10_015) % len(drawn_catalogue.table)
    table = drawn_catalogue.table.iloc[rows].reset_index(drop=True).assign(source="ham10000")
    card = model_card(replace(facts, catalogue=replace(drawn_catalogue, table=table)))
    assert "10,015 dermoscopic images of 7,470 lesions" in card
    assert "Lesions of HAM10000 lie in the middle" in card


def test_images_without_one_of_the_seven_diagnoses_are_in_no_total(facts, drawn_catalogue):
    opened = drawn_catalogue.table.assign(dx="unknown")
    whole = tables.data(replace(facts, catalogue=replace(drawn_catalogue, table=opened))).rows[-1]
    assert int(whole[-1].replace(",", "")) == sum(int(cell.replace(",", "")) for cell in whole[1:-1])
