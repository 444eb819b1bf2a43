"""A JPEG file that is not all there, or keeps its decoder busy, is refused; a sound one is not."""

import io
import struct

import numpy as np
import pytest
from PIL import Image

from derm.data.synthetic.lesion import draw_lesion
from derm.errors import ImageRefused
from derm.image.decode import read_image, read_mask, read_picture
from derm.image.jpeg import MAX_SCANS, STRAY, layout, sound_pixels

LESION = Image.fromarray(draw_lesion("mel", 1, height=120, width=160).image)
END = b"\xff\xd9"


def jpeg(picture=LESION, **options) -> bytes:
    stream = io.BytesIO()
    picture.save(stream, "JPEG", **options)
    return stream.getvalue()


@pytest.mark.parametrize(
    ("share", "options"),
    [
        *((share, options) for share in (0.3, 0.5, 0.75) for options in ({}, {"subsampling": 0}, {"optimize": True})),
        (0.5, {"progressive": True}),  # later on only the last bit of fine detail is missing
    ],
)
def test_a_part_with_a_proper_end_is_incomplete(share, options):
    content = jpeg(**options)
    with pytest.raises(ImageRefused, match=r"^mole\.jpg is incomplete: a part of the picture is missing"):
        read_image(content[: int(len(content) * share)] + END, "mole.jpg")


def decoded(content):
    picture = Image.open(io.BytesIO(content))
    picture.load()
    return picture


def tiff(picture=LESION, *, compression=7, **options) -> bytes:
    """A TIFF packed as JPEG; of compression 6, as TIFF 6.0 had it, made by hand, for nothing writes it any more."""
    if compression == 7:
        stream = io.BytesIO()
        picture.save(stream, "TIFF", compression="jpeg", **options)
        return stream.getvalue()
    data, (width, height) = jpeg(picture), picture.size
    tags = {256: width, 257: height, 258: 8, 259: 6, 262: 6, 273: 8, 277: 3, 278: height, 279: len(data)}
    tags |= {513: 8, 514: len(data)}
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags.items())
    head = b"II*\0" + struct.pack("<I", 8 + len(data))
    return head + data + struct.pack("<H", len(tags)) + entries + bytes(4)


def with_cut_strips(content, share, first=0) -> bytes:
    """A TIFF whose strips or tiles, from the `first` on, end after `share` of their bytes, with a proper end."""
    tags = Image.open(io.BytesIO(content)).tag_v2
    tiled = 324 in tags
    cut = bytearray(content)
    for start, count in list(zip(tags[324 if tiled else 273], tags[325 if tiled else 279], strict=True))[first:]:
        kept = int(count * share)
        cut[start + kept : start + count] = END + bytes(count - kept - 2)
    return bytes(cut)


@pytest.mark.parametrize("share", [0.4, 0.7, 0.97])
def test_a_part_in_ink_is_incomplete(share):
    content = jpeg(LESION.convert("CMYK"))
    assert read_image(content, "mole").shape == (120, 160, 3)
    with pytest.raises(ImageRefused, match="is incomplete"):
        read_image(content[: int(len(content) * share)] + END, "mole")


def test_a_part_without_half_of_its_last_blocks_is_incomplete():
    content = jpeg(LESION.resize((640, 480)), quality=95)
    lost = int(len(content) * 0.99)
    assert (np.asarray(decoded(content[:lost] + END))[-8:, 0] != 128).any()
    with pytest.raises(ImageRefused, match="is incomplete"):
        read_image(content[:lost] + END, "mole")


def test_a_part_is_incomplete_whatever_else_is_wrong_with_it():
    content = jpeg()
    odd = content.replace(b"\xff\xda", b"\0\0\xff\xda", 1)  # of which libjpeg warns first
    assert read_image(odd, "mole").shape == (120, 160, 3)
    with pytest.raises(ImageRefused, match="is incomplete"):
        read_image(odd[: len(odd) // 2] + END, "mole")


@pytest.mark.parametrize("lost", ["taken out", "zeros"])
@pytest.mark.parametrize("size", [(160, 120), (160, 114), (160, 113), (150, 116), (157, 121)])
@pytest.mark.parametrize("options", [{}, {"subsampling": 0}, {"progressive": True}])
def test_a_sector_that_is_lost_in_the_middle_is_told_whatever_the_size(size, options, lost):
    """Of whose last block a row may be all that is shown, its colours mixed with those above."""
    content = jpeg(LESION.resize(size), quality=95, **options)
    assert read_image(content, "mole").shape == (size[1], size[0], 3)
    place = len(content) // 2
    rest = content[place + 512 :]
    with pytest.raises(ImageRefused, match=r"^mole is (incomplete|damaged)"):
        read_image(content[:place] + (bytes(512) if lost == "zeros" else b"") + rest, "mole")


@pytest.mark.parametrize("end", [b"", END])
@pytest.mark.parametrize(
    "options", [{"quality": 100, "subsampling": 0}, {"quality": 98}, {"quality": 95, "optimize": True}]
)
def test_zeros_in_the_place_of_the_rest_are_no_picture(options, end):
    """The usual tables have a code of zeros alone: libjpeg fills the picture with it, and warns of nothing."""
    content = jpeg(**options)
    for share in (0.4, 0.9):
        kept = int(share * len(content))
        with pytest.raises(ImageRefused, match=r"^mole is (incomplete|damaged)"):
            read_image(content[:kept] + bytes(len(content) - kept) + end, "mole")


@pytest.mark.parametrize("options", [{"quality": 98}, {"quality": 100, "subsampling": 0}, {"quality": 95}])
def test_a_sector_of_zeros_in_data_of_high_quality_is_told(options):
    """Of coefficients of -1, several hundred in a row, which libjpeg takes as they are: one in four was read."""
    content = jpeg(LESION.resize((320, 240)), **options)
    for share in np.linspace(0.1, 0.9, 17):
        place = int(share * len(content))
        with pytest.raises(ImageRefused, match=r"^mole is (incomplete|damaged)"):
            read_image(content[:place] + bytes(512) + content[place + 512 :], "mole")


def odd_header(content: bytes, kind: str) -> bytes:
    """A whole file with something before its data that libjpeg warns of first."""
    start = content.rindex(b"\xff\xda")
    count = content[start + 4]
    if kind == "ends of scan":
        return content[: start + 5 + 2 * count] + bytes(3) + content[start + 8 + 2 * count :]
    if kind == "revision":
        return content.replace(b"JFIF\0\1\1", b"JFIF\0\2\1")
    if kind == "profile":
        return content[:20] + b"\xff\xe2\x00\x20ICC_PROFILE\0\5\1" + bytes(16) + content[20:]
    return content[:20] + b"stray" * 4 + content[20:]


@pytest.mark.parametrize("kind", ["ends of scan", "revision", "profile", "stray bytes"])
@pytest.mark.parametrize("lost", ["taken out", "zeros", "rest"])
def test_what_is_odd_in_the_header_hides_no_loss(kind, lost):
    content = odd_header(jpeg(quality=95), kind)
    assert read_image(content, "mole").shape == (120, 160, 3)
    place = len(content) // 2
    if lost == "rest":
        damaged = content[:place] + bytes(len(content) - place - 2) + END
    else:
        damaged = content[:place] + (bytes(512) if lost == "zeros" else b"") + content[place + 512 :]
    with pytest.raises(ImageRefused, match=r"^mole is (incomplete|damaged)"):
        read_image(damaged, "mole")


def test_colours_that_do_not_become_grey_hide_no_loss(monkeypatch):
    """libjpeg converts none that are packed without loss, and says so before all else."""

    def decode(data, colour, strict):
        raise ValueError(
            "Unsupported color conversion request" if colour == "GRAY" else "premature end of data segment"
        )

    monkeypatch.setattr("derm.image.jpeg.simplejpeg.decode_jpeg", decode)
    with pytest.raises(ImageRefused, match="is incomplete"):
        read_image(jpeg(), "mole")


def test_stray_bytes_before_the_scans_of_a_progressive_picture_are_no_loss():
    assert read_image(odd_header(jpeg(progressive=True), "stray bytes"), "mole").shape == (120, 160, 3)


def test_a_sampling_that_the_short_way_does_not_know_is_read():
    content = jpeg(LESION.convert("YCbCr"), subsampling=0)
    frame = content.index(b"\xff\xc0")
    tall = content[: frame + 11] + b"\x14" + content[frame + 12 :]  # four rows of luma to one of colour, 4:4:1
    assert sound_pixels(tall, 120, 160) is None


@pytest.mark.parametrize("lost", ["taken out", "zeros", "ones"])
@pytest.mark.parametrize("options", [{"restart_marker_blocks": 1}, {"restart_marker_blocks": 4}])
@pytest.mark.parametrize("share", [0.2, 0.5, 0.8])
def test_a_sector_that_is_lost_between_marks_is_told(share, options, lost):
    """The next mark is where the decoder goes on, and what it passes over on its way is no stray byte."""
    content = jpeg(LESION.resize((320, 240)), quality=95, **options)
    assert read_image(content, "mole").shape == (240, 320, 3)
    place = int(share * len(content))
    there = {"zeros": bytes(512), "ones": b"\xff" * 512}.get(lost, b"")
    with pytest.raises(ImageRefused, match=r"^mole is (incomplete|damaged)"):
        read_image(content[:place] + there + content[place + 512 :], "mole")


@pytest.mark.parametrize("colour", [(0, 0, 0), (255, 255, 255), (200, 180, 170)])
def test_a_plain_margin_at_the_bottom_may_be_packed_into_zeros(colour):
    """Tables made for the picture give its commonest block a code of zeros, and some end where a byte does."""
    picture = Image.new("RGB", (160, 240), colour)
    picture.paste(LESION, (0, 0))
    ends_in_zeros = 0
    for quality in range(50, 100):
        content = jpeg(picture, quality=quality, optimize=True)
        ends_in_zeros += content[:-2].endswith(bytes(STRAY + 1))
        assert read_image(content, "mole").shape == (240, 160, 3)
    assert ends_in_zeros


def test_stray_bytes_in_the_header_are_no_loss():
    content = jpeg()
    place = content.index(b"\xff\xdb")
    assert read_image(content[:place] + b"stray" * 4 + content[place:], "mole").shape == (120, 160, 3)


def test_zeros_behind_the_data_of_a_whole_picture_are_no_loss():
    content = jpeg(quality=95)
    assert read_image(content[:-2] + bytes(100) + END, "mole").shape == (120, 160, 3)
    stray = content[-502:-2].replace(b"\xff", b"")
    assert read_image(content[:-2] + stray[:8] + END, "mole").shape == (120, 160, 3)
    with pytest.raises(ImageRefused, match="is incomplete"):
        read_image(content[:-2] + stray + END, "mole")


@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
@pytest.mark.parametrize("options", [{}, {"strip_size": 10**7}, {"compression": 6}])
def test_parts_in_a_tiff_are_incomplete(mode, options):
    if options.get("compression") == 6 and mode != "RGB":
        pytest.skip("made by hand in colour alone")
    content = tiff(LESION.convert(mode), **options)
    assert read_image(content, "mole.tif").shape == (120, 160, 3)
    if options.get("compression") != 6:  # libtiff takes tables without an end, too
        tables = bytes(Image.open(io.BytesIO(content)).tag_v2[347])
        content = with_tables(content, tables.removesuffix(END) + b"\xff\xfe\x00\x04ab")
        assert read_image(content, "mole.tif").shape == (120, 160, 3)
    for share in (0.5, 0.8):
        with pytest.raises(ImageRefused, match=r"^mole\.tif is incomplete: a part of the picture is missing"):
            read_image(with_cut_strips(content, share), "mole.tif")


def with_tables(content: bytes, tables: bytes) -> bytes:
    """A TIFF with other JPEG tables, which lie at its end."""
    begin = struct.unpack("<I", content[4:8])[0]
    count = struct.unpack("<H", content[begin : begin + 2])[0]
    entries = [begin + 2 + 12 * number for number in range(count)]
    place = next(place for place in entries if content[place : place + 2] == struct.pack("<H", 347))
    entry = struct.pack("<HHII", 347, 7, len(tables), len(content))
    return content[:place] + entry + content[place + 12 :] + tables


@pytest.mark.parametrize(
    "extra",
    [b"\xff\xfe\x00\x02" * 125_000, b"\xff\x00" * 300_000, b"\xff\xfe\xff\xff", b"\xff\xfe\x7f\xff" + bytes(0x7FFD)],
)
def test_tables_that_would_be_read_with_every_strip_for_long_are_refused(extra):
    content = tiff(LESION, strip_size=160 * 16 * 3)
    tables = bytes(Image.open(io.BytesIO(content)).tag_v2[347])
    assert read_image(with_tables(content, tables), "mole").shape == (120, 160, 3)
    with pytest.raises(ImageRefused, match="is damaged"):
        read_image(with_tables(content, tables[:-2] + extra + END), "mole")


def test_markers_of_all_strips_are_counted_together(monkeypatch):
    content = tiff(LESION, strip_size=160 * 16 * 3)
    assert read_image(content, "mole").shape == (120, 160, 3)
    monkeypatch.setattr("derm.image.jpeg.MAX_MARKERS", 20)
    monkeypatch.setattr("derm.image.decode.MARKERS", 2)
    with pytest.raises(ImageRefused, match=r"^mole consists of more than \d+ parts"):
        read_image(content, "mole")


def test_a_strip_that_claims_more_rows_than_the_picture_has_is_refused():
    """libtiff reads as many as it wants of the last one; all of it would be decoded to see whether it is whole."""
    content = tiff(LESION, strip_size=10**7)
    start = content.index(b"\xff\xc0\x00")  # of a frame: length, bits, height, width
    taller = content[: start + 5] + struct.pack(">H", 60_000) + content[start + 7 :]
    assert read_image(content, "mole").shape == (120, 160, 3)
    with pytest.raises(ImageRefused, match="is damaged"):
        read_image(taller, "mole")


def test_one_cut_strip_of_many_is_incomplete():
    content = tiff(LESION, strip_size=160 * 16 * 3)
    count = len(Image.open(io.BytesIO(content)).tag_v2[273])
    assert count > 4
    assert read_image(content, "mole").shape == (120, 160, 3)
    with pytest.raises(ImageRefused, match="is incomplete"):
        read_image(with_cut_strips(content, 0.7, first=count - 1), "mole")


def test_a_mask_in_cut_jpeg_data_is_incomplete(tmp_path):
    path = tmp_path / "mask.tif"
    path.write_bytes(with_cut_strips(tiff(LESION.convert("L")), 0.5))
    with pytest.raises(ImageRefused, match=r"^mask\.tif is incomplete"):
        read_mask(path)


def test_scans_of_a_strip_are_counted_before_anything_is_decoded():
    content = tiff(LESION, strip_size=10**7)
    picture = Image.open(io.BytesIO(content))
    scan = b"\xff\xda\0\x08\x01\x01\0\0\x3f\0\0"
    (start,), (count,) = picture.tag_v2[273], picture.tag_v2[279]
    bomb = bytearray(content)
    bomb[start : start + 12 + 100 * len(scan)] = content[start : start + 2] + scan * 100 + content[-10:]
    assert count > 2000
    with pytest.raises(ImageRefused, match=rf"has more than {MAX_SCANS} scans, which no camera writes"):
        read_image(bytes(bomb), "mole.tif")


def test_strips_that_lie_in_each_other_are_refused():
    content = bytearray(tiff(LESION, strip_size=160 * 16 * 3))
    tags = Image.open(io.BytesIO(content)).tag_v2
    counts = content.index(struct.pack(f"<{len(tags[279])}L", *tags[279]))
    content[counts : counts + 4 * len(tags[279])] = struct.pack("<L", len(content) - 600) * len(tags[279])
    with pytest.raises(ImageRefused, match="is damaged or cut short"):
        read_image(bytes(content), "mole.tif")


def test_a_picture_that_pillow_has_opened_is_looked_at_too():
    content = jpeg()
    half = content[: len(content) // 2] + END
    assert read_picture(Image.open(io.BytesIO(content)), "mole").shape == (120, 160, 3)
    with pytest.raises(ImageRefused, match="is incomplete"):
        read_picture(Image.open(io.BytesIO(half)), "mole")
    assert read_picture(decoded(half), "mole").shape == (120, 160, 3)  # its file is closed


def test_a_colour_whose_scan_is_missing_is_missed():
    whole = jpeg(LESION.convert("L"))
    frame = whole.index(b"\xff\xc0")
    three = whole[frame + 4 : frame + 9] + b"\3\1\x11\0\2\x11\0\3\x11\0"
    content = whole[:frame] + b"\xff\xc0\0\x11" + three + whole[frame + 13 :]
    with pytest.raises(ImageRefused, match=r"mole is (incomplete|damaged)"):
        read_image(content, "mole")
    assert layout(content).components == (1, 2, 3)


@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"optimize": True}, {"subsampling": 0, "quality": 100}])
def test_whole_pictures_are_read(mode, options):
    assert read_image(jpeg(LESION.convert(mode), **options), "mole").shape == (120, 160, 3)


def test_a_border_of_the_decoders_grey_is_a_border():
    padded = Image.new("RGB", (160, 200), (128, 128, 128))
    padded.paste(LESION, (0, 0))
    for options in ({}, {"optimize": True}, {"subsampling": 0}, {"quality": 100}):
        assert read_image(jpeg(padded, **options), "mole").shape == (200, 160, 3)
    for options in ({}, {"strip_size": 160 * 16 * 3}):
        assert read_image(tiff(padded, **options), "mole").shape == (200, 160, 3)
    edge = LESION.copy()
    edge.paste((128, 128, 128), (144, 104, 160, 120))
    assert read_image(jpeg(edge)[:-2] + b"\0\0" + END, "mole").shape == (120, 160, 3)
    assert read_image(jpeg(Image.new("L", (160, 200), 128)), "mole").shape == (200, 160, 3)


def test_scans_are_counted_before_anything_is_decoded():
    content = jpeg(progressive=True)
    found = layout(content)
    assert found.progressive
    assert 2 < len(found.scans) <= 15
    start = content.rindex(b"\xff\xda")
    bomb = content[:-2] + content[start:-2] * 100_000 + END
    with pytest.raises(ImageRefused, match=rf"has more than {MAX_SCANS} scans, which no camera writes"):
        read_image(bomb, "mole")


def test_a_thumbnail_inside_is_not_taken_for_the_picture():
    exif = Image.Exif()
    exif[0x010E] = jpeg(LESION.resize((32, 32))).decode("latin-1")
    assert read_image(jpeg(exif=exif.tobytes() + jpeg(LESION.resize((32, 32)))), "mole").shape == (120, 160, 3)


@pytest.mark.parametrize("place", range(2, 40, 3))
def test_broken_markers_end_the_walk(place):
    content = bytearray(jpeg())
    content[place] = 255
    assert len(layout(bytes(content)).scans) <= MAX_SCANS + 1


def test_few_bytes_that_claim_many_pixels_are_refused():
    stream = io.BytesIO()
    Image.new("RGB", (2000, 2000), (200, 150, 120)).save(stream, "WEBP", lossless=True)
    assert len(stream.getvalue()) < 300
    with pytest.raises(ImageRefused, match=r"claims 2000 × 2000 pixels in \d+ bytes, which no photograph does"):
        read_image(stream.getvalue(), "mole.webp")
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8))
    stream = io.BytesIO()
    noise.resize((2000, 2000)).save(stream, "WEBP", quality=10)
    assert read_image(stream.getvalue(), "mole.webp").shape == (2000, 2000, 3)


@pytest.mark.parametrize("subsampling", [0, 1, 2])
@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("size", [(160, 120), (33, 47)])
def test_the_short_way_gives_pillows_pixels(subsampling, progressive, size):
    content = jpeg(LESION.resize(size), subsampling=subsampling, progressive=progressive)
    expected = np.asarray(Image.open(io.BytesIO(content)))
    np.testing.assert_array_equal(sound_pixels(content, *expected.shape[:2]), expected)
    found = read_image(content, "mole")
    np.testing.assert_array_equal(found, expected)
    assert found.flags.writeable
    assert found.flags.c_contiguous


def test_what_libjpeg_warns_of_is_left_to_pillow():
    content = jpeg()
    assert sound_pixels(content, 120, 160) is not None
    assert sound_pixels(content, 160, 120) is None  # another size than was checked
    assert sound_pixels(content[: len(content) // 2], 120, 160) is None
    odd = content[:-2] + b"\0\0" + END  # bytes before the end marker, of which libjpeg warns and which harm nothing
    np.testing.assert_array_equal(read_image(odd, "mole"), read_image(content, "mole"))


def test_a_turned_picture_is_still_put_upright():
    turned = Image.Exif()
    turned[0x0112] = 6
    assert read_image(jpeg(exif=turned), "mole").shape == (160, 120, 3)
