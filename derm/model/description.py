"""A description of weights, as it stands in JSON: bounded, typed, each field within its range, under a hash.

Needs the content of a `.json` beside tensors. Knows nothing of tensors, nor where the numbers come from.
"""

import json
import re
from collections import Counter
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

from derm.diagnoses import CODES
from derm.errors import ConfigFault
from derm.files import open_ordinary
from derm.json_checks import (
    Check,
    fault_of,
    is_count,
    is_number_or_none,
    is_several,
    is_share_or_none,
    is_switch,
    is_text,
    is_text_or_none,
    list_of,
    none_or,
    object_with,
    within,
)
from derm.language.speech import say
from derm.model.config import ModelConfig
from derm.model.gate import read_gate
from derm.model.measured import IS_LEARNED, measured_fault

FORMAT = 1

SEAL = "description_sha256"
"""Name of the field that holds the hash of all others."""

LARGEST = 8_000_000
"""Bytes of a description, at most; that of the shipped weights has 110 thousand, most of them the gate's."""

DEEPEST = 32
"""Lists and tables in each other, at most."""

TEMPERATURES = (0.01, 100.0)
"""Beyond these a softmax says only which logit is the largest, or nothing at all."""

LONGEST_LICENCE = 10_000
"""Characters."""

CELLS = 4.0
"""By how many cells `evidence_shift` may differ from 0; measured are fractions of one."""


def read_content(path: Path) -> dict[str, Any]:
    """What stands in the description `path`; OSError where it cannot be read, ValueError where it is no such JSON.

    Never reads more than `LARGEST` bytes; refuses what JSON leaves open, such as NaN and a name that stands twice.
    """
    with open_ordinary(path) as stream:
        raw = stream.read(LARGEST + 1)
    if len(raw) > LARGEST:
        raise ValueError(f"more than {LARGEST // 1_000_000} MB, which no description has")
    try:
        content = json.loads(raw, parse_constant=_no_number, object_pairs_hook=_each_once)
    except RecursionError as error:
        raise ValueError("lists in lists without end") from error
    if not isinstance(content, dict):
        raise ValueError("no table of names and values")
    if _depth(content) > DEEPEST:
        raise ValueError(f"lists and tables more than {DEEPEST} deep in each other")
    return content


def _no_number(name: str) -> None:
    raise ValueError(f"{name} is no number of JSON")


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    content = dict(pairs)
    if len(content) < len(pairs):
        twice = next(name for name, times in Counter(name for name, _ in pairs).items() if times > 1)
        raise ValueError(f"'{twice}' stands there twice")
    return content


def _depth(content: object) -> int:
    """How deep lists and tables lie in each other."""
    deepest, level = 0, [content]
    while level:
        deepest += 1
        inner = [item.values() if isinstance(item, dict) else item for item in level if isinstance(item, dict | list)]
        level = [item for items in inner for item in items if isinstance(item, dict | list)]
    return deepest


def seal_of(content: Mapping[str, Any]) -> str:
    """The SHA-256 of a description's fields but `SEAL`, whatever their order and layout."""
    others = {name: value for name, value in content.items() if name != SEAL}
    text = json.dumps(others, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
    return sha256(text.encode()).hexdigest()


def sealed(content: Mapping[str, Any]) -> dict[str, Any]:
    """A description under its hash, to be written."""
    return {SEAL: seal_of(content), **content}


def check_seal(content: Mapping[str, Any]) -> bool:
    """Whether the description is under its hash; False for one from before there was one, ValueError if changed."""
    if SEAL not in content:
        return False
    if content[SEAL] != seal_of(content):
        raise ValueError("changed after it was written")
    return True


def named_tensors(content: Mapping[str, Any]) -> tuple[str, str]:
    """The tensors' file, a name beside the description, and the SHA-256 that it is to have; ValueError otherwise."""
    file, digest = content["file"], content["sha256"]
    if not isinstance(file, str) or not re.fullmatch(r"[^/\\\0:]{1,255}\.safetensors", file):
        raise ValueError(f"the file {str(file)[:80]!r}, expected the name of a .safetensors file beside it")
    if not isinstance(digest, str) or not re.fullmatch(r"[0-9a-f]{64}", digest):
        raise ValueError(f"the sha256 {str(digest)[:80]!r}, expected 64 hexadecimal digits")
    return file, digest


def read_fields(content: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of `derm.model.weights.WeightsInfo` that `content` holds.

    Raises KeyError for one that is missing, ValueError for one of another type or beyond its range, ConfigFault for a
    model that cannot be, WeightsFault for a gate that does not fit.
    """
    if type(content["format"]) is not int or content["format"] != FORMAT:
        raise ValueError(f"format {content['format']}, this version of Derm reads {FORMAT}")
    if content["classes"] != list(CODES):
        raise ConfigFault(
            say(
                "these weights tell apart {classes}, this version of Derm {list}: take weights that were trained "
                "for the latter, or train some with `derm train`.",
                classes=str(content["classes"])[:200],
                list=list(CODES),
            )
        )
    referral = content.get("referral_threshold")
    return {
        "model": ModelConfig.from_dict(_table(content, "model")),
        "mask_threshold": _number(content["mask_threshold"], "mask threshold", 0, 1),
        "class_mask_threshold": _number(content["class_mask_threshold"], "class mask threshold", 0, 1),
        "temperature": _number(content["temperature"], "temperature", *TEMPERATURES),
        "referral_threshold": None if referral is None else _number(referral, "referral threshold", 0, 1),
        "conformal_thresholds": _shares(content.get("conformal_thresholds"), "conformal thresholds"),
        "familiarity": None if content.get("familiarity") is None else _table(content, "familiarity"),
        "gate": read_gate(content.get("gate")),
        "evidence_shift": {
            grid: _number(shift, f"evidence shift of {grid}", -CELLS, CELLS)
            for grid, shift in _table(content, "evidence_shift", {}).items()
        },
        "mix": _mix(content.get("mix")),
        "training": _training(_table(content, "training")),
        "measured": _measured(_table(content, "measured")),
        "licence": _text(content["licence"], "licence", LONGEST_LICENCE),
    }


def _number(value: object, name: str, low: float, high: float) -> float:
    """`value` as a float, low … high; ValueError for anything else, true and false among it."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        raise ValueError(f"the {name} is {str(value)[:80]}, expected a number from {low:g} to {high:g}")
    return float(value)


def _shares(values: object, name: str) -> tuple[float, ...] | None:
    """One share 0 … 1 a class; None for None."""
    if values is None:
        return None
    if not isinstance(values, list) or len(values) != len(CODES):
        count = f"{len(values)} {name}" if isinstance(values, list) else f"no list of {name}"
        raise ValueError(f"{count}, expected {len(CODES)}")
    return tuple(_number(value, name, 0, 1) for value in values)


def _mix(values: object) -> tuple[float, ...] | None:
    mix = _shares(values, "shares of the mix")
    if mix is not None and abs(sum(mix) - 1) > 1e-3:
        raise ValueError(f"a mix of {values}, expected {len(CODES)} shares that sum to 1")
    return mix


def _table(content: Mapping[str, Any], name: str, without: dict[str, Any] | None = None) -> dict[str, Any]:
    value = content[name] if without is None else content.get(name, without)
    if not isinstance(value, dict):
        raise ValueError(f"{name} is {str(value)[:80]}, expected a table of names and values")
    return value


def _text(value: object, name: str, longest: int) -> str:
    if not isinstance(value, str) or len(value) > longest:
        raise ValueError(f"the {name} is no text of at most {longest:,} characters")
    return value


def _training(training: dict[str, Any]) -> dict[str, Any]:
    """What is read of a training's record, in its types and ranges: its configuration, epochs, data and sources."""
    data = _table(training, "data", {})
    fault = fault_of(training, {}, _TRAINING)
    for name, checks in (("config", _CONFIG), ("data", _DATA)):
        if fault is None and (field := fault_of(training.get(name, {}), {}, checks)) is not None:
            fault = f"{name}.{field}".removesuffix(".")
    if fault is not None:
        raise ValueError(f"training.{fault} is not what `derm train` or `derm soup` writes there")
    sources = _table(data, "sources", {}) if data.get("sources") is not None else {}
    for names in (*sources.values(), data.get("sources_before", [])):
        inside = list(names) if isinstance(names, dict | list) else [None]
        if not all(isinstance(name, str) for name in inside):
            raise ValueError("training.data.sources is no table of sources and their parts")
    if "learned" in data and data["learned"] != {} and not IS_LEARNED(data["learned"]):
        raise ValueError("training.data.learned is no table of pictures, lesions and classes")
    return training


def _measured(measured: dict[str, Any]) -> dict[str, Any]:
    if fault := measured_fault(measured):
        raise ValueError(f"measured.{fault} is not what `derm evaluate` or `derm calibrate` writes there")
    return measured


_SWITCHED = object_with({"enabled": is_switch})
_CONFIG: dict[str, Check] = {
    "model": object_with({}, {"input_size": is_several}),
    **dict.fromkeys(("curriculum", "replay"), _SWITCHED),
    **dict.fromkeys(("epochs", "batch"), is_several),
    **dict.fromkeys(("split_by", "start", "optimiser", "mask_loss"), is_text),
    "leave_out": list_of(is_text),
    "learning_rate": within(0, 10),
}
_DATA: dict[str, Check] = {
    **dict.fromkeys(("train", "validation", "images"), is_count),
    **dict.fromkeys(("split", "fingerprint"), is_text),
}
_FIGURES = object_with(
    {},
    {
        **dict.fromkeys(("mask_loss", "class_loss"), is_number_or_none),
        **dict.fromkeys(("dice", "accuracy", "macro_auc"), is_share_or_none),
    },
)
_INGREDIENT = object_with(
    {"weights": is_text, "sha256": is_text, "share": within(0, 1)},
    {"epoch": none_or(is_count), "config": none_or(object_with({}, _CONFIG)), "commit": is_text_or_none},
)
_TRAINING: dict[str, Check] = {
    "epoch": is_count,
    "commit": is_text_or_none,
    "soup": list_of(_INGREDIENT),
    "taught": object_with({}, {"pictures": is_count, "from": is_text, "recorded_before": is_count}),
    "adapted": object_with({}, {"pictures": is_count, "from": is_text, "share": within(0, 1)}),
    "history": none_or(list_of(object_with({"epoch": is_count, "train": _FIGURES, "validation": _FIGURES}))),
}
"""Of a training's record, what is read of it; older ones lack some."""
