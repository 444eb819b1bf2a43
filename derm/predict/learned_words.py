"""What is said where weights have learned a diagnosis from hardly any image, or from none.

Needs the `training` of a description of weights. Weights that do not say what they learned from are not spoken of.
"""

from collections.abc import Mapping
from typing import Any

from derm.diagnoses import DIAGNOSES
from derm.figures.text import capital
from derm.language.speech import say, say_many


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
    if "learned" not in training.get("data", {}):
        return {}
    from derm.data.learned import hardly_learned  # which needs pandas, and most weights say nothing

    return {code: not_learned(code, training) for code in hardly_learned(training)}
