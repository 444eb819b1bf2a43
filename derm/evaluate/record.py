"""What was measured, written into the description of the weights that it was measured with.

Needs the metrics of `derm.evaluate.dataset` and a pair of weights on disk.
"""

from dataclasses import replace
from pathlib import Path
from typing import Any

from derm.errors import WeightsFault
from derm.language.speech import say
from derm.metrics.registry import HEADLINE, OUTLINE
from derm.model.weights import WeightsInfo, rewrite_description
from derm.predict.record import calibration_of


def record_measures(path: Path, metrics: dict[str, Any]) -> None:
    """Write the headline of `metrics`, as `derm evaluate` gives it, into the description of the weights `path`.

    It stands under measured.<part>, with its 95 % intervals and what it was measured on; the tensors stay as they are.
    Raises WeightsFault where these were replaced or calibrated anew meanwhile. Of several sources the pooled headline
    is left out, for it holds for none of them: each one's figures stand under measured.<part>_by_source.
    """
    about = metrics["measured_on"]
    several = len(about["sources"]) > 1
    key = f"{about['part']}_by_source" if several else about["part"]
    found = _by_source(metrics) if several else _headline(metrics)

    def with_measures(now: WeightsInfo) -> WeightsInfo:
        refuse_calibrated(path, now, about.get("calibration"))
        return replace(now, measured={**now.measured, key: found})

    rewrite_description(path, with_measures, about["sha256"])


def refuse_calibrated(path: Path, now: WeightsInfo, measured: str | None) -> None:
    """Raise WeightsFault where the weights `path` answer by now by another calibration than they were measured with.

    measured: as of `calibration_of`; None where it is not known.
    """
    if measured not in (None, calibration_of(now)):
        raise WeightsFault(
            say(
                "The weights {place} were calibrated anew while they were measured, so nothing is written: measure "
                "again.",
                place=path,
            )
        )


def _by_source(metrics: dict[str, Any]) -> dict[str, Any]:
    about = metrics["measured_on"]
    return {"split": about["split"], "date": about["date"], "sources": metrics["by_source"]}


def _headline(metrics: dict[str, Any]) -> dict[str, Any]:
    about = metrics["measured_on"]
    names = (*HEADLINE, *(metric.key for metric in OUTLINE))
    found = {
        "split": about["split"],
        "source": next(iter(about["sources"])),
        "images": about["images"],
        "lesions": about["lesions"],
        "date": about["date"],
        "trained_on_split_by": about["trained_on_split_by"],
        **{name: metrics[name] for name in names},
        "intervals": {name: metrics["intervals"][name] for name in names},
    }
    decision = metrics["decision"]
    if decision is not None:
        intervals, lesions = metrics["intervals"], decision["lesions"]

        def rates(of: dict[str, Any], prefix: str) -> dict[str, Any]:
            return {
                key: {"value": of[key], "interval": intervals[f"{prefix}.{key}"]}
                for key in ("sensitivity", "specificity")
            }

        by_lesion = rates(decision["by_lesion"], "decision.by_lesion")
        by_lesion["sensitivity"]["lesions"] = lesions["malignant"]
        by_lesion["specificity"]["lesions"] = lesions["benign"]
        found["referral"] = {
            "of_100_malignant": decision["of_100_malignant"],
            "of_100_benign": decision["of_100_benign"],
            **rates(decision, "decision"),
            "by_lesion": by_lesion,
        }
    if metrics.get("seen_little") is not None:
        found["seen_little"] = metrics["seen_little"]
    return found
