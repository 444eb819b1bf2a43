"""A sentence that was kept in English, said once more."""

from derm.language.again import say_again
from derm.language.quantities import lesions_counted
from derm.language.speech import mark, speaking

MESSAGES = (mark("melanoma"), mark("In use: {label}."))


def test_a_kept_sentence_is_said_in_the_language_now_spoken():
    with speaking("de"):
        assert say_again("melanoma", MESSAGES) == "Melanom"
        assert say_again("In use: a.b {x}.", MESSAGES) == "In Gebrauch: a.b {x}."


def test_another_text_comes_back_as_it_is():
    with speaking("de"):
        assert say_again("In use: a", MESSAGES) == "In use: a"


def test_counts_have_their_nouns_and_thousands():
    assert [lesions_counted(count) for count in (0, 1, 2004)] == ["0 lesions", "1 lesion", "2,004 lesions"]
    with speaking("de"):
        assert [lesions_counted(count) for count in (1, 2004)] == ["1 Läsion", "2.004 Läsionen"]
