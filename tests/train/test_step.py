"""One step of training, whatever answers for the network."""

import pytest
import torch

from derm.model.config import ModelConfig
from derm.model.network import LesionNet, ModelOutput
from derm.train.config import TrainConfig
from derm.train.losses import Truth
from derm.train.sampler import OPEN_CLASS
from derm.train.state import SCORES, means
from derm.train.step import score, take_step


class Compiled:
    """As what torch.compile gives back in some versions: it answers, and has no length that could be asked for."""

    def __init__(self, net: LesionNet) -> None:
        self.net, self.asked = net, 0

    def __call__(self, images: torch.Tensor) -> ModelOutput:
        self.asked += 1
        return self.net(images)

    def __len__(self) -> int:
        raise TypeError("LesionNet does not support len()")


def test_what_was_compiled_answers_without_being_asked_whether_it_is_true():
    config = TrainConfig(model=ModelConfig(encoder="test_resnet", input_size=64))
    torch.manual_seed(0)
    net = LesionNet(config.model)
    forward = Compiled(net)
    optimiser = torch.optim.Adam(net.parameters(), lr=0.001)
    images = torch.zeros(2, 64, 64, 3, dtype=torch.uint8)
    truth = Truth(torch.zeros(2, 1, 64, 64), torch.ones(2, dtype=torch.bool), torch.tensor([0, 5]))
    before = net.head.state_dict()["scores.weight"].clone()
    with pytest.raises(TypeError):
        bool(forward)
    take_step(net, optimiser, images, truth, config, None, forward=forward)
    assert forward.asked == 1
    assert not torch.equal(before, net.head.state_dict()["scores.weight"])


def test_an_open_label_is_no_wrong_answer():
    logits = torch.eye(7)[[0, 5, 3]] * 9
    answer = ModelOutput(torch.zeros(3, 1, 8, 8), logits, torch.zeros(3, 4, 1, 1))
    truth = Truth(torch.zeros(3, 1, 8, 8), torch.zeros(3, dtype=torch.bool), torch.tensor([0, 1, OPEN_CLASS]))
    scores = score(answer, truth)
    assert (scores["right"], scores["labelled"]) == (1, 2)
    assert means({**SCORES, **scores, "step": 1, "images": 3})["accuracy"] == 1 / 2
    assert means({**SCORES, "step": 1, "images": 3})["accuracy"] is None
