"""The door: bytes or files in, upright RGB pictures and lesion masks out, and one sentence for what is refused.

Needs Pillow. Behind the door arrays are trusted and checked no more.
Does not know what a picture shows, nor any setting of the process: nothing global is changed, so threads may share it.
"""

import struct
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, ImageCms, ImageOps, TiffImagePlugin, UnidentifiedImageError, features

from derm.errors import ImageRefused
from derm.files import shorten
from derm.image import depth, jpeg, whole
from derm.image.dicom import is_dicom, read_dicom
from derm.image.directories import PREFIXES
from derm.image.heic import heic_is_read, read_heic
from derm.image.isolate import in_own_process
from derm.image.kind import AVIF, HEAD, RAW, is_heic, is_raw, other_kind, sentence
from derm.image.named_colours import UNTOLD, avif_colours, named_profile, png_colours
from derm.image.parts import check_parts, refuse_many
from derm.image.profiles import adobe_rgb, without_elements
from derm.image.tiff import MARKERS, check_frame, jpeg_streams
from derm.language.speech import mark, say

MAX_BYTES = 200_000_000
"""Largest file, in bytes."""

LONGEST_NAME = 255
"""Characters of a file's name that are kept; disks take as many bytes."""

MAX_PIXELS = 40_000_000
"""Largest picture, in pixels: twice a 20-megapixel dermoscopy camera. Decoded it takes 120 MB."""

MIN_SIDE = 32
"""Shortest side, in pixels: the features of the model are 32 times smaller than its input."""

MAX_ASPECT = 10
"""Largest ratio of the long side to the short one: beyond it is a banner or a scan line, not a lesion."""

FORMATS = ("JPEG", "PNG", "TIFF", "BMP", "WEBP", "GIF", *(("AVIF",) if features.check("avif") else ()))
"""The decoders that bytes from outside may reach; Pillow has forty more, seldom used and seldom tested."""

KNOWN_FORMATS = mark("JPEG, PNG, TIFF, BMP or WebP")
"""`FORMATS` in a sentence that says what to export to."""

MAX_PIXELS_A_BYTE = 1000
"""Most pixels for each byte of a WebP, AVIF, GIF or BMP file above a megapixel. A poor JPEG of skin has 80; 34 bytes
that claim 40 million pixels take 0.3 GB to decode. The other formats are bounded by their own coding."""

MASK_FORMATS = ("PNG", "TIFF", "BMP")
"""Formats of masks. JPEG and WebP may blur an outline, and every blurred zero would count as lesion."""

_COLOUR_MODES = {
    "1": "L",
    "L": "L",
    "LA": "L",
    "P": "RGB",
    "PA": "RGB",
    "RGB": "RGB",
    "RGBA": "RGB",
    "YCbCr": "RGB",
    "LAB": "RGB",
    "CMYK": "CMYK",
}
"""For each 8-bit mode of Pillow, the mode without alpha or palette that its colour profile speaks of."""

_JPEG = ("JPEG", "MPO")
"""What Pillow calls a JPEG: of one picture, and of several."""

_DEEP_MODES = ("I;16", "I;16B", "F")
"""Grey modes whose range is wider than 8 bits and yet known. 16-bit RGB is none: Pillow keeps its high bytes."""

_NEW_SUBFILE_TYPE, _DNG_VERSION = 254, 50706
"""Tags of TIFF: whether a picture is a smaller copy of another, and the version of Adobe's raw format."""

_GREY_MODES = ("1", "L", "I", *_DEEP_MODES)
"""Modes of one value a pixel, in which 0 is black; so a mask needs no range."""

_DECODER_FAULTS = (
    OSError,  # data cut short, a codec's error code, no known format
    EOFError,  # a frame or directory beyond the end
    SyntaxError,  # Pillow's own word for a broken header or chunk
    struct.error,  # a number cut short
    zlib.error,  # a broken PNG chunk
    ValueError,  # impossible sizes, modes and text; text chunks that unpack to gigabytes
    TypeError,  # a TIFF tag of the wrong type
    LookupError,  # a tag, palette entry or compression that is not there
    AttributeError,  # a part that a broken header left unset
    AssertionError,  # Pillow's checks of its own state
    ArithmeticError,  # a resolution of x / 0, numbers beyond a C integer
    RuntimeError,  # directories that point at each other without end
    BufferError,  # a tile that lies outside the data
    MemoryError,  # a size that the header invents
    Image.DecompressionBombError,  # a tile or frame larger than Pillow's limit
    Warning,  # what Pillow only warns of, where the process turns warnings into errors
)
"""What Pillow's decoders were seen, or are written, to raise on hostile bytes; they promise no common base class."""


_APART = ContextVar("apart", default=False)


@contextmanager
def apart() -> Iterator[None]:
    """Within the block TIFF and AVIF are decoded in a process of their own, whose time and memory are limited: where
    others wait for their turn, a file that would take for ever is refused after `isolate.SECONDS`.

    It takes 0.3 s a picture longer. DICOM and HEIC are read so everywhere.
    """
    before = _APART.set(True)
    try:
        yield
    finally:
        _APART.reset(before)


def _is_apart(content: bytes) -> bool:
    """Whether a file is to be decoded in a process of its own now: TIFF, of two dozen packings, each with a decoder, or
    AVIF, by whichever brand Pillow takes it for one."""
    return _APART.get() and (content.startswith(PREFIXES) or _is_in_boxes(content))


def _is_in_boxes(content: bytes) -> bool:
    """Whether a file consists of boxes, as AVIF does; its library looks for each item of a list in all others, while
    the interpreter waits, so that not even its size is asked for here."""
    return content[4:8] == b"ftyp"


def parse(content: bytes, name: str) -> tuple[NDArray[np.uint8], dict[str, Any]]:
    """What `read_image` gives, for `isolate`."""
    return read_image(content, name), {}


def parse_mask(content: bytes, name: str) -> tuple[NDArray[np.uint8], dict[str, Any]]:
    """What `mask_values` gives, for `isolate`: the bytes of each row, filled up to threes."""
    values = np.ascontiguousarray(mask_values(content, name, FORMATS))
    rows = values.view(np.uint8).reshape(len(values), -1)
    filled = np.pad(rows, ((0, 0), (0, -rows.shape[1] % 3)))
    return filled.reshape(len(values), -1, 3), {"kind": values.dtype.str, "bytes": rows.shape[1]}


def _mask_apart(content: bytes, name: str) -> NDArray[Any]:
    """What `parse_mask` has found in its own process."""
    check_bytes(len(content), name)
    rows, about = in_own_process(f"{__name__}:parse_mask", content, name)
    return np.ascontiguousarray(rows.reshape(len(rows), -1)[:, : about["bytes"]]).view(about["kind"])


def open_image(path: Path) -> NDArray[np.uint8]:
    """The picture in the file at `path`, as `read_image` gives it; ImageRefused also if the file cannot be read."""
    return read_image(read_file(path), path.name)


def read_file(path: Path) -> bytes:
    """The content of the file at `path`, for `read_image`; ImageRefused if missing, unreadable or over `MAX_BYTES`."""
    name = image_name(path.name)
    try:
        if not path.is_file():
            raise ImageRefused(say("{name} is not there, or is no file: check the path.", name=name))
        if (count := path.stat().st_size) > MAX_BYTES:
            with path.open("rb") as stream:
                head = stream.read(HEAD)
            if known := other_kind(head, path.suffix):  # a video, which no other format makes smaller
                raise ImageRefused(sentence(name, known))
        check_bytes(count, name)
        return path.read_bytes()
    except OSError as error:
        raise ImageRefused(
            say(
                "{name} cannot be read ({strerror}): check the path and its permissions.",
                name=name,
                strerror=error.strerror,
            )
        ) from error


def read_image(content: bytes, name: str) -> NDArray[np.uint8]:
    """An upright sRGB picture from the bytes of a JPEG, PNG, TIFF, BMP, WebP, GIF, AVIF, HEIC or DICOM file.

    content: the whole file. name: what the user calls it, for the sentence of a refusal.
    Returns uint8 (height, width, 3), contiguous and writable, 0–255. Embedded colour profiles are converted to
    sRGB, EXIF orientation is applied and all other metadata is left behind. Transparency is laid on white: that
    is what a page shows, while black could pass for pigment. Of several frames the first counts: phones and
    scanners put the full picture there, and previews after it. Raises ImageRefused.
    """
    return read_scaled(content, name)[0]


def claimed_size(content: bytes) -> tuple[int, int] | None:
    """Width and height that a file's header claims, as it is stored; None where that is not told before it is read, as
    of DICOM, HEIC and AVIF."""
    if _is_in_boxes(content):
        return None
    try:
        check_parts(content, "")
        with Image.open(BytesIO(content), formats=FORMATS) as picture:
            return picture.width, picture.height
    except (ImageRefused, *_DECODER_FAULTS):
        return None


def claimed_pixels(content: bytes) -> int:
    """How many pixels a file's header claims; `MAX_PIXELS` where that is not told before it is read."""
    size = claimed_size(content)
    return MAX_PIXELS if size is None else size[0] * size[1]


def claimed_in_file(*paths: str) -> int:
    """The most that the headers of files claim, see `claimed_pixels`; a path may be '', which is no file."""
    try:
        return max((claimed_pixels(read_file(Path(path))) for path in paths if path), default=0)
    except ImageRefused:
        return MAX_PIXELS


def read_scaled(content: bytes, name: str) -> tuple[NDArray[np.uint8], float | None]:
    """The same with millimetres a pixel, where the file tells them as a dermatoscope's, see `derm.image.dicom`."""
    name = image_name(name)
    if is_dicom(content):
        check_bytes(len(content), name)
        return read_dicom(content, name)
    if is_heic(content[:HEAD]) and heic_is_read():
        check_bytes(len(content), name)
        return read_heic(content, name), None
    if _is_apart(content):
        check_bytes(len(content), name)
        return in_own_process(f"{__name__}:parse", content, name)[0], None
    with _faults_refused(name, say(KNOWN_FORMATS), content[:HEAD]):
        picture = _first_frame(content, name)
        plain = _plain_jpeg(picture, content, name)
        return _pixels(_whole(picture, content, name), name) if plain is None else plain, None


def read_opened(picture: Image.Image, name: str) -> NDArray[np.uint8]:
    """The same from a picture that Pillow has opened, which is left as it is; raises ImageRefused.

    One that is not decoded yet is read from its file as `read_image` does, with all that is looked at there. Of one
    that is decoded, or of another frame than the first, what Pillow keeps of it counts.
    """
    content = _stored(picture)
    known = _is_in_boxes(content) or claimed_size(content) == picture.size
    return read_image(content, name) if known and picture.tell() == 0 else read_picture(picture, name)


def read_picture(picture: Image.Image, name: str) -> NDArray[np.uint8]:
    """The same from what Pillow keeps of a picture, which is left as it is; raises ImageRefused."""
    name = image_name(name)
    with _faults_refused(name, say(KNOWN_FORMATS)):
        check_size(picture.width, picture.height, name)
        _check_planes(picture, name)
        content = _stored(picture)
        deep, told = depth.is_deep(picture), depth.told_bits(picture, content)
        _load(picture, content, name)
        upright = picture.copy()
        if deep:  # of which frame the file's values are is not told
            _scale_down(upright, None, told, name)
        return _pixels(_upright(upright), name)


def read_mask(path: Path) -> NDArray[np.bool_]:
    """The lesion mask in the PNG, TIFF or BMP file at `path`: bool (height, width), True on lesion.

    Of two values the higher one is lesion, however faint: label 1 of an 8-bit mask counts as much as 255. Of more, as
    soft edges have them, lesion begins above half of the highest; where all are low, as labels are, any but 0 counts.
    Palettes and colours count by what they show: neither an opaque black nor anything transparent is lesion. Raises
    ImageRefused.
    """
    return lesion_of(read_mask_values(path))


def lesion_of(values: NDArray[Any]) -> NDArray[np.bool_]:
    """Where a mask's values mark lesion, see `read_mask`: bool (height, width). values: of `read_mask_values`."""
    levels = mask_levels(values)
    if len(levels) > 2 and (values.dtype.kind == "f" or levels[-1] > np.iinfo(values.dtype).max // 2):
        return np.asarray(values > levels[-1] / 2)
    return np.asarray(values != 0) if len(levels) != 2 else np.asarray(values == levels[-1])


def mask_levels(values: NDArray[Any]) -> NDArray[Any]:
    """The different values of a mask, ascending. values: as `read_mask_values` gives them."""
    if values.dtype == np.uint8:
        return np.flatnonzero(np.bincount(values.ravel(), minlength=256)).astype(np.uint8)
    return np.unique(values)


def read_mask_values(path: Path) -> NDArray[Any]:
    """The values of the mask at `path`, as `mask_values` gives them. Raises ImageRefused."""
    return mask_values(read_file(path), path.name)


def mask_values(content: bytes, name: str, formats: tuple[str, ...] = MASK_FORMATS) -> NDArray[Any]:
    """The values of a mask from the bytes of its file, bool, integer or float (height, width): what its pixels show, 0
    being black and transparent. Raises ImageRefused.

    formats: wider ones only where it is checked what came of the outline.
    """
    name = image_name(name)
    if _is_apart(content) and (content.startswith(PREFIXES) or "AVIF" in formats):
        return _mask_apart(content, name)
    with _faults_refused(name, say("PNG, TIFF or BMP")):
        picture = _opened(content, name, formats)
        _load(picture, content, name)
        _drop_xmp(picture)
        picture = _upright(picture)
        if picture.mode in _GREY_MODES:
            return np.asarray(picture)
        seen = np.asarray(picture.convert("RGBA"))
        return np.asarray(seen[..., :3].max(axis=-1) * (seen[..., 3] != 0))


def image_name(name: str) -> str:
    """The last part of a file's name, fit for a sentence: no folders, nothing unprintable.

    It tells a picture from others, so that it stays whole; what no disk takes loses its middle, for names differ at
    their end.
    """
    last = name.replace("\\", "/").rsplit("/", maxsplit=1)[-1]
    shown = "".join(character for character in last if character.isprintable()).strip()
    return shorten(shown, LONGEST_NAME) or say("The picture")


@contextmanager
def _faults_refused(name: str, formats: str, head: bytes = b"") -> Iterator[None]:
    """Turn whatever a decoder raises inside the `with` block into ImageRefused, with its cause kept for the log.

    head: the file's first bytes, by which a picture that Derm does not read is named.

    Warnings are caught only where the process raises them: `warnings.catch_warnings` would change all threads.
    """
    try:
        yield
    except UnidentifiedImageError as error:
        known = other_kind(head, Path(name).suffix)
        if known is AVIF and head and "AVIF" in FORMATS:
            raise ImageRefused(_damaged(name)) from error
        if known:
            raise ImageRefused(sentence(name, known)) from error
        if head[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"):
            raise ImageRefused(
                say(
                    "{name} is a TIFF file of a kind that Derm does not read, or damaged: save it with 8 bits a "
                    "colour.",
                    name=name,
                )
            ) from error
        raise ImageRefused(
            say(
                "{name} is no picture that Derm can read, or its first bytes are damaged: export it as {formats}.",
                name=name,
                formats=formats,
            )
        ) from error
    except (Image.DecompressionBombWarning, Image.DecompressionBombError) as error:
        raise ImageRefused(
            say(
                "{name} claims far more than the {max_pixels:,} pixels that Derm reads: make it smaller.",
                name=name,
                max_pixels=MAX_PIXELS,
            )
        ) from error
    except _DECODER_FAULTS as error:
        raise ImageRefused(_damaged(name)) from error


def _damaged(name: str) -> str:
    return say("{name} is damaged or cut short: copy it or export it again from its source.", name=name)


def _opened(content: bytes, name: str, formats: tuple[str, ...]) -> Image.Image:
    """The first frame of `content`, not decoded yet; what its header says is checked."""
    check_bytes(len(content), name)
    check_parts(content, name)
    picture = Image.open(BytesIO(content), formats=formats)
    _drop_xmp(picture)
    check_size(picture.width, picture.height, name)
    _check_planes(picture, name)
    return picture


def _first_frame(content: bytes, name: str) -> Image.Image:
    """The first frame, not decoded yet, of a kind and a size that Derm reads."""
    if other_kind(content[:HEAD], "") is RAW:
        raise ImageRefused(sentence(name, RAW))
    picture = _opened(content, name, FORMATS)
    _check_raw(picture, name)
    _check_density(picture, len(content), name)
    return picture


def _plain_jpeg(picture: Image.Image, content: bytes, name: str) -> NDArray[np.uint8] | None:
    """The pixels of a sound JPEG in sRGB that is stored upright, as most are; None where more has to be done."""
    if picture.format not in _JPEG or picture.mode != "RGB" or not _needs_no_change(picture):
        return None
    found = jpeg.layout(content)
    jpeg.check_scans(found, name)
    pixels = jpeg.sound_pixels(content, picture.height, picture.width)
    if pixels is None:
        return None
    jpeg.check_finished(found, content, name)
    return pixels


def _needs_no_change(picture: Image.Image) -> bool:
    """Whether a picture's colours are sRGB, as far as its file says, and its first row is at the top."""
    if picture.info.get("icc_profile") or _names_adobe_rgb(picture):
        return False
    with suppress(*_DECODER_FAULTS):
        return bool(picture.getexif().get(ExifTags.Base.Orientation, 1) == 1)
    return False


def _whole(picture: Image.Image, content: bytes, name: str) -> Image.Image:
    """`picture`, decoded and upright, of 8 bits where it is in colour; what holds less than it claims is refused."""
    deep, told = depth.is_deep(picture), depth.told_bits(picture, content)
    if content:
        whole.check_rest(picture, content, name)
    _load(picture, content, name)
    _drop_xmp(picture)
    if deep:
        _make_shallow(picture, content, told, name)
    picture.info["told_bits"] = told
    picture.info["icc_profile"] = _profile(picture, content, name)
    return _upright(picture)


def _profile(picture: Image.Image, content: bytes, name: str) -> object:
    """The colour profile that a file brings or names; None where its colours are taken for sRGB.

    What PNG names by numbers counts more than the profile beside it (PNG, third edition, 4.3), in AVIF less. Raises
    ImageRefused for names of colours that are not converted.
    """
    brought = picture.info.get("icc_profile")
    if picture.format == "PNG" and (told := png_colours(content)):
        named = named_profile(told, name)
        return brought if told.primaries in UNTOLD else named
    if brought:
        return brought
    if picture.format == "AVIF" and (told := avif_colours(content, name)):
        return named_profile(told, name)
    return adobe_rgb() if _names_adobe_rgb(picture) else None


def _load(picture: Image.Image, content: bytes, name: str) -> None:
    """Decode `picture`; JPEG data, be it the file or a TIFF's strips, are refused where they are not all there.

    content: its file; b'' where that is not known, as of a picture that was decoded before.
    """
    if not content:
        picture.load()
        return
    if picture.format in _JPEG:
        found = jpeg.layout(content)
        jpeg.check_scans(found, name)
        picture.load()
        last = (0, max(0, picture.height - jpeg.ROWS), picture.width, picture.height)
        jpeg.check_complete(found, content, np.asarray(picture.crop(last)), name)
        return
    markers = 0
    for count, stream in enumerate(jpeg_streams(picture, content), 1):
        found = jpeg.layout(stream)
        markers += found.markers
        refuse_many(name, markers, jpeg.MAX_MARKERS + count * MARKERS)
        check_parts(jpeg.bare(stream), name)
        jpeg.check_scans(found, name)
        check_frame(picture, found.size)
    whole.check_claims(picture, content, name)
    picture.load()
    whole.check_rows(picture, content, name)
    for stream in jpeg_streams(picture, content):
        jpeg.check_stream(jpeg.bare(stream), name)


def _stored(picture: Image.Image) -> bytes:
    """The file of a picture that is not decoded yet, whose reading goes on where it was; b'' of any other."""
    stream = getattr(picture, "fp", None)
    # What libtiff has decoded keeps its stream: whether pixels are there tells what may have been drawn on them.
    if stream is None or stream.closed or getattr(picture, "_im", None) is not None:
        return b""
    place = stream.tell()
    stream.seek(0)
    content = bytes(stream.read())
    stream.seek(place)
    return content


def _names_adobe_rgb(picture: Image.Image) -> bool:
    """Whether a camera's picture without a profile says in EXIF that it is Adobe RGB, as DCF 2.0 has it: 'R03'."""
    with suppress(*_DECODER_FAULTS):
        return str(picture.getexif().get_ifd(ExifTags.IFD.Interop).get(1, "")).rstrip("\0") == "R03"
    return False


def _make_shallow(picture: Image.Image, content: bytes, told: int | None, name: str) -> None:
    """Scale a picture of 16 bits in colour in place, where fewer count; Pillow has kept the high 8 of them."""
    values = depth.deep_values(picture, content)
    key = picture.info.get("transparency")
    clear = None
    if values is not None and picture.mode == "RGB" and isinstance(key, tuple):  # of all 16 bits, as it is meant
        clear = Image.new("L", picture.size, 255)
        for top, strip in values.strips():
            seen = (strip != np.array(key, dtype=np.uint16)).any(axis=-1)
            clear.paste(Image.fromarray(seen.astype(np.uint8) * np.uint8(255)), (0, top))
    _scale_down(picture, values, told, name)
    del values
    if clear is not None:
        del picture.info["transparency"]
        picture.putalpha(clear)


def _scale_down(picture: Image.Image, values: depth.DeepValues | None, told: int | None, name: str) -> None:
    """`_make_shallow` by all 16 bits, or without them."""
    ink = picture.mode == "CMYK"
    colours = len(picture.mode.rstrip("A"))
    count = picture.width * picture.height * colours
    if values is None:
        high = (strip[..., :colours].astype(np.uint16) << np.uint16(8) for _, strip in depth.strips_of(picture))
        if depth.white_of_strips(high, count, None, name, dark_is_high=ink) != depth.FULL:
            raise ImageRefused(
                say("{name} keeps fewer than 16 bits in 16, which Derm cannot read here: save it with 8.", name=name)
            )
        return
    coloured = (strip[..., :colours] for _, strip in values.strips())
    white = depth.white_of_strips(coloured, count, told, name, dark_is_high=ink)
    if white == depth.FULL:
        return
    wider = picture.mode.endswith("A") and max(int(strip[..., -1].max()) for _, strip in values.strips()) > white
    for top, strip in values.strips():
        scaled = depth.eight_bits(strip, white)
        if wider:
            scaled[..., -1] = strip[..., -1] >> 8
        picture.paste(Image.fromarray(scaled, picture.mode), (0, top))


def _drop_xmp(picture: Image.Image) -> None:
    """Take from `picture` its XMP, where Pillow looks for an orientation if EXIF has none: browsers do not, and the
    picture is to lie as the page and its reader see it. Before EXIF is asked for, and where the file was read on."""
    for key in ("xmp", "XML:com.adobe.xmp"):
        picture.info.pop(key, None)


def _upright(picture: Image.Image) -> Image.Image:
    """`picture`, turned as its EXIF orientation says."""
    _drop_xmp(picture)
    with suppress(*_DECODER_FAULTS):  # a picture with a broken orientation is shown as it is stored
        ImageOps.exif_transpose(picture, in_place=True)
    return picture


def _pixels(picture: Image.Image, name: str) -> NDArray[np.uint8]:
    """`picture` in sRGB on white, uint8 (height, width, 3)."""
    if picture.mode == "1":
        raise ImageRefused(
            say(
                "{name} is black and white without shades (1 bit), as masks and scanned text are: choose the "
                "photograph.",
                name=name,
            )
        )
    if picture.mode in _DEEP_MODES:
        picture = _eight_bit_grey(picture, name)
    if picture.mode not in _COLOUR_MODES:
        raise ImageRefused(
            say(
                "{name} stores its values as '{mode}', whose range Derm cannot tell: save it as an RGB or grey "
                "picture of 8 or 16 bits.",
                name=name,
                mode=picture.mode,
            )
        )
    return _array_of(_on_white(picture, name))


def _array_of(picture: Image.Image) -> NDArray[np.uint8]:
    """An RGB picture as uint8 (height, width, 3), which is filled strip by strip: as a whole Pillow copies it twice on
    the way, which took a third of the time in which 12 megapixels are decoded."""
    pixels = np.empty((picture.height, picture.width, 3), dtype=np.uint8)
    for top, strip in depth.strips_of(picture):
        pixels[top : top + len(strip)] = strip
    return pixels


def check_bytes(count: int, name: str) -> None:
    """Refuse files that are empty or larger than `MAX_BYTES`."""
    if count == 0:
        raise ImageRefused(say("{name} is empty (0 bytes): copy it or export it again from its source.", name=name))
    if count > MAX_BYTES:
        raise ImageRefused(
            say(
                "{name} has {count:,} bytes, more than the {max_bytes:,} that Derm reads: save it as JPEG.",
                name=name,
                count=count,
                max_bytes=MAX_BYTES,
            )
        )


def check_size(width: int, height: int, name: str) -> None:
    """Refuse pictures of too many pixels, too small or too long, by what their header says."""
    size = say("{name} has {width} × {height} pixels", name=name, width=width, height=height)
    if width * height > MAX_PIXELS:
        raise ImageRefused(
            say(
                "{size}, more than the {max_pixels:,} that Derm reads: make it smaller.",
                size=size,
                max_pixels=MAX_PIXELS,
            )
        )
    if min(width, height) < MIN_SIDE:
        raise ImageRefused(
            say(
                "{size}, but each side needs at least {min_side}: choose a larger picture.",
                size=size,
                min_side=MIN_SIDE,
            )
        )
    if max(width, height) > MAX_ASPECT * min(width, height):
        raise ImageRefused(
            say(
                "{size}, longer than {max_aspect} : 1: crop it to the lesion and the skin around it.",
                size=size,
                max_aspect=MAX_ASPECT,
            )
        )


def _check_planes(picture: Image.Image, name: str) -> None:
    """Refuse uncompressed TIFFs of 16 bits in separate planes: Pillow reads them as 8 bits, which is noise."""
    tags = _tiff_tags(picture)
    planes_apart = tags.get(TiffImagePlugin.PLANAR_CONFIGURATION) == 2
    raw = tags.get(TiffImagePlugin.COMPRESSION, 1) == 1
    if planes_apart and raw and max(tags.get(TiffImagePlugin.BITSPERSAMPLE, (1,))) > 8:
        raise ImageRefused(
            say("{name} keeps its 16-bit values in separate planes, which Derm cannot read: save it as PNG.", name=name)
        )


def _check_raw(picture: Image.Image, name: str) -> None:
    """Refuse a camera's raw files, whose first picture, which a decoder takes, is a preview the size of a stamp."""
    tags = _tiff_tags(picture)
    preview = int(tags.get(_NEW_SUBFILE_TYPE, 0) or 0) & 1
    if isinstance(picture, TiffImagePlugin.TiffImageFile) and (
        is_raw(Path(name).suffix) or preview or _DNG_VERSION in tags
    ):
        raise ImageRefused(sentence(name, RAW))


def _check_density(picture: Image.Image, count: int, name: str) -> None:
    """Refuse a file of few bytes that claims many pixels, see `MAX_PIXELS_A_BYTE`."""
    pixels = picture.width * picture.height
    if picture.format in ("WEBP", "AVIF", "GIF", "BMP") and pixels > max(1_000_000, MAX_PIXELS_A_BYTE * count):
        raise ImageRefused(
            say(
                "{name} claims {width} × {height} pixels in {count:,} bytes, which no photograph does: export it "
                "again from its source.",
                name=name,
                width=picture.width,
                height=picture.height,
                count=count,
            )
        )


def _tiff_tags(picture: Image.Image) -> Mapping[int, Any]:
    """The tags of a TIFF by number; of any other format none."""
    return picture.tag_v2 if isinstance(picture, TiffImagePlugin.TiffImageFile) else {}


def _eight_bit_grey(picture: Image.Image, name: str) -> Image.Image:
    """Mode L from 16-bit or floating-point grey, its full range scaled to 0–255; the colour profile is kept.

    The range is 0–65535, or what `derm.image.depth` finds of fewer bits. Floating-point grey has no range of its own:
    0–1 and 0–255 are both in use, so all values must lie in one of them. With alpha, mode LA, where the file names a
    transparent grey.
    """
    values = np.asarray(picture)
    tags = _tiff_tags(picture)
    if picture.mode == "F":
        low, high = values.min(), values.max()
        if not (low >= 0 and high <= 255):  # so written, NaN is refused too
            raise ImageRefused(
                say(
                    "{name} has floating-point values from {low:g} to {high:g}, in neither 0–1 nor 0–255: save it "
                    "with 8 or 16 bits.",
                    name=name,
                    low=low,
                    high=high,
                )
            )
        full = 1 if high <= 1 else 255
    elif tags.get(TiffImagePlugin.BITSPERSAMPLE) == (12,):
        full = 4095
    else:
        inverted = tags.get(TiffImagePlugin.PHOTOMETRIC_INTERPRETATION) == 0
        deep = values.astype(np.uint16)
        full = depth.white_of(deep, picture.info.get("told_bits"), name, dark_is_high=inverted)
    grey = np.rint(values * np.float32(255 / full)).astype(np.uint8)
    if tags.get(TiffImagePlugin.PHOTOMETRIC_INTERPRETATION) == 0:
        grey = 255 - grey  # 0 is white, which Pillow heeds up to 8 bits only
    result = Image.fromarray(grey)
    if isinstance(key := picture.info.get("transparency"), int):
        result.putalpha(Image.fromarray(np.where(values == key, 0, 255).astype(np.uint8)))
    result.info["icc_profile"] = picture.info.get("icc_profile")
    return result


def _on_white(picture: Image.Image, name: str) -> Image.Image:
    """`picture` in sRGB (mode RGB), what is transparent in it laid on white."""
    if picture.mode == "P" and picture.has_transparency_data:
        picture = picture.convert("RGBA")
    wanted = _COLOUR_MODES[picture.mode]
    colour = picture if picture.mode == wanted else picture.convert(wanted)  # Pillow would copy it
    rgb = _srgb(colour, picture.info.get("icc_profile"))
    if not picture.has_transparency_data:
        return rgb
    alpha = picture.convert("RGBA").getchannel("A")
    if alpha.getextrema() == (0, 0):
        raise ImageRefused(
            say("{name} is transparent everywhere and shows nothing: export it again without transparency.", name=name)
        )
    return Image.composite(rgb, Image.new("RGB", rgb.size, "white"), alpha)


def _srgb(colour: Image.Image, profile: object) -> Image.Image:
    """`colour` (L, RGB or CMYK) in sRGB, by its ICC `profile`; plainly if that is absent, broken or of another mode.

    As Photoshop does: relative colorimetric, black point compensated. Plain CMYK is R = (255 − C)(255 − K) / 255.
    Pillow has already undone the inversion of Adobe's CMYK JPEGs; like the browsers it takes all of them as inverted.
    """
    if isinstance(profile, bytes):
        with suppress(ImageCms.PyCMSError, *_DECODER_FAULTS):
            transform = ImageCms.buildTransform(
                ImageCms.ImageCmsProfile(BytesIO(without_elements(profile))),
                ImageCms.createProfile("sRGB"),
                colour.mode,
                "RGB",
                ImageCms.Intent.RELATIVE_COLORIMETRIC,
                ImageCms.Flags.BLACKPOINTCOMPENSATION,
            )
            return transform.apply(colour)
    return colour if colour.mode == "RGB" else colour.convert("RGB")
