"""What makes a calibration not worth using, in sentences: too few lesions, thresholds of 0, a larger error.

Needs the numbers that were found and the record of how they came. Does not know what they replace.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from derm.diagnoses import CODES
from derm.evaluate.calibrate import CONFORMAL_LEAST


def weaknesses(
    referral_threshold: float, conformal_thresholds: Sequence[float] | None, record: Mapping[str, Any]
) -> list[str]:
    """The reasons, as sentences; none where the calibration can be used. record: of a calibration, see `Decisions`."""
    found = []
    lesions: Mapping[str, int] = record.get("conformal_lesions", {})
    few = [f"{code} {lesions[code]}" for code in CODES if code in lesions and lesions[code] < CONFORMAL_LEAST]
    if few:
        found.append(
            f"Fewer than {CONFORMAL_LEAST} lesions of a diagnosis set the limit from which it cannot be excluded "
            f"({', '.join(few)}): such a limit promises nothing."
        )
    if referral_threshold <= 0:
        found.append("The referral threshold is 0: every picture would be referred.")
    if conformal_thresholds is not None and not any(conformal_thresholds):
        found.append("All limits of exclusion are 0: no diagnosis could ever be excluded.")
    before, after = record["before"]["ece"], record["after"]["ece"]
    if before is not None and after is not None and after > before:
        found.append(f"The calibration error became larger: {before:.3f} before, {after:.3f} after.")
    if holds := record.get("mix"):
        share = record["local"]["malignant_share"]
        if abs(holds["mean_sum"] - share) > 2 * holds["mean_sum_error"]:
            found.append(
                f"The mean malignant sum of these cases is {holds['mean_sum']:.0%} where {share:.0%} are malignant: it "
                "is not known for which share the probabilities hold, so do not rely on what the share among your "
                "patients makes of them."
            )
    return found
