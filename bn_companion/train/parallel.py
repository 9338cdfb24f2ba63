"""Chunks to processes: in this one, in workers, or on a cluster, as joblib is told."""

import dataclasses
import os
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import joblib

from bn_companion.train.chunk import Chunk, Outcome, train_chunk
from bn_companion.train.worker import train_numbered

if TYPE_CHECKING:
    from bn_companion.data import Dataset

__all__ = ["train_chunks"]

# Measured: a worker process imports TensorFlow and compiles in about ten seconds, during which
# this process alone would have done half of twice that.
_WORTH_PROCESSES_SECONDS = 20.0

Work = tuple[Chunk, "Dataset"]


def train_chunks(work: Sequence[Work], *, n_jobs: int | None) -> Iterator[tuple[int, Outcome]]:
    """Yield the number of each chunk and what came of it, as they finish.

    Parameters
    ----------
    work : sequence of (Chunk, Dataset)
        Independent of each other.
    n_jobs : int or None
        Workers, as `joblib.Parallel` counts them. None: what ``joblib.parallel_config`` says, and
        without it, this process, joined by worker processes once the first chunk has shown that
        the rest would take more than 20 seconds.

    Yields
    ------
    int
        Place of the chunk in `work`.
    Outcome
        Its result.
    """
    jobs = joblib.effective_n_jobs(n_jobs)
    first = 0
    if jobs == 1 and n_jobs is None and len(work) > 1:
        outcome = train_chunk(*work[0])
        yield 0, outcome
        first, cores = 1, len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1
        rest = sum(_size(*item) for item in work[1:]) / _size(*work[0])
        steady = sum(outcome.epoch_seconds[1:]) or sum(outcome.epoch_seconds)
        if cores > 1 and steady * rest > _WORTH_PROCESSES_SECONDS:
            jobs = min(cores, len(work) - 1)
    if jobs == 1:
        for number in range(first, len(work)):
            yield number, train_chunk(*work[number])
        return
    threads = max(1, (os.cpu_count() or 1) // jobs)
    parallel = joblib.Parallel(n_jobs=jobs, return_as="generator_unordered", batch_size=1)
    yield from parallel(
        joblib.delayed(train_numbered)(number, dataclasses.replace(chunk, threads=threads), dataset)
        for number, (chunk, dataset) in list(enumerate(work))[first:]
    )


def _size(chunk: Chunk, dataset: "Dataset") -> int:
    """Examples that a chunk trains on, all epochs and runs together."""
    return len(chunk.runs) * len(dataset.x_train) * chunk.settings.epochs
