"""How far the eight views of a kept picture are apart, for answers that were asked over one view.

Needs open records and a model. Knows no page.
"""

from collections.abc import Callable

import numpy as np
from sqlalchemy import select

from derm.errors import DermError
from derm.image.decode import read_image
from derm.image.resize import square
from derm.model.weights import Model
from derm.predict.interpret import interpret
from derm.predict.record import calibration_of
from derm.predict.views import EIGHT
from derm.records import store, tables
from derm.records.connect import Records
from derm.teach.next_cases import LastAnswer


def spreads_of(records: Records, model: Model) -> Callable[[str, LastAnswer], float | None]:
    """What asks `model` about a kept picture, by its key, over eight views: their spread, see `derm.predict.views`.

    None for a picture that is gone or cannot be read, and where other weights gave the answer that is kept: how far the
    views of these are apart says nothing of it.
    """
    about = model.description.model
    own = (model.sha256, calibration_of(model.description))

    def spread(picture_id: str, answer: LastAnswer) -> float | None:
        if (answer.weights_sha256, answer.calibration) != own:
            return None
        with records.reading() as connection:
            picture = tables.picture
            row = connection.execute(select(picture.c.sha256, picture.c.name).where(picture.c.id == picture_id)).first()
        if row is None:
            return None
        try:
            image = read_image(store.read(records.pictures, row.sha256), row.name)
        except DermError:
            return None
        found = interpret(model, np.stack([square(image, about.input_size, about.fit)]), views=EIGHT).spread
        return None if found is None else float(found[0])

    return spread
