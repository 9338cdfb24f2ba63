"""fold: equal outputs over all linear maps and random architectures; what it refuses, and why."""

import warnings

import keras
import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

import bn_companion as bn
from tests.build.architectures import functional

layers = keras.layers
LAWS = settings(
    max_examples=60,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)


@pytest.fixture(autouse=True)
def _quiet():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", bn.FoldWarning)
        yield


def norms(model):
    return [layer for layer in model._flatten_layers() if type(layer) is layers.BatchNormalization]


def randomize(model, seed=0):
    """Draw all weights; gamma of both signs, variances that are positive."""
    rng = np.random.default_rng(seed)
    for weight in model.weights:
        low, high = (0.3, 2.0) if weight.name == "moving_variance" else (-1.0, 1.0)
        weight.assign(rng.uniform(low, high, weight.shape))
    return model


def inputs_for(model, seed=1, rows=4):
    rng = np.random.default_rng(seed)
    x = [rng.normal(size=(rows, *t.shape[1:])).astype("float32") for t in model.inputs]
    return x[0] if len(x) == 1 else x


def relative_error(model, folded, **options):
    x = inputs_for(model)
    pairs = zip(*(keras.tree.flatten(m(x, **options)) for m in (model, folded)), strict=True)
    return max(
        float(np.abs(np.subtract(a, b, dtype="float64")).max() / (np.abs(a).max() + 1e-6))
        for a, b in pairs
    )


def only_row(model):
    report = bn.fold_report(model)
    assert len(report) == 1
    return report.iloc[0]


def chain(shape, *stack):
    return randomize(keras.Sequential([keras.Input(shape), *stack]))


# --- oracle: the same outputs ---

SIZES = {1: (7, 4), 2: (7, 6, 4), 3: (5, 4, 5, 4)}
LINEAR = {
    "Dense": (1, lambda **o: layers.Dense(3, **o)),
    "DenseOfSequence": (2, lambda **o: layers.Dense(3, **o)),
    "Conv1D": (1, lambda **o: layers.Conv1D(6, 2, **o)),
    "Conv2D": (2, lambda **o: layers.Conv2D(6, (2, 3), **o)),
    "Conv3D": (3, lambda **o: layers.Conv3D(3, 2, **o)),
    "Strided": (2, lambda **o: layers.Conv2D(3, 3, strides=2, **o)),
    "Dilated": (2, lambda **o: layers.Conv2D(3, 2, dilation_rate=2, **o)),
    "Grouped": (2, lambda **o: layers.Conv2D(6, 2, groups=2, **o)),
    "DepthwiseConv1D": (1, lambda **o: layers.DepthwiseConv1D(2, depth_multiplier=2, **o)),
    "DepthwiseConv2D": (2, lambda **o: layers.DepthwiseConv2D(2, depth_multiplier=3, **o)),
    "SeparableConv1D": (1, lambda **o: layers.SeparableConv1D(3, 2, depth_multiplier=2, **o)),
    "SeparableConv2D": (2, lambda **o: layers.SeparableConv2D(3, 2, depth_multiplier=2, **o)),
    "Conv1DTranspose": (1, lambda **o: layers.Conv1DTranspose(3, 2, strides=2, **o)),
    "Conv2DTranspose": (2, lambda **o: layers.Conv2DTranspose(3, 3, strides=2, **o)),
    "Conv3DTranspose": (3, lambda **o: layers.Conv3DTranspose(3, 2, **o)),
}
BACKWARD = list(LINEAR)
FORWARD = [name for name in LINEAR if "Transpose" not in name]


def made(name, **options):
    rank, make = LINEAR[name]
    dense = name.startswith("Dense")
    padding = options.pop("padding", "valid")
    return SIZES[rank], make(name="linear", **options, **({} if dense else {"padding": padding}))


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize("name", BACKWARD)
def test_backward_into_every_linear_map(name, padding, bias):
    shape, linear = made(name, padding=padding, use_bias=bias)
    norm = layers.BatchNormalization(center=bias, scale=padding == "same", name="bn")
    model = chain(shape, linear, norm, layers.ReLU())
    folded = bn.fold(model)
    assert not norms(folded)
    assert relative_error(model, folded) < 1e-5
    assert only_row(model)[["action", "into", "direction"]].tolist() == [
        "folded",
        "linear",
        "backward",
    ]


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("name", FORWARD)
def test_forward_into_every_linear_map_that_does_not_pad(name, bias):
    shape, linear = made(name, use_bias=bias)
    norm = layers.BatchNormalization(center=not bias, name="bn")
    model = chain(shape, norm, layers.Dropout(0.5), linear, layers.ReLU())
    folded = bn.fold(model)
    assert not norms(folded)
    assert relative_error(model, folded) < 1e-5
    assert only_row(model)["direction"] == "forward"


def test_a_window_of_one_pads_nothing():
    conv = layers.Conv2D(3, 1, strides=2, padding="same")
    model = chain((6, 6, 2), layers.ReLU(), layers.BatchNormalization(), conv)
    assert relative_error(model, bn.fold(model)) < 1e-5
    assert not norms(bn.fold(model))


@settings(LAWS, max_examples=100)
@given(data=st.data())
def test_fold_computes_the_same_on_random_architectures(data):
    model = randomize(functional(data.draw))
    weights = model.get_weights()
    folded = bn.fold(model)
    assert relative_error(model, folded, training=False) < 1e-4
    report = bn.fold_report(model)
    assert len(norms(folded)) == (report["action"] == "kept").sum()
    assert len(report) == len(norms(model))
    again = bn.fold_report(folded)
    assert (again["action"] == "kept").all(), "what can be folded is folded at once"
    for before, after in zip(weights, model.get_weights(), strict=True):
        np.testing.assert_array_equal(before, after)


@pytest.mark.parametrize("placement", ["before", "after"])
@pytest.mark.parametrize(
    "build",
    [
        lambda p: bn.mlp((6,), 3, hidden=(5, 4), placement=p, dropout=0.3),
        lambda p: bn.convnet((8, 8, 2), 3, placement=p),
        lambda p: bn.question_mlp(placement=p, normalize_output=True),
        lambda p: bn.resnet((16, 16, 3), 3, order={"before": "original", "after": "none"}[p]),
    ],
)
def test_the_networks_of_the_book(build, placement):
    model = randomize(build(placement))
    folded = bn.fold(model)
    assert relative_error(model, folded) < 1e-4
    assert {layer.name for layer in folded.layers} <= {layer.name for layer in model.layers}


def test_folding_goes_on_until_nothing_is_left():
    stack = [layers.BatchNormalization(name=f"bn_{i}") for i in range(4)]
    model = chain((3,), stack[0], layers.Dense(4), stack[1], layers.Dropout(0.1), stack[2])
    model = chain((3,), *model.layers, layers.ReLU(), stack[3], layers.Dense(2))
    folded = bn.fold(model)
    assert not norms(folded)
    assert relative_error(model, folded) < 1e-5


def test_forward_into_all_that_take_it():
    inputs = keras.Input((4, 4, 2))
    x = layers.BatchNormalization()(layers.ReLU()(inputs))
    takers = [layers.Conv2D(3, 1)(x), layers.Conv2D(3, 1, use_bias=False)(layers.Dropout(0.1)(x))]
    model = randomize(keras.Model(inputs, layers.Add()(takers)))
    assert not norms(bn.fold(model))
    assert relative_error(model, bn.fold(model)) < 1e-5


def test_layers_that_are_always_used_together_are_folded_together():
    a, b = keras.Input((3,)), keras.Input((3,))
    dense, norm = layers.Dense(4, name="d"), layers.BatchNormalization()
    model = randomize(keras.Model([a, b], layers.Add()([norm(dense(a)), norm(dense(b))])))
    folded = bn.fold(model)
    assert not norms(folded)
    assert len(folded.get_layer("d")._inbound_nodes) == 2
    assert relative_error(model, folded) < 1e-5


def test_nested_models_are_folded_inside():
    inner = chain((3,), layers.Dense(4), layers.BatchNormalization(name="deep"), layers.ReLU())
    inputs = keras.Input((3,))
    model = keras.Model(inputs, layers.Add()([inner(inputs), inner(2.0 * inputs)]))
    folded = bn.fold(model)
    assert not norms(folded)
    assert relative_error(model, folded) < 1e-5
    assert only_row(model)["normalization"] == f"{inner.name}/deep"


def test_channels_first_uses_the_axis_of_the_channels():
    conv = layers.Conv2D(3, 2, data_format="channels_first")
    model = chain((2, 6, 6), conv, layers.BatchNormalization(axis=1), layers.Flatten())
    assert only_row(model)["action"] == "folded"  # a CPU cannot run it, but the weights are plain
    folded = bn.fold(model)
    scale = model.layers[1].gamma / np.sqrt(np.asarray(model.layers[1].moving_variance) + 1e-3)
    np.testing.assert_allclose(folded.layers[0].kernel, model.layers[0].kernel * scale, rtol=1e-5)


@pytest.mark.parametrize(("policy", "limit"), [("mixed_float16", 1e-2), ("float64", 1e-12)])
def test_policies_round_as_their_layers_compute(policy, limit):
    stack = [
        layers.Dense(8, dtype=policy),
        layers.BatchNormalization(dtype=policy),
        layers.ReLU(dtype=policy),
    ]
    model = chain((4,), *stack)
    folded = bn.fold(model)
    assert not norms(folded)
    assert folded.layers[0].dtype_policy.name == policy
    assert relative_error(model, folded) < limit


def test_arithmetic_is_in_float64():
    """Rounded once: as close as weights of this type can be."""
    model = chain((4,), layers.Dense(8), layers.BatchNormalization())
    dense, norm = model.layers
    scale = norm.gamma.numpy().astype("float64") / np.sqrt(
        norm.moving_variance.numpy().astype("float64") + norm.epsilon
    )
    expected = (dense.kernel.numpy().astype("float64") * scale).astype("float32")
    np.testing.assert_array_equal(bn.fold(model).layers[0].kernel, expected)


# --- what is kept, and why ---

KEPT = {
    "fused activation": (
        (4,),
        lambda: [layers.Dense(3, "relu"), layers.BatchNormalization(), layers.ReLU()],
        "ends in an activation",
    ),
    "activation between": (
        (4,),
        lambda: [layers.Dense(3), layers.ReLU(), layers.BatchNormalization(), layers.ReLU()],
        "which is no linear map",
    ),
    "same padding": (
        (6, 6, 2),
        lambda: [layers.ReLU(), layers.BatchNormalization(), layers.Conv2D(3, 3, padding="same")],
        "pads with zeros",
    ),
    "causal padding": (
        (6, 2),
        lambda: [layers.ReLU(), layers.BatchNormalization(), layers.Conv1D(3, 2, padding="causal")],
        "pads with zeros",
    ),
    "transposed": (
        (6, 2),
        lambda: [layers.ReLU(), layers.BatchNormalization(), layers.Conv1DTranspose(3, 2)],
        "pads with zeros",
    ),
    "axis": (
        (6, 6, 2),
        lambda: [layers.Conv2D(6, 1), layers.BatchNormalization(axis=1), layers.ReLU()],
        "not that of the channels",
    ),
    "precision": (
        (4,),
        lambda: [layers.Dense(3, dtype="mixed_float16"), layers.BatchNormalization()],
        "computes in float16",
    ),
    "first and last": (
        (4,),
        lambda: [layers.BatchNormalization()],
        "in front of it is an input of the model; behind it is an output",
    ),
    "inside": (
        (4, 3),
        lambda: [layers.TimeDistributed(layers.BatchNormalization())],
        "inside of the TimeDistributed",
    ),
}


@pytest.mark.parametrize("case", KEPT)
def test_what_is_not_exact_is_kept_and_explained(case):
    shape, stack, reason = KEPT[case]
    model = chain(shape, *stack())
    row = only_row(model)
    assert row["action"] == "kept"
    assert reason in row["reason"]
    with pytest.warns(bn.FoldWarning, match=r"1 of 1 batch normalizations in .* were kept.*"):
        folded = bn.fold(model)
    assert len(norms(folded)) == 1
    assert relative_error(model, folded) == 0


def test_folding_into_same_padding_would_be_wrong_at_the_border():
    """Why `same` is refused: the very weights that are right for `valid`."""
    conv = layers.Conv2D(3, 3, padding="valid")
    valid = chain((6, 6, 2), layers.ReLU(), layers.BatchNormalization(), conv)
    same_conv = layers.Conv2D(3, 3, padding="same")
    same = chain((6, 6, 2), layers.ReLU(), layers.BatchNormalization(), same_conv)
    same.set_weights(valid.get_weights())
    wrong = chain((6, 6, 2), layers.ReLU(), layers.Conv2D(3, 3, padding="same"))
    wrong.set_weights(bn.fold(valid).get_weights())
    x = inputs_for(same)
    difference = np.abs(same(x) - wrong(x)).max(axis=(0, 3))
    assert difference[1:-1, 1:-1].max() < 1e-5
    assert difference[0].max() > 0.05


def test_a_linear_map_that_feeds_others_too_is_kept_as_it_is():
    inputs = keras.Input((4,))
    x = layers.Dense(3, name="d")(inputs)
    y = layers.ReLU()(layers.BatchNormalization()(x))
    model = randomize(keras.Model(inputs, layers.Add()([x, y])))
    assert "'d' feeds other layers, too" in only_row(model)["reason"]
    model = randomize(keras.Model(inputs, [x, y]))
    assert "'d' feeds other layers, too" in only_row(model)["reason"]


def test_shared_layers_that_are_not_always_together_are_kept():
    a, b = keras.Input((3,)), keras.Input((3,))
    dense, norm = layers.Dense(3, name="d"), layers.BatchNormalization()
    once = keras.Model([a, b], layers.Add()([norm(dense(a)), dense(b)]))
    assert "'d' is called elsewhere, too" in only_row(once)["reason"]
    other = layers.Dense(3, name="e")
    two = keras.Model([a, b], layers.Add()([norm(dense(a)), norm(other(b))]))
    assert "it is shared, and different layers feed it" in only_row(two)["reason"]


def test_a_call_in_training_mode_is_no_affine_map():
    inputs = keras.Input((4,))
    model = keras.Model(inputs, layers.BatchNormalization()(layers.Dense(3)(inputs), training=True))
    assert "training=True" in only_row(model)["reason"]
    noisy = layers.Dropout(0.5)(layers.Dense(3)(inputs), training=True)
    model = keras.Model(inputs, layers.ReLU()(layers.BatchNormalization()(noisy)))
    assert "which is no linear map" in only_row(model)["reason"]


def test_statistics_that_are_no_numbers_are_kept():
    for values in ([np.nan, 1, 1], [-1, 1, 1]):
        model = chain((4,), layers.Dense(3), layers.BatchNormalization())
        model.layers[1].moving_variance.assign(values)
        assert "not finite, or its variance is negative" in only_row(model)["reason"]


def test_weights_that_do_not_fit_their_type_are_kept():
    model = chain(
        (4,), layers.Dense(3, dtype="float16"), layers.BatchNormalization(dtype="float16")
    )
    model.layers[1].gamma.assign(np.full(3, 6e4))
    assert "exceed float16" in only_row(model)["reason"]


def test_a_class_of_ones_own_and_adapted_weights_are_kept():
    class Mine(layers.BatchNormalization):
        pass

    assert "a class of its own" in only_row(chain((4,), layers.Dense(3), Mine()))["reason"]
    model = chain((4,), layers.Dense(3), layers.BatchNormalization())
    model.layers[0].enable_lora(1)
    assert "is quantized or adapted" in only_row(model)["reason"]


# --- rejection ---


@pytest.mark.parametrize("function", [bn.fold, bn.fold_report])
def test_what_is_no_graph_of_layers_is_refused(function):
    with pytest.raises(TypeError, match="`model` must be a keras.Model.*Received: str"):
        function("model.keras")
    with pytest.raises(ValueError, match="`model` must be built"):
        function(keras.Sequential([layers.Dense(3)]))

    class Subclassed(keras.Model):
        def call(self, inputs):
            return inputs

    with pytest.raises(TypeError, match="Sequential or Functional"):
        function(Subclassed())
