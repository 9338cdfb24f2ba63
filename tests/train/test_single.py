"""train_once: oracle, invariance, rejection."""

import keras
import numpy as np
import pytest

import bn_companion as bn


@pytest.fixture(scope="module")
def wine():
    return bn.load("wine")


def small(placement="before"):
    return bn.mlp((13,), 3, hidden=(6,), placement=placement, dropout=0.2)


# --- oracle ---


def test_it_does_what_fit_does(wine):
    run = bn.train_once(
        small, wine, seed=5, epochs=2, batch_size=16, learning_rate=0.05, nesterov=True
    )
    keras.utils.set_random_seed(5)
    model = small()
    model.compile(
        keras.optimizers.SGD(0.05, momentum=0.9, nesterov=True),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    fitted = model.fit(
        wine.x_train,
        wine.y_train,
        batch_size=16,
        epochs=2,
        verbose=0,
        validation_data=(wine.x_val, wine.y_val),
    )
    for ours, theirs in zip(run.model.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert run.history["val_loss"].tolist() == fitted.history["val_loss"]
    assert run.history["train_accuracy"].tolist() == fitted.history["accuracy"]
    loss, accuracy = model.evaluate(wine.x_test, wine.y_test, verbose=0)
    assert (run.test_loss, run.test_accuracy) == pytest.approx((loss, accuracy))


def test_the_history_is_tidy(wine):
    history = bn.train_once(small, wine, seed=2, epochs=3).history
    assert history["epoch"].tolist() == [1, 2, 3]
    assert set(history["seed"]) == {2}
    assert history.shape == (3, 6)
    assert np.isfinite(history.to_numpy()).all()


def test_a_data_set_may_be_named(wine):
    named, given = (bn.train_once(small, data, epochs=1) for data in ("wine", wine))
    assert named.test_loss == given.test_loss
    with pytest.raises(TypeError, match="`dataset` must be a Dataset.*Received: NoneType"):
        bn.train_once(small, None)


def test_a_softmax_and_logits_take_their_own_loss(wine):
    def question():
        return bn.question_mlp(input_dim=13, num_classes=3)

    assert bn.train_once(question, wine, epochs=1).model.loss.from_logits is False
    assert bn.train_once(small, wine, epochs=1).model.loss.from_logits is True


# --- invariance ---


def test_the_seed_fixes_weights_order_and_dropout(wine):
    first, again, other = (bn.train_once(small, wine, seed=s, epochs=2) for s in (0, 0, 1))
    for a, b in zip(first.model.get_weights(), again.model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    assert not np.array_equal(first.model.get_weights()[0], other.model.get_weights()[0])


def test_the_data_set_is_not_touched(wine):
    before = wine.x_train.copy()
    bn.train_once(small, wine, epochs=1)
    np.testing.assert_array_equal(wine.x_train, before)


# --- progress ---


def test_a_bar_is_shown_on_request_and_never_when_quiet(wine, capsys, monkeypatch):
    bn.train_once(small, wine, seed=3, epochs=2, progress=True)
    shown = capsys.readouterr().err
    assert "mlp, seed 3" in shown
    assert "2/2" in shown
    monkeypatch.setenv("BN_COMPANION_QUIET", "1")
    bn.train_once(small, wine, epochs=2)
    bn.train_once(small, wine, epochs=2, progress=False)
    assert capsys.readouterr().err == ""


# --- rejection ---


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"build": small()}, TypeError, "`build` must be a callable.*Received: <Functional"),
        ({"build": "mlp"}, TypeError, "`build` must be a callable.*Received: 'mlp'"),
        ({"build": lambda: None}, TypeError, "`build` must return a keras.Model.*NoneType"),
        (
            {"build": lambda: bn.mlp((14,), 3)},
            ValueError,
            r"inputs of shape \(13,\).*'wine'. Received: .*14",
        ),
        ({"build": lambda: bn.mlp((13,), 2)}, ValueError, "output of 3 units.*'wine'. Received"),
        ({"build": bn.mlp}, TypeError, "`build` must be a callable without required arguments"),
        ({"build": keras.Sequential}, ValueError, "`build` must return a built model"),
        ({"nesterov": "yes"}, TypeError, "`nesterov` must be a bool. Received: 'yes'"),
        ({"seed": -1}, ValueError, "`seed` must be at least 0"),
        ({"epochs": 0}, ValueError, "`epochs` must be at least 1. Received: 0"),
        ({"batch_size": 0}, ValueError, "`batch_size` must be at least 1"),
        ({"batch_size": 107}, ValueError, "must not exceed the 106 training.*Received: 107"),
        ({"learning_rate": 0}, ValueError, "`learning_rate` must be positive. Received: 0"),
        ({"learning_rate": float("inf")}, ValueError, "`learning_rate` must be finite"),
        ({"momentum": 1}, ValueError, r"`momentum` must lie in \[0, 1\)"),
    ],
)
def test_train_once_names_the_faulty_argument(wine, options, error, message):
    arguments = {"build": small} | options
    with pytest.raises(error, match=message):
        bn.train_once(arguments.pop("build"), wine, **arguments)
