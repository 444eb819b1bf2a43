"""Weights adapted without diagnoses: statistics by hand, nothing else touched, told as what they are, every guard."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from derm.errors import ConfigFault, DataFault
from derm.image.resize import square
from derm.model.adapt import BATCH, LEAST, adapt, adapt_statistics
from derm.model.config import ModelConfig
from derm.model.network import LesionNet
from derm.model.preprocess import normalise
from derm.model.weights import WeightsInfo, load_weights, save_weights

CONFIG = ModelConfig(encoder="test_efficientnet", input_size=32, feature_channels=16, decoder_channels=(8, 8, 8))
TRAINING = {"epoch": 3, "config": {"split_by": "lesion"}, "data": {"fingerprint": "ab"}}


@pytest.fixture(scope="module")
def weights(tmp_path_factory) -> Path:
    torch.manual_seed(0)
    net = LesionNet(CONFIG)
    net(torch.randn(8, 3, 32, 32))  # running statistics beside 0 and 1
    path = tmp_path_factory.mktemp("adapt") / "one.json"
    about = WeightsInfo(CONFIG, temperature=1.5, referral_threshold=0.1, training=TRAINING, measured={"test": {}})
    save_weights(path, net.eval(), about)
    return path


@pytest.fixture(scope="module")
def pictures(tmp_path_factory) -> list[Path]:
    folder = tmp_path_factory.mktemp("clinic")
    paths = [folder / f"{number:02}.png" for number in range(LEAST)]
    for number, path in enumerate(paths):
        grain = np.random.default_rng(number).integers(0, 200, (36, 60, 3), dtype=np.uint8)
        Image.fromarray(grain).save(path)
    return paths


class Small(nn.Module):
    """Two normalisations, one after the other."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.BatchNorm2d(1), nn.BatchNorm2d(1)
        self.scale = nn.Parameter(torch.tensor(2.0))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.second(self.scale * self.first(images))


def test_statistics_are_a_mixture_by_hand():
    """Pictures of 3 and 7, mean 5, variance 4. A quarter of that: mean 0.75 · 1 + 0.25 · 5, variance 0.75 · 8 + 1."""
    net = Small().eval()
    net.first.running_mean.fill_(1.0)
    net.first.running_var.fill_(8.0)
    images = torch.tensor([3.0, 7.0]).reshape(2, 1, 1, 1).expand(2, 1, 4, 4)
    adapt_statistics(net, iter([images]), 0.25)
    assert (net.first.running_mean.item(), net.first.running_var.item()) == pytest.approx((2, 7))
    # The second sees 2 · (x − 2) / √7 of them, √7 within eps: mean 6 / √7, variance 16 / 7, mixed with its 0 and 1.
    assert net.second.running_mean.item() == pytest.approx(0.25 * 6 / 7**0.5, rel=1e-4)
    assert net.second.running_var.item() == pytest.approx(0.75 + 0.25 * 16 / 7, rel=1e-4)
    assert not net.first._forward_pre_hooks


def test_batches_of_different_length_count_by_their_pictures():
    net = Small().eval()
    images = torch.tensor([1.0, 2.0, 9.0]).reshape(3, 1, 1, 1)
    adapt_statistics(net, iter([images[:2], images[2:]]), 1.0)
    # Mean 4, variance (9 + 4 + 25) / 3.
    assert (net.first.running_mean.item(), net.first.running_var.item()) == pytest.approx((4, 38 / 3))


def test_only_statistics_change_and_the_source_stays(weights, pictures, tmp_path):
    before = load_weights(weights)
    adapted = adapt(weights, tmp_path / "two.json", pictures)
    states = before.net.state_dict(), adapted.net.state_dict()
    moved = [key for key, tensor in states[0].items() if not torch.equal(tensor, states[1][key])]
    assert moved
    assert all(key.endswith(("running_mean", "running_var")) for key in moved)
    assert len(moved) == 2 * sum(isinstance(module, nn.BatchNorm2d) for module in before.net.modules())
    assert load_weights(weights).sha256 == before.sha256
    # The first layer's are those of what it sees of all pictures.
    squares = np.stack([square(np.asarray(Image.open(path)), 32) for path in pictures])
    with torch.no_grad():
        seen = before.net.encoder.model.conv_stem(normalise(torch.from_numpy(squares), CONFIG))
    variance, mean = torch.var_mean(seen, dim=(0, 2, 3), correction=0)
    old, new = before.net.encoder.model.bn1, adapted.net.encoder.model.bn1
    torch.testing.assert_close(new.running_mean, (old.running_mean + mean) / 2)
    torch.testing.assert_close(new.running_var, (old.running_var + variance) / 2)


def test_the_order_of_files_is_drawn_and_told_of_progress(weights, pictures, tmp_path):
    told = []
    one = adapt(weights, tmp_path / "two.json", pictures, progress=lambda done, total: told.append((done, total)))
    assert told == [(min(BATCH, LEAST), LEAST)]
    again = adapt(weights, tmp_path / "three.json", pictures)
    assert one.sha256 == again.sha256


def test_it_is_described_as_what_it_is(weights, pictures, tmp_path):
    about = adapt(weights, tmp_path / "two.json", pictures, share=0.25).description
    assert (about.temperature, about.referral_threshold, about.measured) == (1.0, None, {})
    assert about.training["adapted"] == {
        "from": "one",
        "sha256": load_weights(weights).sha256,
        "pictures": LEAST,
        "share": 0.25,
    }
    assert {name: about.training[name] for name in TRAINING} == TRAINING


def test_guards(weights, pictures, tmp_path):
    with pytest.raises(DataFault, match=r"There are 47 pictures, too few to know .*: give at least 48"):
        adapt(weights, tmp_path / "two.json", pictures[1:])
    for share in (0, 1.5, float("nan")):
        with pytest.raises(ConfigFault, match=r"The share .* does not fit: use one above 0, at most 1"):
            adapt(weights, tmp_path / "two.json", pictures, share=share)
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"no picture")
    with pytest.raises(DataFault, match=r"broken\.png.* Leave it out, or replace it"):
        adapt(weights, tmp_path / "two.json", [*pictures[1:], broken])
    with pytest.raises(ConfigFault, match="The network has no batch normalisation"):
        adapt_statistics(nn.Conv2d(1, 1, 1), iter([]), 0.5)
    with pytest.raises(ConfigFault, match="keeps no statistics"):
        adapt_statistics(nn.BatchNorm2d(1, track_running_stats=False), iter([]), 0.5)
    assert not (tmp_path / "two.json").exists()
