"""What teaches, on both databases: the list of the next cases, the data set, and a choice of weights in the chain."""

import json
from datetime import date

from entries import new_answer, save

from derm.diagnoses import CODES
from derm.records import write
from derm.records.dataset import write_dataset
from derm.records.entry import Basis
from derm.records.verify import verify
from derm.teach.next_cases import next_cases


def test_the_next_cases_the_data_set_and_a_decision_in_the_chain(records, tmp_path):
    shares = {f"p_{code}": 0.0 for code in CODES} | {"p_mel": 0.6, "p_nv": 0.4}
    saved = [save(records, one, answer=new_answer(record=json.dumps(shares)), lesion=f"L{one}") for one in range(3)]
    write.correct(records, "Dr A", saved[0].picture_id, diagnosis="nv", basis=Basis.CONSENSUS)
    write.correct(records, "Dr A", saved[1].picture_id, diagnosis="nv", basis=Basis.CLINICAL)
    found = {one.lesion.lesion_id for one in next_cases(records, date(2026, 11, 27))}
    assert found == {saved[1].lesion_id, saved[2].lesion_id}
    assert write_dataset(records, tmp_path / "set") == (1, 1, 0, (), ())
    event = write.note(records, "Dr A", "weights taken into use", "ab" * 32)
    assert (event.table_name, event.row_id) == ("", "ab" * 32)
    assert verify(records, event.hash).broken is None
