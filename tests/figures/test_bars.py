"""Bars of probabilities, the malignant bar with its mark, the line of a case and the legend of heat."""

from cases import LIKELY, said

from derm.figures.bars import bars_style, case_line, heat_legend, malignant_bar
from derm.figures.mark import mark
from derm.predict import words


def test_bars_are_as_long_as_the_probabilities():
    style = bars_style(LIKELY.ranked, ".group")
    assert style.startswith("<style>.group > div:nth-child(1) label{")
    assert "linear-gradient(light-dark(#9C2A00, #E8602F)" in style
    assert "background-size:61.00% 6px,100% 6px" in style
    assert style.count("nth-child") == 7


def test_the_malignant_bar_says_what_it_shows():
    bar = malignant_bar(words.malignant_parts(LIKELY))
    assert bar.count("<span") == 3
    assert "width:61.00%" in bar
    parts = "melanoma 61 %, basal cell carcinoma 17 %, actinic keratosis or Bowen&#x27;s"
    assert f"Malignant probability 78 %: {parts}" in said(bar)


def test_the_malignant_bar_has_a_mark_at_the_referral_threshold():
    parts = words.malignant_parts(LIKELY)
    bar = malignant_bar(parts, 0.12).replace("\N{NO-BREAK SPACE}", " ")
    assert '<div class="derm-mark" style="left:12.00%"></div>' in bar
    assert 'style="margin-left:12.00%">referral threshold 12 %</div>' in bar
    assert 'Bowen&#x27;s disease under 1 %; referral threshold 12 %"' in bar
    # Past the middle its words end at the mark, so that they never leave the page.
    assert 'style="margin-right:30.00%;text-align:right">referral' in malignant_bar(parts, 0.7)
    assert "referral" not in malignant_bar(parts)
    assert "derm-mark" not in malignant_bar(parts)


def test_line_of_a_case_and_legend():
    line = case_line(b"abc", "<b>.jpg", "Refer & look")
    assert 'src="data:image/jpeg;base64,YWJj"' in line
    assert "<strong>&lt;b&gt;.jpg</strong> <span>Refer &amp; look</span>" in line
    assert "<img" not in case_line(b"", "a.jpg", "No answer.")
    assert "<strong>xxxxx" in (long := case_line(b"", f"{'x' * 200}7.jpg", "No answer."))
    assert "7.jpg</strong>" in long
    assert "x" * 70 not in long
    legend = heat_legend("0: <none>", "most")
    assert "linear-gradient(to right,#000004," in legend
    assert "0: &lt;none&gt;" in legend
    assert mark(32).size == (32, 32)
