"""Models of every kind to look into."""

import keras
import numpy as np


def sequential():
    return keras.Sequential(
        [
            keras.Input((4,)),
            keras.layers.Dense(8, activation="relu", name="fused"),
            keras.layers.BatchNormalization(name="bn"),
            keras.layers.Dense(5, name="plain"),
            keras.layers.Activation("tanh", name="tanh"),
            keras.layers.Dropout(0.5, name="dropout"),
            keras.layers.Dense(2, name="logits"),
        ],
        name="sequential_model",
    )


def functional():
    inputs = keras.Input((4,))
    left = keras.layers.Dense(6, activation="sigmoid", name="left")(inputs)
    right = keras.layers.Dense(6, name="right")(inputs)
    both = keras.layers.Add(name="add")([left, keras.ops.relu(right)])
    return keras.Model(inputs, keras.layers.Dense(2, name="logits")(both), name="functional_model")


def nested():
    base = keras.Sequential(
        [
            keras.Input((4,)),
            keras.layers.Dense(6, activation="relu", name="inner"),
            keras.layers.BatchNormalization(name="inner_bn"),
        ],
        name="base",
    )
    inputs = keras.Input((4,))
    x = keras.layers.Dense(4, name="outer")(inputs)
    return keras.Model(inputs, keras.layers.Dense(2, name="logits")(base(x)), name="nested_model")


def shared():
    inputs = keras.Input((4,))
    twice = keras.layers.Dense(4, activation="tanh", name="twice")
    return keras.Model(inputs, keras.layers.Dense(2, name="logits")(twice(twice(inputs))))


class Block(keras.layers.Layer):
    """A layer made of layers."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.dense = keras.layers.Dense(4, activation="relu", name="block_dense")
        self.bn = keras.layers.BatchNormalization(name="block_bn")

    def build(self, shape):
        self.dense.build(shape)
        self.bn.build((shape[0], 4))

    def call(self, x, training=None):
        return x + self.bn(self.dense(x), training=training)


class Subclassed(keras.Model):
    """A model that is no graph of layers."""

    def __init__(self):
        super().__init__(name="subclassed_model")
        self.block = Block(name="block")
        self.head = keras.layers.Dense(2, name="logits")
        self.unused = keras.layers.Dense(3, name="unused", trainable=False)

    def build(self, shape):
        self.block.build(shape)
        self.head.build(shape)
        self.unused.build(shape)

    def call(self, x, training=None):
        return self.head(self.block(x, training=training))


def subclassed():
    model = Subclassed()
    model.build((None, 4))
    return model


def recurrent():
    inputs = keras.Input((3, 4))
    x = keras.layers.LSTM(5, name="lstm")(inputs)
    return keras.Model(inputs, keras.layers.Dense(2, name="logits")(x))


def convolutional():
    inputs = keras.Input((6, 6, 2))
    x = keras.layers.Conv2D(3, 3, activation="relu", name="conv")(inputs)
    x = keras.layers.BatchNormalization(name="bn")(x)
    x = keras.layers.GlobalAveragePooling2D(name="pool")(x)
    return keras.Model(inputs, keras.layers.Dense(2, name="logits")(x))


ALL = [sequential, functional, nested, shared, subclassed, recurrent, convolutional]


def inputs_for(model, rows=200, seed=0):
    shape = (4,) if model.name == "subclassed_model" else model.input_shape[1:]
    return np.random.default_rng(seed).normal(size=(rows, *shape)).astype("float32")


def cut(model, name):
    """Return the model that ends in the output of the named layer."""
    return keras.Model(model.inputs[0], model.get_layer(name).output)


def state_of(model):
    """Everything that must stay as it is."""
    return {
        "values": [v.numpy() for v in model.variables],
        "trainable": [layer.trainable for layer in model._flatten_layers()],
        "attributes": [sorted(vars(layer)) for layer in model._flatten_layers()],
        "activations": [vars(layer).get("activation") for layer in model._flatten_layers()],
        "compiled": (model.compiled, getattr(model, "optimizer", None)),
        "optimizer": [v.numpy() for v in model.optimizer.variables] if model.compiled else [],
        "metrics": [v.numpy() for v in model.metrics_variables],
    }


def assert_same_state(one, other):
    for name, before in one.items():
        after = other[name]
        if name in ("values", "optimizer", "metrics"):
            assert len(before) == len(after)
            for a, b in zip(before, after, strict=True):
                np.testing.assert_array_equal(a, b)
        else:
            assert before == after, name
