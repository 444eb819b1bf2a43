"""All ways to a heat map that Derm has of its own, in one ordered table, each with its source, cost and unit.

Gives `METHODS`. Needs a `LesionNet` in evaluation mode and normalised images when one is called. Knows nothing of
outlines and pages; `captum_methods` has more of the kind, for those who install captum.
"""

from collections.abc import Sequence
from typing import Literal, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from derm.explain.cams import contrast_maps, eigen_cam, grad_cam, grad_cam_plus_plus, hires_cam, layer_cam
from derm.explain.gradcam import FLAT_LOGIT, HeatMap, heat_map_of
from derm.explain.perturb import occlusion, score_cam
from derm.image.resize import WHOLE, Window
from derm.model.network import LesionNet, ModelOutput
from derm.model.weights import WeightsInfo

__all__ = ["FLAT_FEATURE", "METHODS", "Cost", "Grid", "Maps", "Method", "Unit", "contrast_maps"]

Cost = Literal["closed", "gradient", "passes"]
"""What a method takes once the answer is there: `closed`, sums over its features, far below a millisecond each (with a
hidden layer in the head, a gradient through the head); `gradient`, the encoder once more, forwards and backwards;
`passes`, dozens to hundreds of passes."""

Grid = Literal["features", "stage", "patches"]
"""What the cells of a raw map are: the features that the class head pools (the deepest, or with the head "pixel" finer
ones), those of an earlier stage of the encoder, or patches of the picture itself. Cells of a network lie a little above
and left of where an enlargement puts them, see `placement`."""

Unit = Literal["logit share", "logit", "feature"]
"""What a raw map's values are. `logit share`: all cells together make up (a part of) the class's logit, each adds its
own. `logit`: each cell says of itself how far the logit goes. `feature`: a mean or projection of features, which have
no fixed relation to the logit."""

FLAT_FEATURE = 0.005
"""A map in the unit of features is flat when its maximum is below this.

The features come from a batch normalisation and SiLU, which makes them of the order of 1 (of the shipped weights the
largest in a drawn picture are 10 to 15); a two-hundredth of 1 is what rounding and noise leave.
"""


class Maps(Protocol):
    """Raw maps of each class asked for: see `Method.maps`."""

    def __call__(
        self, net: LesionNet, images: Tensor, answer: ModelOutput | None = None, classes: Sequence[int] | None = None
    ) -> Tensor:
        """Give float32 (N, K, h, w), ≥ 0."""
        ...


class Method(NamedTuple):
    """One way to a heat map."""

    name: str
    """As on the command line and in tables: `grad-cam`."""

    label: str
    """As on a page: `Grad-CAM`."""

    source: str
    """The paper that it is from."""

    cost: Cost
    """What it takes, see `Cost`."""

    unit: Unit
    """What its values are, which decides when a map is flat, see `flat_below`."""

    by_class: bool
    """Whether maps of two classes differ at all."""

    grid: Grid
    """What its cells are."""

    maps: Maps
    """`maps(net, images, answer=None, classes=None)`: images normalised, float (N, 3, S, S); answer, the network's
    answer to them, where it is there already; classes, K indexes of `CODES`, None for all seven. Returns float32
    (N, K, h, w), ≥ 0, never rescaled, in the order of classes; h and w are the method's own. ValueError for a network
    in training mode, classes outside 0 … 6, or an answer to another number of images."""

    def flat_below(self, cells: int) -> float:
        """The maximum below which a raw map of so many cells is flat: no evidence, whatever its pattern.

        In logits it is one rule for all methods, `FLAT_LOGIT`: what the map stands for moves the odds of its class by
        less than half a percent. Where all cells together make up the logit, the maximum in each of them must reach
        it; where each cell speaks for itself, one must. A map of features is flat below `FLAT_FEATURE`.
        """
        return {"logit share": FLAT_LOGIT / cells, "logit": FLAT_LOGIT, "feature": FLAT_FEATURE}[self.unit]

    def shift_of(self, description: WeightsInfo) -> float:
        """How far above and left of the middle of its rectangle a cell of this method lies, in cells; 0 if unmeasured.

        Patches lie where they were laid.
        """
        return description.evidence_shift.get(self.grid, 0.0)

    def evidence(
        self,
        raw: NDArray[np.float32],
        height: int | None = None,
        width: int | None = None,
        shift: float = 0.0,
        window: Window = WHOLE,
    ) -> HeatMap:
        """Name what one raw map of this method holds, (h, w); see `derm.explain.gradcam.heat_map_of`.

        shift: of `shift_of`. window: where the picture lies in the network's square.
        """
        return heat_map_of(raw, height, width, shift, window, flat_below=self.flat_below(raw.size))


METHODS: dict[str, Method] = {
    method.name: method
    for method in (
        Method(
            "grad-cam",
            "Grad-CAM",
            "Selvaraju et al. 2017, ICCV",
            "closed",
            "logit share",
            True,
            "features",
            grad_cam,
        ),
        Method(
            "grad-cam++",
            "Grad-CAM++",
            "Chattopadhay et al. 2018, WACV",
            "closed",
            "logit",
            True,
            "features",
            grad_cam_plus_plus,
        ),
        Method(
            "hirescam",
            "HiResCAM",
            "Draelos and Carin 2020, arXiv:2011.08891",
            "closed",
            "logit share",
            True,
            "features",
            hires_cam,
        ),
        Method(
            "layercam",
            "LayerCAM",
            "Jiang et al. 2021, IEEE Transactions on Image Processing 30",
            "gradient",
            "logit share",
            True,
            "stage",
            layer_cam,
        ),
        Method(
            "score-cam",
            "Score-CAM",
            "Wang et al. 2020, CVPR Workshops",
            "passes",
            "feature",
            True,
            "features",
            score_cam,
        ),
        Method(
            "eigen-cam",
            "Eigen-CAM",
            "Muhammad and Yeasin 2020, IJCNN",
            "closed",
            "feature",
            False,
            "features",
            eigen_cam,
        ),
        Method(
            "occlusion",
            "Occlusion",
            "Zeiler and Fergus 2014, ECCV",
            "passes",
            "logit",
            True,
            "patches",
            occlusion,
        ),
    )
}
"""The methods by name, in the order in which they are shown."""
