"""How a chunk is trained again after its worker died, or after memory ran out."""

import dataclasses
import warnings
from collections import Counter
from collections.abc import Mapping, MutableMapping

from bn_companion.train.chunk import Chunk, Outcome
from bn_companion.train.memory import narrowed
from bn_companion.train.pools import Death, Work

__all__ = ["WorkerDeathError", "after_deaths", "heed_memory"]

# By accident a worker may be killed once; twice with the same chunk calls for a change.
_DEATHS_TO_ACT = 2


class WorkerDeathError(RuntimeError):
    """Workers died again and again with the same runs in their hands."""


def heed_memory(pending: MutableMapping[int, Work], chunk: Chunk, outcome: Outcome) -> None:
    """Where a chunk had to be made narrower, make those of its kind narrower before they start.

    Warns
    -----
    UserWarning
        Naming the chunk and the `chunk_size` that fits.
    """
    if outcome.width < chunk.width:
        warnings.warn(
            f"{chunk.width} replicas side by side did not fit into memory, {outcome.width} did: "
            f"{chunk.describe()}. With chunk_size={outcome.width} they start that way",
            stacklevel=2,
        )
        _narrow_kind(pending, chunk, outcome.width)


def after_deaths(
    pending: MutableMapping[int, Work], dead: Mapping[int, Death], deaths: Counter[int], jobs: int
) -> int:
    """Change what may have killed the workers, and return how many chunks to train at a time.

    Nothing is changed the first time. Then fewer chunks are trained at a time, until it is known
    which of them it is; that one is trained with fewer replicas side by side.

    Parameters
    ----------
    pending : mapping
        Chunks that are not finished, by number; some are made narrower.
    dead : mapping
        What happened to the chunks that were under way.
    deaths : Counter
        Workers that died with each chunk, these included.
    jobs : int
        How many chunks were trained at a time.

    Raises
    ------
    WorkerDeathError
        If nothing is left to change.

    Warns
    -----
    UserWarning
        What died, with which chunk, and what was changed.
    """
    change = "training again"
    again = [number for number in dead if deaths[number] >= _DEATHS_TO_ACT]
    if any(not dead[number].alone for number in again):
        jobs = -(-jobs // 2)
        change = f"training again, from here on {jobs} at a time"
    for number in again:
        chunk, _ = pending[number]
        if not dead[number].alone:
            continue
        if chunk.width == 1:
            raise WorkerDeathError(
                f"{deaths[number]} workers died ({dead[number].cause}) while training "
                f"{chunk.describe()}, the last with one replica at a time. If they were killed "
                "for want of memory, a smaller `batch_size`, smaller data or fewer workers need "
                "less of it; with n_jobs=1 the run shows what else it may be"
            )
        width = narrowed(chunk).width
        change = f"training again, with {width} replicas side by side in place of {chunk.width}"
        _narrow_kind(pending, chunk, width)
    named = " or ".join(pending[number][0].describe() for number in dead)
    cause = next(iter(dead.values())).cause
    warnings.warn(f"a worker process died ({cause}) while training {named}; {change}", stacklevel=3)
    return jobs


def _narrow_kind(pending: MutableMapping[int, Work], kind: Chunk, width: int) -> None:
    for number, (chunk, dataset) in list(pending.items()):
        if chunk.build is kind.build and chunk.width > width:
            pending[number] = dataclasses.replace(chunk, width=width), dataset
