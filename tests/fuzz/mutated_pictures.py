"""Mutated pictures in DICOM, HEIC, AVIF and TIFF: each gives an answer or a sentence, within limits on time and memory.

Run as a script: how many, the first one's number, and how many go through the whole reader as a picture of a visitor
does, in a process of its own, one of so many; the others are parsed in a child with that process's limits. A number
makes the same input each time. Says as JSON what became of them; what is neither lies in the folder that it names.
"""

import io
import json
import os
import random
import resource
import signal
import sys
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from derm.errors import ImageRefused
from derm.image.decode import read_image
from derm.image.isolate import MEMORY, SECONDS

CORPUS = Path(__file__).parent / "corpus"
CHUNK = 250
"""Inputs that one child reads."""

NUMBERS = (b"\0\0\0\0", b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", b"\xff\xff\xff\x7f", b"\0\0\1\0", b"\xfe\xff\x00\xe0")


def seeds() -> dict[str, list[bytes]]:
    """Small sound pictures, by kind."""
    shades = np.add.outer(np.arange(40) * 3, np.arange(48) * 2).astype(np.uint8)
    picture = Image.fromarray(np.stack([shades, shades // 2, 255 - shades], axis=2))

    def saved(form: str, **how: Any) -> bytes:
        stream = io.BytesIO()
        picture.save(stream, form, **how)
        return stream.getvalue()

    ways = (None, "tiff_lzw", "tiff_deflate", "jpeg", "packbits", "tiff_adobe_deflate")
    return {
        "dicom": [dicom(picture, way) for way in ("raw", "jpeg", "rle")],
        "heic": [(CORPUS / "sound.heic").read_bytes()],
        "avif": [saved("AVIF"), saved("AVIF", quality=20, subsampling="4:2:0")],
        "tiff": [saved("TIFF", compression=way) for way in ways],
    }


def dicom(picture: Image.Image, way: str) -> bytes:
    """A picture in DICOM: 'raw', or packed as 'jpeg' or 'rle'."""
    from pydicom import dcmwrite
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.encaps import encapsulate
    from pydicom.uid import ExplicitVRLittleEndian, JPEGBaseline8Bit, RLELossless

    data = Dataset()
    data.file_meta = FileMetaDataset()
    data.file_meta.TransferSyntaxUID = JPEGBaseline8Bit if way == "jpeg" else ExplicitVRLittleEndian
    data.file_meta.MediaStorageSOPClassUID = data.SOPClassUID = "1.2.840.10008.5.1.4.1.1.77.1.7"
    data.file_meta.MediaStorageSOPInstanceUID = data.SOPInstanceUID = "1.2.3"
    data.Rows, data.Columns, data.SamplesPerPixel, data.PlanarConfiguration = picture.height, picture.width, 3, 0
    data.PhotometricInterpretation = "YBR_FULL_422" if way == "jpeg" else "RGB"
    data.BitsAllocated, data.BitsStored, data.HighBit, data.PixelRepresentation = 8, 8, 7, 0
    data.PixelSpacing = [0.01, 0.01]
    if way == "jpeg":
        stream = io.BytesIO()
        picture.save(stream, "JPEG")
        data.PixelData = encapsulate([stream.getvalue()])
    else:
        data.PixelData = picture.tobytes()
    if way == "rle":
        data.compress(RLELossless)
    written = io.BytesIO()
    dcmwrite(written, data, enforce_file_format=True)
    return written.getvalue()


def mutated(number: int, sound: dict[str, list[bytes]]) -> tuple[str, bytes]:
    """The kind and the bytes of an input."""
    lot = random.Random(number)
    kind = sorted(sound)[number % len(sound)]
    content = bytearray(lot.choice(sound[kind]))
    for _ in range(lot.choice((1, 1, 2, 3, 8))):
        place = lot.randrange(len(content) or 1)
        match lot.randrange(7):
            case 0:
                content[place : place + 1] = bytes([lot.randrange(256)])
            case 1:
                content[place : place + 1] = bytes([(content[place] if content else 0) ^ (1 << lot.randrange(8))])
            case 2:
                content[place : place + 4] = lot.choice(NUMBERS)
            case 3:
                del content[place : place + lot.randrange(1, 60)]
            case 4:
                content[place:place] = content[place : place + lot.randrange(1, 400)]
            case 5:
                content[place:place] = lot.randbytes(lot.randrange(1, 40))
            case _:
                if lot.randrange(4) == 0:
                    del content[place:]
    return kind, bytes(content)


def read(kind: str, content: bytes) -> str:
    """'answer' or 'sentence'; whatever else is raised goes through."""
    from derm.image import dicom as of_dicom
    from derm.image import heic as of_heic

    ways: dict[str, Callable[[bytes, str], Any]] = {"dicom": of_dicom.parse, "heic": of_heic.parse}
    try:
        found = ways[kind](content, "made")[0] if kind in ways else read_image(content, "made")
    except ImageRefused as refused:
        said = str(refused)
        return "sentence" if said.isprintable() and len(said) < 300 else f"raised no sentence: {said[:60]!r}"
    assert (found.dtype, found.ndim) == (np.uint8, 3)
    return "answer"


def chunk(numbers: range, sound: dict[str, list[bytes]]) -> tuple[Counter[str], int | None, str]:
    """What became of `numbers` in a child: counts, and the one at which it ended with why, or None."""
    ours, theirs = os.pipe()
    if (child := os.fork()) == 0:
        os.close(ours)
        say = os.fdopen(theirs, "w", buffering=1)
        mapped = int(Path("/proc/self/statm").read_text().split()[0]) * os.sysconf("SC_PAGE_SIZE")
        resource.setrlimit(resource.RLIMIT_AS, (mapped + MEMORY, mapped + MEMORY))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        signal.signal(signal.SIGPROF, signal.SIG_DFL)
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # libraries in C complain there
        for number in numbers:
            kind, content = mutated(number, sound)
            say.write(f"{number} ")
            say.flush()
            signal.setitimer(signal.ITIMER_PROF, SECONDS)
            try:
                said = read(kind, content)
            except BaseException as error:
                said = f"raised {type(error).__name__}: {str(error)[:80]!r}".replace("\n", " ")
            signal.setitimer(signal.ITIMER_PROF, 0)
            say.write(f"{kind} {said}\n")
        os._exit(0)
    os.close(theirs)
    with os.fdopen(ours) as stream:
        lines = stream.read().splitlines()
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    counts: Counter[str] = Counter()
    for line in lines:
        number, _, said = line.partition(" ")
        if not said:
            return counts, int(number), f"ended with status {status}"
        counts[said] += 1
        if "raised" in said:
            counts[f"at {number}"] += 1
    return counts, None, ""


def main(count: int, first: int, whole: int) -> int:
    warnings.simplefilter("ignore")
    sound, counts, started = seeds(), Counter[str](), time.monotonic()
    for kind in sound:  # everything is imported, and sound, before the first child
        assert all(read(kind, content) == "answer" for content in sound[kind]), kind
    bad, number = [], first
    while number < first + count:
        found, ended, why = chunk(range(number, min(number + CHUNK, first + count)), sound)
        counts += found
        bad += [int(name[3:]) for name in found if name.startswith("at ")]
        if ended is not None:
            counts[f"{mutated(ended, sound)[0]} {why}"] += 1
            bad.append(ended)
        number = min(number + CHUNK, first + count) if ended is None else ended + 1
    for number in range(first, first + count, whole) if whole else ():
        kind, content = mutated(number, sound)
        begun = time.monotonic()
        try:
            counts[f"whole: {kind} {'answer' if read_image(content, 'made').ndim == 3 else ''}"] += 1
        except ImageRefused:
            counts[f"whole: {kind} sentence"] += 1
        counts["whole: slower than 40 s by the clock"] += time.monotonic() - begun > 40
    place = Path(tempfile.mkdtemp(prefix="derm-mutated-")) if bad else None
    for number in bad:
        kind, content = mutated(number, sound)
        (place / f"picture-{kind}-{number}").write_bytes(content)  # type: ignore[operator]
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024
    told = {name: value for name, value in sorted(counts.items()) if value and not name.startswith("at ")}
    about = {
        "inputs": count,
        "seconds": round(time.monotonic() - started),
        "peak_mb": peak,
        "kept": str(place or ""),
    }
    sys.stdout.write(json.dumps(about | told, indent=1) + "\n")
    return 1 if bad else 0


if __name__ == "__main__":
    raise SystemExit(main(*map(int, sys.argv[1:4])))
