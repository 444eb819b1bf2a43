"""What stands beside the code: it names what is there, in the version that is there, and its examples work."""

import re
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml  # of albumentations

import derm
from derm.explain import cams
from derm.explain.gradcam import score_parts
from derm.metrics import classification

ROOT = Path(__file__).parents[2]
PYTHON_BLOCK = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)
API_PAGES = sorted((ROOT / "docs" / "api").glob("*.md"))


def text_of(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def inline_code(text: str) -> list[str]:
    """What `text` sets in single backticks, outside of its blocks of code."""
    return re.findall(r"`([^`\n]+)`", re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL))


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


def test_the_metric_of_contributing_works():
    (block,) = (block for block in PYTHON_BLOCK.findall(text_of("CONTRIBUTING.md")) if "def jaccard" in block)
    names = dict(vars(classification))
    exec(block, names)
    matrix = classification.confusion_matrix(np.array([0, 1, 2, 2, 4]), np.array([0, 1, 1, 2, 5]))
    jaccard = names["jaccard"](matrix)
    np.testing.assert_array_equal(jaccard, [1, 1 / 2, 1 / 2, np.nan, 0, 0, np.nan])
    np.testing.assert_allclose(classification.f1(matrix), 2 * jaccard / (1 + jaccard))


def test_the_heat_map_of_contributing_works(tiny_model):
    (block,) = (block for block in PYTHON_BLOCK.findall(text_of("CONTRIBUTING.md")) if "def grad_cam_against" in block)
    names = dict(vars(cams))
    exec(block, names)
    images = torch.randn(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    answer = tiny_model.net(images)
    maps = names["grad_cam_against"](tiny_model.net, images, answer)
    torch.testing.assert_close(maps, (-score_parts(tiny_model.net, answer.features)).relu())


@pytest.mark.parametrize("block", PYTHON_BLOCK.findall(text_of("CONTRIBUTING.md")))
def test_the_examples_of_contributing_are_python(block):
    compile(block, "CONTRIBUTING.md", "exec")


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
