"""What is said of the comparison, in sentences.

Needs a `SystemComparison`. Knows no page and no terminal.
"""

from derm.language.speech import mark, number, say
from derm.zoo.compared import LABELS, SystemComparison, SystemFigure, SystemRow
from derm.zoo.protocol_words import BUDGETS
from derm.zoo.systems import OURS, SYSTEMS

SIGN = "−"

NOTHING = mark(
    "No comparison of other systems is here yet: `derm zoo run all --data DIR` trains and measures them, and "
    "`derm zoo table` puts them side by side."
)

LEAKS = mark("leaks: sisters of test images are in training")

CLAIMED = mark("of other data, as the paper prints it")


def conclusion(found: SystemComparison) -> str:
    """The first paragraph: what may be concluded from the comparison, and what may not."""
    done, all_of = len({row.system for row in found.measured}), len(SYSTEMS)
    trained = {row.fair.trained_images for row in found.measured if row.fair}
    images = say("{count:,} training images", count=max(trained)) if trained else say("training images")
    if done == 0:
        return say(
            "Nothing may be concluded yet: of {total} systems none has been trained and measured under the "
            "budget {budget}. What stands below is what each costs, and what was claimed of it on other data.",
            total=all_of,
            budget=found.budget,
        )
    return say(
        "What may be concluded: under one small protocol ({budget}, {images}, {size} pixels, one seed), "
        "on the same test images, how {done} of {total} systems compare with ours from the same kind of "
        "starting weights, where the interval of the difference leaves out 0. What may not: that a "
        "system is better or worse than another when both are trained to their end, at their own size, "
        "from ImageNet weights or with the recipe of their authors; that a system as published would do "
        "so here, for the papers leave much open that we had to decide; or anything from a claimed "
        "figure beside a measured one, for those are of other data, other splits and often other "
        "classes. Intervals are of the images, not of seeds: another seed may move a figure by as much.",
        budget=say(BUDGETS[found.budget]),
        images=images,
        size=found.size,
        done=done,
        total=all_of,
    )


def not_run(found: SystemComparison) -> str:
    """Which systems have no figures yet; '' where all have."""
    names = [SYSTEMS[name].label for name in found.not_run]
    if not names:
        return ""
    return say(
        "Not trained and measured yet: {names}. Only what they cost and what was claimed stands here.",
        names="; ".join(names),
    )


def figure_text(figure: SystemFigure | None) -> str:
    """A figure with its interval, or a dash."""
    if figure is None or figure.value is None:
        return "–"
    span = figure.interval
    if span is None:
        return number(figure.value, ".3f")
    return f"{number(figure.value, '.3f')} ({number(span[0], '.3f')} – {number(span[1], '.3f')})"


def difference_text(row: SystemRow, name: str) -> str:
    """A figure's difference to ours with its interval, or why there is none."""
    if row.system == OURS:
        return say("ours")
    figure = row.fair.figures.get(name) if row.fair else None
    if figure is None or figure.difference is None:
        return "–"
    span = figure.difference_interval
    return signed(figure.difference) + ("" if span is None else f" ({signed(span[0])} … {signed(span[1])})")


def signed(value: float) -> str:
    """A difference with its sign, three digits after the point."""
    return number(value, "+.3f").replace("-", SIGN)


def verdict(found: SystemComparison, name: str) -> str:
    """One sentence on a figure: how many systems are above ours, below, and not told apart."""
    rows = [row for row in found.measured if row.system != OURS and row.fair]
    figures = [row.fair.figures[name] for row in rows if row.fair and name in row.fair.figures]
    known = [one for one in figures if one.difference is not None]
    if not known:
        return say(
            "{figure}: no system has been measured beside ours from the same kind of starting weights.",
            figure=say(LABELS[name]),
        )
    above = sum(one.decided and (one.difference or 0) > 0 for one in known)
    below = sum(one.decided and (one.difference or 0) < 0 for one in known)
    return say(
        "{figure}: {above} above ours, {below} below, {undecided} not told apart, of {known} measured beside ours.",
        figure=say(LABELS[name]),
        above=above,
        below=below,
        undecided=len(known) - above - below,
        known=len(known),
    )


def claims_text(row_system: str) -> str:
    """What the paper prints of a system, with data and place."""
    return "; ".join(f"{one.figures} ({one.data}; {one.where})" for one in SYSTEMS[row_system].claims)


def alt(found: SystemComparison, name: str) -> str:
    """What the figure shows, for screen readers: every system with its figure and interval."""
    told = [
        say(
            "{system} from {start} weights {value}",
            system=row.known.label,
            start=row.start,
            value=figure_text(row.fair.figures.get(name)),
        )
        for row in found.measured
        if row.fair and name in row.fair.figures
    ]
    return say(
        "{figure} of each system with its 95 % interval: {values}.", figure=say(LABELS[name]), values="; ".join(told)
    )
