"""Shipped results: each says how it was made, holds what it says, and its program runs."""

import json
import math
import os
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from tests.book.chapters import ROOT

RESULTS = ROOT / "book" / "results"
NAMES = sorted(path.stem for path in RESULTS.glob("*.csv"))
# In a grid every arm is trained at every rate; a study has chosen a rate for each arm.
GRIDS = [name for name in NAMES if "grid" in json.loads((RESULTS / f"{name}.json").read_text())]
STUDIES = [
    name
    for name in NAMES
    if name not in GRIDS and "seed" in pd.read_csv(RESULTS / f"{name}.csv", nrows=0)
]


def about(path):
    return json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))


def arms_of(table, facts):
    """Name the arm of every row as the facts do."""
    return table[facts.get("arm", ["placement"])].astype(str).agg(" ".join, axis=1)


def test_there_are_results():
    assert NAMES


@pytest.mark.parametrize("name", NAMES)
def test_a_result_says_how_it_was_made(name):
    facts = about(RESULTS / name)
    assert facts["command"].startswith(f"python book/results/{name}.py")
    assert (RESULTS / f"{name}.py").is_file()
    assert {"python", "keras", "tensorflow", "numpy"} <= set(facts["versions"])
    assert {"cores", "devices"} <= set(facts["machine"])
    assert pd.Timestamp(facts["date"]) > pd.Timestamp("2026-01-01")
    assert facts["seconds"] > 0
    assert facts["data"]
    assert os.sep not in facts["command"].removeprefix("python book/results/")


@pytest.mark.parametrize("name", STUDIES)
def test_a_study_holds_what_it_says(name):
    facts, table = about(RESULTS / name), pd.read_csv(RESULTS / f"{name}.csv")
    assert sorted(table["seed"].unique()) == facts["seeds"]
    rates = table.groupby(arms_of(table, facts))["learning_rate"].unique().explode().to_dict()
    assert rates == facts["learning_rates"]
    for arm, scores in facts["pilot"]["val_accuracy"].items():
        best = max(scores, key=scores.get)
        assert float(best) == facts["learning_rates"][arm], "chosen on validation data"
    assert not set(facts["pilot"]["seeds"]) & set(facts["seeds"])


@pytest.mark.parametrize("name", GRIDS)
def test_a_grid_is_complete(name):
    facts, table = about(RESULTS / name), pd.read_csv(RESULTS / f"{name}.csv")
    axes = [sorted(table[column].unique()) for column in facts["grid"]]
    assert len(table) == math.prod(len(axis) for axis in axes)
    assert not table.duplicated(facts["grid"]).any()
    assert sorted(table["seed"].unique()) == facts["seeds"]
    assert sorted(table["learning_rate"].unique()) == facts["learning_rates"]
    for column in ("val_accuracy", "test_accuracy"):
        assert table[column].between(0, 1).all()


def test_placements_holds_what_the_chapter_draws_on():
    assert "placements" in GRIDS
    facts, table = about(RESULTS / "placements"), pd.read_csv(RESULTS / "placements.csv")
    assert set(table["dataset"]) == {"breast_cancer", "digits", "mnist1d", "mnist"}
    assert set(table["placement"]) == {"none", "before", "after", "both"}
    assert len(facts["seeds"]) > 10
    classes = table["dataset"].map({"breast_cancer": 2}).fillna(10)
    lost = table[table["diverged"]]
    assert np.allclose(lost["test_accuracy"], 1 / classes[lost.index])


def test_section_4_1_was_trained_to_its_full_length():
    table = pd.read_csv(RESULTS / "section_4_1.csv")
    last = table[table["step"] == table["step"].max()]
    assert table["step"].max() >= 50_000
    assert len(last) == 3 * len(about(RESULTS / "section_4_1")["seeds"]) >= 90
    assert last["test_accuracy"].between(0.9, 1).all()
    assert (table["p15"] <= table["p50"]).all()
    assert (table["p50"] <= table["p85"]).all()


def test_by_activation_is_paired_and_its_rates_lie_inside_the_grid():
    table, facts = pd.read_csv(RESULTS / "by_activation.csv"), about(RESULTS / "by_activation")
    by_arm = table.groupby(["activation", "epochs", "placement"])["seed"].agg(["count", "nunique"])
    assert len(by_arm) == 3 * 3 * 2
    assert (by_arm == len(facts["seeds"])).all(axis=None)
    assert table["test_accuracy"].between(0.3, 0.9).all()
    for arm, scores in facts["pilot"]["val_accuracy"].items():
        grid = sorted(map(float, scores))
        assert grid[0] < facts["learning_rates"][arm] < grid[-1]


def test_batch_sizes_is_paired_and_its_rates_lie_inside_the_grid():
    table, facts = pd.read_csv(RESULTS / "batch_sizes.csv"), about(RESULTS / "batch_sizes")
    by_arm = table.groupby(["norm", "batch_size"])["seed"].agg(["count", "nunique"])
    assert len(by_arm) == 5 * 6
    assert (by_arm == len(facts["seeds"])).all(axis=None)
    assert table["test_accuracy"].between(0.1, 0.7).all()
    for arm, scores in facts["pilot"]["val_accuracy"].items():
        grid = sorted(map(float, scores))
        assert grid[0] < facts["learning_rates"][arm] < grid[-1]


def run_program(name, *options, **variables):
    """Run the program of a result, which must succeed."""
    done = subprocess.run(
        [sys.executable, str(RESULTS / f"{name}.py"), *options],
        env=os.environ | {"PYTHONPATH": str(ROOT), "BN_COMPANION_QUIET": "1"} | variables,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_folding_saves_what_it_says():
    facts, table = about(RESULTS / "folding"), pd.read_csv(RESULTS / "folding.csv")
    assert set(table["network"]) == set(facts["networks"])
    assert (table[["before_ms", "after_ms"]] > 0).all(axis=None)
    cases = table.groupby(["network", "runtime", "batch"])["round"]
    assert (cases.nunique() == table["round"].nunique()).all()
    assert (cases.nunique() == cases.size()).all()
    assert table["round"].nunique() >= 20
    for network in facts["networks"].values():
        assert network["folded"] == network["normalizations"] > 0
        assert network["largest_relative_difference"] < 1e-4
        for before, after in (network["parameters"], network["layers"]):
            assert after < before
        before, after = network["lite_operations"]
        assert before == after, "the converter folds by itself"


def test_the_program_of_folding_runs(tmp_path):
    options = ["--networks", "MobileNet", "--runtimes", "function", "--side", "32"]
    run_program("folding", *options, "--batch", "1", "--rounds", "2", "--out", str(tmp_path))
    facts, table = about(tmp_path / "folding"), pd.read_csv(tmp_path / "folding.csv")
    assert table[["network", "runtime", "batch", "round"]].to_numpy().tolist() == [
        ["MobileNet", "function", 1, 0],
        ["MobileNet", "function", 1, 1],
    ]
    assert facts["networks"]["MobileNet"]["folded"] == 27
    assert facts["processor"]


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("section_4_1", ["--data", "digits", "--steps", "120"]),
        ("by_activation", ["--data", "wine", "--epochs", "1", "2"]),
        ("batch_sizes", ["--data", "wine", "--epochs", "1", "--sizes", "8"]),
    ],
)
def test_a_program_runs_and_goes_on_where_it_was(name, options, tmp_path):
    def run():
        work = tmp_path / "work"
        folders = ["--work", str(work), "--out", str(tmp_path)]
        run_program(name, *options, "--seeds", "2", *folders, JOBS="1")
        trained = {path: path.stat().st_mtime_ns for path in work.rglob("output.pkl")}
        return pd.read_csv(tmp_path / f"{name}.csv"), about(tmp_path / name), trained

    table, facts, trained = run()
    assert set(arms_of(table, facts)) == set(facts["learning_rates"])
    assert table["test_accuracy"].dropna().between(0, 1).all()
    again, kept, then = run()
    pd.testing.assert_frame_equal(table, again)
    assert trained == then, "nothing is trained again"
    assert kept["seconds"] == facts["seconds"], "the seconds are those of the training"


GRID_OPTIONS = {
    "placements": ["--data", "wine", "--depths", "1", "--activations", "relu"],
    "learning_rates": ["--data", "wine", "--depths", "1"],
}


@pytest.mark.parametrize("name", GRIDS)
def test_the_program_of_a_grid_runs_and_goes_on_where_it_was(name, tmp_path):
    folders = ["--work", str(tmp_path / "work"), "--out", str(tmp_path)]

    def run():
        run_program(name, *GRID_OPTIONS[name], "--epochs", "1", "--seeds", "2", *folders, JOBS="1")
        kept = [
            path for path in (tmp_path / "work").rglob("*") if path.suffix in {".pkl", ".sqlite"}
        ]
        trained = {path: path.read_bytes() for path in kept}
        return pd.read_csv(tmp_path / f"{name}.csv"), about(tmp_path / name), trained

    table, facts, trained = run()
    axes = [table[column].nunique() for column in facts["grid"]]
    assert len(table) == math.prod(axes)
    assert sorted(table["seed"].unique()) == [0, 1]
    assert trained
    again, _, then = run()
    pd.testing.assert_frame_equal(table, again)
    assert trained == then, "nothing is trained again"
