"""loss_for, accuracy_for and correct_for read the last activation."""

import keras
import numpy as np
import pytest

import bn_companion as bn
from bn_companion.train.loss import correct_for

LAYERS = keras.layers


def ending_in(*layers):
    return keras.Sequential([keras.Input((4,)), *layers])


def graph(function, units):
    inputs = keras.Input((4,))
    return keras.Model(inputs, function(LAYERS.Dense(units)(inputs)))


def nested():
    inputs = keras.Input((4,))
    head = ending_in(LAYERS.Dense(3, activation="softmax"))
    return keras.Model(inputs, head(LAYERS.Dense(4)(inputs)))


SEVERAL, ONE = keras.losses.SparseCategoricalCrossentropy, keras.losses.BinaryCrossentropy
MODELS = {
    "logits": (lambda: ending_in(LAYERS.Dense(3)), SEVERAL, True),
    "softmax": (lambda: ending_in(LAYERS.Dense(3, activation="softmax")), SEVERAL, False),
    "softmax activation": (
        lambda: ending_in(LAYERS.Dense(3), LAYERS.Activation("softmax")),
        SEVERAL,
        False,
    ),
    "softmax layer": (
        lambda: ending_in(LAYERS.Dense(3), LAYERS.Softmax(), LAYERS.Reshape((3,))),
        SEVERAL,
        False,
    ),
    "softmax function": (lambda: graph(keras.ops.softmax, 3), SEVERAL, False),
    "nested": (nested, SEVERAL, False),
    "normalized logits": (
        lambda: ending_in(LAYERS.Dense(3), LAYERS.BatchNormalization()),
        SEVERAL,
        True,
    ),
    "one logit": (lambda: ending_in(LAYERS.Dense(1)), ONE, True),
    "one sigmoid": (lambda: ending_in(LAYERS.Dense(1, activation="sigmoid")), ONE, False),
    "sigmoid function": (lambda: graph(keras.ops.sigmoid, 1), ONE, False),
    "the question's": (bn.question_mlp, SEVERAL, False),
}


@pytest.mark.parametrize("name", MODELS)
def test_the_loss_fits_the_last_activation(name):
    build, kind, from_logits = MODELS[name]
    loss = bn.loss_for(build())
    assert type(loss) is kind
    assert loss.from_logits is from_logits


@pytest.mark.parametrize("name", ["logits", "softmax", "one logit", "one sigmoid"])
def test_what_is_correct_is_what_the_metric_counts(name):
    model = MODELS[name][0]()
    x = np.random.default_rng(0).normal(size=(50, 4)).astype("float32")
    outputs = model(x)
    labels = np.arange(50) % (2 if outputs.shape[1] == 1 else 3)
    metric = bn.accuracy_for(model)
    metric.update_state(labels, outputs)
    ours = np.asarray(correct_for(model)(labels, outputs))
    assert ours.shape == (50,)
    assert ours.mean() == pytest.approx(float(metric.result()))
    assert 0 < ours.mean() < 1


@pytest.mark.parametrize(
    ("build", "match"),
    [
        (lambda: ending_in(LAYERS.Dense(3, activation="sigmoid")), "Received: sigmoid"),
        (lambda: ending_in(LAYERS.Dense(3, activation="relu")), "Received: relu"),
        (lambda: ending_in(LAYERS.Dense(3), LAYERS.ReLU()), "Received: relu"),
        (lambda: ending_in(LAYERS.Dense(1, activation="softmax")), "Received: softmax"),
        (lambda: ending_in(LAYERS.Reshape((4, 1)), LAYERS.Dense(3)), "one output of shape"),
    ],
)
def test_other_outputs_are_refused(build, match):
    for choose in (bn.loss_for, bn.accuracy_for):
        with pytest.raises(ValueError, match=match):
            choose(build())
