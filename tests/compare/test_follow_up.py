"""What has changed between two visits: figures of known changes, and the sentences that refuse."""

import json
from dataclasses import replace
from io import BytesIO

import cv2
import numpy as np
import pytest
from PIL import Image

from derm.compare.follow_up import FollowUp, Structure, follow_up
from derm.compare.follow_up_pictures import both, flicker_gif, side_by_side
from derm.compare.follow_up_words import UNSIZED, as_json, doubt_lines, headline, json_text, sentences
from derm.data.synthetic.lesion import draw_lesion
from derm.errors import NotRegistered
from derm.figures.text import SPACE
from derm.image.lesion_measures import feret_diameter
from derm.image.polygons import polygons_of
from derm.image.scale import Scale
from derm.language.speech import speaking
from derm.predict.doubts import TOO_DARK
from tests.cases import case_with, said


def visit(image: np.ndarray, mask: np.ndarray, name: str = "a.png"):
    return replace(case_with({"nv": 1.0}, mask, name=name), image=image)


def turned(image: np.ndarray) -> np.ndarray:
    """The picture taken again, 3° aslant, as no hand takes it twice alike."""
    matrix = cv2.getRotationMatrix2D((image.shape[1] / 2, image.shape[0] / 2), 3, 1)
    return cv2.warpAffine(image, matrix, image.shape[1::-1], borderMode=cv2.BORDER_REFLECT_101)


@pytest.fixture(scope="module")
def drawn():
    return draw_lesion("nv", 3, height=240, width=320)


@pytest.fixture(scope="module")
def unchanged(drawn) -> FollowUp:
    matrix = cv2.getRotationMatrix2D((159.5, 119.5), 20, 1.1)
    image = cv2.warpAffine(drawn.image, matrix, (320, 240), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT_101)
    mask = cv2.warpAffine(drawn.mask.astype(np.uint8), matrix, (320, 240), flags=cv2.INTER_NEAREST) > 0
    dimmed = np.clip(image * np.array([0.9, 0.85, 0.8]), 0, 255).astype(np.uint8)
    return follow_up(visit(drawn.image, drawn.mask), visit(dimmed, mask))


def test_another_turn_distance_and_light_is_no_change(unchanged):
    assert unchanged.area_ratio == pytest.approx(1, abs=0.03)
    assert unchanged.diameter_ratio == pytest.approx(1, abs=0.03)
    assert unchanged.shift < 0.01
    assert unchanged.colour < 2
    assert unchanged.structures == ()
    assert headline(unchanged) == "No change beyond what two pictures of an unchanged lesion show."


def test_no_large_picture_stays_once_both_are_compared(drawn):
    large, mask = cv2.resize(drawn.image, (1600, 1200)), cv2.resize(drawn.mask.astype(np.uint8), (1600, 1200)) > 0
    found = follow_up(visit(large, mask), visit(turned(large), turned(mask.astype(np.uint8)) > 0))
    assert found.first == (mask.shape, mask.sum(), pytest.approx(feret_diameter(mask)), None, (), True)
    assert [one.shape[:2] for one in found.laid] == 4 * [(675, 900)]
    assert not [one for one in vars(found).values() if isinstance(one, np.ndarray)]
    assert side_by_side(found).shape == (675, 1808, 3)


def test_growth_to_one_side_is_measured_and_said(drawn):
    grown, image = drawn.mask.copy(), drawn.image.copy()
    rows, columns = np.nonzero(drawn.mask)
    middle = round(columns.mean()), round(rows.mean())
    radius = round(np.sqrt(drawn.mask.sum() / np.pi))
    spot = np.zeros(drawn.mask.shape, np.uint8)
    cv2.circle(spot, (middle[0] + radius, middle[1]), round(0.4 * radius), 1, -1)
    grown |= spot > 0
    image[(spot > 0) & ~drawn.mask] = (60, 35, 30)
    found = follow_up(visit(drawn.image, drawn.mask), visit(image, grown))
    assert found.area_ratio == pytest.approx(grown.sum() / drawn.mask.sum(), rel=0.02)
    assert [one.hour for one in found.structures] == [3]
    lines = " ".join(map(said, sentences(found)))
    assert "a place that is darker than before, at 3 o'clock" in lines
    assert "structures at the border" in headline(found)


def test_a_darker_lesion_is_told_with_its_sign(drawn):
    image = drawn.image.copy()
    image[drawn.mask] = (image[drawn.mask] * 0.7).astype(np.uint8)
    found = follow_up(visit(drawn.image, drawn.mask), visit(image, drawn.mask))
    assert found.lighter < -5
    assert "of lightness darker" in " ".join(sentences(found))


def test_told_millimetres_decide_and_their_contradiction_is_said(drawn):
    case = replace(visit(drawn.image, drawn.mask), scale=Scale(0.02, "DICOM"))
    later = replace(case, image=turned(drawn.image))
    same = follow_up(case, later)
    assert same.area_ratio == pytest.approx(1)
    area = drawn.mask.sum() * 0.0004
    assert f"{area:.1f} mm² before, {area:.1f} mm² after" in said(sentences(same)[0])
    grown = follow_up(
        case, replace(later, scale=Scale(0.03, "given"))
    )  # twice as near, and yet as large in the picture
    assert grown.area_ratio == pytest.approx(2.25)
    assert "check both scales, or the whole lesion has changed" in " ".join(sentences(grown))
    assert grown.registration.on_skin >= 6
    assert "area" not in headline(grown)
    assert sentences(grown)[0].startswith("The millimetres of one of both pictures are wrong")
    told = as_json(grown)
    assert (told["mm_per_pixel"], told["mm_per_pixel_later"], told["told_scale"]) == (0.02, 0.03, 1.5)
    assert (told["sizes_reliable"], as_json(same)["sizes_reliable"]) == (False, True)
    unseen = replace(grown, registration=grown.registration._replace(on_skin=5))  # then it may be the lesion
    assert "area and diameter" in headline(unseen)


@pytest.mark.parametrize("how", ["same", "larger", "smaller", "packed", "upside down"])
def test_one_photograph_is_refused_whatever_became_of_its_file(drawn, how):
    image, mask = drawn.image, drawn.mask
    if how in ("larger", "smaller"):
        size = (800, 600) if how == "larger" else (160, 120)
        image = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
        mask = cv2.resize(mask.astype(np.uint8), size, interpolation=cv2.INTER_NEAREST) > 0
    elif how == "packed":
        image = cv2.imdecode(cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 60])[1], cv2.IMREAD_COLOR)
    elif how == "upside down":
        image, mask = np.ascontiguousarray(image[::-1, ::-1]), mask[::-1, ::-1]
    with pytest.raises(NotRegistered, match=r"^a\.png and b\.png are one photograph, .* cannot show a change: choose"):
        follow_up(visit(drawn.image, drawn.mask), visit(image, mask, "b.png"))


def test_a_speck_far_away_is_no_part_of_the_lesion(drawn):
    specked = drawn.mask.copy()
    specked[2:5, 2:5] = True
    cases = visit(drawn.image, drawn.mask), visit(turned(drawn.image), specked)
    found = follow_up(*(replace(case, scale=Scale(0.02, "DICOM")) for case in cases))
    assert (found.area_ratio, found.diameter_ratio) == (1, 1)


@pytest.mark.parametrize("which", [0, 1])
def test_a_picture_without_a_lesion_is_refused(drawn, which):
    cases = [visit(drawn.image, drawn.mask), visit(drawn.image, drawn.mask)]
    cases[which] = visit(drawn.image, np.zeros_like(drawn.mask), "empty.png")
    with pytest.raises(NotRegistered, match=r"No lesion was found in empty.png"):
        follow_up(*cases)


def test_a_lesion_that_is_cut_is_refused(drawn):
    _, columns = np.nonzero(drawn.mask)
    cut = drawn.image[:, : round(columns.mean()) + 10]
    with pytest.raises(NotRegistered, match="of the lesion is in both pictures"):
        follow_up(visit(drawn.image, drawn.mask), visit(cut, drawn.mask[:, : cut.shape[1]]))


def test_other_outlines_are_refused(drawn):
    away = np.zeros_like(drawn.mask)
    away[:20, :20] = True
    with pytest.raises(NotRegistered, match="outlines of both visits lie on different places"):
        follow_up(visit(drawn.image, drawn.mask), visit(drawn.image, away))


def test_files_hold_both_pictures_and_every_figure(unchanged):
    first, second = both(unchanged)
    assert first.shape == second.shape == (240, 320, 3)
    assert side_by_side(unchanged).shape == (240, 648, 3)
    with Image.open(BytesIO(flicker_gif(unchanged))) as opened:
        assert (opened.n_frames, opened.size) == (2, (320, 240))
    told = json.loads(json_text(unchanged))
    with speaking("de"):
        assert json.loads(json_text(unchanged)) == told
        assert headline(unchanged) != told["headline"]
    assert told["area_ratio"] == round(unchanged.area_ratio, 4)
    assert told["structures"] == []
    assert told["notice"]


def test_no_change_is_not_said_where_colours_cannot_be_compared(unchanged):
    assert headline(replace(unchanged, colour=float("nan"))).startswith("Whether something has changed cannot be told")


def test_structures_are_listed_up_to_four(unchanged):
    many = replace(unchanged, structures=tuple(Structure(hour, 0.03, 20.0) for hour in range(1, 7)))
    assert "6 places that are darker than before" in " ".join(sentences(many))
    assert "and 2 more" in " ".join(sentences(many))
    assert len(as_json(many)["structures"]) == 6


def test_sizes_are_not_called_changed_where_one_picture_is_from_much_nearer(unchanged):
    nearer = replace(unchanged, area_ratio=1.5, registration=unchanged.registration._replace(scale=2.3))
    assert headline(nearer) == "No change of colour or at the border; whether the size has changed cannot be told."
    assert "sizes are not to be relied on" in sentences(nearer)[0]
    assert "Area: 50 % larger, which is not to be relied on here." in [
        one.replace(SPACE, " ") for one in sentences(nearer)
    ]
    assert "area" in headline(replace(unchanged, area_ratio=1.5))


@pytest.mark.parametrize(
    ("ratio", "told"),
    [
        (1.15, "15 % larger; unchanged lesions were up to 14 % larger, which is beyond that."),
        (1.13, "13 % larger; unchanged lesions were up to 14 % larger, which is within that."),
        (0.87, "13 % smaller; unchanged lesions were up to 12 % smaller, which is beyond that."),
        (0.875, "12.5 % smaller; unchanged lesions were up to 12.2 % smaller, which is beyond that."),
        (0.89, "11 % smaller; unchanged lesions were up to 12 % smaller, which is within that."),
        (1.0, "as before; unchanged lesions were up to 14 % larger or 12 % smaller."),
    ],
)
def test_a_size_is_told_beside_the_limit_of_its_own_direction(unchanged, ratio, told):
    found = replace(unchanged, area_ratio=ratio)
    assert f"Area: {told}" in [one.replace(SPACE, " ") for one in sentences(found)]
    assert ("beyond" in told) == ("is: area" in headline(found))


def test_pictures_that_cannot_be_judged_tell_no_change_and_no_growth(drawn):
    """They were said to show growth, or 'no change', without a word of what is wrong with them."""
    later = visit(turned(drawn.image), turned(drawn.mask.astype(np.uint8)) > 0)
    later = replace(later, measured=later.quality._replace(brightest=TOO_DARK - 1))
    found = follow_up(visit(drawn.image, drawn.mask), later)
    grown = replace(found, area_ratio=1.5, colour=20.0, structures=(Structure(3, 0.1, 20.0),))
    for one in (found, grown):
        assert headline(one) == "Whether something has changed cannot be told from these pictures."
    assert doubt_lines(found)[0].startswith("Later picture: This picture is too dark to tell anything. Take it again")
    assert sentences(found)[0] == UNSIZED
    told = as_json(grown)
    assert told["sentences"][:1] == doubt_lines(found)[:1]
    odd = "which is not to be relied on here."
    for one in (found, grown, replace(grown, area_ratio=1.0)):
        for line in sentences(one):
            if line.startswith(("Area", "Diameter", "Colour", "At the border")):
                assert line.endswith(odd)
    assert (told["doubts"]["earlier"], told["doubts"]["later"][0]) == ([], "too_dark")
    assert not told["sizes_reliable"]
    corrected = follow_up(visit(drawn.image, drawn.mask), replace(later, polygons=polygons_of(later.mask)))
    by_hand = replace(corrected, area_ratio=1.5, colour=20.0)
    assert headline(by_hand) == "Changed beyond what two pictures of an unchanged lesion show is: area."
    assert [line.endswith(odd) for line in sentences(by_hand)[:4]] == [False, False, True, True]
