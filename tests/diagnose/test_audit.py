"""audit: each fault planted in a clean model, and nothing said of clean ones."""

import keras
import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

import bn_companion as bn
from bn_companion.diagnose.codes import CODES
from tests.build.architectures import functional

layers = keras.layers


def stack(*chain, shape=(4,)):
    return keras.Sequential([keras.Input(shape), *chain, layers.Dense(3, name="head")])


def norm(**options):
    return layers.BatchNormalization(**{"name": "norm"} | options)


def linear(**options):
    return layers.Dense(5, **{"name": "linear", "use_bias": False} | options)


def codes(model, **options):
    return [(finding.code, finding.where) for finding in bn.audit(model, **options)]


def settle(model, seed=0):
    """Give every batch normalization statistics as training leaves them."""
    rng = np.random.default_rng(seed)
    for layer in model._flatten_layers():
        if isinstance(layer, layers.BatchNormalization):
            layer.moving_mean.assign(rng.normal(size=layer.moving_mean.shape))
            layer.moving_variance.assign(rng.uniform(0.5, 2, layer.moving_variance.shape))
    return model


# --- each fault, planted ---


def test_a_clean_model_is_clean():
    assert codes(stack(linear(), norm(), layers.ReLU())) == []
    assert codes(stack(linear(use_bias=True), layers.ReLU(), norm())) == []
    assert codes(stack(linear(), norm(), layers.ReLU(), layers.Dropout(0.5))) == []


@pytest.mark.parametrize(
    "make",
    [
        lambda: linear(use_bias=True),
        lambda: linear(use_bias=True, activation="linear"),
    ],
)
def test_dead_bias(make):
    model = stack(make(), norm(), layers.ReLU())
    (finding,) = bn.audit(model)
    assert (finding.code, finding.where, finding.severity) == ("BN002", "linear", "info")
    assert "5 numbers" in finding.message
    assert "norm" in finding.message
    assert finding.remedy == CODES["BN002"].remedy


@pytest.mark.parametrize(
    ("shape", "layer"),
    [
        ((8, 2), lambda: layers.Conv1D(3, 2, name="c")),
        ((8, 8, 2), lambda: layers.Conv2D(3, 2, name="c")),
        ((8, 8, 2), lambda: layers.DepthwiseConv2D(2, name="c")),
        ((8, 8, 2), lambda: layers.SeparableConv2D(3, 2, name="c")),
        ((8, 8, 2), lambda: layers.Conv2DTranspose(3, 2, name="c")),
        ((4, 4, 4, 2), lambda: layers.Conv3D(3, 2, name="c")),
    ],
)
def test_dead_bias_of_every_convolution(shape, layer):
    model = stack(layer(), norm(), layers.ReLU(), layers.Flatten(), shape=shape)
    assert codes(model) == [("BN002", "c")]


def test_a_bias_with_something_to_do_is_left_in_peace():
    assert codes(stack(linear(use_bias=True, activation="relu"), norm())) == []
    assert codes(stack(linear(use_bias=True), norm(trainable=False))) == [("BN009", "norm")]
    inputs = keras.Input((4,))
    x = linear(use_bias=True)(inputs)
    both = layers.Add()([norm()(x), x])
    assert codes(keras.Model(inputs, layers.Dense(2)(both))) == []


@pytest.mark.parametrize("activation", ["softmax", None])
def test_on_the_output(activation):
    chain = [layers.Dense(3, activation=activation, use_bias=False), norm()]
    model = keras.Sequential([keras.Input((4,)), *chain])
    (finding,) = bn.audit(model)
    assert (finding.code, finding.where) == ("BN003", "norm")
    assert ("softmax" in finding.message) == (activation == "softmax")


def test_in_front_of_the_softmax_is_not_on_the_output():
    chain = [layers.Dense(3, use_bias=False), norm(), layers.Softmax()]
    assert codes(keras.Sequential([keras.Input((4,)), *chain])) == []


def test_on_the_output_through_a_nested_model_and_not_where_it_goes_on():
    inner = keras.Sequential([keras.Input((4,)), linear(), norm()], name="inner")
    inputs = keras.Input((4,))
    assert codes(keras.Model(inputs, inner(inputs))) == [("BN003", "norm")]
    assert codes(keras.Model(inputs, layers.Dense(2)(inner(inputs)))) == []
    x = inner(inputs)
    assert codes(keras.Model(inputs, [x, layers.Dense(2)(x)])) == []


@pytest.mark.parametrize(
    "between", [[], [layers.ReLU], [layers.Flatten], [layers.Identity, layers.ReLU]]
)
def test_dropout_in_front(between):
    chain = [layers.Dropout(0.5, name="drop"), *(layer() for layer in between), norm()]
    model = stack(linear(use_bias=True), *chain, layers.ReLU())
    assert codes(model) == [("BN004", "drop")]


def test_dropout_that_does_nothing_or_is_far_is_left_in_peace():
    assert codes(stack(linear(), layers.Dropout(0.0), norm(), layers.ReLU())) == []
    assert codes(stack(layers.Dropout(0.5), linear(), norm(), layers.ReLU())) == []


@pytest.mark.parametrize(
    ("data_format", "axis", "right"),
    [("channels_last", 1, -1), ("channels_first", -1, 1), ("channels_first", 3, 1)],
)
def test_wrong_axis(data_format, axis, right):
    conv = layers.Conv2D(3, 3, data_format=data_format, use_bias=False)
    chain = [conv, layers.ReLU(), norm(axis=axis), layers.Flatten()]
    (finding,) = bn.audit(stack(*chain, shape=(8, 8, 8)))
    assert (finding.code, finding.where, finding.severity) == ("BN005", "norm", "error")
    assert f"axis={right}" in finding.remedy
    below = [norm(axis=axis), layers.ReLU(), conv, layers.Flatten()]
    assert codes(stack(*below, shape=(8, 8, 8))) == [("BN005", "norm")]


@pytest.mark.parametrize(("data_format", "axis"), [("channels_last", 3), ("channels_first", 1)])
def test_right_axis(data_format, axis):
    conv = layers.Conv2D(3, 3, data_format=data_format, use_bias=False)
    chain = [conv, norm(axis=axis), layers.ReLU(), layers.Flatten()]
    assert codes(stack(*chain, shape=(8, 8, 8))) == []


def test_statistics_that_training_has_left_alone():
    model = stack(linear(), norm(), layers.ReLU())
    assert codes(model) == [], "untrained models have such statistics"
    model.get_layer("norm").beta.assign(np.ones(5))
    assert codes(model) == [("BN006", "norm")]
    settle(model)
    assert codes(model) == []
    frozen = stack(linear(trainable=False), norm(trainable=False), layers.ReLU())
    frozen.compile("sgd", "mse")
    frozen.fit(np.ones((8, 4)), np.ones((8, 3)), epochs=2, verbose=0)
    (finding,) = bn.audit(frozen)
    assert finding.code == "BN006"
    assert "after 2 steps" in finding.message


@pytest.mark.parametrize("name", ["moving_mean", "moving_variance", "gamma", "beta"])
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_numbers_that_are_none(name, value):
    model = settle(stack(linear(), norm(), layers.ReLU()))
    getattr(model.get_layer("norm"), name).assign([1, value, 1, value, 1])
    (finding,) = bn.audit(model)
    assert (finding.code, finding.severity) == ("BN007", "error")
    assert f"2 of 5 numbers in {name}" in finding.message


def test_a_negative_variance():
    model = settle(stack(linear(), norm(), layers.ReLU()))
    model.get_layer("norm").moving_variance.assign([1, -1, 1, 1, 1])
    (finding,) = bn.audit(model)
    assert finding.code == "BN007"
    assert "1 of 5 variances are negative" in finding.message


def test_one_layer_on_several_inputs():
    a, b, shared = keras.Input((4,)), keras.Input((4,)), norm()
    model = keras.Model([a, b], layers.Dense(2)(layers.Add()([shared(a), shared(b)])))
    (finding,) = bn.audit(model)
    assert (finding.code, finding.where) == ("BN008", "norm")
    assert "2 inputs" in finding.message
    other = keras.Model(a, layers.Dense(2)(shared(a)))  # used once in this model
    assert codes(other) == []


def test_frozen_among_layers_that_are_not():
    model = stack(linear(), norm(trainable=False), layers.ReLU())
    assert codes(model) == [("BN009", "norm")]
    model.trainable = False
    assert codes(model) == []


def test_not_frozen_among_layers_that_are():
    model = stack(linear(trainable=False), norm(), layers.ReLU(), layers.Dense(3, name="next"))
    assert codes(model) == [], "a new head on a frozen layer"
    model.get_layer("next").trainable = False
    model.get_layer("head").trainable = False
    assert codes(model) == [("BN010", "norm")]


def test_fine_tuning_as_it_is_recommended_is_clean():
    base = keras.applications.MobileNet(weights=None, include_top=False, input_shape=(32, 32, 3))
    base.trainable = False
    inputs = keras.Input((32, 32, 3))
    x = layers.GlobalAveragePooling2D()(base(inputs, training=False))
    model = settle(keras.Model(inputs, layers.Dense(2)(norm()(x))))
    assert codes(model) == []


@pytest.mark.parametrize(
    ("momentum", "steps", "slow"),
    [(0.99, 100, True), (0.99, 300, False), (0.9, 30, False), (0.9, 20, True), (0.99, 0, False)],
)
def test_momentum_and_the_number_of_steps(momentum, steps, slow):
    model = stack(linear(), norm(momentum=momentum), layers.ReLU())
    assert codes(model, steps=steps) == ([("BN011", "norm")] if slow else [])
    assert (momentum**steps > 0.05) == slow or not steps


def test_the_optimizer_counts_the_steps():
    model = settle(stack(linear(), norm(), layers.ReLU()))
    model.compile("sgd", "mse")
    model.fit(np.ones((6, 4)), np.ones((6, 3)), batch_size=2, verbose=0)
    (finding,) = bn.audit(model)
    assert finding.code == "BN011"
    assert "3 steps with momentum 0.99 leave 97%" in finding.message
    assert codes(model, steps=1000) == []


@pytest.mark.parametrize("momentum", [1.0, 1.5, -0.1])
def test_a_momentum_that_never_settles(momentum):
    model = stack(linear(), norm(momentum=momentum), layers.ReLU())
    (finding,) = bn.audit(model)
    assert finding.code == "BN011"
    assert f"{momentum:g}, outside of [0, 1)" in finding.message


def test_findings_come_in_the_order_of_the_layers_and_name_where():
    inner = keras.Sequential(
        [keras.Input((4,)), linear(use_bias=True), norm(momentum=2.0), layers.ReLU()], name="inner"
    )
    chain = [layers.Dense(4, name="first"), norm(name="second")]
    chain += [layers.ReLU(), inner, linear(use_bias=True, name="linear"), norm(), layers.ReLU()]
    assert codes(stack(*chain)) == [
        ("BN002", "first"),
        ("BN002", "inner/linear"),
        ("BN011", "inner/norm"),
        ("BN002", "linear"),
    ]


# --- no false alarms ---

BUILDERS = {
    "mlp": lambda p: bn.mlp((6,), 3, hidden=(5, 4), placement=p, dropout=0.2),
    "convnet": lambda p: bn.convnet((8, 8, 1), 3, placement=p, dropout=0.2),
    "signal": lambda p: bn.convnet((8, 2), 3, placement=p),
    "sigmoid": lambda p: bn.sigmoid_mlp(placement=p, input_dim=5),
    "question": lambda p: bn.question_mlp(placement=p),
    "question, normalized": lambda p: bn.question_mlp(placement=p, normalize_output=True),
    **{
        f"resnet, {order}": lambda p, order=order: bn.resnet((16, 16, 3), 3, order=order)
        for order in bn.ResidualOrder
    },
}


@pytest.mark.parametrize("name", BUILDERS)
def test_what_our_builders_make_is_clean(name):
    for placement in bn.Placement:
        model = BUILDERS[name](placement)
        assert codes(model) == []
        assert codes(settle(model)) == []


def test_a_trained_network_is_clean():
    model = bn.mlp((6,), 3, hidden=(5,), placement="before")
    model.compile("sgd", "mse")
    x = np.random.default_rng(0).normal(size=(320, 6))
    model.fit(x, np.ones((320, 3)), batch_size=1, verbose=0)
    assert codes(model) == []


@pytest.mark.filterwarnings("ignore::bn_companion.PlacementWarning")
@settings(
    max_examples=40,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
@given(data=st.data(), placement=st.sampled_from(["none", "before", "after"]))
def test_what_place_makes_has_no_dead_bias(data, placement):
    model = functional(data.draw)
    weights = model.get_weights()
    assert all("audit" in CODES[code].by for code, _ in codes(model))
    for before, after in zip(weights, model.get_weights(), strict=True):
        np.testing.assert_array_equal(before, after)
    assert "BN002" not in dict(codes(bn.place(model, placement)))


def test_place_puts_dropout_where_it_does_no_harm():
    chain = [layers.Dense(4, name="a"), layers.Dropout(0.5, name="drop"), norm(), layers.ReLU()]
    model = stack(*chain, layers.Dense(4, "relu", name="b"), layers.Dropout(0.5))
    assert codes(model) == [("BN004", "drop")]
    assert codes(bn.place(model, "before")) == []


# --- what has no graph ---


class Subclassed(keras.Model):
    def __init__(self):
        super().__init__()
        self.dense, self.norm = layers.Dense(3), layers.BatchNormalization(name="inside")

    def call(self, inputs, training=False):
        return self.norm(self.dense(inputs), training=training)


def test_of_a_subclassed_model_the_numbers_are_judged():
    model = Subclassed()
    model(np.ones((2, 4)))
    assert codes(model) == []
    model.norm.moving_mean.assign([np.nan, 0, 0])
    assert codes(model) == [("BN007", "inside")]
    assert codes(stack(layers.TimeDistributed(norm(momentum=2.0)), shape=(3, 2))) == [
        ("BN011", "norm")
    ]


# --- rejection ---


def test_what_is_no_model_is_refused():
    with pytest.raises(TypeError, match="`model` must be a keras.Model. Received: str"):
        bn.audit("model.keras")
    with pytest.raises(ValueError, match="`model` must be built"):
        bn.audit(keras.Sequential([layers.Dense(3)]))
    with pytest.raises(ValueError, match="`model` must be built"):
        bn.audit(Subclassed())
    with pytest.raises(ValueError, match="`steps` must be at least 0. Received: -1"):
        bn.audit(bn.mlp((3,), 2), steps=-1)
    with pytest.raises(TypeError, match="`steps` must be an integer. Received: 2.5"):
        bn.audit(bn.mlp((3,), 2), steps=2.5)
