"""Random numbers of many replicas: each one's own, as TensorFlow would draw them alone."""

import numpy as np
import pytest
import tensorflow as tf
from scipy import stats

from bn_companion.train.philox import (
    philox,
    register_random_converters,
    stacked_key_counter,
    stacked_uniform,
)

SEEDS = tf.constant([[7, 3], [12345678, 1], [-5, 2], [7, 4]], tf.int32)


# --- oracle ---


@pytest.mark.parametrize(
    ("counter", "key", "expected"),
    [
        (0, 0, "6627e8d5 e169c58d bc57ac4c 9b00dbd8"),
        (0xFFFFFFFF, 0xFFFFFFFF, "408f276d 41c83b0e a20bc7c6 6d5451fd"),
    ],
)
def test_published_vectors(counter, key, expected):
    counter, key = (tf.constant([word], tf.uint64) for word in (counter, key))
    words = philox([counter] * 4, [key] * 2)
    assert " ".join(f"{int(word[0]):08x}" for word in words) == expected


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("shape", [(5, 7), (1,), (3, 4, 4)])
def test_numbers_are_those_of_tensorflow(compiled, shape):
    expected = np.stack([tf.random.stateless_uniform(shape, seed=seed) for seed in SEEDS])

    @tf.function(jit_compile=compiled)
    def draw():
        return stacked_uniform(shape, *stacked_key_counter(SEEDS))

    np.testing.assert_array_equal(draw().numpy(), expected)


DRAWS = {
    "uniform": lambda seed: tf.random.stateless_uniform([6], seed=seed),
    "half": lambda seed: tf.random.stateless_uniform([6], seed=seed, dtype=tf.float16),
    "normal": lambda seed: tf.random.stateless_normal([6], seed=seed),
    "truncated": lambda seed: tf.random.stateless_truncated_normal([6], seed=seed),
    "integers": lambda seed: tf.random.stateless_uniform(
        [6], seed=seed, minval=None, maxval=None, dtype=tf.int32
    ),
}


@pytest.mark.parametrize("kind", DRAWS)
def test_a_map_draws_what_each_replica_would_draw_alone(kind):
    assert register_random_converters()
    draw = DRAWS[kind]
    mapped = tf.function(lambda: tf.vectorized_map(draw, SEEDS, fallback_to_while_loop=False))()
    np.testing.assert_array_equal(mapped.numpy(), np.stack([draw(seed) for seed in SEEDS]))


# --- honest dropout ---


def test_masks_are_uniform_and_independent_between_replicas_and_steps():
    seeds = tf.constant([[replica, step] for replica in range(8) for step in range(8)], tf.int32)
    numbers = stacked_uniform((1000,), *stacked_key_counter(seeds)).numpy()
    assert stats.kstest(numbers.ravel(), "uniform").pvalue > 0.01
    kept = numbers >= 0.5
    share = kept.mean(axis=1)
    assert stats.chisquare(kept.sum(axis=1)).pvalue > 0.01 or abs(share - 0.5).max() < 0.06
    correlation = np.corrcoef(kept)
    apart = correlation[np.triu_indices(len(seeds), 1)]
    # 2016 correlations of 1000 fair coins: standard deviation 1/sqrt(1000).
    assert abs(apart).max() < 4.5 / np.sqrt(1000)
    assert apart.std() == pytest.approx(1 / np.sqrt(1000), rel=0.1)


def test_without_the_registry_nothing_is_registered(monkeypatch):
    from tensorflow.python.ops.parallel_for import pfor

    monkeypatch.delattr(pfor, "_pfor_converter_registry")
    assert not register_random_converters()
