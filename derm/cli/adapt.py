"""`derm adapt`: fit weights to pictures of another clinic without a diagnosis."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from derm.cli.calibrate import split_of
from derm.cli.targets import refuse_read, weights_files
from derm.cli.terminal import check_description, out, progress, read_known
from derm.errors import DataFault

if TYPE_CHECKING:
    from derm.model.weights import WeightsInfo


def adapt(
    data: Annotated[
        list[Path],
        typer.Option(help="Folder of pictures, or of a data set, whose training part is taken; several may be given."),
    ],
    target: Annotated[Path, typer.Option("--out", help="Where to, such as weights/adapted.json.")],
    weights: Annotated[
        Path | None, typer.Option(help="Weights (.json or .safetensors); without: the shipped ones.")
    ] = None,
    share: Annotated[
        float | None, typer.Option(help="Weight of the new pictures' statistics, above 0, at most 1; without: 0.5.")
    ] = None,
) -> None:
    """Give the network's normalisation the statistics of your pictures; no diagnosis is needed (Schneider et al. 2020).

    Whether that helps depends on the pictures: measure it with confirmed cases before you use it.
    """
    from derm.model.adapt import SHARE
    from derm.model.adapt import adapt as fit
    from derm.model.weights import default_weights, load_weights

    check_description(target)
    refuse_read([target, target.with_suffix(".safetensors")], weights_files(weights))
    source = weights or default_weights()
    pictures, told = _pictures(data, load_weights(source).description)
    with progress("Adapting") as watch:
        model = fit(source, target, pictures, share=SHARE if share is None else share, progress=watch)
    out.print(f"{target}: sha256 {model.sha256[:8]}…, adapted to {len(pictures):,} pictures, {told}.")
    out.print("Temperature, thresholds and figures belonged to other numbers and are dropped: `derm calibrate` and")
    out.print("`derm evaluate` give them anew, and tell with confirmed cases whether the adapted weights are better.")


def _pictures(folders: list[Path], about: "WeightsInfo") -> tuple[list[Path], str]:
    """The pictures to adapt weights to, which `about` describes, and what they are, in words: of a data set the
    training part alone, and no source that the weights were trained without."""
    from derm.data.split import split_catalogue
    from derm.predict.folder import find_images

    try:
        catalogue = read_known(folders)
    except DataFault:
        if _has_table(folders):  # pictures without a split would be those of its test part, too
            raise
        found = [path for path in find_images(folders) if not path.stem.endswith("_segmentation")]
        return found, "all that was found"
    rows = split_catalogue(catalogue, *split_of(about, catalogue)).rows("train")
    return [Path(path) for path in catalogue.table["image_path"].iloc[rows]], "the training part of a data set"


def _has_table(folders: list[Path]) -> bool:
    """Whether there is a data set's table anywhere in `folders`, whatever its fault; DataFault where one lies beside a
    folder, of whose pictures it may tell."""
    from derm.data.catalogue import METADATA_FILES, TRUTH_FILES
    from derm.data.folder import find_file
    from derm.data.isic import ARCHIVE_TABLE, ISIC2019_TRUTH
    from derm.data.own import TABLE
    from derm.files import open_ordinary

    names = {name.lower() for name in (TABLE, ARCHIVE_TABLE, *METADATA_FILES, *TRUTH_FILES, *ISIC2019_TRUTH)}
    # A folder that is a link lies beside other files than what it leads to.
    for folder, parent in ((one, place.parent) for one in folders for place in (one.absolute(), one.resolve())):
        beside = find_file(parent, (TABLE, *METADATA_FILES, *TRUTH_FILES, *ISIC2019_TRUTH))
        if beside is None and (path := find_file(parent, (ARCHIVE_TABLE,))):  # whose name is anybody's
            with open_ordinary(path) as stream:
                beside = path if b"isic_id" in stream.read(4096).lower() else None
        if beside:
            raise DataFault(
                f"{beside.name} lies beside {folder}, and may divide its pictures: name {parent} with --data, or "
                "another folder of pictures."
            )
    return any(place.name.lower() in names and place.is_file() for folder in folders for place in folder.rglob("*"))
