"""The explorer's data set: read whole, with a place of its own for what is measured once."""

import pytest

from derm.errors import DataFault
from derm.explore.shown_data import read_shown_data


def test_a_data_set_comes_with_its_table_and_places_in_the_cache(drawn, tmp_path):
    shown = read_shown_data(drawn, tmp_path, drawn=True)
    assert shown.drawn
    assert shown.table["image_id"].tolist() == shown.catalogue.table["image_id"].tolist()
    places = [shown.shapes, shown.pairs, shown.findings]
    assert len(set(places)) == 3
    assert all(tmp_path in place.parents and not place.exists() for place in places)


def test_a_folder_that_is_none_is_refused(tmp_path):
    with pytest.raises(DataFault, match="is not a folder"):
        read_shown_data(tmp_path / "none", tmp_path, drawn=False)
