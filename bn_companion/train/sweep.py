"""A grid of builders, data sets, seeds and learning rates to one tidy table; resumable."""

import functools
import hashlib
import os
from collections.abc import Callable, Iterable, Mapping
from itertools import product
from typing import TYPE_CHECKING, Any

import keras
import pandas as pd

from bn_companion._progress import progress_bar
from bn_companion.train.architecture import build_seeded, signature
from bn_companion.train.arguments import check_build, check_dataset, rates, seed_list
from bn_companion.train.chunk import Chunk, Outcome
from bn_companion.train.compiled import Settings
from bn_companion.train.engine import chunks_of, settings_for
from bn_companion.train.parallel import train_chunks
from bn_companion.train.store import COLUMNS, Key, Store, dataset_fingerprint

if TYPE_CHECKING:
    from bn_companion.data import Dataset

__all__ = ["SweepInterrupted", "sweep"]

Builds = Mapping[str, Callable[[], Any]] | Iterable[Callable[[], Any]] | Callable[[], Any]
Row = tuple[Any, ...]


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
        rates and builders may be added later; other settings or other data are refused.
    chunk_size, path, n_jobs
        As for `train_replicas`. Under ``joblib.parallel_config(backend=...)`` the chunks go to
        that backend, for example a Dask cluster.
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
    arms, data = _named_builds(builds), _named_datasets(dataset)
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
    work, done = _plan(arms, data, grid, settings, store=store, chunk_size=chunk_size)
    rows = dict(done)
    keeper = None if store is None else Store(store)
    with progress_bar(len(grid), what="sweep", unit="run", progress=progress) as bar:
        bar.update(len(rows))
        try:
            tasks = [(chunk, data[name]) for _, name, chunk in work]
            for number, outcome in train_chunks(tasks, n_jobs=n_jobs):
                arm, name, chunk = work[number]
                finished = _rows(arm, name, chunk, outcome)
                if keeper is not None:
                    keeper.add(finished)
                rows.update({row[:4]: row for row in finished})
                bar.update(len(finished))
        except KeyboardInterrupt:
            runs = _frame(rows, grid)
            where = f"; they are in {str(store)!r}, the same call resumes" if store else ""
            raise SweepInterrupted(
                f"stopped with {len(runs)} of {len(grid)} runs finished (attribute `runs`){where}",
                runs,
            ) from None
    return _frame(rows, grid)


def _plan(
    arms: Mapping[str, Callable[[], Any]],
    data: "Mapping[str, Dataset]",
    grid: list[Key],
    settings: Mapping[str, Settings],
    *,
    store: str | os.PathLike[str] | None,
    chunk_size: int | None,
) -> tuple[list[tuple[str, str, Chunk]], dict[Key, Row]]:
    """Check every builder on every data set, and divide what the store lacks into chunks."""
    seed = grid[0][2]
    divide = functools.partial(chunks_of, chunk_size=chunk_size, keep_values=False)
    # Every check that needs a model comes before the store is touched.
    for build, (name, part) in product(arms.values(), data.items()):
        divide(build, part, [(seed, 1.0)], settings[name])
    done: dict[Key, Row] = {}
    if store is not None:
        keeper = Store(store)
        keeper.agree(
            _facts(next(iter(settings.values()))),
            {name: dataset_fingerprint(part) for name, part in data.items()},
            {arm: _digest(signature(build_seeded(build, seed)[0])) for arm, build in arms.items()},
        )
        stored = keeper.rows()
        done = {key: stored[key] for key in grid if key in stored}
    work = []
    for (arm, build), (name, part) in product(arms.items(), data.items()):
        runs = [key[2:] for key in grid if key[:2] == (arm, name) and key not in done]
        if runs:
            chunks = divide(build, part, runs, settings[name])
            work += [(arm, name, chunk) for chunk in chunks]
    return work, done


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


def _rows(arm: str, name: str, chunk: Chunk, outcome: Outcome) -> list[Row]:
    rows = []
    for i, (seed, rate) in enumerate(chunk.runs):
        epoch = int(outcome.diverged[i]) or None
        curves = (outcome.train_loss, outcome.val_loss, outcome.val_accuracy)
        scores = [float(curve[i, -1]) for curve in curves]
        scores += [float(outcome.test_loss[i]), float(outcome.test_accuracy[i])]
        # SQLite has no NaN: a run that diverged has no scores.
        known = [None if epoch else score for score in scores]
        rows.append((arm, name, seed, rate, epoch, *known, outcome.path))
    return rows


def _frame(rows: Mapping[Key, Row], grid: list[Key]) -> pd.DataFrame:
    frame = pd.DataFrame([rows[key] for key in grid if key in rows], columns=list(COLUMNS))
    scores = [name for name in COLUMNS if name.endswith(("_loss", "_accuracy"))]
    return frame.astype({**dict.fromkeys(scores, "float64"), "diverged": "Int64"})


def _named_builds(builds: Builds) -> dict[str, Callable[[], Any]]:
    if isinstance(builds, Mapping):
        named = dict(builds)
        if not all(isinstance(name, str) for name in named):
            raise TypeError(f"`builds` must have names that are strings. Received: {list(named)}")
    elif isinstance(builds, keras.Model) or callable(builds) or not isinstance(builds, Iterable):
        named = {_name(builds, 0): check_build(builds, "builds")}
    else:
        each = list(builds)
        names = [_name(build, i) for i, build in enumerate(each)]
        if len(set(names)) < len(names):
            names = [f"build_{i}" for i in range(len(names))]
        named = dict(zip(names, each, strict=True))
    if not named:
        raise ValueError("`builds` must hold at least one builder. Received: none")
    return {name: check_build(build, "builds") for name, build in named.items()}


def _name(build: object, place: int) -> str:
    name = getattr(build, "__name__", "")
    return name if name.isidentifier() else f"build_{place}"


def _named_datasets(dataset: Any) -> "dict[str, Dataset]":
    if isinstance(dataset, Mapping):
        named = {str(name): check_dataset(part) for name, part in dataset.items()}
    elif isinstance(dataset, list | tuple):
        parts = [check_dataset(part) for part in dataset]
        named = {part.name: part for part in parts}
        if len(named) < len(parts):
            raise ValueError(
                "`dataset` must not name a data set twice; use a mapping of names. Received: "
                f"{[part.name for part in parts]}"
            )
    else:
        part = check_dataset(dataset)
        named = {part.name: part}
    if not named:
        raise ValueError("`dataset` must hold at least one data set. Received: none")
    return named
