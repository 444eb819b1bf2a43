"""What stands beside the code: it names what is there, in the version that is there, and its examples work."""

import math
import re
import shlex
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import typer
import yaml  # of albumentations
from PIL import Image

import derm
from derm.cli.main import app
from derm.data import catalogue
from derm.data.synthetic.lesion import draw_lesion
from derm.explain import cams, methods
from derm.explain.gradcam import score_parts
from derm.metrics import classification, registry

ROOT = Path(__file__).parents[2]
PYTHON_BLOCK = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)
READ_FIRST = ("README.md", "CONTRIBUTING.md")
API_PAGES = sorted((ROOT / "docs" / "api").glob("*.md"))


def text_of(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def inline_code(text: str) -> list[str]:
    """What `text` sets in single backticks, outside of its blocks of code."""
    return re.findall(r"`([^`\n]+)`", re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL))


# README


def test_every_variable_of_the_environment_is_told_of():
    code = "\n".join(
        path.read_text(encoding="utf-8") for folder in ("derm", "pages") for path in (ROOT / folder).rglob("*.py")
    )
    read = set(re.findall(r'"(DERM_[A-Z_]+)"', code))
    told = set(re.findall(r"`(DERM_[A-Z_]+)`", text_of("README.md") + text_of("docs/operations.md")))
    assert len(read) > 25
    assert sorted(read - told - {"DERM_LOGIN", "DERM_REFUSAL"}) == []


# CONTRIBUTING


def test_paths_that_contributing_names_exist():
    paths = [code for code in inline_code(text_of("CONTRIBUTING.md")) if "/" in code and " " not in code]
    assert len(paths) > 20
    assert [path for path in paths if not (ROOT / path).exists()] == []


def test_names_that_contributing_uses_are_in_the_code():
    code = "\n".join(
        path.read_text(encoding="utf-8")
        for folder in ("derm", "pages", "tests")
        for path in (ROOT / folder).rglob("*.py")
    )
    names = [
        name for name in inline_code(text_of("CONTRIBUTING.md")) if re.fullmatch(r"[A-Za-z_]*[A-Z_][A-Za-z_]*", name)
    ]
    assert len(names) > 20
    assert [name for name in names if not re.search(rf"\b{name}\b", code)] == []


def test_the_metric_of_contributing_works(monkeypatch):
    function, entry = (block for block in PYTHON_BLOCK.findall(text_of("CONTRIBUTING.md")) if "jaccard" in block)
    names = dict(vars(classification))
    exec(function, names)
    true, called = np.array([0, 1, 2, 2, 4]), np.array([0, 1, 1, 2, 5])
    matrix = classification.confusion_matrix(true, called)
    jaccard = names["jaccard"](matrix)
    np.testing.assert_array_equal(jaccard, [1, 1 / 2, 1 / 2, np.nan, 0, 0, np.nan])
    np.testing.assert_allclose(classification.f1(matrix), 2 * jaccard / (1 + jaccard))

    monkeypatch.setattr(classification, "jaccard", names["jaccard"], raising=False)
    (metric,) = eval(entry, dict(vars(registry)))  # with its comma, as in the tuple
    monkeypatch.setattr(registry, "OVERALL", (*registry.OVERALL, metric))
    measures = registry.classification_measures(true, np.eye(7)[called])
    assert measures["macro_jaccard"] == pytest.approx(2 / 5)  # the mean of 1, 1/2, 1/2, 0, 0
    assert metric.headline


def test_the_heat_map_of_contributing_works(tiny_model):
    function, entry = (
        block for block in PYTHON_BLOCK.findall(text_of("CONTRIBUTING.md")) if "grad_cam_against" in block
    )
    names = dict(vars(cams))
    exec(function, names)
    (method,) = eval(entry, {**vars(methods), **names})  # with its comma, as in the table
    assert method.flat_below(49) > 0
    images = torch.randn(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    answer = tiny_model.net(images)
    maps = method.maps(tiny_model.net, images, answer)
    torch.testing.assert_close(maps, (-score_parts(tiny_model.net, answer.features)).relu())


def test_the_data_source_of_contributing_is_read(tmp_path, monkeypatch):
    (block,) = (block for block in PYTHON_BLOCK.findall(text_of("CONTRIBUTING.md")) if "def read_ph2" in block)
    names: dict[str, Any] = {}
    exec(block, names)
    monkeypatch.setattr(catalogue, "read_own", names["read_ph2"])
    (tmp_path / "PH2_images").mkdir()
    Image.new("RGB", (8, 8)).save(tmp_path / "PH2_images" / "IMD003.png")
    (tmp_path / "PH2_dataset.csv").write_text("image_id,diagnosis\nIMD003,Common Nevus\n")
    found = catalogue.read_catalogue(tmp_path)
    (row,) = found.table.to_dict("records")
    assert found.layout == "PH2"
    assert (row["dx"], row["lesion_id"], row["sex"], row["source"]) == ("nv", "IMD003", "unknown", "ph2")
    assert Path(row["image_path"]).name == "IMD003.png"


@pytest.mark.parametrize("block", PYTHON_BLOCK.findall(text_of("CONTRIBUTING.md")))
def test_the_examples_of_contributing_are_python(block):
    compile(block, "CONTRIBUTING.md", "exec")


# README and CONTRIBUTING: links and commands


def words_of(heading: str) -> str:
    """The anchor of a heading, as GitHub and MkDocs make it."""
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


@pytest.mark.parametrize("name", READ_FIRST)
def test_links_lead_to_what_is_there(name):
    links = [link for link in re.findall(r"\]\(([^)\s]+)\)", text_of(name)) if "://" not in link]
    assert links
    for link in links:
        path, _, anchor = link.partition("#")
        assert (ROOT / path).exists(), link
        if anchor:
            assert anchor in map(words_of, re.findall(r"^#+ (.+)$", text_of(path or name), re.MULTILINE)), link


def commands_in(text: str) -> list[list[str]]:
    """The words of each `derm …` that `text` shows, in blocks of code and in backticks, without comments."""
    blocks = [
        line for block in re.findall(r"^```\n(.*?)^```", text, re.MULTILINE | re.DOTALL) for line in block.split("\n")
    ]
    lines = [line for line in (*blocks, *inline_code(text)) if line.startswith("derm ")]
    return [shlex.split(line, comments=True)[1:] for line in lines]


def commands() -> dict[str, Any]:
    """Every command of `derm` by its words, such as "data check"."""
    found, left = {}, [("", typer.main.get_command(app))]
    while left:
        name, command = left.pop()
        if hasattr(command, "commands"):
            left += [(f"{name} {word}".strip(), inner) for word, inner in command.commands.items()]
        else:
            found[name] = command
    return found


def faults_of(words: list[str]) -> list[str]:
    """What of `words`, those after `derm`, does not stand in the command line: command, options, arguments."""
    known = commands()
    if words in [[name.split()[0]] for name in known if " " in name]:
        return []  # a group of commands, by its name
    name = next((name for name in (" ".join(words[:2]), words[0]) if name in known), None)
    if name is None:
        return words[:2]
    parameters = known[name].params
    options = {option: one for one in parameters for option in (*one.opts, *one.secondary_opts) if option[0] == "-"}
    arguments = [one for one in parameters if one.param_type_name == "argument"]
    room = math.inf if any(one.nargs == -1 for one in arguments) else len(arguments)
    rest, faults = words[len(name.split()) :], []
    while rest:
        word = rest.pop(0)
        if word.startswith("-"):
            if word not in options:
                faults.append(word)
            elif not options[word].is_flag and not (rest and rest.pop(0)):
                faults.append(f"{word} without a value")
        elif word != "…":
            room -= 1
            faults += [word] if room < 0 else []
    return faults


@pytest.mark.parametrize("name", READ_FIRST)
def test_commands_are_those_of_the_command_line(name):
    shown = commands_in(text_of(name))
    assert len(shown) > 4
    assert {" ".join(words): faults for words in shown if (faults := faults_of(words))} == {}


def test_a_wrong_command_is_found():
    assert faults_of(["predict", "a.jpg", "--outt", "x"]) == ["--outt"]
    assert faults_of(["data", "chek", "DIR"]) == ["data", "chek"]
    assert faults_of(["compare", "a", "b", "c"]) == ["c"]
    assert faults_of(["train", "--data"]) == ["--data without a value"]


def test_the_readme_has_every_command():
    shown = {" ".join(words[:count]) for words in commands_in(text_of("README.md")) for count in (1, 2)}
    assert set(commands()) - shown == set()


def test_the_readme_says_research_use_only_once():
    assert len(re.findall("research use only", text_of("README.md"), re.IGNORECASE)) == 1


def test_the_five_lines_of_the_readme_work(tmp_path, monkeypatch, capsys):
    (block,) = PYTHON_BLOCK.findall(text_of("README.md"))
    Image.fromarray(draw_lesion("mel", 13, height=90, width=120).image).save(tmp_path / "lesion.jpg")
    monkeypatch.chdir(tmp_path)
    exec(block, {})
    assert "(90, 120) (90, 120)" in capsys.readouterr().out


# Version and citation


def test_the_citation_has_the_version_and_what_derm_rests_on():
    citation = yaml.safe_load(text_of("CITATION.cff"))
    assert citation["version"] == derm.__version__
    assert [reference["doi"] for reference in citation["references"]] == [
        "10.3389/fmed.2025.1681542",
        "10.7910/DVN/DBW86T",
    ]


def test_the_changelog_has_the_version():
    headings = re.findall(r"^## (\S+)", text_of("CHANGELOG.md"), re.MULTILINE)
    assert headings[0] == "Unreleased"
    assert derm.__version__ in headings


# CI, hooks, container


def test_the_workflow_runs_what_everybody_runs():
    workflow = yaml.safe_load(text_of(".github/workflows/ci.yml"))
    runs = {name: [step.get("run", "") for step in job["steps"]] for name, job in workflow["jobs"].items()}
    assert "bash .ci/run" in runs["test"]
    extras = tomllib.loads(text_of("pyproject.toml"))["project"]["optional-dependencies"]
    audited = set(re.search(r"\[([\w,]+)\]", runs["advisories"][2])[1].split(","))
    # All that users may install; "postgresql" brings "records", and of the oracle a part needs a compiler.
    assert audited == {name for name, brought in extras.items() if brought} - {"dev", "docs", "oracle", "records"}
    assert "mkdocs build --strict" in runs["docs"]
    assert (ROOT / ".ci" / "run").is_file()


@pytest.mark.parametrize(
    ("name", "kept_out"),
    [
        ("docs/ISIC_0024306.jpg", True),
        ("ISIC_0024306_segmentation.png", True),
        ("tests/PAT_771_1491_390.png", True),
        ("weights/efficientnet_b0.pth", True),
        ("ham10000.zip", True),
        (".env", True),
        ("docs/diagnose.jpg", False),
        ("weights/derm.safetensors", False),
        ("derm/data/splits/ham10000_by_lesion.csv", False),
    ],
)
def test_the_hook_keeps_data_out(name, kept_out):
    hooks = yaml.safe_load(text_of(".pre-commit-config.yaml"))["repos"][0]["hooks"]
    (hook,) = (hook for hook in hooks if hook["id"] == "no-data")
    assert bool(re.search(hook["files"], name)) == kept_out


def test_the_container_gets_what_it_copies_and_runs_without_rights():
    dockerfile = text_of("Dockerfile")
    copied = [name for line in re.findall(r"^COPY (.+)$", dockerfile, re.MULTILINE) for name in line.split()[:-1]]
    assert copied
    assert [name for name in copied if not (ROOT / name).exists()] == []
    assert {line[1:] for line in text_of(".dockerignore").splitlines() if line.startswith("!")} == set(copied)
    assert re.findall(r"^USER (.+)$", dockerfile, re.MULTILINE) == ["1000"]
    assert set(re.findall(r"://[\w.]+", dockerfile)) == {
        "://127.0.0.1"
    }  # where packages come from is the builder's matter


# The site


def test_the_site_has_each_page_of_the_documentation():
    def pages(entries: list) -> list[str]:
        values = [value for entry in entries for value in entry.values()]
        return [page for value in values for page in ([value] if isinstance(value, str) else pages(value))]

    found = [path.relative_to(ROOT / "docs").as_posix() for path in (ROOT / "docs").rglob("*.md")]
    assert sorted(pages(yaml.safe_load(text_of("mkdocs.yml"))["nav"])) == sorted(found)


@pytest.mark.parametrize("page", API_PAGES, ids=lambda page: page.stem)
def test_modules_on_api_pages_exist(page):
    modules = re.findall(r"^::: (\S+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    assert modules
    places = {module: ROOT.joinpath(*module.split(".")) for module in modules}
    assert [name for name, place in places.items() if not (place.is_dir() or place.with_suffix(".py").is_file())] == []
