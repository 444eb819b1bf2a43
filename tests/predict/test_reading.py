"""Files that wait are read once each, in order, and none is lost when reading is interrupted."""

import pytest

from derm.predict.reading import Reading, WaitingFile


def files(*names: str) -> list[WaitingFile]:
    return [WaitingFile(f"token-{name}", name, name.encode()) for name in names]


def test_files_are_read_in_order_and_once_each():
    reading, read = Reading(), []
    assert reading.take_in(files("a", "b"), 10) == []
    reading.work(lambda file: read.append(file.name), 0.0)
    assert (read, reading.read, reading.total) == (["a"], 1, 2)
    assert reading.take_in(files("a", "b", "c"), 10) == []  # an uploader tells all its files each time
    reading.work(lambda file: read.append(file.name), 60.0)
    assert (read, reading.read, reading.total) == (["a", "b", "c"], 3, 3)
    reading.take_in(files("d"), 10)
    assert (reading.read, reading.total) == (0, 1)  # a new batch


def test_what_comes_while_reading_is_kept():
    reading, read = Reading(), []
    reading.take_in(files("a", "b"), 10)

    def interrupted(file: WaitingFile) -> None:
        reading.take_in(files("a", "b", "c"), 10)
        read.append(file.name)

    reading.work(interrupted, 60.0)
    assert read == ["a", "b", "c"]


def test_a_file_that_fails_does_not_come_again():
    reading = Reading()
    reading.take_in(files("a", "b"), 10)

    def fail(file: WaitingFile) -> None:
        raise RuntimeError(file.name)

    with pytest.raises(RuntimeError, match="a"):
        reading.work(fail, 60.0)
    assert [file.name for file in reading.waiting] == ["b"]


def test_a_file_whose_reading_is_interrupted_still_waits():
    reading, read = Reading(), []
    reading.take_in(files("a", "b"), 10)

    def interrupt(file: WaitingFile) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        reading.work(interrupt, 60.0)
    reading.work(lambda file: read.append(file.name), 60.0)
    assert read == ["a", "b"]


def test_there_is_room_for_so_many():
    reading = Reading()
    assert reading.take_in(files("a", "b", "c"), 2) == ["c"]
    assert reading.take_in(files("c"), 2) == []  # it was told once
    assert reading.stop() == ["a", "b"]
    assert not reading.waiting


def test_time_left_goes_by_bytes():
    reading = Reading()
    assert reading.left() is None
    reading.take_in([WaitingFile("1", "a", b"x" * 10), WaitingFile("2", "b", b"x" * 30)], 10)
    reading.work(lambda file: None, 0.0)
    reading.seconds = 2.0
    assert reading.left() == 6.0
