"""The lines of the run log that are put together from the planner and the state at an epoch's beginning and end.

Needs a planner and a state. Gives events; writes nothing itself but through what it is given.
"""

import sys
from collections.abc import Callable, Sequence

import numpy as np
import torch

from derm.diagnoses import CODES
from derm.metrics.missing import or_none
from derm.runlog.events import CurriculumEvent, Logged, ReplayEvent
from derm.train.sampler import Sampler
from derm.train.state import TrainState, means

Tell = Callable[[Logged], None]
"""Writes an event."""


def tell_stages(planner: Sampler, tell: Tell) -> None:
    """Log the curriculum's stage of each epoch that was planned since the last call."""
    for epoch, stage in planner.stages:
        tell(
            CurriculumEvent(
                event="curriculum",
                epoch=epoch,
                enabled=planner.config.curriculum.enabled,
                pace=stage.pace,
                admitted=int(stage.admitted.sum()),
                images={code: int((planner.classes == index).sum()) for index, code in enumerate(CODES)},
                admitted_share={code: or_none(float(stage.shares[index])) for index, code in enumerate(CODES)},
                difficulty_histogram=np.histogram(stage.difficulty, bins=20, range=(0, 1))[0].tolist(),
                admitted_histogram=np.histogram(stage.difficulty[stage.admitted], bins=20, range=(0, 1))[0].tolist(),
            )
        )
    planner.stages.clear()


def replay_event(planner: Sampler, ids: Sequence[str], state: TrainState, epoch: int) -> ReplayEvent:
    """What was drawn in the epoch and what the replay buffer holds at its end; ids: of the training images."""
    ages = planner.buffer.ages()
    return ReplayEvent(
        event="replay",
        epoch=epoch,
        enabled=planner.config.replay.enabled,
        size=int(planner.buffer.members.sum()),
        suspects=[ids[item] for item in np.flatnonzero(planner.buffer.suspects()).tolist()],
        replayed_share=means(state.epoch)["replayed_share"],
        hit_rate=state.epoch["hits"] / state.epoch["judged"] if state.epoch["judged"] else None,
        drawn=dict(zip(CODES, state.drawn, strict=True)),
        hardest=[
            {
                "image_id": ids[row.item],
                "loss": row.loss,
                "views": row.views,
                "drawn_in_epoch": state.replayed.count(row.item),
                "drawn": row.drawn,
                "age": int(ages[row.item]),
            }
            for row in planner.buffer.hardest(24)
        ],
    )


def peak_memory_mb(device: str) -> int:
    """Most memory that this process, or the accelerator, has held so far, megabytes; 0 where nobody tells."""
    if device != "cpu":
        return int(torch.cuda.max_memory_allocated() / 2**20)
    try:
        import resource
    except ImportError:  # Windows does not tell
        return 0
    scale = 2**20 if sys.platform == "darwin" else 2**10
    return int(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / scale)
