"""train_replicas trains the networks that fit trains: oracle, invariance, rejection."""

import itertools
import random
from dataclasses import replace

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy import stats

import bn_companion as bn
from bn_companion.train import engine
from bn_companion.train.architecture import build_seeded
from bn_companion.train.chunk import batch_order

from .fit_oracle import fit, largest_difference, variables

# Two epochs of float32 on a few thousand numbers near 1: rounding, and nothing but rounding.
ROUNDING = 5e-6


@pytest.fixture(scope="module")
def wine():
    return bn.load("wine")


@pytest.fixture(scope="module")
def tiny(wine):
    """Few steps, with a smaller last mini-batch of 10."""
    return replace(wine, x_train=wine.x_train[:58], y_train=wine.y_train[:58])


def network(placement="before", activation="relu", dropout=0.0):
    return bn.mlp(
        (13,), 3, hidden=(6,), placement=placement, activation=activation, dropout=dropout
    )


def small():
    return bn.mlp((13,), 3, hidden=(5,))


def train(build, data, **changes):
    settings = {"seeds": [3, 8], "learning_rates": [0.02, 0.1], "epochs": 2, "batch_size": 16}
    return bn.train_replicas(build, data, progress=False, **{**settings, **changes})


# --- oracle: the same steps as fit ---

OPTIMIZERS = {
    "sgd": lambda rate: keras.optimizers.SGD(rate, momentum=0.9),
    "nesterov": lambda rate: keras.optimizers.SGD(rate, momentum=0.9, nesterov=True),
    "adam": keras.optimizers.Adam,
}
CASES = list(itertools.product(OPTIMIZERS, ("none", "before", "after"), ("relu", "tanh")))


@pytest.mark.parametrize(("optimizer", "placement", "activation"), CASES)
def test_weights_and_moving_statistics_follow_fit(tiny, optimizer, placement, activation):
    make = OPTIMIZERS[optimizer]

    def build():
        return network(placement, activation)

    replicas = train(build, tiny, optimizer=make(0.5))
    assert replicas.path == "vectorized"
    assert replicas.runs.loc[2, ["seed", "learning_rate"]].tolist() == [8, 0.02]
    model, history = fit(build, tiny, seed=8, optimizer=make(0.02), epochs=2, batch_size=16)
    assert largest_difference(replicas.model(2), model) < ROUNDING
    np.testing.assert_allclose(replicas.train_loss[2], [h["loss"] for h in history], rtol=1e-5)


def everything():
    """One model with all that a step of fit has beside the loss: dropout, penalties, limits.

    No bias stands before a normalization: its gradient is rounding noise around zero.
    """
    layers = keras.layers
    return keras.Sequential(
        [
            keras.Input((13,)),
            layers.Dense(
                8,
                use_bias=False,
                kernel_regularizer="l2",
                kernel_constraint=keras.constraints.MaxNorm(1),
            ),
            layers.BatchNormalization(momentum=0.8),
            layers.Activation("tanh"),
            layers.Dropout(0.5),
            layers.Dense(8, trainable=False),
            layers.LayerNormalization(),
            layers.Dense(8, use_bias=False, activity_regularizer="l1"),
            layers.GroupNormalization(groups=4),
            layers.ReLU(),
            layers.Dropout(0.3),
            layers.Dense(3, activation="softmax"),
        ]
    )


@pytest.mark.parametrize("path", ["vectorized", "loop"])
def test_dropout_penalties_constraints_and_decay_follow_fit(tiny, path):
    def optimizer(rate):
        return keras.optimizers.SGD(rate, momentum=0.9, weight_decay=0.1, clipvalue=0.05)

    replicas = train(everything, tiny, optimizer=optimizer(0.5), path=path)
    loss = keras.losses.SparseCategoricalCrossentropy()
    for run, seed, rate in ((1, 3, 0.1), (2, 8, 0.02)):
        model, history = fit(
            everything,
            tiny,
            seed=seed,
            optimizer=optimizer(rate),
            epochs=2,
            batch_size=16,
            loss=loss,
            validate=True,
        )
        assert largest_difference(replicas.model(run), model) < ROUNDING
        for name, ours in (
            ("loss", replicas.train_loss),
            ("val_loss", replicas.val_loss),
            ("val_accuracy", replicas.val_accuracy),
        ):
            np.testing.assert_allclose(ours[run], [h[name] for h in history], rtol=1e-5)
        result = model.evaluate(tiny.x_test, tiny.y_test, verbose=0)
        assert (replicas.test_loss[run], replicas.test_accuracy[run]) == pytest.approx(
            result, rel=1e-5
        )


class Subclassed(keras.Model):
    """A model whose layers are not a graph."""

    def __init__(self):
        super().__init__()
        self.hidden = keras.layers.Dense(6, use_bias=False)
        self.normalize = keras.layers.BatchNormalization(momentum=0.9)
        self.logits = keras.layers.Dense(3)

    def call(self, x, training=False):
        return self.logits(keras.ops.relu(self.normalize(self.hidden(x), training=training)))


def subclassed():
    model = Subclassed()
    model(np.zeros((1, 13), np.float32))
    return model


def branched():
    """A shared layer, a nested model, a sum, and a normalization that does not train."""
    layers = keras.layers
    inputs = keras.Input((13,))
    linear, shared = layers.Dense(13, use_bias=False), layers.BatchNormalization(momentum=0.7)
    x = shared(linear(shared(linear(inputs))))
    inner = keras.Sequential(
        [keras.Input((13,)), layers.Dense(13), layers.BatchNormalization(trainable=False)]
    )
    x = layers.Add()([x, keras.ops.tanh(inner(x))])
    return keras.Model(inputs, layers.Dense(3)(layers.Lambda(lambda t: 2 * t)(x)))


def attentive():
    layers = keras.layers
    inputs = keras.Input((13,))
    rows = layers.Reshape((13, 1))(inputs)
    x = layers.MultiHeadAttention(2, 3)(rows, rows)
    x = layers.GlobalAveragePooling1D()(layers.LayerNormalization()(layers.Dense(4)(x)))
    return keras.Model(inputs, layers.Dense(3)(x))


@pytest.mark.parametrize(
    ("build", "path"),
    [
        (subclassed, "vectorized"),
        (subclassed, "loop"),
        (branched, "vectorized"),
        (attentive, "vectorized"),
    ],
)
def test_models_of_other_people_follow_fit(tiny, build, path):
    replicas = train(build, tiny, path=path)
    assert replicas.path == path
    model, _ = fit(
        build,
        tiny,
        seed=8,
        optimizer=keras.optimizers.SGD(0.02, momentum=0.9),
        epochs=2,
        batch_size=16,
    )
    assert largest_difference(replicas.model(2), model) < ROUNDING


def test_what_has_no_vectorised_form_is_looped_and_says_so(tiny):
    def build():
        hidden = keras.layers.SpectralNormalization(keras.layers.Dense(6))
        return keras.Sequential([keras.Input((13,)), hidden, keras.layers.Dense(3)])

    replicas = train(build, tiny, seeds=2, learning_rates=[0.02])
    assert replicas.path == "loop"
    assert "no vectorised form" in replicas.reason


def test_one_sigmoid_is_trained_as_fit_trains_it():
    data = bn.load("breast_cancer")

    def build():
        return keras.Sequential([keras.Input((30,)), keras.layers.Dense(1, activation="sigmoid")])

    replicas = train(build, data, seeds=1, learning_rates=0.1, epochs=1, batch_size=64)
    model, history = fit(
        build,
        data,
        seed=0,
        optimizer=keras.optimizers.SGD(0.1, momentum=0.9),
        epochs=1,
        batch_size=64,
        loss=keras.losses.BinaryCrossentropy(),
        validate=True,
    )
    assert largest_difference(replicas.model(0), model) < ROUNDING
    assert replicas.val_accuracy[0, 0] == pytest.approx(history[0]["val_accuracy"])


def test_a_convolution_takes_the_loop_and_follows_fit():
    data = bn.load("digits").reshaped(8, 8, 1)
    data = replace(data, x_train=data.x_train[:100], y_train=data.y_train[:100])

    def build():
        return bn.convnet((8, 8, 1), 10, filters=(4,))

    replicas = train(build, data, seeds=[5], learning_rates=[0.05, 0.2], optimizer="adam")
    assert replicas.path == "loop"
    assert "convolutions" in replicas.reason
    assert "block_1_conv" in replicas.reason
    for run, rate in enumerate((0.05, 0.2)):
        model, _ = fit(
            build,
            data,
            seed=5,
            optimizer=keras.optimizers.Adam(rate),
            epochs=2,
            batch_size=16,
        )
        assert (
            largest_difference(replicas.model(run), model) < 1e-4
        )  # convolutions sum in any order


def test_final_accuracies_are_those_of_fit(wine):
    """Over seeds, with fit shuffling as it likes: no difference beyond chance."""
    ours = train(small, wine, seeds=20, learning_rates=0.05, epochs=6).test_accuracy
    model = small()
    model.compile(
        keras.optimizers.SGD(0.05, momentum=0.9),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    model.optimizer.build(model.trainable_variables)
    fresh = [np.asarray(variable) for variable in model.optimizer.variables]
    theirs = []
    for seed in range(100, 110):
        _, (trainable, others) = build_seeded(small, seed)
        for variable, value in zip(variables(model), [*trainable, *others], strict=True):
            variable.assign(value)
        for variable, value in zip(model.optimizer.variables, fresh, strict=True):
            variable.assign(value)
        model.fit(wine.x_train, wine.y_train, batch_size=16, epochs=6, verbose=0)
        theirs.append(model.evaluate(wine.x_test, wine.y_test, verbose=0)[1])
    assert np.std(theirs) > 0
    assert stats.mannwhitneyu(ours, theirs).pvalue > 0.01


# --- invariance ---


def test_initial_weights_are_those_of_the_seed(tiny):
    _, (trainable, others) = build_seeded(lambda: network(dropout=0.5), 11)
    keras.utils.set_random_seed(11)
    again = network(dropout=0.5)
    for ours, theirs in zip([*trainable, *others], variables(again), strict=True):
        np.testing.assert_array_equal(ours, np.asarray(theirs))


def test_results_do_not_depend_on_the_chunks(tiny):
    def build():
        return network(dropout=0.5)

    together = train(build, tiny, seeds=3, learning_rates=[0.05])
    apart = train(build, tiny, seeds=3, learning_rates=[0.05], chunk_size=2)
    np.testing.assert_allclose(together.train_loss, apart.train_loss, rtol=1e-5)
    for run in range(3):
        assert largest_difference(together.model(run), apart.model(run)) < ROUNDING


def test_equal_calls_give_equal_results_and_touch_nothing(tiny):
    before = (random.getstate()[1], np.random.get_state()[1].tolist())
    copies = [array.copy() for array in (tiny.x_train, tiny.y_train)]
    first, second = (train(small, tiny) for _ in range(2))
    np.testing.assert_array_equal(first.train_loss, second.train_loss)
    assert before == (random.getstate()[1], np.random.get_state()[1].tolist())
    for array, copy in zip((tiny.x_train, tiny.y_train), copies, strict=True):
        np.testing.assert_array_equal(array, copy)


def test_seeds_differ_and_share_their_shuffles_with_nobody():
    first, rest = batch_order(0, 0, 103, 10)
    assert sorted([*first.ravel(), *rest]) == list(range(103))
    assert rest.shape == (3,)
    assert not np.array_equal(first, batch_order(1, 0, 103, 10)[0])
    assert not np.array_equal(first, batch_order(0, 1, 103, 10)[0])
    np.testing.assert_array_equal(first, batch_order(0, 0, 103, 10)[0])


def test_a_diverged_run_is_frozen_and_poisons_no_other(tiny):
    def build():  # no batch normalization: a large step explodes
        return bn.mlp((13,), 3, hidden=(5,), placement="none")

    rates = [0.05, 1e30]
    both = train(build, tiny, seeds=[4], learning_rates=rates, epochs=3)
    assert both.runs["diverged"].isna().tolist() == [True, False]
    epoch = int(both.runs["diverged"][1])
    assert 1 <= epoch <= 3
    for array in (both.train_loss, both.val_loss, both.val_accuracy):
        assert np.isnan(array[1, epoch - 1 :]).all()
        assert np.isfinite(array[1, : epoch - 1]).all()
        assert np.isfinite(array[0]).all()
    assert np.isnan(both.test_accuracy[1])
    assert all(np.isfinite(np.asarray(v)).all() for v in both.model(1).variables)
    if epoch == 1:  # frozen before the first epoch: the initial weights
        _, (trainable, _) = build_seeded(build, 4)
        for ours, initial in zip(both.model(1).trainable_variables, trainable, strict=True):
            np.testing.assert_array_equal(np.asarray(ours), initial)
    alone = train(build, tiny, seeds=[4], learning_rates=[0.05], epochs=3)
    np.testing.assert_allclose(both.train_loss[0], alone.train_loss[0], rtol=1e-6)


def test_when_all_diverge_the_rest_is_not_trained(tiny):
    for path in ("vectorized", "loop"):
        replicas = train(small, tiny, seeds=1, learning_rates=1e38, epochs=50, path=path)
        assert replicas.runs["diverged"].notna().all()
        assert np.isnan(replicas.val_loss[:, -1]).all()


def test_a_run_comes_back_as_an_ordinary_model(tiny):
    replicas = train(small, tiny)
    model = replicas.model(2)
    assert isinstance(model, keras.Model)
    predicted = model.predict(tiny.x_test, verbose=0).argmax(axis=1)
    assert (predicted == tiny.y_test).mean() == pytest.approx(replicas.test_accuracy[2])
    model.compile("sgd", "mse")
    assert not np.shares_memory(model.get_weights()[0], replicas.model(2).get_weights()[0])
    assert len(replicas) == 4
    assert "4 runs of 2 epochs" in repr(replicas)
    history = replicas.history()
    assert history.shape == (8, 7)
    assert history.loc[history["run"] == 2, "val_loss"].tolist() == replicas.val_loss[2].tolist()


@pytest.mark.parametrize("path", ["vectorized", "loop"])
def test_a_snapshot_is_the_run_as_it_was_then(tiny, path):
    replicas = train(small, tiny, epochs=3, snapshots=[1, 3], path=path)
    shorter = train(small, tiny, epochs=1, path=path)
    # Equal to the last digit: the same steps, in the same program.
    assert largest_difference(replicas.model(2, epoch=1), shorter.model(2)) == 0
    assert largest_difference(replicas.model(2, epoch=3), replicas.model(2)) == 0
    assert largest_difference(replicas.model(2, epoch=1), replicas.model(2)) > 1e-3
    seed = int(replicas.runs["seed"][2])
    _, (trainable, _) = build_seeded(small, seed)
    for ours, initial in zip(
        replicas.model(2, epoch=0).trainable_variables, trainable, strict=True
    ):
        np.testing.assert_array_equal(np.asarray(ours), initial)


def test_a_model_can_be_used_again_for_another_run_and_epoch(tiny):
    replicas = train(small, tiny, epochs=3, snapshots=[1])
    model = replicas.model(0)
    for run, epoch in ((2, 1), (1, 0), (3, None)):
        assert replicas.model(run, epoch=epoch, into=model) is model
        assert largest_difference(model, replicas.model(run, epoch=epoch)) == 0


def test_snapshots_of_runs_that_all_diverged_are_what_they_kept(tiny):
    replicas = train(small, tiny, seeds=1, learning_rates=1e38, epochs=9, snapshots=[2, 9])
    assert largest_difference(replicas.model(0, epoch=9), replicas.model(0)) == 0
    assert largest_difference(replicas.model(0, epoch=2), replicas.model(0)) == 0


def interrupt_after(monkeypatch, chunks):
    """Let Ctrl-C come once so many chunks are finished."""
    original = engine.train_chunks

    def interrupted(work, **options):
        results = original(work, **options)
        yield from itertools.islice(results, chunks)
        raise KeyboardInterrupt

    monkeypatch.setattr(engine, "train_chunks", interrupted)


def test_ctrl_c_hands_back_what_finished(tiny, monkeypatch):
    whole = train(small, tiny, chunk_size=1)
    interrupt_after(monkeypatch, 2)
    with pytest.raises(bn.TrainingInterrupted, match="stopped with 2 of 4 runs") as stopped:
        train(small, tiny, chunk_size=1)
    kept = stopped.value.replicas
    assert isinstance(stopped.value, KeyboardInterrupt)
    assert kept.runs[["seed", "learning_rate"]].values.tolist() == [[3, 0.02], [3, 0.1]]
    np.testing.assert_array_equal(kept.train_loss, whole.train_loss[:2])
    assert largest_difference(kept.model(1), whole.model(1)) == 0


def test_ctrl_c_before_anything_finished_is_just_that(tiny, monkeypatch):
    interrupt_after(monkeypatch, 0)
    with pytest.raises(KeyboardInterrupt) as stopped:
        train(small, tiny)
    assert not isinstance(stopped.value, bn.TrainingInterrupted)


def test_names_and_numbers_are_taken_as_they_come(tiny):
    one = train(small, "wine", seeds=np.arange(1), learning_rates=np.float32(0.5), epochs=1)
    assert one.train_loss.shape == (1, 1)
    assert one.runs["learning_rate"].tolist() == [0.5]


def test_a_layer_that_does_not_vectorise_is_looped_and_says_so(tiny):
    class Signs(keras.layers.Layer):  # reinterprets bits, for which there is no vectorised form
        def call(self, x):
            return x * tf.cast(tf.bitcast(x, tf.int32) > 0, tf.float32)

    def build():
        inputs = keras.Input((13,))
        return keras.Model(inputs, keras.layers.Dense(3)(Signs()(keras.layers.Dense(4)(inputs))))

    replicas = train(build, tiny, learning_rates=0.01, epochs=1)
    assert replicas.path == "loop"
    assert "no vectorised form" in replicas.reason
    with pytest.raises(ValueError, match="'vectorized' is impossible"):
        train(build, tiny, learning_rates=0.01, epochs=1, path="vectorized")


def test_many_architectures_draw_no_warning_about_tracing(tiny, caplog):
    for units in range(1, 8):
        train(lambda units=units: bn.mlp((13,), 3, hidden=(units,)), tiny, epochs=1, path="loop")
    assert "retracing" not in caplog.text


# --- rejection: before any work starts ---


def refused(match, build=small, data=None, error=ValueError, **changes):
    with pytest.raises(error, match=match):
        train(build, data if data is not None else bn.load("wine"), **changes)


@pytest.mark.parametrize(
    ("changes", "error", "match"),
    [
        ({"seeds": []}, ValueError, "`seeds` must hold at least one"),
        ({"seeds": 0}, ValueError, "`seeds` must be at least 1"),
        ({"seeds": [1, 2, 1]}, ValueError, r"`seeds` must not name a run twice.*\[1\]"),
        ({"seeds": [-1]}, ValueError, "`seeds` must be at least 0"),
        ({"seeds": [2**40]}, ValueError, "`seeds` must be at most"),
        ({"seeds": "three"}, TypeError, "`seeds` must be a number"),
        ({"seeds": [0.5]}, TypeError, "`seeds` must be an integer"),
        ({"learning_rates": []}, ValueError, "`learning_rates` must hold at least one"),
        ({"learning_rates": [0.1, 0.0]}, ValueError, "`learning_rates` must be positive"),
        ({"learning_rates": -0.1}, ValueError, "`learning_rates` must be positive"),
        ({"learning_rates": [np.inf]}, ValueError, "`learning_rates` must be positive and finite"),
        ({"learning_rates": [0.1, 0.1]}, ValueError, "`learning_rates` must not name a run twice"),
        ({"learning_rates": ["fast"]}, TypeError, "`learning_rates` must be numbers"),
        ({"learning_rates": "fast"}, TypeError, "`learning_rates` must be a number"),
        ({"learning_rates": None}, TypeError, "`learning_rates` must be a number"),
        ({"epochs": 0}, ValueError, "`epochs` must be at least 1"),
        ({"batch_size": 0}, ValueError, "`batch_size` must be at least 1"),
        ({"batch_size": 107}, ValueError, "`batch_size` must not exceed the 106 training examples"),
        ({"chunk_size": 0}, ValueError, "`chunk_size` must be at least 1"),
        ({"path": "fast"}, ValueError, "`path` must be 'auto'"),
        ({"loss": "mse"}, TypeError, "`loss` must be a keras.losses.Loss"),
        ({"snapshots": [0]}, ValueError, "`snapshots` must be a sequence of positive integers"),
        ({"snapshots": [1, 3]}, ValueError, r"`snapshots` must be epochs from 1 to 2.*\[1, 3\]"),
        ({"snapshots": 1}, TypeError, "`snapshots` must be a sequence"),
        ({"momentum": 1.5}, ValueError, "`momentum` must lie in"),
        ({"optimizer": "sdg"}, ValueError, "`optimizer` must be a name that Keras knows"),
        ({"data": "wyne"}, ValueError, "`source` must be"),
        ({"data": 3}, TypeError, "`dataset` must be a Dataset"),
        ({"build": 3}, TypeError, "`build` must be a callable"),
        ({"build": lambda: 3}, TypeError, "`build` must return a keras.Model"),
    ],
)
def test_arguments_out_of_range_are_refused(changes, error, match):
    refused(match, error=error, **changes)


def spoiled(part, change):
    data = bn.load("wine")
    array = np.array(getattr(data, part), copy=True)
    return replace(data, **{part: change(array)})


def with_nan(x):
    x[3, 2] = np.nan
    return x


@pytest.mark.parametrize(
    ("data", "match"),
    [
        (spoiled("x_val", with_nan), "`dataset` must have finite numbers.*x_val"),
        (spoiled("y_train", lambda y: y + 1), "`dataset` must have integer labels 0 .. 2.*to 3"),
        (spoiled("y_test", lambda y: y - 1), "`dataset` must have integer labels.*from -1"),
        (spoiled("y_test", lambda y: y / 1.0), "`dataset` must have integer labels.*float"),
        (spoiled("y_train", lambda y: np.eye(3)[y]), "`dataset` must have one integer label"),
        (spoiled("y_train", lambda y: y[:-1]), "`dataset` must have one integer label.*106"),
        (spoiled("x_test", lambda x: x[:, :-1]), "`dataset` must have inputs of one shape"),
        (spoiled("x_test", lambda x: x[:0]), "`dataset` must have inputs of one shape"),
    ],
)
def test_data_that_do_not_hold_together_are_refused(data, match):
    refused(match, data=data)


def two_outputs():
    inputs = keras.Input((13,))
    return keras.Model(inputs, [keras.layers.Dense(3)(inputs), keras.layers.Dense(3)(inputs)])


def noisy():
    class Noise(keras.layers.Layer):
        def call(self, x, training=False):
            return x + keras.random.normal(keras.ops.shape(x)) if training else x

    return keras.Sequential([keras.Input((13,)), Noise(), keras.layers.Dense(3)])


def dense(*layers):
    return lambda: keras.Sequential([keras.Input((13,)), *[layer() for layer in layers]])


@pytest.mark.parametrize(
    ("build", "match"),
    [
        (lambda: bn.mlp((12,), 3), r"inputs of shape \(13,\)"),
        (lambda: bn.mlp((13,), 2), "one output of 3 units"),
        (two_outputs, "one output of 3 units"),
        (lambda: keras.Sequential([keras.layers.Dense(3)]), "built model"),
        (dense(lambda: keras.layers.Dense(3, activation="relu")), "must end in linear or softmax"),
        (dense(lambda: keras.layers.Dense(3, dtype="mixed_float16")), "computes in float32"),
        (noisy, "own a keras.random.SeedGenerator"),
    ],
)
def test_models_that_cannot_be_trained_so_are_refused(build, match):
    refused(match, build=build)


def test_a_builder_of_changing_architecture_is_refused():
    widths = itertools.cycle([5, 5, 6])  # once for the check, then once a seed
    refused(
        "same architecture for every seed", build=lambda: bn.mlp((13,), 3, hidden=(next(widths),))
    )


def test_only_runs_that_exist_and_were_kept_come_back(tiny):
    replicas = train(small, tiny, seeds=1, learning_rates=0.1, keep_weights=False)
    with pytest.raises(ValueError, match="`run` must be below 1"):
        replicas.model(1)
    with pytest.raises(ValueError, match="keep_weights=False"):
        replicas.model(0)
    with pytest.raises(ValueError, match=r"`epoch` must be 0 or one of the snapshots.*Received: 1"):
        replicas.model(0, epoch=1)
    with pytest.raises(ValueError, match="`into` must be a model .* Received: 'mlp', with other"):
        train(small, tiny, seeds=1, epochs=1).model(0, into=bn.mlp((5,), 2))
    with pytest.raises(ValueError, match="`path` must not be 'vectorized'"):
        train(
            lambda: bn.convnet((8, 8, 1), 10),
            bn.load("digits").reshaped(8, 8, 1),
            path="vectorized",
        )
