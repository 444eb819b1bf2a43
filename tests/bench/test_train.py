"""`derm bench train`: it runs, and its ratio is what it says."""

import json
from dataclasses import replace

import pytest
from typer.testing import CliRunner

from derm.bench.train import StepTimes, bench_train
from derm.cli.main import app
from derm.errors import ConfigFault
from derm.model.config import ModelConfig
from derm.train.config import preset


def test_the_ratio_is_of_images_a_second():
    # 32 images in 200 ms are 160 a second; alone, in 150 ms, 213 a second: 160 / 213.33 = 3/4.
    times = StepTimes("float32", 32, joint=200, alone=150, plain=300, encoder=1, decoder=1, augment=1, average=1)
    assert times.ratio == 3 / 4
    assert times.quickened == 3 / 2


@pytest.mark.training
def test_the_bench_prints_its_figures_last_as_json():
    result = CliRunner().invoke(app, ["bench", "train", "--size", "64", "--steps", "1"])
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout.splitlines()[-1])
    assert found["ratio"] == pytest.approx(found["alone"] / found["joint"])
    assert found["quickened"] == pytest.approx(found["plain"] / found["joint"])
    assert found["precision"] in ("float32", "bfloat16")
    assert all(found[name] > 0 for name in ("encoder", "decoder", "augment", "average"))


def test_the_dual_design_is_refused():
    with pytest.raises(ConfigFault, match="The design 'dual' cannot be divided so: use the shared one"):
        bench_train(replace(preset("derm"), model=ModelConfig(design="dual", input_size=64)))


def test_scores_by_cells_are_refused():
    for share in (0.25, 1.0):
        model = ModelConfig(head="pixel", whole_share=share, input_size=64)
        with pytest.raises(ConfigFault, match="The head 'pixel' reads more than the deepest features: use pooled"):
            bench_train(replace(preset("derm"), model=model))


def test_pooling_inside_the_outline_is_refused():
    config = replace(preset("derm"), model=ModelConfig(pooling="whole+lesion", input_size=64))
    with pytest.raises(ConfigFault, match=r"The pooling 'whole\+lesion' needs the outline: use whole"):
        bench_train(config)
