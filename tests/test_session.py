"""reproducible and the progress bars: quiet, repeatable, and nothing else hidden."""

import os
import subprocess
import sys

import numpy as np
import pytest

import bn_companion as bn
from bn_companion._progress import progress_bar
from bn_companion._startup import without_startup_lines

VARIABLES = ("TF_CPP_MIN_LOG_LEVEL", "TF_ENABLE_ONEDNN_OPTS", "CUDA_VISIBLE_DEVICES")


def fresh(code, **environment):
    clean = {k: v for k, v in os.environ.items() if k not in VARIABLES}
    return subprocess.run(
        [sys.executable, "-c", code],
        env=clean | {"PYTHONPATH": os.pathsep.join(sys.path)} | environment,
        capture_output=True,
        text=True,
        check=True,
    )


# --- oracle ---


def test_a_fresh_process_starts_without_a_word_and_repeats_itself():
    code = (
        "import bn_companion as bn; bn.reproducible(7)\n"
        "import keras, numpy as np, os\n"
        "print(os.environ['TF_ENABLE_ONEDNN_OPTS'], np.random.rand(), "
        "keras.random.uniform(()).numpy())"
    )
    first, again = fresh(code), fresh(code)
    assert first.stderr == ""
    assert first.stdout == again.stdout
    assert first.stdout.startswith("0 ")


def test_worker_processes_start_without_a_word_too():
    done = fresh(
        "import bn_companion as bn; bn.reproducible()\n"
        "build = lambda: bn.mlp((13,), 3, hidden=())\n"
        "settings = dict(seeds=2, learning_rates=0.1, epochs=1, batch_size=50, chunk_size=1)\n"
        "print(bn.train_replicas(build, 'wine', n_jobs=2, **settings))"
    )
    assert done.stderr == ""
    assert done.stdout.startswith("Replicas(2 runs")


def test_a_variable_that_is_set_keeps_its_value():
    done = fresh(
        "import os, bn_companion as bn; bn.reproducible(); "
        "print(os.environ['TF_ENABLE_ONEDNN_OPTS'])",
        TF_ENABLE_ONEDNN_OPTS="1",
    )
    assert done.stdout.strip() == "1"


def test_only_the_start_up_lines_are_hidden(capfd):
    with without_startup_lines():
        os.write(2, b"WARNING: All log messages before absl::InitializeLog() is called are\n")
        os.write(2, b"I0000 00:00:1.2  1 cudart_stub.cc:31] Could not find cuda drivers\n")
        os.write(2, b"E0000 something real\n")
    assert capfd.readouterr().err == "E0000 something real\n"


def test_an_error_during_the_import_is_passed_on(capfd):
    def crash():
        with without_startup_lines():
            os.write(2, b"libcrash: cannot load\n")
            raise ImportError

    with pytest.raises(ImportError):
        crash()
    assert "cannot load" in capfd.readouterr().err


# --- invariance ---


def test_the_seed_restarts_the_random_numbers():
    draws = []
    for _ in range(2):
        bn.reproducible(seed=3)
        draws.append(np.random.rand(3))
    np.testing.assert_array_equal(*draws)


def test_bars_show_unless_they_are_turned_off(monkeypatch):
    monkeypatch.delenv("BN_COMPANION_QUIET", raising=False)
    assert not progress_bar(1, what="w", unit="u", progress=None).disable
    assert progress_bar(1, what="w", unit="u", progress=False).disable
    monkeypatch.setenv("BN_COMPANION_QUIET", "1")
    assert progress_bar(1, what="w", unit="u", progress=None).disable
    assert not progress_bar(1, what="w", unit="u", progress=True).disable


# --- rejection ---


@pytest.mark.parametrize(
    ("seed", "error"), [(-1, ValueError), (2**32, ValueError), ("a", TypeError)]
)
def test_the_seed_must_be_a_non_negative_integer(seed, error):
    with pytest.raises(error, match="`seed` must be"):
        bn.reproducible(seed)


def test_a_late_call_is_warned_about(monkeypatch):
    import tensorflow  # noqa: F401 (so that the call comes too late, whatever ran before)

    monkeypatch.setenv("TF_ENABLE_ONEDNN_OPTS", "0")  # restored, whatever the call sets
    monkeypatch.delenv("TF_ENABLE_ONEDNN_OPTS")
    with pytest.warns(UserWarning, match="TensorFlow is imported already"):
        bn.reproducible()
