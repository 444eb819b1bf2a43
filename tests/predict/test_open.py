"""The model that the environment names."""

import itertools
import json
from dataclasses import replace
import numpy as np
import pytest
from cases import LIKELY, LIMITS, case_with, half_mask, said, with_sets
from theme import THEME, contrast, linear
from derm.diagnoses import CODES, DIAGNOSES, INDEX
from derm.errors import WeightsFault
from derm.explain.agreement import BUILT_IN
from derm.explain.gradcam import heat_map_of
from derm.figures import palette
from derm.figures.bars import bars_style, heat_legend, malignant_bar, thumbnails_style
from derm.figures.mark import mark
from derm.figures.overlap import overlap_curves
from derm.figures.text import capital, percent, plain
from derm.model.config import ModelConfig
from derm.model.network import LesionNet
from derm.model.weights import Model, WeightsInfo, save_weights
from derm.predict import words
from derm.predict.case import Case
from derm.predict.case_list import MAX_CASES, MAX_MEGAPIXELS, add_case, find_case, first_sample, sample_case
from derm.predict.export import case_json, cases_csv, file_name, outline_png, view_png
from derm.predict.folder import COLUMNS
from derm.predict.open import open_model
from derm.predict.view import CLASS_LAYERS, LAYERS, class_mask_at, draw_view, screen_jpeg, screen_size

SMALL = ModelConfig(input_size=64, feature_channels=32, decoder_channels=(8, 8, 8, 8))


def test_the_environment_names_other_weights(tmp_path, monkeypatch):
    save_weights(tmp_path / "tiny.json", LesionNet(SMALL), WeightsInfo(SMALL))
    monkeypatch.setenv("DERM_WEIGHTS", str(tmp_path / "tiny.json"))
    assert open_model().name == "tiny"
    monkeypatch.setenv("DERM_WEIGHTS", str(tmp_path / "none.json"))
    with pytest.raises(WeightsFault, match="There is no description"):
        open_model()
    monkeypatch.delenv("DERM_WEIGHTS")
    monkeypatch.setattr("derm.predict.open.default_weights", lambda: tmp_path / "tiny.json")
    assert open_model().name == "tiny"
