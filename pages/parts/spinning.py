"""What is being done, in the visitor's language, while a cached function works.

Needs Streamlit. `show_spinner` of its caches takes one sentence at import, for all visitors.
"""

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

import streamlit as st

from derm.language.speech import say

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


def spinning(
    sentence: str, *, once: bool = False
) -> Callable[[Callable[Arguments, Result]], Callable[Arguments, Result]]:
    """A decorator that shows a marked sentence while the function works; what comes at once shows nothing.

    once: only for the first call of a visit; for what many parts of a page ask for.
    """

    def around(function: Callable[Arguments, Result]) -> Callable[Arguments, Result]:
        @wraps(function)
        def shown(*arguments: Arguments.args, **named: Arguments.kwargs) -> Result:
            if once and st.session_state.get(f"spun-{function.__name__}"):
                return function(*arguments, **named)
            with st.spinner(say(sentence)):
                found = function(*arguments, **named)
            if once:
                st.session_state[f"spun-{function.__name__}"] = True
            return found

        return shown

    return around
