"""Chunks to workers and results back: through joblib, or through a Dask cluster.

joblib's own Dask backend waits forever for a task that the cluster has given up, and its Ray
backend returns results only when all are there; a store needs them one by one. So Dask is asked
directly, with the client that joblib was given, and Ray gets as many chunks at a time as it has
workers.
"""

import itertools
import os
import re
import uuid
import warnings
from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import joblib
from joblib.externals.loky.process_executor import TerminatedWorkerError

from bn_companion.train.chunk import Chunk, Outcome
from bn_companion.train.worker import Failure, Parcel, itself, train_parcel, wrapped

if TYPE_CHECKING:
    from bn_companion.data import Dataset

__all__ = ["Death", "Result", "Work", "through_dask", "through_joblib"]

Work = tuple[Chunk, "Dataset"]


@dataclass(frozen=True)
class Death:
    """Worker processes that died with a chunk in their hands: how many, and of what.

    `alone` tells that no other chunk can be the reason.
    """

    workers: int
    cause: str
    alone: bool


Result = Outcome | Failure | Death


class _Templates:
    """Each builder pickled once, not once a chunk."""

    def __init__(self) -> None:
        self._made: dict[tuple[int, int], bytes] = {}

    def of(self, chunk: Chunk) -> bytes:
        key = id(chunk.build), id(chunk.settings)
        if key not in self._made:
            self._made[key] = wrapped(chunk)
        return self._made[key]


def through_joblib(
    pending: Mapping[int, Work], *, jobs: int, threads: int
) -> Generator[tuple[int, Result], None, None]:
    """Yield the number of each chunk and what came of it, as they finish.

    Parameters
    ----------
    pending : mapping
        Chunks by number. A chunk is looked up when its turn comes: it may change until then.
    jobs : int
        How many are under way at a time.
    threads : int
        Cores that each may use.

    Yields
    ------
    int
        A number.
    Outcome, Failure or Death
        After a `Failure` no further chunk is started; those under way are finished. A `Death` of
        one worker takes the others along: there is one for each chunk that was under way.
    """
    under_way: dict[int, None] = {}  # in the order in which they were started
    halted = False
    templates = _Templates()

    def tasks() -> Iterator[Any]:
        for number in list(pending):
            if halted:
                return
            chunk, dataset = pending[number]
            parcel = Parcel(chunk.runs, chunk.width, threads, parent=os.getpid())
            under_way[number] = None
            yield joblib.delayed(train_parcel)(number, templates.of(chunk), parcel, dataset)

    # Compiled programs stay in memory, so loky replaces a worker that has compiled a few, between
    # two chunks. Nothing is lost; its warning, from a thread of its own, is no news.
    warnings.filterwarnings("ignore", "A worker stopped while some jobs were given", UserWarning)
    # With one job, joblib would not use a worker but this process.
    options: dict[str, Any] = {"n_jobs": max(jobs, 2), "batch_size": 1, "pre_dispatch": jobs}
    backend, _ = joblib.parallel.get_active_backend()
    if getattr(backend, "supports_return_generator", False):
        results = joblib.Parallel(**options, return_as="generator_unordered")(tasks())
    else:
        results = _by_rounds(tasks(), jobs, options)
    try:
        for number, result in results:
            del under_way[number]
            halted = halted or isinstance(result, Failure)
            yield number, result
    except TerminatedWorkerError as error:
        codes = re.search(r"\{(.+)\}", str(error))
        for number in sorted(under_way):
            cause = codes[1] if codes else "for an unknown reason"
            yield number, Death(1, cause, alone=len(under_way) == 1)
    finally:
        with warnings.catch_warnings():  # joblib tells what is cut short; so do we
            warnings.simplefilter("ignore", UserWarning)
            results.close()


def _by_rounds(tasks: Iterator[Any], jobs: int, options: dict[str, Any]) -> Iterator[Any]:
    while some := list(itertools.islice(tasks, jobs)):
        yield from joblib.Parallel(**options)(some)


def through_dask(
    backend: Any, pending: Mapping[int, Work]
) -> Generator[tuple[int, Result], None, None]:
    """Yield the number of each chunk and what came of it, as they finish on a Dask cluster.

    `backend` is joblib's, with its client and what it passes on to ``client.submit``.

    The cluster itself starts a chunk again when a worker dies, as often as its setting
    ``distributed.scheduler.allowed-failures`` says; then there is a `Death` of that chunk alone.
    After a `Failure` the chunks that are not finished are cancelled.
    """
    from distributed import as_completed  # noqa: PLC0415 (an optional extra)

    client, options = backend.client, backend.submit_kwargs
    call = uuid.uuid4().hex[:8]
    templates = _Templates()
    shared: dict[int, Any] = {}

    def share(value: Any) -> Any:
        """Send a value once. As a task: what is scattered is lost with the worker that has it."""
        if id(value) not in shared:
            with warnings.catch_warnings():
                warnings.filterwarnings("ignore", "Sending large graph")
                key = f"sent-{call}-{len(shared)}"
                shared[id(value)] = client.submit(itself, value, key=key)
        return shared[id(value)]

    numbers = {}
    for number, (chunk, dataset) in pending.items():
        # A Dask worker trains as many chunks at a time as it has threads: one core each.
        parcel = Parcel(chunk.runs, chunk.width, threads=1)
        parts = share(templates.of(chunk)), parcel, share(dataset)
        key = f"chunk-{call}-{number}"
        numbers[client.submit(train_parcel, number, *parts, key=key, **options)] = number
    finished = as_completed(list(numbers), loop=client.loop, with_results=True, raise_errors=False)
    try:
        for future, value in finished:
            number, result = numbers.pop(future), _dask_result(future.status, value)
            yield number, result
            if isinstance(result, Failure):
                break
        for future in [future for future in numbers if future.status == "finished"]:
            del numbers[future]
            yield future.result()
    finally:
        if client.status == "running":
            client.cancel([*numbers, *shared.values()])


def _dask_result(status: str, value: Any) -> Result:
    from distributed import KilledWorker  # noqa: PLC0415 (an optional extra)

    if status == "finished":
        result: Outcome | Failure = value[1]
        return result
    if status == "error" and isinstance(value[1], KilledWorker):
        return Death(value[1].allowed_failures + 1, "killed, or out of memory", alone=True)
    if status == "error":
        return Failure(value[1])
    return Failure(RuntimeError("the Dask cluster dropped the chunk: was the cluster closed?"))
