"""The budgets in a few words, without what trains.

Needs nothing but a catalogue.
"""

from derm.language.speech import mark

BUDGETS = {
    "proxy": mark("5 epochs over a third of the training part"),
    "full": mark("20 epochs over the whole training part"),
}
