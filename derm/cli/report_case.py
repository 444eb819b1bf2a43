"""`derm report-case`: one picture as documents that a clinic can file."""

from datetime import date
from pathlib import Path
from typing import Annotated

import typer

from derm.cli.targets import refuse_read, weights_files
from derm.cli.terminal import out


def report_case(
    picture: Annotated[Path, typer.Argument(help="The picture.")],
    target: Annotated[Path, typer.Option("--out", help="Folder for the documents; made where it is not there.")],
    diagnosis: Annotated[
        str | None, typer.Option(help="Code of the diagnosis whose evidence is shown; without: the likeliest.")
    ] = None,
    day: Annotated[str | None, typer.Option("--date", help="Day on the documents, such as 2026-11-27; today.")] = None,
    scale: Annotated[
        float | None, typer.Option(help="Millimetres a pixel, such as 0.02, in place of what a DICOM file tells.")
    ] = None,
    outline: Annotated[
        Path | None, typer.Option(help="A corrected outline, the JSON file of polygons that the page gives.")
    ] = None,
    prevalence: Annotated[
        float | None, typer.Option(help="Share of malignant lesions among your patients; without: as in the data.")
    ] = None,
    views: Annotated[int, typer.Option(help="8: the mean over eight turned and mirrored views.")] = 1,
    called: Annotated[
        str | None, typer.Option("--name", help="What documents call the picture; without: 8 digits of its content.")
    ] = None,
    spoken: Annotated[
        str, typer.Option("--language", help="Of the documents: en or de; see docs/languages.md.")
    ] = "en",
    archive: Annotated[bool, typer.Option("--zip", help="One ZIP file instead of the files in it.")] = False,
    weights: Annotated[
        Path | None, typer.Option(help="Weights (.json or .safetensors); without: the shipped ones.")
    ] = None,
) -> None:
    """Write a picture's report: PDF to print, JSON, FHIR, and DICOM objects (picture, outline, report, page).

    The documents name no patient, nor the file, which may bear a name, unless --name does. Needs `pip install
    'derm[documents]'`. Research use only, not a medical device.
    """

    from derm.diagnoses import CODES, INDEX
    from derm.document.bundle import DOCUMENTS, as_zip, documents_of
    from derm.errors import ConfigFault
    from derm.files import shorten, write_together
    from derm.image.decode import LONGEST_NAME, image_name, read_file, read_scaled
    from derm.image.dicom import LEAST_SPACING, MOST_SPACING
    from derm.image.scale import Scale
    from derm.language.speech import languages, speaking
    from derm.model.weights import default_weights, load_weights
    from derm.predict.case import changed, diagnose
    from derm.predict.entries import with_read_outline
    from derm.predict.export import file_name
    from derm.predict.nameless import without_name
    from derm.predict.practice import at_practice, check_share

    if diagnosis is not None and diagnosis not in CODES:
        raise ConfigFault(f"--diagnosis is '{diagnosis}': it must be one of {', '.join(CODES)}.")
    if scale is not None and not LEAST_SPACING <= scale <= MOST_SPACING:
        raise ConfigFault(
            f"--scale is {scale:g}: a dermatoscope's picture has {LEAST_SPACING} to {MOST_SPACING} millimetres a pixel."
        )
    if spoken not in languages():
        raise ConfigFault(f"--language is '{spoken}': it must be one of {', '.join(languages())}.")
    if called is not None and (not called.strip() or len(called) > LONGEST_NAME or not called.isprintable()):
        raise ConfigFault(
            f"--name is {shorten(called, 60)!r}: give 1 to {LONGEST_NAME} characters that can be printed."
        )
    on = _day(day)
    model = load_weights(weights or default_weights())
    check_share(model.description, prevalence)
    name = image_name(picture.name)
    pixels, told = read_scaled(read_file(picture), name)
    spacing = None if told is None else Scale(told, "DICOM")
    asked = diagnose(model, pixels, name, views=views, scale=spacing if scale is None else Scale(scale, "given"))
    if outline is not None:
        asked = with_read_outline(asked, read_file(outline))
    case = at_practice(asked, prevalence)
    index = None if diagnosis is None else INDEX[diagnosis]
    with speaking(spoken):
        case = without_name(case) if called is None else changed(case, name=called)
        files = documents_of(case, model, on=on, index=index)
    if archive:
        files = {file_name(case, "documents.zip"): as_zip(files, on)}
    read = [picture, *filter(None, [outline]), *weights_files(weights)]
    refuse_read([target / name for name in files], read)
    write_together(target, files, () if archive else DOCUMENTS)
    for name in files:
        out.print(str(target / name), soft_wrap=True)


YEARS = (1980, 2099)
"""Of the day on the documents: no file in a ZIP archive is older, and none far in the future."""


def _day(said: str | None) -> date:
    from derm.errors import ConfigFault

    try:
        day = date.today() if said is None else date.fromisoformat(said)
    except ValueError as error:
        raise ConfigFault(f"--date is '{said}': write it as year-month-day, such as 2026-11-27.") from error
    if not YEARS[0] <= day.year <= YEARS[1]:
        raise ConfigFault(f"--date is {day}: documents bear a day of the years {YEARS[0]} to {YEARS[1]}.")
    return day
