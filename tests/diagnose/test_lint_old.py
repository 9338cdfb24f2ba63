"""The tables of what Keras 1 and 2 had, tried row by row on the Keras that is installed."""

import functools
import inspect
import warnings

import keras
import pytest

from bn_companion.diagnose.lint import catalog
from bn_companion.diagnose.lint.analysis import analyse
from bn_companion.diagnose.lint.magics import parse_quietly
from bn_companion.diagnose.lint.names import canonical
from bn_companion.diagnose.lint.old_arguments import (
    FIT_ARGUMENTS,
    METHODS,
    Gone,
    arguments_of,
)
from bn_companion.diagnose.lint.old_names import HOMES, MODULES, NAMES, TENSORFLOW_KEEPS

_CONV = {"filters": 3, "kernel_size": 3}
# What a class or function needs besides the argument that is tried.
NEEDS = {
    **{name: {"units": 3} for name in ("Dense", "LSTM", "GRU", "SimpleRNN")},
    **dict.fromkeys((f"Convolution{n}D" for n in (1, 2, 3)), _CONV),
    **dict.fromkeys((f"Conv{n}D" for n in (1, 2, 3)), _CONV),
    **dict.fromkeys(("Conv2DTranspose", "SeparableConv2D", "ConvLSTM2D"), _CONV),
    "SeparableConvolution2D": _CONV,
    **{name: {"pool_size": 2} for name in (f"AveragePooling{n}D" for n in (1, 2, 3))},
    **{name: {"rate": 0.5} for name in ("Dropout", "GaussianDropout")},
    **{name: {"rate": 0.5} for name in (f"SpatialDropout{n}D" for n in (1, 2, 3))},
    "GaussianNoise": {"stddev": 0.5},
    "Reshape": {"target_shape": (3,)},
    "RepeatVector": {"n": 3},
    "Embedding": {"input_dim": 3, "output_dim": 3},
    "Activation": {"activation": "relu"},
    "Permute": {"dims": (1,)},
    "Lambda": {"function": abs},
    "TimeDistributed": {"layer": keras.layers.Dense(3)},
    "Bidirectional": {"layer": keras.layers.LSTM(3)},
    "to_categorical": {"x": [0, 1]},
    "ModelCheckpoint": {"filepath": "a.keras"},
    **{name: {"learning_rate": 0.1} for name in catalog.OPTIMIZERS},
}


def resolve(path):
    """Return what a path of Keras stands for today; AttributeError if there is nothing."""
    return functools.reduce(getattr, path.split(".")[1:], keras)


def homes(name):
    for home in (
        "layers",
        "optimizers",
        "models",
        "utils",
        "regularizers",
        "constraints",
        "callbacks",
    ):
        path = f"keras.{home}.{name}"
        if arguments_of(path):
            try:
                resolve(path)
            except AttributeError:
                continue
            yield path


EVERYTHING = {
    *(
        name
        for module in ("layers", "optimizers", "models", "utils")
        for name in dir(getattr(keras, module))
    ),
    *(
        name
        for module in ("regularizers", "constraints", "callbacks")
        for name in dir(getattr(keras, module))
    ),
}
ROWS = [
    (path, old, gone)
    for name in sorted(EVERYTHING)
    for path in homes(name)
    for old, gone in arguments_of(path).items()
]


def call(path, **arguments):
    """Call with what is needed; return the warnings."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        resolve(path)(**(NEEDS.get(path.rpartition(".")[2], {}) | arguments))
    return [str(warning.message) for warning in caught]


def test_the_tables_are_tried_on_the_whole():
    assert len(ROWS) > 250
    tried = {path.rpartition(".")[2] for path, _, _ in ROWS}
    assert {"Dense", "Convolution2D", "LSTM", "BatchNormalization", "SGD", "Model"} <= tried


@pytest.mark.parametrize(("path", "old", "gone"), ROWS, ids=[f"{p}-{o}" for p, o, _ in ROWS])
def test_an_argument_is_refused_or_draws_a_warning(path, old, gone):
    if gone.ignored:
        assert call(path, **{old: 1})
        return
    with pytest.raises((ValueError, TypeError), match=rf"\b{old}\b"):
        call(path, **{old: 1})


NEW_VALUES = {
    "units": 3,
    "filters": 3,
    "kernel_size": 3,
    "rate": 0.5,
    "stddev": 0.5,
    "target_shape": (3,),
    "padding": "same",
    "data_format": "channels_last",
    "strides": 1,
    "dilation_rate": 1,
    "pool_size": 2,
    "size": 2,
    "learning_rate": 0.1,
    "use_bias": False,
    "unit_forget_bias": True,
    "recurrent_activation": "tanh",
    "dropout": 0.1,
    "recurrent_dropout": 0.1,
    "num_classes": 2,
    "max_value": 3,
    "l1": 0.1,
    "l2": 0.1,
}


@pytest.mark.parametrize(
    ("path", "new"),
    sorted(
        {(path, gone.new) for path, _, gone in ROWS if gone.new and not path.endswith(".Model")}
    ),
)
def test_the_new_argument_is_taken_without_a_warning(path, new):
    value = NEW_VALUES.get(new, "zeros" if new.endswith("initializer") else None)
    assert call(path, **{new: value}) == []


def test_a_functional_model_takes_the_new_names():
    inputs = keras.Input((3,))
    assert keras.Model(inputs=inputs, outputs=keras.layers.Dense(1)(inputs)).built
    with pytest.raises((ValueError, TypeError)):
        keras.Model(input=inputs, output=inputs)


@pytest.mark.parametrize(
    "init", ["uniform", "normal", "zero", "one", "glorot_uniform", "orthogonal"]
)
def test_the_names_of_initializers_of_keras_1_still_stand(init):
    assert keras.layers.Dense(3, kernel_initializer=init).kernel_initializer is not None


def test_uniform_still_means_what_it_meant():
    weights = keras.initializers.get("uniform")((1000,)).numpy()
    assert 0.045 < abs(weights).max() <= 0.05


# --- methods -----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", METHODS)
def test_a_method_is_gone(name):
    assert not hasattr(keras.Sequential(), name)


@pytest.mark.parametrize("name", [name for name, _ in FIT_ARGUMENTS])
def test_an_argument_of_a_method_is_gone(name):
    for method in ("fit", "predict", "compile"):
        assert name not in inspect.signature(getattr(keras.Model, method)).parameters
    new = FIT_ARGUMENTS.get((name, True), Gone()).new
    assert new is None or new in inspect.signature(keras.Model.fit).parameters


def test_the_third_argument_of_compile_is_not_metrics():
    names = list(inspect.signature(keras.Model.compile).parameters)
    assert names[1:5] == ["optimizer", "loss", "loss_weights", "metrics"]


def test_the_positions_that_changed():
    assert keras.layers.Convolution2D(32, 3, 3).strides == (3, 3)
    assert keras.layers.SeparableConvolution2D(32, 3, 3).strides == (3, 3)
    with pytest.raises((AttributeError, ValueError, TypeError)):
        keras.layers.Convolution3D(32, 3, 3, 3)
    assert keras.layers.BatchNormalization(1e-3).axis == 0
    with pytest.raises(ValueError, match="activation"):
        keras.layers.Dense(14, 64)
    assert list(inspect.signature(keras.optimizers.SGD).parameters)[:3] == [
        *("learning_rate", "momentum", "nesterov")
    ]


# --- modules and names -------------------------------------------------------------------------


def importable(path):
    try:
        resolve(path)
    except (AttributeError, ImportError):
        return False
    return True


@pytest.mark.parametrize("module", MODULES)
def test_a_module_is_gone_and_its_successor_is_there(module):
    # Functions of old that had a module's name count as gone as well.
    assert not importable(module)
    with pytest.raises(ModuleNotFoundError):
        __import__(module)
    assert MODULES[module] is None or inspect.ismodule(resolve(MODULES[module]))


@pytest.mark.parametrize("name", NAMES)
def test_a_name_is_gone_and_its_successor_is_there(name):
    if ".optimizers.legacy." in name:
        with pytest.raises(ImportError, match="not supported in Keras 3"):
            resolve(name)(0.1)
    else:
        assert not importable(name)
    new, hint = NAMES[name]
    assert (new is None) == bool(hint)
    assert new is None or resolve(new) is not None


@pytest.mark.parametrize("path", TENSORFLOW_KEEPS)
def test_tensorflow_keeps_what_keras_has_not(path):
    from keras._tf_keras import keras as of_tensorflow

    assert not importable(path)
    assert functools.reduce(getattr, path.split(".")[1:], of_tensorflow) is not None


@pytest.mark.parametrize("name", sorted({*NAMES, *MODULES} - set(TENSORFLOW_KEEPS)))
def test_tensorflow_does_not_keep_the_others(name):
    from keras._tf_keras import keras as of_tensorflow

    if any(name.startswith((kept + ".", "keras.optimizers.legacy.")) for kept in TENSORFLOW_KEEPS):
        return
    with pytest.raises((AttributeError, ImportError)):
        functools.reduce(getattr, name.split(".")[1:], of_tensorflow)


@pytest.mark.parametrize(("home", "name"), [(h, n) for h in HOMES for n in sorted(HOMES[h])])
def test_what_an_import_is_moved_to_is_there(home, name):
    assert importable(f"{home}.{name}")


def test_the_catalog_names_layers_of_keras_or_says_that_they_are_gone():
    of_keras = {
        name
        for name in dir(keras.layers)
        if inspect.isclass(getattr(keras.layers, name))
        and issubclass(getattr(keras.layers, name), keras.layers.Layer)
    }
    tables = catalog.BATCH_NORM | catalog.DROPOUT | catalog.TRANSPARENT | set(catalog.LINEAR)
    assert tables - catalog.GONE_LAYERS <= of_keras
    assert not catalog.GONE_LAYERS & of_keras


@pytest.mark.parametrize("kind", sorted(set(catalog.LINEAR) - catalog.GONE_LAYERS))
def test_the_positions_of_a_linear_layer_are_those_of_keras(kind):
    names = tuple(inspect.signature(getattr(keras.layers, kind)).parameters)
    assert names[: len(catalog.LINEAR[kind])] == catalog.LINEAR[kind]


# --- the paths of Keras ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "expected", "current"),
    [
        ("keras.layers.Dense", "keras.layers.Dense", True),
        ("tensorflow.keras.layers.Dense", "keras.layers.Dense", True),
        ("tensorflow.python.keras.layers.Dense", "keras.layers.Dense", False),
        ("tensorflow.compat.v1.keras.layers.Dense", "keras.layers.Dense", False),
        ("tf_keras.layers.Dense", "keras.layers.Dense", False),
        ("keras.api.layers.Dense", "keras.layers.Dense", True),
        ("keras_contrib.layers.Dense", None, None),
        ("torch.nn.Linear", None, None),
        ("tensorflow.layers.Dense", None, None),
    ],
)
def test_keras_is_known_by_all_its_addresses(path, expected, current):
    symbol = canonical(path)
    assert symbol.is_keras == (expected is not None)
    if expected:
        assert (symbol.path, symbol.current) == (expected, current)


def test_a_layer_is_one_however_often_the_loop_around_it_runs():
    source = """
import keras
def f(x):
    for i in range(3):
        for j in range(3):
            before = x
            x = keras.layers.Dense(3)(x)
            x = keras.layers.Add()([x, before])
    return x
"""
    analysis = analyse(parse_quietly(source))
    kinds = sorted(layer.kind for layer in analysis.facts.layers.values())
    assert kinds == ["Add", "Dense"]
