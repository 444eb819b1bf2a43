"""Sentences in several languages: lookup, fields, plurals, numbers and dates, and whose language it is."""

import json
import math
import sys
from datetime import date
from subprocess import run
from threading import Thread

import numpy as np
import pytest

from derm.figures.text import duration, fine_percent, percent
from derm.language import speech
from derm.language.speech import (
    BRACKETED,
    ask_for,
    day_text,
    json_of_said,
    keeping_language,
    known_language,
    language,
    languages,
    number,
    own_name,
    said_of_json,
    say,
    say_many,
    say_of,
    separators,
    speaking,
)


@pytest.fixture
def asked(monkeypatch):
    monkeypatch.setattr(speech, "_asked", [])


def test_english_is_the_key_and_german_is_looked_up():
    assert say("melanoma") == "melanoma"
    with speaking("de"):
        assert say("melanoma") == "Melanom"
        assert say("No catalogue has this sentence.") == "No catalogue has this sentence."
    assert say("melanoma") == "melanoma"
    assert say("") == ""


def test_fields_are_filled_and_numbers_follow_the_locale():
    assert say("{a:,} of {b:.1f} in {c}", a=1234, b=2.5, c="x.y") == "1,234 of 2.5 in x.y"
    with speaking("de"):
        assert say("{a:,} of {b:.1f} in {c}", a=1234, b=2.5, c="x.y") == "1.234 of 2,5 in x.y"
        assert (number(1234.5, ",.1f"), number(3), separators()) == ("1.234,5", "3", ",.")
    assert (number(1234.5, ",.1f"), separators()) == ("1,234.5", ".,")


@pytest.mark.parametrize(
    ("value", "form", "text"),
    [
        (-0.004, ".2f", "0.00"), (-0.006, ".2f", "-0.01"), (-0.004, "+.2f", "+0.00"), (0.004, "+.2f", "+0.00"),
        (-0.0, ".0%", "0%"), (-10, ",", "-10"), (-math.inf, ".2f", "-inf"),
    ],
)  # fmt: skip
def test_what_rounds_to_zero_is_not_negative(value, form, text):
    assert number(value, form) == text


def test_shares_and_spans_of_time_follow_the_language():
    with speaking("de"):
        assert fine_percent(0.0123) == "1,2\N{NO-BREAK SPACE}%"
        assert percent(0.001) == "unter 1\N{NO-BREAK SPACE}%"
        assert duration(45) == "etwa eine\N{NO-BREAK SPACE}Minute"


def test_a_word_with_several_meanings_is_told_apart_by_its_context():
    assert own_name("en") == "English"
    assert own_name("de") == "Deutsch"
    with speaking("de"):
        assert say("English") == "English"
        assert say_of("this language", "English") == "Deutsch"


def test_plurals_take_the_form_of_the_language():
    one, many = "One {thing}.", "{count} of {thing}."
    assert [say_many(one, many, count, thing="x") for count in (0, 1, 2)] == ["0 of x.", "One x.", "2 of x."]


def test_days_are_written_as_the_language_does():
    day = date(2026, 11, 7)
    assert day_text(day) == "2026-11-07"
    with speaking("de"):
        assert day_text(day) == "07.11.2026"


@pytest.mark.parametrize(
    ("wanted", "found"), [("de", "de"), ("de-AT", "de"), ("DE_ch", "de"), ("fr-FR", "en"), ("", "en"), (None, "en")]
)
def test_a_browsers_language_finds_the_closest(wanted, found):
    assert known_language(wanted) == found


def test_a_language_that_there_is_not_is_refused():
    with pytest.raises(ValueError, match=r"'tlh' is no language of Derm: choose one of en, de\."), speaking("tlh"):
        pass


def test_who_is_asked_tells_the_language_where_none_was_set(asked):
    ask_for(lambda: "de")
    assert language() == "de"
    with speaking("en"):
        assert say("melanoma") == "melanoma"
    ask_for(lambda: None)
    assert language() == "en"


def test_a_thread_speaks_english_unless_the_language_is_kept(asked):
    said = []
    with speaking("de"):
        kept = keeping_language(lambda: said.append(say("melanoma")))
        for target in (kept, lambda: said.append(say("melanoma"))):
            thread = Thread(target=target)
            thread.start()
            thread.join()
    kept()
    assert said == ["Melanom", "melanoma", "Melanom"]


def test_in_brackets_what_is_filled_in_or_unknown_stands_outside():
    with speaking(BRACKETED):
        assert say("{name} always", name="a.png") == "a.png⟦ always⟧"
        assert say("melanoma") == "⟦melanoma⟧"
        assert say("No catalogue has this.") == "No catalogue has this."
        assert say_many("{count:,} lesion", "{count:,} lesions", 2004) == "2,004⟦ lesions⟧"
        assert say_many("One {thing}", "{count} of {thing}", 2, thing="x") == "2 of x"
        assert say_of("this language", "English") == "⟦English⟧"
        assert say_of("another", "English") == "English"
        assert say("{share}\N{NO-BREAK SPACE}%", share=1) == "1\N{NO-BREAK SPACE}%"


def test_english_needs_no_babel():
    code = "import sys; from derm.language.speech import say; say('{a:.1f}', a=1.5); sys.exit('babel' in sys.modules)"
    assert run([sys.executable, "-c", code], check=False).returncode == 0


def test_there_are_english_and_german():
    assert languages() == ("en", "de")


def test_json_of_what_was_said_keeps_numbers_and_takes_the_rest_as_text(tmp_path):
    sentence = say(
        "{name} {value} does not fit: use a number from {low} to {high}.", name="a", value=0.5, low=0, high=9
    )
    path = say("{target} is there already: name a new folder.", target=tmp_path)
    counted = say_many("{count:,} image", "{count:,} images", np.int64(2004))
    told = json.loads(json.dumps([json_of_said(one) for one in (sentence, path, counted)]))
    with speaking("de"):
        assert [said_of_json(one) for one in told] == [
            "a 0,5 ist nicht möglich: eine Zahl von 0 bis 9 verwenden.",
            f"{tmp_path} gibt es schon: einen neuen Ordner angeben.",
            "2.004 Bilder",
        ]
