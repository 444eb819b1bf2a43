"""Trained weights and the description that never leaves them: `x.safetensors` beside `x.json`.

Needs the description to load. Loading is strict: another shape, another class order or other bytes are refused.
"""

import hashlib
import json
import logging
import re
from collections.abc import Callable, Collection, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save

from derm import __version__
from derm.diagnoses import CODES, HAM10000_IMAGES
from derm.errors import ConfigFault, WeightsFault
from derm.files import alone_in, as_text, closed, make_folder, read_file, unlinked, write_bytes, write_json
from derm.language.again import say_again
from derm.language.speech import mark, say
from derm.model.config import ModelConfig
from derm.model.description import FORMAT, SEAL, check_seal, named_tensors, read_content, read_fields, sealed
from derm.model.gate import OodGate
from derm.model.tensors import StoredNet, TensorsFault, read_tensors
from derm.model.trial import answer_for, check_answer, is_finite, remember, trial_key, tried
from derm.paths import app_folder

if TYPE_CHECKING:
    from derm.model.network import LesionNet

ANSWER = "answer_for_drawn_picture"
"""Name of the description's field with what `derm.model.trial` recorded."""

LARGEST_TENSORS = 4_000_000_000
"""Bytes of a safetensors file, at most: a thousand million numbers."""

PATIENCE = 120
"""Seconds that a writer of weights waits for another in the same folder; the largest take a few to write."""

_ORIGINS = {
    "ham10000": "HAM10000 (Tschandl, Rosendahl, Kittler 2018, doi:10.7910/DVN/DBW86T)",
    "isic2018_task1": "ISIC 2018 Tasks 1 and 2 (Codella et al. 2018, 2019, arXiv:1902.03368)",
}
_ONE = mark("Weights learned from {source}: CC BY-NC 4.0. Research use only, not a medical device.")
_BOTH = mark("Weights learned from {first} and {second}: CC BY-NC 4.0. Research use only, not a medical device.")
_ONE_AND = mark(
    "Weights learned from {source}: CC BY-NC 4.0; images of {others} come with their own terms. Research use only, not "
    "a medical device."
)
_BOTH_AND = mark(
    "Weights learned from {first} and {second}: CC BY-NC 4.0; images of {others} come with their own terms. Research "
    "use only, not a medical device."
)
_OTHERS = mark("Weights learned from {others}: its terms hold for them. Research use only, not a medical device.")
LICENCE = _ONE.format(source=_ORIGINS["ham10000"])

HAM10000_DATASETS = ("rosendahl", "vidir_modern", "vidir_molemax", "vienna_dias")
"""The clinics and cameras of HAM10000, by its column `dataset`."""


def licence_of(sources: Collection[str]) -> str:
    """The terms of weights learned from `sources`, as the catalogue's column of that name has them."""
    known = [origin for name, origin in _ORIGINS.items() if name in sources]
    others = ", ".join(sorted(set(sources) - _ORIGINS.keys() - set(HAM10000_DATASETS)))
    if not known:
        return _OTHERS.format(others=others)
    if len(known) == 1:
        return (_ONE_AND if others else _ONE).format(source=known[0], others=others)
    return (_BOTH_AND if others else _BOTH).format(first=known[0], second=known[1], others=others)


def said_licence(licence: str) -> str:
    """Terms that `licence_of` wrote, in the language now spoken; others as they are."""
    return say_again(licence, (_BOTH_AND, _BOTH, _ONE_AND, _ONE, _OTHERS))


ASKED = ("input_size", "fit")
"""How pictures come before a network, of `ModelConfig`; what a description may change while the tensors stay."""


@dataclass(frozen=True)
class WeightsInfo:
    """What a reader must know to use weights, and to know what they are worth."""

    model: ModelConfig
    classes: tuple[str, ...] = CODES
    """Codes of the classes in output order."""
    mask_threshold: float = 0.5
    """Probability from which a pixel is lesion, 0 … 1."""
    class_mask_threshold: float = 0.5
    """Value of a soft class mask from which its binary one is set, 0 … 1."""
    temperature: float = 1.0
    """Divides the class logits before softmax; 1 until fitted."""
    referral_threshold: float | None = None
    """Malignant sum from which referral is advised, 0 … 1; None until chosen on validation."""
    conformal_thresholds: tuple[float, ...] | None = None
    """For each class the probability from which it cannot be excluded (90 % sets), 0 … 1; None until calibrated."""
    familiarity: dict[str, Any] | None = None
    """Of weights calibrated before there was a `gate`: what `derm.predict.ood` needs to tell pictures that are not
    dermoscopic. None where there is a gate, or nothing was calibrated on such pictures."""
    gate: OodGate | None = None
    """What tells pictures that are not dermoscopic, and dermoscopy that the model has seen little of; None until
    calibrated."""
    evidence_shift: Mapping[str, float] = field(default_factory=dict)
    """How far above and left of the middle of its rectangle a cell of heat maps is centred, in cells, by what the cells
    are ('features', 'stage'), as measured by `derm.explain.cell_offset`; empty until measured."""
    mix: tuple[float, ...] | None = None
    """Share of each class among the cases that the probabilities hold for, those of the calibration, each 0 … 1, sum 1;
    None where none was recorded, see `known_mix`."""
    training: dict[str, Any] = field(default_factory=dict)
    """Configuration of the training run, its data and split, epoch and commit."""
    measured: dict[str, Any] = field(default_factory=dict)
    """Results, each with what it was measured on."""
    licence: str = LICENCE
    """Terms that come with the data the weights were learned from."""

    @property
    def learned_from(self) -> frozenset[str]:
        """The sources that the weights were trained on, and their parts by `dataset`; of weights from before several
        sources could be given HAM10000's, which they may know: where that is not sure `tells_sources` is false."""
        sources = self.training.get("data", {}).get("sources")
        if sources is None:
            return frozenset(("ham10000", *HAM10000_DATASETS))
        parts = {part for own in sources.values() for part in own}
        return frozenset(sources) | parts | frozenset(self.training.get("data", {}).get("sources_before", ()))

    @property
    def tells_sources(self) -> bool:
        """Whether `learned_from` is recorded, or sure: older weights that learned from all of HAM10000."""
        data = self.training.get("data", {})
        return "sources" in data or data.get("images") == sum(HAM10000_IMAGES.values())

    @property
    def known_mix(self) -> tuple[float, ...] | None:
        """`mix`, or, where none was recorded, that of HAM10000 for weights learned from all of it; else None.

        Its parts are stratified by class, so that the mix of any is that of the whole.
        """
        total = sum(HAM10000_IMAGES.values())
        if self.mix is None and self.training.get("data", {}).get("images") == total:
            return tuple(HAM10000_IMAGES.get(code, 0) / total for code in CODES)
        return self.mix

    @property
    def is_resized(self) -> bool:
        """Whether pictures come before the network at another size, or in another way, than in its training."""
        config = self.training.get("config")
        trained = config.get("model") if isinstance(config, dict) else None
        known = trained if isinstance(trained, dict) else {}
        return any(known.get(name, getattr(self.model, name)) != getattr(self.model, name) for name in ASKED)

    def unmeasured(self, model: ModelConfig) -> "WeightsInfo":
        """The same of `model`, whose numbers or size are others: nothing is calibrated or measured yet."""
        return replace(
            self,
            model=model,
            temperature=1.0,
            referral_threshold=None,
            conformal_thresholds=None,
            familiarity=None,
            gate=None,
            evidence_shift={},
            mix=None,
            measured={},
        )


@dataclass(frozen=True, eq=False)
class Model:
    """A network ready to answer, with its description; safe to share between threads, for nothing in it changes."""

    source: "LesionNet | StoredNet"
    """The network, or the tensors that it is built of when it is asked for."""
    description: WeightsInfo
    name: str
    """File name without ending, see `as_text`."""
    sha256: str
    """Of the safetensors file."""
    note: str = ""
    """What is to be known of the files beside their answer; '' for weights of today."""

    @property
    def net(self) -> "LesionNet":
        """The network, for PyTorch; of weights from a file it is built at the first call, which takes seconds."""
        return self.source.build() if isinstance(self.source, StoredNet) else self.source

    @property
    def network_id(self) -> str:
        """Names what answers before all calibration, 16 hexadecimal digits: the tensors, and the size and way in which
        pictures come before them, which a description may change."""
        asked = " ".join(str(getattr(self.description.model, name)) for name in ASKED)
        return hashlib.sha256(f"{self.sha256} {asked}".encode()).hexdigest()[:16]

    def made(self, sha256: str, network_id: str | None) -> bool:
        """Whether what was made with weights of this SHA-256 is of these. network_id: theirs; None where what was made
        is older and does not say, for then they were asked at the size of their training."""
        same = not self.description.is_resized if network_id is None else network_id == self.network_id
        return sha256 == self.sha256 and same

    @property
    def label(self) -> str:
        """The name and the first 8 digits of the SHA-256, by which people tell weights apart."""
        return f"{self.name} {self.sha256[:8]}"


def save_weights(path: Path, net: "LesionNet", description: WeightsInfo, *, half: bool = False) -> None:
    """Write `path` (.json) and, before it, the safetensors file that it names; a kill leaves the old pair or the new.

    half: store convolutions and linear layers in float16, normalisation in float32, half the size. The tensors' file
    carries the beginning of its own hash in its name where `path` is replaced during training, so that the old pair
    stays whole until the new one is; elsewhere use `ship_weights`. Two writers wait for each other. Raises ConfigFault
    where nothing can be written, WeightsFault for a network whose numbers are not finite.
    """
    tensors = _tensors_of(net, half=half)
    _write_pair(path, save(tensors), description, _answer_of(path, tensors, description))


def _tensors_of(net: "LesionNet", *, half: bool) -> dict[str, NDArray[Any]]:
    tensors = {key: value.detach().cpu().contiguous().numpy() for key, value in net.state_dict().items()}
    if half:
        return {key: value.astype(np.float16) if value.ndim > 1 else value for key, value in tensors.items()}
    return tensors


def _write_pair(
    path: Path, content: bytes, description: WeightsInfo, answer: Mapping[str, Any], *, plain: bool = False
) -> None:
    """Write the tensors' file `content` under a name of its own, and the description `path` after it.

    plain: then the same once more under the description's name, so that at any moment the description names a file that
    is whole. The former tensors of this description go, unless another one names them.
    """
    digest = hashlib.sha256(content).hexdigest()
    hashed = path.with_name(f"{path.stem}-{digest[:8]}.safetensors")
    with writing_alone(path.parent):
        former = named_file(path)
        for place in (hashed, path.with_suffix(".safetensors"))[: 2 if plain else 1]:
            write_bytes(unlinked(place), content)
            _write_description(path, place, digest, description, answer)
        clear_former(path, hashed, former)


def clear_former(path: Path, *tensors: Path | None) -> None:
    """Remove `tensors` that the description `path` has named and that none beside it names any more.

    No others: files of other people may have a hash in their name, too, as timm's have.
    """
    descriptions = [*path.parent.glob("*.json"), *path.parent.glob("*.json.old")]
    for old in set(tensors) - {named_file(place) for place in descriptions}:
        if old is not None and _is_hashed(old, path):
            old.unlink(missing_ok=True)


def _is_hashed(tensors: Path, description: Path) -> bool:
    """Whether a tensors' file is called as `description` calls it while it is replaced: with a hash in the name."""
    return re.fullmatch(re.escape(description.stem) + r"-[0-9a-f]{8}", tensors.stem) is not None


def writing_alone(folder: Path) -> AbstractContextManager[None]:
    """Let no other process or thread write weights into `folder` meanwhile; ConfigFault where one does not end."""
    make_folder(folder)
    busy = say(
        "Another process has been writing weights into {folder} for {seconds} seconds: wait until it "
        "has ended, or name another folder.",
        folder=folder,
        seconds=PATIENCE,
    )
    return alone_in(folder, PATIENCE, busy)


def ship_weights(source: Path, path: Path, *, half: bool, input_size: int | None = None) -> None:
    """Copy the weights that `source` (.json) describes to `path` (.json), with a plain name for the tensors' file.

    half: see `save_weights`. input_size: another side of the network's input than it was trained at; convolutions take
    any, and a somewhat larger one often measures better (Touvron et al. 2019), but that is to be measured.
    """
    model = load_weights(source)
    description = model.description
    if input_size not in (None, description.model.input_size):
        description = description.unmeasured(replace(description.model, input_size=input_size))
    tensors = _tensors_of(model.net, half=half)
    _write_pair(path, save(tensors), description, _answer_of(path, tensors, description), plain=True)


def load_weights(path: Path) -> Model:
    """Load weights by the path of their description (.json) or of their tensors (.safetensors, its JSON beside it).

    The network is in evaluation mode, float32, channels-last, needing no gradients, and built when it is first asked
    for. Raises WeightsFault when a file is missing or damaged, the two do not belong together, the description was
    changed after it was written, a number is not finite, or the network does not answer as recorded for the drawn
    picture of `derm.model.trial`.
    """
    description_path = _describing(path)
    description, told = _read_pair(description_path)
    tensors_path, expected = description_path.with_name(told["file"]), told["sha256"]
    source, digest = _read_source(description_path, tensors_path, expected, description.model)
    recorded = told.get(ANSWER)
    if recorded is not None:
        _try(description_path, source, description.temperature, recorded, digest)
    note = "" if recorded is not None and SEAL in told else words_of_unsealed(description_path)
    if note:
        logging.getLogger(__name__).warning(note)
    return Model(source, description, as_text(description_path.stem), digest, note)


def words_of_unsealed(description: Path) -> str:
    """What is said of weights from before descriptions were under a hash."""
    return (
        f"{description.name} is from before descriptions were under a hash and recorded an answer, so that a change of "
        f"its numbers would not be noticed: derm ship {description.name} --in-place writes both, if you trust it."
    )


def _read_source(place: Path, tensors_path: Path, expected: str, config: ModelConfig) -> tuple[StoredNet, str]:
    """The tensors that the description `place` names, and their SHA-256; raises WeightsFault."""
    if not tensors_path.is_file():
        raise WeightsFault(
            say("{place} names {name}, which is not beside it: copy it there.", place=place, name=tensors_path.name)
        )
    if tensors_path.stat().st_size > LARGEST_TENSORS:
        raise WeightsFault(
            say(
                "{tensors_path} has more than {largest_tensors:g} GB, which no network here has.",
                tensors_path=tensors_path,
                largest_tensors=LARGEST_TENSORS / 1e9,
            )
        )
    try:
        content = read_file(tensors_path, LARGEST_TENSORS)
    except PermissionError as error:
        raise WeightsFault(closed(error, tensors_path)) from error
    digest = hashlib.sha256(content).hexdigest()
    if digest != expected:
        raise WeightsFault(
            say(
                "{tensors_path} is not the file that {name} describes (sha256 {digest}…, expected {expected}…): "
                "copy both anew.",
                tensors_path=tensors_path,
                name=place.name,
                digest=digest[:8],
                expected=expected[:8],
            )
        )
    try:
        return _stored(tensors_path, config, read_tensors(content)), digest
    except TensorsFault as error:
        raise WeightsFault(
            say(
                "{tensors_path} does not fit the model in its description: retrain or copy both anew.",
                tensors_path=tensors_path,
            )
        ) from error


def _stored(place: Path, config: ModelConfig, tensors: Mapping[str, NDArray[Any]]) -> StoredNet:
    """The network of `tensors`; WeightsFault for one that cannot be built or whose numbers are not finite, TensorsFault
    for tensors of another. place: named in the sentence."""
    odd = [name for name, value in tensors.items() if not _is_finite(name, value)]
    if odd:
        raise WeightsFault(
            say("{place} has numbers that are not finite ({odd}): retrain or copy both anew.", place=place, odd=odd[0])
        )
    try:
        return StoredNet(config, tensors)
    except ConfigFault as error:  # an encoder that there is not
        raise WeightsFault(
            say(
                "{place}: {fault}",
                place=place,
                fault=error,
            )
        ) from error


def _is_finite(name: str, value: NDArray[Any]) -> bool:
    """Whether a tensor is made of numbers that the network can have: as float32, and of a variance none below 0."""
    if value.dtype.kind != "f":
        return bool(np.isfinite(value).all())
    with np.errstate(over="ignore"):
        known = value.astype(np.float32, copy=False)
    return bool(np.isfinite(known).all() and (not name.endswith("running_var") or (known >= 0).all()))


def _answer_of(path: Path, tensors: Mapping[str, NDArray[Any]], description: WeightsInfo) -> dict[str, Any]:
    """What is recorded of a network; WeightsFault for one that answers no number."""
    answer = answer_for(_stored(path, description.model, tensors), description.temperature)
    if not is_finite(answer):
        raise WeightsFault(say("The weights for {path} answer no number for a drawn picture: retrain them.", path=path))
    return answer


def _try(path: Path, source: StoredNet, temperature: float, recorded: object, digest: str) -> None:
    """Let a network answer for the drawn picture, once on this machine; WeightsFault unless it does as recorded."""
    try:
        if not isinstance(recorded, dict):
            raise ValueError("its answer for the drawn picture is no table of names and values")
        key = trial_key(digest, recorded, source, temperature)
        if not tried(key):
            check_answer(recorded, source, temperature)
            remember(key)
    except ValueError as error:
        raise WeightsFault(
            say(
                "The weights {path} do not answer as they did when they were written ({error}): copy both files "
                "anew, or install the releases that their training names.",
                path=path,
                error=error,
            )
        ) from error


def load_info(path: Path) -> WeightsInfo:
    """What the weights at `path`, see `load_weights`, say of themselves, without their tensors; raises WeightsFault."""
    return _read_pair(_describing(path))[0]


def _read_pair(description_path: Path) -> tuple[WeightsInfo, dict[str, Any]]:
    """The description of weights, and its JSON, in which `file` and `sha256` are checked; raises WeightsFault."""
    if description_path.suffix != ".json":
        raise WeightsFault(
            say(
                "{description_path} is not a weights file: give the path of a .safetensors file or of its .json.",
                description_path=description_path,
            )
        )
    try:
        content = read_content(description_path)
        check_seal(content)
        named_tensors(content)
        description = WeightsInfo(**read_fields(content))
    except FileNotFoundError as error:
        raise WeightsFault(
            say(
                "There is no description {description_path}: weights are a pair of a .safetensors and a .json, "
                "keep them together.",
                description_path=description_path,
            )
        ) from error
    except PermissionError as error:
        raise WeightsFault(closed(error, description_path)) from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise WeightsFault(
            say(
                "The description {description_path} is damaged ({error}): copy it anew.",
                description_path=description_path,
                error=error,
            )
        ) from error
    except ConfigFault as error:
        raise WeightsFault(
            say(
                "{place}: {fault}",
                place=description_path,
                fault=error,
            )
        ) from error
    return description, content


def named_file(description: Path) -> Path | None:
    """The tensors' file that an existing description names; None where there is none that can be read."""
    try:
        return description.with_name(named_tensors(read_content(description))[0])
    except (OSError, ValueError, KeyError):
        return None


def _describing(path: Path) -> Path:
    """The description of weights given by either file: of tensors, the one of their name, or else the one beside them
    that names them; WeightsFault where several do that differ, such as an old copy."""
    if path.suffix != ".safetensors":
        return path
    named = [place for place in sorted(path.parent.glob("*.json")) if named_file(place) == path]
    own = [place for place in named if place.stem == path.stem] or [place for place in named if _is_hashed(path, place)]
    if own or not named:
        return own[0] if own else path.with_suffix(".json")
    if any(read_content(place) != read_content(named[0]) for place in named[1:]):
        raise WeightsFault(
            say(
                "{path} is described by {names}, which differ: give the path of the one that is meant.",
                path=path,
                names=", ".join(place.name for place in named),
            )
        )
    return named[0]


def copy_weights(source: Path, path: Path, description: WeightsInfo, measured: str | None = None) -> None:
    """Write the tensors of the weights `source`, byte by byte, beside `description` as the new pair `path` (.json).

    measured: as of `rewrite_description`. The description comes last. Raises ConfigFault where `path` is no .json or
    names the weights that are copied: a description that others use is never replaced here.
    """
    if path.suffix != ".json":
        raise ConfigFault(
            say("{path} is no name for a description: give one that ends in .json, such as clinic.json.", path=path)
        )
    place, plain = _describing(source), path.with_suffix(".safetensors")
    _, content = _read_pair(place)
    tensors = place.with_name(content["file"])
    if path.resolve() == place.resolve() or plain.resolve() == tensors.resolve():
        raise ConfigFault(
            say("{path} would replace the weights that are calibrated: give the new ones another name.", path=path)
        )
    if measured is not None:
        refuse_replaced(place, content["sha256"], measured)
    stored, _ = _read_source(place, tensors, content["sha256"], description.model)
    answer = _answer_of(path, stored.tensors, description)
    raw = tensors.read_bytes()
    refuse_replaced(place, hashlib.sha256(raw).hexdigest(), content["sha256"])
    _write_pair(path, raw, description, answer, plain=True)


def former_place(path: Path) -> Path:
    """Where the description of the weights `path` is kept before it is rewritten: NAME.json.old, beside it."""
    place = _describing(path)
    return place.with_name(f"{place.name}.old")


def rewrite_description(
    path: Path, change: Callable[[WeightsInfo], WeightsInfo], measured: str | None = None, *, keep: Path | None = None
) -> None:
    """Replace the description of the weights `path` by what `change` makes of it, of the same model; the tensors stay.

    `change` is given what stands there once no other writer is at work, or it would undo what that one wrote; what it
    raises leaves all as it is. measured: SHA-256 of the tensors that it tells something new of, see `refuse_replaced`;
    None: nothing. keep: where the former description stays, see `former_place`.
    """
    place = _describing(path)
    with writing_alone(place.parent):
        former, content = _read_pair(place)
        file, expected = named_tensors(content)
        if measured is not None:
            refuse_replaced(place, expected, measured)
        description = change(former)
        stored, digest = _read_source(place, place.with_name(file), expected, description.model)
        answer = _answer_of(place, stored.tensors, description)
        if keep is not None:
            write_bytes(unlinked(keep), place.read_bytes())
        _write_description(place, place.with_name(file), digest, description, answer)


def refuse_replaced(place: Path, found: str, measured: str) -> None:
    """Raise WeightsFault where the tensors that `place` names by now are others, by their SHA-256, than were measured:
    measuring takes hours, and a training replaces its weights every few minutes."""
    if found != measured:
        raise WeightsFault(
            say(
                "The weights {place} were replaced while they were measured (sha256 {found}…, measured {measured}…), "
                "so nothing is written: measure again.",
                place=place,
                found=found[:8],
                measured=measured[:8],
            )
        )


def default_weights() -> Path:
    """The description of the weights that come with Derm, `weights/derm.json`; WeightsFault where there is none."""
    path = app_folder() / "weights" / "derm.json"
    if not path.is_file():
        raise WeightsFault(
            say(
                "The weights that come with Derm are not at {path}: install Derm anew, or name others with --weights.",
                path=path,
            )
        )
    return path


def _write_description(
    path: Path, tensors: Path, digest: str, description: WeightsInfo, answer: Mapping[str, Any]
) -> None:
    content = _content(tensors, digest, description) | {ANSWER: dict(answer)}
    content = json.loads(json.dumps(content, allow_nan=False))  # as it is read, or its hash would be another
    write_json(path, sealed(content))


def _content(tensors: Path, digest: str, description: WeightsInfo) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "derm": __version__,
        "written": datetime.now(UTC).date().isoformat(),
        "file": tensors.name,
        "sha256": digest,
        "classes": list(description.classes),
        "model": description.model.as_dict(),
        "mask_threshold": description.mask_threshold,
        "class_mask_threshold": description.class_mask_threshold,
        "temperature": description.temperature,
        "referral_threshold": description.referral_threshold,
        "conformal_thresholds": description.conformal_thresholds,
        "familiarity": description.familiarity,
        "gate": None if description.gate is None else description.gate.as_dict(),
        "evidence_shift": dict(description.evidence_shift),
        "mix": description.mix,
        "licence": description.licence,
        "training": description.training,
        "measured": description.measured,
    }
