"""What a compiled training program does, whichever way the work reaches the processor.

Every program follows `model.fit`: mean loss of each mini-batch plus the model's own losses, the
last batch of an epoch smaller where the data do not divide, moving statistics and seed generators
advanced by every step. `stacked` trains many replicas at once, `single` one model at a time.
"""

import functools
import inspect
import math
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from bn_companion.train.loss import correct_for

__all__ = ["Forward", "Program", "Values", "graph_of", "padded_blocks", "values_of"]

Array = npt.NDArray[Any]
#: The numbers of one model: trainable variables, then all others, seed generators included.
Values = tuple[list[Array], list[Array]]
# Rows that an evaluation handles at once: large enough for the processor, small in memory.
_EVALUATION_ROWS = 1024


class Program(Protocol):
    """What the engine asks of a compiled program."""

    def start(self, values: Sequence[Values], rates: Sequence[float]) -> None:
        """Take initial values and learning rates, one a replica, with fresh optimizers."""

    replicas: int

    def train_epoch(
        self, x: Any, y: Any, full: Array, rest: Array, alive: Array
    ) -> tuple[Array, Array]:
        """Train one epoch; return mean loss and whether all stayed finite, (replica,) each.

        `full` (step, replica, batch) and `rest` (replica, last batch) index the rows of `x`. A
        replica that is not `alive`, or did not stay finite, keeps the numbers that it had before.
        """

    def evaluate(self, x: Any, y: Any, weight: Any) -> tuple[Array, Array]:
        """Return loss and accuracy (replica,) on `padded_blocks` of data."""

    def values(self) -> list[Values]:
        """Return the present numbers of every replica."""

    def finish(self) -> list[Values]:
        """Let the optimizer have its last word; return the trained numbers of every replica."""


def graph_of(function: Callable[..., Any], *, jit_compile: bool = False) -> Any:
    """Return `function` as a TensorFlow graph of its own.

    TensorFlow counts how often a piece of code is traced and warns when that seems too often. Every
    architecture traces the same methods once, which is as it should be: behind a `partial` each
    has its own count.
    """
    return tf.function(functools.partial(function), jit_compile=jit_compile, autograph=False)


def values_of(model: Any) -> Values:
    """Return the numbers of all variables of `model`."""
    return (
        [np.asarray(variable) for variable in model.trainable_variables],
        [np.asarray(variable) for variable in model.non_trainable_variables],
    )


def padded_blocks(x: Array, y: Array, rows: int) -> tuple[Any, Any, Any]:
    """Return `x`, `y` and weights as blocks (block, row, ...) with `rows` rows in all or more.

    Rows beyond the data carry weight 0, so that parts of unlike size share one compiled program.
    """
    blocks = math.ceil(rows / _EVALUATION_ROWS)
    size = math.ceil(rows / blocks)
    missing = blocks * size - len(x)
    weight = np.concatenate([np.ones(len(x), np.float32), np.zeros(missing, np.float32)])
    x = np.concatenate([x, np.zeros((missing, *x.shape[1:]), x.dtype)])
    y = np.concatenate([y, np.zeros(missing, y.dtype)])
    return (
        tf.constant(x.reshape(blocks, size, *x.shape[1:])),
        tf.constant(y.reshape(blocks, size)),
        tf.constant(weight.reshape(blocks, size)),
    )


class Forward:
    """The forward passes that both programs share."""

    def __init__(self, model: Any, loss: Any) -> None:
        self.model, self.loss, self.correct = model, loss, correct_for(model)
        takes_training = "training" in inspect.signature(model.call).parameters
        self.training = {"training": True} if takes_training else {}
        self.inference = {"training": False} if takes_training else {}

    def scores(self, outputs: Any, losses: Any, y: Any, weight: Any) -> Any:
        """Return sums over a block, loss and count of correct rows, as one tensor (2,)."""
        rows = tf.cast(tf.shape(y)[0], tf.float32)
        own = tf.add_n([tf.constant(0.0), *losses]) * tf.reduce_sum(weight)
        loss = tf.cast(self.loss(y, outputs, sample_weight=weight), tf.float32) * rows + own
        return tf.stack([loss, tf.reduce_sum(self.correct(y, outputs) * weight)])
