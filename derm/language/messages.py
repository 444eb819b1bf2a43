"""The catalogues in step with the source: what Derm says, extracted into a template, and each language renewed by it.

Needs Babel and the checkout: `make messages` writes what this makes, and a test holds the files to it. Entries are
sorted and bear neither places nor dates, so that two people's changes merge.
"""

import ast
import re
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from string import Formatter

from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

from derm.language.speech import CATALOGUES, DOMAIN

KEYWORDS = {"say": 1, "mark": 1, "say_many": 2, "say_of": 2, "mark_of": 2}
"""The functions of `derm.language.speech` whose texts are sentences, with how many texts are theirs at the front."""

TEMPLATE = CATALOGUES / f"{DOMAIN}.pot"

_UNSTABLE = re.compile(
    rb'^"(POT-Creation-Date|PO-Revision-Date|Generated-By|Report-Msgid-Bugs-To|Last-Translator|Language-Team): .*\n',
    re.M,
)


def sources(root: Path) -> list[Path]:
    """The Python files of the checkout `root` that say something."""
    folders = (path for folder in ("derm", "pages") for path in sorted((root / folder).rglob("*.py")))
    return [root / "streamlit_app.py", *folders]


def template(root: Path) -> Catalog:
    """Every sentence of the checkout `root`, without a translation."""
    catalogue = _empty(None)
    for path in sources(root):
        for name, texts in messages_of(path.read_text(encoding="utf-8")):
            if name in ("say_of", "mark_of"):
                catalogue.add(texts[1], context=texts[0])
            else:
                catalogue.add(texts if name == "say_many" else texts[0])
    return catalogue


def messages_of(source: str) -> Iterator[tuple[str, tuple[str, ...]]]:
    """What a Python source says, in f-strings, too: the function's name with its texts.

    Not by Babel's own extraction, which sees no call within an f-string before Python 3.12.
    """
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in KEYWORDS:
            given = node.args[: KEYWORDS[node.func.id]]
            texts = tuple(one.value for one in given if isinstance(one, ast.Constant) and isinstance(one.value, str))
            if texts and len(texts) == KEYWORDS[node.func.id]:
                yield node.func.id, texts


def renewed(language: str, wanted: Catalog, *texts: bytes) -> Catalog:
    """The catalogue of a language with the sentences of `wanted`: those that it has translated, the others empty.

    texts: the catalogue as it is, or of a merge both of its sides, the first of which counts; none: its file.
    """
    had = [read_po(BytesIO(text), locale=language) for text in texts or (place(language).read_bytes(),)]
    catalogue = _empty(language)
    for message in wanted:
        if message.id:
            known = (one.get(message.id, message.context) for one in had)
            translated = next((one.string for one in known if one is not None and all(_forms(one.string))), None)
            catalogue.add(message.id, translated, context=message.context)
    return catalogue


def place(language: str) -> Path:
    """The file that a translator writes in."""
    return CATALOGUES / language / "LC_MESSAGES" / f"{DOMAIN}.po"


def po_text(catalogue: Catalog) -> bytes:
    """The catalogue as a .po or .pot file."""
    written = BytesIO()
    write_po(written, catalogue, width=110, no_location=True, sort_output=True)
    return _UNSTABLE.sub(b"", written.getvalue())


def mo_text(catalogue: Catalog) -> bytes:
    """The catalogue as `gettext` reads it."""
    catalogue.creation_date = catalogue.revision_date = datetime(2026, 1, 1, tzinfo=UTC)  # the same bytes each time
    written = BytesIO()
    write_mo(written, catalogue)
    return written.getvalue()


def fields(message: str) -> list[str]:
    """The fields of a sentence with conversion and format, in the order of the alphabet."""
    found = ((field, form, how) for _, field, form, how in Formatter().parse(message) if field is not None)
    return sorted(f"{field}!{how or ''}:{form or ''}" for field, form, how in found)


def files(wanted: Catalog, sides: Callable[[Path], Sequence[bytes]] = lambda _: ()) -> Iterator[tuple[Path, bytes]]:
    """Each file of the catalogues with what belongs in it. wanted: the template of the source. sides: of a catalogue
    in conflict, both."""
    yield TEMPLATE, po_text(wanted)
    for found in sorted(CATALOGUES.glob(f"*/LC_MESSAGES/{DOMAIN}.po")):
        language = found.parents[1].name
        catalogue = renewed(language, wanted, *sides(found))
        yield place(language), po_text(catalogue)
        yield place(language).with_suffix(".mo"), mo_text(catalogue)


def _forms(string: object) -> tuple[object, ...]:
    return tuple(string) if isinstance(string, tuple | list) else (string,)


def _empty(language: str | None) -> Catalog:
    comment = "# The sentences of Derm. `make messages` renews this file."
    return Catalog(language, DOMAIN, comment, "Derm", "1", charset="utf-8", fuzzy=False)
