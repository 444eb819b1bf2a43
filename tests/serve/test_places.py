"""Sentences for who may not know where files of the server lie."""

from pathlib import Path

import pytest

from derm.serve.places import without_places

FOLDERS = [Path("/srv/derm"), Path("/srv/derm/studies"), Path("results"), Path("/")]


@pytest.mark.parametrize(
    ("sentence", "told"),
    [
        ("put /srv/derm/studies/one/pictures/9b/9b18 back", "put one/pictures/9b/9b18 back"),
        ("/srv/derm/records.sqlite is damaged", "records.sqlite is damaged"),
        ("no space in /srv/derm: make room", "no space in derm: make room"),
        (
            "The records at postgresql+psycopg://derm:***@10.0.0.5:5432/derm cannot be reached",
            "The records at PostgreSQL cannot be reached",
        ),
        (
            'connection to server at "db.example" (10.0.0.5), port 5432 failed: Connection refused',
            "connection to server failed: Connection refused",
        ),
        ('connection to server on socket "/run/.s.PGSQL.5432" failed', "connection to server failed"),
        ("name an address such as postgresql://derm@localhost/derm.",) * 2,
        ("results/test is of other weights: 3 / 4",) * 2,
        ("see https://example.org/srv/derm/records", "see https://example.org/srv/derm/records"),
        (
            "see /mnt/srv/derm/x, /srv/derm-old/y or D:\\weights\\w.json",
            "see x, y or w.json",
        ),  # that a command was given
    ],
)
def test_a_sentence_names_files_and_no_place_of_the_server(sentence, told):
    assert without_places(sentence, FOLDERS) == told
