"""The number format of training: what was asked for, or what the device is quick in."""

from dataclasses import replace
from itertools import chain

import pytest

from derm.train import precision
from derm.train.config import DERM, PAPER
from derm.train.precision import (
    ROUNDS,
    SLOWER,
    is_quick_in_bfloat16,
    pays_to_compile,
    settle_precision,
    settle_workers,
)


@pytest.mark.parametrize(("quick", "expected"), [(True, "bfloat16"), (False, "float32")])
def test_auto_becomes_what_the_device_is_quick_in_and_a_choice_stays(monkeypatch, quick, expected):
    monkeypatch.setattr(precision, "is_quick_in_bfloat16", lambda device: quick)
    assert settle_precision(DERM, "cpu") == replace(DERM, precision=expected)
    for chosen in ("bfloat16", "float32"):
        config = replace(PAPER, precision=chosen)
        assert settle_precision(config, "cpu") == config


@pytest.mark.parametrize(
    ("mixed", "plain", "quick"),
    [
        ([SLOWER] * ROUNDS, [1.0] * ROUNDS, True),  # as slow as may be
        ([SLOWER + 0.25] * ROUNDS, [1.0] * ROUNDS, False),
        ([9.0] * (ROUNDS - 1) + [1.0], [1.0] * ROUNDS, True),  # other work on the machine, but for once
        ([3.0] * ROUNDS, [9.0] * (ROUNDS - 1) + [1.0], False),
    ],
)
def test_the_quickest_pass_of_each_format_decides(monkeypatch, mixed, plain, quick):
    taken = chain.from_iterable(zip(mixed, plain, strict=True))
    clock = iter(list(chain.from_iterable((0.0, seconds) for seconds in taken)))
    monkeypatch.setattr(precision.time, "perf_counter", lambda: next(clock))
    assert is_quick_in_bfloat16("cpu") is quick
    assert next(clock, None) is None  # every pass was timed


def test_workers_grow_with_an_accelerators_cores(monkeypatch):
    monkeypatch.setattr(precision.os, "cpu_count", lambda: 16)
    assert settle_workers(DERM, "cpu") == DERM
    assert settle_workers(DERM, "cuda") == replace(DERM, workers=15, lookahead=31)
    chosen = replace(DERM, workers=4)
    assert settle_workers(chosen, "cuda") == chosen
    monkeypatch.setattr(precision.os, "cpu_count", lambda: 64)
    assert settle_workers(DERM, "cuda").workers == 16
    monkeypatch.setattr(precision.os, "cpu_count", lambda: None)
    assert settle_workers(DERM, "cuda") == DERM


@pytest.mark.parametrize(
    ("chosen", "device", "steps", "expected"),
    [
        ("auto", "cpu", 10_000, False),
        ("auto", "cuda", 9_999, False),
        ("auto", "cuda", 10_000, True),
        ("on", "cpu", 1, True),
        ("off", "cuda", 10_000, False),
    ],
)
def test_compiling_pays_in_long_runs_on_an_accelerator(chosen, device, steps, expected):
    assert pays_to_compile(replace(DERM, compile=chosen), device, steps) is expected
