"""Concepts that nobody named as ways to heat maps, ICE and ACE, in a table like those of `derm.explain`.

Needs example pictures of each diagnosis. What a person could call what they find is not known here.
"""

from derm.concepts.ace import AceMaps
from derm.concepts.examples import ExamplePictures
from derm.concepts.ice import IceMaps
from derm.explain.methods import Method

ICE, ACE = "ice", "ace"


def discovering(examples: ExamplePictures, *, by_cell: bool = True) -> dict[str, Method]:
    """The methods by name. by_cell: False where features are a single cell, of which ICE makes no map."""
    found = {
        ICE: Method(
            ICE, "ICE", "Zhang et al. 2021, AAAI", "passes", "logit share", True, "features", IceMaps(examples)
        ),
        ACE: Method(
            ACE, "ACE", "Ghorbani et al. 2019, NeurIPS", "passes", "feature", True, "patches", AceMaps(examples)
        ),
    }
    return {name: method for name, method in found.items() if by_cell or name != ICE}
