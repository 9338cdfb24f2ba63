"""Chunks to processes: in this one, in workers, or on a cluster, as joblib is told."""

from collections import Counter
from collections.abc import Generator, Sequence
from contextlib import closing
from typing import TYPE_CHECKING, Any

import joblib
import tensorflow as tf

from bn_companion.train.chunk import Chunk, Outcome
from bn_companion.train.memory import train_within_memory
from bn_companion.train.pools import Death, Work, through_dask, through_joblib
from bn_companion.train.recovery import after_deaths, heed_memory
from bn_companion.train.worker import Failure, wrapped

if TYPE_CHECKING:
    from bn_companion.data import Dataset

__all__ = ["train_chunks"]

# Measured: a worker process imports TensorFlow and compiles in about ten seconds, during which
# this process alone would have done half of twice that.
_WORTH_PROCESSES_SECONDS = 20.0


def train_chunks(
    work: Sequence[Work], *, n_jobs: int | None
) -> Generator[tuple[int, Outcome], None, None]:
    """Yield the number of each chunk and what came of it, as they finish.

    A chunk whose worker dies is trained again; if that happens twice, with fewer chunks at a time,
    and then with fewer replicas side by side, since a worker that is killed most often lacked
    memory. What was yielded stays.

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

    Raises
    ------
    WorkerDeathError
        If workers die with one run alone.
    Exception
        What a chunk raised, with a note that names it; chunks under way are finished first.

    Warns
    -----
    UserWarning
        When a worker died, or memory was too small for a chunk as it was.
    """
    pending = dict(enumerate(work))
    backend, configured = joblib.parallel.get_active_backend()
    _refuse_forks(backend)
    on_dask = type(backend).__name__ == "DaskDistributedBackend"
    jobs = joblib.effective_n_jobs(n_jobs)
    if jobs == 1 and not on_dask:
        may_grow = n_jobs is None and configured is None and len(work) > 1
        for number in range(1 if may_grow else len(work)):
            outcome = _train_here(pending, number)
            yield number, outcome
        if may_grow:
            jobs = _jobs_worth_starting(work, outcome)
        if jobs == 1:
            for number in sorted(pending):
                yield number, _train_here(pending, number)
            return
    threads = max(1, joblib.cpu_count() // jobs)
    deaths: Counter[int] = Counter()
    while pending:
        dead: dict[int, Death] = {}
        failure = None
        results = (
            through_dask(backend, pending)
            if on_dask
            else through_joblib(pending, jobs=jobs, threads=threads)
        )
        with closing(results):
            for number, result in results:
                if isinstance(result, Outcome):
                    heed_memory(pending, pending.pop(number)[0], result)
                    yield number, result
                elif isinstance(result, Failure):
                    failure = failure or _named(result.error, pending[number][0])
                else:
                    dead[number] = result
                    deaths[number] += result.workers
        if failure is not None:
            raise failure
        if dead:
            jobs = after_deaths(pending, dead, deaths, jobs)


def _train_here(pending: dict[int, Work], number: int) -> Outcome:
    chunk, dataset = pending.pop(number)
    try:
        outcome = train_within_memory(chunk, dataset)
    except Exception as error:
        _named(error, chunk)
        raise
    heed_memory(pending, chunk, outcome)
    return outcome


def _named(error: Exception, chunk: Chunk) -> Exception:
    error.add_note(f"While training {chunk.describe()}")
    return error


def _jobs_worth_starting(work: Sequence[Work], first: Outcome) -> int:
    """Return how many workers shorten what is left after the first chunk; 1 if none would."""
    cores = joblib.cpu_count()
    # Processes would fight for the memory of a GPU.
    if cores == 1 or tf.config.list_physical_devices("GPU"):
        return 1
    rest = sum(_size(*item) for item in work[1:]) / _size(*work[0])
    steady = sum(first.epoch_seconds[1:]) or sum(first.epoch_seconds)
    if steady * rest <= _WORTH_PROCESSES_SECONDS:
        return 1
    try:
        for chunk in {id(chunk.build): chunk for chunk, _ in work[1:]}.values():
            wrapped(chunk)
    except TypeError:  # a builder that cannot leave this process: nobody asked that it should
        return 1
    return min(int(cores), len(work) - 1)


def _size(chunk: Chunk, dataset: "Dataset") -> int:
    """Examples that a chunk trains on, all epochs and runs together."""
    return len(chunk.runs) * len(dataset.x_train) * chunk.settings.epochs


def _refuse_forks(backend: Any) -> None:
    """Raise for the one backend that copies this process, TensorFlow's locks and all."""
    if type(backend).__name__ == "MultiprocessingBackend":
        raise ValueError(
            "`joblib.parallel_config` must name a backend that starts processes afresh, such as "
            "'loky': TensorFlow hangs in a copy of this process. Received: 'multiprocessing'"
        )
