"""The processes that train one network together, as `torchrun` starts them: which one this is, and what they agree on.

Needs torch.distributed where there are several; a process alone, `ALONE`, asks nobody. What they tell each other goes
through gloo, whatever the network runs on. Knows nothing of networks and losses.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol, TypeVar

import numpy as np
import torch
import torch.distributed as dist
from numpy.typing import NDArray
from torch import Tensor
from torch.distributed.rendezvous import rendezvous

from derm.errors import ConfigFault, DermError, RunFault
from derm.language.speech import say

STARTED_WITH = {"RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT"}
"""What `torchrun` puts into the environment of the processes that it starts."""

LOCAL = (("LOCAL_RANK", "0"), ("LOCAL_WORLD_SIZE", "1"))
"""What it says of the machine, and what holds where it does not."""

OPENING = timedelta(days=1)
"""How long a process waits for others that open the run: they may have a data set to decode."""

FAREWELL = timedelta(seconds=10)
"""How long a process that has lost another one waits for the first to say so."""

Opened = TypeVar("Opened")


class Store(Protocol):
    """Where processes leave each other messages, as torch's own stores."""

    def set(self, key: str, value: str) -> None:
        """Leave a message."""

    def get(self, key: str) -> bytes:
        """The message of that name, which is waited for."""

    def add(self, key: str, amount: int) -> int:
        """Count on, and return the count."""

    def wait(self, keys: list[str], timeout: timedelta) -> None:
        """Wait until all messages are there; RuntimeError when it takes longer."""


class ToldElsewhere(RunFault):
    """A fault that all processes have come to know, and that the first one tells."""


@dataclass(frozen=True)
class World:
    """rank: of this process, 0 … size − 1. local_rank, local_size: the same among those of this machine. store: where
    they leave each other messages; None for a process alone."""

    rank: int = 0
    size: int = 1
    local_rank: int = 0
    local_size: int = 1
    store: Store | None = None

    @property
    def leads(self) -> bool:
        """Whether this process is the one that writes log and checkpoints and speaks."""
        return self.rank == 0

    def take_device(self, device: str) -> None:
        """Take this process's own of the machine's accelerators, where `device` is "cuda" and not "cpu".

        Raises ConfigFault where there are fewer of them than processes.
        """
        if self.size == 1 or device == "cpu":
            return
        if self.local_size > torch.cuda.device_count():
            raise ConfigFault(
                say(
                    "{local_size} processes share {count} accelerators: start as many as there are, or train "
                    "with --device cpu.",
                    local_size=self.local_size,
                    count=torch.cuda.device_count(),
                )
            )
        torch.cuda.set_device(self.local_rank)

    def part(self, count: int) -> slice:
        """This process's part of `count` things in order; all parts, one after the other, are all of them."""
        return self._part(self.rank, count)

    def _part(self, rank: int, count: int) -> slice:
        return slice(rank * count // self.size, (rank + 1) * count // self.size)

    def gather(self, rows: NDArray[np.float64], count: int) -> NDArray[np.float64]:
        """All rows, float64 (count, …), in their order, of which each process gives its `part`."""
        if self.size == 1:
            return rows
        longest = -(-count // self.size)
        own = torch.zeros((longest, *rows.shape[1:]), dtype=torch.float64)
        own[: len(rows)] = torch.from_numpy(rows)
        parts = [torch.empty_like(own) for _ in range(self.size)]
        dist.all_gather(parts, own)
        sizes = [len(range(count)[self._part(rank, count)]) for rank in range(self.size)]
        return np.concatenate([part[:size].numpy() for part, size in zip(parts, sizes, strict=True)])

    def total(self, values: Tensor) -> Tensor:
        """The sum of `values` over all processes, where and as they are."""
        if self.size == 1:
            return values
        told = values.detach().to(device="cpu", dtype=torch.float64, copy=True)
        dist.all_reduce(told)
        return told.to(device=values.device, dtype=values.dtype)

    def any(self, flag: bool) -> bool:
        """Whether the flag of any process is up."""
        return flag if self.size == 1 else bool(self.total(torch.tensor(float(flag))).item())

    def of_first(self, content: Opened) -> Opened:
        """What the first process has."""
        if self.size == 1:
            return content
        told = [content]
        dist.broadcast_object_list(told, src=0)
        return told[0]

    def together(self, name: str, do: Callable[[], Opened], *, in_turn: bool = False) -> Opened:
        """What `do` gives, once it has gone well in every process; a fault of any is raised in all.

        name: of what is done. in_turn: on each machine one process first, so that the others find its work done.
        Raises what `do` raises, `ToldElsewhere` in all but the first process.
        """
        if self.store is None:
            return do()
        done: list[Opened] = []
        for turn, mine in enumerate((self.local_rank == 0, self.local_rank != 0) if in_turn else (True,)):
            fault: DermError | None = None
            if mine:
                try:
                    done.append(do())
                except DermError as error:
                    fault = error
            self._agree(f"{name}/{turn}", fault)
        return done[0]

    def same(self, name: str, content: str, fault: str) -> None:
        """Raise a RunFault in all processes where `content` differs from the first one's; fault: a sentence of it."""
        if self.store is not None:
            differs = self.of_first(content) != content
            self._agree(name, RunFault(fault) if differs else None)

    def fault(self, text: str) -> RunFault:
        """A fault that all processes have come to at once, to be raised: the first one tells it."""
        return RunFault(text) if self.leads else ToldElsewhere(text)

    def lost(self, text: str) -> RunFault:
        """The fault that another process is gone, to be raised: one process tells it, the first one if it lives."""
        try:
            if self.store is None or self.leads:
                if self.store is not None:
                    self.store.set(TOLD, "")
                return RunFault(text)
            self.store.wait([TOLD], FAREWELL)
        except RuntimeError:  # the first one has said nothing, or it took the store with it
            return RunFault(text)
        return ToldElsewhere(text)

    def _agree(self, name: str, fault: DermError | None) -> None:
        """Wait until all have come here; raise the first fault that one of them has."""
        if self.store is None:
            return
        time = self.store.add(f"derm/{name}/times/{self.rank}", 1)
        keys = [f"derm/{name}/{time}/{rank}" for rank in range(self.size)]
        self.store.set(keys[self.rank], str(fault or ""))
        self.store.wait(keys, OPENING)
        said = [self.store.get(key).decode() for key in keys]
        rank = next((rank for rank, text in enumerate(said) if text), None)
        if rank is None:
            return
        if not self.leads:
            raise ToldElsewhere(said[rank])
        raise fault or RunFault(
            say(
                "Process {rank} of {size}: {fault}",
                rank=rank,
                size=self.size,
                fault=said[rank],
            )
        )


ALONE = World()
"""A process that trains by itself."""

TOLD = "derm/told"
"""Where the first process leaves word that it tells of a lost one."""


@contextmanager
def join() -> Iterator[World]:
    """The world that `torchrun` has put this process into, while the block runs; `ALONE` where nobody has."""
    if not os.environ.keys() >= STARTED_WITH or os.environ["WORLD_SIZE"] == "1":
        yield ALONE
        return
    local_rank, local_size = (int(os.environ.get(name, default)) for name, default in LOCAL)
    store, rank, size = next(rendezvous("env://"))
    backend = "cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo"
    dist.init_process_group(backend, store=dist.PrefixStore("group", store), rank=rank, world_size=size)  # type: ignore[attr-defined]
    try:
        yield World(rank, size, local_rank, local_size, store)
    finally:
        dist.destroy_process_group()


def is_lost(error: BaseException) -> bool:
    """Whether an error says that another process does not answer any more."""
    return isinstance(error, dist.DistError) or (isinstance(error, RuntimeError) and "gloo" in str(error).lower())
