"""batch_norm_forward and batch_norm_backward: oracle, invariance, rejection."""

import dataclasses
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

import bn_companion as bn
from bn_companion.reference.transform import batch_norm_backward_in_steps

ROOT = Path(__file__).parents[2]

SHAPES = [(7, 3), (4, 5, 3), (3, 4, 5, 2), (2, 3, 2, 3, 2)]
# Every axis as that of the channels, counted from the front; the last also from the back.
CASES = [(shape, axis) for shape in SHAPES for axis in [*range(len(shape)), -1]]


def arguments(shape, axis, seed=0, *, loc=3.0):
    """An input, gamma, beta and a gradient with respect to the output."""
    rng = np.random.default_rng(seed)
    channels = shape[axis]
    return (
        rng.normal(loc, 2.0, shape),
        rng.uniform(-2, 2, channels),
        rng.normal(size=channels),
        rng.normal(size=shape),
    )


def keras_layer(x, gamma, beta, *, axis=-1, epsilon=1e-3, dtype="float64"):
    layer = keras.layers.BatchNormalization(axis=axis, epsilon=epsilon, dtype=dtype)
    layer.build(x.shape)
    layer.gamma.assign(gamma)
    layer.beta.assign(beta)
    return layer


def relative_error(a, b):
    return np.linalg.norm(a - b) / (np.linalg.norm(a) + np.linalg.norm(b))


def central_differences(loss, value, step=1e-4):
    """Gradient of `loss` by two evaluations a coordinate, taken in place in a copy."""
    value = np.array(value, float)
    gradient = np.zeros_like(value)
    for at in np.ndindex(*value.shape):
        kept = value[at]
        value[at] = kept + step
        above = loss(value)
        value[at] = kept - step
        gradient[at] = (above - loss(value)) / (2 * step)
        value[at] = kept
    return gradient


# --- oracle: numbers that can be worked out by hand ---


def test_two_examples_become_minus_one_and_one():
    y, cache = bn.batch_norm_forward([[1.0, -4.0], [3.0, 4.0]], [1, 1], [0, 0], epsilon=0)
    assert y.tolist() == [[-1, -1], [1, 1]]
    assert cache.mean.tolist() == [2, 0]
    assert cache.variance.tolist() == [1, 16]  # biased: 2 and 32 would be unbiased


def test_epsilon_is_added_to_the_variance_and_not_to_the_deviation():
    y, cache = bn.batch_norm_forward([[1.0], [3.0]], [1], [0], epsilon=3.0)
    assert cache.std.tolist() == [2]
    assert y.tolist() == [[-0.5], [0.5]]


def test_gamma_scales_and_beta_shifts_after_the_normalization():
    y, _ = bn.batch_norm_forward([[1.0, 1.0], [3.0, 3.0]], [10, -1], [5, 0.5], epsilon=0)
    assert y.tolist() == [[-5, 1.5], [15, -0.5]]


def test_backward_of_three_examples_by_hand():
    """x = -1, 0, 1 has mean 0 and variance 2/3, so that x_hat = x / std."""
    _, cache = bn.batch_norm_forward([[-1.0], [0.0], [1.0]], [2], [0], epsilon=0)
    dx, dgamma, dbeta = bn.batch_norm_backward([[1.0], [0.0], [0.0]], cache)
    std = np.sqrt(2 / 3)
    np.testing.assert_allclose(dbeta, [1], rtol=1e-15)
    np.testing.assert_allclose(dgamma, [-1 / std], rtol=1e-15)
    expected = 2 / std * (np.array([1, 0, 0]) - 1 / 3 - np.array([-1, 0, 1]) * -1 / 2)
    np.testing.assert_allclose(dx[:, 0], expected, atol=1e-15)


def test_a_batch_of_one_gives_beta_and_no_gradient():
    y, cache = bn.batch_norm_forward([[4.0, 1e30]], [2, 3], [0.25, -7])
    assert y.tolist() == [[0.25, -7]]
    assert cache.variance.tolist() == [0, 0]
    dx, dgamma, dbeta = bn.batch_norm_backward([[1.0, 5.0]], cache)
    assert dx.tolist() == [[0, 0]]
    assert dgamma.tolist() == [0, 0]
    assert dbeta.tolist() == [1, 5]


@pytest.mark.parametrize("constant", [0.0, 0.1, -1 / 3, 1e17, 1e300, 5e-324])
@pytest.mark.parametrize("m", [2, 7, 1000])
def test_a_constant_channel_gives_beta_exactly(constant, m):
    """0.1 has no exact sum; its mean must all the same be the number itself."""
    y, cache = bn.batch_norm_forward(np.full((m, 1), constant), [2], [0.5])
    assert (y == 0.5).all()
    assert cache.mean.tolist() == [constant]
    assert cache.variance.tolist() == [0]
    dx, _, _ = bn.batch_norm_backward(np.arange(m)[:, None], cache)
    assert np.isfinite(dx).all()


# --- oracle: Keras, GradientTape, central differences ---


@pytest.mark.parametrize(("shape", "axis"), CASES)
def test_forward_equals_keras(shape, axis):
    x, gamma, beta, _ = arguments(shape, axis)
    y, cache = bn.batch_norm_forward(x, gamma, beta, axis=axis)
    layer = keras_layer(x, gamma, beta, axis=axis)
    np.testing.assert_allclose(y, layer(x, training=True), rtol=1e-12, atol=1e-12)
    over = tuple(i for i in range(x.ndim) if i != axis % x.ndim)
    np.testing.assert_allclose(cache.mean, x.mean(over), rtol=1e-14)
    np.testing.assert_allclose(cache.variance, x.var(over), rtol=1e-13)
    assert y.dtype == cache.mean.dtype == np.float64


@pytest.mark.parametrize("dtype", ["float16", "float32", "int16"])
def test_other_types_are_computed_in_float64(dtype):
    x, gamma, beta, _ = arguments((50, 3), -1)
    x = (10 * x).astype(dtype)
    y, _ = bn.batch_norm_forward(x, gamma.astype("float32"), beta.astype("float32"))
    assert y.dtype == np.float64
    exact, _ = bn.batch_norm_forward(
        x.astype(float), gamma.astype("float32"), beta.astype("float32")
    )
    np.testing.assert_array_equal(y, exact)
    layer = keras_layer(x, gamma, beta, dtype="float32")
    np.testing.assert_allclose(y, layer(x.astype("float32"), training=True), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(("shape", "axis"), [*CASES[:3], *CASES[7:12]])
@pytest.mark.parametrize("backward", [bn.batch_norm_backward, batch_norm_backward_in_steps])
def test_backward_equals_gradient_tape_through_keras(shape, axis, backward):
    x, gamma, beta, dy = arguments(shape, axis)
    _, cache = bn.batch_norm_forward(x, gamma, beta, axis=axis)
    layer = keras_layer(x, gamma, beta, axis=axis)
    variable = tf.Variable(x)
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(dy * layer(variable, training=True))
    expected = tape.gradient(loss, [variable, layer.gamma.value, layer.beta.value])
    for ours, theirs in zip(backward(dy, cache), expected, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize(("shape", "axis"), [((6, 3), -1), ((3, 2, 2, 2), 1), ((2, 3, 2), 0)])
def test_backward_equals_central_differences(shape, axis):
    x, gamma, beta, dy = arguments(shape, axis, seed=1)

    def loss(x=x, gamma=gamma, beta=beta):
        return (dy * bn.batch_norm_forward(x, gamma, beta, axis=axis)[0]).sum()

    _, cache = bn.batch_norm_forward(x, gamma, beta, axis=axis)
    dx, dgamma, dbeta = bn.batch_norm_backward(dy, cache)
    assert relative_error(dx, central_differences(lambda v: loss(x=v), x)) < 1e-7
    assert relative_error(dgamma, central_differences(lambda v: loss(gamma=v), gamma)) < 1e-7
    assert relative_error(dbeta, central_differences(lambda v: loss(beta=v), beta)) < 1e-7


def test_central_differences_notice_a_missing_term():
    """The check can fail: without the path through the variance the gradient is another."""
    x, gamma, beta, dy = arguments((6, 3), -1)
    _, cache = bn.batch_norm_forward(x, gamma, beta)
    dx_hat = gamma * dy
    wrong = (dx_hat - dx_hat.mean(0)) / cache.std
    right = central_differences(lambda v: (dy * bn.batch_norm_forward(v, gamma, beta)[0]).sum(), x)
    assert relative_error(wrong, right) > 1e-2


@settings(max_examples=50, deadline=None)
@given(
    shape=st.lists(st.integers(1, 5), min_size=2, max_size=4).map(tuple),
    axis=st.integers(-2, 1),
    seed=st.integers(0, 2**16),
    epsilon=st.sampled_from([1e-8, 1e-3, 1.0]),
)
def test_both_ways_to_write_dx_agree(shape, axis, seed, epsilon):
    x, gamma, beta, dy = arguments(shape, axis, seed)
    _, cache = bn.batch_norm_forward(x, gamma, beta, axis=axis, epsilon=epsilon)
    compact = bn.batch_norm_backward(dy, cache)
    in_steps = batch_norm_backward_in_steps(dy, cache)
    for one, other in zip(compact, in_steps, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-9 / epsilon**0.5)


@pytest.mark.parametrize("size", [1e-99, 1e99])
def test_both_ways_agree_as_far_as_the_longer_one_says(size):
    x, gamma, beta, dy = arguments((16, 3), -1)
    _, cache = bn.batch_norm_forward(size * x, gamma, beta, epsilon=0)
    compact, in_steps = (
        f(dy, cache)[0] for f in (bn.batch_norm_backward, batch_norm_backward_in_steps)
    )
    np.testing.assert_allclose(in_steps * size, compact * size, rtol=1e-8, atol=1e-10)


# --- invariance ---


@settings(max_examples=50, deadline=None)
@given(shift=st.floats(-1e6, 1e6), seed=st.integers(0, 2**16))
def test_a_shift_of_the_input_changes_nothing_but_the_mean(shift, seed):
    x, gamma, beta, dy = arguments((16, 3), -1, seed, loc=0.0)
    y, cache = bn.batch_norm_forward(x, gamma, beta)
    shifted, shifted_cache = bn.batch_norm_forward(x + shift, gamma, beta)
    np.testing.assert_allclose(shifted, y, atol=1e-8)
    np.testing.assert_allclose(shifted_cache.mean, cache.mean + shift, atol=1e-8)
    gradient, moved = (bn.batch_norm_backward(dy, c)[0] for c in (cache, shifted_cache))
    np.testing.assert_allclose(moved, gradient, atol=1e-8)


@settings(max_examples=50, deadline=None)
@given(exponent=st.integers(-1000, 1000), seed=st.integers(0, 2**16))
def test_a_power_of_two_changes_no_digit_without_epsilon(exponent, seed):
    x, gamma, beta, dy = arguments((16, 3), -1, seed, loc=0.0)
    y, cache = bn.batch_norm_forward(x, gamma, beta, epsilon=0)
    a = 2.0**exponent
    scaled, scaled_cache = bn.batch_norm_forward(a * x, gamma, beta, epsilon=0)
    np.testing.assert_array_equal(scaled, y)
    np.testing.assert_array_equal(scaled_cache.std, a * cache.std)
    dx, scaled_dx = (bn.batch_norm_backward(dy, c)[0] for c in (cache, scaled_cache))
    np.testing.assert_allclose(a * scaled_dx, dx, rtol=1e-14)  # the gradient shrinks by a


@settings(max_examples=30, deadline=None)
@given(factor=st.floats(1e-3, 1e3), negative=st.booleans(), seed=st.integers(0, 2**16))
def test_a_scale_of_the_input_leaves_the_output_but_for_its_sign(factor, negative, seed):
    x, gamma, beta, _ = arguments((16, 3), -1, seed, loc=0.0)
    sign = -1.0 if negative else 1.0
    y, _ = bn.batch_norm_forward(x, sign * gamma, beta, epsilon=0)
    scaled, _ = bn.batch_norm_forward(sign * factor * x, gamma, beta, epsilon=0)
    np.testing.assert_allclose(scaled, y, rtol=1e-10, atol=1e-10)


def test_the_output_has_mean_beta_and_deviation_gamma():
    x, gamma, beta, _ = arguments((1000, 3), -1)
    y, _ = bn.batch_norm_forward(x, gamma, beta, epsilon=0)
    np.testing.assert_allclose(y.mean(0), beta, atol=1e-13)
    np.testing.assert_allclose(y.std(0), np.abs(gamma), rtol=1e-13)


def test_gamma_and_beta_can_undo_it():
    x, *_ = arguments((40, 3), -1)
    _, cache = bn.batch_norm_forward(x, np.ones(3), np.zeros(3))
    y, _ = bn.batch_norm_forward(x, cache.std, cache.mean)
    np.testing.assert_allclose(y, x, rtol=1e-13)


def test_the_order_of_the_examples_does_not_matter():
    x, gamma, beta, dy = arguments((20, 3), -1)
    order = np.random.default_rng(1).permutation(20)
    y, cache = bn.batch_norm_forward(x, gamma, beta)
    again, other = bn.batch_norm_forward(x[order], gamma, beta)
    np.testing.assert_allclose(again, y[order], atol=1e-13)
    dx, permuted = (bn.batch_norm_backward(d, c)[0] for d, c in ((dy, cache), (dy[order], other)))
    np.testing.assert_allclose(permuted, dx[order], atol=1e-13)


def test_the_gradient_has_no_part_that_a_shift_or_a_scale_would_follow():
    x, gamma, beta, dy = arguments((20, 3), -1)
    _, cache = bn.batch_norm_forward(x, gamma, beta, epsilon=0)
    dx, _, _ = bn.batch_norm_backward(dy, cache)
    np.testing.assert_allclose(dx.sum(0), 0, atol=1e-13)
    np.testing.assert_allclose((dx * cache.x_hat).sum(0), 0, atol=1e-13)


def test_channels_do_not_touch_each_other():
    x, gamma, beta, dy = arguments((9, 4, 3), 1)
    y, cache = bn.batch_norm_forward(x, gamma, beta, axis=1)
    dx, _, _ = bn.batch_norm_backward(dy, cache)
    for c in range(4):
        alone, of_it = bn.batch_norm_forward(x[:, c].reshape(-1, 1), gamma[[c]], beta[[c]])
        np.testing.assert_allclose(y[:, c].ravel(), alone[:, 0], atol=1e-13)
        gradient, _, _ = bn.batch_norm_backward(dy[:, c].reshape(-1, 1), of_it)
        np.testing.assert_allclose(dx[:, c].ravel(), gradient[:, 0], atol=1e-13)


# --- how far it holds ---


@pytest.mark.parametrize("size", [1e-320, 1e-300, 1e-200, 1.0, 1e150, 1e200, 1e300, 1e307])
def test_huge_and_tiny_inputs_give_the_right_output(size):
    x, gamma, beta, dy = arguments((30, 3), -1, loc=0.0)
    x = x / np.abs(x).max()
    x_at_size = size * x
    x = x_at_size / size if size > 1e-310 else x_at_size * 2.0**1000  # as it rounds down there
    expected, reference = bn.batch_norm_forward(x, gamma, beta, epsilon=0)
    y, cache = bn.batch_norm_forward(x_at_size, gamma, beta, epsilon=0)
    np.testing.assert_allclose(y, expected, rtol=1e-12, atol=1e-12)
    assert np.isfinite(cache.mean).all()
    assert np.isfinite(cache.std).all()
    if size > 1e-300:  # below, the gradient itself exceeds the largest float64
        scale = cache.std / reference.std
        dx, _, _ = bn.batch_norm_backward(dy, cache)
        expected_dx, _, _ = bn.batch_norm_backward(dy, reference)
        np.testing.assert_allclose(dx * scale, expected_dx, rtol=1e-10, atol=1e-12)


def test_the_largest_numbers_of_float64_are_no_exception():
    largest = np.finfo(float).max
    y, cache = bn.batch_norm_forward([[largest], [-largest]], [1], [0])
    assert y.tolist() == [[1], [-1]]
    assert cache.std.tolist() == [largest]
    assert cache.variance.tolist() == [np.inf]  # not a float64, and said so in the docstring


def test_tiny_inputs_under_an_ordinary_epsilon_vanish_as_they_should():
    x, *_ = arguments((30, 3), -1, loc=0.0)
    y, cache = bn.batch_norm_forward(1e-200 * x, np.ones(3), np.zeros(3))
    np.testing.assert_allclose(cache.std, np.sqrt(1e-3), rtol=1e-15)
    centred = x - x.mean(0)
    np.testing.assert_allclose(y, 1e-200 * centred / np.sqrt(1e-3), rtol=1e-10)


def test_where_float32_ends_the_reference_goes_on():
    """The docstring says 1.8e19, where a square overflows, and a sum of squares before."""
    x = np.random.default_rng(0).choice([-1.0, 1.0], (64, 1))
    for size, holds in [(1e18, True), (2e19, False), (1e38, False)]:
        inputs = (size * x).astype("float32")
        layer = keras_layer(inputs, [1], [0], dtype="float32")
        theirs = layer(inputs, training=True).numpy()
        ours, _ = bn.batch_norm_forward(inputs, [1], [0])
        assert np.isfinite(ours).all()
        assert ours.std() == pytest.approx(1)
        assert np.allclose(theirs, ours, atol=1e-4) == holds


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.filterwarnings("error")
def test_what_is_not_finite_spoils_its_own_channel_only(bad):
    x, gamma, beta, _ = arguments((8, 3), -1)
    y, _ = bn.batch_norm_forward(x, gamma, beta)
    x[2, 1] = bad
    spoilt, cache = bn.batch_norm_forward(x, gamma, beta)
    np.testing.assert_array_equal(spoilt[:, [0, 2]], y[:, [0, 2]])
    assert np.isnan(spoilt[:, 1]).all()
    assert np.isnan(cache.variance[1])


# --- what is passed in stays as it is, what comes out cannot be swapped ---


def test_nothing_that_is_passed_in_changes_or_is_kept():
    x, gamma, beta, dy = arguments((8, 3), -1)
    before = [array.copy() for array in (x, gamma, beta, dy)]
    _, cache = bn.batch_norm_forward(x, gamma, beta)
    first = bn.batch_norm_backward(dy, cache)
    for array, kept in zip((x, gamma, beta, dy), before, strict=True):
        np.testing.assert_array_equal(array, kept)
    for array in (x, gamma, beta):
        array[...] = 99
    for one, other in zip(first, bn.batch_norm_backward(dy, cache), strict=True):
        np.testing.assert_array_equal(one, other)
    with pytest.raises(dataclasses.FrozenInstanceError):
        cache.gamma = gamma


def test_the_room_does_not_import_tensorflow():
    code = (
        "import sys, bn_companion as bn\n"
        "y, cache = bn.batch_norm_forward([[1.0], [3.0]], [1.0], [0.0])\n"
        "bn.batch_norm_backward(y, cache)\n"
        "bn.batch_norm_inference(y, [1.0], [0.0], [0.0], bn.update_moving([1.0], [2.0]))\n"
        "print({'tensorflow', 'keras'} & set(sys.modules))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=ROOT
    )
    assert (done.stdout.strip(), done.stderr) == ("set()", "")


# --- rejection ---


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"x": [1.0, 2.0]}, ValueError, r"`x` must have an axis of examples.*shape \(2,\)"),
        ({"x": 1.0}, ValueError, r"`x` must have an axis of examples.*shape \(\)"),
        ({"x": np.zeros((0, 2))}, ValueError, r"at least one value. Received: shape \(0, 2\)"),
        ({"x": np.zeros((4, 0))}, ValueError, r"at least one value. Received: shape \(4, 0\)"),
        ({"x": [["a", "b"]]}, TypeError, "`x` must be an array of real numbers.*dtype <U1"),
        ({"x": [[1j, 2.0]]}, TypeError, "`x` must be an array of real numbers.*complex128"),
        ({"x": [[True, False]]}, TypeError, "`x` must be an array of real numbers.*dtype bool"),
        ({"x": [[1.0, 2.0], [3.0]]}, TypeError, "`x` must be an array of real numbers"),
        ({"x": None}, TypeError, "`x` must be an array of real numbers.*dtype object"),
        ({"axis": 2}, ValueError, r"`axis` must lie in \[-2, 2\).*\(3, 2\). Received: 2"),
        ({"axis": -3}, ValueError, r"`axis` must lie in \[-2, 2\).*Received: -3"),
        ({"axis": (0, 1)}, TypeError, r"`axis` must be one integer.*Received: \(0, 1\)"),
        ({"axis": 1.0}, TypeError, "`axis` must be one integer.*Received: 1.0"),
        ({"axis": True}, TypeError, "`axis` must be one integer.*Received: True"),
        ({"axis": None}, TypeError, "`axis` must be one integer.*Received: None"),
        ({"gamma": [1.0]}, ValueError, r"`gamma` must have shape \(2,\).*shape \(1,\)"),
        ({"gamma": 1.0}, ValueError, r"`gamma` must have shape \(2,\).*shape \(\)"),
        ({"beta": [[0.0, 0.0]]}, ValueError, r"`beta` must have shape \(2,\).*shape \(1, 2\)"),
        ({"axis": 0}, ValueError, r"`gamma` must have shape \(3,\).*axis 0.*shape \(2,\)"),
        ({"beta": ["a", "b"]}, TypeError, "`beta` must be an array of real numbers"),
        ({"epsilon": -1e-3}, ValueError, "`epsilon` must not be negative. Received: -0.001"),
        ({"epsilon": np.inf}, ValueError, "`epsilon` must be finite. Received: inf"),
        ({"epsilon": "small"}, TypeError, "`epsilon` must be a number. Received: 'small'"),
        (
            {"x": [[1.0, 0.1], [2.0, 0.1], [3.0, 0.1]], "epsilon": 0},
            ValueError,
            r"`epsilon` must be positive where a channel is constant.*constant channels \[1\]",
        ),
    ],
)
def test_forward_names_the_faulty_argument(change, error, message):
    good = {"x": np.ones((3, 2)), "gamma": [1.0, 1.0], "beta": [0.0, 0.0]}
    with pytest.raises(error, match=message) as caught:
        bn.batch_norm_forward(**(good | change))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("backward", [bn.batch_norm_backward, batch_norm_backward_in_steps])
def test_backward_names_the_faulty_argument(backward):
    _, cache = bn.batch_norm_forward(np.ones((3, 2)), [1, 1], [0, 0])
    with pytest.raises(ValueError, match=r"`dy` must have the shape.*\(3, 2\).*\(3,\)"):
        backward(np.ones(3), cache)
    with pytest.raises(ValueError, match=r"`dy` must have the shape.*\(3, 2\).*\(1, 2\)"):
        backward(np.ones((1, 2)), cache)
    with pytest.raises(TypeError, match="`dy` must be an array of real numbers"):
        backward([["a", "b"]] * 3, cache)
    with pytest.raises(TypeError, match="`cache` must be what.*Received: dict"):
        backward(np.ones((3, 2)), {})
