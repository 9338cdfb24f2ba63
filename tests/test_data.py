"""load and Dataset: oracle, invariance, rejection."""

import os
import subprocess
import sys

import numpy as np
import pytest
from sklearn import datasets

import bn_companion as bn

PARTS = ("train", "val", "test")
SMALL = {
    "digits": ((64,), 10, 1797),
    "breast_cancer": ((30,), 2, 569),
    "wine": ((13,), 3, 178),
    "mnist1d": ((40,), 10, 5000),
    "synthetic": ((14,), 2, 2000),
}


def write(path, **arrays):
    np.savez(path, **arrays)
    return path


def plain(n=60, classes=3, seed=0):
    rng = np.random.default_rng(seed)
    return {"x_train": rng.normal(size=(n, 4)), "y_train": np.arange(n) % classes}


# --- oracle ---


@pytest.mark.parametrize("name", SMALL)
def test_named_sets_have_their_shapes_types_and_sizes(name):
    shape, classes, total = SMALL[name]
    data = bn.load(name)
    assert (data.input_shape, data.num_classes, data.name) == (shape, classes, name)
    assert sum(len(getattr(data, f"x_{part}")) for part in PARTS) == total
    for part in PARTS:
        x, y = getattr(data, f"x_{part}"), getattr(data, f"y_{part}")
        assert x.dtype == np.float32
        assert y.dtype == np.int32
        assert len(x) == len(y)
        assert set(np.unique(y)) == set(range(classes))


def test_the_splits_hold_every_example_once():
    raw, _ = datasets.load_wine(return_X_y=True)
    data = bn.load("wine", scale="none")
    together = np.concatenate([getattr(data, f"x_{part}") for part in PARTS])
    np.testing.assert_array_equal(
        np.sort(together, axis=0), np.sort(raw.astype(np.float32), axis=0)
    )
    assert len(np.unique(together, axis=0)) == len(np.unique(raw.astype(np.float32), axis=0))


def test_the_splits_keep_the_share_of_each_class():
    data = bn.load("breast_cancer")
    shares = [np.mean(getattr(data, f"y_{part}")) for part in PARTS]
    assert max(shares) - min(shares) < 0.01


def test_scaling_uses_the_training_part_alone():
    data = bn.load("breast_cancer")
    np.testing.assert_allclose(data.x_train.mean(axis=0), 0, atol=1e-5)
    np.testing.assert_allclose(data.x_train.std(axis=0), 1, rtol=1e-4)
    assert np.abs(data.x_test.mean(axis=0)).max() > 0.01
    assert bn.load("digits").x_train.max() == 1.0


def test_constant_inputs_become_zero_when_standardized(tmp_path):
    arrays = plain()
    arrays["x_train"][:, 1] = 0.1
    data = bn.load(write(tmp_path / "d.npz", **arrays), scale="standardize")
    np.testing.assert_allclose(data.x_train[:, 1], 0, atol=1e-12)


def test_mnist1d_is_the_published_set():
    from mnist1d.data import get_dataset_args, make_dataset

    made = make_dataset(get_dataset_args())
    np.testing.assert_allclose(bn.load("mnist1d").x_test, made["x_test"], rtol=1e-6)


def test_own_file_is_taken_as_it_is(tmp_path):
    arrays = plain() | {
        "x_val": np.ones((3, 4)),
        "y_val": np.array([[0], [1], [2]]),
        "x_test": np.full((2, 4), 7.0),
        "y_test": np.array([0.0, 2.0]),
    }
    data = bn.load(str(write(tmp_path / "mine.npz", **arrays)))
    assert data.name == "mine"
    for key, array in arrays.items():
        np.testing.assert_array_equal(
            getattr(data, key), array.reshape(-1) if key[0] == "y" else array.astype("float32")
        )


def test_own_images_of_bytes_go_to_unit_range(tmp_path):
    x = np.random.default_rng(0).integers(0, 200, (40, 5, 5, 1), dtype=np.uint8)
    path = write(tmp_path / "d.npz", x_train=x, y_train=np.arange(40) % 2)
    parts = [getattr(bn.load(path), f"x_{part}") for part in PARTS]
    np.testing.assert_allclose(np.sort(np.concatenate(parts).ravel()), np.sort(x.ravel()) / 255)
    assert bn.load(path, scale="none").x_train.max() > 1


def test_parts_that_disagree_about_bytes_are_refused(tmp_path):
    x = np.random.default_rng(0).integers(0, 200, (40, 5, 5, 1), dtype=np.uint8)
    arrays = {"x_train": x, "y_train": np.arange(40) % 2, "x_test": x / 255}
    path = write(tmp_path / "d.npz", **arrays, y_test=np.arange(40) % 2)
    with pytest.raises(ValueError, match="uint8 in all parts or in none. Received: .*float64"):
        bn.load(path)


@pytest.mark.parametrize(("name", "shape"), [("mnist", (28, 28)), ("cifar10", (32, 32, 3))])
def test_keras_sets_come_with_a_channel_axis(name, shape, monkeypatch):
    import keras

    rng = np.random.default_rng(0)

    def part(n):
        return rng.integers(0, 256, (n, *shape), dtype=np.uint8), (np.arange(n) % 10)[:, None]

    monkeypatch.setattr(getattr(keras.datasets, name), "load_data", lambda: (part(100), part(30)))
    data = bn.load(name.upper().replace("10", "-10"))
    assert data.input_shape == (shape if len(shape) == 3 else (*shape, 1))
    assert (len(data.x_train), len(data.x_val), len(data.x_test)) == (80, 20, 30)
    assert 0.9 < data.x_train.max() <= 1


# --- invariance ---


@pytest.mark.parametrize("name", ["wine", "synthetic"])
def test_the_seed_fixes_everything(name):
    first, again, other = bn.load(name, seed=4), bn.load(name, seed=4), bn.load(name, seed=5)
    np.testing.assert_array_equal(first.x_train, again.x_train)
    assert not np.array_equal(first.x_train, other.x_train)


@pytest.mark.parametrize(
    ("alias", "name"),
    [
        ("MNIST-1D", "mnist1d"),
        ("Breast_Cancer", "breast_cancer"),
        ("breast-cancer", "breast_cancer"),
    ],
)
def test_names_are_case_blind(alias, name):
    assert bn.load(alias).name == name


def test_fractions_are_shares_of_all_examples():
    data = bn.load("synthetic", val_fraction=0.1, test_fraction=0.3)
    assert [len(getattr(data, f"y_{part}")) for part in PARTS] == [1200, 200, 600]


def test_reshaping_keeps_the_numbers_and_the_original():
    data = bn.load("digits")
    image = data.reshaped(8, 8, 1)
    np.testing.assert_array_equal(image.x_val.reshape(-1, 64), data.x_val)
    assert data.input_shape == (64,)
    assert data.reshaped((4, 16)).input_shape == (4, 16)


# --- rejection ---


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"source": "iris"}, ValueError, "`source` must be .*'digits'.*Received: 'iris'"),
        ({"source": ""}, ValueError, "`source` must be .*Received: ''"),
        ({"source": 3}, TypeError, "`source` must be a name or a path. Received: 3"),
        ({"source": "wine", "seed": -1}, ValueError, "`seed` must be at least 0. Received: -1"),
        ({"source": "wine", "seed": 2**32}, ValueError, "`seed` must be below"),
        ({"source": "wine", "val_fraction": 0}, ValueError, r"`val_fraction` must lie in \(0, 1\)"),
        (
            {"source": "wine", "test_fraction": 1},
            ValueError,
            r"`test_fraction` must lie in \(0, 1\)",
        ),
        ({"source": "wine", "scale": np.ones(2)}, ValueError, "`scale` must be one of"),
        (
            {"source": "wine", "val_fraction": 0.6, "test_fraction": 0.5},
            ValueError,
            "must leave examples to train on.*val_fraction=0.6",
        ),
        ({"source": "wine", "scale": "minmax"}, ValueError, "`scale` must be one of .*'minmax'"),
        ({"source": "nowhere.npz"}, ValueError, "existing .npz file. Received: 'nowhere.npz'"),
    ],
)
def test_load_names_the_faulty_argument(arguments, error, message):
    with pytest.raises(error, match=message) as caught:
        bn.load(**arguments)
    assert "\n" not in str(caught.value)


BAD = {
    "no labels": ({"y_train": None}, "'y_train' is missing. Received: .'x_train'"),
    "no inputs": ({"x_train": None}, "'x_train' is missing"),
    "half a part": ({"x_test": np.ones((2, 4))}, "'x_test' without 'y_test'"),
    "half a part, labels": ({"y_val": np.ones(2)}, "'y_val' without 'x_val'"),
    "lengths": ({"y_train": np.arange(59) % 3}, "one label for each of the 60 inputs.*59"),
    "width": ({"x_val": np.ones((3, 5)), "y_val": np.arange(3)}, r"\(4,\). Received: \(5,\)"),
    "rank": ({"x_train": np.ones(60)}, r"at least 2 axes. Received: shape \(60,\)"),
    "empty": ({"x_train": np.ones((0, 4)), "y_train": np.ones(0)}, "must not be empty"),
    "words": ({"x_train": np.full((60, 4), "a")}, "must be numbers. Received: dtype <U1"),
    "NaN": ({"x_train": np.full((60, 4), np.nan)}, "must be finite in float32. Received: 240"),
    "too large": ({"x_train": np.full((60, 4), 1e300)}, "must be finite in float32"),
    "one-hot": ({"y_train": np.eye(3)[np.arange(60) % 3]}, r"argmax.*Received: shape \(60, 3\)"),
    "from one": ({"y_train": np.arange(60) % 3 + 1}, r"0 .. K-1.*Received: \[1, 2, 3\]"),
    "halves": ({"y_train": np.arange(60) % 2 / 2}, r"0 .. K-1.*Received: \[0.0, 0.5\]"),
    "named classes": ({"y_train": np.array(["cat", "dog"] * 30)}, r"0 .. K-1.*\[cat, dog\]"),
    "one class": ({"y_train": np.zeros(60, int)}, r"at least 2 classes. Received: \[0\]"),
    "many": ({"y_train": np.arange(60) * 2}, r"0 .. K-1.*Received: \[0, 2, 4, 6, 8, 10, ...\]"),
    "stray": ({"x_test": np.ones((2, 4)), "y_test": [0, 9]}, r"0 .. 2. Received: \[9\]"),
    "rare class": ({"y_train": np.array([2, *([0, 1] * 29), 1])}, "too small to cut 'x_test'"),
}


@pytest.mark.parametrize("case", BAD)
def test_own_file_with_a_fault_is_refused_in_one_line(case, tmp_path):
    changes, message = BAD[case]
    arrays = {k: v for k, v in (plain() | changes).items() if v is not None}
    path = write(tmp_path / "bad.npz", **arrays)
    with pytest.raises(ValueError, match=message) as caught:
        bn.load(path)
    assert "bad.npz" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "content", [b"", b"not a zip file", b"PK\x03\x04 cut off", b"\x80\x04pickle"]
)
def test_a_file_that_is_no_npz_is_refused_in_one_line(content, tmp_path):
    path = tmp_path / "broken.npz"
    path.write_bytes(content)
    with pytest.raises(ValueError, match="must be an .npz file of plain arrays") as caught:
        bn.load(path)
    assert "\n" not in str(caught.value)


def test_an_npz_with_pickled_objects_is_never_unpickled(tmp_path):
    path = write(tmp_path / "o.npz", x_train=np.array([{"a": 1}], object), y_train=np.zeros(1))
    with pytest.raises(ValueError, match="must be an .npz file of plain arrays"):
        bn.load(path)


def test_a_folder_is_no_file(tmp_path):
    (tmp_path / "d.npz").mkdir()
    with pytest.raises(bn.DataUnavailableError, match="existing .npz file"):
        bn.load(tmp_path / "d.npz")


OFFLINE = """
import pathlib, sys, bn_companion as bn
from keras.src.utils import file_utils

def offline(url, path, *_):
    print("wanted", pathlib.Path(path).parent, pathlib.Path(path).name, sep="|")
    raise OSError("no network")

file_utils.urlretrieve = offline
for name in ("mnist", "fashion_mnist", "cifar10"):
    try:
        bn.load(name)
    except bn.DataUnavailableError as error:
        print("said", name, error, sep="|")
"""


def test_without_network_or_cache_the_error_says_what_to_place_where(tmp_path):
    """A fresh process with an empty cache; Keras itself says which file it looks for, and where."""
    done = subprocess.run(
        [sys.executable, "-c", OFFLINE],
        env=os.environ | {"KERAS_HOME": str(tmp_path), "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=True,
    )
    lines = [line.split("|") for line in done.stdout.splitlines() if "|" in line]
    said = {line[1]: line[2] for line in lines if line[0] == "said"}
    wanted = [line[1:] for line in lines if line[0] == "wanted"]
    assert list(said) == ["mnist", "fashion_mnist", "cifar10"]
    assert len(wanted) == 3
    for (name, message), (folder, file) in zip(said.items(), wanted, strict=True):
        assert message.startswith(f"'{name}' could not be had from the cache or the network.")
        assert file in message
        assert f" in {folder}, or" in message
        assert "no network" in message


@pytest.mark.parametrize("shape", [(65,), (8, 9), (8, 8, 2)])
def test_reshaping_must_keep_the_number_of_values(shape):
    with pytest.raises(ValueError, match="must hold 64 values.*Received"):
        bn.load("digits").reshaped(*shape)
