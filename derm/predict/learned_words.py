"""What is said where weights have learned a diagnosis from hardly any image, or from none.

Needs the `training` of a description of weights. Weights that do not say what they learned from are not spoken of.
"""

from collections.abc import Collection, Mapping
from typing import Any

from derm.diagnoses import DIAGNOSES
from derm.figures.text import capital
from derm.language.quantities import listed
from derm.language.speech import mark, say, say_many

FLAG = mark("Not learned")
"""The doubt that `answer_doubt` has in a sentence, in a word or two, as a cell of a table begins."""


def not_learned(code: str, training: Mapping[str, Any]) -> str:
    """That the diagnosis `code`, one of `hardly_learned`, cannot be predicted, as one sentence."""
    from derm.data.learned import classes_learned

    images = (classes_learned(training) or {}).get(code, 0)
    name = capital(next(diagnosis.called for diagnosis in DIAGNOSES if diagnosis.code == code))
    if images == 0:
        return say(
            "{name} cannot be predicted: the weights learned from no image of it, so that its probability means "
            "nothing, whether low or high.",
            name=name,
        )
    return say_many(
        "{name} cannot be predicted: the weights learned from one image of it, so that its probability means "
        "nothing, whether low or high.",
        "{name} cannot be predicted: the weights learned from {count} images of it, so that its probability means "
        "nothing, whether low or high.",
        images,
        name=name,
    )


def all_not_learned(training: Mapping[str, Any]) -> dict[str, str]:
    """For each diagnosis that cannot be predicted, by its code, a sentence; none where all were learned, or nothing is
    said."""
    return {code: not_learned(code, training) for code in codes_not_learned(training) or ()}


def codes_not_learned(training: Mapping[str, Any]) -> tuple[str, ...] | None:
    """The codes of the diagnoses that cannot be predicted; None where the weights do not tell."""
    if "learned" not in training.get("data", {}):
        return None
    from derm.data.learned import classes_learned, hardly_learned  # which need pandas, and most weights say nothing

    return None if classes_learned(training) is None else hardly_learned(training)


def none_of(training: Mapping[str, Any]) -> str:
    """All diagnoses that cannot be predicted in one sentence, with what becomes of the malignant probability; '' where
    there is none."""
    unlearned = set(all_not_learned(training))
    if not unlearned:
        return ""
    names = listed([one.called for one in DIAGNOSES if one.code in unlearned])
    if _malignant(unlearned):
        return say(
            "What the weights say of {names} means nothing, whether low or high, and with it the malignant "
            "probability, for they have learned from hardly any such image: use weights that have.",
            names=names,
        )
    return say(
        "What the weights say of {names} means nothing, whether low or high, for they have learned from hardly any "
        "such image: use weights that have.",
        names=names,
    )


def answer_doubt(training: Mapping[str, Any]) -> str:
    """What makes every answer of weights doubtful: `none_of` where a malignant diagnosis is among those that cannot be
    predicted, or most of the seven are; else ''."""
    unlearned = all_not_learned(training)
    return none_of(training) if _malignant(unlearned) or 2 * len(unlearned) > len(DIAGNOSES) else ""


def means_nothing(training: Mapping[str, Any]) -> dict[str, str]:
    """Why a probability is not to be filed, by its key: 'p_' and the code of a diagnosis, or 'p_malignant', whose sum
    holds each malignant one."""
    unlearned = all_not_learned(training)
    found = {f"p_{code}": why for code, why in unlearned.items()}
    return found | ({"p_malignant": none_of(training)} if _malignant(unlearned) else {})


def _malignant(unlearned: Collection[str]) -> bool:
    return any(one.malignant for one in DIAGNOSES if one.code in unlearned)
