"""sweep: one tidy row a run, and a store that loses nothing."""

import json
import sqlite3
from dataclasses import replace
from functools import partial
from pathlib import Path

import joblib
import keras
import numpy as np
import pandas as pd
import pytest

import bn_companion as bn
from bn_companion.train import sweep as module
from bn_companion.train.names import named_builds, named_datasets
from bn_companion.train.store import COLUMNS, Store

from . import children

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def wine():
    return bn.load("wine")


def tiny():
    return bn.mlp((13,), 3, hidden=())


def wide():
    return bn.mlp((13,), 3, hidden=(4,), placement="none")


def run(builds=tiny, data="wine", **changes):
    settings = {"seeds": 2, "learning_rates": [0.1, 0.5], "epochs": 2, "batch_size": 32}
    return bn.sweep(builds, data, progress=False, **{**settings, **changes})


@pytest.fixture(scope="module")
def undisturbed():
    return run({"tiny": tiny, "wide": wide})


# --- oracle ---


def test_rows_are_those_of_train_replicas(undisturbed, wine):
    replicas = bn.train_replicas(
        wide,
        wine,
        seeds=2,
        learning_rates=[0.1, 0.5],
        epochs=2,
        batch_size=32,
        progress=False,
    )
    ours = undisturbed[undisturbed["build"] == "wide"].reset_index(drop=True)
    names = list(replicas.runs.columns)
    pd.testing.assert_frame_equal(ours[names], replicas.runs, check_dtype=False)
    assert set(ours["path"]) == {"vectorized"}


def test_the_frame_is_the_grid_in_order(undisturbed):
    assert list(undisturbed.columns) == list(COLUMNS)
    assert undisturbed[["build", "seed", "learning_rate"]].to_numpy().tolist() == [
        [build, seed, rate] for build in ("tiny", "wide") for seed in (0, 1) for rate in (0.1, 0.5)
    ]
    assert undisturbed["diverged"].isna().all()
    assert undisturbed["diverged"].dtype == "Int64"


# --- invariance ---


def test_builders_and_data_sets_go_by_their_names(wine):
    half = replace(wine, x_train=wine.x_train[:60], y_train=wine.y_train[:60], name="half")
    frame = run([tiny, wide], [wine, half], seeds=1, learning_rates=0.1, epochs=1)
    assert list(zip(frame["build"], frame["dataset"], strict=True)) == [
        ("tiny", "wine"),
        ("tiny", "half"),
        ("wide", "wine"),
        ("wide", "half"),
    ]
    assert named_builds(partial(tiny)).keys() == {"build_0"}
    assert named_builds([lambda: 0, lambda: 0]).keys() == {"build_0", "build_1"}
    assert named_builds([tiny, tiny]).keys() == {"build_0", "build_1"}
    assert named_datasets({"a": wine, "b": half}).keys() == {"a", "b"}


def test_a_store_resumes_with_what_is_missing(tmp_path, undisturbed, monkeypatch):
    path = tmp_path / "runs.sqlite"
    first = run({"tiny": tiny, "wide": wide}, seeds=[1], store=path)
    assert len(first) == 4
    trained = []
    original = module.train_chunks

    def counting(work, **options):
        trained.extend(key for chunk, _ in work for key in chunk.runs)
        return original(work, **options)

    monkeypatch.setattr(module, "train_chunks", counting)
    resumed = run({"tiny": tiny, "wide": wide}, store=path)
    assert trained == [(0, 0.1), (0, 0.5)] * 2
    scores = ["train_loss", "val_loss", "test_loss", "val_accuracy", "test_accuracy"]
    pd.testing.assert_frame_equal(
        resumed.drop(columns=scores), undisturbed.drop(columns=scores), check_dtype=False
    )
    np.testing.assert_allclose(resumed[scores], undisturbed[scores], rtol=1e-5)
    trained.clear()
    pd.testing.assert_frame_equal(run({"tiny": tiny, "wide": wide}, store=str(path)), resumed)
    assert not trained
    assert len(run(tiny, seeds=[0], store=path, learning_rates=0.1)) == 1


def test_runs_that_diverged_are_stored_without_scores(tmp_path):
    path = tmp_path / "runs.sqlite"
    kinds = {"plain": wide}
    first = run(kinds, seeds=1, learning_rates=[0.1, 1e30], store=path)
    again = run(kinds, seeds=1, learning_rates=[0.1, 1e30], store=path)
    for frame in (first, again):
        assert frame["diverged"].notna().tolist() == [False, True]
        assert frame["test_accuracy"].isna().tolist() == [False, True]
    pd.testing.assert_frame_equal(first, again)


def test_worker_processes_give_the_same_rows(undisturbed):
    with joblib.parallel_config(backend="loky", n_jobs=2):
        frame = run({"tiny": tiny, "wide": wide}, chunk_size=2)
    scores = ["train_loss", "val_loss", "test_loss", "val_accuracy", "test_accuracy"]
    np.testing.assert_allclose(frame[scores], undisturbed[scores], rtol=1e-4)


def test_ctrl_c_keeps_what_is_finished(tmp_path, monkeypatch):
    original = module.train_chunks

    def interrupted(work, **options):
        results = original(work, **options)
        yield next(results)
        raise KeyboardInterrupt

    monkeypatch.setattr(module, "train_chunks", interrupted)
    path = tmp_path / "runs.sqlite"
    with pytest.raises(bn.SweepInterrupted, match="2 of 4 runs finished.*resumes") as stopped:
        run(chunk_size=2, store=path)
    assert isinstance(stopped.value, KeyboardInterrupt)
    assert stopped.value.runs["seed"].tolist() == [0, 0]
    assert len(Store(path).rows()) == 2
    monkeypatch.undo()
    assert len(run(chunk_size=2, store=path)) == 4


def test_ten_thousand_stored_runs_resume_at_once(tmp_path):
    """In the processor's time of a process that has imported TensorFlow and not used it yet."""
    path, result = tmp_path / "runs.sqlite", tmp_path / "seconds"
    options = {"names": ("plain", "normal"), "learning_rates": [0.05, 0.2]}
    children.sweep(path, seeds=1, **options)
    known = Store(path).rows().values()
    Store(path).add((*row[:2], seed, *row[3:]) for seed in range(1, 2500) for row in known)
    assert len(Store(path).rows()) == 10_000

    def seconds(store, seeds):
        child = children.start(
            children.seconds_to_the_first_step, store, result, {"seeds": seeds, **options}
        )
        child.join(120)
        assert child.exitcode == 0
        return json.loads(result.read_text())

    to_the_first, with_it = seconds(path, 2501)
    alone, alone_with_it = seconds(tmp_path / "empty.sqlite", 1)
    assert to_the_first < 2  # 0.4 when the machine does nothing else; compiling takes 0.6 more
    assert to_the_first - alone < 0.5
    assert with_it - alone_with_it < 1
    assert len(children.sweep(path, seeds=2500, **options)) == 10_000


def test_a_store_that_vanishes_loses_no_finished_run(tmp_path, monkeypatch):
    path = tmp_path / "runs.sqlite"
    original = module.train_chunks

    def vanishing(work, **options):
        for number, result in enumerate(original(work, **options)):
            if number == 1:
                path.unlink()
            yield result

    monkeypatch.setattr(module, "train_chunks", vanishing)
    with pytest.raises(bn.SweepError) as stopped:
        run(chunk_size=1, store=path)
    said = str(stopped.value)
    assert "`store` cannot be written (unable to open database file): see whether it is" in said
    assert (
        "for build 'tiny', data set 'wine', seeds 0, learning rates 0.5. Stopped with 2 of" in said
    )
    assert f"{str(path)!r} cannot be read" in said
    assert stopped.value.runs["learning_rate"].tolist() == [0.1, 0.5]
    assert not path.exists()


# --- rejection ---


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"epochs": 3}, "another setting under the name 'epochs': 2 and 3"),
        ({"batch_size": 16}, "another setting under the name 'batch_size'"),
        ({"optimizer": "adam"}, "another setting under the name 'optimizer'"),
        ({"nesterov": True}, "another setting under the name 'optimizer'"),
        (
            {"loss": keras.losses.SparseCategoricalCrossentropy(from_logits=True)},
            "another setting under the name 'loss'",
        ),
        ({"data": "breast_cancer"}, "inputs of shape"),
        ({"builds": {"tiny": wide}}, "another build under the name 'tiny'"),
    ],
)
def test_a_store_made_otherwise_is_refused(tmp_path, changes, match):
    path = tmp_path / "runs.sqlite"
    run({"tiny": tiny}, seeds=1, learning_rates=0.1, store=path)
    before = Store(path).rows()
    with pytest.raises(ValueError, match=match):
        run(**{"builds": {"tiny": tiny}, "store": path, **changes})
    assert Store(path).rows() == before


def test_a_store_on_other_data_is_refused(tmp_path, wine):
    path = tmp_path / "runs.sqlite"
    run(seeds=1, learning_rates=0.1, store=path)
    with pytest.raises(ValueError, match="another dataset under the name 'wine'"):
        run(data=replace(wine, x_train=wine.x_train + 1), store=path)
    with pytest.raises(
        ValueError, match=r"runs on another dataset: \['wine'\]. Received: 'grapes'"
    ):
        run(data=replace(wine, name="grapes"), store=path)


def read_only(path):
    run(seeds=1, learning_rates=0.1, store=path)
    path.chmod(0o444)


def foreign(path):
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE birds (name TEXT)")


@pytest.mark.parametrize(
    ("spoil", "match"),
    [
        (lambda path: path.write_text("seed,accuracy\n" * 100), "no SQLite file, or damaged"),
        (foreign, "holds other tables"),
        (read_only, "read-only"),
        (lambda path: path.mkdir(), "must be a file in a folder"),
    ],
)
def test_files_that_are_no_store_are_refused(tmp_path, spoil, match):
    path = tmp_path / "runs.sqlite"
    spoil(path)
    with pytest.raises(ValueError, match=match):
        run(store=path)


def test_a_store_that_another_program_holds_is_refused(tmp_path, monkeypatch):
    path = tmp_path / "runs.sqlite"
    Store(path)
    connect = sqlite3.connect
    monkeypatch.setattr(sqlite3, "connect", lambda p, timeout, **k: connect(p, 0.1, **k))
    with connect(path, isolation_level=None) as other:
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(ValueError, match="cannot be written.*locked"):
            run(store=path)


@pytest.mark.parametrize(
    ("changes", "error", "match"),
    [
        ({"builds": {}}, ValueError, "`builds` must hold at least one"),
        ({"builds": []}, ValueError, "`builds` must hold at least one"),
        ({"builds": {1: tiny}}, TypeError, "`builds` must have names"),
        ({"builds": [tiny, 3]}, TypeError, "`builds` must be a callable"),
        ({"builds": 3}, TypeError, "`builds` must be a callable"),
        ({"data": []}, ValueError, "`dataset` must hold at least one"),
        ({"data": ["wine", "wine"]}, ValueError, "`dataset` must not name a data set twice"),
        ({"store": 3}, TypeError, "`store` must be the path"),
        ({"store": "/nowhere/at/all/x.sqlite"}, ValueError, "`store` must be a file in a folder"),
        ({"learning_rates": []}, ValueError, "`learning_rates` must hold"),
        ({"batch_size": 1000}, ValueError, "`batch_size` must not exceed"),
    ],
)
def test_arguments_out_of_range_are_refused(changes, error, match):
    with pytest.raises(error, match=match):
        run(**changes)
