"""Derm from Python, in five lines: load a model, ask it about a picture, and see why it answers as it does.

Re-exported by `derm` itself. Needs the weights that come with Derm, or others. Every step behind these functions is
public, too, in the room that its name says.

>>> import derm
>>> from derm.data.synthetic.lesion import draw_lesion
>>> model = derm.load()
>>> case = derm.predict(model, draw_lesion("nv", seed=1).image, drawn=True)
>>> case.predicted in derm.diagnoses.DIAGNOSES
True
>>> case.mask.shape == case.image.shape[:2]
True
"""

import os
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from derm.diagnoses import CODES, INDEX
from derm.errors import ConfigFault
from derm.image.decode import image_name, open_image, read_image, read_opened, read_picture
from derm.model.weights import Model, default_weights, load_weights
from derm.paths import cache_folder, user_path
from derm.predict.case import Case, diagnose
from derm.predict.practice import at_practice
from derm.predict.record import Record, record_of

if TYPE_CHECKING:
    from derm.compare.explained_case import ExplainedCase
    from derm.data.split import By
    from derm.evaluate.results import Evaluation
    from derm.train.config import TrainConfig
    from derm.train.state import TrainState

PathLike = str | os.PathLike[str]
Picture = PathLike | bytes | Image.Image | NDArray[np.uint8]
"""A file's path or its bytes, a Pillow image, or uint8 (H, W, 3) RGB."""


def load(weights: PathLike | None = None) -> Model:
    """Load a model, ready to answer; without a path the weights that come with Derm.

    weights: their description (.json) or tensors (.safetensors), which lie beside each other. Raises WeightsFault for
    files that are missing, damaged or do not belong together.

    >>> import derm
    >>> derm.load().description.model.input_size
    224
    """
    return load_weights(default_weights() if weights is None else user_path(weights))


def predict(
    model: Model,
    picture: Picture,
    *,
    name: str | None = None,
    views: int = 1,
    prevalence: float | None = None,
    drawn: bool = False,
) -> Case:
    """Ask `model` about one picture: outline, probabilities, referral, and heat maps of all seven diagnoses.

    name: what the picture is called; without it the file's name. views: 8 for the mean over eight turned and mirrored
    views. prevalence: share of malignant lesions among one's patients, above 0, below 1, to which the probabilities are
    carried. drawn: the picture is a drawing, and need not be told apart from dermoscopy. Raises ImageRefused for a
    picture that cannot be read or judged, ConfigFault for other arguments that do not fit.

    >>> import derm, numpy
    >>> skin = numpy.full((300, 400, 3), (224, 172, 150), dtype=numpy.uint8)
    >>> case = derm.predict(derm.load(), skin, name="skin")
    >>> round(float(case.probabilities.sum()), 6), case.name
    (1.0, 'skin')
    """
    pixels, own_name = _read(picture)
    case = diagnose(model, pixels, name or own_name, drawn=drawn, views=views)
    return at_practice(case, prevalence)


def record(case: Case) -> Record:
    """What is written down of a case, by field: the row of `derm predict`, as docs/predictions.md describes it.

    Whoever goes on with the numbers asks first whether there is an answer: `record["answerable"]`.

    >>> import derm, numpy
    >>> skin = numpy.full((300, 400, 3), (224, 172, 150), dtype=numpy.uint8)
    >>> found = derm.record(derm.predict(derm.load(), skin, name="skin"))
    >>> found["image_id"], found["answerable"], found["dx_pred"]
    ('skin', False, None)
    """
    return record_of(case)


def explain(case: Case, method: str = "grad-cam", diagnosis: str | None = None) -> "ExplainedCase":
    """A heat map of the evidence for one diagnosis of a case, and how it agrees with the outline.

    method: one of `derm.explain.methods.METHODS`. diagnosis: a code such as "mel"; without it the most probable one.
    The picture is not asked about again where the method has no need of it. Raises ConfigFault for a method or
    diagnosis that is unknown, or a case that no model has answered.

    >>> import derm, numpy
    >>> skin = numpy.full((300, 400, 3), (224, 172, 150), dtype=numpy.uint8)
    >>> found = derm.explain(derm.predict(derm.load(), skin), "layercam", "mel")
    >>> found.evidence.map.shape
    (300, 400)
    """
    from derm.compare.explained_case import explain_case
    from derm.explain.methods import METHODS

    if method not in METHODS:
        raise ConfigFault(f"There is no method '{method}': use one of {', '.join(METHODS)}.")
    if diagnosis is not None and diagnosis not in INDEX:
        raise ConfigFault(f"There is no diagnosis '{diagnosis}': use one of {', '.join(CODES)}.")
    if case.prediction is None:
        raise ConfigFault("This case was not answered by a model: make it with derm.predict.")
    return explain_case(case.prediction.model, case, METHODS[method], INDEX[diagnosis or case.predicted.code])


def evaluate(
    model: Model,
    data: PathLike | Sequence[PathLike],
    part: str = "test",
    *,
    split_by: str = "lesion",
    leave_out: Collection[str] = (),
    views: int = 1,
    even_known: bool = False,
) -> "Evaluation":
    """Measure `model` on a part of one or several data sets, every figure with its 95 % interval and by source.

    data: folders in one of the layouts of docs/data.md. part: 'train', 'validation' or 'test'. split_by: 'lesion', or
    'image' to reproduce the paper, which leaks. leave_out: sources that are measured whole. even_known: measure even
    on images that the weights learned from. Raises DataFault for data that cannot be read or split, or that the weights
    know, ConfigFault for a part or rule that is unknown.
    """
    from derm.data.catalogue import read_data
    from derm.data.split import known_part
    from derm.evaluate.dataset import evaluate as measure

    part = known_part(part)
    if split_by not in ("lesion", "image"):
        raise ConfigFault(f"split_by='{split_by}' is unknown: use 'lesion' or 'image'.")
    catalogue = read_data(_folders(data))
    return measure(
        model, catalogue, part, by=cast("By", split_by), leave_out=leave_out, views=views, even_known=even_known
    )


def train(
    config: "TrainConfig",
    data: PathLike | Sequence[PathLike],
    run: PathLike,
    *,
    resume: bool = False,
    device: str = "cpu",
    cache: PathLike | None = None,
) -> "TrainState":
    """Train a model into the folder `run`, and return where it ended; the best weights are `run`/best.json.

    config: see `preset`. data: folders in one of the layouts of docs/data.md. resume: go on with the run in that
    folder. device: 'cpu' or 'cuda'. cache: where decoded images are kept; without it the user's cache folder. Raises
    DataFault and RunFault for data and runs that do not fit.
    """
    from derm.data.catalogue import read_data
    from derm.train.loop import train as fit

    place = cache_folder() if cache is None else user_path(cache)
    return fit(config, read_data(_folders(data)), user_path(run), cache=place, resume=resume, device=device)


def preset(name: str = "derm", **settings: object) -> "TrainConfig":
    """A training configuration to start from, with some settings changed.

    name: 'derm', ours, or 'paper', as published. settings: by name, `epochs=3`; those of a part by `part__name`, such
    as `model__input_size=96` or `curriculum__enabled=True`; docs/training.md lists them. Raises ConfigFault for one
    that is unknown or does not fit.

    >>> import derm
    >>> derm.preset("paper", epochs=2, model__input_size=96).epochs
    2
    """
    from derm.train.config import change
    from derm.train.config import preset as find

    return change(find(name), {key.replace("__", "."): value for key, value in settings.items()})


def _read(picture: Picture) -> tuple[NDArray[np.uint8], str]:
    """The checked picture, uint8 (H, W, 3), and its name."""
    if isinstance(picture, bytes):
        return read_image(picture, "picture"), "picture"
    if isinstance(picture, Image.Image):
        return read_opened(picture, "picture"), "picture"
    if isinstance(picture, np.ndarray):
        if picture.ndim != 3 or picture.shape[2] != 3 or picture.dtype != np.uint8:
            raise ConfigFault(f"The picture is {picture.dtype} {picture.shape}: give uint8 (height, width, 3), RGB.")
        return read_picture(Image.fromarray(picture), "picture"), "picture"
    path = user_path(picture)
    return open_image(path), image_name(path.name)


def _folders(data: PathLike | Sequence[PathLike]) -> list[Path]:
    """One folder or several, as paths."""
    several = [data] if isinstance(data, str | os.PathLike) else data
    return [user_path(one) for one in several]
