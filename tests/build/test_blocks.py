"""dense_block and conv_block: oracle, invariance, rejection."""

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import bn_companion as bn


def chain(output, inputs):
    return keras.Model(inputs, output)


def kinds(model):
    return [type(layer).__name__ for layer in model.layers[1:]]


def dense(placement, **options):
    inputs = keras.Input((5,))
    options = {"activation": "tanh", "name": "h"} | options
    return chain(bn.dense_block(inputs, 7, placement=placement, **options), inputs)


def randomize(model, seed=0):
    rng = np.random.default_rng(seed)
    model.set_weights([rng.uniform(0.2, 1.5, w.shape) for w in model.get_weights()])


# --- oracle ---


@pytest.mark.parametrize(
    ("placement", "expected"),
    [
        ("none", ["Dense", "Activation", "Dropout"]),
        ("before", ["Dense", "BatchNormalization", "Activation", "Dropout"]),
        (bn.Placement.AFTER, ["Dense", "Activation", "BatchNormalization", "Dropout"]),
    ],
)
def test_layers_stand_in_the_order_of_the_placement(placement, expected):
    assert kinds(dense(placement, dropout=0.5)) == expected


@pytest.mark.parametrize("placement", ["none", "before", "after"])
def test_dense_block_computes_what_numpy_computes(placement):
    model = dense(placement)
    randomize(model)
    x = np.random.default_rng(1).normal(size=(11, 5))
    weights = {w.path.split("/")[-1]: np.asarray(w, np.float64) for w in model.weights}

    def normalize(z):
        scale = weights["gamma"] / np.sqrt(weights["moving_variance"] + 1e-3)
        return (z - weights["moving_mean"]) * scale + weights["beta"]

    z = x @ weights["kernel"] + weights.get("bias", 0.0)
    expected = {
        "none": lambda: np.tanh(z),
        "before": lambda: np.tanh(normalize(z)),
        "after": lambda: normalize(np.tanh(z)),
    }[placement]()
    np.testing.assert_allclose(model(x.astype("float32")), expected, rtol=2e-5, atol=2e-6)


@pytest.mark.parametrize("rank", [1, 2, 3])
@pytest.mark.parametrize("placement", ["none", "before", "after"])
def test_conv_block_equals_the_layers_written_out(rank, placement):
    shape = (6,) * rank + (2,)
    inputs = keras.Input(shape)
    block = chain(
        bn.conv_block(
            inputs, 3, 3, activation="relu", placement=placement, strides=2, padding="valid"
        ),
        inputs,
    )
    conv = [keras.layers.Conv1D, keras.layers.Conv2D, keras.layers.Conv3D][rank - 1]
    by_hand = [conv(3, 3, strides=2, use_bias=placement != "before"), keras.layers.ReLU()]
    if placement != "none":
        by_hand.insert(1 if placement == "before" else 2, keras.layers.BatchNormalization())
    other = keras.Sequential([keras.Input(shape), *by_hand])
    randomize(block)
    other.set_weights(block.get_weights())
    x = np.random.default_rng(2).normal(size=(4, *shape)).astype("float32")
    np.testing.assert_allclose(block(x), other(x), rtol=1e-5, atol=1e-6)


def test_batch_norm_has_one_gamma_for_each_feature_map_in_both_data_formats():
    for data_format, shape in (("channels_last", (8, 9, 2)), ("channels_first", (2, 8, 9))):
        inputs = keras.Input(shape)
        output = bn.conv_block(inputs, 4, 3, activation="relu", data_format=data_format, name="c")
        layer = chain(output, inputs).get_layer("c_bn")
        assert layer.gamma.shape == (4,)
        assert output.shape[layer.axis] == 4


def test_bias_is_dropped_exactly_where_normalization_follows_the_linear_map():
    assert not dense("before").get_layer("h_dense").use_bias
    assert dense("after").get_layer("h_dense").use_bias
    assert dense("none").get_layer("h_dense").use_bias
    assert not dense("after", activation=None).get_layer("h_dense").use_bias
    assert dense("none", activation="linear").get_layer("h_dense").use_bias


@pytest.mark.parametrize(
    "linear", [None, "linear", keras.activations.linear, keras.layers.Activation("linear")]
)
def test_a_linear_activation_adds_no_layer(linear):
    assert kinds(dense("before", activation=linear)) == ["Dense", "BatchNormalization"]


def test_an_activation_layer_is_copied_with_its_settings():
    given_layer = keras.layers.LeakyReLU(negative_slope=0.3, name="mine")
    model = dense("before", activation=given_layer)
    made = model.get_layer("h_activation")
    assert made is not given_layer
    assert made.negative_slope == pytest.approx(0.3)
    assert given_layer.name == "mine"
    inputs = keras.Input((5,))
    unnamed = chain(bn.dense_block(inputs, 2, activation=keras.layers.PReLU(name="mine")), inputs)
    assert unnamed.layers[-1].name != "mine"


def test_options_reach_the_layers():
    layer = dense("before", momentum=0.5, epsilon=0.1, kernel_initializer="zeros")
    assert layer.get_layer("h_bn").momentum == 0.5
    assert layer.get_layer("h_bn").epsilon == 0.1
    assert not layer.get_layer("h_dense").kernel.numpy().any()


# --- invariance ---


@settings(max_examples=15, deadline=None)
@given(shift=st.floats(-50, 50), seed=st.integers(0, 100))
def test_before_a_shift_of_the_pre_activation_changes_nothing_in_training(shift, seed):
    """BN(Wu + b) = BN(Wu): what makes the bias redundant, and only in that placement."""
    x = np.random.default_rng(seed).normal(size=(32, 5)).astype("float32")
    without_bias, inputs = dense("before"), keras.Input((5,))
    z = keras.layers.Dense(7, name="d")(inputs)
    with_bias = chain(keras.layers.Activation("tanh")(keras.layers.BatchNormalization()(z)), inputs)
    with_bias.get_layer("d").kernel.assign(without_bias.get_layer("h_dense").kernel)
    with_bias.get_layer("d").bias.assign(np.full(7, shift))
    expected = with_bias(x, training=True)
    np.testing.assert_allclose(without_bias(x, training=True), expected, atol=2e-3)


def test_after_a_shift_of_the_pre_activation_does_change_the_output():
    x = np.random.default_rng(0).normal(size=(32, 5)).astype("float32")
    model = dense("after")
    first = model(x, training=True).numpy()
    model.get_layer("h_dense").bias.assign(np.full(7, 3.0))
    assert np.abs(model(x, training=True) - first).max() > 0.1


@pytest.mark.parametrize("placement", ["none", "before", "after"])
def test_blocks_survive_saving(placement, tmp_path):
    model = dense(placement, dropout=0.2)
    randomize(model)
    model.save(tmp_path / "m.keras")
    again = keras.saving.load_model(tmp_path / "m.keras")
    x = np.ones((3, 5), "float32")
    np.testing.assert_array_equal(again(x), model(x))


# --- rejection ---


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"placement": "middle"}, ValueError, "`placement` must be one of .*Received: 'middle'"),
        ({"placement": None}, ValueError, "`placement` must be one of .*Received: None"),
        ({"activation": "rleu"}, ValueError, "`activation` must be .*Received: 'rleu'"),
        ({"activation": 3}, ValueError, "`activation` must be .*Received: 3"),
        ({"units": 0}, ValueError, "`units` must be at least 1. Received: 0"),
        ({"units": 2.5}, TypeError, "`units` must be an integer. Received: 2.5"),
        ({"units": True}, TypeError, "`units` must be an integer. Received: True"),
        ({"dropout": 1.0}, ValueError, r"`dropout` must lie in \[0, 1\). Received: 1.0"),
        ({"dropout": "half"}, TypeError, "`dropout` must be a number. Received: 'half'"),
        ({"momentum": 1.5}, ValueError, r"`momentum` must lie in \[0, 1\). Received: 1.5"),
        ({"epsilon": 0}, ValueError, "`epsilon` must be positive. Received: 0"),
        ({"epsilon": float("nan")}, ValueError, "`epsilon` must be finite. Received: nan"),
    ],
)
def test_dense_block_names_the_faulty_argument(options, error, message):
    arguments = {"units": 4, "activation": "relu"} | options
    with pytest.raises(error, match=message) as caught:
        bn.dense_block(keras.Input((5,)), **arguments)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("x", [np.zeros((3, 5)), None, [1.0]])
def test_blocks_take_symbolic_tensors_only(x):
    with pytest.raises(TypeError, match="`x` must be a Keras tensor.*Received"):
        bn.dense_block(x, 4, activation="relu")


def test_an_activation_that_cannot_be_copied_is_named():
    with pytest.raises(ValueError, match="`activation` must be a layer that can be copied") as c:
        bn.dense_block(keras.Input((5,)), 4, activation=keras.layers.Lambda(lambda x: 2 * x))
    assert "\n" not in str(c.value)


def test_dense_block_needs_a_feature_axis():
    with pytest.raises(ValueError, match="known number of features"):
        bn.dense_block(keras.Input((None,)), 4, activation="relu")
    with pytest.raises(ValueError, match="feature axis.*Received: shape"):
        bn.dense_block(keras.Input(()), 4, activation="relu")


@pytest.mark.parametrize(
    ("shape", "options", "message"),
    [
        ((8,), {}, r"`x` must have rank 3, 4 or 5.*Received: shape \(None, 8\)"),
        ((8, 8, 1), {"kernel_size": (3,)}, r"`kernel_size` must be one integer or 2.*\(3,\)"),
        ((8, 8, 1), {"kernel_size": 3.0}, "`kernel_size` must be one integer or 2.*: 3.0"),
        ((8, 8, None), {}, "`x` must have a known number of channels"),
        ((8, 8, 1), {"kernel_size": 0}, "`kernel_size` must be at least 1. Received: 0"),
        ((8, 8, 1), {"strides": (1, 1, 1)}, "`strides` must be one integer or 2"),
        ((8, 8, 1), {"padding": "full"}, "`padding` must be one of .*Received: 'full'"),
        ((8, 8, 1), {"data_format": "NHWC"}, "`data_format` must be one of .*'NHWC'"),
        ((8, 2, 1), {"padding": "valid"}, r"`kernel_size` must fit into .*\(8, 2\).*\(3, 3\)"),
        ((8, 8, 1), {"filters": -1}, "`filters` must be at least 1. Received: -1"),
    ],
)
def test_conv_block_names_the_faulty_argument(shape, options, message):
    arguments = {"filters": 4, "kernel_size": 3, "activation": "relu"} | options
    with pytest.raises(ValueError, match=message):
        bn.conv_block(keras.Input(shape), **arguments)


def test_conv_block_takes_positions_of_unknown_size():
    inputs = keras.Input((None, None, 3))
    output = bn.conv_block(inputs, 4, (3, 5), activation="relu", padding="valid")
    assert output.shape == (None, None, None, 4)
