"""Files of more parts, or with more in their metadata, than are read soon, around a picture of a few pixels."""

import io
import struct
import zlib

import pytest
from PIL import Image

from derm.data.synthetic.lesion import draw_lesion
from derm.errors import ImageRefused
from derm.image.decode import claimed_pixels, claimed_size, read_image
from derm.image.directories import MAX_FRACTIONS, MAX_JPEG_STRIPS, MAX_STRIPS, MAX_TAGS, MAX_TILE, MAX_VALUES, SHARED
from derm.image.jpeg import MAX_MARKERS
from derm.image.parts import MAX_BLOCKS, MAX_EXIF, MAX_PARTS, MAX_STRAY, MAX_TABLES, check_parts
from derm.image.profiles import adobe_rgb

LESION = Image.fromarray(draw_lesion("mel", 3, height=64, width=64).image)
ORDERS = [pytest.param(order, wide, id=order + "64" * wide) for order in "<>" for wide in (False, True)]
SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 7: 1}


def encoded(kind: str, **options) -> bytes:
    stream = io.BytesIO()
    LESION.save(stream, kind, **options)
    return stream.getvalue()


def tiff(tags: list[tuple[int, int, int, bytes]], order: str = "<", *, wide: bool = False) -> bytes:
    """A TIFF of one directory. tags: number, kind, count of values, and their bytes."""
    mark, place, long, room = (43, 16, "Q", 8) if wide else (42, 8, "L", 4)
    head = (b"II" if order == "<" else b"MM") + struct.pack(order + "H", mark)
    head += struct.pack(order + ("HHQ" if wide else "L"), *((8, 0, 16) if wide else (8,)))
    counted = struct.pack(order + ("Q" if wide else "H"), len(tags))
    place += len(counted) + len(tags) * (20 if wide else 12) + room
    entries, bodies = b"", b""
    for number, kind, count, body in tags:
        if len(body) > room:
            field = struct.pack(order + long, place + len(bodies))
            bodies += body
        else:
            field = body.ljust(room, b"\0")
        entries += struct.pack(order + "HH" + long, number, kind, count) + field
    return head + counted + entries + bytes(room) + bodies


def picture(*more: tuple[int, int, int, bytes], order: str = "<", wide: bool = False, strips: int = 1) -> bytes:
    """An uncompressed TIFF of the lesion with `more` tags; of its strips all but the first are listed and empty."""
    pixels = LESION.tobytes()

    def number(value: int) -> bytes:
        return struct.pack(order + "L", value)

    def at(place: int) -> bytes:
        places = number(place) + bytes(4 * (strips - 1))
        lengths = number(len(pixels)) + bytes(4 * (strips - 1))
        tags = [
            (256, 4, 1, number(64)),
            (257, 4, 1, number(64)),
            (258, 3, 3, struct.pack(order + "3H", 8, 8, 8)),
            (259, 3, 1, struct.pack(order + "H", 1)),
            (262, 3, 1, struct.pack(order + "H", 2)),
            (273, 4, strips, places),
            (277, 3, 1, struct.pack(order + "H", 3)),
            (278, 4, 1, number(64)),
            (279, 4, strips, lengths),
        ]
        return tiff(sorted([*tags, *more]), order, wide=wide)

    return at(len(at(0))) + pixels


def fractions(number: int, order: str = "<", count: int = MAX_FRACTIONS + 1) -> tuple[int, int, int, bytes]:
    return number, 5, count, struct.pack(order + "2L", 6, 1) * count


def png(*chunks: tuple[bytes, bytes]) -> bytes:
    plain = encoded("PNG")
    more = b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body)) for kind, body in chunks
    )
    return plain[:33] + more + plain[33:]


def segment(code: int, body: bytes) -> bytes:
    return b"\xff" + bytes((code,)) + struct.pack(">H", len(body) + 2) + body


def jpeg(more: bytes) -> bytes:
    return b"\xff\xd8" + more + encoded("JPEG")[2:]


def gif(more: bytes) -> bytes:
    plain = encoded("GIF")
    palette = 13 + (3 << (plain[10] & 7) + 1)
    return plain[:palette] + more + plain[palette:]


def refused(content: bytes, words: str) -> None:
    with pytest.raises(ImageRefused, match=words):
        read_image(content, "mole")
    assert claimed_pixels(content) == 40_000_000
    assert claimed_size(content) is None


@pytest.mark.parametrize(("order", "wide"), ORDERS)
def test_a_tiff_that_lists_more_than_its_picture_needs_is_refused_before_it_is_opened(order, wide):
    if (order, wide) != (">", True):  # which Pillow reads not at all
        assert read_image(picture(order=order, wide=wide), "mole").shape == (64, 64, 3)
    refused(
        picture(order=order, wide=wide, strips=193), "^mole lists 193 strips of pixels, and 64 × 64 pixels need 192"
    )
    refused(picture(fractions(282, order), order=order, wide=wide), "^mole has 2,001 fractions in its metadata, and")
    numbers = (50_000, 3, MAX_VALUES, bytes(2 * MAX_VALUES))
    refused(picture(numbers, order=order, wide=wide), r"^mole has 250,0\d\d values in its metadata, and Derm reads")
    many = [(33_000 + tag % 30_000, 4, 1, bytes(4)) for tag in range(MAX_TAGS)]
    refused(
        picture(*many, order=order, wide=wide), "^mole has 8,001 tags in its metadata, and Derm reads 8,000 at most"
    )


def test_strips_are_limited_however_large_the_picture_is_said_to_be():
    sides = [(256, 4, 1, struct.pack("<L", 60_000)), (257, 4, 1, struct.pack("<L", 60_000))]
    refused(picture(*sides, strips=MAX_STRIPS + 1), "^mole lists 100,001 strips of pixels")


def test_strips_that_are_jpeg_are_fewer():
    sides = [(256, 4, 1, struct.pack("<L", 60_000)), (257, 4, 1, struct.pack("<L", 60_000))]
    packed = (259, 3, 1, struct.pack("<H", 7))
    refused(picture(*sides, packed, strips=MAX_JPEG_STRIPS + 1), "^mole lists 10,001 strips of pixels")
    check_parts(picture(*sides, strips=MAX_JPEG_STRIPS + 1), "mole")


@pytest.mark.parametrize("tag", [322, 323], ids=["across", "down"])
def test_tiles_much_larger_than_their_picture_are_refused_before_one_is_unpacked(tag):
    def of(side: int) -> bytes:
        return picture(*((one, 4, 1, struct.pack("<L", side if one == tag else 64)) for one in (322, 323)))

    refused(of(MAX_TILE + 1), r"^mole has tiles of \d+ × \d+ pixels for a picture of 64 × 64: export it again")
    check_parts(of(MAX_TILE), "mole")


def test_tags_that_share_their_bytes_many_times_over_are_refused():
    """Pillow before 13 copies them for each tag: 10 MB in 200 of them took 2 GB."""
    content = picture((33_000, 7, SHARED, bytes(SHARED)))
    assert read_image(content, "mole").shape == (64, 64, 3)
    many = [(33_000 + number, 7, SHARED, bytes(SHARED)) for number in range(8)]
    shared = bytearray(picture(*many))
    begin = struct.unpack_from("<L", shared, 4)[0]
    entries = [begin + 2 + 12 * number for number in range(struct.unpack_from("<H", shared, begin)[0])]
    (place,) = struct.unpack_from("<L", shared, entries[-1] + 8)
    for entry in entries[-8:]:
        struct.pack_into("<L", shared, entry + 8, place - 7 * SHARED)
    start = struct.unpack_from("<L", shared, entries[5] + 8)[0]  # of the pixels, which lie last
    struct.pack_into("<L", shared, entries[5] + 8, start - 7 * SHARED)
    del shared[place - 6 * SHARED : place + SHARED]
    refused(bytes(shared), "^mole is damaged")


@pytest.mark.parametrize("kind", [17, 18, 99])
def test_a_layout_that_pillow_does_not_read_is_refused(kind):
    """libtiff takes a width of 64 bits with a sign: tiles of millions of rows passed, for Pillow saw none."""
    refused(picture((322, kind, 1, struct.pack("<Q", 64))), "^mole is damaged")
    assert read_image(picture((330, kind, 1, struct.pack("<Q", 8))), "mole").shape == (64, 64, 3)


@pytest.mark.parametrize("kind", [1, 2, 7], ids=["bytes", "text", "undefined"])
def test_a_palette_counts_though_it_is_plain_bytes_and_other_plain_bytes_do_not(kind):
    body = bytes(MAX_VALUES)
    assert read_image(picture((37_500, kind, MAX_VALUES, body)), "mole").shape == (64, 64, 3)
    refused(picture((320, kind, MAX_VALUES, body)), r"^mole has 250,\d+ values")


def test_directories_that_a_directory_points_at_count_and_may_point_at_themselves():
    pointer = picture((34_665, 4, 1, struct.pack("<L", 8)))
    assert read_image(pointer, "mole").shape == (64, 64, 3)
    content = picture((34_665, 4, 1, bytes(4)))
    end = len(content) + len(content) % 2
    inner = struct.pack("<HHHLLL", 1, 33_434, 5, MAX_FRACTIONS + 1, end + 18, 0) + fractions(0)[3]
    place = content.index(struct.pack("<HHL", 34_665, 4, 1)) + 8
    pointed = content[:place] + struct.pack("<L", end) + content[place + 4 :]
    refused(pointed.ljust(end, b"\0") + inner, "^mole has 2,001 fractions")


def test_a_tag_that_claims_what_the_file_does_not_hold_is_passed_over():
    content = picture((37_500, 7, 1, b"a"))
    place = content.index(struct.pack("<HHL", 37_500, 7, 1))
    for kind, count in ((5, 1 << 31), (3, 1 << 31), (99, 1 << 31)):
        check_parts(content[:place] + struct.pack("<HHL", 37_500, kind, count) + content[place + 8 :], "mole")


EXIF = tiff([fractions(282)])


def in_segments(exif: bytes) -> bytes:
    return b"".join(segment(0xE1, b"Exif\0\0" + exif[at : at + 65_000]) for at in range(0, len(exif), 65_000))


@pytest.mark.parametrize(
    "content",
    [
        jpeg(segment(0xE1, b"Exif\0\0" + EXIF)),
        jpeg(in_segments(tiff([(37_500, 7, 70_000, bytes(70_000)), fractions(282)]))),
        png((b"eXIf", EXIF)),
        png((b"tEXt", b"exif\0" + EXIF)),
        png((b"tEXt", b"Raw profile type exif\0\nexif\n   10\n" + EXIF.hex().encode())),
        png((b"zTXt", b"Raw profile type exif\0\0" + zlib.compress(b"\nexif\n   10\n" + EXIF.hex().encode()))),
        png((b"iTXt", b"Raw profile type exif\0\0\0\0\0\nexif\n   10\n" + EXIF.hex().encode())),
        png((b"iTXt", b"Raw profile type exif\0\1\0\0\0" + zlib.compress(b"\nexif\n 9\n" + EXIF.hex().encode()))),
        encoded("WEBP", exif=EXIF),
        encoded("AVIF", exif=EXIF),
        encoded("AVIF", exif=EXIF, save_all=True, append_images=[LESION.rotate(90)]),
    ],
    ids=[
        "JPEG",
        "JPEG in parts",
        "PNG",
        "PNG text",
        "hex",
        "packed hex",
        "iTXt",
        "packed iTXt",
        "WebP",
        "AVIF",
        "film",
    ],
)
def test_exif_of_thousands_of_fractions_is_refused_before_it_is_opened(content):
    refused(content, "^mole has 2,001 fractions in its metadata, and Derm reads 2,000 at most: export it again")


@pytest.mark.parametrize(
    "content",
    [
        jpeg(in_segments(tiff([(37_500, 7, MAX_EXIF, bytes(MAX_EXIF))]))),
        png((b"eXIf", tiff([(37_500, 7, MAX_EXIF, bytes(MAX_EXIF))]))),
        jpeg(segment(0xDB, bytes(65)) * (MAX_TABLES // 65 + 1)),
    ],
    ids=["JPEG", "PNG", "tables"],
)
def test_exif_or_tables_of_megabytes_are_refused(content):
    refused(content, r"^mole has [\d,]+ bytes of EXIF or tables, and Derm reads [\d,]+ at most: export it again")


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "AVIF"])
def test_the_exif_of_a_camera_is_read(kind):
    notes = (37_500, 7, 50_000, b"notes" * 10_000)
    exif = tiff([(271, 2, 6, b"Camera"), (274, 3, 1, struct.pack("<H", 3)), fractions(282, count=1), notes])
    turned = read_image(encoded(kind, exif=b"Exif\0\0" + exif), "mole")
    assert abs(turned.astype(int) - read_image(encoded(kind), "mole")[::-1, ::-1]).mean() < 3


@pytest.mark.parametrize(
    "content",
    [
        jpeg(b"\xff\xfe\x00\x02" * (MAX_PARTS + 1)),
        jpeg(b"\xff\x00" * (MAX_STRAY + 1)),
        jpeg(b"\xff" * (MAX_STRAY + 1)),
        jpeg(b"\xff\xfe\x00\x02" + bytes(MAX_STRAY + 1)),
        jpeg(segment(0xED, b"Photoshop 3.0\0" + b"8BIM\0\0\0\0\0\0\0\0" * 5_000) * 2),
        png(*[(b"prVt", b"")] * MAX_PARTS),
        gif(b"!\xfe" + b"\1a" * (MAX_BLOCKS + 1) + b"\0"),
        gif(b"!\xfe\0" * (MAX_BLOCKS + 1)),
        gif(b"!\xf9\0" + b"\x2c" + bytes(44) + b"\1a" * MAX_BLOCKS + b"\0"),
        gif(b"!\xff\x0bNETSCAPE2.0\0" + b"\x2c" + bytes(44) + b"\1a" * MAX_BLOCKS + b"\0"),
        gif(b"\0" * (MAX_BLOCKS + 1)),
        encoded("WEBP")[:12] + b"ABCD\0\0\0\0" * (MAX_PARTS + 1) + encoded("WEBP")[12:],
    ],
    ids=[
        "JPEG",
        "escapes",
        "fillers",
        "stray",
        "Photoshop",
        "PNG",
        "comment",
        "comments",
        "empty",
        "film",
        "GIF",
        "WebP",
    ],
)
def test_a_file_of_thousands_of_parts_is_refused_before_it_is_opened(content):
    refused(content, r"^mole consists of more than [\d,]+ parts, which no camera writes: export it again")


@pytest.mark.parametrize(
    "content",
    [
        png(*[(b"eXIf", b"II*\0")] * 5),
        png(*[(b"zTXt", b"Raw profile type exif\0\0" + zlib.compress(b"\n" * 1_000_000))] * 5),
        b"RIFF\0\0\0\0WEBP" + (b"EXIF" + struct.pack("<I", 8) + bytes(8)) * 5,
    ],
    ids=["eXIf", "zTXt", "WebP"],
)
def test_exif_in_many_blocks_is_refused(content):
    refused(content, "consists of more than 4 parts")


def test_a_png_of_many_profiles_is_refused():
    """Each of which Pillow unpacks, up to a megabyte."""
    profile = (b"iCCP", b"profile\0\0" + zlib.compress(adobe_rgb()))
    assert read_image(png(profile), "mole").shape == (64, 64, 3)
    refused(png(profile, profile), "^mole is damaged")


def test_boxes_of_an_avif_are_searched_no_further_than_needed():
    exif = Image.Exif()
    exif[271] = "maker"
    content = encoded("AVIF", exif=exif.tobytes()) + b"iloc" * 1_000
    refused(content, "consists of more than 100 parts")


def test_parts_behind_a_first_scan_are_limited():
    plain = encoded("JPEG", progressive=True)
    place = plain.index(b"\xff\xda", plain.index(b"\xff\xda") + 2)
    content = plain[:place] + b"\xff\xfe\x00\x02" * MAX_MARKERS + plain[place:]
    with pytest.raises(ImageRefused, match=r"^mole consists of more than 10,000 parts"):
        read_image(content, "mole")


def test_metadata_of_jpeg_data_inside_of_a_tiff_are_never_walked_through(monkeypatch):
    """A file of 1 MB had 10,000 tiles with one block of EXIF that all share; libjpeg passes over it."""
    content = encoded("TIFF", compression="jpeg")
    assert read_image(content, "mole").shape == (64, 64, 3)
    begin = struct.unpack("<L", content[4:8])[0]
    (count,) = struct.unpack_from("<H", content, begin)
    entries = {struct.unpack_from("<H", content, at)[0]: at for at in range(begin + 2, begin + 2 + 12 * count, 12)}
    (place,) = struct.unpack_from("<L", content, entries[273] + 8)
    stream = content[place : place + struct.unpack_from("<L", content, entries[279] + 8)[0]]
    longer = stream[:2] + segment(0xE1, b"Exif\0\0" + EXIF) + stream[2:]
    changed = bytearray(content + longer)
    struct.pack_into("<L", changed, entries[273] + 8, len(content))
    struct.pack_into("<L", changed, entries[279] + 8, len(longer))
    monkeypatch.setattr(Image.Exif, "load", lambda *_: pytest.fail("EXIF was read"))
    assert (read_image(bytes(changed), "mole") == read_image(content, "mole")).all()


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF", "GIF", "WEBP", "AVIF", "BMP"])
def test_whatever_a_file_is_cut_to_is_looked_at_without_a_fault(kind):
    content = encoded(kind, **({"exif": tiff([fractions(282, count=1)])} if kind not in ("GIF", "BMP") else {}))
    for end in [*range(0, min(len(content), 700)), *range(700, len(content), 97)]:
        check_parts(content[:end], "mole")
