"""Similar cases as a grid of small pictures with what is known of each: HTML.

Needs JPEG files and text. Knows no library.
"""

import base64
import html
from collections.abc import Sequence


def similar_grid(cases: Sequence[tuple[bytes, str]]) -> str:
    """Small pictures, JPEG files, each with its text below."""
    figures = "".join(
        f'<figure><img src="data:image/jpeg;base64,{base64.b64encode(picture).decode()}" alt="{html.escape(text)}">'
        f"<figcaption>{html.escape(text)}</figcaption></figure>"
        for picture, text in cases
    )
    return f'<div class="derm-similar">{figures}</div>'
