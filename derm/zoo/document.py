"""The comparison as a page of documentation: docs/comparison.md.

Needs a `SystemComparison`. Knows no result that is not in it.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from derm.metrics.registry import lower_first
from derm.structures.table import STRUCTURES
from derm.structures.words import layer_name
from derm.zoo import words
from derm.zoo.compared import DIAGNOSIS, LABELS, OUTLINE, SystemComparison, SystemRow
from derm.zoo.protocol_words import BUDGETS
from derm.zoo.systems import OURS, SYSTEMS

MAPS = {
    "true_iou_area": "area under its IoU with the true outline",
    "true_pointing": "maximum inside the outline",
    "deletion": "deletion (low is faithful)",
    "insertion": "insertion (high is faithful)",
    "road": "ROAD",
    "stability_rank": "stays still under noise",
    "random_rank": "rank correlation with a random network's",
}


def document(found: SystemComparison) -> str:
    """The whole page, Markdown."""
    parts = [
        "# The paper's other systems on one split",
        words.conclusion(found),
        "This page is written by `derm zoo table`; do not edit it. " + _how(found),
        words.not_run(found),
        "## Diagnosis",
        *_figures(found, DIAGNOSIS),
        "## Outline",
        *_figures(found, OUTLINE),
        "## Beside the split by image, and beside what was claimed",
        "The split by image is the paper's, and leaks: sisters of test images are in training. Claimed figures are of "
        "other data and are printed as the paper prints them, slips included.",
        _beside(found),
        "## What each costs",
        _counted(found),
        _costs(found),
        "## Explanations",
        *_maps(found),
        "## The systems",
        "Each with its source, what the paper does not say, and what was decided.",
        *(_system(name) for name in SYSTEMS),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _how(found: SystemComparison) -> str:
    done = next((row.fair for row in found.measured if row.fair), None)
    measured = (
        f" Figures are of the test part of the split by lesion, {done.images:,} images of {done.lesions:,} lesions, "
        "each looked at once for each row, with 95 % intervals by bootstrap over lesions; differences are paired."
        if done
        else ""
    )
    return (
        f"Budget {found.budget}: {BUDGETS[found.budget]}, the same images for all, at {found.size} × {found.size} "
        "pixels, batches of 32, Derm's own augmentation, optimiser and schedule; the epoch is chosen on validation, by "
        f"macro AUC or, where only an outline is drawn, by Dice.{measured} Made on {found.date}."
    )


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table; bars in cells are escaped."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def _figures(found: SystemComparison, names: Sequence[str]) -> list[str]:
    rows = [row for row in found.measured if row.fair and any(name in row.fair.figures for name in names)]
    if not rows:
        return ["No system has been measured yet."]
    head = ["System", "Start"]
    for name in names:
        head += [LABELS[name], "less ours"]
    body = []
    for row in sorted(rows, key=lambda row: -_value(row, names[-1])):
        cells = [row.known.label, row.start]
        for name in names:
            cells += [
                words.figure_text(row.fair.figures.get(name) if row.fair else None),
                words.difference_text(row, name),
            ]
        body.append(cells)
    return [" ".join(words.verdict(found, name) for name in names), table(head, body)]


def _value(row: SystemRow, name: str) -> float:
    figure = row.fair.figures.get(name) if row.fair else None
    return -1.0 if figure is None or figure.value is None else figure.value


def _beside(found: SystemComparison) -> str:
    head = ["System", "Start", "By lesion", "By image (leaks)", "Claimed, of other data"]
    body = []
    for row in found.rows:
        names = (*(DIAGNOSIS[::2] if row.known.names else ()), *(OUTLINE if row.known.draws else ()))

        def told(by: str, row: SystemRow = row, names: tuple[str, ...] = names) -> str:
            one = row.by.get(by)
            if one is None:
                return "not run"
            return ", ".join(
                f"{lower_first(LABELS[name])} {words.figure_text(one.figures.get(name)).split(' ')[0]}"
                for name in names
            )

        body.append([row.known.label, row.start, told("lesion"), told("image"), words.claims_text(row.system)])
    return table(head, body)


def _counted(found: SystemComparison) -> str:
    """How costs were counted and timed."""
    threads = sorted({int(row.cost["threads"]) for row in found.rows if "threads" in row.cost})
    timed = (
        f" Milliseconds of the network alone, one picture, float32, {' or '.join(map(str, threads))} "
        f"{'thread' if threads == [1] else 'threads'} of a processor, the quickest of several passes, in turn with "
        "ours in the same process: the ratio is what can be compared, for other work may have run on the machine."
        if threads
        else ""
    )
    return (
        "Parameters that are trained. GFLOP of one picture: convolutions and matrix products, counted on shapes by "
        "`torch.utils.flop_counter`, a multiplication and its addition being two; the kernel machine is not counted."
        f"{timed}"
    )


def _costs(found: SystemComparison) -> str:
    head = ["System", "Million parameters", "GFLOP", "Milliseconds", "Times ours"]
    seen: dict[str, SystemRow] = {}
    for row in found.rows:
        if row.system not in seen or "ratio" in row.cost:
            seen[row.system] = row
    body = [
        [row.known.label, _digits(row, "parameters", 1), _digits(row, "gflop", 2), _digits(row, "milliseconds", 1),
         _digits(row, "ratio", 2)]
        for row in seen.values()
    ]  # fmt: skip
    return table(head, body)


def _digits(row: SystemRow, name: str, digits: int) -> str:
    return f"{row.cost[name]:.{digits}f}" if name in row.cost else "–"


def _maps(found: SystemComparison) -> list[str]:
    told = (
        "Grad-CAM, Score-CAM, LIME, SHAP, ICE and ACE, as in the paper's reference 37, of the likeliest class, on a "
        "few images of each diagnosis of the test part; the centre prior knows no network. Systems that only draw "
        "outlines have no class to explain; where features are a single cell, or are of two pictures, Grad-CAM, "
        "Score-CAM and ICE make no map. ICE and ACE find concepts of their own in training pictures, and CME, the last "
        "of its seven, makes no map: what concepts keep of the answers is the second table."
    )
    rows = [row for row in found.rows if row.maps]
    if not rows:
        return [told, "No system's maps have been measured yet: `derm zoo run NAME --explain --data DIR` does it."]
    head = ["System", "Start", "Method", "Images", *MAPS.values()]
    body = [
        [row.known.label, row.start, method, f"{one['images']} ({one['flat']} flat)", *_map_cells(one["measures"])]
        for row in rows
        for method, one in row.maps.items()
    ]
    return [told, table(head, body), *_concepts(found)]


def _concepts(found: SystemComparison) -> list[str]:
    """What concepts keep of each system's answers, where it has been measured."""
    rows = [row for row in found.rows if row.concepts]
    if not rows:
        return []
    told = (
        "ICE: the share of the same images whose likeliest diagnosis stays when the features are put together again of "
        "a few parts. ACE: how many groups of alike pieces were found, and along how many of them the score of their "
        "diagnosis rises more often than not. CME: from features to the five structures that people marked in ISIC "
        "2018, and from these alone to the network's own call, by a tree of depth 4: how often both call the same, "
        "beside always saying the commonest call, and the AUC for its calling melanoma, on that source's test part."
    )
    head = ["System", "Start", "ICE: answers kept", "ACE: concepts", "CME: calls kept", "by chance", "melanoma, AUC"]
    head += [f"{layer_name(one.key).lower()}, AUC" for one in STRUCTURES]
    body = [[row.known.label, row.start, *_concept_cells(row.concepts)] for row in rows]
    return [told, table(head, body)]


def _concept_cells(concepts: Mapping[str, Any]) -> list[str]:
    """What each concept method found of a system, a dash where it was not measured."""
    ice, ace, cme = (concepts.get(name) for name in ("ice", "ace", "cme"))
    cells = [
        f"{ice['kept']:.2f} of {ice['images']}" if ice else "–",
        f"{ace['for']} of {ace['found']}" if ace else "–",
    ]
    figures = [cme[name] for name in ("fidelity", "by_chance", "melanoma")] if cme else [None] * 3
    figures += [cme["concepts"].get(one.key) if cme else None for one in STRUCTURES]
    return cells + [_spanned(*one) if one else "–" for one in figures]


def _spanned(value: float | None, low: float | None, high: float | None) -> str:
    """A figure with its interval, a dash where it is undefined."""
    if value is None:
        return "–"
    return f"{value:.2f}" if low is None or high is None else f"{value:.2f} ({low:.2f} – {high:.2f})"


def _map_cells(measures: Mapping[str, Any]) -> list[str]:
    """A method's measures with their intervals, a dash where there is none."""
    cells = []
    for name in MAPS:
        found = measures.get(name) or {}
        cells.append(_spanned(found.get("value"), *(found.get("interval") or (None, None))))
    return cells


def _system(name: str) -> str:
    one = SYSTEMS[name]
    ours = " Ours: what all others are held against." if name == OURS else ""
    answers = "outline and diagnosis" if one.task == "both" else one.task
    return (
        f"**{one.label}** (`{name}`, {answers}).{ours} Source: {one.source}. Built of: {one.parts}. Claimed: "
        f"{words.claims_text(name)}. Not known: {one.unknown} Decided: {one.decided}"
    )
