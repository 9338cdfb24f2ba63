"""What an expert would write instead: JAX, vmap over replicas, lax.scan over steps.

The same networks as `networks`, with batch normalization before the activation, SGD with momentum
and moving statistics. Nothing general: one file, one purpose, no other optimizer.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.networks import Case

MOMENTUM, MOVING, EPSILON = 0.9, 0.99, 1e-3


def initial(case: Case, key: Any) -> tuple[list[Any], list[Any]]:
    """Return parameters and moving statistics of one replica."""
    width = case.dataset.input_shape[-1]
    parameters, moving = [], []
    for units in case.hidden:
        key, own = jax.random.split(key)
        shape = (3, 3, width, units) if case.conv else (width, units)
        fan = np.prod(shape[:-1])
        parameters.append(
            (jax.random.normal(own, shape) / np.sqrt(fan), jnp.ones(units), jnp.zeros(units))
        )
        moving.append((jnp.zeros(units), jnp.ones(units)))
        width = units
    classes = case.dataset.num_classes
    parameters.append(
        (jax.random.normal(key, (width, classes)) / np.sqrt(width), jnp.zeros(classes))
    )
    return parameters, moving


def loss(case: Case, parameters: Any, moving: Any, batch: Any, key: Any) -> Any:
    """Return the mean cross-entropy of a mini-batch, and the new moving statistics."""
    x, y = batch
    activation = {"relu": jax.nn.relu, "tanh": jnp.tanh, "sigmoid": jax.nn.sigmoid}[case.activation]
    updated = []
    for index, ((kernel, gamma, beta), (mean_before, variance_before)) in enumerate(
        zip(parameters[:-1], moving, strict=True)
    ):
        if case.conv:
            x = jax.lax.conv_general_dilated(
                x, kernel, (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC")
            )
        else:
            x = x @ kernel
        axes = tuple(range(x.ndim - 1))
        mean, variance = x.mean(axes), x.var(axes)
        x = activation((x - mean) * jax.lax.rsqrt(variance + EPSILON) * gamma + beta)
        updated.append(
            (
                MOVING * mean_before + (1 - MOVING) * mean,
                MOVING * variance_before + (1 - MOVING) * variance,
            )
        )
        if case.dropout:
            keep = jax.random.bernoulli(jax.random.fold_in(key, index), 1 - case.dropout, x.shape)
            x = jnp.where(keep, x / (1 - case.dropout), 0.0)
        if case.conv and index < len(case.hidden) - 1:
            x = jax.lax.reduce_window(x, -jnp.inf, jax.lax.max, (1, 2, 2, 1), (1, 2, 2, 1), "SAME")
    if case.conv:
        x = x.mean((1, 2))
    kernel, bias = parameters[-1]
    scores = jax.nn.log_softmax(x @ kernel + bias)
    return -jnp.take_along_axis(scores, y[:, None], 1).mean(), updated


def epoch_of(case: Case, replicas: int) -> Callable[[Any], Any]:
    """Return a function that trains one epoch of all replicas, given row numbers by step."""
    x, y = jnp.asarray(case.dataset.x_train), jnp.asarray(case.dataset.y_train)
    keys = jax.random.split(jax.random.PRNGKey(0), replicas)
    parameters, moving = jax.vmap(lambda key: initial(case, key))(keys)
    velocity = jax.tree.map(jnp.zeros_like, parameters)
    rates = jnp.full(replicas, 0.05)

    def one(state: Any, rows: Any, key: Any, rate: Any) -> Any:
        parameters, velocity, moving = state
        (value, moving), gradient = jax.value_and_grad(
            lambda p: loss(case, p, moving, (x[rows], y[rows]), key), has_aux=True
        )(parameters)
        velocity = jax.tree.map(lambda v, g: MOMENTUM * v - rate * g, velocity, gradient)
        return (jax.tree.map(jnp.add, parameters, velocity), velocity, moving), value

    def step(carry: Any, rows: Any) -> Any:
        state, keys = carry
        own = jax.vmap(jax.random.split)(keys)
        state, values = jax.vmap(one)(state, rows, own[:, 0], rates)
        return (state, own[:, 1]), values

    @jax.jit
    def epoch(carry: Any, full: Any) -> Any:
        return jax.lax.scan(step, carry, full)

    carry = ((parameters, velocity, moving), keys)

    def train(full: Any) -> Any:
        nonlocal carry
        carry, values = epoch(carry, full)
        return np.asarray(values)

    return train
