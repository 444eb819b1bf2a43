"""Everything that a report tells, gathered once and checked to belong together.

Needs weights, results of `derm evaluate` on the test part, and the data set they come from. Writes nothing.
"""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

import pandas as pd

from derm.data.catalogue import HAM10000, Catalogue
from derm.data.check import HAM10000_ROWS
from derm.data.split import PARTS, By, Leak, Split, count_leak, split_catalogue
from derm.diagnoses import CODES
from derm.errors import DataFault
from derm.evaluate.belonging import NAMED_CURE, changed_setting, command, other_data, other_sources, state_of, told
from derm.evaluate.explain_dataset import ExplainResults
from derm.evaluate.results import Results, why_known
from derm.evaluate.test_set_log import LOOKS
from derm.model.weights import Model

SECTIONS = ("by_source", "outlines", "explanation", "calibration", "baselines", "intervals")
"""Of metrics.json, what a report tells of; older results lack some."""


@dataclass(frozen=True)
class Facts:
    """What a report is made of.

    parts: images of each class in each part of the split by lesion. leaks: for each way to split, how many test images
    have a sister in training; not for one by which the data set cannot be split. by_image: weights under the paper's
    protocol, None where none were measured. explained: what `derm explain` found on the test part, None where it was
    not run. looks: how often the test part was looked at. sources: of the same weights on the test parts of several
    sources. left_out: of other weights, each trained without the source that it is measured on.
    """

    model: Model
    results: Results
    catalogue: Catalogue
    parts: dict[str, dict[str, int]]
    leaks: dict[str, Leak]
    by_image: Results | None
    explained: ExplainResults | None
    looks: int
    sources: Results | None = None
    left_out: tuple[Results, ...] = ()

    @property
    def is_whole_ham10000(self) -> bool:
        """Whether the data set is all of HAM10000, of which a report may tell what is published of it."""
        table = self.catalogue.table
        return len(table) == HAM10000_ROWS and bool((table["source"] == HAM10000).all())

    def images_of(self, code: str) -> int:
        """How many images of a class all parts hold together."""
        return sum(counts[code] for counts in self.parts.values())


def gather(
    model: Model,
    results: Results,
    catalogue: Catalogue,
    by_image: Results | None = None,
    explained: ExplainResults | None = None,
    sources: Results | None = None,
    left_out: Sequence[Results] = (),
) -> Facts:
    """Bring a report's facts together.

    results: of `model` on the test part, split by lesion. by_image: of weights that were trained and measured on the
    split by image. sources: of `model` on the test parts of several sources. left_out: of weights that were trained
    without a source, measured on it. Raises DataFault where results belong to other weights, another part or other
    images, or are too old to have all that a report tells.
    """
    for one in (results, by_image, sources, *left_out):
        if one is not None:
            _check_metrics(one)
    _check_claims(model, results, by_image, explained, sources, left_out)
    splits: dict[str, Split] = {"lesion": split_catalogue(catalogue, "lesion")}
    with suppress(DataFault):  # too few images of a class, which a table of one's own that names the parts may have
        splits["image"] = split_catalogue(catalogue, "image")
    dx = catalogue.table["dx"]
    rows = splits["lesion"].rows("test")
    tested = set(catalogue.table["image_id"].iloc[rows][dx.iloc[rows].isin(CODES)])
    _check_data(results, results.predictions, catalogue, tested)
    if explained is not None:
        _check_data(explained, explained.measured, catalogue, tested)
    if by_image is not None:
        _check_data(by_image, by_image.predictions, catalogue)
    for one in (sources, *left_out):
        if one is not None:
            _check_shared_data(one, catalogue)
    counted = {
        part: dx.iloc[splits["lesion"].rows(part)].value_counts().reindex(list(CODES), fill_value=0) for part in PARTS
    }
    return Facts(
        model,
        results,
        catalogue,
        {part: {code: int(counts[code]) for code in CODES} for part, counts in counted.items()},
        {by: count_leak(split, dx) for by, split in splits.items()},
        by_image,
        explained,
        max(0, len(LOOKS.read_text().splitlines()) - 1) if LOOKS.is_file() else 0,
        sources,
        tuple(left_out),
    )


def _check_metrics(one: Results) -> None:
    """Refuse results that lack what a report tells of, or that are of another answer than the one it tells of."""
    if missing := [name for name in SECTIONS if name not in one.metrics]:
        raise DataFault(
            f"{_named(one)} come from an older Derm, metrics.json lacks {', '.join(missing)}: make "
            "them anew with `derm evaluate`."
        )
    if (views := one.about.get("views", 1)) != 1:
        raise DataFault(
            f"{_named(one)} are of the mean over {views} views, and a report tells of one: measure anew "
            "with `derm evaluate --views 1`."
        )


def _check_claims(
    model: Model,
    results: Results,
    by_image: Results | None,
    explained: ExplainResults | None,
    sources: Results | None,
    left_out: Sequence[Results],
) -> None:
    """Refuse what is not of the weights, the part and the split that a report prints above it, or leaks."""
    for own in (results, explained):
        if own is not None:
            _check_weights(own, model)
            _check_fair(
                own, "lesion", "a report needs the test part of the split by lesion, and weights trained on it."
            )
    if by_image is not None:
        cure = "for --by-image train with `--split-by image` and measure with `derm evaluate --split-by image`."
        _check_fair(by_image, "image", cure)
    if sources is not None:
        cure = "for --sources measure these weights with `derm evaluate --data FIRST --data SECOND`."
        _check_weights(sources, model)
        if out := sources.about.get("left_out"):
            raise DataFault(f"{_named(sources)} have the source {out[0]} left out: {cure}")
        _check_fair(sources, "lesion", cure)
    for one in left_out:
        cure = "train with `derm train --leave-out SOURCE` and measure with `derm evaluate --leave-out SOURCE`."
        if not one.about.get("left_out"):
            raise DataFault(f"{_named(one)} are not of a source that their weights were trained without: {cure}")
        _check_fair(one, "lesion", cure)


def _check_weights(one: Results | ExplainResults, model: Model) -> None:
    """Refuse results of other weights, or of these before they were calibrated anew, which leaves the tensors."""
    about, anew = one.about, "explain" if isinstance(one, ExplainResults) else "evaluate"
    if about["sha256"] != model.sha256:
        raise DataFault(
            f"{_named(one)} are of the weights {about['weights']} ({about['sha256'][:8]}), not of {model.name} "
            f"({model.sha256[:8]}): measure these with `derm {anew}`, or name the others with --weights."
        )
    if name := changed_setting(one.weights_state, model.description):
        raise DataFault(
            f"{_named(one)} are of {model.name} with the {name} {told(one.weights_state[name])}, which is "
            f"{told(state_of(model.description)[name])} now: measure anew with `derm {anew}`."
        )


def _check_fair(one: Results | ExplainResults, by: By, cure: str) -> None:
    """Refuse results of another part than the test part of the split `by`, or on images that their weights know."""
    about = one.about
    if about["part"] != "test" or about.get("split_by") != by:
        raise DataFault(
            f"{_named(one)} are of the {about['part']} part, split {about['split'].partition(':')[0]}: {cure}"
        )
    if reason := why_known(about):
        raise DataFault(f"{_named(one)} are too good, because the weights {reason}: {cure}")


def _check_data(
    one: Results | ExplainResults, measured: pd.DataFrame, catalogue: Catalogue, tested: set[str] | None = None
) -> None:
    """Refuse results of another data set than the report's. measured: as of `other_data`. tested: the images with a
    diagnosis that they have to be of, all of them; None where any of the data set will do."""
    fault = other_data(one.about, measured, catalogue.table, NAMED_CURE)
    if fault is None and isinstance(one, Results):  # explanations are not told by source
        fault = other_sources(one.about, measured, catalogue.table, NAMED_CURE)
    if fault is not None:
        raise DataFault(f"{one.folder}: {fault}")
    if tested is not None and tested != set(measured["image_id"][measured["dx_true"].isin(CODES)]):
        raise DataFault(
            f"{_named(one)} are of another test part than that of {catalogue.place}: give --data the data set "
            f"that they are of, or measure this one with {command(one.about)}."
        )


def _check_shared_data(one: Results, catalogue: Catalogue) -> None:
    """Refuse results of several sources that are, as far as this data set holds these, of other images of them."""
    table, predictions = catalogue.table, one.predictions
    if fault := other_data(one.about, predictions, table, NAMED_CURE, whole=False):
        raise DataFault(f"{one.folder}: {fault}")
    there = table["source"][table["image_id"].isin(predictions["image_id"])].value_counts()
    for source, count in one.about.get("sources", {}).items():
        if source in set(table["source"]) and count > there.get(source, 0):
            raise DataFault(
                f"{_named(one)} are of {count:,} images of the source {source}, of which {catalogue.place} holds "
                f"{there.get(source, 0):,}: give --data the data set that they are of, or measure this one with "
                f"{command(one.about)}."
            )
    if fault := other_sources(one.about, predictions, table, NAMED_CURE, whole=False):
        raise DataFault(f"{one.folder}: {fault}")


def _named(one: Results | ExplainResults) -> str:
    """What is refused, to begin a sentence."""
    return f"The {'explanations' if isinstance(one, ExplainResults) else 'results'} in {one.folder}"
