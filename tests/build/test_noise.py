"""ShiftNoise: oracle, invariance, rejection."""

import keras
import numpy as np
import pytest

import bn_companion as bn
from tests.train.fit_oracle import fit, largest_difference


def noisy(mean=1.0, std=1.0, placement="before"):
    inputs = keras.Input((13,))
    x = keras.layers.Dense(8, use_bias=placement == "none")(inputs)
    if placement == "before":
        x = keras.layers.BatchNormalization()(x)
    x = keras.layers.ReLU()(bn.ShiftNoise(mean=mean, std=std)(x))
    return keras.Model(inputs, keras.layers.Dense(3)(x))


def steps(layer, x, count):
    return np.stack([np.asarray(layer(x, training=True)) for _ in range(count)])


# --- oracle ---


def test_mean_and_deviation_are_drawn_from_their_ranges_in_every_step():
    """Var of the means of U(-2, 2) is 4/3, the mean of the deviations of U(0, 3) is 3/2."""
    x = np.zeros((400, 50), "float32")
    noise = steps(bn.ShiftNoise(mean=2.0, std=3.0, seed=0), x, 100)
    means, deviations = noise.mean(axis=1), noise.std(axis=1)
    assert means.min() < -1.9
    assert means.max() > 1.9
    np.testing.assert_allclose(means.mean(), 0.0, atol=0.06)
    np.testing.assert_allclose(means.var(), 4 / 3, rtol=0.05)
    np.testing.assert_allclose(deviations.mean(), 1.5, rtol=0.03)
    assert deviations.max() < 3.2
    # Neighbouring steps know nothing of each other, nor do neighbouring activations.
    assert abs(np.corrcoef(means[:-1].ravel(), means[1:].ravel())[0, 1]) < 0.05
    assert abs(np.corrcoef(means[:, :-1].ravel(), means[:, 1:].ravel())[0, 1]) < 0.05


def test_noise_is_independent_between_examples_and_activations():
    x = np.zeros((2000, 6), "float32")
    noise = np.asarray(bn.ShiftNoise(mean=0.0, std=1.0, seed=1)(x, training=True))
    between = np.corrcoef(noise, rowvar=False) - np.eye(6)
    assert np.abs(between).max() < 0.1
    assert np.abs([np.corrcoef(c[:-1], c[1:])[0, 1] for c in noise.T]).max() < 0.1


def test_every_position_of_an_image_has_a_distribution_of_its_own():
    x = np.zeros((5, 4, 4, 3), "float32")
    noise = np.asarray(bn.ShiftNoise(mean=1.0, std=0.0, seed=0)(x, training=True))
    assert len(np.unique(noise)) == 4 * 4 * 3


@pytest.mark.parametrize("path", ["vectorized", "loop"])
def test_replicas_train_as_fit_does_with_the_same_noise(path):
    """Whichever way a run is trained, it draws the noise that its own seed generator gives."""
    wine = bn.load("wine")
    replicas = bn.train_replicas(
        noisy, wine, seeds=2, learning_rates=0.05, epochs=2, batch_size=32, path=path
    )
    assert replicas.path == path
    for seed in range(2):
        optimizer = keras.optimizers.SGD(0.05, momentum=0.9)
        model, _ = fit(noisy, wine, seed=seed, optimizer=optimizer, epochs=2, batch_size=32)
        assert largest_difference(replicas.model(seed), model) < 1e-5


# --- invariance ---


def test_nothing_happens_at_inference():
    x = np.random.default_rng(0).normal(size=(8, 3)).astype("float32")
    layer = bn.ShiftNoise(seed=0)
    state = np.asarray(layer.seed_generator.state)
    np.testing.assert_array_equal(layer(x), x)
    np.testing.assert_array_equal(layer(x, training=False), x)
    np.testing.assert_array_equal(layer.seed_generator.state, state)


def test_without_limits_there_is_no_noise():
    x = np.ones((8, 3), "float32")
    np.testing.assert_array_equal(bn.ShiftNoise(mean=0.0, std=0.0)(x, training=True), x)


def test_equal_seeds_give_equal_noise():
    x = np.zeros((8, 3), "float32")
    one, other = (steps(bn.ShiftNoise(seed=7), x, 3) for _ in range(2))
    np.testing.assert_array_equal(one, other)


def test_the_next_batch_normalization_takes_the_shift_away_but_not_the_blur():
    x = np.random.default_rng(0).normal(size=(256, 5)).astype("float32")
    norm = keras.layers.BatchNormalization()
    plain = np.asarray(norm(x, training=True))
    shifted = norm(bn.ShiftNoise(mean=3.0, std=0.0, seed=0)(x, training=True), training=True)
    blurred = norm(bn.ShiftNoise(mean=0.0, std=3.0, seed=0)(x, training=True), training=True)
    np.testing.assert_allclose(shifted, plain, atol=1e-4)
    assert np.abs(np.asarray(blurred) - plain).max() > 0.5


def test_saved_and_loaded(tmp_path):
    model = noisy(mean=0.5, std=0.25)
    model.save(tmp_path / "m.keras")
    loaded = keras.models.load_model(tmp_path / "m.keras")
    (layer,) = [part for part in loaded.layers if isinstance(part, bn.ShiftNoise)]
    assert (layer.mean, layer.std, layer.seed) == (0.5, 0.25, None)
    x = np.random.default_rng(0).normal(size=(8, 13))
    np.testing.assert_array_equal(model.predict(x, verbose=0), loaded.predict(x, verbose=0))


def test_half_precision_stays_half_precision():
    out = bn.ShiftNoise(dtype="mixed_float16")(np.zeros((4, 3), "float16"), training=True)
    assert keras.backend.standardize_dtype(out.dtype) == "float16"


# --- rejection ---


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"mean": -1.0}, ValueError, "`mean` must not be negative. Received: -1.0"),
        ({"mean": "1"}, TypeError, "`mean` must be a number. Received: '1'"),
        ({"std": float("nan")}, ValueError, "`std` must be finite. Received: nan"),
        ({"std": -0.5}, ValueError, "`std` must not be negative. Received: -0.5"),
        ({"seed": -1}, ValueError, "`seed` must be at least 0. Received: -1"),
        ({"seed": 0.5}, TypeError, "`seed` must be an integer. Received: 0.5"),
    ],
)
def test_the_faulty_argument_is_named(arguments, error, message):
    with pytest.raises(error, match=message):
        bn.ShiftNoise(**arguments)
