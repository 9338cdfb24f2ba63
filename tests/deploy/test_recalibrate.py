"""recalibrate: the definition recomputed, the same for every cut of the data, and rejection."""

import itertools

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

import bn_companion as bn
from tests.build.architectures import BLOCKS, functional

layers = keras.layers
LAWS = settings(
    max_examples=40,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
ROWS = 23


def is_norm(layer):
    return isinstance(layer, layers.BatchNormalization)


def data_for(model, rows=ROWS, seed=0):
    rng = np.random.default_rng(seed)
    x = [
        rng.normal(1.0, 2.0, size=(rows, *tensor.shape[1:])).astype("float32")
        for tensor in model.inputs
    ]
    return x[0] if len(x) == 1 else x


def statistics(model):
    return [
        np.concatenate([layer.moving_mean, layer.moving_variance])
        for layer in model._flatten_layers()
        if is_norm(layer)
    ]


def assert_same_statistics(first, second, **tolerance):
    tolerance = {"rtol": 1e-4, "atol": 1e-5} | tolerance
    for a, b in zip(statistics(first), statistics(second), strict=True):
        np.testing.assert_allclose(a, b, **tolerance)


def check_definition(model, x):
    """Each layer holds mean and variance of its own input, with all others recalibrated."""
    found = [layer for layer in model.layers if is_norm(layer)]
    for layer in found:
        calls = [node.input_tensors[0] for node in layer._inbound_nodes]
        seen = keras.Model(model.input, calls)(x, training=False)
        seen = np.concatenate([np.asarray(part, "float64") for part in keras.tree.flatten(seen)])
        axes = tuple(range(seen.ndim - 1))
        np.testing.assert_allclose(layer.moving_mean, seen.mean(axes), rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(layer.moving_variance, seen.var(axes), rtol=1e-4, atol=1e-5)
    return len(found)


def small():
    return bn.convnet((8, 8, 2), 3, filters=(3, 4), dropout=0.3)


# --- oracle: the definition ---


@settings(LAWS)
@given(data=st.data())
def test_statistics_are_those_of_what_each_layer_is_given(data):
    # A layer that is called on what it gave has no such statistics; it is refused below.
    blocks = [block for block in BLOCKS if block not in ("shared", "nested")]
    model = functional(data.draw, blocks=blocks)
    before, x = model.get_weights(), data_for(model)
    copy = bn.recalibrate(model, x, batch_size=7)
    check_definition(copy, x)
    for a, b in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize(
    "build",
    [
        lambda: bn.mlp((5,), 3, hidden=(4, 4)),
        small,
        lambda: bn.resnet((8, 8, 2), 3, order="pre_activation"),
        lambda: bn.resnet((8, 8, 2), 3),
    ],
)
def test_the_networks_of_the_book(build):
    model = build()
    x = data_for(model)
    copy = bn.recalibrate(model, x, batch_size=5)
    assert check_definition(copy, x) == len(statistics(model))
    assert copy.get_config() == model.get_config()


def test_nested_models_are_reached_and_share_their_statistics():
    inner = keras.Sequential([keras.Input((3,)), layers.Dense(4), layers.BatchNormalization()])
    inputs = keras.Input((3,))
    head = layers.BatchNormalization()
    model = keras.Model(inputs, head(layers.Add()([inner(inputs), inner(3.0 * inputs)])))
    x = data_for(model)
    copy = bn.recalibrate(model, x)
    dense, norm = copy.get_layer(inner.name).layers
    seen = np.concatenate([dense(x), dense(3 * x)])
    np.testing.assert_allclose(norm.moving_mean, seen.mean(0), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(norm.moving_variance, seen.var(0), rtol=1e-4)
    assert check_definition(copy, x) == 1


class Subclassed(keras.Model):
    """Two normalizations in a row, called in another order than they were made."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.second, self.first = layers.BatchNormalization(), layers.BatchNormalization()
        self.dense = layers.Dense(3)

    @tf.function
    def call(self, inputs, training=False):
        x = self.first(inputs, training=training)
        return self.second(self.dense(x) ** 2, training=training)


def test_subclassed_models_are_recalibrated_in_the_order_of_their_calls():
    model, x = Subclassed(), np.random.default_rng(0).normal(2, 3, (ROWS, 4)).astype("float32")
    model(x)
    copy = bn.recalibrate(model, x, batch_size=4)
    assert copy is not model
    assert not np.asarray(model.first.moving_mean).any()
    np.testing.assert_allclose(copy.first.moving_mean, x.mean(0), rtol=1e-5)
    seen = np.asarray(copy.dense(copy.first(x)) ** 2, "float64")
    np.testing.assert_allclose(copy.second.moving_mean, seen.mean(0), rtol=1e-4)
    np.testing.assert_allclose(copy.second.moving_variance, seen.var(0), rtol=1e-4)
    np.testing.assert_array_equal(copy.dense.kernel, model.dense.kernel)


def test_the_variance_is_pooled_and_biased():
    model = keras.Sequential([keras.Input((1,)), layers.BatchNormalization()])
    x = np.array([[0.0], [0.0], [10.0]], "float32")  # every batch of one has variance 0
    copy = bn.recalibrate(model, x, batch_size=1)
    np.testing.assert_allclose(copy.layers[0].moving_variance, [x.var()], rtol=1e-6)


def test_positions_that_a_mask_hides_do_not_count():
    words = keras.Input((4,), dtype="int32")
    x = layers.Embedding(5, 2, mask_zero=True)(words)
    model = keras.Model(words, layers.BatchNormalization(name="bn")(x))
    data = np.array([[1, 2, 0, 0], [3, 3, 3, 0], [4, 0, 0, 0]])
    copy = bn.recalibrate(model, data, batch_size=2)
    seen = np.asarray(model.layers[1](data))[data > 0]
    np.testing.assert_allclose(copy.get_layer("bn").moving_mean, seen.mean(0), rtol=1e-5)
    np.testing.assert_allclose(copy.get_layer("bn").moving_variance, seen.var(0), rtol=1e-5)


def test_a_large_mean_costs_no_precision():
    model = keras.Sequential([keras.Input((1,)), layers.BatchNormalization()])
    x = (4096.0 + np.random.default_rng(0).normal(size=(100, 1))).astype("float32")
    copy = bn.recalibrate(model, x, batch_size=9)
    np.testing.assert_allclose(copy.layers[0].moving_variance, [x.astype("f8").var()], rtol=1e-6)


def test_renorm_keeps_its_own_averages_in_step():
    norm = layers.BatchNormalization(renorm=True)
    model = keras.Sequential([keras.Input((2,)), norm])
    x = data_for(model)
    copy = bn.recalibrate(model, x).layers[0]
    deviation = np.sqrt(x.var(0) + norm.epsilon)
    np.testing.assert_allclose(copy.moving_stddev, deviation, rtol=1e-5)
    np.testing.assert_allclose(copy.renorm_stddev, deviation, rtol=1e-5)
    np.testing.assert_allclose(copy.renorm_mean, x.mean(0), rtol=1e-5)


def test_inference_on_the_data_is_then_what_training_on_all_of_it_is():
    """With dropout off, one batch of everything has the statistics of everything."""
    model = bn.mlp((5,), 3, hidden=(4, 4))
    x = data_for(model)
    copy = bn.recalibrate(model, x, batch_size=6)
    np.testing.assert_allclose(copy(x), model(x, training=True), rtol=1e-3, atol=1e-4)


def test_an_average_of_batches_is_something_else():
    """What is gained: the moving average of ten such batches is far off."""
    model = bn.mlp((5,), 3, hidden=(4,))
    x = data_for(model, rows=40)
    copy = bn.recalibrate(model, x)
    for _ in range(10):
        model(x[:4], training=True)
    gap = np.abs(np.subtract(statistics(model)[0], statistics(copy)[0])).max()
    assert gap > 0.1


# --- invariance: the cut, and the container ---


@settings(LAWS, max_examples=15)
@given(cuts=st.lists(st.integers(1, ROWS - 1), max_size=5))
def test_the_cut_does_not_matter(cuts):
    model = SMALL
    x = data_for(model)
    edges = [0, *sorted(set(cuts)), ROWS]
    parts = [x[a:b] for a, b in itertools.pairwise(edges)]
    copy = bn.recalibrate(model, lambda: iter(parts))
    assert_same_statistics(copy, WHOLE, rtol=1e-5)


SMALL = small()
WHOLE = bn.recalibrate(SMALL, data_for(SMALL), batch_size=ROWS)


class Pairs(keras.utils.PyDataset):
    def __init__(self, x):
        super().__init__()
        self.x = x

    def __len__(self):
        return 3

    def __getitem__(self, index):
        return self.x[index * 9 : (index + 1) * 9], np.zeros(9)


@pytest.mark.parametrize(
    "container",
    [
        lambda x: x,
        tf.constant,
        lambda x: {"inputs": x},
        lambda x: [x],
        lambda x: tf.data.Dataset.from_tensor_slices((x, np.zeros(len(x)))).batch(6),
        lambda x: tf.data.Dataset.from_tensor_slices(x).shuffle(99, seed=1).batch(6),
        lambda x: lambda: (x[i : i + 4] for i in range(0, len(x), 4)),
        lambda x: lambda: ((x[i : i + 4], None) for i in range(0, len(x), 4)),
        lambda x: lambda: [x[:0], x[:20], x[20:]],
        Pairs,
    ],
)
def test_the_container_does_not_matter(container):
    copy = bn.recalibrate(SMALL, container(data_for(SMALL)), batch_size=10)
    assert_same_statistics(copy, WHOLE, rtol=1e-5)


def test_several_inputs_by_list_or_by_name():
    a, b = keras.Input((3,), name="a"), keras.Input((2,), name="b")
    model = keras.Model([a, b], layers.BatchNormalization()(layers.Concatenate()([a, b])))
    x = data_for(model)
    first = bn.recalibrate(model, x, batch_size=4)
    assert check_definition(first, x) == 1
    assert_same_statistics(first, bn.recalibrate(model, {"b": x[1], "a": x[0]}))


def test_recalibrating_twice_changes_nothing():
    again = bn.recalibrate(WHOLE, data_for(SMALL), batch_size=3)
    assert_same_statistics(again, WHOLE, rtol=1e-5)


def test_a_model_without_normalization_is_copied():
    model = bn.mlp((5,), 3, placement="none")
    copy = bn.recalibrate(model, data_for(model))
    assert copy is not model
    for a, b in zip(model.get_weights(), copy.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_layers_of_one_depth_share_a_pass():
    passes = []

    def batches():
        passes.append(1)
        return [data_for(model)]

    model = bn.resnet((8, 8, 2), 3, blocks=(1, 1))
    bn.recalibrate(model, batches)
    assert len(statistics(model)) == 6
    assert len(passes) == 1 + 5  # a look at the first rows, then five depths


def test_nothing_is_left_behind():
    eager = tf.config.functions_run_eagerly()
    model = small()
    copy = bn.recalibrate(model, data_for(model))
    assert tf.config.functions_run_eagerly() == eager
    for of in (model, copy):
        assert not any("call" in vars(layer) for layer in of._flatten_layers())
    before = statistics(copy)
    copy.compile("sgd", "mse")
    copy.fit(2 * data_for(model), np.zeros((ROWS, 3)), verbose=0)
    assert all((a != b).all() for a, b in zip(before, statistics(copy), strict=True))


def test_the_bar_counts_batches(capsys):
    bn.recalibrate(SMALL, data_for(SMALL), batch_size=10, progress=True)
    assert "recalibrate: 100%" in capsys.readouterr().err
    bn.recalibrate(SMALL, data_for(SMALL), progress=False)
    assert not capsys.readouterr().err


# --- rejection ---

X = data_for(SMALL)


@pytest.mark.parametrize(
    ("x", "error", "message"),
    [
        (X[:0], ValueError, "`x` must not be empty. Received: 0 rows"),
        (lambda: [], ValueError, "`x` must not be empty. Received: no batch"),
        (lambda: iter([X[:0]]), ValueError, "`x` must not be empty"),
        ((part for part in [X]), ValueError, "`x` must be readable more than once.*generator"),
        (lambda: 3, TypeError, "`x` must return an iterator over batches.*int"),
        (X[:, :5], ValueError, r"`x` must have the shape .*\(None, 8, 8, 2\).*\(23, 5, 8, 2\)"),
        (lambda: [X[0]], ValueError, "`x` must have the shape"),
        ([X, X], ValueError, "`x` must have the shape"),
        ([X, X[:3]], ValueError, "`x` must have as many rows"),
        (3.0, TypeError, "`x` must be an array"),
        ("x.npy", TypeError, "`x` must be an array"),
        (None, TypeError, "`x` must be an array"),
        (np.float32(3), TypeError, "`x` must be an array"),
        (tf.data.Dataset.from_tensors(X).repeat(), ValueError, "`x` must end"),
        (np.full_like(X, np.nan), ValueError, "`x` must lead to finite inputs of 'block_1_bn'"),
    ],
)
def test_data_that_will_not_do_are_named(x, error, message):
    with pytest.raises(error, match=message):
        bn.recalibrate(SMALL, x)


def test_data_that_change_between_passes_are_refused():
    lengths = iter([9, 9, 4])
    with pytest.raises(ValueError, match="the same data every time.*9 rows, then 4"):
        bn.recalibrate(SMALL, lambda: [X[: next(lengths)]])


@pytest.mark.parametrize("size", [0, -1])
def test_batch_size_is_positive(size):
    with pytest.raises(ValueError, match="`batch_size` must be at least 1"):
        bn.recalibrate(SMALL, X, batch_size=size)


def test_models_that_will_not_do_are_named():
    with pytest.raises(TypeError, match="`model` must be a keras.Model. Received: Dense"):
        bn.recalibrate(layers.Dense(3), X)
    with pytest.raises(ValueError, match="`model` must be built"):
        bn.recalibrate(keras.Sequential([layers.BatchNormalization()]), X)
    with pytest.raises(ValueError, match="`model` must be built"):
        bn.recalibrate(Subclassed(), X)


def test_a_layer_that_feeds_itself_has_no_statistics_of_its_own():
    inputs, norm = keras.Input((3,)), layers.BatchNormalization(name="loop")
    model = keras.Model(inputs, norm(layers.ReLU()(norm(inputs))))
    with pytest.raises(ValueError, match="depend on themselves. Received: 'loop'"):
        bn.recalibrate(model, data_for(model))


def test_statistics_of_the_batch_at_inference_cannot_be_replaced():
    class Always(keras.Model):
        def __init__(self):
            super().__init__()
            self.norm = layers.BatchNormalization(name="always")

        def call(self, inputs):
            return self.norm(inputs, training=True)

    model = Always()
    model(np.ones((2, 3)))
    with pytest.raises(ValueError, match="'always', which is called with training=True"):
        bn.recalibrate(model, np.ones((4, 3)))


def test_what_a_subclassed_model_hides_is_not_guessed():
    class Twice(Subclassed):
        def call(self, inputs, training=False):
            return self.first(self.first(inputs, training=training) ** 2, training=training)

    model = Twice()
    model(np.ones((2, 3)))
    with pytest.raises(ValueError, match="must call each batch normalization once"):
        bn.recalibrate(model, np.ones((4, 3)))
    model = Subclassed()
    model(np.ones((2, 3)))
    with pytest.raises(ValueError, match=r"`x` must be what .* takes.*\(2, 7\)"):
        bn.recalibrate(model, np.ones((4, 7)))
