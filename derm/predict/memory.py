"""The newest few pictures of a data set that one visitor asked about: decoded and diagnosed once, whoever asks next.

Needs a loaded `Model` and a catalogue. Keeps cases by picture, weights and views; knows no page.
"""

from collections import OrderedDict
from functools import partial
from typing import TYPE_CHECKING

from derm.model.weights import Model
from derm.predict.case import Case
from derm.predict.case_list import Hold, Turn, as_it_is, at_once, data_case
from derm.predict.record import weights_key

if TYPE_CHECKING:
    from derm.data.catalogue import Catalogue

MOST = 16
"""Most cases that are remembered."""

MEGAPIXELS = 40
"""Most megapixels that are remembered, beside the newest case: 8 bytes each make 320 MB, if `derm.predict.budget` has
room for them."""


class CaseMemory:
    """Cases by what was asked, the newest last. hold: where their pixels are kept; turn: entered while one is read."""

    def __init__(self, hold: Hold = as_it_is, turn: Turn = at_once) -> None:
        self._hold, self._turn = hold, turn
        self._cases: OrderedDict[tuple[str, str, str, str], Case] = OrderedDict()

    def case(self, model: Model, catalogue: "Catalogue", image_id: str) -> Case:
        """An image of the data set as `derm.predict.case_list.data_case` gives it, from memory where it is there."""
        key = (str(catalogue.folder), catalogue.layout, image_id, weights_key(model))
        if key not in self._cases:
            ask = partial(data_case, model, catalogue, image_id, self._turn)
            self._cases[key] = self._hold(ask(), ask)
        self._cases.move_to_end(key)
        while len(self._cases) > 1 and (len(self._cases) > MOST or self._pixels() > MEGAPIXELS * 1_000_000):
            self._cases.popitem(last=False)
        return self._cases[key]

    def _pixels(self) -> int:
        return sum(height * width for height, width in (case.shape for case in self._cases.values()))
