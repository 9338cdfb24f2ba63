"""What a worker process runs: the first module of ours that it imports, hence the quiet start."""

from typing import TYPE_CHECKING

from bn_companion._startup import start_quietly

start_quietly()

from bn_companion.train.chunk import Chunk, Outcome, train_chunk  # noqa: E402

if TYPE_CHECKING:
    from bn_companion.data import Dataset

__all__ = ["train_numbered"]


def train_numbered(number: int, chunk: Chunk, dataset: "Dataset") -> tuple[int, Outcome]:
    """Train a chunk and return its number with what came of it."""
    return number, train_chunk(chunk, dataset)
