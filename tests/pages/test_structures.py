"""Dermoscopic structures on Diagnose: a fold that is filled when it is opened, in the visitor's language."""

from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from derm.structures import weights as stored
from tests.cases import said
from tests.decoders import save_decoder

ROOT = Path(__file__).parents[2]
TITLE = "Dermoscopic structures"


@pytest.fixture
def opened(tiny_weights, tiny_model, tmp_path, monkeypatch):
    monkeypatch.setenv("DERM_WEIGHTS", str(tiny_weights))
    monkeypatch.setenv(stored.PLACE, str(tmp_path / "structures.json"))
    save_decoder(tiny_model, tmp_path / "structures.json")
    st.cache_resource.clear()
    yield lambda: AppTest.from_file(ROOT / "streamlit_app.py", default_timeout=60).run()
    st.cache_resource.clear()


def spoken(page: AppTest) -> str:
    assert not page.exception
    return said(" ".join(one.value for kind in (page.header, page.markdown, page.caption) for one in kind))


@pytest.mark.slow
def test_structures_lie_in_a_fold_that_is_filled_when_opened(opened, tmp_path):
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
    assert "lacks" in spoken(opened())
