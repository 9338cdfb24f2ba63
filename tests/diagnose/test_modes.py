"""running_modes: checked against what the moving statistics do when nobody listens."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import bn_companion as bn

layers = keras.layers
X = np.random.default_rng(0).normal(2.0, 3.0, size=(8, 3)).astype("float32")
Y = X[:, :1]


def base(name="base"):
    stack = [layers.Dense(4), layers.BatchNormalization(name="bn")]
    return keras.Sequential([keras.Input((3,)), *stack], name=name)


def transfer(inner, **options):
    inputs = keras.Input((3,))
    model = keras.Model(inputs, layers.Dense(1)(inner(inputs, **options)))
    model.compile("sgd", "mse")
    return model


def statistics(layer):
    return np.concatenate([layer.moving_mean, layer.moving_variance])


CALLS = {
    "training": lambda m: m(X, training=True),
    "inference": lambda m: m(X, training=False),
    "plain": lambda m: m(X),
    "fit": lambda m: m.fit(X, Y, verbose=0),
    "train_on_batch": lambda m: m.train_on_batch(X, Y),
    "evaluate": lambda m: m.evaluate(X, Y, verbose=0),
    "predict": lambda m: m.predict(X, verbose=0),
    "validation": lambda m: m.fit(X, Y, validation_data=(X, Y), verbose=0),
    "dataset": lambda m: m.fit(
        tf.data.Dataset.from_tensor_slices((X, Y)).map(lambda x, y: (2 * x, y)).batch(4), verbose=0
    ),
}


@pytest.mark.parametrize("frozen", [False, True])
@pytest.mark.parametrize("options", [{}, {"training": False}])
@pytest.mark.parametrize("name", CALLS)
def test_modes_agree_with_what_happens_to_the_statistics(name, options, frozen):
    """The truth: in compiled code, with no hook in it, moving statistics move or they do not."""
    inner = base()
    norm = inner.get_layer("bn")
    norm.trainable = not frozen
    model = transfer(inner, **options)
    before = statistics(norm)
    CALLS[name](model)
    moved = not np.array_equal(before, statistics(norm))
    expected = {"bn": "batch" if moved else "moving"}
    assert bn.running_modes(model, lambda: CALLS[name](model)) == expected
    assert bn.running_modes(inner, lambda: CALLS[name](model)) == expected


def test_training_false_in_a_nested_call_is_ignored_by_fit_and_freezing_is_not():
    """keras issues 20285 and 23364, as they are on Keras 3.15."""
    inner = base()
    model = transfer(inner, training=False)
    assert bn.running_modes(model, lambda: model(X)) == {"bn": "moving"}
    assert bn.running_modes(model, lambda: model.fit(X, Y, verbose=0)) == {"bn": "batch"}
    inner.trainable = False
    model.compile("sgd", "mse")
    assert bn.running_modes(model, lambda: model.fit(X, Y, verbose=0)) == {"bn": "moving"}


def test_some_preprocessing_layers_put_a_plain_call_into_training_mode():
    """keras pull request 23166, as it is on Keras 3.15."""
    stack = [layers.Resizing(4, 4), layers.BatchNormalization(name="bn")]
    model = keras.Sequential([keras.Input((8, 8, 3)), *stack])
    image = np.ones((1, 8, 8, 3), "float32")
    before = statistics(model.get_layer("bn"))
    model(image)
    moved = not np.array_equal(before, statistics(model.get_layer("bn")))
    mode = bn.running_modes(model, lambda: model(image))["bn"]
    assert mode == ("batch" if moved else "moving")
    assert bn.running_modes(model, lambda: model(image, training=False)) == {"bn": "moving"}


# --- what is compiled already ---


def test_functions_that_were_compiled_before_are_heard_as_well():
    model = transfer(base())
    model.fit(X, Y, verbose=0)
    model.predict(X, verbose=0)
    assert bn.running_modes(model, lambda: model.fit(X, Y, verbose=0)) == {"bn": "batch"}
    assert bn.running_modes(model, lambda: model.predict(X, verbose=0)) == {"bn": "moving"}
    step = tf.function(lambda x: model(x, training=True), jit_compile=True)
    step(X)
    assert bn.running_modes(model, lambda: step(X)) == {"bn": "batch"}


def test_a_frozen_graph_of_operations_is_known_by_its_mark_or_not_at_all():
    model = transfer(base())
    spec = tf.TensorSpec((8, 3))
    train, infer = (
        tf.function(lambda x, flag=flag: model(x, training=flag)).get_concrete_function(spec)
        for flag in (True, False)
    )
    assert bn.running_modes(model, lambda: train(tf.constant(X))) == {"bn": "batch"}
    assert bn.running_modes(model, lambda: infer(tf.constant(X))) == {}


@pytest.mark.parametrize("options", [{"jit_compile": True}, {"steps_per_execution": 2}])
def test_ways_to_compile_make_no_difference(options):
    model = transfer(base())
    model.compile("sgd", "mse", **options)
    assert bn.running_modes(model, lambda: model.fit(X, Y, verbose=0)) == {"bn": "batch"}


# --- what is said of which layer ---


class Subclassed(keras.Model):
    def __init__(self):
        super().__init__()
        self.used = layers.BatchNormalization(name="used")
        self.flagged = layers.BatchNormalization(name="flagged")
        self.idle = layers.BatchNormalization(name="idle")

    def call(self, inputs, training=False):
        return self.flagged(self.used(inputs, training=training), training=True)


def test_only_layers_that_ran_are_named_also_in_subclassed_models():
    model = Subclassed()
    model(X)
    modes = bn.running_modes(model, lambda model: model(X))
    assert modes == {"used": "moving", "flagged": "batch"}


def test_layers_of_one_name_are_told_apart_by_where_they_are():
    first, second = base("first"), base("second")
    second.get_layer("bn").trainable = False
    inputs = keras.Input((3,))
    model = keras.Model(inputs, layers.Add()([first(inputs), second(inputs)]))
    modes = bn.running_modes(model, lambda: model(X, training=True))
    assert modes == {"first/bn": "batch", "second/bn": "moving"}


def test_a_model_without_normalization_has_no_modes():
    model = bn.mlp((3,), 2, placement="none")
    assert bn.running_modes(model, lambda: model(X)) == {}


# --- invariance ---


def test_nothing_is_left_behind_even_when_the_call_fails():
    model, eager = transfer(base()), tf.config.functions_run_eagerly()
    weights = model.get_weights()

    def fail():
        model(X)
        raise RuntimeError("mine")

    with pytest.raises(RuntimeError, match="mine"):
        bn.running_modes(model, fail)
    bn.running_modes(model, lambda: model(X))
    assert tf.config.functions_run_eagerly() == eager
    assert not any("call" in vars(layer) for layer in model._flatten_layers())
    for before, after in zip(weights, model.get_weights(), strict=True):
        np.testing.assert_array_equal(before, after)


def test_the_call_does_what_it_does_without_anybody_listening():
    def trained(listen):
        keras.utils.set_random_seed(1)
        model = transfer(base())

        def call():
            model.fit(X, Y, shuffle=False, verbose=0)

        bn.running_modes(model, call) if listen else call()
        return model.get_weights()

    for a, b in zip(trained(True), trained(False), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


# --- rejection ---


@pytest.mark.parametrize("call", [None, 3, X, lambda a, b: 0])
def test_calls_that_cannot_be_made_are_refused(call):
    with pytest.raises(TypeError, match="`call` must be a callable that takes no argument"):
        bn.running_modes(transfer(base()), call)


def test_models_that_will_not_do_are_named():
    with pytest.raises(TypeError, match="`model` must be a keras.Model. Received: str"):
        bn.running_modes("model.keras", lambda: 0)
    with pytest.raises(ValueError, match="`model` must be built"):
        bn.running_modes(keras.Sequential([layers.BatchNormalization()]), lambda: 0)
