"""One model at a time: a compiled loop over its steps, for what does not vectorise."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from bn_companion.train.optimizers import Rule
from bn_companion.train.program import Forward, Values, graph_of, values_of

__all__ = ["SingleProgram"]

Array = npt.NDArray[Any]


class SingleProgram(Forward):
    """One model at a time in a compiled loop over its steps, without XLA.

    For operations that do not vectorise over weights, above all convolutions: XLA's convolutions
    on a CPU were measured two to three times slower than TensorFlow's own kernels.

    Parameters
    ----------
    model : keras.Model
        The architecture; the program keeps the model and overwrites its numbers.
    rule : Rule
        Any optimizer: with one model, element-wise or not makes no difference.
    loss : callable
        A Keras loss.
    """

    replicas = 1

    def __init__(self, model: Any, rule: Rule, loss: Any) -> None:
        super().__init__(model, loss)
        self._variables = [*model.trainable_variables, *model.non_trainable_variables]
        self._rate = tf.Variable(0.0, trainable=False)
        self._optimizer = rule.make(self._rate.read_value)
        self._optimizer.build(model.trainable_variables)
        self._fresh = [np.asarray(variable) for variable in self._optimizer.variables]
        self._train = graph_of(self._train_epoch)
        self._score = graph_of(self._evaluate)

    def start(self, values: Sequence[Values], rates: Sequence[float]) -> None:
        """See `Program.start`."""
        ((trainable, others),) = values
        for variable, value in zip(self._variables, [*trainable, *others], strict=True):
            variable.assign(value)
        self._rate.assign(rates[0])
        for variable, initial in zip(self._optimizer.variables, self._fresh, strict=True):
            variable.assign(initial)

    def _step(self, x: Any, y: Any) -> Any:
        with tf.GradientTape() as tape:
            outputs = self.model(x, **self.training)
            loss = tf.add_n([self.loss(y, outputs), *self.model.losses])
            scaled = self._optimizer.scale_loss(loss)
        trainable = self.model.trainable_variables
        self._optimizer.apply(tape.gradient(scaled, trainable), trainable)
        return tf.cast(loss, tf.float32)

    def _train_epoch(self, x: Any, y: Any, full: Any, rest: Any, alive: Any) -> tuple[Any, Any]:
        before = [tf.identity(variable.value) for variable in self._variables]
        steps, size, last = full.shape[0], full.shape[1], rest.shape[0]

        def body(step: Any, total: Any) -> tuple[Any, Any]:
            rows = full[step]
            return step + 1, total + self._step(tf.gather(x, rows), tf.gather(y, rows))

        # Keras may build state inside the first call; one loop variable is all that flows.
        _, total = tf.while_loop(lambda step, _: step < steps, body, (tf.constant(0), 0.0))
        total = total * size
        if last:
            total += self._step(tf.gather(x, rest), tf.gather(y, rest)) * last
        loss = total / (steps * size + last)
        finite = alive & tf.math.is_finite(loss)
        for variable in self._variables:
            if variable.value.dtype.is_floating:
                finite &= tf.reduce_all(tf.math.is_finite(variable.value))
        for variable, value in zip(self._variables, before, strict=True):
            variable.assign(tf.where(finite, variable.value, value))
        return loss, finite

    def train_epoch(
        self, x: Any, y: Any, full: Array, rest: Array, alive: Array
    ) -> tuple[Array, Array]:
        """See `Program.train_epoch`."""
        loss, finite = self._train(
            x, y, tf.constant(full[:, 0]), tf.constant(rest[0]), tf.constant(alive[0])
        )
        return loss.numpy()[np.newaxis], finite.numpy()[np.newaxis]

    def _evaluate(self, x: Any, y: Any, weight: Any) -> Any:
        def body(block: Any, total: Any) -> tuple[Any, Any]:
            outputs = self.model(x[block], **self.inference)
            return block + 1, total + self.scores(
                outputs, self.model.losses, y[block], weight[block]
            )

        _, total = tf.while_loop(
            lambda block, _: block < x.shape[0], body, (tf.constant(0), tf.zeros([2]))
        )
        return total / tf.reduce_sum(weight)

    def evaluate(self, x: Any, y: Any, weight: Any) -> tuple[Array, Array]:
        """See `Program.evaluate`."""
        loss, accuracy = self._score(x, y, weight).numpy()
        return loss[np.newaxis], accuracy[np.newaxis]

    def values(self) -> list[Values]:
        """See `Program.values`."""
        return [values_of(self.model)]

    def finish(self) -> list[Values]:
        """See `Program.finish`."""
        self._optimizer.finalize_variable_values(self.model.trainable_variables)
        return self.values()
