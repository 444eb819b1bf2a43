"""What the comparison says, in sentences and rows: agreement, faithfulness and sanity, each with what it does not say.

Needs `ExplainedCase` maps and, where they were made, their `Faithfulness`s. Knows no page.
"""

import html
import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from derm.compare.explained_case import MAP, ExplainedCase
from derm.compare.faithfulness import Faithfulness
from derm.diagnoses import DIAGNOSES
from derm.explain.agreement import BUILT_IN, CENTRE_PRIOR, ORACLE, THRESHOLDS, Localisation
from derm.explain.methods import METHODS, Method
from derm.figures.text import capital, percent, time_left
from derm.language.quantities import listed
from derm.language.speech import mark, number, say, say_of
from derm.model.config import ModelConfig
from derm.predict.case import Case

COSTS = {
    "closed": mark("some milliseconds"),
    "gradient": mark("a tenth of a second"),
    "passes": mark("some seconds"),
}
"""What each kind of method costs for one picture."""

_AGREEMENT_LIMITS = mark(
    "Agreement says where a map lies and not whether it is right: a model may look elsewhere for good reason, and "
    "lesions lie in the middle of most pictures, so that a centre prior, a Gaussian there, agrees, too."
)

TEST_BOTH = mark("Put both to the test on the model")
TEST_SANITY = mark("Test it now: about a minute")
TEST_NOTE = mark("Faithfulness and sanity ask the model about a hundred changed pictures, which takes some seconds.")
TEST_BEGINS = mark("Asking the model …")

RANDOMISED = mark("How alike each map stays to itself as the network forgets what it learned, stage by stage.")

TRIAL_LIMITS = mark(
    "Faithfulness asks the model about pictures that nobody takes, with pixels blurred or painted over; what it "
    "answers there need not hold for real ones. Sanity tells maps that depend on what was learned from those that do "
    "not; passing it makes no map right."
)


INSIDE_MORE = mark("{label} has {own} of its evidence inside, more than the centre prior's {prior}")
INSIDE_AS_MUCH = mark("{label} has {own} of its evidence inside, as much as the centre prior")
INSIDE_NO_MORE = mark("{label} has {own} of its evidence inside, no more than the centre prior's {prior}")


class MeasureRow(NamedTuple):
    """One figure of both methods beside the centre prior and the oracle; each a text, '–' where undefined."""

    measure: str
    first: str
    second: str
    prior: str
    oracle: str
    reading: str


def upright(case: Case) -> str:
    """Says so where the case is answered over several views, of which the maps here show one; '' where it is not."""
    if case.views == 1:
        return ""
    return say(
        "Maps here are of the upright view. The page Diagnose shows the mean over {views} views, whose "
        "figures differ a little.",
        views=case.views,
    )


def agreement_limits(config: ModelConfig) -> str:
    """What agreement of heat map and outline does not say, of a model made as `config` has it."""
    limits = say(_AGREEMENT_LIMITS)
    return f"{limits} {say(BUILT_IN)}" if config.looks_inside else limits


def about(method: Method) -> str:
    """A method in one line: label, source, what it takes, and whether it knows classes."""
    line = f"{method.label} ({method.source}), {say(COSTS[method.cost])}."
    return line if method.by_class else line + " " + say("The same map for every diagnosis.")


def agreement_rows(pair: Sequence[ExplainedCase], threshold: float, *, true: bool) -> list[MeasureRow]:
    """How both maps agree with the model's outline or the true one; empty where there is none to agree with."""
    found = [held.against(true=true) for held in pair]
    known = next((one for one in found if one is not None), None)
    if known is None:
        return []
    step = round(threshold * (len(THRESHOLDS) - 1))
    measures: tuple[tuple[str, Callable[[Localisation, int], float], str], ...] = (
        (say("IoU at the threshold"), lambda one, row: one.iou_curve[row, step], say("moves with the slider")),
        (say("Best IoU"), lambda one, row: one.best_iou[row], say("at a threshold chosen with the outline in hand")),
        (say("Area under the IoU curve"), lambda one, row: one.iou_area[row], say("all thresholds alike, none chosen")),
        (
            say("Evidence inside"),
            lambda one, row: one.inside[row],
            say("share of the map's sum that lies in the lesion"),
        ),
        (
            say("Strongest point inside"),
            lambda one, row: one.pointing[row],
            say("1 where the maximum lies in the lesion"),
        ),
        (
            say("Strongest pixels inside"),
            lambda one, row: one.rank[row],
            say("of as many as the lesion has, those in it"),
        ),
    )
    rows = []
    for name, value, reading in measures:
        own = [_figure(None if one is None else value(one, ExplainedCase.place(MAP))) for one in found]
        beside = [_figure(value(known, ExplainedCase.place(which))) for which in (CENTRE_PRIOR, ORACLE)]
        rows.append(MeasureRow(name, own[0], own[1], beside[0], beside[1], reading))
    return rows


def trial_rows(trials: Sequence[Faithfulness | None]) -> list[MeasureRow]:
    """Faithfulness and sanity of both maps; '–' for one that has not been tried."""

    def both(value: object) -> list[str]:
        return [_figure(None if trial is None else value(trial)) for trial in trials]  # type: ignore[operator]

    known = next((trial for trial in trials if trial is not None), None)
    if known is None:
        return []
    rows = []
    for name, value, beside, reading in (
        (
            say("Deletion, area"),
            lambda trial: None if trial.deletion is None else trial.deletion.areas[0],
            known.deletion_prior.areas[0],
            say("low is good: taking the strongest pixels away must cost the diagnosis its probability"),
        ),
        (
            say("Insertion, area"),
            lambda trial: None if trial.insertion is None else trial.insertion.areas[0],
            known.insertion_prior.areas[0],
            say("high is good: bringing them back into a blurred picture must restore it"),
        ),
        (
            "ROAD",
            lambda trial: trial.road,
            None,
            say("above 0 is good: what ranks high matters more than what ranks low"),
        ),
        (
            say("Still under noise"),
            lambda trial: trial.stability,
            None,
            say("1: the same map under noise that nobody sees"),
        ),
        (
            say("Follows flips and turns"),
            lambda trial: trial.equivariance,
            None,
            say("1: a turned picture gives the turned map"),
        ),
        (
            say("Like a network that learned nothing"),
            lambda trial: trial.destroyed,
            None,
            say("low is good: the map must depend on what was learned; – where it went flat"),
        ),
    ):
        own = both(value)
        rows.append(MeasureRow(name, own[0], own[1], _figure(beside), "–", reading))
    return rows


def randomised(pair: Sequence[ExplainedCase], trials: Sequence[Faithfulness]) -> dict[str, list[float]]:
    """The lines of how alike each map stays while the network unlearns, by name; without those not tested."""
    return {
        f"{letter}: {held.method.label}": list(trial.randomised.values())
        for letter, held, trial in zip("AB", pair, trials, strict=True)
        if trial.randomised
    }


def painted_sentence(trial: Faithfulness, index: int) -> str:
    """What the diagnosis loses when the lesion, or all but the lesion, is painted over; '' where that cannot be "
    "done."""
    if trial.repainted is None:
        return ""
    name = DIAGNOSES[index].called
    whole, without, alone = (
        float(values[index])
        for values in (trial.repainted.whole, trial.repainted.without_lesion, trial.repainted.without_surroundings)
    )
    return say(
        "With the lesion painted over with skin, the model gives {name} {without} instead of {whole}; "
        "with all but the lesion painted over, {alone}.",
        name=name,
        without=percent(without),
        whole=percent(whole),
        alone=percent(alone),
    )


def headline(pair: Sequence[ExplainedCase], *, true: bool) -> str:
    """Both maps in one sentence: how much of their evidence lies inside, and whether that beats the centre prior."""
    said = []
    for held in pair:
        found = held.against(true=true)
        if held.evidence.flat:
            said.append(
                say("{label} finds no evidence for {name}", label=held.method.label, name=DIAGNOSES[held.index].called)
            )
        elif found is not None:
            own, prior = found.inside[ExplainedCase.place(MAP)], found.inside[ExplainedCase.place(CENTRE_PRIOR)]
            sentence = INSIDE_MORE if own > prior else INSIDE_NO_MORE
            if percent(own) == percent(prior):
                sentence = INSIDE_AS_MUCH
            said.append(say(sentence, label=held.method.label, own=percent(own), prior=percent(prior)))
    if not said:
        if true:
            return say("There is no lesion in the true outline to hold the maps against.")
        return say("There is no lesion in the outline to hold the maps against.")
    if len(said) == 2 and said[0] == said[1]:
        said = said[:1]
    return capital("; ".join(said)) + "."


def captions(held: ExplainedCase, threshold: float) -> str:
    """What a method's picture shows."""
    if held.evidence.flat:
        return say("{label}: no evidence for {name}.", label=held.method.label, name=DIAGNOSES[held.index].called)
    return say("{label}, cut at {threshold:.2f} of its own maximum.", label=held.method.label, threshold=threshold)


def choice(case: Case, index: int) -> str:
    """A diagnosis to choose, with its probability and whether it is the likeliest."""
    diagnosis = DIAGNOSES[index]
    told = {"name": capital(diagnosis.called), "share": percent(float(case.probabilities[index]))}
    if diagnosis == case.predicted:
        return say("{name}, {share}, the likeliest", **told)
    return say("{name}, {share}", **told)


def outlines_caption(case: Case) -> str:
    """What the first picture shows."""
    if not case.has_outline:
        return say("{name}. The model finds no lesion.", name=case.name)
    if case.polygons is None:
        line = say("{name}. Line: the model's outline.", name=case.name)
    else:
        line = say("{name}. Line: the corrected outline.", name=case.name)
    return line if case.truth is None else line + " " + say("Dashes: the true one.")


MODELS_OUTLINE, CORRECTED_OUTLINE, TRUE_OUTLINE = (
    mark("Model's outline"),
    mark("Corrected outline"),
    mark("True outline"),
)


def own_outline(case: Case) -> str:
    """Whose outline is shown and held against, besides the true one."""
    return MODELS_OUTLINE if case.polygons is None else CORRECTED_OUTLINE


def curves(pair: Sequence[ExplainedCase], *, true: bool) -> dict[str, NDArray[np.float64] | None]:
    """The IoU curves to draw, by name: method A, method B, the centre prior and the outline itself."""
    found = [held.against(true=true) for held in pair]
    known = next((one for one in found if one is not None), None)
    lines: dict[str, NDArray[np.float64] | None] = {}
    for letter, held, one in zip("AB", pair, found, strict=True):
        lines[f"{letter}: {held.method.label}"] = None if one is None else one.iou_curve[ExplainedCase.place(MAP)]
    for which, name in ((CENTRE_PRIOR, say("centre prior")), (ORACLE, say("the outline itself"))):
        lines[name] = None if known is None else known.iou_curve[ExplainedCase.place(which)]
    return lines


def rows_html(rows: Sequence[MeasureRow]) -> str:
    """Rows as an HTML table; what each means stands small under its name."""
    lines = [
        f'<tr><th scope="row">{html.escape(row.measure)}<small>{html.escape(row.reading)}</small></th>'
        + "".join(f"<td>{figure}</td>" for figure in (row.first, row.second, row.prior, row.oracle))
        + "</tr>"
        for row in rows
    ]
    names = ("", "A", "B", say_of("head of a narrow column", "centre prior"), say("outline"))
    head = "".join(f'<th scope="col">{html.escape(name)}</th>' for name in names)
    return f'<table class="derm-accounts"><thead><tr>{head}</tr></thead><tbody>{"".join(lines)}</tbody></table>'


def choices() -> dict[str, str]:
    """The methods to choose from, name → label."""
    return {name: method.label for name, method in METHODS.items()}


def step(what: str, share: float, seconds: float) -> str:
    """What is being done while maps are put to the test, and how long it goes on.

    share: done so far, 0 … 1, in `seconds`. Nothing is foretold before a twentieth is done.
    """
    if not what:
        return say("Done")
    return time_left(capital(what), seconds / share * (1 - share)) if 0.05 <= share < 1 else f"{capital(what)} …"


def untested(pair: Sequence[ExplainedCase], trials: Sequence[Faithfulness]) -> str:
    """Whose sanity was not tested, and why; '' where it was."""
    slow = dict.fromkeys(held.method.label for held, trial in zip(pair, trials, strict=True) if not trial.randomised)
    if not slow:
        return ""
    return say(
        "The sanity of {methods} is not tested yet: it takes some twenty maps, a few seconds each.",
        methods=listed(list(slow)),
    )


def _figure(value: float | np.floating | None) -> str:
    return "–" if value is None or math.isnan(value) else number(float(value), ".2f")
