"""The catalogues: in step with the source, complete, and with the same fields in each language."""

import ast
import re
from io import BytesIO
from pathlib import Path

import pytest
from babel.messages.pofile import read_po

from derm.language.messages import (
    KEYWORDS,
    TEMPLATE,
    fields,
    files,
    messages_of,
    mo_text,
    place,
    renewed,
    sources,
    template,
)
from derm.language.speech import languages

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def trees():
    """The syntax trees of the source, each read once."""
    return {path: ast.parse(path.read_text(encoding="utf-8")) for path in sources(ROOT)}


@pytest.fixture(scope="module")
def wanted():
    return template(ROOT)


@pytest.fixture(params=languages()[1:])
def catalogue(request):
    return read_po(BytesIO(place(request.param).read_bytes()), locale=request.param)


def test_the_catalogues_are_in_step_with_the_source(wanted):
    found = list(files(wanted))
    assert [path.name for path, _ in found[:1]] == [TEMPLATE.name]
    stale = [path.name for path, content in found if not path.is_file() or path.read_bytes() != content]
    assert stale == [], "run `make messages`"


def test_every_sentence_is_translated(catalogue):
    lacking = [message.id for message in catalogue if message.id and not all(forms(message.string))]
    assert lacking == []


def test_a_translation_has_the_fields_of_its_sentence(catalogue):
    for message in catalogue:
        if message.id:
            allowed = {tuple(fields(one)) for one in forms(message.id)}
            for one in forms(message.string):
                assert tuple(fields(one)) in allowed, message.id


def test_every_sentence_in_the_source_is_written_out(trees):
    """`say` of a name finds a marked sentence; of a sentence that is put together it would find none."""
    put_together = []
    for path, tree in trees.items():
        for node in ast.walk(tree):
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name) or node.func.id not in KEYWORDS:
                continue
            put_together += [
                f"{path.relative_to(ROOT)}:{node.lineno}"
                for one in node.args
                if isinstance(one, ast.JoinedStr | ast.BinOp | ast.IfExp)
            ]
    assert put_together == []


def test_a_field_in_the_source_is_filled_and_none_is_left_over(trees):
    """Where the sentence stands in the call; one that was marked gets its fields from where it is said."""
    wrong = []
    for path, tree in trees.items():
        for node in ast.walk(tree):
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
                continue
            if node.func.id not in ("say", "say_many", "say_of") or any(one.arg is None for one in node.keywords):
                continue
            texts = [one.value for one in node.args if isinstance(one, ast.Constant) and isinstance(one.value, str)]
            texts = texts[1:] if node.func.id == "say_of" else texts
            if texts:
                named = {name.split("!")[0].split(".")[0] for text in texts for name in fields(text)} - {"count"}
                given = {one.arg for one in node.keywords} - {"count"}
                if named != given:
                    wrong.append(f"{path.relative_to(ROOT)}:{node.lineno}: {sorted(named ^ given)}")
    assert wrong == []


def test_a_marked_sentence_gets_its_fields_where_it_is_said(trees):
    """`X = mark("…")` of a module, said there or elsewhere as `say(X, …)` or `say(module.X, …)`."""
    named = {module_name(path): tree for path, tree in trees.items()}
    kept = {f"{module}.{name}": text for module, tree in named.items() for name, text in marked(tree)}
    seen, wrong = 0, []
    for module, tree in named.items():
        for call, sentence in said_by_name(module, tree, kept):
            if any(one.arg is None for one in call.keywords):
                continue
            seen += 1
            lacking = {one.split("!")[0].split(".")[0] for one in fields(sentence)} ^ {one.arg for one in call.keywords}
            if lacking:
                wrong.append(f"{module}:{call.lineno}: {sorted(lacking)}")
    assert wrong == []
    assert seen > 50


def test_a_field_that_a_marked_sentence_lacks_is_seen():
    kept = {"a.words.X": "{name} of {count}"}
    for source in ("from a.words import X as Y\nsay(Y, name=1)", "from a import words\nsay(words.X, name=1)"):
        ((call, sentence),) = said_by_name("b", ast.parse(source), kept)
        assert (sentence, [one.arg for one in call.keywords]) == ("{name} of {count}", ["name"])
    assert list(marked(ast.parse('X = mark("{name}")\nY, Z = mark("a"), mark("b")'))) == [
        ("X", "{name}"),
        ("Y", "a"),
        ("Z", "b"),
    ]


def test_a_translation_outlives_its_neighbours_and_a_merge(wanted):
    """Of two sides of a merge both are kept; where both have a sentence the first counts."""
    head = 'msgid ""\nmsgstr "Content-Type: text/plain; charset=utf-8\\n"\n\n'
    entries = 'msgid "melanoma"\nmsgstr "{}"\n\nmsgid "{}"\nmsgstr "{}"\n\nmsgid "dermatofibroma"\nmsgstr "{}"\n'
    ours, theirs = (
        entries.format("Melanom", "gone", "weg", ""),
        entries.format("?", "Camera", "Kamera", "Dermatofibrom"),
    )
    made = renewed("de", wanted, (head + ours).encode(), (head + theirs).encode())
    found = [made.get(name) for name in ("melanoma", "dermatofibroma", "Camera", "gone")]
    assert [None if one is None else one.string for one in found] == ["Melanom", "Dermatofibrom", "Kamera", None]
    assert mo_text(made) == mo_text(made)


def test_no_translation_has_swallowed_another_sentence(catalogue):
    """As when git mixes two entries."""
    sentences = [one for message in catalogue for one in forms(message.id) if len(one) > 40]
    for message in catalogue:
        own = "".join(forms(message.id))
        for text in forms(message.string):
            assert [one for one in sentences if one in text and one not in own] == []


CODE = re.compile(r"`[^`]*`|'(?:derm)\[\w+\]'|https?://\S+")
"""What is typed, in which quotes and points are the machine's."""

FOREIGN = {
    "de": re.compile(
        r"'\{|\}'|\"|[“”](?=\w)|\w„|[\d}] %|(?<![\d.])0\.\d|\bLabels?\b|\b([Dd]u|[Dd]ein\w*|[Dd]ir|[Dd]ich)\b"
    ),
}
"""What a language does not write so: quotes, the space before a percent sign, the decimal point, whom it speaks to."""


def unlike(language: str, text: str) -> list[str]:
    return [found[0] for found in FOREIGN[language].finditer(CODE.sub("", text))] if language in FOREIGN else []


def test_signs_and_address_are_the_languages_own(catalogue):
    wrong = {
        text: found
        for message in catalogue
        for text in forms(message.string)
        if (found := unlike(str(catalogue.locale), text))
    }
    assert wrong == {}


@pytest.mark.parametrize(
    "text", ["Der Lauf '{name}'", 'Der "Lauf"', "“Lauf“", "95 % davon", "{share} % davon", "etwa 0.5", "dein Bild"]
)
def test_signs_of_another_language_are_found(text):
    assert unlike("de", text) != []


def test_what_is_typed_keeps_the_machines_signs():
    assert unlike("de", "`--set a='{b}'`: pip install 'derm[heic]', 0,5, „{name}“ und 95\N{NO-BREAK SPACE}%") == []


def test_what_is_said_within_an_f_string_is_found_too():
    source = """a = f"{say('One' ' two')} {say_many('a', 'b', 2)}"; say_of('c', 'd'); say(a); mark('e'); other('f')"""
    assert sorted(messages_of(source)) == [
        ("mark", ("e",)),
        ("say", ("One two",)),
        ("say_many", ("a", "b")),
        ("say_of", ("c", "d")),
    ]


def test_fields_are_named_with_conversion_and_format():
    assert fields("{b:.1f} of {a!r}, {a!r}") == ["a!r:", "a!r:", "b!:.1f"]


def forms(text) -> tuple[str, ...]:
    return text if isinstance(text, tuple) else (text,)


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def marked(tree: ast.Module):
    """Names of a module that stand for one marked sentence each, with the sentence."""
    for node in tree.body:
        if not isinstance(node, ast.Assign) or len(node.targets) != 1:
            continue
        (target,) = node.targets
        together = isinstance(target, ast.Tuple) and isinstance(node.value, ast.Tuple)
        pairs = zip(target.elts, node.value.elts, strict=False) if together else [(target, node.value)]
        for name, value in pairs:
            if isinstance(value, ast.Call) and ast.unparse(value.func) == "mark" and isinstance(name, ast.Name):
                yield name.id, ast.literal_eval(value.args[0])


def said_by_name(module: str, tree: ast.Module, kept: dict[str, str]):
    """Each call of `say` with a name of `kept` ('module.NAME' → sentence), and the sentence."""
    known = {name.removeprefix(f"{module}."): name for name in kept if name.rpartition(".")[0] == module}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            known |= {one.asname or one.name: f"{node.module}.{one.name}" for one in node.names}
        elif isinstance(node, ast.Import):
            known |= {one.asname: one.name for one in node.names if one.asname}
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "say" and node.args:
            whole = ast.unparse(node.args[0])
            first, _, rest = whole.partition(".")
            name = f"{known.get(first, first)}.{rest}" if rest else known.get(first, first)
            if name in kept:
                yield node, kept[name]
