"""Dermoscopic structures on Diagnose: a fold that is filled when it is opened, in the visitor's language."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from derm.concepts import directions
from derm.concepts.read import CONCEPTS
from derm.model.weights import copy_weights
from derm.paths import DIRECTIONS, STRUCTURES
from derm.serve.claims import Account
from derm.serve.roles import Role
from derm.structures import weights as stored
from pages.parts import opening
from tests.cases import said

ROOT = Path(__file__).parents[2]
TITLE = "Dermoscopic structures"


@pytest.fixture
def opened(tiny_weights, tiny_decoder, tmp_path, monkeypatch):
    monkeypatch.setenv("DERM_WEIGHTS", str(tiny_weights))
    monkeypatch.setenv(STRUCTURES, str(tmp_path / "structures.json"))
    shutil.copytree(tiny_decoder.parent, tmp_path, dirs_exist_ok=True)
    st.cache_resource.clear()
    yield lambda: AppTest.from_file(ROOT / "streamlit_app.py", default_timeout=60).run()
    st.cache_resource.clear()


def spoken(page: AppTest) -> str:
    assert not page.exception
    return said(" ".join(one.value for kind in (page.header, page.markdown, page.caption) for one in kind))


@pytest.mark.slow
def test_structures_lie_in_a_fold_that_is_filled_when_opened(opened, tmp_path, monkeypatch):
    page = opened()
    assert TITLE in [one.label for one in page.expander]
    assert "marked in 10" not in spoken(page)
    page.session_state[f"structures-{page.session_state.shown.key}"] = True
    page.run()
    lines = [said(one.value) for one in page.markdown if "of melanomas of the training part" in one.value]
    assert len(lines) == 3
    assert all("marked in 10" in one for one in lines)
    assert "adds nothing to the diagnosis" in spoken(page)
    (tmp_path / "structures.safetensors").unlink()
    stored._loaded.cache_clear()
    assert f"lacks {tmp_path}" in spoken(opened())
    monkeypatch.setattr(opening, "account_now", lambda: Account("u-1", frozenset({Role.CLINICIAN})))
    told = spoken(opened())
    assert "lacks structures.safetensors" in told
    assert str(tmp_path) not in told


@pytest.mark.slow
def test_what_would_change_the_answer_lies_in_a_fold(
    tiny_weights, tiny_model, tiny_structures, tiny_decoder, tmp_path, monkeypatch
):
    monkeypatch.setenv(STRUCTURES, str(tiny_decoder))
    monkeypatch.setenv(DIRECTIONS, str(tmp_path / "concepts.json"))
    chosen = replace(tiny_model.description, referral_threshold=0.3)
    copy_weights(tiny_weights, tmp_path / "chosen.json", chosen)
    monkeypatch.setenv("DERM_WEIGHTS", str(tmp_path / "chosen.json"))
    count = len(CONCEPTS)
    slopes, zero, one = np.ones((count, 7)), np.zeros(count), np.ones(count)
    decoder = tiny_structures.sha256
    found = directions.Directions(tiny_model.sha256, decoder, zero, one, zero - 9, zero + 9, slopes, slopes, slopes)
    (tmp_path / "concepts.json").write_text(json.dumps(directions.as_json(found)))
    st.cache_resource.clear()
    page = AppTest.from_file(ROOT / "streamlit_app.py", default_timeout=60).run()
    assert "What would change this answer" in [one.label for one in page.expander]
    page.session_state[f"change-{page.session_state.shown.key}"] = True
    page.run()
    assert "No change of structures and measures within the range" in spoken(page)  # all seven scores move alike
    assert "there is no real case to show" in spoken(page)
    (tmp_path / "library").mkdir()
    (tmp_path / "library" / "library.json").write_text("{}")
    monkeypatch.setenv("DERM_LIBRARY", str(tmp_path / "library"))
    fold = next(one for one in page.run().expander if one.label == "What would change this answer")
    assert f"{tmp_path / 'library' / 'library.json'} is damaged" in said(" ".join(one.value for one in fold.caption))
    monkeypatch.setattr(opening, "account_now", lambda: Account("u-1", frozenset({Role.CLINICIAN})))
    told = next(one for one in page.run().expander if one.label == "What would change this answer").caption
    assert "library.json is damaged" in said(" ".join(one.value for one in told))
    assert str(tmp_path) not in said(" ".join(one.value for one in told))
    assert "No change of structures and measures within the range" in " ".join(one.value for one in fold.markdown)
    st.cache_resource.clear()
