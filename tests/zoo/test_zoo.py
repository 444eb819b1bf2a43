"""The zoo from its names to its table: what is known of systems, a run that is stopped and gone on with, the page."""

import json
import shutil
import signal
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from derm.cli.main import app
from derm.concepts import cme
from derm.concepts.discovered import discovering
from derm.data.catalogue import read_catalogue
from derm.data.split import split_catalogue
from derm.errors import ConfigFault, DataFault
from derm.files import sha256
from derm.metrics.classification import accuracy, confusion_matrix, most_likely
from derm.model.config import ModelConfig
from derm.model.description import SEAL
from derm.model.systems import classifiers
from derm.model.systems.builders import BUILDERS
from derm.model.weights import load_weights
from derm.structures.table import KEYS
from derm.zoo import explained, run, systems, view, words
from derm.zoo.compared import SystemComparison, compare_systems, measure, read_comparison
from derm.zoo.cost import count
from derm.zoo.document import _concept_cells, document
from derm.zoo.kelm import ROUNDS as MOST_ROUNDS
from derm.zoo.kernel_machine import HELD_OUT, hold_out
from derm.zoo.protocol import BUDGETS, find_budget, start_label, train_config
from derm.zoo.protocol_words import BUDGETS as TOLD
from derm.zoo.results import SystemAnswers, in_order, read_answers
from derm.zoo.systems import OURS, SYSTEMS, System, find_systems

TINY = replace(BUDGETS["proxy"], size=32, epochs=1, batch=6, share=1.0, explained=2)
PAIR = (OURS, "residual-skin-net")


def kill_at(write, monkeypatch):
    """Let the writes of a result end with that one, counted from 0, which is not done."""
    done = iter(range(write))

    def counted(real):
        def writing(path, content):
            if next(done, None) is None:
                raise KeyboardInterrupt
            real(path, content)

        return writing

    for name in ("write_text", "write_json"):
        monkeypatch.setattr(run, name, counted(getattr(run, name)))


class Small(System):
    """Ours, with a tiny encoder."""

    def model(self, size):
        if self.design is None:
            return super().model(size)
        return ModelConfig(
            encoder="test_efficientnet", feature_channels=32, decoder_channels=(8, 8, 8), input_size=size
        )


def order_of(name, out, **more):
    known = {key: getattr(SYSTEMS[name], key) for key in SYSTEMS[name].__dataclass_fields__}
    return run.SystemOrder(Small(**known), TINY, "lesion", "random", out, workers=0, **more)


@pytest.fixture(scope="module")
def done(drawn_catalogue, cache, tmp_path_factory):
    """The results of two tiny systems, one of which was stopped in between."""
    out = tmp_path_factory.mktemp("zoo")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            run, "measure_cost", lambda *_: {"parameters": 1.0, "gflop": 2.0, "milliseconds": 3.0, "ratio": 0.5}
        )
        stops = iter([False, False, True])
        assert not run.carry_out(order_of(OURS, out), drawn_catalogue, cache, stop=lambda: next(stops))
        assert not run.is_done(order_of(OURS, out))
        assert read_answers(order_of(OURS, out).place) is None
        told = []
        for name in PAIR:
            order = order_of(name, out)
            assert run.carry_out(order, drawn_catalogue, cache, tell=lambda *what: told.append(what))
            assert run.is_done(order)
    # It went on with its fourth step, not from the beginning.
    assert next(done for stage, done, _ in told if stage == "training") == 4
    return out


def test_every_system_of_the_issue_is_there_with_all_that_is_known():
    assert set(SYSTEMS) - {"shared", "dual"} == set(BUILDERS)
    for system in SYSTEMS.values():
        assert system.source
        assert system.claims
        assert system.unknown
        assert system.decided


def test_a_name_that_is_not_there_is_answered_with_one_near_it():
    assert [one.name for one in find_systems(["unet", "alexnet", "unet"])] == ["unet", "alexnet"]
    assert len(find_systems(["all"])) == len(SYSTEMS)
    with pytest.raises(ConfigFault, match="There is no system 'resnet50': use one of its names, such as resnet-50"):
        find_systems(["resnet50"])
    with pytest.raises(ConfigFault, match="There is no budget 'big'"):
        find_budget("big")
    assert TOLD.keys() == BUDGETS.keys()


def test_a_file_to_start_from_is_not_taken_for_another_start():
    labels = [start_label(start) for start in ("random", "timm", "a/random.safetensors", "imagenet.safetensors")]
    assert labels == ["random", "imagenet", "file-random", "file-imagenet"]


@pytest.mark.parametrize("name", SYSTEMS)
def test_one_protocol_for_all(name):
    config = train_config(SYSTEMS[name], BUDGETS["proxy"], "lesion", "random")
    ours = train_config(SYSTEMS[OURS], BUDGETS["proxy"], "lesion", "random")
    own = ("model", "mask_weight", "class_weight", "best_by", "learning_rate")
    assert replace(config, **{key: getattr(ours, key) for key in own}) == ours
    assert (config.class_weight > 0) == SYSTEMS[name].names
    assert (config.mask_weight > 0) == SYSTEMS[name].draws


def test_a_result_holds_the_test_part_and_no_checkpoint(done, drawn_catalogue):
    order = order_of(PAIR[1], done)
    answered = read_answers(order.place)
    split = split_catalogue(drawn_catalogue, "lesion")
    assert set(answered.images) == set(drawn_catalogue.table["image_id"].iloc[split.rows("test")])
    assert not (order.place / "run" / "last.safetensors").exists()
    assert answered.about["trained_images"] == len(split.rows("train"))


def test_what_is_done_is_left_as_it_is(done, drawn_catalogue, cache):
    order = order_of(OURS, done)
    before = {place: place.stat().st_mtime_ns for place in order.place.rglob("*") if place.is_file()}
    assert run.carry_out(order, drawn_catalogue, cache)
    assert before == {place: place.stat().st_mtime_ns for place in order.place.rglob("*") if place.is_file()}


def test_a_checkpoint_that_a_kill_left_is_removed(done, drawn_catalogue, cache, tmp_path):
    order = order_of(PAIR[1], tmp_path)
    shutil.copytree(order_of(PAIR[1], done).place, order.place)
    assert run.left_of([order], drawn_catalogue) == []
    left = order.place / "run" / "last.safetensors"
    left.write_bytes(b"hundreds of megabytes")
    assert run.left_of([order], drawn_catalogue) == [order]
    assert run.carry_out(order, drawn_catalogue, cache)
    assert not left.exists()
    assert run.left_of([order], drawn_catalogue) == []


@pytest.mark.parametrize(
    ("name", "change", "sentence"),
    [
        (
            OURS,
            {"batch": 4096},
            r"training and \d+ validation images, too few for the protocol's batches of 4096: use",
        ),
        ("unet", {}, r"has no masks of validation images, by which the epoch of unet is chosen: use a data set with"),
    ],
)
def test_data_that_the_protocol_cannot_be_trained_on_is_refused_in_its_own_words(
    drawn_catalogue, cache, tmp_path, monkeypatch, name, change, sentence
):
    monkeypatch.setattr(run, "measure_cost", lambda *_: {})
    order = replace(order_of(name, tmp_path), budget=replace(TINY, **change))
    bare = replace(drawn_catalogue, table=drawn_catalogue.table.assign(mask_path=""))
    with pytest.raises(DataFault, match=sentence):
        run.carry_out(order, bare, cache)


def test_a_run_under_another_protocol_is_not_gone_on_with(done, drawn_catalogue, cache):
    order = replace(order_of(OURS, done), budget=replace(TINY, epochs=2))
    with pytest.raises(
        ConfigFault, match=r"was begun under another .*: delete it, or name another folder with --results\."
    ):
        run._begun_with(order.place / "run", train_config(order.system, order.budget, "lesion", "random"))


def test_the_comparison_says_what_was_measured_and_what_was_not(done):
    found = compare_systems(done, "proxy", 32, lambda _: {"parameters": 9.0, "gflop": 9.0}, replicates=20)
    assert {row.system for row in found.rows} == set(SYSTEMS)
    assert {row.system for row in found.measured} == set(PAIR)
    assert set(found.not_run) == set(SYSTEMS) - set(PAIR)
    other = next(row for row in found.rows if row.system == PAIR[1])
    answered = read_answers(order_of(PAIR[1], done).place)
    figure = other.fair.figures["accuracy"]
    assert figure.value == pytest.approx(accuracy(confusion_matrix(answered.true, most_likely(answered.probabilities))))
    assert "dice" not in other.fair.figures  # it draws nothing
    assert figure.difference is not None
    assert other.cost == {"parameters": 1.0, "gflop": 2.0, "milliseconds": 3.0, "ratio": 0.5}
    assert SystemComparison.from_dict(json.loads(json.dumps(found.as_dict()))).as_dict() == json.loads(
        json.dumps(found.as_dict())
    ) | {"rows": found.as_dict()["rows"]}


def test_the_page_begins_with_what_may_be_concluded_and_names_what_was_not_run(done):
    found = compare_systems(done, "proxy", 32, lambda _: {"parameters": 9.0, "gflop": 9.0}, replicates=20)
    text = document(found)
    first = text.split("\n\n")[1]
    assert first.startswith("What may be concluded:")
    assert "What may not:" in first
    assert "2 of 22 systems" in first
    assert "Not trained and measured yet: Ours, dual" in text
    for system in SYSTEMS.values():
        assert system.label in text
        assert all(claim.figures in text for claim in system.claims)
    shown = view.rows(found, "dice")
    assert OURS in {name for name in SYSTEMS if SYSTEMS[name].label in set(shown["System"])}
    assert SYSTEMS["alexnet"].label not in set(shown["System"])
    told = view.claims(found, "dice").set_index("System")["Claimed, of other data"]
    assert set(told.index) == set(shown["System"])
    assert all(claim.figures in told[SYSTEMS["unet"].label] for claim in SYSTEMS["unet"].claims)
    (point,) = view.points(found, "dice")
    assert point.ours
    assert "95 % interval" in words.alt(found, "accuracy")


def test_without_any_result_nothing_may_be_concluded(tmp_path):
    found = compare_systems(tmp_path, "proxy", 96, lambda _: {"parameters": 1.0, "gflop": 1.0})
    assert document(found).split("\n\n")[1].startswith("Nothing may be concluded yet: of 22 systems none")
    assert len(found.rows) == len(SYSTEMS)


def answers_of(right):
    """Six cases of six lesions of two classes, `right` of them right."""
    true = np.array([0, 0, 0, 1, 1, 1])
    said = np.where(np.arange(6) < right, true, 1 - true)
    names = np.array([f"i{place}" for place in range(6)])
    about = {"trained_images": 5, "epoch": 0, "epochs": 1}
    return SystemAnswers(Path(), about, names, names, true, np.eye(7)[said], np.linspace(0.5, 1.0, 6))


def test_a_difference_is_this_less_ours_on_the_same_images_in_any_order():
    ours, other = answers_of(3), answers_of(6)
    turned = in_order(ours, ours.images[::-1])
    figure = measure(SYSTEMS["cl-dcnn"], other, turned, replicates=50).figures
    assert figure["accuracy"].difference == pytest.approx(0.5)
    assert figure["dice"].difference == pytest.approx(0)
    fewer = replace(ours, images=np.array([*ours.images[:5], "x"]))
    corrected = replace(ours, true=ours.true[::-1])
    for unlike in (fewer, corrected):
        assert measure(SYSTEMS["cl-dcnn"], other, unlike, replicates=5).figures["accuracy"].difference is None


def test_systems_are_not_told_apart_where_the_interval_holds_nothing():
    same = measure(SYSTEMS["alexnet"], answers_of(3), answers_of(3), replicates=50).figures["accuracy"]
    assert same.difference == 0
    assert not same.decided


def test_cost_is_counted_on_shapes():
    # A ResNet-18 with seven scores has 11,176,512 + 512 · 7 + 7 weights, and 1.82 GFLOP of products at 224 pixels.
    found = count(ModelConfig(system="resnet-18", input_size=224))
    assert found["parameters"] == pytest.approx(11.180103)
    assert found["gflop"] == pytest.approx(2 * 1.814, rel=0.01)


def test_lesions_are_held_out_whole():
    lesions = np.array([f"l{place // 2}" for place in range(30)])
    out = hold_out(lesions, 0)
    assert out.sum() == 2 * (15 // HELD_OUT)
    assert not set(lesions[out]) & set(lesions[~out])


def test_methods_are_those_that_make_sense():
    assert explained.methods_of(SYSTEMS["unet"]) == {}
    assert set(explained.methods_of(SYSTEMS["resnet-18"])) == {"grad-cam", "score-cam", "lime", "kernel-shap"}
    assert set(explained.methods_of(SYSTEMS["multiscale-inception-v3"])) == {"lime", "kernel-shap"}


@pytest.mark.parametrize("asked", ["predictions.csv", "explained.json"])
def test_what_was_trained_on_other_images_is_not_measured(done, drawn_catalogue, cache, tmp_path, asked):
    out = tmp_path / "zoo"
    shutil.copytree(done, out)
    order = order_of(PAIR[1], out, explain=asked == "explained.json")
    if not order.explain:  # ended between training and measuring
        (order.place / "measured.json").unlink()
        (order.place / "predictions.csv").unlink()
    turned = drawn_catalogue.table.assign(dx=["nv"] * len(drawn_catalogue.table))
    with pytest.raises(ConfigFault, match=r"was trained (and measured )?on other images than"):
        run.carry_out(order, replace(drawn_catalogue, table=turned), cache)
    assert not (order.place / asked).exists()


def trained_alone(order, done):
    """The folder of `order` as it is between training and measuring."""
    shutil.copytree(order_of(order.system.name, done).place, order.place, dirs_exist_ok=True)
    for name in ("measured.json", "predictions.csv"):
        (order.place / name).unlink()


def describe_anew(order, change):
    """Give each description of the weights of a run other content, as if it had been written so."""
    for path in (order.place / "run" / name for name in ("best.json", "final.json")):
        if path.is_file():
            content = {key: value for key, value in json.loads(path.read_text()).items() if key != SEAL}
            change(content["training"])
            path.write_text(json.dumps(content))


def exchange_run(order, done):
    """Our run in the place of another system's."""
    shutil.rmtree(order.place / "run")
    shutil.copytree(order_of(OURS, done).place / "run", order.place / "run")


def test_what_was_trained_as_another_system_is_not_measured(done, drawn_catalogue, cache, tmp_path):
    order = order_of(PAIR[1], tmp_path)
    trained_alone(order, done)
    exchange_run(order, done)
    sentence = rf"are weights of another network than {PAIR[1]} at 32 pixels: delete .* and run the system again, or"
    with pytest.raises(ConfigFault, match=sentence):
        run.carry_out(order, drawn_catalogue, cache)
    assert not (order.place / "measured.json").exists()


@pytest.mark.parametrize(
    "change",
    [
        lambda told: told["config"].update(epochs=told["config"]["epochs"] + 1),
        lambda told: told["config"].update(seed=7),
        lambda told: told["config"].update(split_by="image"),
        lambda told: told["config"].update(unknown=1),
        lambda told: told.pop("config"),
    ],
)
def test_what_was_trained_under_another_protocol_is_not_measured(done, drawn_catalogue, cache, tmp_path, change):
    order = order_of(PAIR[1], tmp_path)
    trained_alone(order, done)
    describe_anew(order, change)
    sentence = r"were trained under another protocol than today's: delete .*, or name another folder with --results\."
    with pytest.raises(ConfigFault, match=sentence):
        run.carry_out(order, drawn_catalogue, cache)
    assert not (order.place / "measured.json").exists()


def test_what_the_machine_settles_is_no_other_protocol(done, drawn_catalogue, cache, tmp_path):
    order = order_of(PAIR[1], tmp_path)
    trained_alone(order, done)
    describe_anew(order, lambda told: told["config"].update(workers=1, precision="bfloat16"))
    assert run.carry_out(order, drawn_catalogue, cache)


def test_weights_that_were_exchanged_since_they_were_measured_are_not_explained(done, drawn_catalogue, cache, tmp_path):
    order = order_of(PAIR[1], tmp_path, explain=True)
    shutil.copytree(order_of(PAIR[1], done).place, order.place)
    exchange_run(order, done)
    sentence = r"are not the weights that .*measured\.json is of: put those back, or delete .* and run the system again"
    with pytest.raises(ConfigFault, match=sentence):
        run.carry_out(order, drawn_catalogue, cache)
    assert not (order.place / "explained.json").exists()


def written(done, tmp_path, **change):
    """A copy of the results, the second system's measured.json with other fields, as if it had been written so."""
    out = tmp_path / "copy"
    shutil.copytree(done, out)
    place = order_of(PAIR[1], out).place
    content = json.loads((place / "measured.json").read_text())
    del content[SEAL]
    (place / "measured.json").write_text(json.dumps({**content, **change}))
    return place


def test_a_result_names_the_hash_of_its_predictions_and_is_under_one_itself(done, tmp_path):
    place = written(done, tmp_path)
    assert read_answers(place)
    table = pd.read_csv(place / "predictions.csv", dtype=str)
    turned = table.rename(columns={"p_mel": "p_nv", "p_nv": "p_mel"})[list(table.columns)]
    turned.to_csv(place / "predictions.csv", index=False)
    with pytest.raises(DataFault, match=r"predictions\.csv is not the one that measured\.json was written with"):
        read_answers(place)
    whole = json.loads((order_of(PAIR[1], done).place / "measured.json").read_text())
    (place / "measured.json").write_text(json.dumps({**whole, "trained_images": 9}))
    with pytest.raises(DataFault, match="changed after it was written"):
        read_answers(place)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"system": "vgg19"}, "is of the system vgg19, and the folder of residual-skin-net"),
        ({"budget": "full"}, "is of the budget full, and the folder of proxy"),
        ({"by": "image"}, "is of the by image, and the folder of lesion"),
        ({"start": "imagenet"}, "is of the start imagenet, and the folder of random"),
    ],
)
def test_a_result_in_the_folder_of_another_is_refused(done, tmp_path, change, sentence):
    with pytest.raises(DataFault, match=f"{sentence}.*delete it and run the system again"):
        read_answers(written(done, tmp_path, **change))


@pytest.mark.parametrize("name", ["images", "lesions", "part", "split_by", "identity"])
def test_what_a_result_says_of_its_images_follows_from_its_predictions(done, tmp_path, name):
    about = read_answers(order_of(PAIR[1], done).place).about["about"]
    other = {"images": 3, "lesions": 1, "part": "train", "split_by": "image", "identity": {"rows": "0" * 64}}
    place = written(done, tmp_path, about={**about, name: other[name]})
    with pytest.raises(
        DataFault, match=rf"the {name} in measured\.json is not that of predictions\.csv and its folder"
    ):
        read_answers(place)


def test_costs_in_the_folder_of_another_system_are_refused(done, tmp_path):
    place = written(done, tmp_path)
    shutil.copy(order_of(OURS, done).place / "cost.json", place)
    with pytest.raises(DataFault, match=r"cost\.json cannot be read .* delete it and run the system again"):
        compare_systems(place.parents[3], "proxy", 32, lambda _: {"parameters": 9.0, "gflop": 9.0}, replicates=5)


def test_a_result_that_does_not_say_what_it_is_of_is_refused(done, tmp_path):
    place = written(done, tmp_path)
    content = json.loads((place / "measured.json").read_text())
    del content["about"]
    (place / "measured.json").write_text(json.dumps(content))
    with pytest.raises(DataFault, match=r"measured\.json lacks about"):
        read_answers(place)


def test_a_result_from_before_there_were_hashes_is_read(done, tmp_path):
    place = written(done, tmp_path)
    content = json.loads((place / "measured.json").read_text())
    (place / "measured.json").write_text(
        json.dumps({name: content[name] for name in ("trained_images", "epoch", "epochs", "about")})
    )
    assert len(read_answers(place).images) == content["about"]["images"]


def test_what_is_done_of_another_data_set_is_not_done(done, drawn_catalogue):
    orders = [order_of(name, done) for name in PAIR]
    assert run.left_of(orders, drawn_catalogue) == []
    table = drawn_catalogue.table
    test = split_catalogue(drawn_catalogue).rows("test")
    train = split_catalogue(drawn_catalogue).rows("train")
    for other in (
        table.drop(index=test[0]).reset_index(drop=True),
        table.drop(index=train[0]).reset_index(drop=True),
        table.assign(image_path=table["image_path"].iloc[::-1].to_numpy()),
    ):
        with pytest.raises(ConfigFault, match=r"was trained and measured on other images than .*: name that data set"):
            run.left_of(orders, replace(drawn_catalogue, table=other))


def test_systems_beside_results_of_another_data_set_are_not_run(done, drawn_catalogue, tmp_path):
    shutil.copytree(order_of(PAIR[0], done).place, order_of(PAIR[0], tmp_path).place)
    table = drawn_catalogue.table
    other = replace(drawn_catalogue, table=table.assign(image_path=table["image_path"].iloc[::-1].to_numpy()))
    beside = order_of(PAIR[1], tmp_path)
    assert run.left_of([beside], drawn_catalogue) == [beside]
    with pytest.raises(ConfigFault, match=rf"{PAIR[0]} was trained and measured on other images than"):
        run.left_of([beside], other)
    assert run.left_of([replace(beside, costs_only=True)], other)


def spoiled(about, **change):
    """measured.json with another record of its images."""
    return {"about": {**about, "identity": {**about["identity"], **change}}}


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (lambda told: {"fingerprint": "0" * 16}, "training or validation images"),
        (lambda told: {"validation_fingerprint": "0" * 16}, "training or validation images"),
        (lambda told: spoiled(told["about"], masks="0" * 64), "masks"),
        (lambda told: spoiled(told["about"], lesions="0" * 64), "lesions"),
        (
            lambda told: spoiled(
                told["about"], pictures={name: [255] * 16 for name in told["about"]["identity"]["pictures"]}
            ),
            "pictures",
        ),
    ],
)
def test_results_of_different_data_do_not_stand_side_by_side(done, tmp_path, change, what):
    place = written(done, tmp_path, **change(read_answers(order_of(PAIR[1], done).place).about))
    with pytest.raises(
        DataFault, match=rf"{PAIR[0]} and .*{PAIR[1]} are results of different data \({what}\), so they"
    ):
        compare_systems(place.parents[3], "proxy", 32, lambda _: {}, replicates=2)


def test_results_of_other_test_images_do_not_stand_side_by_side(done, tmp_path):
    place = written(done, tmp_path)
    told = json.loads((place / "measured.json").read_text())
    table = pd.read_csv(place / "predictions.csv", dtype=str, keep_default_na=False)
    for changed, what in (
        (table[1:], "test images"),
        (table.assign(dx_true=table["dx_true"].map(lambda dx: "nv" if dx == "mel" else "mel")), "diagnoses"),
    ):
        changed.to_csv(place / "predictions.csv", index=False)
        about = {**told["about"], "images": len(changed), "lesions": changed["lesion_id"].nunique(), "identity": None}
        (place / "measured.json").write_text(json.dumps({**told, "about": about, "files": {}}))
        with pytest.raises(DataFault, match=rf"are results of different data \({what}\)"):
            compare_systems(place.parents[3], "proxy", 32, lambda _: {}, replicates=2)


def test_what_was_chosen_by_other_validation_images_is_not_done(done, drawn_catalogue, tmp_path):
    """Its test images may be among those that chose the epoch."""
    rows = split_catalogue(drawn_catalogue).rows("validation")
    other = replace(drawn_catalogue, table=drawn_catalogue.table.drop(index=rows[0]).reset_index(drop=True))
    order = order_of(PAIR[0], tmp_path)
    shutil.copytree(order_of(PAIR[0], done).place, order.place)
    with pytest.raises(ConfigFault, match=r"was trained and measured on other images than"):
        run.left_of([order], other)
    measured = order.place / "measured.json"
    content = json.loads(measured.read_text())
    del content[SEAL], content["validation_fingerprint"]
    measured.write_text(json.dumps(content))
    run.check_done(order, other)  # older results do not tell
    measured.unlink()
    with pytest.raises(ConfigFault, match=r"was trained on other images than"):
        run.carry_out(order, other, tmp_path / "cache")


def test_a_folder_of_results_that_is_a_link_is_refused(drawn_catalogue, cache, tmp_path):
    order = order_of(OURS, tmp_path / "out")
    (tmp_path / "elsewhere").mkdir()
    order.place.parent.mkdir(parents=True)
    order.place.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ConfigFault, match=r"is a link that may lead out of .*out: remove it, or name another folder"):
        run.carry_out(order, drawn_catalogue, cache)
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_what_began_with_another_file_of_the_same_name_is_not_done(done, drawn_catalogue, cache, tmp_path, monkeypatch):
    one, other = tmp_path / "one" / "enc.safetensors", tmp_path / "other" / "enc.safetensors"
    for path in (one, other):
        path.parent.mkdir()
        path.write_text(path.parent.name)
    order = replace(order_of(OURS, tmp_path), start=str(one))
    monkeypatch.setattr(run, "measure_cost", lambda *_: {})
    monkeypatch.setattr(run.loop, "train", lambda *_, **__: SimpleNamespace(finished=False))
    assert not run.carry_out(order, drawn_catalogue, cache)
    (order.place / "run").mkdir()
    (order.place / "run" / "run.json").write_text("{}")
    run.check_done(order, drawn_catalogue)
    again = replace(order, start=str(other))
    sentence = r"began with another file than .*other/enc\.safetensors \(SHA-256 .*: give this one another name"
    with pytest.raises(ConfigFault, match=sentence):
        run.carry_out(again, drawn_catalogue, cache)
    content = json.loads((order_of(OURS, done).place / "measured.json").read_text())
    del content[SEAL]
    shutil.copy(order_of(OURS, done).place / "predictions.csv", order.place)
    made = {**content, "start": "file-enc", "start_sha256": sha256(one)}
    del made["fingerprint"]
    (order.place / "measured.json").write_text(json.dumps(made))
    assert run.left_of([order], drawn_catalogue) == []
    with pytest.raises(ConfigFault, match=sentence):
        run.left_of([again], drawn_catalogue)


def test_maps_of_a_system_are_held_to_account_and_stay(done, drawn_catalogue, cache, monkeypatch, tmp_path):
    # LIME and SHAP ask hundreds of times, ACE thousands; tests/explain and tests/concepts have them.
    monkeypatch.setattr(explained, "BY_TRIAL", {})
    monkeypatch.setattr(explained, "discovering", lambda examples, by_cell: {"ice": discovering(examples)["ice"]})
    order = order_of(PAIR[1], done, explain=True)
    assert not run.is_done(order)
    assert run.carry_out(order, drawn_catalogue, cache)
    assert run.is_done(order)
    found = json.loads((order.place / "explained.json").read_text())
    assert set(found) == {"grad-cam", "score-cam", "ice", "centred blob"}
    measures = found["grad-cam"]["measures"]
    assert set(measures) == set(explained.MEASURED)
    assert found["grad-cam"]["images"] == TINY.explained
    assert found["score-cam"]["measures"]["stability_rank"]["value"] is None  # a gradient's maps alone are asked to
    compared = compare_systems(done, "proxy", 32, lambda _: {"parameters": 9.0, "gflop": 9.0}, replicates=5)
    assert "| grad-cam | 2 (" in document(compared)
    kept = json.loads((order.place / "concepts.json").read_text())["ice"]
    assert kept["images"] == TINY.explained
    assert 0 <= kept["kept"] <= 1
    row = next(row for row in SystemComparison.from_dict(compared.as_dict()).rows if row.concepts)
    assert row.concepts == {"ice": kept}
    for name in ("explained.json", "concepts.json"):
        out = tmp_path / name
        shutil.copytree(done, out)
        (order_of(PAIR[1], out).place / name).write_text("{}")
        with pytest.raises(DataFault, match=rf"{name} cannot be read \(it is not the one that measured\.json was"):
            compare_systems(out, "proxy", 32, lambda _: {"parameters": 9.0, "gflop": 9.0}, replicates=5)
    assert f"| {kept['kept']:.2f} of 2 | – | – |" in document(compared)


def test_what_marks_keep_of_a_network_is_measured_on_other_pictures(tiny_model, marked_folder, monkeypatch):
    monkeypatch.setattr(cme, "REPLICATES", 5)
    found = explained.measure_concepts({}, tiny_model, pd.DataFrame(), read_catalogue(marked_folder))
    assert set(found) == {"cme"}
    assert found["cme"]["images"] == 6
    assert set(found["cme"]["concepts"]) == {"globules"}  # network is in every picture, and the others in none
    cells = _concept_cells(found)
    assert len(cells) == 5 + len(KEYS)
    assert cells[:2] == ["–", "–"]
    assert cells[2].startswith(f"{found['cme']['fidelity'][0]:.2f}")


@pytest.mark.slow
def test_marks_are_asked_for_later_and_others_are_asked_anew(
    done, drawn_catalogue, marked_folder, tmp_path, monkeypatch
):
    monkeypatch.setattr(cme, "REPLICATES", 5)
    shutil.copytree(done, tmp_path / "out")
    order = order_of(PAIR[1], tmp_path / "out", explain=True)
    texts = dict.fromkeys(("concepts.json", "explained.json"), "{}")
    run._write_measured(order.place, json.loads((order.place / "measured.json").read_text()), texts)
    for name, text in texts.items():
        (order.place / name).write_text(text)
    assert run.left_of([order], drawn_catalogue) == []
    marks = read_catalogue(marked_folder)
    asked = replace(order, marked=marks)
    assert run.left_of([asked], drawn_catalogue) == [asked]
    assert run.carry_out(asked, drawn_catalogue, tmp_path)
    found = json.loads((order.place / "concepts.json").read_text())["cme"]
    assert found["images"] == 6
    assert json.loads((order.place / "explained.json").read_text()) == {}  # as it was
    assert run.left_of([asked], drawn_catalogue) == []
    corrected = marks.structures.assign(streaks=marks.structures["globules"])
    others = replace(order, marked=replace(marks, structures=corrected))
    assert run.left_of([others], drawn_catalogue) == [others]
    for write in range(3):
        with monkeypatch.context() as at:
            kill_at(write, at)
            with pytest.raises(KeyboardInterrupt):
                run.carry_out(others, drawn_catalogue, tmp_path)
        assert run.left_of([others], drawn_catalogue) == [others]
    assert run.carry_out(others, drawn_catalogue, tmp_path)
    assert run.left_of([others], drawn_catalogue) == []
    (order.place / "concepts.json").write_text("{}")
    with pytest.raises(DataFault, match="delete it and run the system again"):
        run.left_of([asked], drawn_catalogue)
    (order.place / "concepts.json").unlink()
    assert run.left_of([order], drawn_catalogue) == [order]  # explained anew, as that sentence says


def test_maps_are_summarised_with_the_centre_prior_beside_them():
    rows = pd.DataFrame(
        [
            {"method": method, "role": role, "lesion_id": lesion, "flat": False, "true_iou_area": value}
            for method, value in (("lime", 0.4), ("centred blob", 0.6), ("mask", 1.0))
            for role, lesion, value in (("both", "a", value), ("predicted", "b", value + 0.2), ("true", "b", 9.0))
        ]
    )
    found = explained.summarise_maps(rows)
    assert set(found) == {"lime", "centred blob"}
    assert found["lime"]["images"] == 2
    assert found["lime"]["measures"]["true_iou_area"]["value"] == pytest.approx(0.5)


@pytest.mark.parametrize("name", ["measured.json", "predictions.csv"])
def test_a_damaged_result_is_one_sentence(name, done, tmp_path):
    place = tmp_path / "copy"
    shutil.copytree(order_of(PAIR[1], done).place, place)
    (place / name).write_text("{]")
    with pytest.raises(DataFault, match="delete it and run the system again"):
        read_answers(place)


@pytest.mark.parametrize(
    "content", ["[]", "{}", '{"format": 1, "budget": "proxy", "size": 9, "date": "", "rows": [{}]}']
)
def test_a_damaged_comparison_is_one_sentence(content, tmp_path):
    (tmp_path / "c.json").write_text(content)
    with pytest.raises(DataFault, match="make it anew with `derm zoo table`"):
        read_comparison(tmp_path / "c.json")


FIGURE = {"value": 0.8, "interval": [0.7, 0.9], "difference": -0.1, "difference_interval": [-0.2, 0.0]}


def compared(starts=("random",), **figure):
    """A comparison of one system with one figure, from each of `starts`."""
    counts = dict.fromkeys(("images", "lesions", "trained_images", "epoch", "epochs"), 9)
    by = {"lesion": counts | {"figures": {"accuracy": FIGURE | figure}}}
    row = {"system": OURS, "cost": {}, "by": by, "maps": {}, "concepts": {}}
    rows = [row | {"start": start} for start in starts]
    return {"format": 1, "budget": "proxy", "size": 9, "date": "", "rows": rows}


@pytest.mark.parametrize(
    "change",
    [
        {"value": 17.5},
        {"value": -3},
        {"interval": [0.5, 1.5]},
        {"difference": -1.5},
        {"difference_interval": [-2, 0]},
        {"starts": ("random", "random")},
        {"starts": tuple(map(str, range(5000)))},
    ],
)
def test_a_comparison_that_cannot_be_true_is_refused(change, tmp_path):
    (tmp_path / "c.json").write_text(json.dumps(compared()))
    written = read_comparison(tmp_path / "c.json").as_dict()
    assert written == {SEAL: written[SEAL]} | compared()
    (tmp_path / "c.json").write_text(json.dumps(compared(**change)))
    with pytest.raises(DataFault, match="its field rows is missing, or not what this version of Derm writes"):
        read_comparison(tmp_path / "c.json")


def test_a_comparison_that_was_changed_is_refused(tmp_path):
    (tmp_path / "c.json").write_text(json.dumps(compared()))  # from before there was a hash
    written = read_comparison(tmp_path / "c.json").as_dict()
    (tmp_path / "c.json").write_text(json.dumps(written | {"rows": compared(value=0.9)["rows"]}))
    with pytest.raises(DataFault, match=r"changed after it was written.*make it anew"):
        read_comparison(tmp_path / "c.json")


def run_features(order):
    """How many features the linear layer of a run reads."""
    return load_weights(order.place / "run" / "best.json").net.head.scores.weight.shape[1]


def test_the_kernel_machine_takes_the_place_of_the_linear_layer(drawn_catalogue, cache, tmp_path, monkeypatch):
    small = partial(classifiers.kernel_machine, names=("test_efficientnet", "test_efficientnet"))
    monkeypatch.setitem(BUILDERS, "deep-features-kelm", small)
    monkeypatch.setattr(run, "measure_cost", lambda *_: {})
    order = order_of("deep-features-kelm", tmp_path)
    told = []
    assert run.carry_out(order, drawn_catalogue, cache, tell=lambda *what: told.append(what))
    machine = load_weights(order.place / "machine.json")
    assert machine.net.head.fitted
    assert not load_weights(order.place / "run" / "best.json").net.head.fitted
    answered = read_answers(order.place)
    about = answered.about["machine"]
    assert about["cases"] == answered.about["trained_images"]
    assert 1 <= about["chosen"] <= run_features(order)
    assert len(machine.net.head.hidden.chosen) == about["chosen"]
    assert answered.about["about"]["sha256"] == machine.sha256
    assert ("kernel machine", MOST_ROUNDS, MOST_ROUNDS) in told


@pytest.mark.parametrize("ended", [True, False])
def test_run_on_the_command_line_does_one_after_the_other_until_it_is_stopped(ended, done, tmp_path, monkeypatch):
    asked = []

    def carry_out(order, *_, **__):
        asked.append(order)
        return ended or order.system.name == "alexnet"

    monkeypatch.setattr("derm.zoo.run.carry_out", carry_out)
    monkeypatch.setattr("derm.cli.zoo.read_known", lambda _: None)
    monkeypatch.setattr("signal.signal", lambda *_: None)
    names = ["alexnet", "unet", "resnet-18"]
    more = ["--data", "d", "--results", str(tmp_path), "--split-by", "image", "--budget", "full", "--device", "cpu"]
    found = CliRunner().invoke(app, ["zoo", "run", *names, *more])
    assert found.exit_code == (0 if ended else 130), found.output
    assert [order.system.name for order in asked] == (names if ended else names[:2])
    assert {(order.by, order.budget.name, order.start) for order in asked} == {("image", "full", "random")}
    assert ("To go on: the same command again" in found.output) == (not ended)


@pytest.mark.parametrize(
    ("stage", "said", "goes_on"),
    [("training", "Stopping after this step, with a checkpoint", True), ("measuring", "at the next picture", False)],
)
def test_a_signal_ends_what_is_measured_at_the_next_picture(stage, said, goes_on, tmp_path, monkeypatch):
    handlers, told = {}, []

    def carry_out(_order, *_, tell, stop, **__):
        for done in (1, 2):
            tell(stage, done, 3)
            told.append(done)
            if not stop():
                handlers[signal.SIGINT](signal.SIGINT, None)
        return False

    monkeypatch.setattr("derm.zoo.run.carry_out", carry_out)
    monkeypatch.setattr("derm.cli.zoo.read_known", lambda _: None)
    monkeypatch.setattr("signal.signal", handlers.setdefault)
    words = ["zoo", "run", "alexnet", "--data", "d", "--results", str(tmp_path), "--device", "cpu"]
    found = CliRunner().invoke(app, words)
    assert found.exit_code == 130, found.output
    assert said in " ".join(found.output.split())
    assert told == ([1, 2] if goes_on else [1])


def test_what_is_done_is_passed_over_on_the_command_line(tmp_path, monkeypatch):
    place = tmp_path / "proxy" / "by-lesion" / "random" / "alexnet"
    place.mkdir(parents=True)
    (place / "cost.json").write_text("{}")
    monkeypatch.setattr("derm.cli.zoo.read_known", lambda _: None)
    found = CliRunner().invoke(
        app, ["zoo", "run", "alexnet", "--data", "d", "--costs-only", "--results", str(tmp_path)]
    )
    assert found.exit_code == 0, found.output
    assert "1 of 1 are done already." in found.output


def test_list_and_table_on_the_command_line(done, tmp_path, monkeypatch):
    monkeypatch.setattr("derm.zoo.cost.count", lambda _: {"parameters": 1.0, "gflop": 1.0})
    monkeypatch.setattr("derm.zoo.compared.compare_systems", partial(compare_systems, replicates=5))
    listed = CliRunner().invoke(app, ["zoo", "list", "cl-dcnn"])
    assert listed.exit_code == 0
    assert "not known:" in listed.output
    page = tmp_path / "page.md"
    made = CliRunner().invoke(app, ["zoo", "table", "--results", str(done), "--out", str(page)])
    assert made.exit_code == 0, made.output
    assert page.read_text().startswith("# The paper's other systems")
    assert read_comparison(tmp_path / "page.json").measured
    assert (done / "comparison.json").is_file()


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        (["run", "alexnet", "--split-by", "patient"], "--split-by 'patient' is unknown"),
        (["run", "alexnet", "--start", "w.json"], "Trained weights would know more"),
        (["run", "alexnet", "--start", "w.safetensors"], "Only shared and dual start from a file, not alexnet"),
        (["run", "shared", "--start", "w.safetensors"], "There is no file w.safetensors to start from"),
        (["run", "alexnet", "--budget", "large"], "There is no budget 'large'"),
        (["table", "--out", "page.txt"], "does not end in .md"),
    ],
)
def test_bad_input_is_one_sentence(given, sentence, tmp_path):
    more = ["--data", str(tmp_path)] if given[0] == "run" else []
    found = CliRunner().invoke(app, ["zoo", *given, *more])
    assert isinstance(found.exception, ConfigFault)
    assert sentence in str(found.exception)


def test_measures_of_systems_named_by_the_paper_are_printed_as_it_has_them():
    text = words.claims_text("inception-v4")
    assert "89.96–400 [sic]" in text
    assert systems.SYSTEMS["densenet-201"].claims[1].figures == "accuracy 0.36"
