"""loss_landscape: oracle, invariance, rejection."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import bn_companion as bn
from tests.diagnose import models

RATES = [0.01, 0.1, 0.4]


def targets(x):
    return (x.reshape(len(x), -1)[:, 0] > 0).astype(int)


def landscape_of(model, **options):
    x = models.inputs_for(model)
    return bn.loss_landscape(model, x, targets(x), **{"learning_rates": RATES} | options)


@pytest.fixture
def quadratic():
    """A linear model with squared error: L(w) = |Xw - y|^2 / n, Hessian 2 X'X / n."""
    rng = np.random.default_rng(0)
    x = (rng.normal(size=(40, 5)) * [3.0, 2.0, 1.0, 0.5, 0.1]).astype("float32")
    y = rng.normal(size=(40, 1)).astype("float32")
    model = keras.Sequential([keras.Input((5,)), keras.layers.Dense(1, use_bias=False)])
    return model, x, y, 2 * x.T.astype(float) @ x / len(x)


# --- oracle ---


def test_a_quadratic_has_its_closed_form(quadratic):
    model, x, y, hessian = quadratic
    w = np.asarray(model.layers[0].kernel, float)
    gradient = 2 * x.T.astype(float) @ (x @ w - y) / len(x)
    norm = np.linalg.norm(gradient)
    found = bn.loss_landscape(model, x, y, loss="mse", learning_rates=RATES)
    losses = [np.mean((x @ (w - rate * gradient) - y) ** 2) for rate in RATES]
    np.testing.assert_allclose(found.gradient_norm, norm, rtol=1e-5)
    np.testing.assert_allclose(found.loss, np.mean((x @ w - y) ** 2), rtol=1e-5)
    points = found.points
    assert points["learning_rate"].tolist() == RATES
    np.testing.assert_allclose(points["loss"], losses, rtol=1e-4)
    np.testing.assert_allclose(points["distance"], np.multiply(RATES, norm), rtol=1e-5)
    np.testing.assert_allclose(
        points["predicted"], found.loss - np.multiply(RATES, norm**2), rtol=1e-5
    )
    # The gradient changes by the Hessian times the step: its Rayleigh-like quotient is constant.
    beta = np.linalg.norm(hessian @ gradient) / norm
    np.testing.assert_allclose(points["smoothness"], beta, rtol=1e-3)
    np.testing.assert_allclose(found.effective_smoothness, beta, rtol=1e-3)
    np.testing.assert_allclose(
        found.gradient_predictiveness, np.multiply([RATES[0], RATES[-1]], beta * norm), rtol=1e-3
    )
    np.testing.assert_allclose(found.loss_variation, [min(losses), max(losses)], rtol=1e-4)


def test_smoothness_never_exceeds_the_largest_eigenvalue(quadratic):
    model, x, y, hessian = quadratic
    largest = np.linalg.eigvalsh(hessian).max()
    for seed in range(5):
        weights = np.random.default_rng(seed).normal(size=(5, 1))
        model.set_weights([weights])
        found = bn.loss_landscape(model, x, y, loss="mse", learning_rates=RATES)
        assert found.effective_smoothness < largest * 1.001


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("make", [models.functional, models.nested, models.subclassed])
def test_points_equal_a_step_of_keras(make, training):
    """SGD without momentum takes the model to the point; tape and loss there agree."""
    model = make()
    x = models.inputs_for(model)
    y = targets(x)
    loss = keras.losses.SparseCategoricalCrossentropy(True)
    found = bn.loss_landscape(
        model, x, y, loss=loss, learning_rates=0.3, training=training
    ).points.iloc[0]

    def here():
        with tf.GradientTape() as tape:
            value = loss(y, model(x, training=training))
        gradients = tape.gradient(value, [v.value for v in model.trainable_variables])
        pairs = zip(gradients, model.trainable_variables, strict=True)
        return float(value), [tf.zeros_like(v) if g is None else g for g, v in pairs]

    _, before = here()
    keras.optimizers.SGD(0.3).apply(before, model.trainable_variables)
    value, after = here()
    change = np.sqrt(sum(np.sum((a - b) ** 2) for a, b in zip(after, before, strict=True)))
    assert found["loss"] == pytest.approx(value, rel=1e-5)
    assert found["gradient_change"] == pytest.approx(change, rel=1e-4)


def test_training_mode_uses_the_statistics_of_the_batch():
    """Far moving statistics change the loss at inference only."""
    model = models.nested()
    plain, at_inference = landscape_of(model), landscape_of(model, training=False)
    model.get_layer("base").get_layer("inner_bn").moving_mean.assign([9.0] * 6)
    assert landscape_of(model).loss == plain.loss
    assert landscape_of(model, training=False).loss != at_inference.loss


def test_a_moment_in_training():
    wine = bn.load("wine")
    runs = bn.train_replicas(
        lambda: bn.mlp((13,), 3, hidden=(8,)),
        wine,
        seeds=1,
        learning_rates=0.1,
        epochs=4,
        batch_size=32,
        snapshots=[1],
    )
    losses = [
        bn.loss_landscape(runs.model(0, epoch=epoch), wine.x_train, wine.y_train).loss
        for epoch in (0, 1, None)
    ]
    assert losses == sorted(losses, reverse=True)


# --- invariance ---


@pytest.mark.parametrize("make", models.ALL)
def test_the_model_is_left_as_it_is(make):
    model = make()
    x = models.inputs_for(model)
    model.compile(optimizer="adam", loss="mse", metrics=["mae"])
    model.fit(x, np.zeros((len(x), 2)), epochs=1, verbose=0)
    before = models.state_of(model)
    landscape_of(model, loss=keras.losses.SparseCategoricalCrossentropy(True))
    models.assert_same_state(before, models.state_of(model))


def test_the_model_is_left_as_it_is_after_a_failure():
    model = models.sequential()
    x = models.inputs_for(model)
    calls = []

    def failing(y, outputs):
        calls.append(1)
        if len(calls) == 3:
            raise RuntimeError("in the middle")
        return keras.losses.sparse_categorical_crossentropy(y, outputs, from_logits=True)

    before = models.state_of(model)
    with pytest.raises(RuntimeError, match="in the middle"):
        bn.loss_landscape(model, x, targets(x), loss=failing)
    models.assert_same_state(before, models.state_of(model))


def test_the_order_of_examples_does_not_matter():
    model = models.nested()  # with batch normalization, without dropout
    x = models.inputs_for(model)
    order = np.random.default_rng(0).permutation(len(x))
    one = bn.loss_landscape(model, x, targets(x), learning_rates=RATES)
    other = bn.loss_landscape(model, x[order], targets(x)[order], learning_rates=RATES)
    np.testing.assert_allclose(other.points, one.points, rtol=2e-3)


def test_the_order_of_batches_does_not_matter():
    model = models.nested()
    x = models.inputs_for(model)
    order = np.concatenate([np.arange(100, 200), np.arange(100)])
    one = bn.loss_landscape(model, x, targets(x), learning_rates=RATES, batch_size=100)
    other = bn.loss_landscape(
        model, x[order], targets(x)[order], learning_rates=RATES, batch_size=100
    )
    np.testing.assert_allclose(other.points, one.points, rtol=2e-3)


def test_batches_do_not_matter_where_examples_do_not_see_each_other():
    model = models.functional()
    whole, parts = landscape_of(model), landscape_of(model, batch_size=70)
    np.testing.assert_allclose(parts.points, whole.points, rtol=2e-3)


def test_scaling_the_loss_scales_what_it_should():
    """With 4 L and a quarter of the rate the way is the same, and all else is 4 times as large."""
    model = models.nested()
    loss = keras.losses.SparseCategoricalCrossentropy(True)
    one = landscape_of(model, loss=loss)
    four = landscape_of(
        model, loss=lambda y, z: 4 * loss(y, z), learning_rates=[rate / 4 for rate in RATES]
    )
    np.testing.assert_allclose(four.points["distance"], one.points["distance"], rtol=1e-5)
    for name in ("loss", "predicted", "gradient_change", "smoothness"):
        np.testing.assert_allclose(four.points[name], 4 * one.points[name], rtol=2e-3)


def test_weights_before_batch_normalization_may_be_scaled():
    """a W, and a**2 times the rate: the same functions along the way (equation of section 3.3)."""
    inputs = keras.Input((4,))
    x = keras.layers.Dense(6, use_bias=False, name="d")(inputs)
    x = keras.layers.BatchNormalization(epsilon=1e-12, scale=False, center=False)(x)
    head = keras.layers.Dense(2, trainable=False)
    model = keras.Model(inputs, head(keras.layers.ReLU()(x)))
    one = landscape_of(model)
    model.get_layer("d").kernel.assign(3 * model.get_layer("d").kernel)
    scaled = landscape_of(model, learning_rates=[9 * rate for rate in RATES])
    np.testing.assert_allclose(scaled.points["loss"], one.points["loss"], rtol=1e-4)
    np.testing.assert_allclose(scaled.effective_smoothness, one.effective_smoothness / 9, rtol=1e-2)


def test_random_layers_repeat_their_numbers_along_the_way():
    model = models.sequential()  # with dropout 0.5
    assert landscape_of(model).points.equals(landscape_of(model).points)
    smallest = landscape_of(model, learning_rates=1e-6)
    assert smallest.points["loss"][0] == pytest.approx(smallest.loss, abs=1e-4)


def test_where_nothing_moves_there_is_no_smoothness():
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1, use_bias=False)])
    model.set_weights([np.zeros((2, 1))])
    found = bn.loss_landscape(model, np.ones((3, 2)), np.zeros((3, 1)), loss="mse")
    assert found.gradient_norm == 0.0
    assert np.isnan(found.effective_smoothness)
    assert found.loss_variation == (0.0, 0.0)


def test_a_loss_that_overflows_is_not_hidden(quadratic):
    model, x, y, _ = quadratic
    found = bn.loss_landscape(model, x, y, loss="mse", learning_rates=[0.1, 1e25])
    assert not np.isfinite(found.loss_variation[1])
    assert np.isfinite(found.points["loss"][0])


# --- rejection ---


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"model": "m"}, TypeError, "`model` must be a keras.Model. Received: str"),
        ({"model": keras.Sequential([keras.layers.Dense(2)])}, ValueError, "`model` must be built"),
        (
            {"model": keras.Sequential([keras.Input((4,)), keras.layers.Flatten()])},
            ValueError,
            "`model` must have trainable weights. Received: none",
        ),
        ({"y": np.zeros(2)}, ValueError, r"`y` must have 3 rows.*Received: shape \(2,\)"),
        ({"x": np.zeros((0, 4))}, ValueError, "`x` must hold at least one example"),
        ({"x": [1.0]}, TypeError, "`x` must be an array"),
        ({"batch_size": 0}, ValueError, "`batch_size` must be at least 1"),
        ({"training": "yes"}, TypeError, "`training` must be a bool. Received: 'yes'"),
        ({"learning_rates": [0.1, 0.0]}, ValueError, "`learning_rates` must be positive"),
        ({"learning_rates": []}, ValueError, "`learning_rates` must hold at least one"),
        ({"learning_rates": "0.1"}, TypeError, "`learning_rates` must be a number or numbers"),
        ({"loss": "no_such_loss"}, ValueError, "no_such_loss"),
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
        bn.loss_landscape(*[arguments.pop(name) for name in ("model", "x", "y")], **arguments)
