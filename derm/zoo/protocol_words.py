"""The budgets in a few words, without what trains.

Needs nothing.
"""

BUDGETS = {
    "proxy": "5 epochs over a third of the training part",
    "full": "20 epochs over the whole training part",
}
