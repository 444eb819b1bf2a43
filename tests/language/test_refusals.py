"""No refusal that a page may show escapes the catalogues: every fault that a room which pages reach makes is said."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from derm import errors
from derm.errors import DermError
from derm.language.messages import sources

ROOT = Path(__file__).parents[2]

FAULTS = {
    name for name, kind in vars(errors).items() if isinstance(kind, type) and issubclass(kind, DermError)
} | {"ToldElsewhere"}  # fmt: skip
"""What a fault is called where it is made."""

SAYING = {"say", "say_many", "say_of", "again", "said_of_json"}
"""What gives text in the language now spoken."""

TERMINALS = {
    "derm.cli": "the commands: what they ask of their options, a terminal says",
    "derm.bench": "times and tables for whoever works on Derm",
    "derm.api": "for programs in Python",
    "derm.predict.crew": "many processes for one folder: `derm predict`",
    "derm.predict.cluster": "machines of a cluster: `derm predict --ray`",
    "derm.predict.folder": "a folder of pictures: `derm predict`; pages get pictures one by one",
    "derm.predict.mask_files": "masks and maps of `derm predict`",
    "derm.predict.parquet": "the table of `derm predict`",
    "derm.predict.portable": "a file for other programs: `derm export`",
    "derm.predict.remote": "addresses of stores: `derm predict s3://…`",
    "derm.predict.run": "`derm predict`",
    "derm.predict.table": "the table of `derm predict`",
    "derm.evaluate.lesion_measures": "`derm measures`",
    "derm.evaluate.library": "`derm library build`",
    "derm.evaluate.local": "`derm calibrate`",
    "derm.evaluate.similar_worth": "`derm library worth`",
    "derm.explain.captum_methods": "methods of packages that the checkout alone installs: `derm explain`",
    "derm.model.adapt": "`derm adapt`",
    "derm.model.soup": "`derm soup`",
    "derm.concepts.cme": "`derm concepts`",
    "derm.concepts.examples": "`derm concepts`",
    "derm.concepts.learn": "`derm concepts`",
    "derm.records.transfer": "`derm records export`, `import`, `backup` and `restore`",
    "derm.report.facts": "what `derm report` is made of",
    "derm.structures.learn": "`derm structures train`",
    "derm.structures.marks": "`derm structures train`",
    "derm.structures.views": "`derm structures train`",
    "derm.teach.simulate": "`derm teach`",
    "derm.zoo.protocol": "`derm zoo run`",
    "derm.zoo.run": "`derm zoo run`",
}
"""Rooms that no page reaches, by what they are for: scripts read their refusals, in English."""


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def within(module: str, rooms: dict[str, str]) -> bool:
    return any(module == room or module.startswith(f"{room}.") for room in rooms)


@cache
def trees() -> dict[str, ast.Module]:
    return {module_name(path): ast.parse(path.read_text(encoding="utf-8")) for path in sources(ROOT)}


def imported(tree: ast.Module) -> Iterator[str]:
    """What a module imports when it runs, in functions, too, as 'module' and 'module.name'."""
    idle = {id(one) for node in ast.walk(tree) if for_types(node) for one in ast.walk(node)}
    for node in ast.walk(tree):
        if id(node) in idle:
            continue
        if isinstance(node, ast.Import):
            yield from (one.name for one in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield str(node.module)
            yield from (f"{node.module}.{one.name}" for one in node.names)


def for_types(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"


def reached() -> set[str]:
    """The modules that pages import, or what they import, and so on."""
    known = trees()
    found = {module for module in known if module == "streamlit_app" or module.startswith("pages")}
    ahead = list(found)
    while ahead:
        new = {name for name in imported(known[ahead.pop()]) if name in known} - found
        found |= new
        ahead += new
    return found


def unsaid_faults(tree: ast.Module) -> list[int]:
    """The lines on which a fault is made whose text, or a part of it, has been said by nobody."""
    given: dict[str, list[ast.expr]] = {}
    for node in ast.walk(tree):
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        value = node.iter if isinstance(node, ast.For | ast.comprehension) else getattr(node, "value", None)
        if isinstance(value, ast.expr):
            for target in targets:
                for one in target.elts if isinstance(target, ast.Tuple) else [target]:
                    if isinstance(one, ast.Name):
                        given.setdefault(one.id, []).append(value)
        if isinstance(node, ast.FunctionDef):
            returned = [one.value for one in ast.walk(node) if isinstance(one, ast.Return) and one.value is not None]
            given.setdefault(f"{node.name}()", []).extend(returned)
    return [
        node.lineno
        for node in ast.walk(tree)
        if makes_fault(node) and any(is_unsaid(one, given) for one in node.args[-1:])
    ]


def is_unsaid(node: ast.expr, given: dict[str, list[ast.expr]], seen: frozenset[str] = frozenset()) -> bool:
    """Whether a text is written here, and not said; what another module makes is that module's."""
    if isinstance(node, ast.Call):
        name = called(node)
        if name in SAYING or name == "mark":
            return name == "mark"
        if isinstance(node.func, ast.Attribute) and node.func.attr in ("format", "join", "strip"):
            return True
    if isinstance(node, ast.Name | ast.Call):
        own = node.id if isinstance(node, ast.Name) else f"{called(node)}()"
        return own not in seen and any(is_unsaid(one, given, seen | {own}) for one in given.get(own, ()))
    if isinstance(node, ast.JoinedStr | ast.BinOp):
        return True
    if isinstance(node, ast.Constant):
        return isinstance(node.value, str) and any(letter.isalpha() for letter in node.value)
    parts = [node.body, node.orelse] if isinstance(node, ast.IfExp) else getattr(node, "elts", [])
    parts = node.values if isinstance(node, ast.BoolOp | ast.Dict) else parts
    return any(one is not None and is_unsaid(one, given, seen) for one in parts)


def makes_fault(node: ast.AST) -> bool:
    """Whether a fault is made here, be it by the processes of a training, `derm.train.world.World`."""
    return isinstance(node, ast.Call) and (
        called(node) in FAULTS or ast.unparse(node.func) in ("world.fault", "world.lost", "world.same")
    )


def called(node: ast.Call) -> str:
    return node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")


def test_every_refusal_that_a_page_may_show_is_said():
    rooms = {module: tree for module, tree in trees().items() if not within(module, TERMINALS)}
    lines = {module: found for module, tree in rooms.items() if (found := unsaid_faults(tree))}
    assert lines == {}, "say it, or name the room among the terminal's, with the reason"


def test_no_page_reaches_a_room_that_is_the_terminals_alone():
    assert [module for module in sorted(reached()) if within(module, TERMINALS)] == []


def test_every_room_of_the_terminal_is_there_and_refuses_something():
    silent = {
        room for room in TERMINALS if not any(unsaid_faults(trees()[one]) for one in trees() if within(one, {room: ""}))
    }
    assert silent == set()


def test_every_kind_of_fault_is_known():
    own = {
        node.name
        for tree in trees().values()
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef) and FAULTS & {ast.unparse(base) for base in node.bases}
    }
    assert own <= FAULTS


@pytest.mark.parametrize(
    "source",
    [
        'raise ConfigFault("No.")',
        'raise errors.ConfigFault(f"{a} does not fit.")',
        'raise ConfigFault(NO)\nNO = mark("No.")',
        "raise ConfigFault(NO.format(name=1))",
        'raise ConfigFault(say("No.") if a else "Yes.")',
        'raise world.lost(say("No.") + cure)',
        'fault = ConfigFault(text)\nfor text in ("No.", "Yes."): pass',
        'raise ConfigFault(why())\ndef why():\n    return "No."',
        'raise ConfigFault(text)\nif text := a or "No.": pass',
    ],
)
def test_a_refusal_that_nobody_says_is_found(source):
    assert unsaid_faults(ast.parse(source)) == [1]


@pytest.mark.parametrize(
    "source",
    [
        'raise ConfigFault(say("No."))',
        "raise ConfigFault(say(NO, a=1))",
        'raise ConfigFault(text)\ntext = say("No.") if a else say_many("a", "b", 2)',
        "raise ConfigFault(words.no(a))",
        'raise ValueError("its mistake is ours")',
    ],
)
def test_a_refusal_that_is_said_is_none(source):
    assert unsaid_faults(ast.parse(source)) == []
