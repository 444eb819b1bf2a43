"""Dashes and marks that tell lines apart where colours do not.

Gives one of each for the seven diagnoses, in the order of `DIAGNOSES`, and some for other things. Needs nothing.
"""

DASHES = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot", "8px 3px 2px 3px")
MARKS = ("circle", "square", "diamond", "cross", "x", "triangle-up", "star", "hexagon")
