"""Local calibration: what so many cases can justify, honesty by cross-validation, and files that nobody loses."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from typer.testing import CliRunner

from derm.cli.calibrate import _warn_of_known
from derm.cli.main import app
from derm.data.catalogue import read_catalogue
from derm.data.learned import record_looks
from derm.data.looks import looks_of
from derm.data.split import split_own
from derm.diagnoses import CODES, HAM10000_IMAGES, INDEX, MALIGNANT
from derm.errors import ConfigFault, DataFault
from derm.evaluate.local import (
    FEWEST,
    OwnCases,
    _spread,
    ask_own_cases,
    best_specificity,
    calibrate_locally,
    cross_validate,
    find_held_mix,
    learning_curve,
)
from derm.evaluate.weak import weaknesses
from derm.metrics.calibration import fit_temperature, softmax
from derm.metrics.prior import change_share, malignant_share, practice_mix
from derm.model.config import ModelConfig
from derm.model.weights import Model, WeightsInfo, copy_weights, load_weights, ship_weights

HOME = tuple(HAM10000_IMAGES[code] / 10_015 for code in CODES)


def own_cases(count: int, malignant: float = 0.2, seed: int = 0, images: int = 1) -> OwnCases:
    """Melanomas and nevi with honest scores: log odds normal around ± 1 with variance 2, so calibrated at equal shares.

    images: of each lesion, all alike.
    """
    random = np.random.default_rng(seed)
    ill = np.arange(count) < round(malignant * count)
    odds = np.where(ill, 1.0, -1.0) + np.sqrt(2) * random.normal(size=count)
    logits = np.full((count, len(CODES)), -12.0)
    logits[:, INDEX["mel"]], logits[:, INDEX["nv"]] = odds, 0.0
    true = np.where(ill, INDEX["mel"], INDEX["nv"]).astype(np.int64)
    names = np.array([f"lesion {number}" for number in range(count)])
    return OwnCases(np.repeat(logits, images, axis=0), np.repeat(true, images), np.repeat(names, images))


def named(model: Model, **described) -> Model:
    described = {"referral_threshold": 0.5, "conformal_thresholds": (0.1,) * 7, "mix": HOME} | described
    return replace(model, description=replace(model.description, **described))


def test_all_cases_are_used_and_the_description_says_so(tiny_model):
    cases = own_cases(200)
    found = calibrate_locally(named(tiny_model), cases, "clinic")
    assert found.temperature == fit_temperature(cases.logits, cases.true)
    sums = np.sort(softmax(cases.logits, found.temperature)[cases.malignant][:, np.array(MALIGNANT)].sum(axis=1))
    # 40 malignant lesions: of 41 places 5 % are 2.05, so that two may lie below: the second lowest is the threshold.
    assert found.referral_threshold == pytest.approx(sums[1])
    record = found.record
    assert record["referral"]["promise"] == "average"
    assert record["referral"]["expected"] == pytest.approx(1 - 2 / 41)
    assert (record["local"]["images"], record["local"]["lesions_of"]["mel"]) == (200, 40)
    assert (record["local"]["temperature_before"], record["local"]["referral_threshold_before"]) == (1.0, 0.5)
    described = found.describe(named(tiny_model, measured={"test": {}}).description)
    assert described.measured == {"calibration": record}
    json.dumps(record, allow_nan=False)


def at_share(cases: OwnCases, share: float) -> OwnCases:
    """The same cases with scores that hold where `share` is malignant."""
    shift = np.where(MALIGNANT, np.log(share / (1 - share)), 0.0)
    return replace(cases, logits=cases.logits + shift)


def test_the_mix_takes_the_share_that_the_sums_agree_with(tiny_model):
    found = calibrate_locally(named(tiny_model), at_share(own_cases(100, malignant=0.3), 0.3), "clinic")
    assert found.mix == pytest.approx(tuple(practice_mix(HOME, 0.3)))
    assert malignant_share(found.mix) == pytest.approx(0.3)
    assert found.mix[INDEX["bcc"]] > HOME[INDEX["bcc"]]
    unknown = calibrate_locally(named(tiny_model, mix=None), own_cases(100, malignant=0.3), "clinic")
    assert unknown.mix[INDEX["mel"]] == pytest.approx(0.3)


def test_cases_that_were_picked_do_not_become_everybodys_share(tiny_model):
    # Scores that hold at home, where a fifth is malignant; the cases are those that were cut out.
    home = malignant_share(HOME)
    picked = at_share(own_cases(400, malignant=0.8), home)
    found = calibrate_locally(named(tiny_model), picked, "clinic")
    assert found.mix == pytest.approx(HOME)
    assert found.record["mix"]["malignant_share"] == pytest.approx(home)
    # As they came they are right at a twentieth malignant, too: what the cases say would have been 16 times less.
    new = at_share(own_cases(20_000, malignant=0.05, seed=5), home)
    sums = change_share(new.sums(found.temperature), malignant_share(found.mix), 0.05)
    assert sums.mean() == pytest.approx(0.05, abs=0.02)
    assert weaknesses(found.referral_threshold, found.conformal_thresholds, found.record) == []


def test_sums_that_agree_with_no_share_are_named(tiny_model):
    found = calibrate_locally(named(tiny_model), at_share(own_cases(400, malignant=0.5), 0.01), "clinic")
    (told,) = weaknesses(found.referral_threshold, found.conformal_thresholds, found.record)
    assert "where 50% are malignant: it is not known for which share" in told


def test_classes_with_too_few_lesions_keep_their_conformal_threshold_or_a_lower_one(tiny_model):
    cases = own_cases(100)
    model = named(tiny_model, temperature=2.0)
    found = calibrate_locally(model, cases, "clinic")
    own = [code for code, flag in found.record["conformal_own"].items() if flag]
    assert own == ["mel", "nv"]
    # 0.1 at T 2 is odds of 1 : 9; sharpened to T' they become (1 / 9)^(2 / T').
    odds = (1 / 9) ** (2 / found.temperature)
    assert found.conformal_thresholds[INDEX["bcc"]] == pytest.approx(min(0.1, odds / (1 + odds)))
    softer = calibrate_locally(named(tiny_model, temperature=0.2), cases, "clinic")
    assert softer.conformal_thresholds[INDEX["bcc"]] == pytest.approx(0.1)
    assert calibrate_locally(named(tiny_model, conformal_thresholds=None), cases, "clinic").conformal_thresholds[0] == 0


def test_cross_validation_judges_no_case_by_itself():
    # Two pictures of each lesion, alike: were they torn, a lesion would judge itself.
    cases = own_cases(150, images=2)
    crossed = cross_validate(cases, find_held_mix(cases, None))
    assert crossed.rates.sensitivity.cases == 30
    assert crossed.rates.specificity.cases == 120
    np.testing.assert_allclose(crossed.probabilities[::2], crossed.probabilities[1::2])
    # It is no more than what the cases themselves tell, and its interval holds the expected sensitivity.
    assert crossed.rates.sensitivity.low < 1 - 1 / 31 < crossed.rates.sensitivity.high


@pytest.mark.slow
def test_the_cross_validated_sensitivity_is_true_of_new_cases(tiny_model):
    told, true = [], []
    new = own_cases(20_000, seed=99)
    for seed in range(40):
        found = calibrate_locally(named(tiny_model), own_cases(200, seed=seed), "clinic")
        told.append(found.record["cross_validated"]["sensitivity"]["value"])
        true.append(new.rates(new.sums(found.temperature), found.referral_threshold).sensitivity.value)
    assert np.mean(told) == pytest.approx(np.mean(true), abs=0.015)
    assert np.mean(true) == pytest.approx(1 - 2 / 41, abs=0.01)


def test_too_few_malignant_lesions_are_refused(tiny_model):
    few = own_cases(40, malignant=(FEWEST - 1) / 40)
    with pytest.raises(DataFault, match="clinic has 8 malignant and 32 benign lesions with a diagnosis, and at l"):
        calibrate_locally(named(tiny_model), few, "clinic")
    # Nine pictures of one lesion are one lesion.
    one = OwnCases(few.logits, few.true, np.where(few.malignant, "one", few.lesions))
    with pytest.raises(DataFault, match="clinic has 1 malignant"):
        calibrate_locally(named(tiny_model), one, "clinic")


@pytest.mark.parametrize("codes", [("nv",), ("mel", "nv")])
def test_a_curve_of_too_few_lesions_is_refused_before_the_model_is_asked(
    codes, tiny_weights, drawn, tmp_path, monkeypatch
):
    monkeypatch.setattr("derm.evaluate.local._logits", None)
    table = read_catalogue(drawn).table
    rows = pd.concat([table[table["dx"] == code].head(1 if code == "mel" else 12) for code in codes])
    few = replace(read_catalogue(drawn), table=rows.reset_index(drop=True))
    monkeypatch.setattr("derm.cli.calibrate.read_known", lambda _: few)
    for way in ("--curve", "--keep-weights"):
        words = ["calibrate", "--data", str(drawn), "--weights", str(tiny_weights), way]
        words += [] if way == "--curve" else ["--out", str(tmp_path / "own.json")]
        with pytest.raises(
            DataFault, match=rf"has {len(codes) - 1} malignant and \d+ benign lesions .* are needed: add"
        ):
            CliRunner().invoke(app, words, catch_exceptions=False)


def test_a_draw_that_leaves_no_malignant_lesion_tells_no_sensitivity():
    """Nine malignant lesions of twelve: of draws of nine some hold all, and the rest are measured all the same."""
    description = WeightsInfo(ModelConfig(), referral_threshold=0.5, mix=HOME)
    untouched, some = learning_curve(own_cases(12, malignant=0.75), description, (9,), draws=200)
    assert untouched.images == 0
    assert all(0 <= value <= 1 for value in (*some.sensitivity, *some.specificity, some.reached))
    ends = _spread(pd.Series([1.0, np.nan, 0.5, 0.0]))
    assert ends == pytest.approx((0.5, 0.025, 0.975))


def test_where_all_are_malignant_benign_ones_are_asked_for(tiny_model):
    with pytest.raises(DataFault, match="has 45 malignant and 1 benign lesions"):
        calibrate_locally(named(tiny_model), own_cases(46, malignant=45 / 46), "clinic")
    with pytest.raises(DataFault, match="has 28 malignant and 0 benign lesions with a diagnosis, and at"):
        calibrate_locally(named(tiny_model), own_cases(28, malignant=1), "clinic")


@pytest.mark.slow
def test_more_cases_buy_more():
    cases = own_cases(3000)
    # Honest scores spoilt as in another clinic: half as strong, and a threshold of elsewhere.
    spoilt = OwnCases(cases.logits / 2, cases.true, cases.lesions)
    description = WeightsInfo(ModelConfig(), referral_threshold=0.5, mix=HOME)
    points = learning_curve(spoilt, description, (40, 100, 400), draws=40)
    assert [one.images for one in points] == [0, 40, 100, 400]
    untouched, least, some, most = points
    assert untouched.sensitivity[0] == pytest.approx(spoilt.rates(spoilt.sums(1.0), 0.5).sensitivity.value)
    assert 0 < least.refused < 1
    assert some.refused == most.refused == 0
    assert untouched.sensitivity[0] < least.sensitivity[0] < some.sensitivity[0]
    assert some.sensitivity[0] == pytest.approx(0.95, abs=0.02)
    assert most.sensitivity[0] > 0.95
    assert most.reached > some.reached
    # No size is measured on fewer than a fifth of the cases.
    assert len(learning_curve(spoilt, description, (40, 2900), draws=2)) == 2
    with pytest.raises(DataFault, match="no referral threshold to compare with"):
        learning_curve(spoilt, replace(description, referral_threshold=None), (40,))


def test_what_no_calibration_can_pass():
    cases = own_cases(1000)
    best = best_specificity(cases, 1.0)
    sums = cases.sums(1.0)
    cut = np.sort(sums[cases.malignant])[10]  # of 200, ten may be missed
    assert best == pytest.approx((sums[~cases.malignant] < cut).mean())


@pytest.mark.slow
def test_every_part_is_asked_and_lesions_are_kept_together(tiny_model, drawn_catalogue):
    cases = ask_own_cases(tiny_model, drawn_catalogue)
    assert len(cases.true) == len(drawn_catalogue.table)
    nameless = replace(drawn_catalogue, table=drawn_catalogue.table.assign(lesion_id=""))
    assert len(np.unique(ask_own_cases(tiny_model, nameless).lesions)) == len(nameless.table)
    with pytest.raises(DataFault, match="has no image with one of the diagnoses"):
        ask_own_cases(tiny_model, replace(drawn_catalogue, table=drawn_catalogue.table.assign(dx="unknown")))


def copies_of(picture, folder, diagnoses, quality=None):
    """A data set of one picture under several names, of its very bytes or saved again."""
    (folder / "images").mkdir(parents=True)
    for number in range(len(diagnoses)):
        copied = folder / "images" / f"copy{number}.jpg"
        if quality is None or not number:
            shutil.copy(picture, copied)
        else:
            Image.open(picture).convert("RGB").save(copied, quality=quality)
    rows = [f"copy{number}.jpg,{dx}" for number, dx in enumerate(diagnoses)]
    (folder / "derm.csv").write_text("\n".join(["image,diagnosis", *rows]) + "\n")
    return read_catalogue(folder)


@pytest.mark.parametrize("quality", [None, 40])
def test_copies_of_one_photograph_are_one_case(tiny_model, drawn_catalogue, tmp_path, quality):
    picture = drawn_catalogue.table["image_path"].iloc[0]
    cases = ask_own_cases(tiny_model, copies_of(picture, tmp_path / "alike", ["mel"] * 3, quality))
    assert len(cases.true) == len(set(cases.lesions)) == 1
    with pytest.raises(
        DataFault, match=r"copy0 \(mel\) and copy1 \(nv\) are one photograph with two diagnoses, and so"
    ):
        ask_own_cases(tiny_model, copies_of(picture, tmp_path / "unlike", ["mel", "nv", "bcc"], quality))


def test_lesions_that_share_a_photograph_are_one(tiny_model, drawn_catalogue):
    table = drawn_catalogue.table[drawn_catalogue.table["dx"] == "nv"].iloc[:3].reset_index(drop=True)
    table = table.assign(lesion_id=["a", "b", "b"])
    assert len(set(ask_own_cases(tiny_model, replace(drawn_catalogue, table=table)).lesions)) == 2
    table.loc[1, "image_path"] = table.loc[0, "image_path"]
    cases = ask_own_cases(tiny_model, replace(drawn_catalogue, table=table))
    assert (len(cases.true), len(set(cases.lesions))) == (2, 1)


def record_rows_of(catalogue, rows):
    """What a description tells of these images."""
    table = catalogue.table.iloc[rows]
    looks = looks_of([Path(path) for path in table["image_path"]])
    return record_looks(looks, table, split_own(catalogue).together.iloc[rows])


def test_cases_that_the_weights_learned_from_are_told(tiny_model, drawn_catalogue, capsys):
    _warn_of_known(tiny_model, drawn_catalogue)
    assert capsys.readouterr().out == ""
    known = replace(drawn_catalogue, table=drawn_catalogue.table.assign(source="ham10000"))
    _warn_of_known(tiny_model, known)
    assert "THESE NUMBERS ARE TOO GOOD: the weights learned from images of ham10000" in capsys.readouterr().out
    # Pictures that are known under another source's name count, too, beside those whose source is known.
    split = split_own(drawn_catalogue)
    rows = split.rows("train")
    learned = record_rows_of(drawn_catalogue, rows)
    training = {"data": {"sources": {"ham10000": {"ham10000": 9}}, "learned": learned}}
    model = replace(tiny_model, description=replace(tiny_model.description, training=training))
    mixed = drawn_catalogue.table.assign(source="clinic")
    mixed.loc[mixed.index[rows[:2]], "source"] = "ham10000"
    assert _warn_of_known(model, replace(drawn_catalogue, table=mixed)) == len(rows)


@pytest.fixture
def copied(tiny_weights, tmp_path):
    """A pair of weights of its own."""
    ship_weights(tiny_weights, tmp_path / "here.json", half=False)
    return tmp_path / "here.json"


@pytest.mark.slow
def test_a_new_description_of_the_same_tensors(copied, tmp_path, drawn, monkeypatch):
    # Whether drawn cases are calibrated better than before is chance; tests/evaluate/test_weak.py has what is weak.
    monkeypatch.setattr("derm.evaluate.weak.weaknesses", lambda *found: ["The error became larger."])
    before = copied.read_bytes()
    target = tmp_path / "new" / "clinic.json"
    words = ["calibrate", "--data", str(drawn), "--weights", str(copied), "--keep-weights", "--out", str(target)]
    told = CliRunner().invoke(app, words)
    assert told.exit_code == 3, told.output  # written, and said to be weak
    assert "NOT WORTH USING: The error became larger." in told.stdout
    for part in ("Local calibration on all 63 images", "cross-validated", "as before: too few cases", "DERM_WEIGHTS"):
        assert part in " ".join(told.stdout.split())
    assert copied.read_bytes() == before
    model = load_weights(target)
    assert model.sha256 == load_weights(copied).sha256
    assert model.description.measured["calibration"]["local"]["images"] == 63
    assert model.description.mix is not None


@pytest.mark.slow
def test_nothing_is_written_over_in_silence(copied, drawn, tmp_path, monkeypatch):
    def refused(*more: str) -> str:
        told = CliRunner().invoke(app, ["calibrate", "--data", str(drawn), *more])
        assert isinstance(told.exception, ConfigFault)
        return str(told.exception)

    assert "Where shall the new description go?" in refused("--weights", str(copied), "--keep-weights")
    monkeypatch.setattr("derm.model.weights.default_weights", lambda: copied)
    for named_so in ((), ("--weights", str(copied)), ("--weights", str(copied.with_suffix(".safetensors")))):
        assert refused(*named_so).startswith("This would rewrite the shipped here.json: name a new description with")
    assert "would replace the weights that are calibrated" in refused("--keep-weights", "--out", str(copied))
    assert "--sources 'other' is unknown" in refused("--sources", "other")
    with pytest.raises(ConfigFault, match=r"give one that ends in .json"):
        copy_weights(copied, tmp_path / "clinic", load_weights(copied).description)


@pytest.mark.slow
def test_the_curve_writes_nothing(copied, drawn, monkeypatch):
    monkeypatch.setattr("derm.evaluate.local.DRAWS", 3)
    words = ["--data", str(drawn), "--weights", str(copied)]
    told = CliRunner().invoke(app, ["calibrate", *words])
    assert told.exit_code == 3, told.output  # written, and said to be weak
    before = copied.read_bytes()
    told = CliRunner().invoke(app, ["calibrate", *words, "--curve"])
    assert told.exit_code == 0, told.output
    lines = told.stdout.splitlines()
    assert [line.split("|")[1].strip() for line in lines[:4]] == ["cases", "---", "untouched", "50"]
    assert copied.read_bytes() == before
