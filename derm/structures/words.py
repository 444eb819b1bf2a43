"""What is said of dermoscopic structures: how likely, where, how often they were marked in which diagnosis.

Needs what `derm.structures.look` found. Knows nothing of pages.
"""

from collections.abc import Sequence

from derm.figures.text import SPACE, percent
from derm.language.quantities import listed
from derm.language.speech import mark, say
from derm.structures.look import FoundStructure

TITLE = mark("Dermoscopic structures")

LAYERS = {
    "pigment_network": mark("Pigment network"),
    "negative_network": mark("Negative network"),
    "streaks": mark("Streaks"),
    "milia_like_cyst": mark("Milia-like cysts"),
    "globules": mark("Globules"),
}
"""By key of `derm.structures.table.STRUCTURES`."""

LIKELY, UNLIKELY = 0.6, 0.2
"""Probability from which a structure is called likely, and below which unlikely."""

PLACED = {
    "border": mark("{structure} at the border: {likely}, {probability}"),
    "middle": mark("{structure} in the middle: {likely}, {probability}"),
    "throughout": mark("{structure} throughout the lesion: {likely}, {probability}"),
    "nowhere": mark("{structure}: {likely}, {probability}"),
}

AREAS = {
    "border": mark("{structure}: {share} of the outline, at the border"),
    "middle": mark("{structure}: {share} of the outline, in the middle"),
    "throughout": mark("{structure}: {share} of the outline, throughout the lesion"),
    "somewhere": mark("{structure}: {share} of the outline"),
    "nowhere": mark("{structure}: no place that could be marked"),
}

NOTE = mark(
    "Read by a small decoder from the features that the diagnosis comes from, learned from marks of {sources}; "
    "the probability is that annotators would mark the structure in this picture. It adds nothing to the diagnosis, "
    "and a structure that is not found may still be there. Areas are rough. Shares are of that training part, not of "
    "your patients."
)

MARKS = {"isic2018_task1": "ISIC 2018 Task 2"}
"""What marks of a source's pictures are called, where they are published under another name than the pictures."""


def note(sources: Sequence[str]) -> str:
    """What a decoder's lines are worth, and what they are not. sources: those it was trained on."""
    return say(NOTE, sources=listed([MARKS.get(one, one) for one in sources]))


NOT_JUDGED = mark("Structures are not looked for in a picture that cannot be judged.")


def layer_name(key: str) -> str:
    """What a structure is called, and its layer."""
    return say(LAYERS[key])


def opacity_name(key: str) -> str:
    """What the slider of a structure's layer is called."""
    return say("Opacity, {layer}", layer=layer_name(key))


def how_likely(probability: float) -> str:
    """'likely', 'possible' or 'unlikely', by the figure that is shown beside it."""
    shown = round(probability, 1)
    if shown >= LIKELY:
        return say("likely")
    return say("unlikely") if shown < UNLIKELY else say("possible")


def presence(found: FoundStructure) -> str:
    """A structure in a few words: 'Streaks at the border: likely, 0.8'."""
    placed = found.zone if found.zone is not None and found.probability >= UNLIKELY else "nowhere"
    return say(
        PLACED[placed],
        structure=layer_name(found.structure.key),
        likely=how_likely(found.probability),
        probability=rounded(found.probability),
    )


def line(found: FoundStructure) -> str:
    """A structure in one line: 'Streaks at the border: likely, 0.8; marked in 9 % of nevi and 31 % of melanomas of the
    training part'."""
    return say(
        "{structure}; marked in {nevi} of nevi and {melanomas} of melanomas of the training part",
        structure=presence(found),
        nevi=_share(*found.marked.get("nv", (0, 0))),
        melanomas=_share(*found.marked.get("mel", (0, 0))),
    )


def rounded(probability: float) -> str:
    """A probability with one digit, fenced: no structure is certain or impossible."""
    if probability < 0.05:
        return say("under {limit:.2f}", limit=0.05)
    if probability > 0.95:
        return say("over {limit:.2f}", limit=0.95)
    return say("{probability:.1f}", probability=probability)


def _share(hits: int, images: int) -> str:
    return percent(hits / images) if hits else f"0{SPACE}%"


def lines(found: Sequence[FoundStructure]) -> list[str]:
    """One line for each structure, the likeliest first."""
    return [line(one) for one in sorted(found, key=lambda one: -one.probability)]


def in_one_sentence(found: Sequence[FoundStructure]) -> str:
    """All structures in one sentence, for a report; '' where none was looked for."""
    if not found:
        return ""
    told = "; ".join(presence(one) for one in sorted(found, key=lambda one: -one.probability))
    return say(
        "Dermoscopic structures, as annotators would mark them: {told}. They add nothing to the diagnosis.", told=told
    )


def alternative(found: FoundStructure) -> str:
    """The layer in words, for those who do not see it."""
    return say(
        AREAS[found.zone or ("somewhere" if found.share else "nowhere")],
        structure=layer_name(found.structure.key),
        share=percent(found.share or 0),
    )
