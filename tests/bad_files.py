"""Files that are no model, or one that must not be loaded, and what is said of each."""

import json
import os
import zipfile

import keras
import numpy as np

layers = keras.layers


def small(*extra):
    return keras.Sequential([keras.Input((4,)), *extra, layers.Dense(3, name="logits")])


def edited(path, *, drop="", **replace):
    """Save a small model, and change the members of its archive."""
    small().save(path)
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist() if name != drop}
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in members.items():
            change = replace.get(name.partition(".")[0], lambda data: data)
            archive.writestr(name, change(data))


def cut(path, share):
    small().save(path)
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])


def flipped(path):
    """Change a byte of the configuration, which the archive's checksum gives away."""
    small().save(path)
    data = bytearray(path.read_bytes())
    data[data.index(b'"units": 3') + 9] += 1
    path.write_bytes(data)


def loose_file(path, text):
    path.write_bytes(text)


class Unknown(layers.Layer):
    """A class that the command has never heard of."""

    def call(self, x):
        return x


def strange_function(x):
    return x


def network(path):
    class Own(keras.Model):
        def __init__(self, **options):
            super().__init__(**options)
            self.dense = layers.Dense(3)

        def call(self, x):
            return self.dense(x)

    model = Own()
    model(np.zeros((1, 4)))
    model.save(path)


def hdf5(path):
    small().save(path.with_suffix(".h5"))
    path.with_suffix(".h5").rename(path)


def renamed(data, before, after):
    assert before in data
    return data.replace(before, after)


def module_of_the_system(data):
    """Name a function of Python's as a layer."""
    config = json.loads(data)
    config["config"]["layers"][1] |= {"module": "os", "class_name": "system"}
    return json.dumps(config).encode()


def a_layer(_):
    return json.dumps(keras.saving.serialize_keras_object(layers.Dense(3))).encode()


CODE = "MODEL must not carry Python code"
OWN = "MODEL must be made of Keras's own parts"
FORMAT = "MODEL must be a .keras file as model.save writes it"
LOAD = "MODEL must be a .keras file that this version of Keras can load"

#: Name of the file, how to make it, beginning and end of what is said of it.
MODELS = {
    "missing": ("a.keras", lambda path: None, "MODEL must be a .keras file that exists", ""),
    "folder": ("a.keras", lambda path: path.mkdir(), "MODEL must be a .keras file", "a folder"),
    "h5": ("a.h5", hdf5, "MODEL must be a .keras file, which keras.saving.load_model(", "'a.h5'"),
    "upper case": (
        *("a.KERAS", lambda p: loose_file(p, b"1"), "MODEL must be a .keras file"),
        "'a.KERAS'",
    ),
    "h5 renamed": ("a.keras", hdf5, FORMAT + "; rename this one to .h5", "which is HDF5"),
    "source": (
        "a.py",
        lambda path: loose_file(path, b"1"),
        "MODEL must be a .keras file",
        "'a.py'",
    ),
    "binary": ("a.keras", lambda p: loose_file(p, os.urandom(999)), FORMAT, "or cut short"),
    "empty": ("a.keras", lambda path: loose_file(path, b""), FORMAT, "or cut short"),
    "cut short": ("a.keras", lambda path: cut(path, 0.5), FORMAT, "or cut short"),
    "flipped": ("a.keras", flipped, FORMAT, "(Bad CRC-32 for file 'config.json')"),
    "zip": ("a.keras", lambda p: edited(p, drop="config.json"), FORMAT, "without config.json"),
    "no json": ("a.keras", lambda p: edited(p, config=lambda _: b"{"), FORMAT, "(char 1))"),
    "list": ("a.keras", lambda p: edited(p, config=lambda _: b"[]"), FORMAT, "is no object"),
    "no weights": (
        *("a.keras", lambda p: edited(p, drop="model.weights.h5"), LOAD),
        "Expected a model.weights.h5 or model.weights.npz file.",
    ),
    "half the weights": (
        *("a.keras", lambda p: edited(p, model=lambda data: data[:500]), LOAD, ""),
    ),
    "other weights": (
        "a.keras",
        lambda p: edited(p, config=lambda data: renamed(data, b'"units": 3', b'"units": 5')),
        LOAD,
        "",
    ),
    "a layer": ("a.keras", lambda p: edited(p, config=a_layer), "MODEL must hold a model", "Dense"),
    "unbuilt": (
        *("a.keras", lambda p: keras.Sequential([layers.Dense(3)], name="m").save(p)),
        *("MODEL must be built", "'m', not built"),
    ),
    "lambda": (
        *("a.keras", lambda p: small(layers.Lambda(lambda x: x, name="own")).save(p), CODE),
        "with a lambda in the layer 'own'",
    ),
    "lambda inside": (
        "a.keras",
        lambda p: small(layers.Dense(3, activation=lambda x: x, name="hidden")).save(p),
        CODE,
        "with a lambda in the layer 'hidden'",
    ),
    "own layer": (
        *("a.keras", lambda path: small(Unknown(name="own")).save(path), OWN),
        "with the class 'Unknown' in 'own'",
    ),
    "own model": ("a.keras", network, OWN, "with the class 'Own'"),
    "own function": (
        *("a.keras", lambda p: small(layers.Activation(strange_function)).save(p), OWN),
        "with the function 'strange_function'",
    ),
    "os.system": (
        *("a.keras", lambda p: edited(p, config=module_of_the_system), OWN),
        "with the class 'system' in 'logits'",
    ),
}
