"""The newest few pictures of a data set that one visitor asked about: decoded and diagnosed once, whoever asks next.

Needs a loaded `Model` and a catalogue. Keeps cases by picture, weights and views; knows no page.
"""

from collections import OrderedDict
from collections.abc import Callable
from typing import TYPE_CHECKING

from derm.files import files_now
from derm.model.weights import Model
from derm.predict.budget import FilePlace, KeptFile
from derm.predict.case_list import DataCase, Hold, Turn, as_it_is, at_once, case_with_file, data_paths, kept_here
from derm.predict.record import weights_key

if TYPE_CHECKING:
    from derm.data.catalogue import Catalogue

MOST = 16
"""Most cases that are remembered."""

MEGAPIXELS = 40
"""Most megapixels that are remembered, beside the newest case: 8 bytes each make 320 MB, if `derm.predict.budget` has
room for them."""


Asked = tuple[str, str, str, str, int, tuple[tuple[int, ...], ...]]
"""Folder, layout, image, weights, views, and what tells the image's and the mask's file from the next in their
place."""


class CaseMemory:
    """Cases by what was asked, the newest last. hold, hold_file: where their pixels and files are kept; turn: entered
    while one is read."""

    def __init__(
        self, hold: Hold = as_it_is, turn: Turn = at_once, hold_file: Callable[[bytes, FilePlace], KeptFile] = kept_here
    ) -> None:
        self._hold, self._turn, self._hold_file = hold, turn, hold_file
        self._cases: OrderedDict[Asked, DataCase] = OrderedDict()

    def case(self, model: Model, catalogue: "Catalogue", image_id: str, views: int = 1) -> DataCase:
        """An image of the data set as `derm.predict.case_list.case_with_file` gives it over `views` views, from memory
        where it is there and no other lies in its place by now."""
        paths = data_paths(catalogue, image_id)
        key = (str(catalogue.folder), catalogue.layout, image_id, weights_key(model), views, files_now(*paths))
        if key not in self._cases or self._cases[key].lost:
            asked = case_with_file(model, catalogue, image_id, self._turn, self._hold_file, views)
            self._cases[key] = asked.held(model, self._hold)
        self._cases.move_to_end(key)
        while len(self._cases) > 1 and (len(self._cases) > MOST or self._pixels() > MEGAPIXELS * 1_000_000):
            self._cases.popitem(last=False)
        return self._cases[key]

    def _pixels(self) -> int:
        return sum(height * width for height, width in (one.case.shape for one in self._cases.values()))
