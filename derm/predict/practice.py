"""A case as it is among a practice's own patients: another share of malignant lesions, by Bayes' rule.

Needs a `Case` whose weights say for which mix of diagnoses their probabilities hold. Probabilities, malignant sum and
referral threshold move together, so that who is referred stays: the threshold stands for a sensitivity, and that does
not change with the share of malignant lesions. Nothing is asked of the model again.
"""

from derm.errors import ConfigFault
from derm.language.speech import say
from derm.metrics.prior import change_share, change_shares, malignant_share, practice_mix
from derm.model.weights import WeightsInfo
from derm.predict.case import Case, changed

LEAST, MOST = 0.005, 0.6
"""Shares of malignant lesions that a visitor may set: a screening of everybody, and a tumour clinic."""


def data_share(description: WeightsInfo) -> float | None:
    """The share of malignant lesions, 0 … 1, for which the probabilities of these weights hold; None where unknown.

    Also None where the mix knows malignant or benign lesions alone: nothing can then be carried elsewhere.
    """
    mix = description.known_mix
    share = None if mix is None else malignant_share(mix)
    return share if share is not None and 0 < share < 1 else None


def check_share(description: WeightsInfo, share: float | None) -> None:
    """Refuse a `share` of malignant lesions, None for the data's own, to which probabilities cannot be carried.

    Raises ConfigFault where it is none, or the weights do not say for which mix their probabilities hold.
    """
    if share is None:
        return
    if not 0 < share < 1:
        raise ConfigFault(
            say(
                "--prevalence {share:g} is no share of lesions: give one above 0 and below 1.",
                share=share,
            )
        )
    if data_share(description) is None:
        raise ConfigFault(
            say(
                "These weights do not say for which mix of diagnoses their probabilities hold, so that "
                "--prevalence cannot carry them elsewhere: `derm calibrate` records it."
            )
        )


def at_practice(case: Case, share: float | None) -> Case:
    """`case` where a share of malignant lesions, above 0, below 1, is seen; itself with None, or where it is unknown
    for which mix its probabilities hold.

    Diagnoses within malignant and within benign keep their ratios. Whether it is above the referral threshold and what
    cannot be excluded stay as decided at the data's own mix: sensitivity, specificity and the coverage of sets that
    were calibrated class by class do not depend on how frequent the classes are. Raises ConfigFault for another share.
    """
    origin = case.at_data or case
    if share is None or origin.mix is None or not 0 < malignant_share(origin.mix) < 1:
        return origin
    own = malignant_share(origin.mix)
    (probabilities,) = change_shares(origin.probabilities[None], own, share)
    each = None if origin.each_view is None else change_shares(origin.each_view, own, share)
    threshold = origin.referral_threshold
    moved = None if threshold is None else float(change_share(threshold, own, share))
    mix = practice_mix(origin.mix, share)
    return changed(
        origin,
        probabilities=probabilities,
        referral_threshold=moved,
        # Of the diagnosis that is likeliest here, which may be another one, and as far as its views are apart here.
        spread=origin.spread if each is None else float(each[:, int(probabilities.argmax())].std()),
        each_view=each,
        mix=tuple(mix.tolist()),
        at_data=origin,
        measured=origin.quality,  # of the same picture, which need not be measured again
    )
