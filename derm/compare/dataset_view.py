"""The second view: every image of a part, by what `derm explain` found, ready to be drawn and listed.

Needs `ExplainResults` results. Shapes tables and makes sentences; measures nothing anew. Knows no page.
"""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from derm.diagnoses import CODES
from derm.evaluate.explain_dataset import ExplainResults
from derm.explain.agreement import CENTRE_PRIOR, ORACLE, UNIFORM
from derm.explain.methods import METHODS
from derm.language.speech import day_text, mark, number, say
from derm.spreadsheet import csv_table

MEASURES = {
    "iou_area": mark("Area under the IoU curve"),
    "best_iou": mark("Best IoU"),
    "inside": mark("Evidence inside"),
    "pointing": mark("Strongest point inside"),
    "rank": mark("Strongest pixels inside"),
}
"""Measures to choose from, by their names in the tables."""

OUTLINES = {"true": mark("the dermatologist's outline"), "predicted": mark("the model's outline")}
REFERENCES = {CENTRE_PRIOR: mark("centre prior"), UNIFORM: mark("the same everywhere")}
INVITATION = mark(
    "There are no explanations of a whole part yet. `derm explain --data DIR --out results/explained` makes them, in "
    "some minutes, and can be stopped and taken up again."
)

SKILL = mark(
    "Skill: how far a mean gets from the centre prior, a Gaussian in the middle of the picture (0), to the outline "
    "itself (1); below 0 the centre prior does better."
)

COLUMNS = {
    "method": mark("Map"),
    "mean": mark("Mean"),
    "low": mark("95 % from"),
    "high": mark("to"),
    "skill": mark("Skill"),
    "right": mark("Called right"),
    "wrong": mark("Called wrong"),
    "flat": mark("Flat maps"),
}
"""The summary's columns as the page heads them."""

SUMMARY = ("method", "mean", "low", "high", "skill", "right", "wrong", "flat")


def provenance(explained: ExplainResults) -> str:
    """What the figures belong to, in one line."""
    about = explained.about
    return say(
        "On the {part} part, split {split}, {images:,} images of {lesions:,} lesions; weights {weights} "
        "{sha256}, {date}.",
        part=say(about["part"]),
        split=say(about["split"]),
        images=about["images"],
        lesions=about["lesions"],
        weights=about["weights"],
        sha256=about["sha256"][:8],
        date=day_text(about["date"]),
    )


def methods_of(explained: ExplainResults) -> dict[str, str]:
    """The methods that were drawn for every image, name → label."""
    present = set(explained.agreement["method"].unique())
    return {name: method.label for name, method in METHODS.items() if name in present}


def points(explained: ExplainResults, method: str, outline: str, measure: str) -> pd.DataFrame:
    """One row an image: image_id, dx_true, dx_pred, value of the likeliest class's map; NaN for a flat map."""
    table = explained.agreement
    chosen = table[(table["method"] == method) & table["role"].isin(["predicted", "both"])]
    named = chosen[["image_id", "dx_true", "dx_pred"]].astype(str)
    return named.assign(value=chosen[f"{outline}_{measure}"].to_numpy()).reset_index(drop=True)


def references_of(explained: ExplainResults, outline: str, measure: str) -> dict[str, float]:
    """The mean of what knows no network over the same images, by name."""
    table = explained.agreement
    found = {}
    for name, title in REFERENCES.items():
        values = table.loc[table["method"] == name, f"{outline}_{measure}"]
        if values.notna().any():
            found[say(title)] = float(values.mean())
    return found


def summary_table(explained: ExplainResults, outline: str, measure: str, diagnosis: str = "all") -> pd.DataFrame:
    """One row a method: mean with interval, skill over the centre prior, means of right and wrong
    predictions, flat maps.

    diagnosis: 'all' or a code. Columns as `SUMMARY`; None where undefined.
    """
    own = explained.summary["agreement"]["predicted"]
    rows = []
    for name, label in {**methods_of(explained), **_said(REFERENCES), ORACLE: say("the outline itself")}.items():
        if name not in own or diagnosis not in own[name]:
            continue
        groups = own[name][diagnosis]
        figures = {group: _figure(groups, group, f"{outline}_{measure}") for group in ("all", "right", "wrong")}
        low, high = figures["all"].get("interval") or (None, None)
        rows.append(
            (
                label,
                figures["all"].get("mean"),
                low,
                high,
                figures["all"].get("skill"),
                figures["right"].get("mean"),
                figures["wrong"].get("mean"),
                groups.get("all", {}).get("flat"),
            )
        )
    return pd.DataFrame(rows, columns=list(SUMMARY))


def shown(table: pd.DataFrame) -> pd.DataFrame:
    """`summary_table` as texts, rounded to what figures are worth, '' where undefined, with the page's headings."""

    def text(value: object) -> str:
        if value is None or value != value:  # NaN alone is not itself  # noqa: PLR0124
            return ""
        return number(value, ".2f") if isinstance(value, float) else str(value)

    return table.map(text).rename(columns=_said(COLUMNS))


def right_or_wrong(explained: ExplainResults, method: str, outline: str, measure: str) -> str:
    """Whether agreement tells right from wrong predictions, in one sentence with its AUC; '' where unknown."""
    found = explained.summary["right_or_wrong"]
    own = found.get(method, {}).get(f"{outline}_{measure}")
    if not own or own.get("auc") is None:
        return ""
    low, high = own["interval"] or (None, None)
    told = {"auc": own["auc"], "coin": 0.5}
    if low is None:
        said = say("Does agreement tell right from wrong predictions? AUC {auc:.2f}; {coin:.2f} is a coin.", **told)
    else:
        said = say(
            "Does agreement tell right from wrong predictions? AUC {auc:.2f} ({low:.2f} – {high:.2f}); {coin:.2f} is a "
            "coin.",
            **told,
            low=low,
            high=high,
        )
    plain = found.get("probability", {}).get("probability", {})
    if plain.get("auc") is not None:
        said += " " + say("The probability alone reaches {auc:.2f}.", auc=plain["auc"])
    return said


def points_csv(images: pd.DataFrame) -> str:
    """The points as CSV."""
    return csv_table(images, ".4f")


def clicked(event: Any) -> str | None:  # noqa: ANN401 (what plotly's selection comes as)
    """The image whose point was clicked, or None."""
    chosen = event.get("selection", {}).get("points", []) if event else []
    names = [point["customdata"] for point in chosen if point.get("customdata")]
    name = names[0] if names else None
    return name[0] if isinstance(name, list) else name


def no_data(image_id: str) -> str:
    """Why a clicked image cannot be opened."""
    return say(
        "{image_id} can be opened where the app knows the data set: start it with DERM_DATA=DIR.", image_id=image_id
    )


def diagnoses() -> dict[str, str]:
    """What the summary can be narrowed to."""
    return {"all": say("all diagnoses"), **{code: code for code in CODES}}


def _said(names: Mapping[str, str]) -> dict[str, str]:
    return {key: say(name) for key, name in names.items()}


def _figure(groups: dict[str, Any], group: str, name: str) -> dict[str, Any]:
    found: dict[str, Any] = groups.get(group, {}).get("figures", {}).get(name, {})
    return found
