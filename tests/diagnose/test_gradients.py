"""gradient_norms: oracle, invariance, rejection."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import bn_companion as bn
from tests.diagnose import models


def targets(x):
    return (x.reshape(len(x), -1)[:, 0] > 0).astype(int)


# --- oracle ---


@pytest.mark.parametrize("make", [models.functional, models.nested, models.subclassed])
@pytest.mark.parametrize("training", [True, False])
def test_norms_equal_gradient_tape(make, training):
    model = make()
    x = models.inputs_for(model)
    y = targets(x)
    frame = bn.gradient_norms(
        model, x, y, loss=keras.losses.SparseCategoricalCrossentropy(True), training=training
    )
    with tf.GradientTape() as tape:
        loss = keras.losses.SparseCategoricalCrossentropy(True)(y, model(x, training=training))
    gradients = tape.gradient(loss, [v.value for v in model.trainable_variables])
    expected = [0.0 if g is None else np.linalg.norm(g) for g in gradients]
    np.testing.assert_allclose(frame["gradient_norm"], expected, rtol=1e-5)
    norms = [np.linalg.norm(v) for v in model.trainable_variables]
    np.testing.assert_allclose(frame["weight_norm"], norms, rtol=1e-6)
    assert frame["size"].tolist() == [v.numpy().size for v in model.trainable_variables]


def test_by_hand():
    """The loss is the mean of (w x)^2, so that dL/dw = 2 w x^2 = 4 at w = 2 and x = 1 or -1."""
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, use_bias=False, name="d")])
    model.layers[0].kernel.assign([[2.0]])
    frame = bn.gradient_norms(model, np.array([[1.0], [-1.0]]), np.zeros((2, 1)), loss="mse")
    assert frame.values.tolist() == [["d", "kernel", 1, 2.0, 4.0]]


def test_rows_are_named_by_layer():
    model = models.nested()
    x = models.inputs_for(model)
    frame = bn.gradient_norms(model, x, targets(x))
    assert list(zip(frame["layer"], frame["weight"], strict=True)) == [
        *[("outer", "kernel"), ("outer", "bias"), ("inner", "kernel"), ("inner", "bias")],
        *[("inner_bn", "gamma"), ("inner_bn", "beta"), ("logits", "kernel"), ("logits", "bias")],
    ]
    model = models.recurrent()
    x = models.inputs_for(model)
    assert bn.gradient_norms(model, x, targets(x))["weight"].tolist()[0] == "lstm_cell/kernel"


def test_a_bias_before_batch_normalization_has_no_gradient():
    inputs = keras.Input((4,))
    x = keras.layers.BatchNormalization()(keras.layers.Dense(6, name="d")(inputs))
    model = keras.Model(inputs, keras.layers.Dense(2)(keras.layers.ReLU()(x)))
    x = models.inputs_for(model)
    frame = bn.gradient_norms(model, x, targets(x)).set_index(["layer", "weight"])["gradient_norm"]
    assert frame["d", "bias"] < 1e-6
    assert frame["d", "kernel"] > 1e-3


# --- invariance ---


def test_batches_do_not_matter_where_examples_do_not_see_each_other():
    model = models.sequential()
    x = models.inputs_for(model, 90)
    whole = bn.gradient_norms(model, x, targets(x), training=False)
    parts = bn.gradient_norms(model, x, targets(x), training=False, batch_size=40)
    np.testing.assert_allclose(parts["gradient_norm"], whole["gradient_norm"], rtol=1e-4)


@pytest.mark.parametrize("make", models.ALL)
def test_the_model_is_left_as_it_is(make):
    model = make()
    x = models.inputs_for(model)
    model.compile(optimizer="adam", loss="mse", metrics=["mae"])
    model.fit(x, np.zeros((len(x), 2)), epochs=1, verbose=0)
    before = models.state_of(model)
    bn.gradient_norms(model, x, np.zeros((len(x), 2)), loss="mse")
    models.assert_same_state(before, models.state_of(model))


# --- rejection ---


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"model": "m"}, TypeError, "`model` must be a keras.Model. Received: str"),
        ({"model": keras.Sequential([keras.layers.Dense(2)])}, ValueError, "`model` must be built"),
        ({"y": np.zeros(2)}, ValueError, r"`y` must have 3 rows.*Received: shape \(2,\)"),
        ({"y": 1.0}, ValueError, r"`y` must have 3 rows.*Received: shape \(\)"),
        ({"x": np.zeros((0, 4))}, ValueError, "`x` must hold at least one example"),
        ({"x": [1.0]}, TypeError, "`x` must be an array"),
        ({"batch_size": 0}, ValueError, "`batch_size` must be at least 1"),
        ({"training": "yes"}, TypeError, "`training` must be a bool. Received: 'yes'"),
        ({"model": models.convolutional(), "loss": "no_such_loss"}, ValueError, "no_such_loss"),
        (
            {"model": keras.Sequential([keras.Input((4,)), keras.layers.Dense(2, "relu")])},
            ValueError,
            "or be given its `loss`",
        ),
    ],
)
def test_the_faulty_argument_is_named(change, error, message):
    good = {"model": models.sequential(), "x": np.zeros((3, 4)), "y": np.zeros(3)}
    arguments = good | change
    with pytest.raises(error, match=message):
        bn.gradient_norms(*[arguments.pop(name) for name in ("model", "x", "y")], **arguments)
