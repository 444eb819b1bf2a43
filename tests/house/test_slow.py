"""The list of slow tests names tests that are there."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NAMED = [line for line in (ROOT / "tests" / "slow.txt").read_text().splitlines() if "::" in line]


@pytest.mark.parametrize("path", sorted({line.partition("::")[0] for line in NAMED}))
def test_every_test_of_the_list_is_there(path):
    there = {node.name for node in ast.parse((ROOT / path).read_text()).body if isinstance(node, ast.FunctionDef)}
    assert {line.partition("::")[2] for line in NAMED if line.startswith(f"{path}::")} <= there
