"""A chunk of runs, trained from start to end in whichever process it lands."""

import dataclasses
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from bn_companion.train.architecture import build_seeded, refusal_to_vectorize
from bn_companion.train.compiled import Settings, program_for
from bn_companion.train.program import Program, Values, padded_blocks

if TYPE_CHECKING:
    from bn_companion.data import Dataset

__all__ = ["ARRAYS", "Chunk", "Outcome", "batch_order", "joined", "train_chunk"]

Array = npt.NDArray[Any]
#: The results that have one row a run; the first three have one column an epoch.
ARRAYS = ("train_loss", "val_loss", "val_accuracy", "test_loss", "test_accuracy", "diverged")
_LONGEST_LIST = 6
_UNVECTORIZED = (
    ValueError,
    TypeError,
    NotImplementedError,
    tf.errors.InvalidArgumentError,
    tf.errors.UnimplementedError,
)


@dataclass(frozen=True, eq=False)
class Chunk:
    """Runs of one architecture on one data set: seed and learning rate of each.

    `width` is how many replicas the program has, `label` what the runs have in common.
    """

    build: Callable[[], Any]
    runs: tuple[tuple[int, float], ...]
    settings: Settings
    width: int
    keep_values: bool = True
    snapshots: frozenset[int] = frozenset()
    label: str = ""

    def describe(self) -> str:
        """Return which runs these are, as messages name them.

        Examples
        --------
        >>> from bn_companion.train.chunk import Chunk
        >>> Chunk(None, ((0, 0.1), (0, 0.5), (1, 0.1)), None, 4, label="build 'a'").describe()
        "build 'a', seeds 0, 1, learning rates 0.1, 0.5"
        """
        seeds, rates = (_listed(dict.fromkeys(part)) for part in zip(*self.runs, strict=True))
        parts = [self.label, f"seeds {seeds}", f"learning rates {rates}"]
        return ", ".join(part for part in parts if part)


@dataclass(eq=False)
class Outcome:
    """What came of a chunk; arrays have one row a run."""

    train_loss: Array
    val_loss: Array
    val_accuracy: Array
    test_loss: Array
    test_accuracy: Array
    diverged: Array
    weights: list[Values]
    snapshots: list[dict[int, Values]]
    epoch_seconds: list[float]
    path: str = ""
    reason: str = ""
    seconds: float = 0.0
    width: int = 0


def batch_order(seed: int, epoch: int, examples: int, batch_size: int) -> tuple[Array, Array]:
    """Return the rows of every mini-batch of an epoch, in order.

    The order depends on the seed and the epoch alone: runs that share a seed see the same
    mini-batches whatever their architecture and learning rate.

    Parameters
    ----------
    seed : int
        Seed of the run.
    epoch : int
        Epoch, from 0.
    examples, batch_size : int
        Size of the training part and of a mini-batch.

    Returns
    -------
    full : ndarray of shape (steps, batch_size), int32
        Rows of the full mini-batches.
    rest : ndarray of shape (examples % batch_size,), int32
        Rows of the last, smaller one; empty when the mini-batches fill the epoch.

    Examples
    --------
    >>> from bn_companion.train.chunk import batch_order
    >>> full, rest = batch_order(seed=0, epoch=0, examples=10, batch_size=4)
    >>> full.shape, rest.shape
    ((2, 4), (2,))
    """
    order = np.random.default_rng((seed, epoch)).permutation(examples).astype(np.int32)
    even = examples - examples % batch_size
    return order[:even].reshape(-1, batch_size), order[even:]


def train_chunk(chunk: Chunk, dataset: "Dataset") -> Outcome:
    """Train all runs of `chunk` and return what came of them."""
    begin = time.perf_counter()
    starts: dict[int, Values] = {}
    model = None
    for seed in dict.fromkeys(seed for seed, _ in chunk.runs):
        built, starts[seed] = build_seeded(chunk.build, seed)
        model = model or built
        _check_alike(starts[seed], starts[chunk.runs[0][0]], seed, chunk.runs[0][0])
    refusal = "path='loop' was asked for" if chunk.settings.path == "loop" else None
    refusal = refusal or refusal_to_vectorize(model)
    if refusal is None:
        try:
            program = program_for(model, chunk.build, chunk.settings, width=chunk.width)
            outcome = _train(program, chunk, chunk.runs, starts, dataset)
            outcome.path = "vectorized"
            outcome.reason = f"every operation vectorises; {chunk.width} replicas a program"
        except _UNVECTORIZED as error:
            refusal = f"no vectorised form: {' '.join(str(error).split())[:300]}"
            if chunk.settings.path == "vectorized":
                raise ValueError(f"path='vectorized' is impossible: {refusal}") from error
    elif chunk.settings.path == "vectorized":
        raise ValueError(f"path='vectorized' is impossible: {refusal}")
    if refusal is not None:
        program = program_for(model, chunk.build, chunk.settings, width=None)
        outcome = joined([_train(program, chunk, (run,), starts, dataset) for run in chunk.runs])
        outcome.path = "loop"
        outcome.reason = refusal
    outcome.width = chunk.width
    outcome.seconds = time.perf_counter() - begin
    return outcome


def _train(
    program: Program,
    chunk: Chunk,
    runs: tuple[tuple[int, float], ...],
    starts: dict[int, Values],
    dataset: "Dataset",
) -> Outcome:
    epochs, wanted = chunk.settings.epochs, len(runs)
    # A chunk that is not full repeats its last run, so that all share one compiled program.
    padded = runs + runs[-1:] * (program.replicas - wanted)
    program.start([starts[seed] for seed, _ in padded], [rate for _, rate in padded])
    examples, size = len(dataset.x_train), chunk.settings.batch_size
    x, y = tf.constant(dataset.x_train), tf.constant(dataset.y_train)
    rows = max(len(dataset.x_val), len(dataset.x_test))
    val = padded_blocks(dataset.x_val, dataset.y_val, rows)
    test = padded_blocks(dataset.x_test, dataset.y_test, rows)
    history = np.full((3, len(padded), epochs), np.nan, np.float32)
    diverged = np.zeros(len(padded), np.int64)
    seconds = []
    # A run as it was built costs nothing to keep, and a model to build again.
    snapshots = [{0: starts[seed]} if chunk.snapshots else {} for seed, _ in runs]
    for epoch in range(epochs):
        orders = {seed: batch_order(seed, epoch, examples, size) for seed in dict(padded)}
        full = np.stack([orders[seed][0] for seed, _ in padded], axis=1)
        rest = np.stack([orders[seed][1] for seed, _ in padded])
        begin = time.perf_counter()
        alive = diverged == 0
        loss, finite = program.train_epoch(x, y, full, rest, alive)
        seconds.append(time.perf_counter() - begin)
        val_loss, val_accuracy = program.evaluate(*val)
        diverged[alive & ~(finite & np.isfinite(val_loss))] = epoch + 1
        alive = diverged == 0
        history[:, alive, epoch] = np.stack([loss, val_loss, val_accuracy])[:, alive]
        last = epoch + 1 == epochs or not alive.any()
        # Once all have diverged nothing will change any more.
        now = {e for e in chunk.snapshots if e == epoch + 1 or (last and e > epoch)}
        if now:
            for kept, values in zip(snapshots, program.values()[:wanted], strict=True):
                kept.update(dict.fromkeys(now, values))
        if last:
            break
    trained = program.finish()
    test_loss, test_accuracy = program.evaluate(*test)
    gone = diverged > 0
    test_loss, test_accuracy = (np.where(gone, np.nan, a) for a in (test_loss, test_accuracy))
    return Outcome(
        train_loss=history[0, :wanted],
        val_loss=history[1, :wanted],
        val_accuracy=history[2, :wanted],
        test_loss=test_loss[:wanted],
        test_accuracy=test_accuracy[:wanted],
        diverged=diverged[:wanted],
        weights=trained[:wanted] if chunk.keep_values else [],
        snapshots=snapshots,
        epoch_seconds=seconds,
    )


def joined(outcomes: Sequence[Outcome]) -> Outcome:
    """Return the outcomes of a chunk's parts as one; how they were trained is the first's."""
    arrays: dict[str, Any] = {
        name: np.concatenate([getattr(outcome, name) for outcome in outcomes]) for name in ARRAYS
    }
    return dataclasses.replace(
        outcomes[0],
        **arrays,
        weights=[weights for outcome in outcomes for weights in outcome.weights],
        snapshots=[kept for outcome in outcomes for kept in outcome.snapshots],
        epoch_seconds=[second for outcome in outcomes for second in outcome.epoch_seconds],
        seconds=sum(outcome.seconds for outcome in outcomes),
    )


def _check_alike(values: Values, first: Values, seed: int, first_seed: int) -> None:
    shapes, expected = ([[a.shape for a in part] for part in pair] for pair in (values, first))
    if shapes != expected:
        raise ValueError(
            "`build` must return the same architecture for every seed. Received: other variables "
            f"for seed {seed} than for seed {first_seed}"
        )


def _listed(values: Iterable[Any]) -> str:
    texts = [f"{value:g}" if isinstance(value, float) else str(value) for value in values]
    if len(texts) > _LONGEST_LIST:
        texts = [*texts[:2], "...", texts[-1]]
    return ", ".join(texts)
