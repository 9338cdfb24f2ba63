"""The networks of the book: oracle, invariance, rejection."""

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import bn_companion as bn

PLACEMENTS = ("none", "before", "after")
BN = keras.layers.BatchNormalization


def bn_layers(model):
    return [layer for layer in model.layers if isinstance(layer, BN)]


def linear_layers(model):
    return [layer for layer in model.layers if hasattr(layer, "use_bias")]


def consumers(layer):
    return [node.operation for node in layer._outbound_nodes]


def assert_biases_are_dropped_exactly_where_redundant(model):
    for layer in linear_layers(model):
        into_bn = [isinstance(consumer, BN) for consumer in consumers(layer)]
        assert layer.use_bias == (into_bn != [True]), layer.name


# --- oracle ---


def test_question_mlp_is_the_network_of_the_question():
    model = bn.question_mlp()
    assert [type(layer).__name__ for layer in model.layers] == [
        "InputLayer",
        *["Dense", "Activation", "Dropout"] * 2,
        "Dense",
        "Activation",
    ]
    assert model.input_shape == (None, 14)
    assert model.count_params() == 14 * 64 + 64 + 64 * 64 + 64 + 64 * 2 + 2
    assert [layer.activation.__name__ for layer in model.layers if hasattr(layer, "activation")][
        1::2
    ] == ["tanh", "tanh", "softmax"]
    kernel = model.get_layer("hidden_1_dense").kernel.numpy()
    assert np.abs(kernel).max() <= 0.05
    assert np.abs(kernel).max() > 0.045
    assert {layer.rate for layer in model.layers if isinstance(layer, keras.layers.Dropout)} == {
        0.5
    }


def test_question_mlp_returns_probabilities():
    outputs = bn.question_mlp(placement="after", normalize_output=True)(np.ones((3, 14)))
    np.testing.assert_allclose(np.sum(outputs, axis=1), 1.0, rtol=1e-6)


def test_question_mlp_normalizes_before_the_softmax_on_request():
    model = bn.question_mlp(placement="before", normalize_output=True)
    assert [type(layer).__name__ for layer in model.layers[-3:]] == [
        "Dense",
        "BatchNormalization",
        "Activation",
    ]
    assert len(bn_layers(model)) == 3
    assert_biases_are_dropped_exactly_where_redundant(model)


def test_sigmoid_mlp_is_the_network_of_section_4_1():
    keras.utils.set_random_seed(0)
    model = bn.sigmoid_mlp(placement="none", input_dim=784)
    assert [layer.units for layer in linear_layers(model)] == [100, 100, 100, 10]
    kernel = model.get_layer("hidden_1_dense").kernel.numpy()
    assert kernel.std() == pytest.approx(0.1, rel=0.02)
    assert bn.sigmoid_mlp(placement="before", input_dim=4).count_params() == (
        4 * 100 + 2 * 100 * 100 + 3 * 4 * 100 + 1010
    )


def test_two_layers_of_a_network_start_with_different_weights():
    model = bn.sigmoid_mlp(placement="before", input_dim=100)
    first, second = (model.get_layer(f"hidden_{i}_dense").kernel.numpy() for i in (1, 2))
    assert np.abs(first - second).max() > 0.1


def test_mlp_flattens_and_may_be_linear():
    assert bn.mlp((8, 8, 1), 3, hidden=(5,)).input_shape == (None, 8, 8, 1)
    assert bn.mlp((4,), 3, hidden=()).count_params() == 15


@pytest.mark.parametrize(("shape", "rank"), [((20, 1), 1), ((9, 7, 2), 2), ((5, 5, 5, 1), 3)])
def test_convnet_takes_one_to_three_position_axes(shape, rank):
    model = bn.convnet(shape, 4, filters=(3, 5, 6))
    assert {type(layer).__name__ for layer in linear_layers(model)} == {f"Conv{rank}D", "Dense"}
    assert model(np.zeros((2, *shape))).shape == (2, 4)


RESIDUAL = {
    "original": "conv bn relu conv bn add relu",
    "bn_after_addition": "conv bn relu conv add bn relu",
    "relu_before_addition": "conv bn relu conv bn relu add",
    "relu_only_pre_activation": "relu conv bn relu conv bn add",
    "pre_activation": "bn relu conv bn relu conv add",
    "none": "conv relu conv add relu",
}


@pytest.mark.parametrize("order", list(bn.ResidualOrder))
def test_a_residual_block_has_the_order_of_he_et_al(order):
    """Walk back along the branch of a block with an identity shortcut and forth behind it."""
    model = bn.resnet((8, 8, 3), 10, order=order, blocks=(2,))
    names = {"Conv2D": "conv", "BatchNormalization": "bn", "Activation": "relu", "Add": "add"}
    add = model.get_layer("stage_1_block_1_add")
    shortcut, branch_end = (tensor._keras_history.operation for tensor in add.input)
    walk, layer = ["add"], branch_end
    while layer is not shortcut:
        walk.insert(0, names[type(layer).__name__])
        layer = layer.input._keras_history.operation
    layer = add
    while len(walk) < len(RESIDUAL[order].split()):
        (layer,) = consumers(layer)
        walk.append(names[type(layer).__name__])
    assert walk == RESIDUAL[order].split()


@pytest.mark.parametrize("order", list(bn.ResidualOrder))
def test_resnet_halves_positions_doubles_filters_and_drops_redundant_biases(order):
    model = bn.resnet((16, 16, 3), 7, order=order, blocks=(1, 2), filters=4)
    assert model.output_shape == (None, 7)
    assert model.get_layer("stage_2_block_2_add").output.shape == (None, 8, 8, 8)
    assert_biases_are_dropped_exactly_where_redundant(model)
    assert bool(bn_layers(model)) == (order != "none")


@pytest.mark.parametrize("order", ["original", "relu_only_pre_activation"])
def test_with_zero_gamma_a_block_starts_as_its_shortcut(order):
    model = bn.resnet((8, 8, 3), 10, order=order, blocks=(2,), zero_gamma=True)
    add = model.get_layer("stage_1_block_2_add")
    probe = keras.Model(model.input, [add.input[0], add.output])
    shortcut, total = probe(np.random.default_rng(0).normal(size=(2, 8, 8, 3)))
    np.testing.assert_array_equal(shortcut, total)
    assert np.abs(shortcut).max() > 0


# --- invariance ---


@settings(max_examples=25, deadline=None)
@given(
    hidden=st.lists(st.integers(1, 9), max_size=3),
    classes=st.integers(2, 5),
    dropout=st.sampled_from([0.0, 0.3]),
    activation=st.sampled_from(["relu", "tanh", "sigmoid", "gelu", None]),
)
def test_placements_of_one_mlp_differ_by_batch_norm_and_bias_alone(
    hidden, classes, dropout, activation
):
    none, before, after = (
        bn.mlp((6,), classes, hidden=hidden, placement=p, dropout=dropout, activation=activation)
        for p in PLACEMENTS
    )
    units = sum(hidden)
    assert before.count_params() == none.count_params() + 4 * units - units
    dropped = units if activation is None else 0
    assert after.count_params() == none.count_params() + 4 * units - dropped
    for model in (none, before, after):
        assert_biases_are_dropped_exactly_where_redundant(model)
        assert model.output_shape == (None, classes)


def test_numbers_may_come_from_numpy():
    model = bn.mlp(np.array([6]), np.int64(3), hidden=np.array([4, 5]))
    assert model.count_params() == bn.mlp((6,), 3, hidden=(4, 5)).count_params()
    assert bn.convnet([8, 8, 1], 3, filters=np.array([2, 3]), kernel_size=np.int64(3)).built


@pytest.mark.parametrize("placement", PLACEMENTS)
@pytest.mark.parametrize(
    "build",
    [
        lambda placement: bn.mlp((6,), 3, placement=placement),
        lambda placement: bn.convnet((6, 6, 1), 3, placement=placement),
        lambda placement: bn.question_mlp(placement=placement),
        lambda placement: bn.sigmoid_mlp(placement=placement, input_dim=6),
    ],
)
def test_equal_seeds_give_equal_weights(build, placement):
    keras.utils.set_random_seed(3)
    first = build(placement).get_weights()
    keras.utils.set_random_seed(3)
    for a, b in zip(first, build(placement).get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


# --- rejection ---


@pytest.mark.parametrize(
    ("build", "error", "message"),
    [
        (lambda: bn.mlp((4,), 0), ValueError, "`num_classes` must be at least 2. Received: 0"),
        (lambda: bn.mlp((4,), 1), ValueError, "`num_classes` must be at least 2. Received: 1"),
        (lambda: bn.mlp((4,), "two"), TypeError, "`num_classes` must be an integer"),
        (lambda: bn.mlp(4, 2), TypeError, "`input_shape` must be a sequence.*Received: 4"),
        (lambda: bn.mlp((), 2), ValueError, "`input_shape` must not be empty"),
        (
            lambda: bn.mlp((None, 3), 2),
            TypeError,
            r"`input_shape` must be a sequence of positive.*\(None, 3\)",
        ),
        (
            lambda: bn.mlp((4,), 2, hidden=(3, 0)),
            ValueError,
            r"`hidden` must be a sequence of positive.*\(3, 0\)",
        ),
        (lambda: bn.mlp((4,), 2, hidden="64"), TypeError, "`hidden` must be a sequence"),
        (lambda: bn.mlp((4,), 2, placement="both"), ValueError, "`placement` must be one of"),
        (lambda: bn.mlp((4,), 2, activation="swoosh"), ValueError, "`activation` must be"),
        (lambda: bn.question_mlp(input_dim=0), ValueError, "`input_dim` must be at least 1"),
        (lambda: bn.question_mlp(num_classes=0), ValueError, "`num_classes` must be at least 2"),
        (
            lambda: bn.question_mlp(normalize_output="before"),
            TypeError,
            "`normalize_output` must be a bool. Received: 'before'",
        ),
        (
            lambda: bn.sigmoid_mlp(placement="none", input_dim=4, stddev=0),
            ValueError,
            "`stddev` must be positive. Received: 0",
        ),
        (lambda: bn.convnet((28,), 10), ValueError, r"`input_shape` must be .*\(28,\)"),
        (lambda: bn.convnet((8, 8, 1), 10, filters=()), ValueError, "`filters` must not be empty"),
        (lambda: bn.resnet((32, 32), 10), ValueError, r"`input_shape` must be \(height"),
        (lambda: bn.resnet((32, 32, 3), 10, order="sideways"), ValueError, "`order` must be one"),
        (
            lambda: bn.resnet((32, 32, 3), 10, blocks=(0,)),
            ValueError,
            "`blocks` must be a sequence of pos",
        ),
        (
            lambda: bn.resnet((32, 32, 3), 10, zero_gamma="yes"),
            TypeError,
            "`zero_gamma` must be a bool. Received: 'yes'",
        ),
        (
            lambda: bn.resnet((32, 32, 3), 10, order="pre_activation", zero_gamma=True),
            ValueError,
            "`zero_gamma` must be False .*order='pre_activation'",
        ),
    ],
)
def test_builders_name_the_faulty_argument(build, error, message):
    with pytest.raises(error, match=message) as caught:
        build()
    assert "\n" not in str(caught.value)
