"""The dermoscopic structures of a case: found by a second look of the network, when somebody asks for them.

Needs a prediction, or pictures in files. A picture that cannot be judged has none. Knows nothing of pages.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from derm.errors import ImageRefused, WeightsFault
from derm.image.decode import read_image
from derm.image.resize import square
from derm.language.speech import say
from derm.model.weights import Model
from derm.predict.case import Case, diagnose
from derm.predict.found import FoundPicture
from derm.structures.engine import Seen
from derm.structures.look import FoundStructure, found_in, see
from derm.structures.weights import StructureInfo, StructureWeights, structures_for
from derm.structures.words import NOT_JUDGED, lines


def decoder_of(case: Case) -> StructureWeights | None:
    """As `find_decoder`; None for a decoder that is damaged, too: the answer goes on without structures."""
    try:
        return find_decoder(case)
    except WeightsFault:
        return None


def find_decoder(case: Case) -> StructureWeights | None:
    """The decoder that can look at the case; None where its weights have none, what the network saw was let go, or the
    picture cannot be judged. Raises WeightsFault for a decoder that is damaged."""
    if case.prediction is None or not case.answerable:
        return None
    return structures_for(case.prediction.model.sha256)


def find_structures(case: Case) -> tuple[FoundStructure, ...]:
    """As `structures_of`; raises WeightsFault for a decoder that is damaged."""
    decoder = find_decoder(case)
    return () if decoder is None else _found(case, decoder)


def structures_of(case: Case) -> tuple[FoundStructure, ...]:
    """The structures of the case that are worth showing, inside the outline that is shown; none where there is no
    decoder, or it is damaged. The network looks at the first call."""
    try:
        return find_structures(case)
    except WeightsFault:
        return ()


def seen_of(case: Case) -> Seen | None:
    """What the decoder sees in the case, N = 1; None where there is none, or it is damaged. Looked at once."""
    try:
        decoder = find_decoder(case)
        return None if decoder is None else _seen(case, decoder)
    except WeightsFault:
        return None


def _found(case: Case, decoder: StructureWeights) -> tuple[FoundStructure, ...]:
    seen = _seen(case, decoder)
    if seen is None or case.prediction is None:
        return ()
    outline = case.outline & case.has_outline
    return found_in(seen, decoder.info, outline, case.prediction.info.model.fit)


def _seen(case: Case, decoder: StructureWeights) -> Seen | None:
    prediction = case.prediction
    if prediction is None:
        return None
    kept = prediction.structures.get(decoder.sha256)
    if kept is None:
        own, size = prediction.squares, decoder.info.input_size
        squares = own if own.shape[1] == size else square(case.image, size, prediction.info.model.fit)[None]
        kept = prediction.structures[decoder.sha256] = see(prediction.model, decoder, squares)
    return kept


def structures_json(case: Case) -> list[dict[str, Any]] | None:
    """The structures of the case for JSON; None where they are not looked for."""
    try:
        decoder = find_decoder(case)
        found = () if decoder is None else _found(case, decoder)
    except WeightsFault:
        return None
    if decoder is None:
        return None
    return [
        {
            "structure": one.structure.key,
            "probability": round(one.probability, 6),
            "share_of_outline": None if one.share is None else round(one.share, 6),
            "zone": one.zone,
            "marked_in_training": {code: list(counts) for code, counts in one.marked.items()},
            "decoder": decoder.sha256[:8],
        }
        for one in found
    ]


class StructureRow(NamedTuple):
    """One picture of `derm structures find`. said: sentences for a terminal. cells: of a table, see `columns`. fault:
    why it cannot be read, else ''."""

    name: str
    said: list[str]
    cells: list[object]
    fault: str = ""


def columns(info: StructureInfo) -> list[str]:
    """Of the table: the picture, why there is nothing, and for each structure its probability, place and share."""
    own = [f"{key}_{what}" for key in info.shown for what in ("probability", "zone", "share")]
    return ["file", "error", *own]


def structure_rows(
    model: Model,
    decoder: StructureWeights,
    pictures: Iterable[FoundPicture],
    progress: Callable[[int, int], None] | None = None,
) -> Iterator[StructureRow]:
    """A row for each picture; what is wrong with one stands in its own row."""
    every = list(pictures)
    for done, one in enumerate(every, 1):
        yield _row(model, decoder, one)
        if progress:
            progress(done, len(every))


def _row(model: Model, decoder: StructureWeights, picture: FoundPicture) -> StructureRow:
    none: list[object] = [None] * (len(columns(decoder.info)) - 2)
    try:
        if picture.fault:
            raise ImageRefused(picture.fault)
        case = diagnose(model, _read(picture), picture.path.name)
    except ImageRefused as error:
        return StructureRow(picture.file, [str(error)], [picture.file, str(error), *none], str(error))
    if not case.answerable:
        return StructureRow(picture.file, [say(NOT_JUDGED)], [picture.file, say(NOT_JUDGED), *none])
    found = _found(case, decoder)
    cells = [value for one in found for value in (round(one.probability, 6), one.zone, one.share)]
    return StructureRow(picture.file, lines(found), [picture.file, None, *cells])


def _read(picture: FoundPicture) -> NDArray[np.uint8]:
    return read_image(picture.read(), picture.path.name)
