"""What a worker process runs: the first module of ours that it imports, hence the quiet start."""

import dataclasses
import functools
import os
import pickle
import threading
import time
import traceback
import uuid
import warnings
from typing import TYPE_CHECKING, Any

from bn_companion._startup import start_quietly

start_quietly()

import cloudpickle  # noqa: E402
import tensorflow as tf  # noqa: E402

from bn_companion.train.chunk import Chunk, Outcome  # noqa: E402
from bn_companion.train.memory import train_within_memory  # noqa: E402

if TYPE_CHECKING:
    from bn_companion.data import Dataset

__all__ = ["Failure", "Parcel", "itself", "train_parcel", "wrapped"]

_SECONDS_BETWEEN_LOOKS = 1.0
_THIS_PROCESS = uuid.uuid4().hex  # process numbers repeat, on other machines above all


@dataclasses.dataclass(frozen=True, eq=False)
class Failure:
    """An error that a chunk raised, brought home as a value: other chunks are not disturbed."""

    error: Exception


@dataclasses.dataclass(frozen=True, eq=False)
class Parcel:
    """The runs of a chunk on their way to a worker, which may use `threads` cores.

    `parent` is the process that started the worker, where that is the `sender`.
    """

    runs: tuple[tuple[int, float], ...]
    width: int
    threads: int
    parent: int | None = None
    sender: str = _THIS_PROCESS


def wrapped(chunk: Chunk) -> bytes:
    """Return `chunk` without its runs as bytes.

    Raises
    ------
    TypeError
        If its builder holds on to something that cannot be sent to another process.
    """
    try:
        template: bytes = cloudpickle.dumps(dataclasses.replace(chunk, runs=()))
    except (pickle.PicklingError, TypeError, AttributeError, ValueError) as error:
        raise TypeError(
            "`build` must be a callable that can be pickled, to be sent to worker processes "
            f"({error}). Train in this process (n_jobs=1), or build without what it holds on to. "
            f"Received: {chunk.build!r}"
        ) from error
    return template


def itself(value: Any) -> Any:
    """Return `value`: a cluster keeps what a task returns, and makes it again if it is lost."""
    return value


def train_parcel(
    number: int, template: bytes, parcel: Parcel, dataset: "Dataset"
) -> tuple[int, Outcome | Failure]:
    """Train a chunk and return its number with what came of it.

    The `template` is opened here and not where it arrives: that may start TensorFlow, for which
    the number of threads must be set before.
    """
    if parcel.sender != _THIS_PROCESS:
        if parcel.parent is not None:
            _leave_with(parcel.parent)
        _limit_threads(parcel.threads)
    try:
        chunk = dataclasses.replace(_opened(template), runs=parcel.runs, width=parcel.width)
        return number, train_within_memory(chunk, dataset)
    except Exception as error:
        error.add_note("In a worker process:\n" + "".join(traceback.format_exception(error)))
        return number, Failure(_portable(error))


@functools.lru_cache(maxsize=8)
def _opened(template: bytes) -> Chunk:
    """Open a template once: what is compiled is kept by the identity of the builder."""
    chunk: Chunk = pickle.loads(template)
    return chunk


def _portable(error: Exception) -> Exception:
    """Return `error`, or what can be said of it where it cannot be pickled."""
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:  # whatever a foreign class does when it is pickled
        plain = RuntimeError(f"{type(error).__name__}: {error}")
        plain.__notes__ = error.__notes__
        return plain
    return error


def _limit_threads(threads: int) -> None:
    """Give TensorFlow `threads` threads, unless it runs already: then it is too late."""
    if tf.config.threading.get_intra_op_parallelism_threads() == threads:
        return
    try:
        tf.config.threading.set_intra_op_parallelism_threads(threads)
        tf.config.threading.set_inter_op_parallelism_threads(threads)
    except RuntimeError:
        # Zero: nobody has set it. An earlier sweep in this worker may have, with other workers.
        if not tf.config.threading.get_intra_op_parallelism_threads():
            warnings.warn(
                "TensorFlow was started in this worker process before the sweep and uses all "
                "cores, as every other worker does; fresh workers share them and are faster",
                stacklevel=2,
            )


@functools.cache
def _leave_with(parent: int) -> None:
    """End this process when the one that started it is gone, killed in mid-sweep for example.

    Nobody would take the result, and a resumed sweep needs the cores.
    """
    if os.getppid() != parent:  # a worker of a cluster has a life of its own
        return

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(_SECONDS_BETWEEN_LOOKS)
        os._exit(1)

    threading.Thread(target=watch, daemon=True, name="leave-with-parent").start()
