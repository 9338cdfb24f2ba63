"""The commands on a saved model: what they write, what they say, and what they refuse."""

import json
import subprocess
import sys
import zipfile
from pathlib import Path

import keras
import numpy as np
import pytest

import bn_companion as bn
from bn_companion.commands import _inputs
from tests import bad_files
from tests.command import ROOT, environment, process, runner

layers = keras.layers
COMMANDS = {
    "audit": ["MODEL"],
    "place": ["MODEL", "--placement", "before", "-o", "OUT"],
    "fold": ["MODEL", "-o", "OUT"],
    "recalibrate": ["MODEL", "DATA", "-o", "OUT"],
    "compare": ["MODEL", "DATA"],
}
WRITERS = [command for command, arguments in COMMANDS.items() if "OUT" in arguments]


@pytest.fixture
def run(capsys, monkeypatch):
    return runner(capsys, monkeypatch)


def network(placement="after", *, name="m"):
    """A classifier whose every weight and statistic has a value of its own."""
    model = bn.mlp((4,), 3, hidden=(6, 5), placement=placement)
    rng = np.random.default_rng(0)
    for variable in model.variables:
        if variable.dtype == "float32":
            variable.assign(rng.uniform(0.2, 2.0, variable.shape))
    return model


@pytest.fixture(scope="module")
def model():
    return network()


@pytest.fixture
def folder(tmp_path, model):
    """A folder with a model and data for it."""
    model.save(tmp_path / "model.keras")
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(60, 4)).astype("float32"), np.arange(60) % 3
    np.savez(tmp_path / "data.npz", x_train=x, y_train=y, other=x[:7] * 3, words=np.array(["a"]))
    return tmp_path


def arguments_of(command, model="model.keras", data="data.npz", out="out.keras"):
    places = {"MODEL": model, "DATA": data, "OUT": out}
    return [command, *(places.get(argument, argument) for argument in COMMANDS[command])]


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def loaded(path):
    return keras.saving.load_model(path, compile=False, safe_mode=True)


def assert_same_models(first, second):
    assert [layer.name for layer in first.layers] == [layer.name for layer in second.layers]
    for a, b in zip(first.variables, second.variables, strict=True):
        np.testing.assert_array_equal(a, b)
    x = np.random.default_rng(2).normal(size=(9, 4)).astype("float32")
    np.testing.assert_array_equal(first(x), second(x))


# --- oracle: the files hold what the functions return ---


@pytest.mark.parametrize("placement", ["none", "before", "after"])
def test_place_writes_what_place_returns(run, folder, model, placement):
    said = run("place", "model.keras", "--placement", placement, "-o", "out.keras", cwd=folder)
    assert (said.returncode, said.stderr) == (0, "")
    assert_same_models(loaded(folder / "out.keras"), bn.place(model, placement))
    lines = said.stdout.splitlines()
    report = bn.placement_report(model, placement)
    assert len(lines) == len(report) + 1
    for line, row in zip(lines, report.itertuples(), strict=False):
        assert line.startswith(f"{row.layer}: ")
        assert row.action in line
    assert lines[-1].startswith("Wrote out.keras: 2 ")


def test_place_says_what_it_could_not_do(run, tmp_path):
    x = keras.Input((4,))
    total = layers.add([layers.Dense(4, name="left")(x), x])
    y = layers.Dense(3, name="logits")(layers.ReLU(name="act")(total))
    keras.Model(x, y).save(tmp_path / "m.keras")
    said = run("place", "m.keras", "--placement", "after", "-o", "out.keras", cwd=tmp_path)
    assert said.returncode == 1
    assert said.stderr == ""
    report = bn.placement_report(keras.Model(x, y), "after")
    missed = report[~report["as_asked"]]
    assert len(missed)
    for row in missed.itertuples():
        done = f"{row.normalization} {row.action}".strip()
        assert f"{row.layer}: {done}: {row.reason} (not as asked)\n" in said.stdout
    assert said.stdout.count("(not as asked)") == len(missed)
    assert (tmp_path / "out.keras").exists()


def test_fold_writes_what_fold_returns(run, folder, model):
    said = run("fold", "model.keras", "-o", "out.keras", cwd=folder)
    assert (said.returncode, said.stderr) == (0, "")
    assert said.stdout == (
        "hidden_1_bn: folded forward into hidden_2_dense\n"
        "hidden_2_bn: folded forward into logits\n"
        "Wrote out.keras: 2 folded.\n"
    )
    folded = loaded(folder / "out.keras")
    assert_same_models(folded, bn.fold(model))
    x = np.random.default_rng(3).normal(size=(9, 4)).astype("float32")
    np.testing.assert_allclose(folded(x), model(x), rtol=1e-5, atol=1e-5)


def test_fold_says_what_it_keeps(run, tmp_path):
    model = bad_files.small(layers.ReLU(), layers.BatchNormalization(name="bn"), layers.ReLU())
    model.save(tmp_path / "m.keras")
    said = run("fold", "m.keras", "-o", "out.keras", cwd=tmp_path)
    assert said.returncode == 1
    reason = bn.fold_report(model).loc[0, "reason"]
    assert said.stdout == f"bn: kept: {reason}\nWrote out.keras: 1 kept.\n"
    assert_same_models(loaded(tmp_path / "out.keras"), model)


def test_recalibrate_writes_what_recalibrate_returns(run, folder, model):
    x = np.load(folder / "data.npz")["x_train"]
    said = run(*arguments_of("recalibrate"), "--batch-size", 7, cwd=folder)
    assert (said.returncode, said.stderr) == (0, "")
    assert said.stdout == (
        "Wrote out.keras: 2 batch normalizations recalibrated on 60 rows of data.npz.\n"
    )
    assert_same_models(loaded(folder / "out.keras"), bn.recalibrate(model, x, batch_size=7))


def test_recalibrate_takes_another_array(run, folder, model):
    x = np.load(folder / "data.npz")["other"]
    said = run(*arguments_of("recalibrate"), "--array", "other", cwd=folder)
    assert "on 7 rows" in said.stdout
    assert_same_models(loaded(folder / "out.keras"), bn.recalibrate(model, x))


def test_recalibrate_takes_an_array_for_each_input(run, tmp_path):
    a, b = keras.Input((2,), name="a"), keras.Input((3,), name="b")
    hidden = layers.BatchNormalization()(layers.Dense(4)(layers.concatenate([a, b])))
    model = keras.Model([a, b], layers.Dense(2)(hidden))
    model.save(tmp_path / "m.keras")
    rng = np.random.default_rng(0)
    arrays = {"first": rng.normal(size=(9, 2)), "second": rng.normal(size=(9, 3))}
    np.savez(tmp_path / "d.npz", **arrays)
    both = ("--array", "first", "--array", "second")
    said = run("recalibrate", "m.keras", "d.npz", "-o", "out.keras", *both, cwd=tmp_path)
    assert said.returncode == 0, said.stderr
    better = bn.recalibrate(model, list(arrays.values()))
    for one, other in zip(loaded(tmp_path / "out.keras").variables, better.variables, strict=True):
        np.testing.assert_array_equal(one, other)


def faulty():
    model = bad_files.small(
        layers.Dense(4, name="dense"),
        layers.BatchNormalization(name="bn"),
        layers.ReLU(),
        layers.Dropout(0.5, name="dropout"),
        layers.BatchNormalization(name="late"),
    )
    model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    return model


@pytest.mark.parametrize("steps", [0, 3])
def test_audit_finds_what_audit_finds(run, tmp_path, steps):
    """Also what the optimizer knows, which is not loaded with the model."""
    model = faulty()
    if steps:
        model.fit(np.ones((3, 4)), np.arange(3), batch_size=1, verbose=0)
    model.save(tmp_path / "m.keras")
    findings = bn.audit(model)
    codes = {finding.code for finding in findings}
    assert codes == ({"BN002", "BN004", "BN011"} if steps else {"BN002", "BN004"})
    said = run("audit", "m.keras", cwd=tmp_path)
    assert (said.returncode, said.stderr) == (1, "")
    assert said.stdout == (
        "".join(f"{finding}\n    {finding.remedy}\n" for finding in findings)
        + f"{len(findings)} findings in m.keras.\n"
    )
    rows = json.loads(run("audit", "m.keras", "--format", "json", cwd=tmp_path).stdout)
    assert rows == [
        {
            "code": finding.code,
            "severity": str(finding.severity),
            "file": "m.keras",
            "layer": finding.where,
            "message": finding.message,
            "remedy": finding.remedy,
        }
        for finding in findings
    ]
    asked = run("audit", "m.keras", "--steps", 5, "--format", "json", cwd=tmp_path)
    assert len(json.loads(asked.stdout)) == len(bn.audit(model, steps=5))


def test_steps_are_counted_behind_loss_scaling_and_without_the_loss(tmp_path):
    def loss(y, z):
        return keras.ops.mean((y - z) ** 2)

    model = bad_files.small()
    optimizer = keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD())
    for choice, expected in ((optimizer, 4), ("sgd", 2), (None, 0)):
        if choice is not None:
            model.compile(choice, loss)
            model.fit(np.ones((expected, 4)), np.ones((expected, 3)), batch_size=1, verbose=0)
        else:
            model = bad_files.small()
        model.save(tmp_path / "m.keras")
        assert _inputs.trained_steps(tmp_path / "m.keras") == expected
        assert not _inputs.load_model(tmp_path / "m.keras").compiled


def test_annotations_name_file_and_layer(run, tmp_path):
    (tmp_path / "a,b: 100%").mkdir()
    faulty().save(tmp_path / "a,b: 100%" / "m.keras")
    path = "a,b: 100%/m.keras"
    lines = run("audit", path, "--format", "github", cwd=tmp_path).stdout.splitlines()
    place = "file=a%2Cb%3A 100%25/m.keras,title="
    assert [line.partition("::layer")[0] for line in lines] == [
        f"::notice {place}BN002",
        f"::warning {place}BN004",
    ]
    assert "::layer dense: the bias of dense" in lines[0]


def test_findings_are_selected_and_ignored(run, tmp_path):
    faulty().save(tmp_path / "m.keras")

    def codes(*options):
        said = run("audit", "m.keras", "--format", "json", *options, cwd=tmp_path)
        found = [row["code"] for row in json.loads(said.stdout)]
        assert said.returncode == bool(found)
        return found

    assert codes() == ["BN002", "BN004"]
    assert codes("--select", "BN004") == ["BN004"]
    assert codes("--ignore", "bn002,BN1") == ["BN004"]
    assert codes("--ignore", "BN0") == []
    assert run("audit", "m.keras", "--ignore", "BN0", cwd=tmp_path).stdout == (
        "0 findings in m.keras.\n"
    )


@pytest.mark.parametrize(
    ("command", "report"), [("place", bn.placement_report), ("fold", bn.fold_report)]
)
def test_reports_are_json_on_request(run, folder, model, command, report):
    said = run(*arguments_of(command), "--format", "json", cwd=folder)
    expected = report(model, "before") if command == "place" else report(model)
    assert json.loads(said.stdout) == expected.to_dict("records")


def test_a_model_without_batch_normalization_is_copied(run, tmp_path):
    bad_files.small(layers.Dense(2, name="dense")).save(tmp_path / "m.keras")
    np.savez(tmp_path / "d.npz", x_train=np.zeros((5, 4)))
    said = run("fold", "m.keras", "-o", "out.keras", cwd=tmp_path)
    assert (said.returncode, said.stdout) == (0, "Wrote out.keras: nothing to do, it is a copy.\n")
    assert_same_models(loaded(tmp_path / "out.keras"), loaded(tmp_path / "m.keras"))
    said = run("recalibrate", "m.keras", "d.npz", "-o", "out2.keras", cwd=tmp_path)
    assert said.stdout.startswith("Wrote out2.keras: 0 batch normalizations recalibrated")


def test_a_layer_of_this_package_is_no_stranger(run, tmp_path):
    bad_files.small(bn.ShiftNoise()).save(tmp_path / "m.keras")
    assert run("audit", "m.keras", cwd=tmp_path).returncode == 0


# --- rejection ---


@pytest.mark.parametrize("kind", bad_files.MODELS)
def test_a_bad_model_is_one_line_and_nothing_is_written(run, folder, kind):
    name, make, begin, end = bad_files.MODELS[kind]
    make(folder / name)
    before = names(folder)
    for command in COMMANDS:
        said = run(*arguments_of(command, model=name), cwd=folder)
        assert (said.returncode, said.stdout) == (2, "")
        assert said.stderr.startswith(f"bn-companion {command}: {begin}")
        assert f"Received: '{name}'" in said.stderr
        assert said.stderr.endswith(f"{end}\n")
        assert said.stderr.count("\n") == 1
        assert names(folder) == before


def save_arrays(**arrays):
    return lambda path: np.savez(path, **arrays)


X, Y = np.zeros((60, 4)), np.arange(60) % 3
DATA = {
    "missing": (lambda path: None, "DATA must be a .npz file that exists"),
    "folder": (lambda path: path.mkdir(), "DATA must be a .npz file"),
    "text": (lambda path: path.write_text("1,2\n"), "must be an .npz file of plain arrays"),
    "cut short": (
        lambda path: path.write_bytes(b"PK\3\4" + b"\0" * 99),
        "must be an .npz file of plain arrays",
    ),
    "objects": (
        save_arrays(x_train=np.array([{}, 1], dtype=object), y_train=Y),
        "must be an .npz file of plain arrays",
    ),
    "nothing": (save_arrays(), "'x_train' is missing. Received: []"),
    "another name": (save_arrays(x=X, y_train=Y), "missing. Received: ['x', 'y_train']"),
    "words": (save_arrays(x_train=np.full((60, 4), "a"), y_train=Y), "numbers"),
    "shape": (save_arrays(x_train=np.zeros((60, 5)), y_train=Y), "inputs of"),
    "one axis": (save_arrays(x_train=np.zeros(60), y_train=Y), "shape"),
    "no rows": (save_arrays(x_train=X[:0], y_train=Y[:0]), "must not be empty"),
    "NaN": (save_arrays(x_train=X * np.nan, y_train=Y), "finite"),
}


@pytest.mark.parametrize("kind", DATA)
@pytest.mark.parametrize("command", ["recalibrate", "compare"])
def test_bad_data_are_one_line_and_nothing_is_written(run, folder, command, kind):
    make, message = DATA[kind]
    (folder / "data.npz").unlink()
    make(folder / "data.npz")
    before = names(folder)
    said = run(*arguments_of(command), cwd=folder)
    assert (said.returncode, said.stdout) == (2, "")
    assert said.stderr.startswith(f"bn-companion {command}: ")
    assert message in said.stderr
    assert "data" in said.stderr
    assert said.stderr.count("\n") == 1
    assert names(folder) == before


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--array", "z"), "must hold an array 'z'; 'z' is missing. Received: ['other', 'words',"),
        (("--array", "words"), "DATA must hold numbers in 'words'. Received: 'data.npz', where it"),
        (("--array", "x_train", "--array", "other"), "`x` must have as many rows in every array"),
        (("--batch-size", "0"), "`batch_size` must be at least 1. Received: 0"),
    ],
)
def test_bad_options_of_recalibrate(run, folder, options, message):
    said = run(*arguments_of("recalibrate"), *options, cwd=folder)
    assert (said.returncode, said.stdout) == (2, "")
    assert message in said.stderr
    assert said.stderr.count("\n") == 1
    assert names(folder) == ["data.npz", "model.keras"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("audit",), "the following arguments are required: MODEL.keras"),
        (("audit", "m.keras", "--select", "E501"), "`select` must be codes"),
        (("place", "m.keras", "-o", "o.keras"), "are required: --placement"),
        (("place", "m.keras", "--placement", "on", "-o", "o.keras"), "invalid choice: 'on'"),
        (("fold", "m.keras"), "are required: -o/--output"),
        (("recalibrate", "m.keras", "-o", "o.keras"), "are required: DATA.npz"),
        (("compare", "m.keras"), "are required: DATA.npz"),
        (("compare", "m.keras", "d.npz", "--seeds", "x"), "invalid int value: 'x'"),
        (("compare", "m.keras", "d.npz", "--resume"), "--resume needs the --store"),
    ],
)
def test_bad_usage_is_2_and_says_why(run, tmp_path, arguments, message):
    said = run(*arguments, cwd=tmp_path)
    assert (said.returncode, said.stdout) == (2, "")
    assert message in said.stderr.splitlines()[-1]


def test_numbers_that_the_model_cannot_take_are_refused(run, tmp_path):
    model = keras.Sequential(
        [keras.Input((3,)), layers.Embedding(5, 2), layers.BatchNormalization()]
    )
    model.save(tmp_path / "m.keras")
    np.savez(tmp_path / "d.npz", x_train=np.full((4, 3), 99))
    said = run("recalibrate", "m.keras", "d.npz", "-o", "out.keras", cwd=tmp_path)
    assert (said.returncode, said.stdout) == (2, "")
    assert said.stderr.startswith(
        "bn-companion recalibrate: m.keras on d.npz: the model fails on these data: "
    )
    assert said.stderr.count("\n") == 1
    assert names(tmp_path) == ["d.npz", "m.keras"]


def test_a_configuration_is_not_unpacked_without_end(run, folder, monkeypatch):
    monkeypatch.setattr(_inputs, "_LARGEST_CONFIG", 10)
    said = run("audit", "model.keras", cwd=folder)
    assert said.returncode == 2
    assert "whose config.json is damaged (it is too large)" in said.stderr


def test_steps_below_zero_are_refused(run, folder):
    said = run("audit", "model.keras", "--steps", -1, cwd=folder)
    assert said.returncode == 2
    assert said.stderr == (
        "bn-companion audit: model.keras: `steps` must be at least 0. Received: -1\n"
    )


def test_safe_mode_refuses_what_was_overlooked(run, folder, monkeypatch):
    monkeypatch.setattr(_inputs, "_refuse_lambdas", lambda path, config: None)
    bad_files.MODELS["lambda"][1](folder / "a.keras")
    said = run(*arguments_of("fold", model="a.keras"), cwd=folder)
    assert said.returncode == 2
    assert "at which Keras says: Requested the deserialization of a `Lambda` layer" in said.stderr
    assert names(folder) == ["a.keras", "data.npz", "model.keras"]


def test_what_a_file_names_is_not_imported(run, tmp_path, monkeypatch):
    (tmp_path / "evil.py").write_text("class Layer: pass\n")
    monkeypatch.syspath_prepend(tmp_path)
    bad_files.edited(
        tmp_path / "a.keras",
        config=lambda data: bad_files.renamed(
            data,
            b'"module": "keras.layers", "class_name": "Dense"',
            b'"module": "evil", "class_name": "Layer"',
        ),
    )
    said = run("audit", "a.keras", cwd=tmp_path)
    assert said.returncode == 2
    assert "with the class 'Layer' in 'logits'" in said.stderr
    assert "evil" not in sys.modules


# --- what is written, and when ---


def unloadable(*_):
    raise AssertionError("the output was to be checked first")


@pytest.mark.parametrize(
    ("out", "message"),
    [
        ("there.keras", "-o must be a file that is not there yet; --force overwrites it."),
        ("model.keras", "-o must be another file than MODEL; --force overwrites it."),
        ("./model.keras", "-o must be another file than MODEL; --force overwrites it."),
        ("out.h5", "-o must end in .keras."),
        ("out", "-o must end in .keras."),
        ("out.KERAS", "-o must end in .keras."),
        ("nowhere/out.keras", "-o must be a file in a folder that exists."),
        ("folder.keras", "-o must be a file in a folder that exists."),
    ],
)
def test_an_output_is_checked_before_any_work(run, folder, monkeypatch, out, message):
    (folder / "there.keras").write_bytes(b"old")
    (folder / "folder.keras").mkdir()
    before = {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}
    for command in WRITERS:
        module = "_rewriting" if command in ("place", "fold") else command
        monkeypatch.setattr(f"bn_companion.commands.{module}.load_model", unloadable)
        said = run(*arguments_of(command, out=out), cwd=folder)
        assert (said.returncode, said.stdout) == (2, "")
        shown = out.removeprefix("./")
        assert said.stderr == f"bn-companion {command}: {message} Received: '{shown}'\n"
        assert {path.name: path.stat().st_mtime_ns for path in folder.iterdir()} == before


def test_a_folder_or_file_without_permission_is_refused(run, folder, monkeypatch):
    monkeypatch.setattr("os.access", lambda path, mode: False)
    said = run(*arguments_of("fold"), cwd=folder)
    assert said.returncode == 2
    assert "-o must be a file that you may write. Received: 'out.keras'" in said.stderr


@pytest.mark.parametrize("command", WRITERS)
def test_force_overwrites_another_file_and_the_model_itself(run, folder, command):
    (folder / "there.keras").write_bytes(b"old")
    there = run(*arguments_of(command, out="there.keras"), "--force", cwd=folder)
    itself = run(*arguments_of(command, out="model.keras"), "--force", cwd=folder)
    assert (there.returncode, itself.returncode) == (0, 0)
    assert_same_models(loaded(folder / "there.keras"), loaded(folder / "model.keras"))
    assert names(folder) == ["data.npz", "model.keras", "there.keras"]


@pytest.mark.parametrize("old", [None, b"old"])
@pytest.mark.parametrize("stop", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_a_save_that_fails_leaves_nothing(run, folder, monkeypatch, old, stop):
    seen = []

    def save(self, path):
        seen.append(Path(path))
        seen[-1].write_bytes(b"half")  # as Keras would leave it
        raise stop

    if old is not None:
        (folder / "out.keras").write_bytes(old)
    before = names(folder)
    monkeypatch.setattr(keras.Model, "save", save)
    for command in WRITERS:
        said = run(*arguments_of(command), "--force", cwd=folder)
        assert (seen[-1].suffix, seen[-1].parent) == (".keras", folder.resolve())
        assert names(folder) == before
        assert old is None or (folder / "out.keras").read_bytes() == old
        assert said.stdout == ""
        if isinstance(stop, KeyboardInterrupt):
            assert (said.returncode, said.stderr) == (130, "")
        else:
            assert said.returncode == 2
            assert said.stderr == f"bn-companion {command}: No space left on device\n"
    assert len(seen) == len(WRITERS)


def test_a_link_stays_a_link(run, folder):
    (folder / "link.keras").symlink_to("model.keras")
    assert run(*arguments_of("fold", out="link.keras"), cwd=folder).returncode == 2
    assert run(*arguments_of("fold", out="link.keras"), "--force", cwd=folder).returncode == 0
    assert (folder / "link.keras").is_symlink()
    assert not bn.fold_report(loaded(folder / "model.keras")).size


def test_a_bar_is_shown_when_it_is_asked_for(run, folder):
    said = run(*arguments_of("recalibrate"), "--progress", "--batch-size", 30, cwd=folder)
    assert said.returncode == 0
    assert "recalibrate: 100%" in said.stderr
    assert "4/4" in said.stderr  # two batches for each of two layers
    assert run(*arguments_of("recalibrate"), "--force", cwd=folder).stderr == ""


# --- processes ---


def test_help_shows_examples_and_statuses_and_loads_nothing():
    code = (
        "import contextlib, sys; from bn_companion.cli import main\n"
        "for name in sys.argv[1:]:\n"
        "    with contextlib.suppress(SystemExit):\n"
        "        main([name, '--help'])\n"
        "print(*sorted({'tensorflow', 'keras', 'numpy', 'tqdm'} & set(sys.modules)), 'loaded')"
    )
    said = subprocess.run(
        [sys.executable, "-c", code, *COMMANDS],
        check=True,
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=environment(),
    )
    for command in COMMANDS:
        assert f"usage: bn-companion {command} [-h]" in said.stdout
        assert f"  bn-companion {command} model.keras" in said.stdout
    assert said.stdout.count("\nexit status:\n") == len(COMMANDS)
    assert said.stdout.splitlines()[-1].split() == ["loaded"]


def test_a_lambda_is_refused_before_tensorflow_is_loaded(tmp_path):
    bad_files.MODELS["lambda"][1](tmp_path / "a.keras")
    code = (
        "import sys; from bn_companion.cli import main; status = main(['audit', 'a.keras']); "
        "print(status, *sorted({'tensorflow', 'keras'} & set(sys.modules)))"
    )
    said = subprocess.run(
        [sys.executable, "-c", code],
        check=True,
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env=environment(),
    )
    assert said.stdout == "2\n"
    assert said.stderr.count("\n") == 1


def test_a_process_is_quiet_and_ends_with_the_status(folder):
    said = process(*arguments_of("fold"), cwd=folder)
    assert (said.returncode, said.stderr) == (0, "")
    assert said.stdout.endswith("Wrote out.keras: 2 folded.\n")
    assert zipfile.is_zipfile(folder / "out.keras")
