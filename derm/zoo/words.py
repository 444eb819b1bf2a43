"""What is said of the comparison, in sentences.

Needs a `SystemComparison`. Knows no page and no terminal.
"""

from derm.zoo.compared import LABELS, SystemComparison, SystemFigure, SystemRow
from derm.zoo.protocol_words import BUDGETS
from derm.zoo.systems import OURS, SYSTEMS

SIGN = "−"

NOTHING = (
    "No comparison of other systems is here yet: `derm zoo run all --data DIR` trains and measures them, and "
    "`derm zoo table` puts them side by side."
)

LEAKS = "leaks: sisters of test images are in training"

CLAIMED = "of other data, as the paper prints it"


def conclusion(found: SystemComparison) -> str:
    """The first paragraph: what may be concluded from the comparison, and what may not."""
    done, all_of = len({row.system for row in found.measured}), len(SYSTEMS)
    trained = {row.fair.trained_images for row in found.measured if row.fair}
    images = f"{max(trained):,} training images" if trained else "training images"
    if done == 0:
        return (
            f"Nothing may be concluded yet: of {all_of} systems none has been trained and measured under the budget "
            f"{found.budget}. What stands below is what each costs, and what was claimed of it on other data."
        )
    return (
        f"What may be concluded: under one small protocol ({BUDGETS[found.budget]}, {images}, {found.size} pixels, one "
        f"seed), on the same test images, how {done} of {all_of} systems compare with ours from the same kind of "
        "starting weights, where the interval of the difference leaves out 0. What may not: that a system is better or "
        "worse than another when both are trained to their end, at their own size, from ImageNet weights or with the "
        "recipe of their authors; that a system as published would do so here, for the papers leave much open that we "
        "had to decide; or anything from a claimed figure beside a measured one, for those are of other data, other "
        "splits and often other classes. Intervals are of the images, not of seeds: another seed may move a figure by "
        "as much."
    )


def not_run(found: SystemComparison) -> str:
    """Which systems have no figures yet; '' where all have."""
    names = [SYSTEMS[name].label for name in found.not_run]
    if not names:
        return ""
    return f"Not trained and measured yet: {'; '.join(names)}. Only what they cost and what was claimed stands here."


def figure_text(figure: SystemFigure | None) -> str:
    """A figure with its interval, or a dash."""
    if figure is None or figure.value is None:
        return "–"
    span = figure.interval
    return f"{figure.value:.3f}" + ("" if span is None else f" ({span[0]:.3f} – {span[1]:.3f})")


def difference_text(row: SystemRow, name: str) -> str:
    """A figure's difference to ours with its interval, or why there is none."""
    if row.system == OURS:
        return "ours"
    figure = row.fair.figures.get(name) if row.fair else None
    if figure is None or figure.difference is None:
        return "–"
    span = figure.difference_interval
    return signed(figure.difference) + ("" if span is None else f" ({signed(span[0])} … {signed(span[1])})")


def signed(value: float) -> str:
    """A difference with its sign, three digits after the point."""
    return f"{value:+.3f}".replace("-", SIGN)


def verdict(found: SystemComparison, name: str) -> str:
    """One sentence on a figure: how many systems are above ours, below, and not told apart."""
    rows = [row for row in found.measured if row.system != OURS and row.fair]
    figures = [row.fair.figures[name] for row in rows if row.fair and name in row.fair.figures]
    known = [one for one in figures if one.difference is not None]
    if not known:
        return f"{LABELS[name]}: no system has been measured beside ours from the same kind of starting weights."
    above = sum(one.decided and (one.difference or 0) > 0 for one in known)
    below = sum(one.decided and (one.difference or 0) < 0 for one in known)
    return (
        f"{LABELS[name]}: {above} above ours, {below} below, {len(known) - above - below} not told apart, of "
        f"{len(known)} measured beside ours."
    )


def claims_text(row_system: str) -> str:
    """What the paper prints of a system, with data and place."""
    return "; ".join(f"{one.figures} ({one.data}; {one.where})" for one in SYSTEMS[row_system].claims)


def alt(found: SystemComparison, name: str) -> str:
    """What the figure shows, for screen readers: every system with its figure and interval."""
    told = [
        f"{row.known.label} from {row.start} weights {figure_text(row.fair.figures.get(name))}"
        for row in found.measured
        if row.fair and name in row.fair.figures
    ]
    return f"{LABELS[name]} of each system with its 95 % interval: " + "; ".join(told) + "."
