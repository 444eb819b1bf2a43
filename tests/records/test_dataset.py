"""Corrections as a data set that everything reads: what counts, what does not, and outlines to the pixel."""

from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from entries import new_picture, save
from pictures import encoded, picture
from PIL import ExifTags, Image
from pydicom import dcmwrite
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, generate_uid
from sqlalchemy import update

from derm.data.catalogue import read_catalogue
from derm.data.store import read_pair
from derm.errors import ImageRefused, RecordsFault
from derm.image.decode import read_image
from derm.records import dataset, tables, words, write
from derm.records.dataset import write_dataset
from derm.records.entry import Basis


def test_confirmed_cases_become_a_data_set(filed, tmp_path):
    proven = save(filed, 1)
    write.add_histology(filed, "Dr A", proven.lesion_id, diagnosis="mel", on="2026-11-20")
    write.correct(filed, "Dr A", proven.picture_id, diagnosis="nv", basis=Basis.CONSENSUS)
    agreed = save(filed, 2, lesion="B")
    write.correct(filed, "Dr A", agreed.picture_id, diagnosis="bcc", basis=Basis.CONSENSUS)
    clinical = save(filed, 3, lesion="C")
    write.correct(filed, "Dr A", clinical.picture_id, diagnosis="bkl", basis=Basis.CLINICAL)
    outline = np.zeros((48, 80), dtype=bool)
    outline[5:40, 7:60] = True
    outlined = write.save_case(filed, "Dr A", new_picture(4, pseudonym="P-002"), outline=outline)
    other = save(filed, 5, pseudonym="P-003")
    write.add_histology(filed, "Dr A", other.lesion_id, diagnosis="other", on="2026-11-20")
    write.describe_patient(filed, "Dr A", proven.patient_id, birth_year=1966, sex="female")
    save(filed, 6, pseudonym="P-004")
    assert write_dataset(filed, tmp_path / "set") == (4, 3, 1, (), ())
    table = read_catalogue(tmp_path / "set").table.set_index("lesion_id")
    assert dict(table["dx"]) == {
        proven.lesion_id: "mel", agreed.lesion_id: "bcc", outlined.lesion_id: "unknown", other.lesion_id: "unknown",
    }  # fmt: skip
    assert table.at[proven.lesion_id, "age"] == 60
    assert table.at[proven.lesion_id, "patient_id"] == proven.patient_id
    assert set(table["source"]) == {"practice"}
    image, mask = read_pair(*table.loc[outlined.lesion_id, ["image_path", "mask_path"]])
    assert np.array_equal(image, picture(4))
    assert np.array_equal(mask, outline)
    text = (tmp_path / "set" / "derm.csv").read_text()
    assert "P-00" not in text
    assert "IMG_" not in text
    with pytest.raises(RecordsFault, match="is there already"):
        write_dataset(filed, tmp_path / "set")


@pytest.mark.parametrize("born", [2027, 1900])
def test_an_age_that_nobody_has_is_left_empty_and_said(filed, tmp_path, born):
    for number, name in enumerate(("P-001", "P-002"), start=1):
        saved = save(filed, number, pseudonym=name)
        write.add_histology(filed, "Dr A", saved.lesion_id, diagnosis="mel", on="2026-11-20")
        write.describe_patient(filed, "Dr A", saved.patient_id, birth_year=1966)
    # As an older Derm took it, or an import.
    with filed.writing() as connection:
        connection.execute(update(tables.patient).where(tables.patient.c.pseudonym == "P-002").values(birth_year=born))
    found = write_dataset(filed, tmp_path / "set")
    assert found == (2, 2, 0, ("P-002",), ())
    assert read_catalogue(tmp_path / "set").table["age"].dropna().tolist() == [60]
    assert words.drawn(found, "set").endswith("nobody is so old as year of birth and visit say: P-002")


def test_a_corrected_lesion_has_one_diagnosis_in_all_its_pictures(filed, tmp_path):
    saved = [save(filed, 1), save(filed, 2, day="2026-11-20"), save(filed, 3, day="2026-11-21")]
    write.correct(filed, "Dr A", saved[0].picture_id, diagnosis="nv", basis=Basis.FOLLOW_UP)
    write.correct(filed, "Dr A", saved[1].picture_id, diagnosis="mel", basis=Basis.HISTOLOGY)
    assert write_dataset(filed, tmp_path / "set") == (3, 3, 0, (), ())
    table = read_catalogue(tmp_path / "set").table
    assert list(zip(table["dx"], table["dx_type"], strict=True)) == [("mel", "histo")] * 3


def named_jpeg(seed: int) -> bytes:
    """A photograph that lies on its side, and whose file says whose it is, where and when."""
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    exif[ExifTags.Base.ImageDescription] = "Rossi^Anna 1961-02-03"
    exif[ExifTags.Base.DateTime] = "2026:01:02 10:00:00"
    exif.get_ifd(ExifTags.IFD.GPSInfo)[1] = "N"
    stream = BytesIO()
    Image.fromarray(picture(seed)).save(stream, "JPEG", exif=exif, comment=b"PAT-4711")
    return stream.getvalue()


def named_dicom(seed: int) -> bytes:
    data = Dataset()
    data.file_meta = FileMetaDataset()
    data.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data.file_meta.MediaStorageSOPClassUID = data.SOPClassUID = "1.2.840.10008.5.1.4.1.1.77.1.7"
    data.file_meta.MediaStorageSOPInstanceUID = data.SOPInstanceUID = generate_uid()
    data.PatientName, data.PatientID, data.PatientBirthDate = "Rossi^Anna", "PAT-4711", "19610203"
    data.Rows, data.Columns, data.SamplesPerPixel, data.PlanarConfiguration = 48, 80, 3, 0
    data.PhotometricInterpretation, data.BitsAllocated, data.BitsStored, data.HighBit = "RGB", 8, 8, 7
    data.PixelRepresentation, data.PixelData = 0, picture(seed).tobytes()
    stream = BytesIO()
    dcmwrite(stream, data, enforce_file_format=True)
    return stream.getvalue()


def test_pictures_go_as_derm_decodes_them_without_what_their_files_tell_of_the_patient(filed, tmp_path):
    files = {"Anna Rossi.jpg": named_jpeg(1), "Anna Rossi.dcm": named_dicom(2)}
    outlines = {}
    for name, content in files.items():
        height, width = read_image(content, name).shape[:2]
        outline = np.zeros((height, width), dtype=bool)
        outline[5:30, 7:40] = True
        new = new_picture(name=name, content=content, height=height, width=width)
        outlines[write.save_case(filed, "Dr A", new, outline=outline).picture_id] = content, outline
    write_dataset(filed, tmp_path / "set")
    table = read_catalogue(tmp_path / "set").table
    assert len(table) == 2
    for place, mask_place in zip(table["image_path"], table["mask_path"], strict=True):
        content, outline = outlines[Path(place).stem]
        image, mask = read_pair(place, mask_place)
        assert np.array_equal(image, read_image(content, "original"))
        assert np.array_equal(mask, outline)
        with Image.open(place) as opened:
            assert (opened.format, opened.info) == ("PNG", {})
    for file in (tmp_path / "set").rglob("*"):
        held = file.read_bytes() if file.is_file() else b""
        found = [
            word for word in (b"Rossi", b"4711", b"1961", b"2026:01") if word in held or word.decode() in file.name
        ]
        assert not found


def test_a_kept_picture_that_cannot_be_decoded_is_named_and_nothing_is_left(filed, tmp_path):
    saved = save(filed, content=b"none", name="spoiled.png")
    write.add_histology(filed, "Dr A", saved.lesion_id, diagnosis="mel", on="2026-11-20")
    with pytest.raises(ImageRefused, match=r"spoiled\.png is no picture"):
        write_dataset(filed, tmp_path / "set")
    assert not list(tmp_path.glob("*set*"))


def test_a_kept_picture_that_is_refused_today_does_not_hold_up_the_others(filed, tmp_path):
    """As a later version may refuse what an earlier one kept."""
    for number, (content, name) in enumerate(((b"none", "spoiled.png"), (encoded(picture(2)), "good.png"))):
        saved = save(filed, content=content, name=name, lesion=str(number))
        write.add_histology(filed, "Dr A", saved.lesion_id, diagnosis="mel", on="2026-11-20")
    found = write_dataset(filed, tmp_path / "set")
    assert (found.pictures, found.diagnosed) == (1, 1)
    assert len(read_catalogue(tmp_path / "set").table) == 1
    assert "1 kept picture is left out, for it cannot be read: spoiled.png is no picture" in words.drawn(found, "x")


def test_a_deletion_meanwhile_lets_the_data_set_begin_anew_without_the_patient(filed, tmp_path, monkeypatch):
    saved = [save(filed, seed, pseudonym=f"P-{seed}") for seed in (1, 2)]
    for one in saved:
        write.add_histology(filed, "Dr A", one.lesion_id, diagnosis="mel", on="2026-11-20")
    chosen = dataset._chosen

    def and_delete(records):
        found = chosen(records)
        if len(found[0]) == 2:
            write.delete_patient(filed, "Dr A", saved[0].patient_id)
        return found

    monkeypatch.setattr(dataset, "_chosen", and_delete)
    assert write_dataset(filed, tmp_path / "set") == (1, 1, 0, (), ())


@pytest.mark.parametrize("place", [0, 1])
def test_a_patient_who_is_deleted_after_a_picture_was_written_is_not_in_the_data_set(filed, tmp_path, place):
    saved = [save(filed, seed, pseudonym=f"P-{seed}") for seed in (1, 2)]
    for one in saved:
        write.add_histology(filed, "Dr A", one.lesion_id, diagnosis="mel", on="2026-11-20")

    def watch(done: int, total: int) -> None:
        if (done, total) == (1, 2):
            write.delete_patient(filed, "Dr A", saved[place].patient_id)

    assert write_dataset(filed, tmp_path / "set", watch) == (1, 1, 0, (), ())
    table = (tmp_path / "set" / dataset.TABLE).read_text()
    assert [one.patient_id in table for one in saved] == [place == 1, place == 0]


def test_without_anything_confirmed_there_is_no_data_set(filed, tmp_path):
    save(filed, content=encoded(picture(1)))
    with pytest.raises(RecordsFault, match="enter one on the page Cases"):
        write_dataset(filed, tmp_path / "set")
    assert not (tmp_path / "set").exists()


def test_the_same_outline_is_kept_once(filed):
    outline = np.ones((48, 80), dtype=bool)
    from derm.records import read

    for _ in range(2):
        saved = write.save_case(filed, "Dr A", new_picture(), outline=outline)
    history = read.lesion_history(filed, saved.lesion_id)
    assert history is not None
    assert len(history.visits[0].pictures[0].corrections) == 1
