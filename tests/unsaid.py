"""What a page or a document shows in letters though no catalogue has it.

Needs what was made in the language `BRACKETED`, in which all that a catalogue has stands in ⟦ ⟧.
"""

import html
import json
import re
from collections.abc import Iterable, Iterator

import pyarrow as pa
from google.protobuf.message import Message

NAMES = (
    "Derm", "English", "Deutsch", "HAM10000", "ISIC 2018 Task 1", "ISIC", "BCN20000", "Grad-CAM", "IoU", "Dice",
    "AUC", "ECE",
    "TDS", "ROC",
    "ABCD", "PDF", "PNG", "JPEG", "JSON", "CSV", "ZIP", "FHIR", "DICOM", "TIFF", "BMP", "WebP", "AVIF", "HEIC",
    "DX", "MIT", "CC BY-NC", "GPU", "CPU",
)  # fmt: skip
"""Names that are the same in every language."""

UNITS = ("ΔE", "mm²", "mm", "px", "min", "ms", "GiB", "MiB", "kB", "GB", "MB", "h", "s", "d", "dpi")
"""Signs of units."""

CODES = ("akiec", "bcc", "bkl", "df", "mel", "nv", "vasc")
"""The diagnoses' codes, as files and figures have them."""

NOT_SHOWN = {
    "id", "element_id", "icon", "help_icon", "url", "page", "page_script_hash", "form_id", "block_id", "key",
    "user_key", "mime", "format", "color", "css", "body_type", "component_name", "js_content", "css_content",
    "html_content", "js_url", "css_url", "column_order", "selection_mode", "config", "element_key",
    "query_string", "file_urls", "name_space", "isolate_styles", "language", "type", "deferred_file_id",
    "widget_id", "target_id", "session_id", "fragment_id",
}  # fmt: skip
"""Fields of Streamlit's messages that nobody reads."""

NOT_READ = {
    "cookie", "language", "chosen", "token", "visit", "picture", "name", "of", "key", "thumbnail", "colour", "stops",
    "tools", "layers", "by", "id", "before", "after",
}  # fmt: skip
"""Keys of what components get that nobody reads."""

SOURCES = (
    "Tschandl, Rosendahl, Kittler 2018, doi:10.7910/DVN/DBW86T",
    "Codella et al. 2018, 2019, arXiv:1902.03368",
    "Nachbar et al. 1994, J Am Acad Dermatol 30:551",
    "Argenziano et al. 1998, Arch Dermatol 134:1563",
    "Argenziano et al. 2011, Br J Dermatol 164:785",
    "Ali et al. 2020",
    "Grana et al. 2003",
    "Pellacani et al. 2006",
    "Golston et al. 1992",
)
"""Papers, as they are cited in every language."""

_BRACKETS = re.compile(r"⟦[^⟦⟧]*⟧")
_MARKUP = re.compile(
    r"<style.*?</style>|<svg.*?</svg>|<[^>]*>|:[a-z]+\[|:material/\w+:|https?://\S+|`[^`⟦⟧]*`|\{\w+\}", re.DOTALL
)
_WORD = re.compile(r"[^\W\d_]{2,}")


def unsaid(text: str, allowed: Iterable[str] = ()) -> list[str]:
    """The words of a text that no catalogue has. allowed: names that belong to the case: of a file, of weights."""
    rest = _MARKUP.sub(" ", re.sub(r"\\([^\w\s])", r"\1", text))
    while _BRACKETS.search(rest):
        rest = _BRACKETS.sub(" ", rest)
    rest = html.unescape(rest)
    for name in sorted((*allowed, *SOURCES), key=len, reverse=True):
        rest = rest.replace(name, " ")
    for name in sorted((*NAMES, *UNITS, *CODES), key=len, reverse=True):
        rest = re.sub(rf"(?<![^\W_]){re.escape(name)}(?![^\W_])", " ", rest)
    return _WORD.findall(rest)


def texts(message: object) -> Iterator[str]:
    """What is read of one of Streamlit's messages, deep; of what a component gets, and of the cells of tables, too."""
    if isinstance(message, str):
        yield from texts_of_json(json.loads(message)) if message.startswith("{") else (message,)
    elif isinstance(message, Message):
        for field, value in message.ListFields():
            if field.name not in NOT_SHOWN:
                yield from texts_of_table(value) if isinstance(value, bytes) else texts(value)
    elif isinstance(message, Iterable) and not isinstance(message, bytes):
        for one in message:
            yield from texts(one)


def texts_of_table(content: bytes) -> Iterator[str]:
    """Heads and cells of a table in Arrow's format; nothing of other bytes, which are pictures."""
    try:
        table = pa.ipc.open_stream(content).read_pandas()
    except pa.ArrowInvalid:
        return
    yield from (str(name) for name in table.columns)
    for column in table.columns:
        yield from (cell for cell in dict.fromkeys(table[column].dropna().map(str)) if not cell.startswith("data:"))


def texts_of_json(value: object) -> Iterator[str]:
    """What is read of a value of JSON that a component gets."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, one in value.items():
            if key not in NOT_READ:
                yield from texts_of_json(one)
    elif isinstance(value, list):
        for one in value:
            yield from texts_of_json(one)
