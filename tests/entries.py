"""Entries of the records by hand: pictures of noise, opinions and answers that no network gave.

Needs SQLAlchemy. Knows no page.
"""

from pictures import encoded, picture

from derm.records.connect import Records
from derm.records.entry import Management
from derm.records.write import NewPicture, Opinion, Saved, save_case

AT = "2026-11-27T12:00:00.000000+00:00"


def new_picture(seed: int = 1, **given: object) -> NewPicture:
    """A picture of noise of a patient's lesion."""
    usual = {
        "pseudonym": "P-001",
        "lesion": "A",
        "site": "upper_back",
        "day": "2026-11-02",
        "name": f"IMG_{seed}.png",
        "content": encoded(picture(seed)),
        "width": 80,
        "height": 48,
    }
    return NewPicture(**(usual | given))  # type: ignore[arg-type]


def new_opinion(**given: object) -> Opinion:
    usual = {
        "diagnosis": "nv",
        "management": Management.FOLLOW_UP,
        "confidence": 70,
        "asked_at": AT,
        "seconds": 12.3456,
    }
    return Opinion(**(usual | given))  # type: ignore[arg-type]


def new_answer(p_malignant: float = 0.39, referral: str | None = "refer", **given: object) -> dict[str, object]:
    """An answer by hand, in the columns of its table."""
    usual = {
        "answerable": referral != "no answer",
        "referral": referral,
        "diagnosis": None if referral == "no answer" else "mel",
        "p_malignant": p_malignant,
        "weights": "tiny 01234567",
        "weights_sha256": "01" * 32,
        "calibration": "89abcdef",
        "engine": "OnnxEngine",
        "software": "derm 0.1.0",
        "views": 1,
        "record": '{"p_malignant":0.39}',
        "shown": '{"headline":"Refer: malignant 39 %."}',
        "outline": b"\x00\x01",
        "evidence": b"\x02\x03",
    }
    return usual | given


def save(records: Records, seed: int = 1, *, answer: dict[str, object] | None = None, **given: object) -> Saved:
    """Save a picture with its answer."""
    return save_case(records, "Dr A", new_picture(seed, **given), answer=new_answer() if answer is None else answer)
