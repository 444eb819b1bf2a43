"""What a description's `measured` has to be: figures of parts, of sources and of a calibration, in types and ranges.

Needs what JSON gave. Knows no words: who reads figures relies on these checks.
"""

from typing import Any

from derm.json_checks import (
    Check,
    all_of,
    by_name,
    fault_of,
    is_count,
    is_finite,
    is_interval,
    is_number_or_none,
    is_shallow,
    is_share_interval,
    is_share_or_none,
    is_text,
    is_text_or_none,
    list_of,
    none_or,
    object_with,
    packed,
    within,
)

_SHARE = object_with({"value": is_share_or_none}, {"interval": is_share_interval, "lesions": is_count})
_FIGURE = object_with({"value": none_or(within(-1, 1))}, {"interval": is_interval})  # debiased errors may be below 0
_RATES = object_with({"sensitivity": _SHARE, "specificity": _SHARE})
_HUNDRED = none_or(within(0, 100))

_SIDE = object_with({"images": is_count, "malignant": is_count, **dict.fromkeys(("sensitivity", "coverage"), _SHARE)})
_SIDES = {"inside": _SIDE, "outside": _SIDE}
_SEEN = object_with(_SIDES, {"by_source": by_name(object_with(_SIDES))})

_REFERRAL = object_with({"of_100_malignant": _HUNDRED, "of_100_benign": _HUNDRED}, {"by_lesion": none_or(_RATES)})
_OF_REFERRAL = ("split", "images")
"""What is said with a part's referral."""

_PART: dict[str, Check] = {
    **dict.fromkeys(("images", "lesions"), is_count),
    **dict.fromkeys(("split", "date"), is_text),
    **dict.fromkeys(("source", "trained_on_split_by"), is_text_or_none),
    "intervals": by_name(is_interval),
    "referral": none_or(_REFERRAL),
    "seen_little": none_or(_SEEN),
}

IS_RATED = object_with(dict.fromkeys(("images", "malignant", "benign"), is_count))
"""Of a source, the images that are known to be malignant or benign, and how many lesions of each kind they show."""

_HELD = object_with(
    {"images": is_count, "figures": by_name(_FIGURE)},
    {"lesions": is_count, "within": is_text_or_none, "rated": IS_RATED},
)

IS_LEARNED = object_with({"pictures": packed(16), "lesions": packed(8)}, {"classes": by_name(is_count)})
"""What `derm.data.learned` records of images, and reads again."""

_LOCAL = object_with(
    {"folder": is_text, "images": is_count, "lesions": is_count},
    {"known_images": is_count, "cases": none_or(IS_LEARNED)},
)
_CHOSEN = object_with(
    {"found": is_count, "malignant_lesions": is_count, "lower_bound": is_number_or_none},
    {"promise": is_text, "chosen_by": list_of(is_text)},
)
_BOUNDED = object_with({"value": within(0, 1), "interval": all_of(list_of(within(0, 1)), is_share_interval)})
_CALIBRATION: dict[str, Check] = {
    "local": none_or(_LOCAL),
    "referral": none_or(_CHOSEN),
    "by_source": by_name(object_with({}, {"referral": none_or(_CHOSEN)})),
    "cross_validated": none_or(object_with({"sensitivity": _BOUNDED, "specificity": _BOUNDED})),
    "seen_little": none_or(_SEEN),
}


def _source(told: Any) -> bool:  # noqa: ANN401 (whatever JSON holds)
    """Figures of one source, its rates shares."""
    return _HELD(told) and all(
        _SHARE(told["figures"].get(rate, {"value": None})) for rate in ("sensitivity", "specificity")
    )


def measured_fault(measured: dict[str, Any]) -> str | None:
    """The first entry that is of another kind than it has to be; None where all will do."""
    if not is_shallow(measured) or not is_finite(measured):
        return "a figure"
    for name, told in measured.items():
        fields = _CALIBRATION if name == "calibration" else _PART
        needed: dict[str, Check] = {"sources": by_name(_source)} if name.endswith("_by_source") else {}
        if isinstance(told, dict) and told.get("referral") and fields is _PART:
            needed |= {one: _PART[one] for one in _OF_REFERRAL}
        fault = fault_of(told, needed, fields)
        if fault is not None:
            return f"{name}.{fault}" if fault else name
    return None
