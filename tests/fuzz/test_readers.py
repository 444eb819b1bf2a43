"""Readers on made and mutated input: each gives an answer or one of Derm's own refusals, and nothing else.

What was found lies in corpus, KIND-NAME, and is tried each time. FUZZ_EXAMPLES says how many inputs a reader gets.
"""

import io
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from derm.errors import DermError, ImageRefused, WeightsFault
from derm.image.decode import read_image
from derm.model.description import SEAL, seal_of
from derm.model.weights import default_weights, load_info
from derm.serve.opening import Opening

pytestmark = [pytest.mark.fuzz, pytest.mark.slow]

CORPUS = Path(__file__).parent / "corpus"
BUDGET = settings(
    max_examples=int(os.environ.get("FUZZ_EXAMPLES", "100")),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture, HealthCheck.data_too_large],
)
FORMATS = ("PNG", "JPEG", "TIFF", "WEBP", "BMP", "GIF")

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=8) | st.dictionaries(st.text(max_size=10), inner, max_size=5),
    max_leaves=20,
)


def drawn(form: str) -> bytes:
    """A small picture in a file."""
    shades = np.add.outer(np.arange(40) * 3, np.arange(48) * 2).astype(np.uint8)
    stream = io.BytesIO()
    Image.fromarray(np.stack([shades, shades // 2, 255 - shades], axis=2)).save(stream, form)
    return stream.getvalue()


PICTURES = {form: drawn(form) for form in FORMATS}


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """A picture's file with some bytes changed, taken out, doubled or cut off."""
    content = bytearray(PICTURES[draw(st.sampled_from(FORMATS))])
    for _ in range(draw(st.integers(0, 6))):
        place = draw(st.integers(0, max(len(content) - 1, 0)))
        match draw(st.sampled_from(("set", "remove", "double", "cut"))):
            case "set":
                content[place : place + 1] = draw(st.binary(min_size=1, max_size=4))
            case "remove":
                del content[place : place + draw(st.integers(1, 40))]
            case "double":
                content[place:place] = content[place : place + draw(st.integers(1, 200))]
            case _:
                del content[place:]
    return bytes(content)


def check_picture(content: bytes) -> None:
    try:
        picture = read_image(content, "made")
    except ImageRefused:
        return
    assert picture.dtype == np.uint8
    assert picture.ndim == 3


@BUDGET
@given(mutated() | st.binary(max_size=400))
@pytest.mark.filterwarnings("ignore")  # of Pillow, about damaged files
def test_pictures(content):
    check_picture(content)


@pytest.mark.parametrize("path", sorted(CORPUS.glob("picture-*")), ids=lambda path: path.name)
@pytest.mark.filterwarnings("ignore")
def test_pictures_that_were_found(path):
    check_picture(path.read_bytes())


DESCRIBED: dict[str, Any] = json.loads(default_weights().read_text())
PLACES = [(name,) for name in DESCRIBED if name != SEAL]
PLACES += [(name, inner) for name in DESCRIBED if isinstance(DESCRIBED[name], dict) for inner in DESCRIBED[name]]
PLACES += [
    ("gate", statement, inner)
    for statement in ("not_dermoscopic", "seen_little")
    for inner in DESCRIBED["gate"][statement]
]


@BUDGET
@given(st.lists(st.tuples(st.sampled_from(PLACES), values), min_size=1, max_size=3))
def test_descriptions_under_their_hash(tmp_path, changes):
    content = json.loads(json.dumps(DESCRIBED))
    for place, value in changes:
        inside = content
        for name in place[:-1]:
            inside = inside[name] if isinstance(inside, dict) and isinstance(inside.get(name), dict) else {}
        inside[place[-1]] = value
    try:
        content[SEAL] = seal_of(content)
    except ValueError:  # NaN, which has no JSON
        del content[SEAL]
    check_description(tmp_path / "made.json", json.dumps(content).encode())


@BUDGET
@given(st.binary(max_size=300) | values.map(lambda value: json.dumps(value).encode()))
def test_descriptions_that_are_anything(tmp_path, content):
    check_description(tmp_path / "made.json", content)


def check_description(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    try:
        info = load_info(path)
    except WeightsFault:
        return
    assert 0 < info.temperature < float("inf")
    assert info.referral_threshold is None or 0 <= info.referral_threshold <= 1
    assert isinstance(info.learned_from, frozenset)


@BUDGET
@given(
    st.text(max_size=40) | st.from_regex(r"[a-z0-9.:@\[\]/%-]{1,30}", fullmatch=True), st.none() | st.text(max_size=40)
)
def test_hosts_and_origins(host, origin):
    opening = Opening()
    if opening.takes_host(host):
        name = host.lower().rpartition(":")[0] if not host.endswith("]") and ":" in host else host.lower()
        assert name.rstrip(".") == "localhost" or name.startswith(("127.", "[")), host
    opening.takes_origin(origin, host)


@pytest.mark.parametrize("path", sorted(CORPUS.glob("description-*")), ids=lambda path: path.name)
def test_descriptions_that_were_found(tmp_path, path):
    with pytest.raises(DermError):
        load_info(path)
