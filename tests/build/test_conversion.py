"""read and rebuild: a model goes through the graph and comes out as it was."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from bn_companion.build.conversion import read, rebuild
from bn_companion.build.graph import Part
from tests.build.architectures import Custom

layers = keras.layers
X = np.random.default_rng(0).normal(size=(2, 4)).astype("float32")


def sequential():
    stack = [layers.Dense(3, "relu"), layers.BatchNormalization(), layers.Dense(2)]
    return keras.Sequential([keras.Input((4,)), *stack], name="stack"), X


def several_inputs_and_outputs():
    a, b = keras.Input((4,), name="a"), keras.Input((4,), name="b")
    shared = layers.Dense(3, name="shared")
    total = layers.Add()([shared(a), shared(b)])
    nested = keras.Sequential([keras.Input((3,)), layers.Dense(3)], name="nested")
    joined = layers.Concatenate(axis=-1)([nested(total, training=False), nested(shared(a))])
    outputs = {"y": layers.Dense(1)(joined), "z": keras.ops.mean(joined[:, 1:], axis=1)}
    return keras.Model({"a": a, "b": b}, outputs), {"a": X, "b": X + 1}


def attention_with_masks():
    words = keras.Input((5,), dtype="int32")
    x = layers.Embedding(10, 4, mask_zero=True)(words)
    x = x + layers.MultiHeadAttention(2, 2)(x, value=x, use_causal_mask=True)
    x = layers.LSTM(3)(layers.LayerNormalization()(x))
    return keras.Model(words, x), np.array([[1, 2, 3, 0, 0]])


class Keyword(layers.Layer):
    """Takes its tensors by keyword, and a function in its configuration."""

    def __init__(self, function, **kwargs):
        super().__init__(**kwargs)
        self.function = function

    def call(self, inputs, other=None, scale=1.0):
        return self.function(inputs) * scale + other

    def get_config(self):
        return super().get_config() | {"function": self.function}


class Ones(keras.initializers.Initializer):
    def __call__(self, shape, dtype=None):
        return keras.ops.ones(shape, dtype)

    def get_config(self):
        return {}


def functions_and_classes_of_ones_own():
    factor, inputs = 2.0, keras.Input((4,))
    x = Keyword(lambda t: t * factor)(inputs=inputs, other=inputs, scale=3.0)
    x = layers.Lambda(lambda t, by: t * by + np.float32(1), arguments={"by": factor})(x)
    x = layers.Dense(3, activation=lambda t: t * factor, kernel_initializer=Ones())(x)
    return keras.Model(inputs, Custom(factor=0.5, name="mine")(x)), X


def adapted_layers():
    inputs, word = keras.Input((4,)), keras.Input((1,), dtype="string", name="word")
    norm, lookup = layers.Normalization(), layers.StringLookup(output_mode="one_hot")
    norm.adapt(3 * X + 1)
    lookup.adapt(np.array(["x", "y"]))
    outputs = layers.Dense(2)(layers.Concatenate()([norm(inputs), lookup(word)]))
    return keras.Model([inputs, word], outputs), [tf.constant(X), tf.constant([["x"], ["q"]])]


def a_part_of_another_model():
    inputs = keras.Input((4,))
    middle = layers.Dense(3, name="first")(inputs)
    outer = keras.Model(inputs, layers.Dense(2, name="second")(middle))
    return keras.Model(outer.get_layer("first").output, outer.output), X[:, :3]


MODELS = [
    sequential,
    several_inputs_and_outputs,
    attention_with_masks,
    functions_and_classes_of_ones_own,
    adapted_layers,
    a_part_of_another_model,
]


@pytest.mark.filterwarnings("ignore:The object being serialized includes a `lambda`")
@pytest.mark.parametrize("make", MODELS, ids=lambda make: make.__name__)
def test_a_model_survives_the_way_through_the_graph(make):
    model, x = make()
    calls = [len(layer._inbound_nodes) for layer in model._flatten_layers()]
    copy, _ = rebuild(read(model))
    for a, b in zip(*(keras.tree.flatten(m(x)) for m in (model, copy)), strict=True):
        np.testing.assert_array_equal(a, b)
    assert type(copy) is type(model)
    assert [layer.name for layer in copy.layers] == [layer.name for layer in model.layers]
    assert copy.output_shape == model.output_shape
    assert not {*map(id, model._flatten_layers())} & {*map(id, copy._flatten_layers())}
    assert [len(layer._inbound_nodes) for layer in model._flatten_layers()] == calls


def test_weights_from_scratch_keep_what_was_adapted():
    model, _ = adapted_layers()
    fresh, _ = rebuild(read(model), copy_weights=False)

    def one(of, kind):
        return next(layer for layer in of.layers if isinstance(layer, kind))

    old, new = (one(m, layers.Normalization) for m in (model, fresh))
    np.testing.assert_array_equal(old(X), new(X))
    old, new = (one(m, layers.StringLookup) for m in (model, fresh))
    assert new.get_vocabulary() == old.get_vocabulary() == ["[UNK]", "y", "x"]
    kernels = [m.layers[-1].kernel.numpy() for m in (model, fresh)]
    assert np.abs(kernels[0] - kernels[1]).min() > 0


def test_flags_of_every_layer_survive_whatever_stands_above_them():
    base = keras.applications.MobileNet(weights=None, include_top=False, input_shape=(32, 32, 3))
    base.trainable = False
    base.layers[5].trainable = True
    inputs = keras.Input((32, 32, 3))
    model = keras.Model(inputs, layers.GlobalAveragePooling2D()(base(inputs, training=False)))
    copy, _ = rebuild(read(model))
    flags = [[layer.trainable for layer in m._flatten_layers()] for m in (model, copy)]
    assert flags[0] == flags[1]
    assert copy.layers[1].layers[5].trainable


def test_edits_rewire_all_takers_or_one():
    inputs = keras.Input((4,))
    x = layers.Dense(3, name="d")(inputs)
    model = keras.Model(inputs, [x, layers.ReLU(name="a")(x), layers.ELU(name="b")(x)])
    graph = read(model)
    dense, first = graph.calls[0], next(c for c in graph.calls if c.part.name == "a")
    graph.insert(Part(layers.Rescaling(2.0, name="one")), dense.outputs[0], into=first)
    made = graph.insert(Part(layers.Rescaling(3.0, name="all")), dense.outputs[0])
    edited, _ = rebuild(graph)
    y = np.asarray(model(X)[0])
    for output, expected in zip(edited(X), (3 * y, np.maximum(6 * y, 0), None), strict=True):
        if expected is not None:
            np.testing.assert_allclose(output, expected, rtol=1e-6)
    graph.remove(made)
    np.testing.assert_allclose(rebuild(graph)[0](X)[0], y)


def test_a_stack_of_which_nothing_is_left_is_the_identity():
    model = keras.Sequential([keras.Input((4,)), layers.Dropout(0.5)])
    graph = read(model)
    graph.remove(graph.calls[0])
    np.testing.assert_array_equal(rebuild(graph)[0](X), X)
