"""Everything that a report tells, gathered once and checked to belong together.

Needs weights, results of `derm evaluate` on the test part, and the data set they come from. Writes nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from derm.data.catalogue import Catalogue
from derm.data.split import PARTS, Leak, count_leak, split_catalogue
from derm.diagnoses import CODES
from derm.errors import DataFault
from derm.evaluate.explain_dataset import ExplainResults
from derm.evaluate.results import Results
from derm.evaluate.test_set_log import LOOKS
from derm.model.weights import Model

SECTIONS = ("by_source", "outlines", "explanation", "calibration", "baselines", "intervals")
"""Of metrics.json, what a report tells of; older results lack some."""


@dataclass(frozen=True)
class Facts:
    """What a report is made of.

    parts: images of each class in each part of the split by lesion. leaks: for each way to split, how many test images
    have a sister in training. by_image: weights under the paper's protocol, None where none were measured.
    explained: what `derm explain` found on the test part, None where it was not run. looks: how often the test part was
    looked at. sources: of the same weights on the test parts of several sources. left_out: of other weights, each
    trained without the source that it is measured on.
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
        if one is not None and (missing := [name for name in SECTIONS if name not in one.metrics]):
            raise DataFault(
                f"The results in {one.folder} come from an older Derm, metrics.json lacks {', '.join(missing)}: make "
                "them anew with `derm evaluate`."
            )
    if not results.belongs_to(model.sha256):
        raise DataFault(
            f"The results in {results.folder} are of the weights {results.about['weights']} "
            f"({results.about['sha256'][:8]}), not of {model.name} ({model.sha256[:8]}): measure these with "
            "`derm evaluate`, or name the others with --weights."
        )
    if results.about["part"] != "test" or results.about["split_by"] != "lesion" or results.leaks:
        raise DataFault(
            f"The results in {results.folder} are of the {results.about['part']} part, split "
            f"{results.about['split']}: a report needs the test part of the split by lesion, and weights trained on it."
        )
    if by_image is not None and (
        by_image.about["part"] != "test" or by_image.about["split_by"] != "image" or by_image.leaks
    ):
        raise DataFault(
            f"The results in {by_image.folder} are not the paper's protocol: train with `--split-by image` and measure "
            "those weights with `derm evaluate --split-by image`."
        )
    if explained is not None:
        explained.check_weights(model.sha256)
        if explained.about["part"] != "test" or explained.about["split_by"] != "lesion":
            raise DataFault(
                f"The explanations in {explained.folder} are of the {explained.about['part']} part, split "
                f"{explained.about['split']}: a report needs the test part of the split by lesion."
            )
    if sources is not None and (not sources.belongs_to(model.sha256) or sources.about["part"] != "test"):
        raise DataFault(
            f"The results in {sources.folder} are not of these weights on the test part: measure them with "
            "`derm evaluate --data FIRST --data SECOND`."
        )
    for one in left_out:
        if one.leaks or not one.about.get("left_out"):
            raise DataFault(
                f"The results in {one.folder} are not of a source that their weights were trained without: train with "
                "`derm train --leave-out SOURCE` and measure with `derm evaluate --leave-out SOURCE`."
            )
    dx = catalogue.table["dx"]
    splits = {by: split_catalogue(catalogue, by) for by in ("lesion", "image")}
    test = set(catalogue.table["image_id"].iloc[splits["lesion"].rows("test")])
    if test != set(results.predictions["image_id"]):
        raise DataFault(
            f"{catalogue.place} holds another test part than the results in {results.folder}: name the data set that "
            "they were measured on."
        )
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
