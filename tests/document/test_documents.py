"""Documents of a case: they say what the page says, can be read back, name nobody, and hold to their standards."""

import json
import re
import shutil
import subprocess
from dataclasses import replace
from datetime import date
from io import BytesIO
from zipfile import ZipFile

import numpy as np
import pytest

from derm.data.synthetic.lesion import draw_lesion
from derm.diagnoses import CODES
from derm.document.bundle import archive_of, as_zip, can_be_made, documents_of, page_of
from derm.document.content import report_of, sizes_of
from derm.document.fhir import fhir_report
from derm.document.objects import BY_HAND, LONGEST, OF_MODEL, dicom_objects
from derm.document.pdf import report_pdf
from derm.files import HOLD
from derm.image.scale import Scale
from derm.model.weights import default_weights, load_weights
from derm.predict import words
from derm.predict.case import diagnose
from derm.predict.entries import with_forms, with_outline
from derm.predict.export import outline_png
from derm.predict.form_words import abcd_sentence
from derm.predict.forms import Abcd, Forms, SevenPoint
from derm.predict.practice import at_practice

pytest.importorskip("typst")
pytest.importorskip("highdicom")
from pydicom import dcmread
from pydicom.sr.codedict import codes

DAY = date(2026, 11, 27)
TRIANGLE = [[[20, 20], [150, 30], [80, 130]]]
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def model():
    return load_weights(default_weights())


@pytest.fixture(scope="module")
def case(model):
    image = draw_lesion("mel", 3, height=150, width=200).image
    return diagnose(model, image, "Anna Rossi 皮膚.jpg", drawn=True, scale=Scale(0.02, "given"))


@pytest.fixture(scope="module")
def blank(case):
    """The same picture, in which nothing is outlined."""
    return replace(case, mask=np.zeros_like(case.mask))


@pytest.fixture(scope="module")
def files(case, model):
    return documents_of(case, model, on=DAY)


def read(content: bytes):
    return dcmread(BytesIO(content))


def test_the_report_says_what_the_page_says(case, model):
    report = report_of(case, model, on=DAY, index=CODES.index("nv"), drawn=True)
    assert report.headline == words.headline(case)
    assert report.second_line == words.second_line(case)
    assert [row.share for row in report.rows] == [words.percent(share) for _, share in case.ranked]
    assert sum(row.length for row in report.rows) == pytest.approx(1)
    assert "drawing" in report.provenance
    assert report.notice == words.NOTICE
    assert any(model.sha256 in line for line in report.made_with)
    assert report.figures[-1].caption == "Evidence for melanocytic nevus"


def test_where_there_is_no_answer_none_is_explained(blank, model):
    assert not blank.answerable
    report = report_of(blank, model, on=DAY)
    assert report.paragraphs == ()
    assert [figure.caption for figure in report.figures] == ["The picture", "The lesion's outline"]
    assert report.headline == "No lesion found in this picture."


def test_the_page_is_one_archive_file_whatever_the_name(case, model):
    report = report_of(case, model, on=DAY)
    page = report_pdf(report)
    assert page.startswith(b"%PDF-1.7")
    assert page == report_pdf(report)
    assert b"pdfaid:part" in page
    assert b"pdfuaid:part" in page


@pytest.mark.skipif(shutil.which("pdftotext") is None, reason="poppler-utils is not installed")
def test_the_page_can_be_read_and_is_one(case, model, tmp_path):
    (tmp_path / "a.pdf").write_bytes(report_pdf(report_of(case, model, on=DAY)))
    done = subprocess.run(["pdftotext", "-layout", "a.pdf", "-"], cwd=tmp_path, capture_output=True, check=True)
    said = " ".join(done.stdout.decode().split())
    assert words.NOTICE in said
    assert " ".join(words.headline(case).split()) in said
    assert done.stdout.count(b"\f") == 1


@pytest.mark.skipif(shutil.which("pdftotext") is None, reason="poppler-utils is not installed")
def test_a_long_name_without_a_blank_stays_on_the_page(case, model, tmp_path):
    (tmp_path / "a.pdf").write_bytes(report_pdf(report_of(replace(case, name="1.2.3." * 41), model, on=DAY)))
    done = subprocess.run(["pdftotext", "-bbox-layout", "a.pdf", "-"], cwd=tmp_path, capture_output=True, check=True)
    said = done.stdout.decode()
    (width,) = re.findall(r'<page width="([\d.]+)"', said)
    ends = [float(end) for end in re.findall(r'<line [^>]*xMax="([\d.]+)"', said)]
    assert len(ends) > 20
    assert max(ends) < float(width)


def test_markup_in_a_name_stays_a_name(case, model):
    hostile = replace(case, name='#import "x": * $ \\ ] <a> _b_ `c`')
    assert report_pdf(report_of(hostile, model, on=DAY)).startswith(b"%PDF")


def test_pictures_that_a_killed_report_left_go_with_the_next_one(case, model, tmp_path, monkeypatch):
    monkeypatch.setattr("derm.document.pdf.gettempdir", lambda: str(tmp_path))
    left = tmp_path / ".derm-report.12345678.part"
    left.mkdir()
    (left / HOLD).write_bytes(b"")
    (left / "0.jpg").write_bytes(b"a patient's picture")
    report_pdf(report_of(case, model, on=DAY))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "name", ["a\\b", "w" * 250, "皮膚" * 60, "a\x1bb\nc", "a\u202eb\u200bc", "a\udcffb", " a ", "\\"]
)
def test_no_name_of_weights_or_pictures_breaks_a_text_of_dicom(case, model, name):
    odd = replace(with_outline(case, TRIANGLE), name=f"{name}.jpg")
    made = dicom_objects(odd, replace(model, name=name), b"%PDF", on=DAY).files()
    said = []
    for content in made.values():
        for element in dcmread(BytesIO(content)).iterall():
            if element.VR in LONGEST and element.value:
                values = [element.value] if isinstance(element.value, str) else [*element.value]
                assert element.VM == 1 or element.keyword == "ImageType"
                assert all(len(value) <= LONGEST[element.VR] and value.isprintable() for value in values)
                said += values
    assert len([value for value in said if value.endswith(f" {model.sha256[:8]}")]) >= 4  # who answered is still told
    assert any(value.startswith("Report of ") for value in said)


def test_dicom_objects_are_one_study_and_read_back(files, case):
    picture, outline, report, page = (
        read(files[f"dicom/{name}.dcm"]) for name in ("picture", "outline", "report", "page")
    )
    assert {data.StudyInstanceUID for data in (picture, outline, report, page)} == {picture.StudyInstanceUID}
    np.testing.assert_array_equal(picture.pixel_array, case.image)
    assert list(picture.PixelSpacing) == [0.02, 0.02]
    assert page.EncapsulatedDocument[: page.EncapsulatedDocumentLength] == files["report.pdf"]


def test_the_outline_comes_back_through_dicom(files, case):
    from highdicom.seg import Segmentation

    data = Segmentation.from_dataset(read(files["dicom/outline.dcm"]))
    mask = data.get_pixels_by_source_instance([read(files["dicom/picture.dcm"]).SOPInstanceUID])
    np.testing.assert_array_equal(np.squeeze(mask).astype(bool), case.mask)


def test_the_structured_report_holds_the_probabilities(files, case):
    from highdicom.sr import EnhancedSR

    data = EnhancedSR.from_dataset(read(files["dicom/report.dcm"]))
    groups = data.content.get_image_measurement_groups()
    found = {one.name.value: one.value for group in groups for one in group.get_measurements()}
    for code, share in zip(CODES, case.probabilities, strict=True):
        assert found[f"p_{code}"] == pytest.approx(share, abs=1e-6)
    assert found["p_malignant"] == pytest.approx(case.p_malignant, abs=1e-6)
    said = [one.value.meaning for group in groups for one in group.get_qualitative_evaluations()]
    assert said[0] == words.what_to_do(case)


def test_sizes_go_with_their_codes_and_units(files, case, model):
    from highdicom.sr import EnhancedSR

    diameter, area = case.lesion.diameter * 0.02, case.lesion.area * 0.02**2
    groups = EnhancedSR.from_dataset(read(files["dicom/report.dcm"])).content.get_image_measurement_groups()
    filed = {one.name: (one.value, one.unit.value) for group in groups for one in group.get_measurements()}
    assert filed[codes.SCT.Diameter] == (pytest.approx(diameter, abs=1e-3), "mm")
    assert filed[codes.SCT.Area] == (pytest.approx(area, abs=1e-3), "mm2")
    sizes = {one["id"]: one for one in json.loads(files["fhir.json"])["contained"]}
    assert sizes["diameter"]["valueQuantity"]["value"] == pytest.approx(diameter, abs=1e-3)
    assert sizes["area"]["valueQuantity"]["code"] == "mm2"
    assert "0.02" in sizes["area"]["method"]["text"]


def measured(case, model) -> dict[str, tuple[float, str | None]]:
    """What the structured report holds: value and method by the name of the measurement."""
    from highdicom.sr import EnhancedSR

    report = EnhancedSR.from_dataset(dicom_objects(case, model, b"%PDF", on=DAY).report)
    groups = report.content.get_image_measurement_groups()
    found = [one for group in groups for one in group.get_measurements()]
    return {one.name.meaning: (one.value, one.method and one.method.meaning) for one in found}


def observed(case, model) -> dict[str, dict]:
    content = json.loads(fhir_report(case, model, report_of(case, model, on=DAY, figures=False), b"%PDF"))
    return {one["id"]: one for one in content["contained"]}


@pytest.mark.parametrize("fault", [{"brightest": 0}, {"at_edge": 1.0}])
def test_no_size_is_filed_of_the_models_outline_without_an_answer_or_across_the_edge(case, model, fault):
    doubtful = replace(case, measured=case.quality._replace(**fault))
    assert {"Diameter", "Area"}.isdisjoint(measured(doubtful, model))
    assert {"diameter", "area"}.isdisjoint(observed(doubtful, model))
    assert ("Share of the picture that is lesion" in measured(doubtful, model)) == doubtful.answerable
    drawn = with_outline(doubtful, TRIANGLE)
    assert measured(drawn, model)["Area"] == (pytest.approx(sizes_of(drawn)[1].value, abs=1e-3), BY_HAND[2])
    assert {"diameter", "area"} <= set(observed(drawn, model))


def test_each_measure_says_which_outline_it_belongs_to(case, model):
    for shown, whose in ((case, OF_MODEL[2]), (with_outline(case, TRIANGLE), BY_HAND[2])):
        found = measured(shown, model)
        assert found["Share of the picture that is lesion"] == (pytest.approx(shown.outline_fraction, abs=1e-6), whose)
        assert {found[name][1] for name in ("Diameter", "Area")} == {whose}


def test_probabilities_are_filed_with_their_mix_and_views(case, model):
    moved = replace(at_practice(case, 0.005), views=8)
    found = measured(moved, model)
    assert found["Share of malignant lesions for which probabilities hold"][0] == pytest.approx(0.005)
    assert found["Views over which probabilities are the mean"][0] == 8
    how = observed(moved, model)["p-mel"]["method"]["text"]
    assert "your patients, 0.5\N{NO-BREAK SPACE}% malignant" in how
    assert "Mean over 8 views." in how
    assert "At the data's own mix" in observed(case, model)["p-mel"]["method"]["text"]


def test_limits_and_threshold_are_named_with_their_mix(case, model):
    own = [line for line in report_of(case, model, on=DAY, figures=False).made_with if "from" in line]
    assert not any("mix" in line or "your patients" in line for line in own)
    made = report_of(at_practice(case, 0.005), model, on=DAY, figures=False).made_with
    assert any(line.startswith("Probabilities at the data's own mix from which") for line in made)
    assert any("among your patients, 0.5\N{NO-BREAK SPACE}% malignant" in line for line in made)


def test_objects_bear_the_day_that_they_are_given(case, model):
    for content in dicom_objects(with_outline(case, TRIANGLE), model, b"%PDF", on=DAY).files().values():
        stamps = [one for one in read(content).iterall() if one.VR in ("DA", "DT") and one.value]
        assert {one.value[:8] for one in stamps} == {"20261127"}
        moments = [one.value for one in read(content).iterall() if one.VR == "TM" and one.value]
        assert set(moments) == {"000000"}


def test_the_picture_claims_nothing_that_is_not_known(files):
    picture, page = read(files["dicom/picture.dcm"]), read(files["dicom/page.dcm"])
    assert picture.LossyImageCompression == picture.AcquisitionDateTime == page.AcquisitionDateTime == ""
    assert "BurnedInAnnotation" not in picture
    assert page.BurnedInAnnotation == "YES"


def test_a_scale_from_a_ruler_fits_into_dicom(case, model):
    ruled = replace(case, scale=Scale(0.022923237206366517, "given"))
    files = documents_of(ruled, model, on=DAY)
    told = dcmread(BytesIO(files["dicom/picture.dcm"]))
    assert [len(str(value)) <= 16 for value in told.PixelSpacing] == [True, True]
    assert float(told.PixelSpacing[0]) == pytest.approx(0.022923237206366517)


def test_without_a_scale_no_size_is_filed(case, model):
    plain = replace(case, scale=None)
    content = json.loads(fhir_report(plain, model, report_of(plain, model, on=DAY), b"%PDF"))
    assert {"diameter", "area"}.isdisjoint(one["id"] for one in content["contained"])


@pytest.mark.skipif(shutil.which("dciodvfy") is None, reason="dicom3tools is not installed")
@pytest.mark.parametrize("plain", [True, False])
def test_the_objects_hold_to_the_standard(case, model, tmp_path, plain):
    shown = replace(case, scale=None) if plain else with_outline(case, TRIANGLE)
    for name, content in documents_of(shown, model, on=DAY).items():
        if name.startswith("dicom/"):
            path = tmp_path / name.removeprefix("dicom/")
            path.write_bytes(content)
            done = subprocess.run(["dciodvfy", str(path)], capture_output=True, text=True, check=False)
            errors = [line for line in (done.stdout + done.stderr).splitlines() if line.startswith("Error")]
            assert errors == [], name


def test_no_object_names_a_patient(files):
    for name, content in files.items():
        if name.startswith("dicom/"):
            data = read(content)
            assert [str(data.get(key, "")) for key in ("PatientName", "PatientID", "PatientBirthDate")] == ["", "", ""]


def test_fhir_is_a_preliminary_report_with_the_page(files, case, model):
    content = json.loads(files["fhir.json"])
    assert content["status"] == "preliminary"
    assert words.headline(case) in content["conclusion"]
    values = {one["code"]["coding"][0]["code"]: one["valueQuantity"]["value"] for one in content["contained"]}
    assert values["p_malignant"] == pytest.approx(case.p_malignant, abs=1e-6)
    assert "subject" not in content


def test_a_probability_that_means_nothing_is_not_filed(case, model):
    """The page says that the weights have learned no dermatofibroma: a value in a record would not."""
    from highdicom.sr import EnhancedSR

    learned = {"classes": dict.fromkeys(CODES, 100) | {"df": 0}, "pictures": "", "lesions": ""}
    few = replace(model, description=replace(model.description, training={"data": {"learned": learned}}))
    made = documents_of(case, few, on=DAY)
    filed = {one["code"]["coding"][0]["code"]: one for one in json.loads(made["fhir.json"])["contained"]}
    why = filed["p_df"]["dataAbsentReason"]["text"]
    assert why.startswith("Dermatofibroma cannot be predicted: the weights learned from no image of it")
    assert "valueQuantity" not in filed["p_df"]
    assert "valueQuantity" in filed["p_mel"]
    groups = EnhancedSR.from_dataset(read(made["dicom/report.dcm"])).content.get_image_measurement_groups()
    names = {one.name.value for group in groups for one in group.get_measurements()}
    assert "p_df" not in names
    assert {"p_mel", "p_malignant"} <= names
    said = [one.value.meaning for group in groups for one in group.get_qualitative_evaluations()]
    assert "Dermatofibroma cannot be predicted" in said
    conclusion = json.loads(made["fhir.json"])["conclusion"]
    assert conclusion.startswith("What the weights say of dermatofibroma means nothing, whether low or high, for they")


def test_a_malignant_sum_with_what_was_hardly_learned_is_not_filed(case, model):
    from highdicom.sr import EnhancedSR

    learned = {"classes": dict.fromkeys(CODES, 100) | {"mel": 1}, "pictures": "", "lesions": ""}
    few = replace(model, description=replace(model.description, training={"data": {"learned": learned}}))
    made = documents_of(case, few, on=DAY)
    content = json.loads(made["fhir.json"])
    filed = {one["code"]["coding"][0]["code"]: one for one in content["contained"]}
    why = "What the weights say of melanoma means nothing, whether low or high, and with it the malignant probability"
    assert filed["p_malignant"]["dataAbsentReason"]["text"].startswith(why)
    assert "valueQuantity" not in filed["p_malignant"]
    assert "valueQuantity" in filed["p_nv"]
    assert content["conclusion"].startswith(why)
    assert content["conclusion"].count(why) == 1
    groups = EnhancedSR.from_dataset(read(made["dicom/report.dcm"])).content.get_image_measurement_groups()
    names = {one.name.value for group in groups for one in group.get_measurements()}
    assert not {"p_mel", "p_malignant"} & names
    said = [one.value.meaning for group in groups for one in group.get_qualitative_evaluations()]
    assert said[:2] == ["Melanoma cannot be predicted", "The malignant probability means nothing"]


def test_fhir_holds_to_its_own_schema(files):
    schema = pytest.importorskip("fhir.resources.diagnosticreport")
    schema.DiagnosticReport.model_validate(json.loads(files["fhir.json"]))


def test_without_an_answer_fhir_withholds_its_values(blank, model):
    content = json.loads(fhir_report(blank, model, report_of(blank, model, on=DAY), b"%PDF"))
    assert all("valueQuantity" not in one and "dataAbsentReason" in one for one in content["contained"])


def test_without_a_lesion_there_is_no_outline_object(blank, model):
    names = set(documents_of(blank, model, on=DAY))
    assert "dicom/outline.dcm" not in names
    assert "dicom/report.dcm" in names


def test_a_corrected_outline_is_filed_beside_the_models_and_the_page_says_so(case, model):
    filled = Forms(Abcd(1, 2, frozenset({"red"}), frozenset({"dots"})), SevenPoint())
    corrected = with_forms(with_outline(case, TRIANGLE), filled)
    report = report_of(corrected, model, on=DAY)
    assert report.outline.startswith("Outline: corrected by hand; it overlaps the model's by ")
    assert "corrected by hand" in report.figures[1].caption
    assert report.figures[1].content != report_of(case, model, on=DAY).figures[1].content
    assert report.headline == words.headline(case)
    assert report.forms[0][1] == "A 1; B 2; C 1 (red); D 1 (dots). " + abcd_sentence(filled.abcd)
    named = documents_of(corrected, model, on=DAY)
    assert named["outline.png"] == outline_png(case)
    edited = read(named["dicom/outline-edited.dcm"])
    assert edited.SegmentSequence[0].SegmentAlgorithmType == "SEMIAUTOMATIC"
    np.testing.assert_array_equal(np.squeeze(edited.pixel_array).astype(bool), corrected.outline)
    told = json.loads(named["outline-edited.json"])
    assert told["polygons"] == [[list(map(float, point)) for point in TRIANGLE[0]]]
    reading = json.loads(named["case.json"])["reading"]
    assert (reading["outline"], reading["scale"]["mm_per_pixel"]) == ("edited", 0.02)
    assert reading["measures"]["diameter_mm"] == pytest.approx(0.02 * reading["measures"]["diameter_pixels"])
    assert reading["forms"]["abcd"]["total_dermoscopy_score"] == 1.3 + 0.2 + 0.5 + 0.5
    assert reading["forms"]["seven_point"] is None


def test_the_archive_holds_all_and_is_the_same_each_time(files):
    archive = as_zip(files, DAY)
    assert archive == as_zip(files, DAY)
    with ZipFile(BytesIO(archive)) as opened:
        assert {name: opened.read(name) for name in opened.namelist()} == files


def test_the_page_and_the_command_line_make_the_same_documents(case, model, files):
    assert page_of(case, model, on=DAY) == files["report.pdf"]
    with ZipFile(BytesIO(archive_of(case, model, on=DAY))) as opened:
        assert opened.namelist() == list(files)


def test_what_lacks_is_said_before_it_is_asked_for(monkeypatch):
    assert can_be_made()
    monkeypatch.setattr("derm.document.bundle.find_spec", lambda name: None)
    assert not can_be_made()
