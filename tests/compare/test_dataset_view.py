"""Every image of a part: points, summary, the question in words, a click."""

import io

import pandas as pd

from derm.compare import dataset_view


def test_a_part_is_one_point_an_image_of_its_likeliest_class(explained):
    found = dataset_view.points(explained, "grad-cam", "true", "inside")
    assert found["image_id"].tolist() == ["a", "b"]
    assert found["value"].tolist() == [0.6, 0.2]
    assert dataset_view.references_of(explained, "true", "inside") == {"centre prior": 0.5}
    assert pd.read_csv(io.StringIO(dataset_view.points_csv(found)))["value"].tolist() == [0.6, 0.2]


def test_the_parts_summary_and_its_question_in_words(explained):
    table = dataset_view.summary_table(explained, "true", "inside")
    assert table.to_dict("records")[0] == {
        "method": "Grad-CAM", "mean": 0.4, "low": 0.2, "high": 0.6, "skill": -0.2, "right": None, "wrong": None,
        "flat": 0,
    }  # fmt: skip
    texts = dataset_view.shown(table.assign(right=None)).to_dict("records")[0]
    assert (texts["Map"], texts["Mean"], texts["Skill"], texts["Called right"]) == ("Grad-CAM", "0.40", "-0.20", "")
    said = dataset_view.right_or_wrong(explained, "grad-cam", "true", "inside")
    assert "AUC 0.61 (0.50 – 0.70); 0.50 is a coin. The probability alone reaches 0.84." in said
    assert dataset_view.right_or_wrong(explained, "occlusion", "true", "inside") == ""
    assert "2 images of 2 lesions; weights tiny abababab" in dataset_view.provenance(explained)


def test_a_click_names_its_image():
    assert dataset_view.clicked({"selection": {"points": [{"customdata": "ISIC_1"}]}}) == "ISIC_1"
    assert dataset_view.clicked({"selection": {"points": [{"customdata": ["ISIC_1"]}]}}) == "ISIC_1"
    assert dataset_view.clicked({"selection": {"points": [{}]}}) is None
    assert dataset_view.clicked(None) is None
