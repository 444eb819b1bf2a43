"""`derm similar`: confirmed cases that look to the network like a picture."""

import json
from pathlib import Path
from typing import Annotated

import typer

from derm.cli.targets import refuse_read, weights_files
from derm.cli.terminal import out
from derm.language.speech import say


def similar(
    picture: Annotated[Path, typer.Argument(help="The picture.")],
    library: Annotated[Path | None, typer.Option(help="Folder of the library; without: DERM_LIBRARY.")] = None,
    pictures: Annotated[
        Path | None, typer.Option(help="Folder for the small pictures of the cases, JPEG; made where it is not there.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="The list as JSON.")] = False,
    weights: Annotated[
        Path | None, typer.Option(help="Weights (.json or .safetensors); without: the shipped ones.")
    ] = None,
) -> None:
    """List ten confirmed cases of a library that are most like a picture, each of another lesion.

    `derm library build` makes a library. Research use only, not a medical device.
    """
    from derm.diagnoses import CODES
    from derm.files import write_together
    from derm.image.decode import open_image
    from derm.model.weights import default_weights, load_weights
    from derm.paths import library_folder
    from derm.predict.case import diagnose
    from derm.predict.library import open_library
    from derm.predict.similar import SHOWN, similar_to
    from derm.predict.similar_words import in_lines
    from derm.predict.words import NOTICE

    opened = open_library(library or library_folder())
    image = open_image(picture)
    model = load_weights(weights or default_weights())
    found = similar_to(opened, model, diagnose(model, image, picture.name))
    if pictures is not None:
        files = {f"{place:02}_{one.diagnosis.code}.jpg": opened.picture(one.row) for place, one in enumerate(found, 1)}
        refuse_read([pictures / name for name in files], [picture, *weights_files(weights)])
        known = [f"{place:02}_{code}.jpg" for place in range(1, SHOWN + 1) for code in CODES]
        write_together(pictures, files, known)
    if as_json:
        rows = [
            {"rank": place, "label": one.label, "dx": one.diagnosis.code, "confirmed": one.confirmed,
             "source": one.source, "likeness": round(one.likeness, 4)}
            for place, one in enumerate(found, 1)
        ]  # fmt: skip
        typer.echo(json.dumps({"similar": rows, "notice": say(NOTICE)}, indent=2, ensure_ascii=False))
        return
    for line in [*in_lines(found), say(NOTICE)]:
        out.print(line)
