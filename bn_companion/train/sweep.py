"""A grid of builders, data sets, seeds and learning rates to one tidy table; resumable."""

import dataclasses
import functools
import hashlib
import os
from collections.abc import Callable, Iterable, Mapping
from contextlib import closing
from itertools import product
from typing import TYPE_CHECKING, Any

import keras
import pandas as pd

from bn_companion._progress import progress_bar
from bn_companion.train.architecture import build_seeded, signature
from bn_companion.train.arguments import rates, seed_list
from bn_companion.train.chunk import Chunk
from bn_companion.train.compiled import Settings
from bn_companion.train.engine import chunks_of, settings_for
from bn_companion.train.ledger import Ledger
from bn_companion.train.memory import MemoryTooSmallError
from bn_companion.train.names import Builds, named_builds, named_datasets
from bn_companion.train.parallel import train_chunks
from bn_companion.train.recovery import WorkerDeathError
from bn_companion.train.store import Key, Store, StoreError, dataset_fingerprint

if TYPE_CHECKING:
    from bn_companion.data import Dataset

__all__ = ["SweepError", "SweepInterrupted", "sweep"]


class SweepInterrupted(KeyboardInterrupt):
    """Ctrl-C in a sweep; what was finished is in `runs`, and in the store if there is one.

    Attributes
    ----------
    runs : pandas.DataFrame
        The finished runs, as `sweep` returns them.
    """

    def __init__(self, message: str, runs: pd.DataFrame) -> None:
        super().__init__(message)
        self.runs = runs


class SweepError(RuntimeError):
    """A sweep could not go on: a store that cannot be written, workers that die, no memory.

    What was finished is in `runs`, and in the store as far as that could be written.

    Attributes
    ----------
    runs : pandas.DataFrame
        The finished runs, as `sweep` returns them.
    """

    def __init__(self, message: str, runs: pd.DataFrame) -> None:
        super().__init__(message)
        self.runs = runs


def sweep(
    builds: Builds,
    dataset: "Dataset | str | Iterable[Dataset | str] | Mapping[str, Dataset | str]",
    *,
    seeds: int | Iterable[int],
    learning_rates: float | Iterable[float],
    optimizer: str | keras.optimizers.Optimizer = "sgd",
    momentum: float = 0.9,
    nesterov: bool = False,
    epochs: int = 20,
    batch_size: int = 32,
    loss: keras.losses.Loss | None = None,
    store: str | os.PathLike[str] | None = None,
    chunk_size: int | None = None,
    path: str = "auto",
    n_jobs: int | None = None,
    progress: bool | None = None,
) -> pd.DataFrame:
    """Train every builder on every data set, from every seed, at every learning rate.

    Parameters
    ----------
    builds : callable, iterable of callables, or mapping of name to callable
        Each takes no argument and returns a new classifier, as for `train_replicas`. Without a
        mapping, functions go by their names and others by ``build_0``, ``build_1``...
    dataset : Dataset, str, or an iterable or mapping of them
        Strings are names for `load`.
    seeds, learning_rates, optimizer, momentum, nesterov, epochs, batch_size, loss
        As for `train_replicas`.
    store : path, optional
        A file that keeps every finished chunk of runs. A sweep that was stopped, in whatever way,
        goes on from there; runs that are in the store are not trained again. More seeds, learning
        rates and builders may be added later; other settings or other data are refused. Several
        sweeps may use a store at the same time; a run that two of them train is recorded once.
    chunk_size, path, n_jobs
        As for `train_replicas`. Under ``joblib.parallel_config(backend=...)`` the chunks go to
        that backend: ``"loky"``, a Dask cluster, Ray. A chunk whose worker dies or that does not
        fit into memory is trained again, with fewer runs side by side if need be.
    progress : bool, optional
        A bar with the runs that are done and the time that is left; True shows it at once, False
        never, and by default it appears when the work takes more than a second.

    Returns
    -------
    pandas.DataFrame
        One row a run, in the order of the grid: ``build``, ``dataset``, ``seed``,
        ``learning_rate``, ``diverged`` (epoch, missing for runs that did not), ``train_loss``,
        ``val_loss``, ``val_accuracy``, ``test_loss``, ``test_accuracy`` (after the last epoch;
        NaN for runs that diverged), ``path``.

    Raises
    ------
    ValueError, TypeError
        Before any training: as for `train_replicas`, or a store that cannot be used.
    SweepInterrupted
        On Ctrl-C: a `KeyboardInterrupt` that carries the finished runs.
    SweepError
        When it cannot go on, naming the chunk and the store; it carries the finished runs.
    Exception
        What a builder raises in mid-sweep, with notes that name the chunk and the store; it is
        given the finished runs as its attribute ``runs``.

    Examples
    --------
    >>> from bn_companion import load, mlp, sweep
    >>> runs = sweep(
    ...     {"one": lambda: mlp((13,), 3, hidden=()), "two": lambda: mlp((13,), 3, hidden=(8,))},
    ...     load("wine"), seeds=2, learning_rates=[0.05], epochs=2, batch_size=16,
    ... )
    >>> runs[["build", "seed", "learning_rate"]].values.tolist()
    [['one', 0, 0.05], ['one', 1, 0.05], ['two', 0, 0.05], ['two', 1, 0.05]]
    """
    arms, data = named_builds(builds), named_datasets(dataset)
    grid = list(product(arms, data, seed_list(seeds), rates(learning_rates)))
    settings = {
        name: settings_for(
            part,
            optimizer=optimizer,
            momentum=momentum,
            nesterov=nesterov,
            epochs=epochs,
            batch_size=batch_size,
            loss=loss,
            path=path,
        )
        for name, part in data.items()
    }
    ledger, work = _plan(arms, data, grid, settings, store=store, chunk_size=chunk_size)
    tasks = [(chunk, data[name]) for _, name, chunk in work]
    with (
        progress_bar(len(grid), what="sweep", unit="run", progress=progress) as bar,
        closing(train_chunks(tasks, n_jobs=n_jobs)) as results,
    ):
        bar.update(len(ledger))
        try:
            for number, outcome in results:
                arm, name, chunk = work[number]
                bar.update(ledger.add(arm, name, chunk, outcome))
        except KeyboardInterrupt:
            account, runs = ledger.account()
            raise SweepInterrupted(f"stopped with {account}", runs) from None
        except (StoreError, MemoryTooSmallError, WorkerDeathError) as error:
            account, runs = ledger.account()
            raise SweepError(f"{error}. Stopped with {account}", runs) from error
        except Exception as error:  # a builder's own: it keeps its type
            account, error.runs = ledger.account()  # type: ignore[attr-defined]
            error.add_note(f"Stopped with {account}")
            raise
    return ledger.frame()


def _plan(
    arms: Mapping[str, Callable[[], Any]],
    data: "Mapping[str, Dataset]",
    grid: list[Key],
    settings: Mapping[str, Settings],
    *,
    store: str | os.PathLike[str] | None,
    chunk_size: int | None,
) -> tuple[Ledger, list[tuple[str, str, Chunk]]]:
    """Check every builder on every data set, and divide what the store lacks into chunks."""
    seed = grid[0][2]
    divide = functools.partial(chunks_of, chunk_size=chunk_size, keep_values=False)
    # Every check that needs a model comes before the store is touched.
    for build, (name, part) in product(arms.values(), data.items()):
        divide(build, part, [(seed, 1.0)], settings[name])
    keeper = None
    if store is not None:
        keeper = Store(store)
        keeper.agree(
            _facts(next(iter(settings.values()))),
            {name: dataset_fingerprint(part) for name, part in data.items()},
            {arm: _digest(signature(build_seeded(build, seed)[0])) for arm, build in arms.items()},
        )
    ledger = Ledger(grid, keeper)
    missing = [key for key in grid if key not in ledger]
    work = []
    for (arm, build), (name, part) in product(arms.items(), data.items()):
        runs = [key[2:] for key in missing if key[:2] == (arm, name)]
        if runs:
            label = f"build {arm!r}, data set {name!r}"
            for chunk in divide(build, part, runs, settings[name]):
                work.append((arm, name, dataclasses.replace(chunk, label=label)))
    return ledger, work


def _facts(settings: Settings) -> dict[str, str]:
    loss = settings.loss
    return {
        "optimizer": settings.rule.describe(),
        "epochs": str(settings.epochs),
        "batch_size": str(settings.batch_size),
        "loss": "auto" if loss is None else f"{type(loss).__name__} {loss.get_config()}",
    }


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
