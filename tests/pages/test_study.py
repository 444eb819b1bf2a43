"""The page Study without a browser: a reader reads two arms to their end, and the results are shown."""

import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from derm.study import words
from derm.study.design import FILE, StudyDesign, choose_cases, new_study
from derm.study.reading import read_given
from pages.study import read

pytestmark = pytest.mark.slow

APP = Path(__file__).parents[2] / "streamlit_app.py"
PAGE = "pages/5_Study.py"


@pytest.fixture
def visit(tiny_weights, tmp_path, monkeypatch):
    """A function that opens the page as a new visitor."""
    monkeypatch.setenv("DERM_WEIGHTS", str(tiny_weights))
    monkeypatch.setenv("DERM_STUDIES", str(tmp_path / "studies"))
    st.cache_resource.clear()
    yield lambda: AppTest.from_file(APP, default_timeout=60).switch_page(PAGE).run()
    st.cache_resource.clear()


def text(page: AppTest) -> str:
    parts = (page.markdown, page.header, page.subheader, page.caption, page.error, page.info, page.success)
    return "\n".join(element.value for part in parts for element in part).replace("\\", "")


def press(page: AppTest) -> None:
    """Press the button of the question that is shown."""
    (one,) = [button for button in page.button if str(button.key).startswith("study-give-")]
    one.click().run()
    # A second click of a double one must not press the next question's button.
    assert page.error or one.key not in [button.key for button in page.button]


def choose_reader(page: AppTest, name: str) -> None:
    (one,) = [box for box in page.selectbox if str(box.key).startswith("reader-")]
    one.set_value(name).run()


def give(page: AppTest, diagnosis: str) -> None:
    """Answer the question that is shown."""
    (one,) = [box for box in page.selectbox if str(box.key).startswith("diagnosis-")]
    (other,) = [box for box in page.selectbox if str(box.key).startswith("management-")]
    one.set_value(diagnosis)
    other.set_value("biopsy")
    press(page)
    assert not page.exception


def test_a_study_is_read_and_its_results_are_shown(visit, tmp_path, tiny_model, drawn_catalogue):
    page = visit()
    assert words.NONE_YET in text(page)
    folder = tmp_path / "studies" / "small"
    names = choose_cases(drawn_catalogue, 4, 0.5, seed=1)
    study = new_study(
        folder, drawn_catalogue, tiny_model, names, readers=("Dr A", "Dr B"), arms=("without", "explained"),
        washout_days=0,
    )  # fmt: skip
    page = visit()
    choose_reader(page, "Dr A")
    assert "Case 1 of 4, without the answer" in text(page)
    assert words.frozen(study) in text(page)
    assert "alignant cases" not in text(page)  # who knows how many there are counts while reading
    press(page)
    assert words.OPINION_LACKS in text(page)
    for _ in range(4):
        give(page, "mel")
    assert "Case 1 of 4, with the answer, outline and heat map" in text(page)
    assert "alignant" not in "\n".join(one.value for one in page.markdown)
    give(page, "nv")
    assert "your opinion now" in text(page)
    case = study.case(read_given(folder, study)[-1].case_id)
    assert case.sentences[0] in text(page)
    for _ in range(7):
        give(page, "nv")
    assert words.FINISHED in text(page)
    given = read_given(folder, study)
    assert len(given) == 12
    assert all(0 < one.seconds < 600 and one.asked_at < one.at for one in given)

    (view,) = [group for group in page.get("button_group") if group.key == "study-view"]
    view.set_value("Results").run()
    assert not page.exception
    assert "Malignant cases: 2 of 4." in text(page)
    assert "Not finished, and left out: Dr B." in text(page)
    sensitivity = page.dataframe[0].value
    assert list(sensitivity["Dr A"]) == ["1.00", "0.00"]
    assert words.FEW in text(page)
    (folder / FILE).write_text("{}")
    page.run()
    assert "is missing or damaged" in text(page)


@pytest.fixture
def make(tmp_path, tiny_model, drawn_catalogue):
    """A function that makes the study 'small' by a seed."""

    def made(seed: int) -> StudyDesign:
        names = choose_cases(drawn_catalogue, 4, 0.5, seed=seed)
        readers, arms = ("Dr A", "Dr B"), ("without", "with")
        return new_study(
            tmp_path / "studies" / "small", drawn_catalogue, tiny_model, names, readers=readers, arms=arms,
            washout_days=0, seed=seed,
        )  # fmt: skip

    return made


def test_the_clock_of_a_question_goes_on_when_the_page_is_loaded_again(visit, make, tmp_path, monkeypatch):
    study, clock = make(1), iter(range(100, 10**6, 10))
    monkeypatch.setattr(read, "time", SimpleNamespace(monotonic=lambda: next(clock)))
    choose_reader(visit(), "Dr A")  # and no opinion: the page is closed
    page = visit()
    choose_reader(page, "Dr A")
    give(page, "mel")
    give(page, "mel")
    first, second = read_given(tmp_path / "studies" / "small", study)
    assert first.seconds >= 20
    assert second.asked_at > first.at
    assert len(read.first_shown()) == 1  # of the question that is shown now


def test_nothing_chosen_goes_over_to_a_study_that_is_made_anew(visit, make, tmp_path):
    make(1)
    page = visit()
    choose_reader(page, "Dr A")
    (box,) = [box for box in page.selectbox if str(box.key).startswith("diagnosis-")]
    box.set_value("mel").run()
    shutil.rmtree(tmp_path / "studies" / "small")
    study = make(2)
    (box,) = [box for box in page.selectbox if str(box.key).startswith("management-")]
    box.set_value("biopsy").run()
    assert words.MADE_ANEW.format(name="small") in text(page)
    assert not [box for box in page.selectbox if str(box.key).startswith("diagnosis-")]
    choose_reader(page, "Dr A")
    assert words.MADE_ANEW.format(name="small") not in text(page)
    (box,) = [box for box in page.selectbox if str(box.key).startswith("diagnosis-")]
    assert box.value is None
    press(page)
    assert words.OPINION_LACKS in text(page)
    choose_reader(page, "Dr B")
    assert words.OPINION_LACKS not in text(page)  # it was another reader's
    assert read_given(tmp_path / "studies" / "small", study) == []
