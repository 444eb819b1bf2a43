"""Rooms of the house that can be called: `derm.predict` holds modules, and `derm.predict(model, picture)` asks one.

Needs nothing. A package and a function of one name would take turns in hiding each other, by what was imported first.
"""

import inspect
from collections.abc import Callable
from importlib import import_module
from types import ModuleType


class Room(ModuleType):
    """A package that is called as the function of its name in `derm.api`."""

    def __call__(self, *arguments: object, **named: object) -> object:
        """Call the function of `derm.api` that has the room's name."""
        return self._function()(*arguments, **named)

    @property
    def __signature__(self) -> inspect.Signature:
        """The function's, for `help` and editors."""
        return inspect.signature(self._function())

    def _function(self) -> Callable[..., object]:
        function: Callable[..., object] = getattr(import_module("derm.api"), self.__name__.rpartition(".")[2])
        return function
