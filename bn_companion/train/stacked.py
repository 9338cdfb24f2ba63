"""Many replicas of one architecture in one program: stacked, vectorised, compiled by XLA."""

from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from bn_companion.train.optimizers import Rule
from bn_companion.train.program import Forward, Values, graph_of

__all__ = ["StackedProgram"]

Array = npt.NDArray[Any]


class StackedProgram(Forward):
    """Replicas stacked along a new first axis, vectorised and compiled by XLA as one program.

    Parameters
    ----------
    model : keras.Model
        The architecture; its own numbers are neither used nor changed.
    replicas : int
        How many copies train side by side.
    rule : Rule
        The optimizer; it must have passed `check_stackable`.
    loss : callable
        A Keras loss.
    fallback : bool
        Whether operations without a vectorised form may run in a loop over the replicas.
    """

    def __init__(self, model: Any, replicas: int, rule: Rule, loss: Any, *, fallback: bool) -> None:
        super().__init__(model, loss)
        self.replicas, self.fallback = replicas, fallback
        self._trainable = [self._stack(variable) for variable in model.trainable_variables]
        self._others = [self._stack(variable) for variable in model.non_trainable_variables]
        self._constraints = [
            getattr(variable, "constraint", None) for variable in model.trainable_variables
        ]
        self._rates = tf.Variable(tf.zeros([replicas]), trainable=False)
        # One optimizer a variable: its learning rate then has the variable's own rank, and
        # Keras's `apply` can be used whole, with weight decay and clipping by value.
        self._optimizers = [self._optimizer(rule, variable) for variable in self._trainable]
        self._fresh = [
            [np.asarray(variable) for variable in optimizer.variables]
            for optimizer in self._optimizers
        ]
        # XLA compiles the loop that does nearly all of the work. What happens once an epoch runs
        # as a plain graph: it would gain less than its compilation costs.
        self._full = graph_of(self._train_full, jit_compile=True)
        self._rest = graph_of(self._train_rest)
        self._end = graph_of(self._settle)
        self._score = graph_of(self._evaluate)

    def _stack(self, variable: Any) -> Any:
        shape = (self.replicas, *variable.shape)
        return keras.Variable(
            np.zeros(shape, keras.backend.standardize_dtype(variable.dtype)),
            dtype=variable.dtype,
            trainable=variable.trainable,
            name=variable.name,
        )

    def _optimizer(self, rule: Rule, variable: Any) -> keras.optimizers.Optimizer:
        shape = [self.replicas] + [1] * (len(variable.shape) - 1)
        optimizer = rule.make(lambda: tf.reshape(self._rates, shape))
        optimizer.build([variable])
        return optimizer

    def start(self, values: Sequence[Values], rates: Sequence[float]) -> None:
        """See `Program.start`."""
        for kind, variables in enumerate((self._trainable, self._others)):
            for index, variable in enumerate(variables):
                variable.assign(np.stack([replica[kind][index] for replica in values]))
        self._rates.assign(np.asarray(rates, np.float32))
        for optimizer, fresh in zip(self._optimizers, self._fresh, strict=True):
            for variable, initial in zip(optimizer.variables, fresh, strict=True):
                variable.assign(initial)

    def _map(self, function: Callable[[Any], Any], arguments: Any) -> Any:
        return tf.vectorized_map(function, arguments, fallback_to_while_loop=self.fallback)

    def _now(self) -> tuple[list[Any], list[Any]]:
        return (
            [tf.convert_to_tensor(variable.value) for variable in self._trainable],
            [tf.convert_to_tensor(variable.value) for variable in self._others],
        )

    def _step(self, x: Any, y: Any) -> Any:
        """One mini-batch (replica, batch, ...): update everything, return the loss (replica,)."""
        reached: list[int] = []

        def one(arguments: Any) -> Any:
            trainable, others, rows, labels = arguments
            # The tape stands inside the map: the gradient of the vectorised forward pass, taken
            # outside of it, was measured to be fifty times slower.
            with tf.GradientTape() as tape:
                tape.watch(trainable)
                outputs, others, losses = self.model.stateless_call(
                    trainable, others, rows, return_losses=True, **self.training
                )
                loss = tf.add_n([self.loss(labels, outputs), *losses])
            gradients = tape.gradient(loss, trainable)
            reached[:] = [i for i, gradient in enumerate(gradients) if gradient is not None]
            return loss, others, [gradients[i] for i in reached]

        trainable, others = self._now()
        loss, others, gradients = self._map(one, (trainable, others, x, y))
        for index, gradient in zip(reached, gradients, strict=True):
            variable, constraint = self._trainable[index], self._constraints[index]
            self._optimizers[index].apply([gradient], [variable])
            if constraint is not None:
                variable.assign(self._map(constraint, tf.convert_to_tensor(variable.value)))
        for variable, value in zip(self._others, others, strict=True):
            variable.assign(value)
        return tf.cast(loss, tf.float32)

    def _train_full(self, x: Any, y: Any, full: Any) -> Any:
        def body(step: Any, total: Any) -> tuple[Any, Any]:
            rows = full[step]
            return step + 1, total + self._step(tf.gather(x, rows), tf.gather(y, rows))

        return tf.while_loop(
            lambda step, _: step < full.shape[0],
            body,
            (tf.constant(0), tf.zeros([self.replicas])),
        )[1]

    def _train_rest(self, x: Any, y: Any, rest: Any) -> Any:
        return self._step(tf.gather(x, rest), tf.gather(y, rest))

    def _settle(self, before: list[Any], loss: Any, alive: Any) -> Any:
        """Put back what did not stay finite; return which replicas did."""
        finite = alive & tf.math.is_finite(loss)
        variables = [*self._trainable, *self._others]
        for variable in variables:
            if variable.value.dtype.is_floating:
                axes = list(range(1, len(variable.shape)))
                finite &= tf.reduce_all(tf.math.is_finite(variable.value), axis=axes)
        for variable, value in zip(variables, before, strict=True):
            keep = tf.reshape(finite, [self.replicas] + [1] * (len(variable.shape) - 1))
            variable.assign(tf.where(keep, variable.value, value))
        return finite

    def train_epoch(
        self, x: Any, y: Any, full: Array, rest: Array, alive: Array
    ) -> tuple[Array, Array]:
        """See `Program.train_epoch`."""
        trainable, others = self._now()
        steps, _, size = full.shape
        last = rest.shape[1]
        total = self._full(x, y, tf.constant(full)) * size
        if last:
            total += self._rest(x, y, tf.constant(rest)) * last
        loss = total / (steps * size + last)
        finite = self._end([*trainable, *others], loss, tf.constant(alive))
        return loss.numpy(), finite.numpy()

    def _evaluate(self, x: Any, y: Any, weight: Any) -> Any:
        trainable, others = self._now()

        def body(block: Any, total: Any) -> tuple[Any, Any]:
            rows, labels, weights = x[block], y[block], weight[block]

            def one(arguments: Any) -> Any:
                outputs, _, losses = self.model.stateless_call(
                    *arguments, rows, return_losses=True, **self.inference
                )
                return self.scores(outputs, losses, labels, weights)

            return block + 1, total + self._map(one, (trainable, others))

        _, total = tf.while_loop(
            lambda block, _: block < x.shape[0],
            body,
            (tf.constant(0), tf.zeros([self.replicas, 2])),
        )
        return total / tf.reduce_sum(weight)

    def evaluate(self, x: Any, y: Any, weight: Any) -> tuple[Array, Array]:
        """See `Program.evaluate`."""
        loss, accuracy = self._score(x, y, weight).numpy().T
        return loss, accuracy

    def finish(self) -> list[Values]:
        """See `Program.finish`."""
        for optimizer, variable in zip(self._optimizers, self._trainable, strict=True):
            optimizer.finalize_variable_values([variable])
        return self.values()

    def values(self) -> list[Values]:
        """See `Program.values`."""
        trainable, others = (
            [np.asarray(variable) for variable in variables]
            for variables in (self._trainable, self._others)
        )
        return [
            ([value[i] for value in trainable], [value[i] for value in others])
            for i in range(self.replicas)
        ]
