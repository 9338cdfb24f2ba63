"""`bn-companion compare`: the study of a saved model, its files, and how it stops and goes on."""

import io
import json
import signal
import subprocess
import sys
import time
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import keras
import numpy as np
import pandas as pd
import pytest

import bn_companion as bn
from bn_companion import cli
from bn_companion.train import sweep as sweep_module
from bn_companion.train.store import Store, StoreError
from tests.command import environment, runner

layers = keras.layers
STUDY = ("compare", "model.keras", "data.npz", "--placements", "before,after")
SMALL = (*STUDY, "--seeds", 2, "--learning-rates", "0.05", "--epochs", 1, "--batch-size", 20)
TABLES = ("t.csv", "t.json", "t.md")


@pytest.fixture
def run(capsys, monkeypatch):
    return runner(capsys, monkeypatch)


def fill(folder):
    model = bn.mlp((4,), 3, hidden=(4,), placement="none")
    model.save(folder / "model.keras")
    rng = np.random.default_rng(0)
    y = np.arange(120) % 3
    x = rng.normal(size=(120, 4)) + y[:, None]
    np.savez(folder / "data.npz", x_train=x, y_train=y)
    return model


@pytest.fixture
def folder(tmp_path):
    fill(tmp_path)
    return tmp_path


@pytest.fixture
def no_training(monkeypatch):
    """Let nothing be loaded or trained."""

    def refuse(*_, **__):
        raise AssertionError("what is written was to be checked first")

    monkeypatch.setattr("bn_companion.commands.compare.load_model", refuse)


def trained_runs(monkeypatch, *, stop_after=None):
    """Note the runs that are trained, and press Ctrl-C after some chunks of them."""
    seen = []
    original = sweep_module.train_chunks

    def counting(work, **options):
        results = original(work, **options)
        for count, (number, outcome) in enumerate(results):
            if count == stop_after:
                raise KeyboardInterrupt
            seen.extend(work[number][0].runs)
            yield number, outcome

    monkeypatch.setattr(sweep_module, "train_chunks", counting)
    return seen


# --- oracle ---


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A folder with a finished study and all that it can write; its store is new."""
    folder = tmp_path_factory.mktemp("study")
    fill(folder)
    arguments = [str(argument) for argument in SMALL]
    for table in TABLES:
        arguments += ["--table", table]
    arguments += ["--figure", "f.svg", "--store", "s.sqlite", "--resume", "--format", "json"]
    out, err = io.StringIO(), io.StringIO()
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(out), redirect_stderr(err):
        patch.chdir(folder)
        patch.setenv("BN_COMPANION_QUIET", "1")
        assert cli.main(arguments) == 0
    assert err.getvalue() == ""
    return folder, json.loads(out.getvalue())


@pytest.fixture(scope="module")
def study(finished):
    """The same study, in Python."""
    model = keras.saving.load_model(finished[0] / "model.keras", compile=False)
    return bn.compare_placements(
        model,
        bn.load(finished[0] / "data.npz"),
        placements=("before", "after"),
        seeds=2,
        learning_rates=0.05,
        epochs=1,
        batch_size=20,
        progress=False,
    )


def test_the_study_is_that_of_compare_placements(finished, study):
    said = finished[1]
    assert (said["verdict"], said["best"], said["rival"]) == (
        *(study.verdict, study.best, study.rival),
    )
    assert said["interval"] == pytest.approx(study.interval, rel=1e-6)
    table = pd.DataFrame(said["table"]).set_index("placement")
    pd.testing.assert_frame_equal(table, study.table(), rtol=1e-6)
    pd.testing.assert_frame_equal(pd.DataFrame(said["pairs"]), study.pairs, rtol=1e-6)


def test_tables_are_written_in_the_format_of_their_ending(finished, study):
    folder, said = finished
    pd.testing.assert_frame_equal(
        pd.read_csv(folder / "t.csv", index_col="placement"), study.table(), rtol=1e-6
    )
    assert json.loads((folder / "t.json").read_text()) == said["table"]
    head, rule, *rows = (folder / "t.md").read_text().splitlines()
    assert head == f"| placement | {' | '.join(study.table().columns)} |"
    assert rule == "| :-- |" + " --: |" * len(study.table().columns)
    for row, (arm, values) in zip(rows, study.table().iterrows(), strict=True):
        assert row.startswith(f"| {arm} | 0.05 | {values['val_accuracy']:.4f} |")


def test_the_figure_is_written_in_the_format_of_its_ending(finished):
    text = (finished[0] / "f.svg").read_text()
    assert text.startswith("<?xml")
    assert "</svg>" in text


def test_the_verdict_is_printed_for_people(run, finished, study, monkeypatch):
    trained = trained_runs(monkeypatch)
    said = run(*SMALL, "--store", "s.sqlite", "--resume", cwd=finished[0])
    assert not trained
    assert (said.returncode, said.stderr) == (0, "")
    low, high = study.interval
    *table, blank, interval, verdict = said.stdout.splitlines()
    assert table[0].split() == ["placement", *study.table().columns]
    assert [line.split()[0] for line in table[1:]] == ["before", "after"]
    assert blank == ""
    assert interval == (
        f"{study.best} minus {study.rival} in test accuracy: {low:+.4f} to {high:+.4f} "
        "(95% interval, 2 seeds)"
    )
    assert verdict == f"Verdict: {study.verdict}"


def test_png_and_pdf_and_force(run, finished, monkeypatch):
    trained_runs(monkeypatch, stop_after=0)  # the store has all runs: none may be trained
    stored = ("--store", "s.sqlite", "--resume")
    for name, magic in (("f.png", b"\x89PNG"), ("f.pdf", b"%PDF"), ("f.png", b"\x89PNG")):
        (finished[0] / name).write_bytes(b"old")
        refused = run(*SMALL, *stored, "--figure", name, cwd=finished[0])
        assert refused.returncode == 2
        assert (finished[0] / name).read_bytes() == b"old"
        assert run(*SMALL, *stored, "--figure", name, "--force", cwd=finished[0]).returncode == 0
        assert (finished[0] / name).read_bytes().startswith(magic)


def test_a_bar_is_shown_when_it_is_asked_for(run, finished):
    said = run(*SMALL, "--store", "s.sqlite", "--resume", "--progress", cwd=finished[0])
    assert "4/4" in said.stderr


# --- a store, Ctrl-C and --resume ---


def test_resume_trains_what_is_missing(run, folder, monkeypatch):
    trained = trained_runs(monkeypatch)
    stored = (*SMALL, "--store", "s.sqlite")
    assert run(*stored, cwd=folder).returncode == 0
    assert sorted(trained) == [(0, 0.05), (0, 0.05), (1, 0.05), (1, 0.05)]
    trained.clear()
    before = (folder / "s.sqlite").read_bytes()
    refused = run(*stored, "--seeds", 3, cwd=folder)
    assert refused.returncode == 2
    assert refused.stderr == (
        "bn-companion compare: --store must be a file that is not there yet; --resume goes on "
        "with the runs in it. Received: 's.sqlite'\n"
    )
    assert (folder / "s.sqlite").read_bytes() == before
    assert run(*stored, "--seeds", 3, "--resume", cwd=folder).returncode == 0
    assert trained == [(2, 0.05), (2, 0.05)]
    other = run(*stored, "--resume", "--epochs", 2, cwd=folder)
    assert other.returncode == 2
    assert "was made with another setting under the name 'epochs': 1 and 2" in other.stderr
    assert other.stderr.count("\n") == 1


def test_ctrl_c_keeps_what_is_finished_and_says_how_to_go_on(run, folder, monkeypatch):
    trained = trained_runs(monkeypatch, stop_after=1)
    stored = (*SMALL, "--store", "s.sqlite", "--table", "t.md")
    said = run(*stored, cwd=folder)
    assert (said.returncode, said.stdout) == (130, "")
    assert said.stderr == (
        "bn-companion compare: stopped; 2 runs are kept in s.sqlite: "
        "the same command with --resume goes on from there\n"
    )
    assert len(Store(folder / "s.sqlite").rows()) == 2
    assert not (folder / "t.md").exists()
    monkeypatch.undo()
    trained = trained_runs(monkeypatch)
    assert run(*stored, "--resume", cwd=folder).returncode == 0
    assert trained == [(0, 0.05), (1, 0.05)]
    assert (folder / "t.md").exists()


def test_ctrl_c_without_a_store_says_how_to_have_one(run, folder, monkeypatch):
    trained_runs(monkeypatch, stop_after=1)
    said = run(*SMALL, cwd=folder)
    assert (said.returncode, said.stdout) == (130, "")
    assert said.stderr == (
        "bn-companion compare: stopped, and nothing is kept; give --store FILE.sqlite to be able "
        "to go on\n"
    )


def test_ctrl_c_while_the_model_is_loaded(run, folder, monkeypatch):
    def stop(path):
        raise KeyboardInterrupt

    monkeypatch.setattr("bn_companion.commands.compare.load_model", stop)
    stored = (*SMALL, "--store", "s.sqlite", "--resume")
    said = run(*stored, cwd=folder)
    assert said.returncode == 130
    assert said.stderr == (
        "bn-companion compare: stopped before the first run: nothing is kept, and nothing is lost\n"
    )
    assert not (folder / "s.sqlite").exists()
    (folder / "s.sqlite").write_bytes(b"other things")
    assert "stopped; `store` must be a store" in run(*stored, cwd=folder).stderr
    (folder / "s.sqlite").unlink()
    Store(folder / "s.sqlite")
    assert run(*stored, cwd=folder).stderr == (
        "bn-companion compare: stopped; 0 runs are kept in s.sqlite: "
        "the same command goes on from there\n"
    )


def test_a_full_disk_keeps_what_is_finished_and_says_how_to_go_on(run, folder, monkeypatch):
    add = Store.add

    def no_space(store, rows):
        if store.rows():
            raise StoreError("`store` cannot be written (disk full): free some space on its disk")
        add(store, rows)

    monkeypatch.setattr(Store, "add", no_space)
    said = run(*SMALL, "--store", "s.sqlite", "--table", "t.md", cwd=folder)
    assert (said.returncode, said.stdout) == (1, "")
    assert said.stderr == (
        "bn-companion compare: `store` cannot be written (disk full): free some space on its disk, "
        "for build 'after', data set 'data', seeds 0, 1, learning rates 0.05; stopped; 2 runs are "
        "kept in s.sqlite: the same command with --resume goes on from there\n"
    )
    assert not (folder / "t.md").exists()
    monkeypatch.undo()
    assert run(*SMALL, "--store", "s.sqlite", "--resume", cwd=folder).returncode == 0
    assert len(Store(folder / "s.sqlite").rows()) == 4


def test_a_signal_stops_a_process_between_two_chunks(folder):
    command = [sys.executable, "-m", "bn_companion", *map(str, STUDY), "--seeds", "2000"]
    command += ["--learning-rates", "0.1", "--epochs", "2", "--jobs", "1", "--store", "s.sqlite"]
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=folder,
        env=environment(),
    )
    deadline = time.monotonic() + 120
    while not stored(folder / "s.sqlite") and time.monotonic() < deadline:
        assert process.poll() is None, process.communicate()
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=120)
    count = stored(folder / "s.sqlite")
    assert 0 < count < 4000
    assert (process.returncode, out) == (130, "")
    assert err == (
        f"bn-companion compare: stopped; {count} runs are kept in s.sqlite: "
        "the same command with --resume goes on from there\n"
    )


def stored(path: Path) -> int:
    return len(Store(path).rows()) if path.exists() and path.stat().st_size else 0


# --- rejection ---


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--table", "t.txt"), "--table must end in .csv or .json or .md. Received: 't.txt'"),
        (("--table", "t.csv", "--table", "t.CSV/x"), "--table must end in"),
        (("--table", "no/t.csv"), "--table must be a file in a folder that exists."),
        (("--table", "old.csv"), "--table must be a file that is not there yet; --force"),
        (("--table", "t.csv", "--table", "./t.csv"), "Each file must be named once."),
        (("--table", "t.md", "--store", "t.md"), "Each file must be named once."),
        (("--figure", "f.gif"), "--figure must end in .png or .svg or .pdf. Received: 'f.gif'"),
        (("--figure", "old.png"), "--figure must be a file that is not there yet; --force"),
        (("--store", "old.sqlite"), "--store must be a file that is not there yet; --resume"),
        (("--store", "old.sqlite", "--force"), "--store must be a file that is not there yet"),
        (("--store", "no/s.sqlite"), "--store must be a file in a folder that exists."),
        (("--store", ".", "--resume"), "--store must be a file in a folder that exists."),
        (("--jobs", 0), "--jobs must be a number of processes, or -1. Received: 0"),
    ],
)
def test_files_are_checked_before_any_work(run, folder, no_training, options, message):
    for name in ("old.csv", "old.png", "old.sqlite"):
        (folder / name).write_bytes(b"old")
    before = sorted(folder.iterdir())
    said = run(*SMALL, *options, cwd=folder)
    assert (said.returncode, said.stdout) == (2, "")
    assert said.stderr.startswith(f"bn-companion compare: {message}")
    assert said.stderr.count("\n") == 1
    assert sorted(folder.iterdir()) == before
    assert (folder / "old.csv").read_bytes() == b"old"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--seeds", 1), "`seeds` must be at least 2, to tell an arm from luck. Received: (0,)"),
        (("--placements", "before"), "`placements` must hold at least two arms."),
        (("--placements", "before,middle"), "`placement` must be one of 'none', 'before', 'after'"),
        (("--placements", "before,before"), "`placements` must not name an arm twice."),
        (("--learning-rates", "0"), "`learning_rates` must be positive and finite."),
        (("--epochs", 0), "`epochs` must be at least 1. Received: 0"),
        (("--batch-size", 1000), "`batch_size` must not exceed the 72 training examples of 'data'"),
        (("--optimizer", "best"), "`optimizer` must be a name that Keras knows"),
        (("--store", "model.keras", "--resume"), "`store` must be a store that sweep() made"),
    ],
)
def test_a_bad_study_is_one_line_and_nothing_is_written(run, folder, options, message):
    before = {path: path.read_bytes() for path in folder.iterdir()}
    said = run(*SMALL, "--store", "s.sqlite", *options, "--table", "t.csv", cwd=folder)
    assert (said.returncode, said.stdout) == (2, "")
    assert said.stderr.startswith(f"bn-companion compare: {message}")
    assert said.stderr.count("\n") == 1
    assert {path: path.read_bytes() for path in folder.iterdir()} == before


@pytest.mark.parametrize(
    ("shape", "units", "message"),
    [
        ((5,), 3, "model.keras must be a model for inputs of shape (4,), those of 'data'."),
        ((4,), 2, "model.keras must be a model with one output of 3 units, the classes of 'data'."),
    ],
)
def test_a_model_for_other_data_is_refused(run, folder, shape, units, message):
    bn.mlp(shape, units, hidden=(4,)).save(folder / "model.keras")
    said = run(*SMALL, "--store", "s.sqlite", cwd=folder)
    assert (said.returncode, said.stdout) == (2, "")
    assert said.stderr.startswith(f"bn-companion compare: {message}")
    assert not (folder / "s.sqlite").exists()


def test_an_arm_that_is_not_what_its_name_says_is_noted(run, folder, monkeypatch):
    x = keras.Input((4,))
    total = layers.add([layers.Dense(4)(x), x])
    keras.Model(x, layers.Dense(3)(layers.ReLU(name="act")(total))).save(folder / "model.keras")
    trained_runs(monkeypatch, stop_after=0)
    note, stopped = run(*SMALL, cwd=folder).stderr.splitlines()
    assert note == (
        "bn-companion compare: note: with 'after', 2 of the layers are not as asked, for example "
        "act; 'bn-companion place model.keras --placement after -o FILE' says why"
    )
    assert "stopped" in stopped


def test_one_layer_is_noted_in_the_singular(run, folder, monkeypatch):
    x = keras.Input((4,))
    total = layers.ReLU(name="act")(layers.add([x, x]))
    keras.Model(x, layers.Dense(3)(total)).save(folder / "model.keras")
    trained_runs(monkeypatch, stop_after=0)
    before, after, _ = run(*SMALL, cwd=folder).stderr.splitlines()
    for note, placement in ((before, "before"), (after, "after")):
        assert f"with '{placement}', 1 of the layers is not as asked, for example act;" in note
