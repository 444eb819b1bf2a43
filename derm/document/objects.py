"""A case as DICOM objects that an archive takes: the picture, its outline, the answer as a structured report, the page.

Needs pydicom and highdicom (`pip install 'derm[documents]'`). The objects belong to one study and refer to each other.
They name no patient: whoever files them sets Patient's Name and ID, in all of them alike.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime, time
from io import BytesIO
from typing import TYPE_CHECKING, Any

import numpy as np

from derm import __version__
from derm.diagnoses import DIAGNOSES
from derm.document.content import probabilities_of, sizes_of
from derm.errors import ConfigFault
from derm.figures.text import capital
from derm.language.speech import ENGLISH, mark, say, speaking
from derm.model.weights import Model
from derm.predict import words
from derm.predict.case import Case
from derm.predict.doubts import doubts_of
from derm.predict.learned_words import means_nothing

if TYPE_CHECKING:
    from pydicom import Dataset
    from pydicom.sr.coding import Code

PHOTOGRAPH = "1.2.840.10008.5.1.4.1.1.77.1.4"
"""VL Photographic Image Storage. Dermoscopic Photography wants to know of light, contact and magnification, which a
picture alone does not tell."""

PDF = "1.2.840.10008.5.1.4.1.1.104.1"
"""Encapsulated PDF Storage."""

SCHEME = "99DERM"
"""Our own coding scheme, for what no public one has."""

OF_MODEL = ("outline_model", SCHEME, "Inside the model's outline")
BY_HAND = ("outline_edited", SCHEME, "Inside the outline as corrected by hand")
"""Code, scheme and meaning of the outline that something was measured in."""

SKIN = ("39937001", "SCT", "Skin")
"""Code, scheme and meaning of where a lesion is."""

STAMPS = {"DA": "%Y%m%d", "TM": "%H%M%S", "DT": "%Y%m%d%H%M%S"}
"""How a day, a time of day and a moment are written, by the kind of value."""

LONGEST = {"SH": 16, "LO": 64, "ST": 1024, "UT": 1024}
"""Characters of a text, by the kind of value; of UT the standard allows more."""

MAKER = "Derm"
MISSING = mark("DICOM objects need highdicom, which is not installed: pip install 'derm[documents]'.")


@dataclass(frozen=True)
class Objects:
    """The objects of one case."""

    picture: "Dataset"
    report: "Dataset"
    page: "Dataset"
    outline: "Dataset | None"
    """None where there is no lesion to outline."""
    edited: "Dataset | None" = None
    """The outline as whoever reads the case corrected it; None where the model's stands."""

    def files(self) -> dict[str, bytes]:
        """Each as a file, by name."""
        named = {
            "picture": self.picture,
            "outline": self.outline,
            "outline-edited": self.edited,
            "report": self.report,
            "page": self.page,
        }
        return {f"{name}.dcm": _bytes(data) for name, data in named.items() if data is not None}


def dicom_objects(case: Case, model: Model, page: bytes, *, on: date) -> Objects:
    """Picture, outline, structured report (TID 1500) and encapsulated page of `case`.

    page: the report as a PDF file. on: the day that the objects bear. Raises ConfigFault where highdicom lacks.
    """
    try:
        import highdicom  # noqa: F401
    except ImportError as error:
        raise ConfigFault(say(MISSING)) from error
    with speaking(ENGLISH):  # codes mean what their schemes say; the page speaks the report's language
        return _objects(case, model, page, on)


def _objects(case: Case, model: Model, page: bytes, on: date) -> Objects:
    """`dicom_objects`, of which highdicom is there."""
    mm_per_pixel = None if case.scale is None else case.scale.mm_per_pixel
    picture = _picture(case, on, mm_per_pixel)
    outline = _outline(case, model, picture, mm_per_pixel, on) if case.has_lesion else None
    edited = None if case.polygons is None else _outline(case, model, picture, mm_per_pixel, on, edited=True)
    report = _report(case, model, picture, [one for one in (outline, edited) if one is not None], on)
    return Objects(picture, report, _page(page, picture, case.name, on), outline, edited)


def _picture(case: Case, on: date, mm_per_pixel: float | None) -> "Dataset":
    """The picture as a VL Photographic Image without a patient."""
    from pydicom.uid import generate_uid
    from pydicom.valuerep import DSfloat

    data = _begin(PHOTOGRAPH, on)
    data.StudyInstanceUID, data.SeriesInstanceUID = generate_uid(), generate_uid()
    data.Modality, data.SeriesNumber, data.InstanceNumber = "XC", 1, 1
    data.ImageType = ["DERIVED", "PRIMARY"]
    data.DerivationDescription = "Pixels as decoded to sRGB"
    data.AcquisitionContextSequence = []
    data.PatientOrientation = ""  # how the picture lies on the body is not known
    data.Laterality = ""
    data.AnatomicRegionSequence = [_item(*SKIN)]
    data.SamplesPerPixel, data.PlanarConfiguration = 3, 0
    data.PhotometricInterpretation = "RGB"
    data.Rows, data.Columns = case.mask.shape
    data.BitsAllocated, data.BitsStored, data.HighBit, data.PixelRepresentation = 8, 8, 7, 0
    data.LossyImageCompression = ""  # whether the picture was a JPEG once is not known, nor what is written on it
    if mm_per_pixel is not None:
        data.PixelSpacing = [DSfloat(mm_per_pixel, auto_format=True)] * 2  # at most 16 characters
    pixels = case.image.tobytes()
    data.PixelData = pixels + b"\0" * (len(pixels) % 2)
    return data


def _outline(
    case: Case, model: Model, picture: "Dataset", mm_per_pixel: float | None, on: date, *, edited: bool = False
) -> "Dataset":
    """The predicted outline as a segmentation of the picture, or the corrected one."""
    import highdicom as hd
    from pydicom.sr.codedict import codes
    from pydicom.uid import generate_uid

    family = codes.DCM.ArtificialIntelligence
    algorithm = hd.AlgorithmIdentificationSequence(name=_label(model, "LO"), family=family, version=__version__)
    by = hd.seg.SegmentAlgorithmTypeValues
    segment = hd.seg.SegmentDescription(
        segment_number=1,
        segment_label="Lesion",
        segmented_property_category=codes.SCT.MorphologicallyAbnormalStructure,
        segmented_property_type=codes.SCT.Lesion,
        algorithm_type=by.SEMIAUTOMATIC if edited else by.AUTOMATIC,
        algorithm_identification=algorithm,
    )
    # Without a measure of its own, what highdicom writes of a picture with a scale cannot be read back.
    scale = None if mm_per_pixel is None else hd.PixelMeasuresSequence((mm_per_pixel,) * 2, slice_thickness=1)
    outline = hd.seg.Segmentation(
        source_images=[picture],
        pixel_array=(case.outline if edited else case.mask).astype(np.uint8),
        segmentation_type=hd.seg.SegmentationTypeValues.BINARY,
        segment_descriptions=[segment],
        series_instance_uid=generate_uid(),
        series_number=5 if edited else 2,
        sop_instance_uid=generate_uid(),
        instance_number=1,
        manufacturer=MAKER,
        manufacturer_model_name=MAKER,
        software_versions=__version__,
        device_serial_number=model.sha256[:16],
        pixel_measures=scale,
        content_label="OUTLINE",
        content_description=f"Outline of the lesion, {'corrected by hand' if edited else 'predicted'}",
    )
    outline.PatientOrientation = picture.PatientOrientation
    outline.LossyImageCompression = "00"  # of the mask itself, where one of two has to be said
    return _dated(outline, on)


def _report(case: Case, model: Model, picture: "Dataset", outlines: "list[Dataset]", on: date) -> "Dataset":
    """Probabilities and what to do, as a measurement report (TID 1500) about the picture."""
    import highdicom as hd
    from pydicom.sr.codedict import codes
    from pydicom.uid import generate_uid

    unlearned = means_nothing(model.description.training)
    source = hd.sr.SourceImageForMeasurementGroup.from_source_image(picture)
    observer = hd.sr.ObserverContext(
        observer_type=codes.DCM.Device,
        observer_identifying_attributes=hd.sr.DeviceObserverIdentifyingAttributes(
            uid=generate_uid(entropy_srcs=[model.sha256]),
            name=_label(model, "UT"),
            manufacturer_name=MAKER,
            model_name=MAKER,
        ),
    )
    group = hd.sr.MeasurementsAndQualitativeEvaluations(
        tracking_identifier=hd.sr.TrackingIdentifier(uid=generate_uid(), identifier="Lesion"),
        finding_type=codes.SCT.Lesion,
        finding_sites=[hd.sr.FindingSite(_code(*SKIN))],
        algorithm_id=hd.sr.AlgorithmIdentification(
            name=_label(model, "UT"), version=__version__, parameters=[words.NOTICE]
        ),
        measurements=_measurements(case, unlearned),
        qualitative_evaluations=_evaluations(case, unlearned),
        source_images=[source],
    )
    content = hd.sr.MeasurementReport(
        observation_context=hd.sr.ObservationContext(observer_device_context=observer),
        procedure_reported=_code("dermoscopy", SCHEME, "Reading of a dermoscopic picture"),
        imaging_measurements=[group],
        title=codes.DCM.ImagingMeasurementReport,
        referenced_images=[picture],
    )
    report = hd.sr.EnhancedSR(
        evidence=[picture, *outlines],
        content=content[0],
        series_instance_uid=generate_uid(),
        series_number=3,
        sop_instance_uid=generate_uid(),
        instance_number=1,
        manufacturer=MAKER,
        is_complete=True,
    )
    return _dated(report, on)


def _measurements(case: Case, unlearned: Collection[str]) -> list[Any]:
    """The seven probabilities and the malignant one, where there is an answer, with the share and the views that they
    hold for; the share of lesion, and its sizes, each with the outline that it belongs to.

    unlearned: keys of probabilities that mean nothing.
    """
    import highdicom as hd
    from pydicom.sr.codedict import codes

    one = codes.UCUM.NoUnits
    shares = probabilities_of(case) if case.answerable else []
    shares = [one for one in shares if one[0] not in unlearned]
    if case.referral_threshold is not None:
        shares.append(("referral", "Malignant probability from which referral is advised", case.referral_threshold))
    if case.mix_share is not None:
        shares.append(("malignant_share", "Share of malignant lesions for which probabilities hold", case.mix_share))
    shares.append(("views", "Views over which probabilities are the mean", case.views))
    probabilities = [
        hd.sr.Measurement(name=_code(value, SCHEME, meaning), value=round(share, 6), unit=one)
        for value, meaning, share in shares
    ]
    sizes = [
        (_code(size.code, "SCT", size.meaning), round(size.value, 3), _code(size.unit, "UCUM", size.unit))
        for size in sizes_of(case)
    ]
    if case.answerable or case.polygons is not None:
        covered = _code("mask_fraction", SCHEME, "Share of the picture that is lesion")
        sizes.insert(0, (covered, round(case.outline_fraction, 6), one))
    inside = _code(*(OF_MODEL if case.polygons is None else BY_HAND))
    return [
        *probabilities,
        *(hd.sr.Measurement(name=name, value=value, unit=unit, method=inside) for name, value, unit in sizes),
    ]


def _evaluations(case: Case, unlearned: Collection[str]) -> list[Any]:
    """What cannot be predicted, what to do, and what makes the answer doubtful. unlearned: as for `_measurements`."""
    import highdicom as hd

    advice = words.what_to_do(case)
    doubt = ("doubt", "Reason to doubt the answer")
    of = {f"p_{one.code}": (f"unlearned_{one.code}", f"{capital(one.called)} cannot be predicted") for one in DIAGNOSES}
    of["p_malignant"] = ("unlearned_sum", "The malignant probability means nothing")
    said = [(*doubt, *of[key]) for key in unlearned]
    said += [("advice", "What to do", advice.lower().replace(" ", "_"), advice)]
    said += [(*doubt, one.value, words.flag(one)) for one in doubts_of(case)]
    return [
        hd.sr.QualitativeEvaluation(name=_code(name, SCHEME, meaning), value=_code(value, SCHEME, told))
        for name, meaning, value, told in said
    ]


def _page(page: bytes, picture: "Dataset", name: str, on: date) -> "Dataset":
    """The report's PDF file as an object of the same study."""
    from pydicom.uid import generate_uid

    data = _begin(PDF, on)
    data.StudyInstanceUID, data.SeriesInstanceUID = picture.StudyInstanceUID, generate_uid()
    data.Modality, data.SeriesNumber, data.InstanceNumber = "DOC", 4, 1
    data.ConversionType = "WSD"
    data.BurnedInAnnotation = "YES"  # one of two has to be said, and the picture on the page may bear a name
    data.DocumentTitle = _text(f"Report of {name}", "ST")
    data.ConceptNameCodeSequence = []
    data.SourceInstanceSequence = [_reference(picture)]
    data.MIMETypeOfEncapsulatedDocument = "application/pdf"
    data.EncapsulatedDocumentLength = len(page)
    data.EncapsulatedDocument = page + b"\0" * (len(page) % 2)
    return data


def _begin(kind: str, on: date) -> "Dataset":
    """A new object of the class `kind` without a patient."""
    from pydicom import Dataset
    from pydicom.dataset import FileMetaDataset
    from pydicom.uid import UID, ExplicitVRLittleEndian, generate_uid

    data = Dataset()
    data.file_meta = FileMetaDataset()
    data.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data.SpecificCharacterSet = "ISO_IR 192"
    data.SOPClassUID, data.SOPInstanceUID = UID(kind), generate_uid()
    data.file_meta.MediaStorageSOPClassUID = data.SOPClassUID
    data.file_meta.MediaStorageSOPInstanceUID = data.SOPInstanceUID
    for name in ("PatientName", "PatientID", "PatientBirthDate", "PatientSex", "ReferringPhysicianName", "StudyID"):
        setattr(data, name, "")
    data.AccessionNumber = ""
    moment = datetime.combine(on, time())
    for name in ("StudyDate", "ContentDate"):
        setattr(data, name, moment.strftime(STAMPS["DA"]))
    for name in ("StudyTime", "ContentTime"):
        setattr(data, name, moment.strftime(STAMPS["TM"]))
    data.AcquisitionDateTime = ""  # when the picture was taken is not known
    data.Manufacturer, data.ManufacturerModelName, data.SoftwareVersions = MAKER, MAKER, __version__
    return data


def _dated(data: "Dataset", on: date) -> "Dataset":
    """The same object, which bears the day `on` wherever highdicom wrote the moment that it was made."""
    for element in data.iterall():
        if element.VR in STAMPS and element.value:
            element.value = datetime.combine(on, time()).strftime(STAMPS[element.VR])
    return data


def _reference(picture: "Dataset") -> "Dataset":
    from pydicom import Dataset

    item = Dataset()
    item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = picture.SOPClassUID, picture.SOPInstanceUID
    return item


def _code(value: str, scheme: str, meaning: str) -> "Code":
    from pydicom.sr.coding import Code

    return Code(_text(value, "SH"), scheme, _text(meaning, "LO"))


def _item(value: str, scheme: str, meaning: str) -> "Dataset":
    from pydicom import Dataset

    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = _text(value, "SH"), scheme, _text(meaning, "LO")
    return item


def _text(value: str, kind: str, most: int | None = None) -> str:
    """`value` as a text of that kind holds it, at most `most` characters.

    A backslash would part it in two values; letters that nobody sees, and halves of letters, belong in none.
    """
    plain = "".join("_" if letter == "\\" or not letter.isprintable() else letter for letter in value)
    return plain[: LONGEST[kind] if most is None else most].strip()


def _label(model: Model, kind: str) -> str:
    """The label of weights, whose file may have any name; the digits that tell them apart stay, however long it is."""
    digits = model.label.removeprefix(model.name)
    return _text(model.name, kind, LONGEST[kind] - len(digits)) + digits


def _bytes(data: "Dataset") -> bytes:
    from pydicom import dcmwrite

    stream = BytesIO()
    dcmwrite(stream, data, enforce_file_format=True)
    return stream.getvalue()
