"""Figures of concepts on file: read again as they were written, whatever is damaged named."""

import json
from pathlib import Path

import pytest

from derm.concepts import measured_words as words
from derm.concepts.measured import LEVELS, read_concept_figures
from derm.errors import DataFault
from derm.model.description import SEAL
from derm.predict.words import source_name

SHIPPED = Path(__file__).parents[2] / "docs" / "concepts.json"


@pytest.fixture(scope="module")
def content():
    return json.loads(SHIPPED.read_text())


def test_what_is_shipped_is_read(content):
    found = read_concept_figures(SHIPPED)
    assert [model.additive.value for model in found.models] == [one["additive"][0] for one in content["models"]]
    assert [one.score for one in found.vectors] == [one["score"] for one in content["vectors"]]
    assert len(found.alone) == len(content["alone"])


def test_every_model_stands_beside_the_network_of_its_images():
    found = read_concept_figures(SHIPPED)
    for target in words.targets(found):
        models = words.models_of(found, target)
        additive, network = words.model_points(models)
        assert [point.name for point in additive] == [point.name for point in network]
        assert [point.value for point in network] == [model.network.value for model in models]
        for source in {model.source for model in models}:
            assert f"{source_name(source)}, " in words.models_sentence(models)


@pytest.mark.parametrize("level", LEVELS)
def test_scores_that_random_concepts_give_are_counted_and_bracketed(level):
    found = read_concept_figures(SHIPPED)
    own = [one for one in found.vectors if one.level == level]
    assert [cell.by_chance for cell in words.vector_cells(found, level)] == [one.q >= 0.05 for one in own]
    raised = found._replace(vectors=tuple(one._replace(q=0.01) for one in own[:2]) + tuple(own[2:]))
    followed = 2 + sum(one.q < 0.05 for one in own[2:])
    assert f"{followed} of {len(own)} scores are told" in words.vectors_sentence(raised, level)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("weights",), None),
        (("models", 0, "additive"), [0.5, 0.4]),
        (("models", 0, "images", "test"), -1),
        (("models", 0, "target"), "<b>"),
        (("alone", 0, "auc"), "high"),
        (("alone", 0, "concept"), "unknown"),
        (("vectors", 0, "score"), 1.2),
        (("vectors", 0, "dx"), 3),
        (("vectors", 0, "level"), []),
    ],
)
def test_a_damaged_field_is_one_sentence(content, tmp_path, path, value):
    damaged = json.loads(json.dumps(content))
    *way, last = path
    inner = damaged
    for step in way:
        inner = inner[step]
    inner[last] = value
    (tmp_path / "concepts.json").write_text(json.dumps(damaged))
    with pytest.raises(DataFault, match="make them anew") as caught:
        read_concept_figures(tmp_path / "concepts.json")
    assert path[0] in str(caught.value)


def test_a_changed_figure_is_one_sentence_and_a_file_from_before_the_hash_is_read(content, tmp_path):
    place = tmp_path / "concepts.json"
    changed = json.loads(json.dumps(content))
    changed["alone"][0]["auc"] = 1 - changed["alone"][0]["auc"]
    place.write_text(json.dumps(changed))
    with pytest.raises(DataFault, match=r"changed after it was written.*make them anew"):
        read_concept_figures(place)
    del changed[SEAL]
    place.write_text(json.dumps(changed))
    assert read_concept_figures(place).alone
