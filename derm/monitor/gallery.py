"""The replay buffer as a wall of pictures in HTML, each with its loss, age and draws.

Needs the images of `derm.monitor.replay_images`. Colours follow the page's theme; each diagnosis stands there by name.
"""

import base64
import html
from collections.abc import Sequence

from derm.diagnoses import Diagnosis
from derm.figures.bars import themed
from derm.figures.text import capital
from derm.language.speech import say
from derm.monitor.replay_images import ReplayImage
from derm.monitor.words import held_words

UNKNOWN = "color-mix(in srgb, currentColor 40%, transparent)"


def wall(images: Sequence[ReplayImage]) -> str:
    """The images as a list of figures, hardest first, that wraps to any width."""
    return f'<ol class="derm-wall">{"".join(_card(image) for image in images)}</ol>'


def _card(image: ReplayImage) -> str:
    lines = "".join(f"<span>{html.escape(line)}</span>" for line in held_words(image))
    colour = UNKNOWN if image.diagnosis is None else themed(image.diagnosis)
    return (
        f'<li style="border-top-color:{colour}"><figure>{_picture(image)}<figcaption>'
        f"<strong>{html.escape(_title(image.diagnosis))}</strong><span>{html.escape(image.image_id)}</span>{lines}"
        "</figcaption></figure></li>"
    )


def _picture(image: ReplayImage) -> str:
    if image.thumbnail is None:
        label = html.escape(say("no picture here"))
        return f'<div class="derm-no-picture" role="img" aria-label="{label}"></div>'
    alt = html.escape(
        say(
            "{name}, {diagnosis}, loss {loss:.2f}",
            name=image.image_id,
            diagnosis=_title(image.diagnosis),
            loss=image.loss,
        )
    )
    return f'<img alt="{alt}" src="data:image/jpeg;base64,{base64.b64encode(image.thumbnail).decode()}">'


def _title(diagnosis: Diagnosis | None) -> str:
    return say("diagnosis not known here") if diagnosis is None else capital(diagnosis.called)
