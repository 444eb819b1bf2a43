"""The mean of several sets of weights: of each tensor by hand, described as what it is, and every guard."""

import base64
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from derm.errors import ConfigFault, WeightsFault
from derm.model.config import ModelConfig
from derm.model.network import LesionNet
from derm.model.soup import cook_soup
from derm.model.weights import HAM10000_DATASETS, WeightsInfo, load_weights, save_weights

CONFIG = ModelConfig(encoder="test_efficientnet", input_size=32, feature_channels=16, decoder_channels=(8, 8, 8))
TRAINING = {"epoch": 3, "config": {"split_by": "lesion", "epochs": 8, "start": "a.json"}, "data": {"fingerprint": "ab"}}

PARTS = dict.fromkeys(HAM10000_DATASETS, 1)


HOME = ("ham10000", *HAM10000_DATASETS)


def plain(folder: Path) -> Path:
    """Weights whose description has no record of images."""
    data = {"fingerprint": "ab", "sources": {"clinic": {}}, "sources_before": [*HOME]}
    return weights(folder / "plain.json", 3, training={**TRAINING, "data": data})


def weights(path: Path, seed: int, **changes: object) -> Path:
    torch.manual_seed(seed)
    about = replace(WeightsInfo(CONFIG, temperature=1.5, training=TRAINING, measured={"test": {}}), **changes)
    net = LesionNet(about.model)
    net(torch.randn(4, 3, 32, 32))  # running statistics beside 0 and 1
    save_weights(path, net, about)
    return path


def test_every_tensor_is_the_mean_by_its_shares(tmp_path):
    one, other = weights(tmp_path / "one.json", 0), weights(tmp_path / "other.json", 1)
    made = cook_soup([one, other], tmp_path / "soup.json", [3, 1])
    states = [load_weights(path).net.state_dict() for path in (one, other)]
    for key, tensor in load_weights(tmp_path / "soup.json").net.state_dict().items():
        expected = 0.75 * states[0][key] + 0.25 * states[1][key] if tensor.is_floating_point() else states[0][key]
        torch.testing.assert_close(tensor, expected, msg=key)
        torch.testing.assert_close(made.net.state_dict()[key], tensor, rtol=0, atol=0)


def test_a_mean_of_the_same_is_the_same(tmp_path):
    one = weights(tmp_path / "one.json", 0)
    made = cook_soup([one, one, one], tmp_path / "soup.json")
    for key, tensor in load_weights(one).net.state_dict().items():
        torch.testing.assert_close(made.net.state_dict()[key], tensor)


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no such names")
def test_a_folder_whose_name_is_not_utf8_is_described_as_it_can_be(tmp_path):
    paths = [weights(tmp_path / "w\udcff" / f"{seed}.json", seed) for seed in (0, 1)]
    cook_soup(paths, tmp_path / "soup.json")
    told = load_weights(tmp_path / "soup.json").description.training["soup"]
    assert [one["weights"] for one in told] == [r"w\udcff/0", r"w\udcff/1"]


def test_it_is_described_as_what_it_is(tmp_path):
    larger = replace(CONFIG, input_size=64, dropout=0.5)
    one, other = weights(tmp_path / "one.json", 0), weights(tmp_path / "other.json", 1, model=larger)
    made = cook_soup([one, other], tmp_path / "soup.json", input_size=64)
    about = made.description
    assert about.model == replace(CONFIG, input_size=64)
    assert (about.temperature, about.measured) == (1.0, {})  # they belong to other numbers
    assert about.training["config"] == TRAINING["config"]
    first, second = about.training["soup"]
    assert (first["weights"], first["share"], first["epoch"]) == (f"{tmp_path.name}/one", 0.5, 3)
    assert first["config"] == TRAINING["config"]
    assert second["sha256"] == load_weights(other).sha256
    adapted = {"pictures": 4, "from": "one", "share": 0.5}
    last = weights(tmp_path / "last.json", 2, training={**TRAINING, "adapted": adapted})
    assert cook_soup([one, last], tmp_path / "both.json").description.training["adapted"] == adapted


def test_weights_of_the_shipped_lists_have_a_mean_though_one_learned_from_fewer_sources(tmp_path):
    both = {**TRAINING, "data": {"fingerprint": "cd", "sources": {"ham10000": PARTS, "isic2018_task1": {}}}}
    home = {**TRAINING, "data": {"fingerprint": "ab", "images": 10_015}}
    one = weights(tmp_path / "one.json", 0, training=both)
    other = weights(tmp_path / "other.json", 1, training=home)
    made = cook_soup([one, other], tmp_path / "soup.json", [4, 1])
    assert made.description.learned_from == {"ham10000", "isic2018_task1", *HAM10000_DATASETS}
    with pytest.raises(WeightsFault, match=r"learned from sources that .* did not: name it first"):
        cook_soup([other, one], tmp_path / "wrong.json")
    left_out = {**home, "config": {**TRAINING["config"], "leave_out": ["rosendahl"]}}
    apart = weights(tmp_path / "apart.json", 2, training=left_out)
    with pytest.raises(WeightsFault, match="were not trained on the same images"):
        cook_soup([one, apart], tmp_path / "wrong.json")


def packed(*items: bytes) -> str:
    return base64.b64encode(b"".join(items)).decode()


def test_what_any_of_them_learned_from_is_told_of_the_mean(tmp_path):
    def trained(path: Path, seed: int, pictures: tuple[bytes, ...], before: list[str]) -> Path:
        learned = {"pictures": packed(*pictures), "lesions": packed(*(one[:8] for one in pictures))}
        data = {"fingerprint": "ab", "sources": {"clinic": {}}, "sources_before": before, "learned": learned}
        return weights(path, seed, training={**TRAINING, "data": data})

    own, former = (b"the same picture", b"another picture."), (b"the same picture", b"its start's only")
    one, other = trained(tmp_path / "one.json", 0, own, []), trained(tmp_path / "other.json", 1, former, ["elsewhere"])
    data = cook_soup([other, one], tmp_path / "soup.json").description.training["data"]
    assert data["learned"]["pictures"] == packed(*former, own[1])
    assert data["learned"]["lesions"] == packed(b"another ", b"its star", b"the same")
    assert data["sources_before"] == ["elsewhere"]
    with pytest.raises(WeightsFault, match=r"other.json learned from sources that .*one.json did not: name it first"):
        cook_soup([one, other], tmp_path / "wrong.json")
    # The images of sources without a record are told by the sources' names.
    told = cook_soup([trained(tmp_path / "all.json", 2, own, [*HOME]), plain(tmp_path)], tmp_path / "mixed.json")
    assert set(told.description.training["data"]["sources_before"]) == {*HOME, "clinic"}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"model": replace(CONFIG, feature_channels=8)}, r"another model than .* \(feature_channels 8, not 16\): only"),
        ({"training": {**TRAINING, "data": {"fingerprint": "cd"}}}, "were not trained on the same images, so that"),
        ({"training": {**TRAINING, "config": {"split_by": "image"}}}, "were not trained on the same images, so that"),
    ],
)
def test_what_has_no_mean_is_refused(tmp_path, changes, words):
    pair = [weights(tmp_path / "one.json", 0), weights(tmp_path / "other.json", 1, **changes)]
    with pytest.raises(WeightsFault, match=words):
        cook_soup(pair, tmp_path / "soup.json")
    assert not (tmp_path / "soup.json").exists()


def test_shares_that_do_not_fit_are_refused(tmp_path):
    one = weights(tmp_path / "one.json", 0)
    with pytest.raises(ConfigFault, match="is of two sets of weights or more, not of 1: name another"):
        cook_soup([one], tmp_path / "soup.json")
    for shares in ([1.0], [1.0, 0.0], [2.0, -1.0]):
        with pytest.raises(ConfigFault, match=r"The shares .* do not fit 2 sets of weights: give one above 0 for each"):
            cook_soup([one, one], tmp_path / "soup.json", shares)
    for shares, odd in (([float("nan"), 1.0], "nan"), ([1.0, float("inf")], "inf"), ([1e308, 1e308], "inf")):
        with pytest.raises(ConfigFault, match=rf"The shares .* come to {odd}, which is no finite number: give ones"):
            cook_soup([one, one], tmp_path / "soup.json", shares)
