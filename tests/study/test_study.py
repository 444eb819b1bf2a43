"""A study from design to results: frozen, in order, final; simulated readers whose figures are known by hand."""

import errno
import json
import math
import os
import resource
import shutil
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from derm.cli import main
from derm.cli.study import _names
from derm.diagnoses import DIAGNOSES
from derm.errors import ConfigFault, RecordsFault, StudyFault
from derm.records import entry
from derm.study import reading, words
from derm.study.design import ARMS, FILE, PICTURES, choose_cases, find_studies, new_study, picture_of, read_study
from derm.study.reading import NextTask, StudyOpinion, Washout, arms_of, cases_of, give, next_task, read_given
from derm.study.results import Reliance, as_dict, opinions_csv, reliance_shares, results_of

READERS = ("Dr A", "Dr B", "Dr C", "Dr D")
AT = "2026-11-27T12:00:00.000000+00:00"


@pytest.fixture(scope="module")
def study(tmp_path_factory, tiny_model, drawn_catalogue):
    """A study of eight cases without washout."""
    folder = tmp_path_factory.mktemp("studies") / "eight"
    names = choose_cases(drawn_catalogue, 8, 0.5, seed=1)
    return folder, new_study(folder, drawn_catalogue, tiny_model, names, readers=READERS, washout_days=0)


def copy(study, place):
    folder, _ = study
    shutil.copytree(folder, place / "copy")
    return place / "copy", read_study(place / "copy")


def opinion(task: NextTask, reader: str, diagnosis: str = "nv", **given) -> StudyOpinion:
    usual = {"management": "biopsy", "suspicion": 40, "confidence": 60, "asked_at": AT, "seconds": 5.0}
    return StudyOpinion(reader, task.arm, task.case_id, task.stage, diagnosis, **(usual | given))


def read_all(folder, study, reader: str, think) -> None:
    """Let a simulated reader read all of it; think: from task and case to diagnosis."""
    while isinstance(task := next_task(study, reader, read_given(folder, study), entry.now()), NextTask):
        diagnosis = think(task, study.case(task.case_id))
        give(folder, study, opinion(task, reader, diagnosis, suspicion=90 if diagnosis == "mel" else 10))


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such modes")
def test_no_other_account_may_read_a_study_and_its_opinions(study, tmp_path):
    assert [study[0].stat().st_mode & 0o777, *{path.stat().st_mode & 0o777 for path in study[0].glob("*/??/*")}] == [
        0o700,
        0o600,
    ]
    folder, design = copy(study, tmp_path)
    for before in (None, 0o644):
        if before:
            (folder / reading.FILE).chmod(before)
        task = next_task(design, "Dr A", read_given(folder, design), entry.now())
        give(folder, design, opinion(task, "Dr A"))
        assert (folder / reading.FILE).stat().st_mode & 0o777 == 0o600


def test_cases_are_half_malignant_one_of_a_lesion_and_always_the_same(drawn_catalogue):
    names = choose_cases(drawn_catalogue, 10, 0.4, seed=3)
    table = drawn_catalogue.table.set_index("image_id").loc[names]
    malignant = {one.code for one in DIAGNOSES if one.malignant}
    assert table["dx"].isin(malignant).sum() == 4
    assert table["lesion_id"].is_unique
    assert names == choose_cases(drawn_catalogue, 10, 0.4, seed=3) != choose_cases(drawn_catalogue, 10, 0.4, seed=4)
    with pytest.raises(ConfigFault, match="malignant lesions to draw and the study wants"):
        choose_cases(drawn_catalogue, 10_000, 0.5, seed=0)
    with pytest.raises(ConfigFault, match="at least 4 cases"):
        choose_cases(drawn_catalogue, 2, 0.5, seed=0)
    with pytest.raises(ConfigFault, match="Seed -1 is negative: give a whole number from 0 on"):
        choose_cases(drawn_catalogue, 8, 0.5, seed=-1)
    known = drawn_catalogue.table["image_id"].isin(names).to_numpy()
    assert not set(names) & set(choose_cases(drawn_catalogue, 8, 0.5, seed=3, known=known))


def test_one_case_is_drawn_of_a_lesion_that_the_split_joins(drawn_catalogue):
    table = drawn_catalogue.table
    every = table.drop_duplicates("lesion_id")
    named = replace(drawn_catalogue, table=every.reset_index(drop=True))
    malignant = every["image_id"][every["dx"].isin([one.code for one in DIAGNOSES if one.malignant])].tolist()
    pairs = pd.DataFrame({"image_id": malignant[1:], "same_lesion_as": malignant[:-1]}).iloc[
        2:
    ]  # three lesions are left
    joined = replace(named, duplicates=pairs)
    assert choose_cases(named, 8, 0.5, seed=0)
    assert len(set(choose_cases(joined, 6, 0.5, seed=0)) & set(malignant[2:])) == 1
    with pytest.raises(ConfigFault, match="The data has 3 malignant lesions to draw and the study wants 4"):
        choose_cases(joined, 8, 0.5, seed=0)


def test_a_study_is_frozen(study, tmp_path, tiny_model):
    folder, made = study
    assert read_study(folder) == made
    assert find_studies(folder.parent) == ["eight"]
    assert (made.weights_sha256, made.weights) == (tiny_model.sha256, tiny_model.label)
    assert made.cases[0].source_id not in (one.id for one in made.cases)  # readers see no name
    assert picture_of(folder, made.cases[0].picture).startswith(b"\xff\xd8")
    place, _ = copy(study, tmp_path)
    text = (place / FILE).read_text()
    (place / FILE).write_text(text.replace('"truth": "mel"', '"truth": "nv"', 1))
    with pytest.raises(StudyFault, match="is not what it was when the study was made"):
        read_study(place)
    odd = json.loads(text)
    odd["cases"][0]["record"]["p_malignant_at_data"] = float("nan")
    for damaged in ("{}", json.dumps(odd)):
        (place / FILE).write_text(damaged)
        with pytest.raises(StudyFault, match="is missing or damaged"):
            read_study(place)
    kept = place / PICTURES / made.cases[0].picture[:2] / made.cases[0].picture
    kept.write_bytes(b"other")
    with pytest.raises(RecordsFault, match="is not what was saved"):
        picture_of(place, made.cases[0].picture)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"readers": ()}, "needs readers with names of their own"),
        ({"readers": ("A", "A")}, "needs readers with names of their own"),
        ({"arms": ("with",)}, "compares two or more of the arms"),
        ({"arms": ("with", "best")}, "compares two or more of the arms"),
        ({"washout_days": -1}, "A washout of -1 days is none"),
        ({"washout_days": 36_500}, "A washout of 36500 days is none: give 0 to 36,499"),
        ({"names": ["none"]}, "'none' is no image of this data"),
        ({"names": []}, "needs images, each once"),
    ],
)
def test_a_design_that_cannot_be_is_refused(tmp_path, tiny_model, drawn_catalogue, given, said):
    usual = {"names": list(drawn_catalogue.table["image_id"][:2]), "readers": READERS} | given
    names = usual.pop("names")
    with pytest.raises((StudyFault, ConfigFault), match=said):
        new_study(tmp_path / "s", drawn_catalogue, tiny_model, names, **usual)
    assert find_studies(tmp_path) == []


@pytest.mark.parametrize("before", [False, True])
def test_a_study_that_was_not_finished_leaves_no_pictures(study, tmp_path, tiny_model, drawn_catalogue, before):
    folder, names = tmp_path / "s", [one.source_id for one in study[1].cases]
    if before:
        folder.mkdir()

    def full(done: int, _total: int) -> None:
        if done == 2:
            raise ConfigFault("the disk is full")

    with pytest.raises(ConfigFault, match="the disk is full"):
        new_study(folder, drawn_catalogue, tiny_model, names, readers=READERS, progress=full)
    assert (folder.exists(), (folder / PICTURES).exists()) == (before, False)
    (folder / PICTURES).mkdir(parents=True)  # as a kill leaves them
    with pytest.raises(StudyFault, match="s holds pictures, but no study: delete them, or name another folder"):
        new_study(folder, drawn_catalogue, tiny_model, names, readers=READERS)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such modes")
def test_no_other_account_may_read_a_study_that_is_made_in_a_folder_that_is_there(
    study, tmp_path, tiny_model, drawn_catalogue
):
    folder, names = tmp_path / "s", [one.source_id for one in study[1].cases]
    folder.mkdir(0o755)
    with pytest.raises(ConfigFault, match="needs readers"):
        new_study(folder, drawn_catalogue, tiny_model, names, readers=())
    assert folder.stat().st_mode & 0o777 == 0o755  # of a study that is refused nothing is to be kept from anybody
    new_study(folder, drawn_catalogue, tiny_model, names, readers=READERS)
    assert [path.stat().st_mode & 0o777 for path in (folder, folder / FILE)] == [0o700, 0o600]


def test_opinions_of_a_former_study_are_refused_before_anything_is_asked(study, tmp_path, tiny_model, drawn_catalogue):
    folder, names = tmp_path / "s", [one.source_id for one in study[1].cases]
    folder.mkdir()
    (folder / reading.FILE).write_text("{}\n")
    with pytest.raises(StudyFault, match=r"s holds the opinions of a former study, opinions\.jsonl: move that"):
        new_study(folder, drawn_catalogue, tiny_model, names, readers=READERS, progress=pytest.fail)
    assert [path.name for path in folder.iterdir()] == [reading.FILE]


def test_a_reader_may_be_called_as_a_column_is(study):
    named = replace(study[1], readers=("Mean", "Arm", "95 %", "Dr D"))
    values = np.tile([0.1, 0.2, 0.3, 0.4], (3, 1))
    one = SimpleNamespace(arms=[SimpleNamespace(low=0.0, high=0.5)] * 3)
    for compared, heading in (({}, "95 %"), ({"accuracy": one}, "95 % (reader)")):
        found = SimpleNamespace(table={"accuracy": values}, compared=compared, finished=named.readers)
        row = words.figure_rows(named, found, "accuracy")[0]
        assert (row["Arm"], row["Mean"]) == (words.ARM_NAMES["without"], words.share(0.25))
        readers = [row[name] for name in ("Mean (reader)", "Arm (reader)", heading, "Dr D")]
        assert readers == [words.share(value) for value in (0.1, 0.2, 0.3, 0.4)]
        assert not compared or row["95 %"] == words.interval(0.0, 0.5)


@pytest.mark.parametrize("stopped", [False, True])
def test_of_two_studies_made_in_one_folder_at_once_one_stays_whole(
    study, tmp_path, tiny_model, drawn_catalogue, stopped
):
    folder, names, made = tmp_path / "s", [one.source_id for one in study[1].cases], []

    def meanwhile(done: int, _total: int) -> None:
        if done == 1:
            made.append(new_study(folder, drawn_catalogue, tiny_model, names[::-1], readers=("Dr E",)))
        if done == 2 and stopped:
            raise KeyboardInterrupt

    refused = pytest.raises(ConfigFault, match="pictures was made by another program meanwhile, and stays as it is")
    with pytest.raises(KeyboardInterrupt) if stopped else refused:
        new_study(folder, drawn_catalogue, tiny_model, names, readers=READERS, progress=meanwhile)
    assert [read_study(folder)] == made
    for case in made[0].cases:
        assert picture_of(folder, case.picture)
        assert picture_of(folder, case.outline)
    assert sorted(path.name for path in folder.iterdir()) == [PICTURES, FILE]


def test_a_study_whose_name_is_not_utf_8_is_refused_before_anything_is_asked_and_is_not_listed(
    study, tmp_path, tiny_model, drawn_catalogue
):
    names = [one.source_id for one in study[1].cases]
    odd = tmp_path / os.fsdecode(b"eight \xff")
    with pytest.raises(
        StudyFault, match=r"eight \\udcff cannot name a study, for it is not UTF-8: name another folder"
    ):
        new_study(odd, drawn_catalogue, tiny_model, names, readers=READERS, progress=pytest.fail)
    shutil.copytree(study[0], odd)
    assert find_studies(tmp_path) == []


def test_a_list_of_cases_is_read_as_editors_save_it_and_a_pipe_or_device_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("derm.cli.study.MOST_LIST", 100)
    (tmp_path / "known.txt").write_bytes(b"\xef\xbb\xbfa\r\n\r\nb\r\n")
    assert _names(tmp_path / "known.txt") == ["a", "b"]
    (tmp_path / "long.txt").write_bytes(b"a" * 101)
    os.mkfifo(tmp_path / "pipe")
    odd = "it is no ordinary file"
    for name, said in (("long.txt", "it has 101 bytes"), ("pipe", odd), ("/dev/zero", odd)):
        told = CliRunner().invoke(
            main.app, ["study", "new", "s", "--data", "none", "--reader", "A", "--list", str(tmp_path / name)]
        )
        assert f"cannot be read ({said}" in str(told.exception)


def test_arms_rotate_and_orders_are_each_reader_s_own(study):
    _, made = study
    assert [arms_of(made, one)[0] for one in READERS] == ["without", "with", "explained", "without"]
    orders = {(reader, arm): tuple(cases_of(made, reader, arm)) for reader in READERS for arm in ARMS}
    assert len(set(orders.values())) == 12
    assert all(sorted(order) == [one.id for one in made.cases] for order in orders.values())
    assert cases_of(made, "Dr A", "with") == cases_of(made, "Dr A", "with")


def test_an_opinion_is_final_and_in_its_turn(study, tmp_path):
    folder, made = copy(study, tmp_path)
    task = next_task(made, "Dr B", [], entry.now())
    assert (task.arm, task.stage, task.place, task.total) == ("with", "before", 1, 8)
    kept = give(folder, made, opinion(task, "Dr B"))
    after = next_task(made, "Dr B", read_given(folder, made), entry.now())
    assert (after.case_id, after.stage) == (task.case_id, "after")
    with pytest.raises(StudyFault, match="is not the next one of this reader: an opinion is final"):
        give(folder, made, opinion(task, "Dr B", "mel"))
    with pytest.raises(StudyFault, match="'Dr X' is no reader of the study"):
        give(folder, made, opinion(task, "Dr X"))
    with pytest.raises(RecordsFault, match="A confidence of 101 is none"):
        give(folder, made, opinion(after, "Dr B", suspicion=101))
    assert read_given(folder, made) == [kept]


@pytest.mark.parametrize("field", ["reader", "arm", "case_id", "stage", "asked_at"])
@pytest.mark.parametrize("value", [[], {}, None, 3, math.inf])
def test_an_opinion_of_another_kind_is_one_sentence_even_where_it_was_sealed_anew(study, tmp_path, field, value):
    place, made = copy(study, tmp_path)
    task = next_task(made, "Dr A", [], entry.now())
    give(place, made, opinion(task, "Dr A"))
    line = json.loads((place / reading.FILE).read_text()) | {field: value}
    del line["hash"]
    if value != math.inf:  # which cannot be sealed
        line["hash"] = reading.digest(line["previous"], line)
    (place / reading.FILE).write_text(json.dumps(line | {"hash": line.get("hash", "0" * 64)}) + "\n")
    with pytest.raises(StudyFault, match=r"^Line 1 of .* cannot be read: put the file back from a copy"):
        read_given(place, made)


def test_an_opinion_on_a_study_that_was_made_anew_since_is_not_kept(study, tmp_path):
    folder, opened = copy(study, tmp_path)
    task = next_task(opened, "Dr A", [], entry.now())
    later = replace(opened, created_at=entry.now(), seed=7)
    (folder / FILE).write_text(json.dumps(later.as_dict() | {"hash": later.hash}))
    with pytest.raises(StudyFault, match="The study eight was made anew since this page was opened"):
        give(folder, opened, opinion(task, "Dr A"))
    assert read_given(folder, later) == []
    give(folder, later, opinion(next_task(later, "Dr A", [], entry.now()), "Dr A"))
    assert len(read_given(folder, later)) == 1


def test_a_disk_that_takes_half_a_line_spoils_no_study(study, tmp_path):
    folder, made = copy(study, tmp_path)
    give(folder, made, opinion(next_task(made, "Dr A", [], entry.now()), "Dr A"))
    path = folder / reading.FILE
    size = path.stat().st_size
    second = opinion(next_task(made, "Dr A", read_given(folder, made), entry.now()), "Dr A")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size + 2 * size // 3, hard))
    try:
        with pytest.raises(StudyFault, match="cannot be written"):
            give(folder, made, second)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert path.stat().st_size == size
    give(folder, made, second)
    assert len(read_given(folder, made)) == 2


def test_an_opinion_on_a_full_disk_is_one_sentence_and_can_be_given_again(study, tmp_path, monkeypatch):
    folder, made = copy(study, tmp_path)
    first = opinion(next_task(made, "Dr A", [], entry.now()), "Dr A")

    def full(_handle):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as disk:
        disk.setattr(os, "fsync", full)
        with pytest.raises(StudyFault, match=r"No space left on device.*not kept: let there be room"):
            give(folder, made, first)
    assert (folder / reading.FILE).read_bytes() == b""
    give(folder, made, first)
    assert len(read_given(folder, made)) == 1


def test_what_a_kill_cut_off_is_left_out_and_what_was_changed_is_said(study, tmp_path):
    folder, made = copy(study, tmp_path)
    for _ in range(3):
        give(folder, made, opinion(next_task(made, "Dr A", read_given(folder, made), entry.now()), "Dr A"))
    path = folder / reading.FILE
    whole = path.read_bytes()
    path.write_bytes(whole + whole[:40])
    assert len(read_given(folder, made)) == 3
    give(folder, made, opinion(next_task(made, "Dr A", read_given(folder, made), entry.now()), "Dr A"))
    assert len(read_given(folder, made)) == 4
    lines = path.read_bytes().splitlines(keepends=True)
    for damaged in (
        [lines[0].replace(b'"nv"', b'"mel"'), *lines[1:]],
        lines[1:],
        [lines[0], lines[2], lines[1], lines[3]],
        [b"no line\n", *lines],
    ):
        path.write_bytes(b"".join(damaged))
        with pytest.raises(StudyFault, match="put the file back from a copy"):
            read_given(folder, made)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("readers", []),
        ("readers", "Dr A"),
        ("arms", []),
        ("arms", [[]]),
        ("washout_days", 10**9),
        ("washout_days", True),
        ("seed", None),
        ("cases", []),
        ("cases", [{}]),
        ("cases", {"truth": "other"}),
        ("cases", {"truth": []}),
        ("cases", {"sentences": "no list"}),
        ("cases", {"record": []}),
        ("hash", None),
    ],
)
def test_each_field_of_a_design_is_what_it_has_to_be(study, tmp_path, name, value):
    folder, _ = copy(study, tmp_path)
    content = json.loads((folder / FILE).read_text())
    content[name] = [content["cases"][0] | value] if isinstance(value, dict) else value
    (folder / FILE).write_text(json.dumps(content))
    with pytest.raises(StudyFault, match="is missing or damaged: make the study with"):
        read_study(folder)


@pytest.mark.parametrize("content", [b"[" * 100_000, b'{"hash": "\\ud800"}', b"null", b"\xff\xfe", None])
def test_whatever_lies_in_a_study_s_place_is_one_sentence(study, tmp_path, content):
    folder, made = copy(study, tmp_path)
    for name, said in ((reading.FILE, "put the file back from a copy"), (FILE, "make the study with")):
        (folder / name).unlink(missing_ok=True)
        if content is None:
            os.mkfifo(folder / name)
        else:
            (folder / name).write_bytes(content + b"\n")
        with pytest.raises(StudyFault, match=said):
            read_given(folder, made) if name == reading.FILE else read_study(folder)


def test_the_next_arm_waits_for_the_washout(study):
    _, made = study
    slow = replace(made, washout_days=28)
    done = [StudyOpinion("Dr A", "without", one.id, "before", "nv", "biopsy", 1, 1, AT, 1.0, AT) for one in slow.cases]
    early = next_task(slow, "Dr A", done, AT)
    until = entry.moment(datetime(2026, 12, 25, 12, tzinfo=UTC))
    assert early == Washout("with", until)
    assert next_task(slow, "Dr A", done, until).arm == "with"
    assert "begins on 2026-12-25" in words.waiting(early)
    begun = [
        *done,
        done[0]._replace(arm="with", at=entry.moment(datetime(2026, 11, 27, 12, tzinfo=UTC) + timedelta(1))),
    ]
    assert isinstance(next_task(slow, "Dr A", begun, AT), NextTask)  # an arm that was begun goes on


def test_readers_whose_figures_are_known_by_hand(study, tmp_path, monkeypatch):
    monkeypatch.setattr(reading.os, "fsync", lambda _: None)
    folder, made = copy(study, tmp_path)
    first = next(one for one in made.cases if one.malignant)

    def knows(task, case):
        return "mel" if case.malignant else "nv"

    def never(task, case):
        return "nv"

    def helped(task, case):
        """Wrong on one malignant case before the answer, right after it, and in the arm without it never."""
        return "nv" if case is first and task.stage == "before" else knows(task, case)

    for reader, think in (("Dr A", knows), ("Dr B", never), ("Dr C", helped)):
        read_all(folder, made, reader, think)
    found = results_of(made, read_given(folder, made))
    assert (found.finished, found.unfinished) == (("Dr A", "Dr B", "Dr C"), ("Dr D",))
    assert found.table["sensitivity"].tolist() == [[1, 0, 0.75], [1, 0, 1], [1, 0, 1]]
    assert found.table["specificity"].tolist() == [[1, 1, 1]] * 3
    assert found.table["accuracy"].tolist() == [[1, 0.5, 7 / 8], [1, 0.5, 1], [1, 0.5, 1]]
    assert found.table["auc"].tolist() == [[1, 0.5, 7 / 8], [1, 0.5, 1], [1, 0.5, 1]]
    (_, difference, _) = found.compared["sensitivity"].differences
    assert difference.mean == pytest.approx(-1 / 12)
    said = {(one.reader, one.arm): one for one in found.reliance}
    right = [one.says_malignant is True for one in made.cases if one.malignant]
    assert said["Dr B", "with"].not_taken == sum(right)
    assert said["Dr C", "with"].corrected == (first.says_malignant is True)
    assert said["Dr A", "with"].withstood == sum(
        one.says_malignant is not None and one.says_malignant != one.malignant for one in made.cases
    )
    assert said["Dr A", "with"].seconds == 10
    content = json.loads(json.dumps(as_dict(made, found), allow_nan=False))
    assert content["hash"] == made.hash
    assert content["figures"]["sensitivity"]["without"] == {"Dr A": 1, "Dr B": 0, "Dr C": 0.75}
    table = opinions_csv(made, read_given(folder, made)).splitlines()
    assert len(table) == 1 + 3 * 8 * 5
    shown = CliRunner().invoke(main.app, ["study", "results", str(folder)])
    assert "Sensitivity: without 0.58, with 0.67, explained 0.67" in shown.stdout
    assert "Not finished, and left out: Dr D." in shown.stdout
    out = CliRunner().invoke(main.app, ["study", "export", str(folder), "--out", str(tmp_path / "o.csv")])
    assert out.exit_code == 0
    assert (tmp_path / "o.csv").read_text().splitlines() == table


def test_over_and_under_reliance_by_hand():
    one = Reliance("A", "with", corrected=3, not_taken=1, misled=2, withstood=6, lost=0, found=0, seconds=1.0)
    assert reliance_shares(one) == (2 / 8, 1 / 4)
    assert all(map(math.isnan, reliance_shares(one._replace(corrected=0, not_taken=0, misled=0, withstood=0))))


def test_nobody_has_finished(study):
    _, made = study
    found = results_of(made, [])
    assert (found.finished, found.table, found.compared) == ((), {}, {})
    assert words.summary(made, found)[-1] == words.FEW


def test_a_study_of_forty_cases_and_four_simulated_readers(study):
    """Readers who see a third of the malignant lesions more with the answer: the comparison finds that."""
    _, eight = study
    cases = tuple(replace(one, id=f"{turn}-{one.id}") for turn in range(5) for one in eight.cases)
    made = replace(eight, cases=cases, arms=("without", "with"))
    lot = np.random.default_rng(0)
    given = []
    for reader in READERS:
        for arm in arms_of(made, reader):
            for case in made.cases:
                rate = 0.55 if arm == "without" else 0.88
                sees = lot.random() < (rate if case.malignant else 0.2)
                for stage in ("before",) if arm == "without" else ("before", "after"):
                    given.append(
                        StudyOpinion(reader, arm, case.id, stage, "mel" if sees else "nv", "biopsy",
                                     int(lot.integers(60, 100) if sees else lot.integers(0, 60)), 50, AT, 4.0, AT)
                    )  # fmt: skip
    found = results_of(made, given)
    assert found.finished == READERS
    (difference,) = found.compared["sensitivity"].differences
    assert difference.low < difference.mean < difference.high < 0
    assert difference.p < 0.05
    assert found.compared["specificity"].p > 0.05
