"""A chunk that does not fit into memory is trained again with fewer replicas side by side."""

import dataclasses
import gc
from typing import TYPE_CHECKING

import tensorflow as tf

from bn_companion.train.chunk import Chunk, Outcome, joined, train_chunk
from bn_companion.train.compiled import forget_programs

if TYPE_CHECKING:
    from bn_companion.data import Dataset

__all__ = ["MemoryTooSmallError", "narrowed", "train_within_memory"]


class MemoryTooSmallError(MemoryError):
    """Even one run at a time does not fit."""


def train_within_memory(chunk: Chunk, dataset: "Dataset") -> Outcome:
    """Train all runs of `chunk`, side by side as far as memory allows.

    Parameters
    ----------
    chunk : Chunk
        Runs; if they are more than its width, they are trained one group after the other.
    dataset : Dataset
        What to train on.

    Returns
    -------
    Outcome
        Of all runs; its `width` is below the chunk's if that did not fit.

    Raises
    ------
    MemoryTooSmallError
        If not even one run fits.
    """
    while True:
        width = chunk.width
        parts = [
            dataclasses.replace(chunk, runs=chunk.runs[i : i + width])
            for i in range(0, len(chunk.runs), width)
        ]
        try:
            return joined([train_chunk(part, dataset) for part in parts])
        except (MemoryError, tf.errors.ResourceExhaustedError) as error:
            if width == 1:
                raise MemoryTooSmallError(
                    f"one replica alone does not fit into memory ({_first_line(error)}): "
                    f"{chunk.describe()}. A smaller `batch_size`, smaller data or fewer workers "
                    "(`n_jobs`) need less"
                ) from error
        # What did not fit is let go only when the error, which holds its frames, is gone.
        forget_programs()
        gc.collect()
        chunk = narrowed(chunk)


def narrowed(chunk: Chunk) -> Chunk:
    """Return `chunk` with half as many replicas side by side; the runs are the same."""
    return dataclasses.replace(chunk, width=-(-chunk.width // 2))


def _first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0][:200]}" if lines else type(error).__name__
