"""What an answer is worth on pictures of a kind that the model has seen little of, beside what it is worth on others.

Needs cases with their answers, and of which of them the model is said to have seen little. Chooses nothing.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from derm.evaluate.decision import Cases
from derm.metrics.bootstrap import bootstrap
from derm.metrics.conformal import conformal_measures
from derm.metrics.decision import lesion_rates
from derm.metrics.missing import or_none

FIGURES = ("sensitivity", "specificity", "coverage")
"""sensitivity, specificity: at the referral threshold, each lesion counting once. coverage: of the conformal sets."""


def measure_seen(cases: Cases, little: NDArray[np.bool_], sources: NDArray[np.str_], replicates: int) -> dict[str, Any]:
    """The `FIGURES` inside of what the model has seen little of, and outside, over all cases and by source, for JSON.

    little: bool (n,). sources: text (n,). Returns inside and outside, each with images, malignant (lesions), and for
    each figure value and interval (95 %, bootstrap over lesions), None where undefined; and by_source, the same of each
    source with `share`, that of its images that lie inside.
    """
    both = {"inside": little, "outside": ~little}
    return {
        **{name: _figures(cases, rows, replicates) for name, rows in both.items()},
        "by_source": {
            str(source): {
                "share": float(little[sources == source].mean()),
                **{name: _figures(cases, rows & (sources == source), replicates) for name, rows in both.items()},
            }
            for source in np.unique(sources)
        },
    }


def _figures(cases: Cases, chosen: NDArray[np.bool_], replicates: int) -> dict[str, Any]:
    own = np.flatnonzero(chosen)
    lesions, malignant = cases.lesions[own], cases.is_malignant[own]

    def measure(drawn: NDArray[np.int64]) -> dict[str, float | None]:
        figures: dict[str, float | None] = dict.fromkeys(FIGURES)
        rows = own[drawn]
        if cases.referred is not None:
            rates = lesion_rates(cases.referred[rows], malignant[drawn], cases.weights_of(rows))
            figures |= {"sensitivity": or_none(rates.sensitivity), "specificity": or_none(rates.specificity)}
        if cases.sets is not None:
            figures["coverage"] = conformal_measures(cases.sets[rows], cases.true[rows])["coverage"]
        return figures

    values: dict[str, float | None] = measure(np.arange(len(own))) if len(own) else dict.fromkeys(FIGURES)
    spans = bootstrap(measure, lesions, replicates) if len(own) else {}
    return {
        "images": len(own),
        "malignant": len(np.unique(lesions[malignant])),
        **{name: {"value": values[name], "interval": spans.get(name)} for name in FIGURES},
    }
