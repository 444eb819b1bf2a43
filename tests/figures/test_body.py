"""The body map: each place on its outline, and names that are no markup."""

from xml.etree import ElementTree

from derm.figures.body import HEIGHT, WIDTH, Mark, body_map, said_of
from derm.records.sites import SITES


def test_marks_lie_where_they_belong():
    marks = [Mark("front", 0.5, 0.25, "chest <b>"), Mark("back", 0.5, 0.5, "buttocks")]
    drawn = ElementTree.fromstring(body_map(marks))
    front, back = [one for one in drawn.iter() if one.tag.endswith("circle")]
    assert (front.get("cx"), front.get("cy")) == (f"{WIDTH / 2:.1f}", f"{HEIGHT / 4:.1f}")
    assert float(back.get("cx")) == WIDTH + 30 + WIDTH / 2
    assert [one.text for one in drawn.iter() if one.tag.endswith("title")] == ["chest <b>", "buttocks"]
    assert said_of(marks) == "Body map: chest <b>, buttocks"
    assert said_of([]) == "Body map: nothing marked"


def test_the_patients_right_is_on_the_left_in_front():
    sided = [site for site in SITES if site.name.startswith("right ")]
    assert len(sided) == 11
    for site in sided:
        assert (site.x < 0.5) == (site.view == "front"), site
