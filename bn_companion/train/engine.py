"""Many runs of one architecture that differ in seed and learning rate, in one program."""

import dataclasses
import math
from collections.abc import Callable, Iterable, Sequence
from itertools import product
from typing import TYPE_CHECKING, Any

import keras
import numpy as np
import pandas as pd

from bn_companion._checks import positive_int, positive_ints
from bn_companion._progress import progress_bar
from bn_companion.train.architecture import build_seeded, refusal_to_vectorize
from bn_companion.train.arguments import (
    check_batch_size,
    check_build,
    check_dataset,
    check_model,
    rates,
    seed_list,
)
from bn_companion.train.chunk import ARRAYS, Chunk, Outcome
from bn_companion.train.compiled import Settings
from bn_companion.train.loss import loss_for
from bn_companion.train.optimizers import check_stackable, rule_for
from bn_companion.train.parallel import train_chunks
from bn_companion.train.replicas import Replicas

if TYPE_CHECKING:
    from bn_companion.data import Dataset

__all__ = [
    "TrainingInterrupted",
    "chunks_of",
    "default_chunk",
    "settings_for",
    "train_replicas",
]

# Replicas a program, at most. Measured on 2 cores: with few, each operation is too short; with
# many, weights and activations no longer fit the processor's second cache. Where that happens
# depends on the size of the network: a step of 24 small ones costs 0.7 times as much a run as one
# of 12, a step of 24 networks of 100,000 weights 1.1 times.
_SMALL_NETWORK = 10_000
_SMALL_CHUNK, _CHUNK = 24, 12


class TrainingInterrupted(KeyboardInterrupt):
    """Ctrl-C in `train_replicas`, once some runs were finished.

    Attributes
    ----------
    replicas : Replicas
        The finished runs, as `train_replicas` returns them.
    """

    def __init__(self, message: str, replicas: Replicas) -> None:
        super().__init__(message)
        self.replicas = replicas


def train_replicas(
    build: Callable[[], keras.Model],
    dataset: "Dataset | str",
    *,
    seeds: int | Iterable[int],
    learning_rates: float | Iterable[float],
    optimizer: str | keras.optimizers.Optimizer = "sgd",
    momentum: float = 0.9,
    nesterov: bool = False,
    epochs: int,
    batch_size: int,
    loss: keras.losses.Loss | None = None,
    chunk_size: int | None = None,
    path: str = "auto",
    n_jobs: int | None = None,
    keep_weights: bool = True,
    snapshots: Iterable[int] = (),
    progress: bool | None = None,
) -> Replicas:
    """Train one run for every seed at every learning rate, side by side.

    Each run is the one that `model.fit` would have made: the model is built after
    ``keras.utils.set_random_seed(seed)``, mini-batches are reshuffled every epoch from the seed,
    the last one is smaller where the data do not divide, and dropout follows each model's own
    seed generators.

    Parameters
    ----------
    build : callable
        Takes no argument and returns a new classifier, the same architecture at every call. If it
        is compiled, that is ignored.
    dataset : Dataset or str
        Or a name for `load`.
    seeds : int or iterable of int
        A number n stands for the seeds 0 .. n-1.
    learning_rates : float or iterable of float
        Positive. Runs are the grid of seeds and learning rates, seed by seed.
    optimizer : str or keras.optimizers.Optimizer, default "sgd"
        A name, or an instance whose learning rate is replaced by the run's. It must be
        element-wise, unless ``path="loop"``.
    momentum, nesterov : float, bool
        Of ``"sgd"`` given by name.
    epochs : int
        Passes over the training part.
    batch_size : int
        Examples a step.
    loss : keras.losses.Loss, optional
        By default the cross-entropy that fits the model's last activation (`loss_for`).
    chunk_size : int, optional
        Replicas in one program; by default at most 24 of a network with fewer than 10,000
        weights and 12 of a larger one. It changes speed and memory, not results.
    path : {"auto", "vectorized", "loop"}, default "auto"
        ``"vectorized"`` trains a stack of replicas in one XLA program; ``"loop"`` trains one model
        after the other in a compiled loop. By default models with convolutions or recurrent layers
        and those that TensorFlow cannot vectorise are looped, all others stacked.
    n_jobs : int, optional
        Processes, as joblib counts them; by default this one, joined by others when the work is
        long, or what ``joblib.parallel_config`` says.
    keep_weights : bool, default True
        Whether `Replicas.model` will be able to hand the runs back.
    snapshots : iterable of int, optional
        Epochs, from 1, after which the weights are kept as well, for
        ``Replicas.model(run, epoch=...)``. They take memory: one copy of all runs each.
    progress : bool, optional
        A bar over the runs; by default one appears when the work takes more than a second.

    Returns
    -------
    Replicas
        Curves of shape (run, epoch), scores, trained models, and which path was taken and why.

    Raises
    ------
    ValueError, TypeError
        Before any training: an argument out of its range or twice the same run, data that are not
        finite or do not fit the model, an optimizer that would mix the replicas.
    TrainingInterrupted
        On Ctrl-C: a `KeyboardInterrupt` that carries the runs of every finished chunk.
    MemoryError, RuntimeError
        When one run alone does not fit into memory, or workers die with it again and again;
        `sweep` with a store keeps what is finished.

    Notes
    -----
    A run diverges in the first epoch in which its loss or a weight is not finite. It keeps the
    weights from before that epoch, its curves are NaN from there on, and the other runs are not
    touched. Python's and NumPy's random states are as before afterwards; TensorFlow's seed is not.

    Examples
    --------
    >>> from bn_companion import load, mlp, train_replicas
    >>> wine = load("wine")
    >>> replicas = train_replicas(
    ...     lambda: mlp((13,), 3, hidden=(8,)), wine,
    ...     seeds=2, learning_rates=[0.01, 0.1], epochs=3, batch_size=16,
    ... )
    >>> replicas
    Replicas(4 runs of 3 epochs, 0 diverged, vectorized)
    >>> replicas.val_accuracy.shape
    (4, 3)
    >>> replicas.runs[["seed", "learning_rate"]].values.tolist()
    [[0.0, 0.01], [0.0, 0.1], [1.0, 0.01], [1.0, 0.1]]
    >>> replicas.model(3).output_shape
    (None, 3)
    """
    check_build(build)
    runs = tuple(product(seed_list(seeds), rates(learning_rates)))
    data = check_dataset(dataset)
    settings = settings_for(
        data,
        optimizer=optimizer,
        momentum=momentum,
        nesterov=nesterov,
        epochs=epochs,
        batch_size=batch_size,
        loss=loss,
        path=path,
    )
    kept = _snapshot_epochs(snapshots, settings.epochs)
    chunks = [
        dataclasses.replace(chunk, snapshots=kept)
        for chunk in chunks_of(
            build, data, runs, settings, chunk_size=chunk_size, keep_values=keep_weights
        )
    ]
    outcomes: dict[int, Outcome] = {}

    def finished() -> Replicas:
        numbers = sorted(outcomes)
        trained = [run for number in numbers for run in chunks[number].runs]
        done = [outcomes[number] for number in numbers]
        return _replicas(build, trained, settings, done, len(data.x_train))

    with progress_bar(len(runs), what="training", unit="run", progress=progress) as bar:
        try:
            for number, outcome in train_chunks([(chunk, data) for chunk in chunks], n_jobs=n_jobs):
                outcomes[number] = outcome
                bar.update(len(chunks[number].runs))
        except KeyboardInterrupt:
            if not outcomes:
                raise
            stopped = finished()
            raise TrainingInterrupted(
                f"stopped with {len(stopped)} of {len(runs)} runs finished (attribute `replicas`)",
                stopped,
            ) from None
    return finished()


def settings_for(
    dataset: "Dataset",
    *,
    optimizer: object,
    momentum: float,
    nesterov: bool,
    epochs: object,
    batch_size: object,
    loss: object,
    path: object,
) -> Settings:
    """Return the checked settings that all runs share; raise naming the argument."""
    if path not in ("auto", "vectorized", "loop"):
        raise ValueError(f"`path` must be 'auto', 'vectorized' or 'loop'. Received: {path!r}")
    if loss is not None and not isinstance(loss, keras.losses.Loss):
        raise TypeError(f"`loss` must be a keras.losses.Loss instance. Received: {loss!r}")
    rule = rule_for(optimizer, momentum=momentum, nesterov=nesterov)
    if path != "loop":
        check_stackable(rule)
    return Settings(
        rule=rule,
        epochs=positive_int("epochs", epochs),
        batch_size=check_batch_size(batch_size, dataset),
        loss=loss,
        path=str(path),
    )


def default_chunk(model: keras.Model) -> int:
    """Return how many replicas of `model` one program takes by default, at most."""
    return _SMALL_CHUNK if model.count_params() < _SMALL_NETWORK else _CHUNK


def chunks_of(
    build: Callable[[], Any],
    dataset: "Dataset",
    runs: Sequence[tuple[int, float]],
    settings: Settings,
    *,
    chunk_size: int | None,
    keep_values: bool,
) -> list[Chunk]:
    """Divide `runs` into chunks of nearly equal size, after checking what `build` returns."""
    model, _ = build_seeded(build, runs[0][0])
    check_model(model, dataset)
    largest = default_chunk(model) if chunk_size is None else positive_int("chunk_size", chunk_size)
    if settings.loss is None:
        loss_for(model)
    refusal = refusal_to_vectorize(model)
    if settings.path == "vectorized" and refusal:
        raise ValueError(f"`path` must not be 'vectorized' for this model: {refusal}")
    if refusal or settings.path == "loop":
        largest = 1
    count = math.ceil(len(runs) / largest)
    width = math.ceil(len(runs) / count)
    return [
        Chunk(build, tuple(runs[i : i + width]), settings, width, keep_values)
        for i in range(0, len(runs), width)
    ]


def _snapshot_epochs(snapshots: object, epochs: int) -> frozenset[int]:
    wanted = frozenset(positive_ints("snapshots", snapshots, allow_empty=True))
    if wanted and max(wanted) > epochs:
        raise ValueError(
            f"`snapshots` must be epochs from 1 to {epochs}. Received: {sorted(wanted)}"
        )
    return wanted


def _replicas(
    build: Callable[[], Any],
    runs: Sequence[tuple[int, float]],
    settings: Settings,
    outcomes: list[Outcome],
    examples: int,
) -> Replicas:
    arrays = {name: np.concatenate([getattr(o, name) for o in outcomes]) for name in ARRAYS}
    diverged = pd.Series(arrays.pop("diverged"), dtype="Int64")
    frame = pd.DataFrame(
        {
            "seed": [seed for seed, _ in runs],
            "learning_rate": [rate for _, rate in runs],
            "diverged": diverged.mask(diverged == 0),
            **{name: array if array.ndim == 1 else array[:, -1] for name, array in arrays.items()},
        }
    )
    steps = math.ceil(examples / settings.batch_size)
    # The first epoch of a program compiles it; with one epoch there is no other to time.
    timed = [
        seconds / (outcome.width if outcome.path == "vectorized" else 1)
        for outcome in outcomes
        for seconds in (outcome.epoch_seconds[1:] or outcome.epoch_seconds)
    ]
    return Replicas(
        runs=frame,
        **arrays,
        path=outcomes[0].path,
        reason=outcomes[0].reason,
        step_seconds=float(np.median(timed)) / steps,
        seconds=sum(outcome.seconds for outcome in outcomes),
        _build=build,
        _values=[weights for outcome in outcomes for weights in outcome.weights],
        _snapshots=[kept for outcome in outcomes for kept in outcome.snapshots],
    )
