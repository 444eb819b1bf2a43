"""A decoder of structures with random weights and its graph, on disk, for tests of several rooms."""

from pathlib import Path

import torch

from derm.model.weights import Model
from derm.structures.build import graph_of_structures, tensors_of
from derm.structures.network import HeadConfig, StructureHead
from derm.structures.table import KEYS
from derm.structures.weights import StructureInfo, save_structures


def save_decoder(model: Model, path: Path) -> None:
    """Write a decoder for `model`'s encoder to `path` (.json): three structures are shown, two of them placed."""
    torch.manual_seed(1)
    size = model.description.model.input_size
    channels = tuple(model.net.encoder.out_channels[2:6])
    head = StructureHead(HeadConfig(channels=channels, width=8, blocks=1, input_size=size)).eval()
    graph, taken = graph_of_structures(model.net, head)
    info = StructureInfo(
        trunk=model.sha256,
        head=head.config.as_dict(),
        platt=((1.0, 0.0),) * 5,
        mask_thresholds=(0.5,) * 5,
        shown=("pigment_network", "streaks", "globules"),
        placed=("pigment_network", "streaks"),
        frequencies={key: {"mel": [1, 4], "nv": [1, 10]} for key in KEYS},
        taken=taken,
    )
    save_structures(path, tensors_of(head), info, graph)
