"""batch_norm_inference and update_moving: oracle, invariance, rejection."""

import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import bn_companion as bn

SHAPES = [((7, 3), -1), ((4, 5, 3), 1), ((3, 4, 5, 2), -1), ((3, 4, 5, 2), 1)]


def statistics(channels, seed=0):
    rng = np.random.default_rng(seed)
    return {
        "gamma": rng.uniform(-2, 2, channels),
        "beta": rng.normal(size=channels),
        "moving_mean": rng.normal(size=channels),
        "moving_variance": rng.uniform(0, 4, channels),
    }


# --- oracle ---


@pytest.mark.parametrize(("shape", "axis"), SHAPES)
def test_inference_equals_keras(shape, axis):
    x = np.random.default_rng(1).normal(size=shape)
    values = statistics(shape[axis])
    layer = keras.layers.BatchNormalization(axis=axis, dtype="float64")
    layer.build(shape)
    for name, value in values.items():
        getattr(layer, name).assign(value)
    y = bn.batch_norm_inference(x, **values, axis=axis)
    np.testing.assert_allclose(y, layer(x, training=False), rtol=1e-12, atol=1e-12)
    assert y.dtype == np.float64


@pytest.mark.parametrize(("shape", "axis"), SHAPES)
@pytest.mark.parametrize("momentum", [0.0, 0.9, 0.99])
def test_moving_statistics_follow_keras_over_several_batches(shape, axis, momentum):
    rng = np.random.default_rng(2)
    channels = shape[axis]
    layer = keras.layers.BatchNormalization(axis=axis, momentum=momentum, dtype="float64")
    layer.build(shape)
    mean, variance = np.zeros(channels), np.ones(channels)
    for _ in range(4):
        x = rng.normal(3, 2, shape)
        layer(x, training=True)
        _, cache = bn.batch_norm_forward(x, np.ones(channels), np.zeros(channels), axis=axis)
        mean = bn.update_moving(mean, cache.mean, momentum=momentum)
        variance = bn.update_moving(variance, cache.variance, momentum=momentum)
        np.testing.assert_allclose(mean, layer.moving_mean, rtol=1e-12, atol=1e-14)
        np.testing.assert_allclose(variance, layer.moving_variance, rtol=1e-12, atol=1e-14)


def test_by_hand():
    y = bn.batch_norm_inference([[7.0], [3.0]], [2.0], [1.0], [3.0], [3.0], epsilon=1.0)
    assert y.tolist() == [[5.0], [1.0]]
    assert bn.update_moving([0.0, 1.0], [8.0, 5.0], momentum=0.75).tolist() == [2.0, 2.0]
    assert bn.update_moving(4.0, 8.0, momentum=0.5).tolist() == 6.0


# --- invariance ---


def test_the_statistics_of_the_batch_give_the_training_output():
    x = np.random.default_rng(3).normal(5, 3, (64, 3))
    gamma, beta = np.array([1.0, 2.0, -3.0]), np.array([0.0, 1.0, 2.0])
    y, cache = bn.batch_norm_forward(x, gamma, beta)
    again = bn.batch_norm_inference(x, gamma, beta, cache.mean, cache.variance)
    np.testing.assert_allclose(again, y, atol=1e-12)


def test_inference_treats_every_example_alone():
    x = np.random.default_rng(4).normal(size=(6, 3))
    values = statistics(3)
    together = bn.batch_norm_inference(x, **values)
    alone = [bn.batch_norm_inference(row[None], **values)[0] for row in x]
    np.testing.assert_array_equal(together, alone)


@given(
    momentum=st.floats(0, 1, exclude_max=True),
    old=st.floats(-1e300, 1e300),
    new=st.floats(-1e300, 1e300),
)
def test_the_new_value_lies_between_the_old_one_and_the_batch(momentum, old, new):
    moved = bn.update_moving(old, new, momentum=momentum)
    slack = 1e-15 * max(abs(old), abs(new))
    assert min(old, new) - slack <= moved <= max(old, new) + slack


def test_a_statistic_that_does_not_change_is_approached_geometrically():
    value = np.zeros(1)
    for _ in range(50):
        value = bn.update_moving(value, [1.0], momentum=0.9)
    np.testing.assert_allclose(value, 1 - 0.9**50, rtol=1e-12)


def test_nothing_that_is_passed_in_changes():
    moving, batch = np.array([1.0]), np.array([2.0])
    new = bn.update_moving(moving, batch, momentum=0.0)
    new[:] = 99
    assert (moving.tolist(), batch.tolist()) == ([1.0], [2.0])


# --- rejection ---


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"moving_mean": [0.0]}, ValueError, r"`moving_mean` must have shape \(2,\).*\(1,\)"),
        ({"moving_variance": 1.0}, ValueError, r"`moving_variance` must have shape \(2,\).*\(\)"),
        (
            {"moving_variance": [1.0, -0.5]},
            ValueError,
            "`moving_variance` must not be negative. Received: smallest value -0.5",
        ),
        (
            {"moving_variance": [1.0, 0.0], "epsilon": 0},
            ValueError,
            "`epsilon` must be positive where a moving variance is zero. Received: 0",
        ),
        ({"gamma": ["a", "b"]}, TypeError, "`gamma` must be an array of real numbers"),
        ({"beta": [0.0]}, ValueError, r"`beta` must have shape \(2,\)"),
        ({"x": [1.0]}, ValueError, "`x` must have an axis of examples"),
        ({"axis": 5}, ValueError, r"`axis` must lie in \[-2, 2\)"),
        ({"axis": (0,)}, TypeError, "`axis` must be one integer"),
        ({"epsilon": -1}, ValueError, "`epsilon` must not be negative. Received: -1"),
        ({"epsilon": None}, TypeError, "`epsilon` must be a number. Received: None"),
    ],
)
def test_inference_names_the_faulty_argument(change, error, message):
    good = {
        "x": np.ones((3, 2)),
        "gamma": [1.0, 1.0],
        "beta": [0.0, 0.0],
        "moving_mean": [0.0, 0.0],
        "moving_variance": [1.0, 1.0],
    }
    with pytest.raises(error, match=message) as caught:
        bn.batch_norm_inference(**(good | change))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("arguments", "momentum", "error", "message"),
    [
        (([0.0], [1.0]), 1.5, ValueError, r"`momentum` must lie in \[0, 1\). Received: 1.5"),
        (([0.0], [1.0]), 1.0, ValueError, r"`momentum` must lie in \[0, 1\). Received: 1.0"),
        (([0.0], [1.0]), -0.1, ValueError, r"`momentum` must lie in \[0, 1\). Received: -0.1"),
        (([0.0], [1.0]), "most", TypeError, "`momentum` must be a number. Received: 'most'"),
        (([0.0], [1.0, 2.0]), 0.9, ValueError, r"`batch` must have the shape.*\(1,\).*\(2,\)"),
        ((["a"], [1.0]), 0.9, TypeError, "`moving` must be an array of real numbers"),
        (([0.0], [None]), 0.9, TypeError, "`batch` must be an array of real numbers"),
    ],
)
def test_update_moving_names_the_faulty_argument(arguments, momentum, error, message):
    with pytest.raises(error, match=message):
        bn.update_moving(*arguments, momentum=momentum)
