"""activation_statistics: oracle, invariance, rejection."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy import stats

import bn_companion as bn
from bn_companion.diagnose.taps import TENSORS, Taps, untouched
from tests.diagnose import models

COLUMNS = [
    *("layer", "tensor", "call", "activation", "count", "mean", "std", "skewness"),
    *("excess_kurtosis", "fraction_zeros", "fraction_saturated"),
]


def row(frame, layer, tensor="output", call=1):
    found = frame[(frame.layer == layer) & (frame.tensor == tensor) & (frame.call == call)]
    assert len(found) == 1
    return found.iloc[0]


def assert_describes(found, values):
    values = np.asarray(values, np.float64).ravel()
    assert found["count"] == len(values)
    assert found["mean"] == pytest.approx(values.mean(), rel=1e-6, abs=1e-9)
    assert found["std"] == pytest.approx(values.std(), rel=1e-6)
    assert found["skewness"] == pytest.approx(stats.skew(values), rel=1e-5, abs=1e-6)
    assert found["excess_kurtosis"] == pytest.approx(stats.kurtosis(values), rel=1e-5, abs=1e-6)
    assert found["fraction_zeros"] == (values == 0).mean()


# --- oracle ---


@pytest.mark.parametrize("batch_size", [1, 7, 128, 1000])
def test_statistics_equal_scipy_on_the_whole_whatever_the_batches(batch_size):
    model = models.sequential()
    x = models.inputs_for(model, 60 if batch_size == 1 else 200)
    frame = bn.activation_statistics(model, x, batch_size=batch_size)
    assert list(frame.columns) == COLUMNS
    assert frame["layer"].tolist() == ["fused", "bn", "plain", "tanh", "dropout", "logits"]
    for layer in model.layers:
        values = models.cut(model, layer.name)(x)
        assert_describes(row(frame, layer.name), values)


@pytest.mark.parametrize("make", [models.functional, models.convolutional, models.recurrent])
def test_outputs_equal_those_of_a_model_that_is_cut_there(make):
    model = make()
    x = models.inputs_for(model)
    frame = bn.activation_statistics(model, x)
    named = [layer for layer in model.layers if not isinstance(layer, keras.layers.InputLayer)]
    # An operation such as keras.ops.relu is no layer and has no row.
    named = [layer for layer in named if isinstance(layer, keras.Layer)]
    assert set(frame["layer"]) == {layer.name for layer in named}
    for layer in named:
        assert_describes(row(frame, layer.name), models.cut(model, layer.name)(x))


def test_a_fused_activation_can_be_seen_from_both_sides():
    model = models.sequential()
    x = models.inputs_for(model)
    frame = bn.activation_statistics(model, x, tensors=("pre_activation", "output"))
    before = x @ model.get_layer("fused").kernel + model.get_layer("fused").bias
    assert_describes(row(frame, "fused", "pre_activation"), before)
    assert_describes(row(frame, "fused"), np.maximum(before, 0))
    assert row(frame, "fused", "pre_activation")["mean"] < row(frame, "fused")["mean"]
    assert set(frame.loc[frame["tensor"] == "pre_activation", "layer"]) == {"fused", "tanh"}


@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        (keras.layers.Conv2D(3, 3, activation="relu", name="f"), (6, 6, 2)),
        (keras.layers.SeparableConv1D(3, 2, activation="elu", name="f"), (6, 2)),
        (keras.layers.EinsumDense("ab,bc->ac", 3, activation="tanh", name="f"), (6,)),
        (keras.layers.Dense(3, activation=keras.layers.LeakyReLU(0.2), name="f"), (6,)),
        (keras.layers.Dense(3, activation=lambda z: z * z, name="f"), (6,)),
        (keras.layers.ReLU(max_value=1.0, name="f"), (6,)),
        (keras.layers.PReLU(name="f"), (6,)),
        (keras.layers.Softmax(name="f"), (6,)),
    ],
)
def test_pre_activation_and_output_belong_together(layer, shape):
    """Applying the activation by hand to what was seen before it gives what was seen after it."""
    model = keras.Sequential([keras.Input(shape), layer])
    x = models.inputs_for(model, 20)
    seen = {}
    probe = Taps({"f": layer}, ("pre_activation", "output"), lambda *a: seen.update({a[1]: a}))
    probe.run(model, x, training=False)
    activate = getattr(layer, "activation", layer)
    np.testing.assert_allclose(
        activate(seen["pre_activation"][3]), seen["output"][3], rtol=1e-6, atol=1e-7
    )


def test_inputs_are_what_the_layer_is_given():
    model = models.functional()
    x = models.inputs_for(model)
    frame = bn.activation_statistics(model, x, tensors="input", layers=["left", "add"])
    assert_describes(row(frame, "left", "input"), x)
    assert_describes(row(frame, "add", "input[0]"), model.get_layer("left")(x))
    assert_describes(row(frame, "add", "input[1]"), tf.nn.relu(model.get_layer("right")(x)))


def test_nested_models_are_opened():
    model = models.nested()
    x = models.inputs_for(model)
    frame = bn.activation_statistics(model, x)
    assert frame["layer"].tolist() == ["outer", "inner", "inner_bn", "logits"]
    base = model.get_layer("base")
    inner = base.get_layer("inner")(model.get_layer("outer")(x))
    assert_describes(row(frame, "inner"), inner)
    whole = bn.activation_statistics(model, x, layers="base")
    assert_describes(row(whole, "base"), base.get_layer("inner_bn")(inner))


def test_names_that_clash_become_paths():
    base = keras.Sequential([keras.Input((4,)), keras.layers.Dense(4, name="same")], name="base")
    model = keras.Sequential([keras.Input((4,)), base, keras.layers.Dense(2, name="same")])
    x = models.inputs_for(model)
    assert bn.activation_statistics(model, x)["layer"].tolist() == ["base/same", "same"]
    for asked in ("base/same", base.get_layer("same")):
        assert bn.activation_statistics(model, x, layers=asked)["layer"].tolist() == ["base/same"]


def test_a_layer_that_is_used_twice_has_a_row_for_each_call():
    model = models.shared()
    x = models.inputs_for(model)
    frame = bn.activation_statistics(model, x, batch_size=64, layers="twice")
    once = model.get_layer("twice")(x)
    assert_describes(row(frame, "twice", call=1), once)
    assert_describes(row(frame, "twice", call=2), model.get_layer("twice")(once))


def test_subclassed_models_and_blocks_are_reached():
    model = models.subclassed()
    x = models.inputs_for(model)
    assert bn.activation_statistics(model, x)["layer"].tolist() == ["block", "logits"]
    frame = bn.activation_statistics(
        model, x, layers="block_dense", tensors=("pre_activation", "output")
    )
    assert_describes(row(frame, "block_dense"), model.block.dense(x))
    before = x @ model.block.dense.kernel + model.block.dense.bias
    assert_describes(row(frame, "block_dense", "pre_activation"), before)


def test_channels_are_described_one_by_one():
    model = models.convolutional()
    x = models.inputs_for(model)
    frame = bn.activation_statistics(model, x, layers="conv", per="channel", batch_size=33)
    values = models.cut(model, "conv")(x).numpy()
    assert frame["channel"].tolist() == [0, 1, 2]
    for channel in range(3):
        assert_describes(frame.iloc[channel], values[..., channel])
    rows = bn.activation_statistics(model, x, layers="conv", per="channel", axis=1)
    assert len(rows) == 4
    assert_describes(rows.iloc[2], values[:, 2])


@pytest.mark.parametrize(
    ("activation", "values", "expected"),
    [
        ("sigmoid", [-9.0, -2.9, 0.0, 2.9, 3.0, 9.0], [1, 0, 0, 0, 1, 1]),
        ("tanh", [-9.0, -1.8, 0.0, 1.8, 1.9, 9.0], [1, 0, 0, 0, 1, 1]),
        ("softsign", [-19.5, -18.5, 0.0, 18.5, 19.5], [1, 0, 0, 0, 1]),
        ("relu", [-1.0, 0.0, 1e-9, 50.0], [1, 1, 0, 0]),
        ("relu6", [-1.0, 0.5, 5.9, 6.0, 7.0], [1, 0, 0, 1, 1]),
        ("hard_sigmoid", [-3.1, -2.9, 0.0, 2.9, 3.1], [1, 0, 0, 0, 1]),
        ("hard_tanh", [-1.1, -0.9, 0.9, 1.1], [1, 0, 0, 1]),
        (keras.layers.ReLU(max_value=2.0), [-1.0, 1.0, 2.0, 3.0], [1, 0, 1, 1]),
    ],
)
def test_saturation_is_defined_by_the_activation(activation, values, expected):
    layer = keras.layers.Activation(activation, name="a")
    model = keras.Sequential([keras.Input((1,)), layer])
    frame = bn.activation_statistics(model, np.array(values)[:, None], tensors=["input", "output"])
    assert row(frame, "a")["fraction_saturated"] == np.mean(expected)
    assert np.isnan(row(frame, "a", "input")["fraction_saturated"])


@pytest.mark.parametrize(
    "layer",
    [
        *(
            keras.layers.Activation(name)
            for name in ("linear", "elu", "softmax", "gelu", "softplus")
        ),
        keras.layers.LeakyReLU(),
        keras.layers.ReLU(negative_slope=0.1),
        keras.layers.BatchNormalization(),
    ],
)
def test_saturation_is_undefined_elsewhere(layer):
    model = keras.Sequential([keras.Input((3,)), layer])
    frame = bn.activation_statistics(model, np.zeros((4, 3)))
    assert np.isnan(frame["fraction_saturated"]).all()


def test_a_recurrent_layer_is_not_taken_for_its_cell():
    model = models.recurrent()
    frame = bn.activation_statistics(model, models.inputs_for(model), tensors=TENSORS)
    assert set(frame.loc[frame["layer"] == "lstm", "tensor"]) == {"input", "output"}
    assert row(frame, "lstm")["activation"] == "linear"


def test_training_mode_uses_the_statistics_of_the_batch():
    model = models.sequential()
    x = 5 + 3 * models.inputs_for(model)
    settings = {"layers": "bn", "per": "channel", "batch_size": 200}
    inference = bn.activation_statistics(model, x, **settings)
    training = bn.activation_statistics(model, x, training=True, **settings)
    y, _ = bn.batch_norm_forward(model.layers[0](x), np.ones(8), np.zeros(8))
    np.testing.assert_allclose(training["mean"], 0, atol=1e-5)
    np.testing.assert_allclose(training["std"], y.std(axis=0), rtol=1e-4)
    np.testing.assert_allclose(training["skewness"], stats.skew(y), rtol=1e-3)
    assert (inference["std"] > 1.5).any()


def test_dropout_drops_in_training_mode_only():
    model = models.sequential()
    x = models.inputs_for(model)
    zeros = [
        row(bn.activation_statistics(model, x, training=mode), "dropout")["fraction_zeros"]
        for mode in (False, True)
    ]
    assert zeros[0] < 0.1
    assert 0.4 < zeros[1] < 0.6


# --- invariance ---


@pytest.mark.parametrize("make", models.ALL)
@pytest.mark.parametrize("training", [False, True])
def test_the_model_is_left_as_it_is(make, training):
    model = make()
    x = models.inputs_for(model)
    model.compile(optimizer="adam", loss="mse", metrics=["mae"])
    model.fit(x, np.zeros((len(x), 2)), epochs=1, verbose=0)
    before, output = models.state_of(model), model(x).numpy()
    bn.activation_statistics(model, x, tensors=TENSORS, training=training, batch_size=50)
    models.assert_same_state(before, models.state_of(model))
    np.testing.assert_array_equal(model(x), output)


def test_a_model_is_left_as_it_is_when_the_run_fails():
    model = models.sequential()
    before = models.state_of(model)
    with pytest.raises(ValueError):  # noqa: PT011 (Keras's own, about the shape)
        bn.activation_statistics(model, np.zeros((10, 3)), training=True)
    seen = []

    def fail(*_):
        seen.append(vars(model.get_layer("fused"))["call"])
        raise RuntimeError("in the middle")

    with untouched(model), pytest.raises(RuntimeError, match="in the middle"):
        Taps({"f": model.get_layer("fused")}, ("output",), fail).run(
            model, np.zeros((2, 4), "float32"), training=True
        )
    assert seen  # the layer was wrapped, and is not any more
    models.assert_same_state(before, models.state_of(model))


def test_a_compiled_training_goes_on_as_if_nobody_had_looked():
    def train(look):
        keras.utils.set_random_seed(3)
        model = models.sequential()
        x = models.inputs_for(model)
        model.compile(optimizer="sgd", loss="mse")
        for _ in range(2):
            model.fit(x, np.zeros((len(x), 2)), epochs=1, verbose=0)
            if look:
                bn.activation_statistics(model, x, training=True)
        return model.get_weights()

    for one, other in zip(train(look=False), train(look=True), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.filterwarnings("ignore:The structure of `inputs`")  # Keras's, of a list or dict of one
@pytest.mark.parametrize(
    "wrap",
    [
        lambda x: x,
        tf.constant,
        lambda x: x.astype("float64"),
        lambda x: tf.data.Dataset.from_tensor_slices(x).batch(30),
        lambda x: tf.data.Dataset.from_tensor_slices((x, x[:, 0])).batch(30),
        lambda x: (x[i : i + 11] for i in range(0, len(x), 11)),
        lambda x: [x],
        lambda x: {"features": x},
    ],
    ids=["array", "tensor", "float64", "dataset", "labelled", "generator", "list", "dict"],
)
def test_inputs_of_every_kind_give_the_same(wrap):
    inputs = keras.Input((4,), name="features")
    model = keras.Model(inputs, keras.layers.Dense(3, activation="relu", name="d")(inputs))
    x = models.inputs_for(model)
    expected = bn.activation_statistics(model, x)
    found = bn.activation_statistics(model, wrap(x), batch_size=17)
    np.testing.assert_allclose(found.iloc[0, 4:].astype(float), expected.iloc[0, 4:].astype(float))


def test_several_inputs_are_cut_together():
    a, b = keras.Input((2,)), keras.Input((2,))
    model = keras.Model([a, b], keras.layers.Add(name="sum")([a, b]))
    x = np.arange(20.0).reshape(10, 2)
    frame = bn.activation_statistics(model, [x, -x], batch_size=3)
    assert frame["std"].tolist() == [0.0]
    assert frame["count"].tolist() == [20]


def test_no_more_than_a_batch_is_ever_read():
    class Rows:
        """An array on disk, as far as anybody can tell."""

        shape = (100_000, 4)
        largest = 0

        def __getitem__(self, rows):
            size = min(rows.stop, self.shape[0]) - rows.start
            self.largest = max(self.largest, size)
            return np.zeros((size, 4), "float32")

    x = Rows()
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2, name="d")])
    frame = bn.activation_statistics(model, x, batch_size=20_000)
    assert frame["count"].tolist() == [200_000]
    assert x.largest == 20_000


# --- rejection ---


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"model": None}, TypeError, "`model` must be a keras.Model. Received: NoneType"),
        (
            {"model": keras.Sequential([keras.layers.Dense(2)], name="unbuilt")},
            ValueError,
            "`model` must be built.*Received: 'unbuilt'",
        ),
        ({"layers": "fussed"}, ValueError, "`layers` must be in the model.*Received: 'fussed'"),
        ({"layers": []}, ValueError, "`layers` must name at least one layer"),
        ({"layers": [3]}, TypeError, "`layers` must hold names or layers. Received: 3"),
        ({"layers": 3}, TypeError, "`layers` must hold names or layers. Received: 3"),
        ({"layers": keras.layers.Dense(2, name="alien")}, ValueError, "Received: 'alien'"),
        ({"tensors": "weights"}, ValueError, "`tensors` must be of input,.*Received: 'weights'"),
        ({"tensors": ()}, ValueError, r"`tensors` must be of input,.*Received: \(\)"),
        ({"tensors": 1}, TypeError, "`tensors` must hold names. Received: 1"),
        ({"per": "unit"}, ValueError, "`per` must be 'tensor' or 'channel'. Received: 'unit'"),
        ({"per": "channel", "axis": 5}, ValueError, r"`axis` must lie in \[-2, 2\).*Received: 5"),
        ({"training": 1}, TypeError, "`training` must be a bool. Received: 1"),
        ({"batch_size": 0}, ValueError, "`batch_size` must be at least 1. Received: 0"),
        ({"x": np.zeros((0, 4))}, ValueError, "`x` must hold at least one example"),
        ({"x": iter([])}, ValueError, "`x` must hold at least one example"),
        ({"x": 3.0}, TypeError, "`x` must be an array.*Received: float"),
        ({"x": "data"}, TypeError, "`x` must be an array.*Received: str"),
        ({"x": [[1.0, 2.0, 3.0, 4.0]]}, TypeError, "`x` must be an array, or a list.*type float"),
        ({"x": np.float32(3.0)}, ValueError, "`x` must have an axis of examples"),
        (
            {"x": [np.zeros((3, 4)), np.zeros((2, 4))]},
            ValueError,
            r"equally many examples. Received: \[2, 3\]",
        ),
        (
            {"layers": ["logits", "fused"], "tensors": "pre_activation"},
            ValueError,
            r"`layers` must have the tensors \['pre_activation'\].*Received: \['logits'\]",
        ),
    ],
)
def test_the_faulty_argument_is_named(change, error, message):
    good = {"model": models.sequential(), "x": np.zeros((3, 4), "float32")}
    arguments = good | change
    with pytest.raises(error, match=message) as caught:
        bn.activation_statistics(arguments.pop("model"), arguments.pop("x"), **arguments)
    assert "\n" not in str(caught.value)


def test_a_name_that_fits_two_layers_is_refused():
    base = keras.Sequential([keras.Input((4,)), keras.layers.Dense(4, name="same")], name="base")
    other = keras.Sequential([keras.Input((4,)), keras.layers.Dense(4, name="same")], name="other")
    model = keras.Sequential([keras.Input((4,)), base, other])
    with pytest.raises(ValueError, match="which 'same' is meant: base/same, other/same"):
        bn.activation_statistics(model, np.zeros((3, 4)), layers="same")


def test_layers_that_do_not_show_are_refused():
    model = models.subclassed()
    with pytest.raises(ValueError, match=r"Received: \['unused'\], which were not called"):
        bn.activation_statistics(model, models.inputs_for(model), layers=["logits", "unused"])

    class Compiled(models.Subclassed):
        @tf.function
        def call(self, x, training=None):
            return self.head(self.block(x, training=training))

    compiled = Compiled()
    x = models.inputs_for(model)
    y = compiled(x)
    before = models.state_of(compiled)
    with pytest.raises(ValueError, match=r"Received: \['logits'\], which.*compiled function"):
        bn.activation_statistics(compiled, x[:7], layers="logits")
    models.assert_same_state(before, models.state_of(compiled))
    compiled.head.kernel.assign(2 * compiled.head.kernel)
    np.testing.assert_allclose(compiled(x[:7]), 2 * y[:7], rtol=1e-5)  # no stale trace is left
