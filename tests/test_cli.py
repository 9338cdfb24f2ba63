"""The command line: what it says, what it writes, and how it ends."""

import json
import os
import stat
import subprocess
import sys
import tomllib

import pytest

from bn_companion import __version__, cli
from bn_companion._files import write_atomically
from bn_companion.diagnose.codes import CODES
from tests.command import ROOT, process, runner

STRAY = "import keras\nkeras.layers.BatchNormalization()\n"
OLD = "from keras.layers import Dropout\n\ny = Dropout( p = 0.5 )(x)  # half\n"
NEW = OLD.replace("p =", "rate =")


@pytest.fixture
def run(capsys, monkeypatch):
    return runner(capsys, monkeypatch)


@pytest.fixture
def stray(tmp_path):
    path = tmp_path / "stray.py"
    path.write_text(STRAY)
    return path


@pytest.fixture
def old(tmp_path):
    path = tmp_path / "old.py"
    path.write_text(OLD)
    return path


# --- exit status -------------------------------------------------------------------------------


def test_the_command_is_installed_under_its_name():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["scripts"] == {"bn-companion": "bn_companion.cli:main"}
    assert callable(cli.main)


@pytest.mark.parametrize(
    ("text", "status", "out", "err"),
    [
        ("import keras\n", 0, "0 findings in 1 file.\n", ""),
        (STRAY, 1, "a.py:2:1: BN001 error: this BatchNormalization is built and never used\n", ""),
        ("x = (\n", 2, "", "bn-companion lint: a.py:1:5: syntax error: '(' was never closed\n"),
    ],
)
def test_a_process_ends_with_the_status(tmp_path, text, status, out, err):
    (tmp_path / "a.py").write_text(text)
    said = process("lint", "a.py", cwd=tmp_path)
    assert (said.returncode, said.stderr) == (status, err)
    assert said.stdout.startswith(out)
    assert process("lint", "--nonsense", cwd=tmp_path).returncode == 2


def test_nothing_found_is_0(run, tmp_path):
    (tmp_path / "a.py").write_text("import keras\n")
    said = run("lint", tmp_path)
    assert (said.returncode, said.stdout, said.stderr) == (0, "0 findings in 1 file.\n", "")


def test_something_found_is_1(run, stray):
    said = run("lint", "stray.py", cwd=stray.parent)
    assert said.returncode == 1
    assert said.stderr == ""
    assert said.stdout == (
        "stray.py:2:1: BN001 error: this BatchNormalization is built and never used\n"
        f"    {CODES['BN001'].remedy}\n"
        "1 finding in 1 file.\n"
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "the following arguments are required: COMMAND"),
        (("lnt",), "invalid choice: 'lnt'"),
        (("lint",), "give at least one PATH, or --explain CODE"),
        (("lint", "--format", "xml", "."), "invalid choice: 'xml'"),
        (("lint", "--select", "BN9", "."), "`select` must be codes, or beginnings of codes"),
        (("lint", "--ignore", "E501", "."), "`ignore` must be codes, or beginnings of codes"),
        (("lint", "--fix", "--diff", "."), "not allowed with argument"),
        (("lint", "--explain", "BN999"), "no such code: BN999"),
        (("lint", "--nonsense", "."), "unrecognized arguments: --nonsense"),
    ],
)
def test_bad_usage_is_2_and_says_why(run, arguments, message, tmp_path):
    said = run(*arguments, cwd=tmp_path)
    assert said.returncode == 2
    assert said.stdout == ""
    assert message in said.stderr.splitlines()[-1]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("missing.py", None, "missing.py: no such file or folder"),
        ("missing", None, "missing: no such file or folder"),
        ("notes.txt", b"text", "notes.txt: neither a .py nor an .ipynb file"),
        ("a.py", b"\x7fELF\0\0\xff", "a.py:1:1: not a text file"),
        ("a.py", b"x = (\n", "a.py:1:5: syntax error: '(' was never closed"),
        ("a.py", b"'\xff'", "a.py:1:1: cannot be decoded"),
        ("a.ipynb", b"{", "a.ipynb:1:2: not valid JSON: Expecting property name enclosed in"),
        ("a.ipynb", b"[]", "a.ipynb:1:1: not a notebook: the JSON is not an object"),
        (
            "a.ipynb",
            b'{"cells": [{"cell_type": "code", "source": "x = (\\n\\n"}]}',
            "a.ipynb:cell 1:1:5: syntax error: '(' was never closed",
        ),
        ("empty/", None, "empty: no .py or .ipynb file in this folder"),
    ],
)
def test_what_cannot_be_read_is_2_one_line_and_the_others_are_checked(
    run, stray, name, content, message
):
    path = stray.parent / name
    if name.endswith("/"):
        path.mkdir()
    elif content is not None:
        path.write_bytes(content)
    for change in ((), ("--fix",), ("--diff",)):
        said = run("lint", name, "stray.py", *change, cwd=stray.parent)
        assert said.returncode == 2
        assert said.stderr.startswith(f"bn-companion lint: {message}")
        assert said.stderr.count("\n") == 1
        assert ("stray.py:2:1: BN001" in said.stdout) == ("--diff" not in change)
        assert stray.read_text() == STRAY
        assert content is None or path.read_bytes() == content


def test_a_file_without_permission_is_2(run, stray):
    if os.geteuid() == 0:
        stray.unlink()
        stray.symlink_to(stray)  # root may read everything, but nobody can follow this
        message = "no such file or folder"
    else:
        stray.chmod(0)
        message = "cannot be read: Permission denied"
    said = run("lint", stray)
    assert said.returncode == 2
    assert message in said.stderr
    assert said.stderr.count("\n") == 1


# --- output ------------------------------------------------------------------------------------


def test_json_holds_every_part_of_a_finding(run, stray):
    said = run("lint", stray, "--format", "json")
    assert said.returncode == 1
    assert json.loads(said.stdout) == [
        {
            "code": "BN001",
            "severity": "error",
            "file": str(stray),
            "cell": None,
            "line": 2,
            "column": 1,
            "message": "this BatchNormalization is built and never used",
            "remedy": CODES["BN001"].remedy,
        }
    ]


def test_json_without_findings_is_an_empty_list(run, tmp_path):
    (tmp_path / "a.py").write_text("")
    assert json.loads(run("lint", tmp_path, "--format", "json").stdout) == []


def test_annotations_are_escaped_and_a_notebook_has_no_line_of_its_own(run, tmp_path):
    folder = tmp_path / "a,b: 100%"
    folder.mkdir()
    (folder / "x.py").write_text(STRAY)
    cell = {"cell_type": "code", "source": STRAY + "x = 1"}
    (folder / "y.ipynb").write_text(json.dumps({"cells": [cell]}))
    first, second = run("lint", ".", "--format", "github", cwd=tmp_path).stdout.splitlines()
    place, _, message = first.removeprefix("::error ").partition("::")
    assert place == "file=a%2Cb%3A 100%25/x.py,line=2,col=1,title=BN001"
    assert message.startswith("this BatchNormalization is built and never used. Put it ")
    assert second.startswith(
        "::error file=a%2Cb%3A 100%25/y.ipynb,title=BN001::cell 1, line 2: this BatchNorm"
    )


def test_severities_are_levels_of_github(run, tmp_path):
    (tmp_path / "a.py").write_text(
        "from keras.layers import *\n"
        "y = BatchNormalization()(Dropout(0.5)(BatchNormalization()(Dense(3)(x))))\n"
    )
    said = run("lint", tmp_path, "--format", "github").stdout
    assert [line.split(" ")[0] for line in said.splitlines()] == ["::warning", "::notice"]


def test_a_file_that_is_named_twice_is_checked_once(run, stray):
    said = run("lint", stray.name, ".", stray.name, cwd=stray.parent)
    assert said.stdout.count("BN001") == 1


def test_codes_are_selected_and_ignored(run, tmp_path):
    (tmp_path / "a.py").write_text("import keras\nkeras.layers.BatchNormalization(mode=0)\n")

    def codes(*options):
        said = run("lint", tmp_path, "--format", "json", *options)
        return [row["code"] for row in json.loads(said.stdout)]

    assert codes() == ["BN001", "BN101"]
    assert codes("--select", "BN1") == ["BN101"]
    assert codes("--select", "BN001,BN101", "--ignore", "BN101") == ["BN001"]
    assert codes("--ignore=BN0,BN1") == []


@pytest.mark.parametrize("code", ["BN002", "bn104"])
def test_a_code_is_explained(run, code):
    said = run("lint", "--explain", code)
    assert said.returncode == 0
    assert CODES[code.upper()].why in said.stdout
    assert CODES[code.upper()].remedy in said.stdout


@pytest.mark.parametrize("arguments", [("--help",), ("lint", "--help")])
def test_help_shows_the_commands_and_examples(run, arguments):
    said = run(*arguments, cwd=ROOT)
    assert said.returncode == 0
    assert "lint" in said.stdout
    if len(arguments) > 1:
        assert "examples:" in said.stdout
        assert "exit status:" in said.stdout
        assert "bn-companion lint old.py --fix" in said.stdout


def test_the_version_is_that_of_the_package(run):
    assert run("--version").stdout == f"bn-companion {__version__}\n"


def test_a_reader_that_leaves_early_is_no_error(tmp_path):
    (tmp_path / "a.py").write_text(STRAY + "keras.layers.BatchNormalization()\n" * 5000)
    command = f'"{sys.executable}" -m bn_companion lint "{tmp_path}" | head -n 1'
    said = subprocess.run(command, shell=True, check=True, capture_output=True, text=True, cwd=ROOT)
    assert said.stdout.count("\n") == 1
    assert said.stderr == ""


def test_the_command_loads_neither_tensorflow_nor_keras(stray):
    code = (
        "import sys; from bn_companion.cli import main; status = main(sys.argv[1:]); "
        "print(status, *sorted({'tensorflow', 'keras', 'numpy', 'libcst'} & set(sys.modules)))"
    )
    for change, loaded in ((), "1"), (("--fix",), "1 libcst"):
        said = subprocess.run(
            [sys.executable, "-c", code, "lint", str(stray), *change],
            check=True,
            capture_output=True,
            text=True,
            cwd=ROOT,
        )
        assert said.stdout.splitlines()[-1] == loaded


# --- repairs -----------------------------------------------------------------------------------


def test_fix_rewrites_and_counts_and_a_second_time_finds_nothing(run, old):
    said = run("lint", old, "--fix")
    assert (said.returncode, said.stdout, said.stderr) == (
        *(0, "1 finding repaired. 0 findings in 1 file.\n", ""),
    )
    assert old.read_text() == NEW
    before = old.stat()
    assert run("lint", old, "--fix").returncode == 0
    assert old.stat().st_mtime_ns == before.st_mtime_ns


def test_fix_reports_what_is_left(run, old, stray):
    said = run("lint", old, stray, "--fix")
    assert said.returncode == 1
    assert said.stdout.endswith("1 finding repaired. 1 finding in 2 files.\n")
    assert (old.read_text(), stray.read_text()) == (NEW, STRAY)


def test_fix_repairs_only_what_is_selected(run, old):
    assert run("lint", old, "--fix", "--select", "BN0").returncode == 0
    assert old.read_text() == OLD
    old.write_text(OLD.replace("# half", "# noqa"))
    assert run("lint", old, "--fix").returncode == 0
    assert old.read_text() == OLD.replace("# half", "# noqa")


def test_diff_shows_what_fix_would_change_and_writes_nothing(run, old):
    said = run("lint", "old.py", "--diff", cwd=old.parent)
    assert said.returncode == 1
    assert said.stdout == (
        "--- old.py\n+++ old.py\n@@ -1,3 +1,3 @@\n from keras.layers import Dropout\n \n"
        "-y = Dropout( p = 0.5 )(x)  # half\n+y = Dropout( rate = 0.5 )(x)  # half\n"
    )
    assert old.read_text() == OLD
    old.write_text(OLD.rstrip())
    assert "\\ No newline at end of file" in run("lint", old, "--diff").stdout


def test_fix_keeps_mode_link_encoding_and_line_ends(run, tmp_path):
    real = tmp_path / "real.py"
    text = "# coding: latin-1\r\n" + OLD.replace("half", "é").replace("\n", "\r\n")
    real.write_bytes(text.encode("latin-1"))
    real.chmod(0o751)
    link = tmp_path / "link.py"
    link.symlink_to(real.name)
    assert run("lint", link, "--fix").returncode == 0
    assert link.is_symlink()
    assert real.read_bytes() == text.replace("p =", "rate =").encode("latin-1")
    assert stat.S_IMODE(real.stat().st_mode) == 0o751
    assert sorted(path.name for path in tmp_path.iterdir()) == ["link.py", "real.py"]


def test_a_file_that_cannot_be_written_is_2_and_stays(old, monkeypatch, capsys):
    def refuse(path, data):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("bn_companion.commands.lint.write_atomically", refuse)
    assert cli.main(["lint", str(old), "--fix"]) == 2
    assert capsys.readouterr().err == (
        f"bn-companion lint: {old}: cannot be written: Permission denied\n"
    )
    assert old.read_text() == OLD


# --- files are written whole or not at all -----------------------------------------------------


def test_a_new_file_has_the_usual_mode(tmp_path):
    write_atomically(tmp_path / "new", b"1")
    (tmp_path / "usual").write_bytes(b"")
    assert (tmp_path / "new").read_bytes() == b"1"
    assert (tmp_path / "new").stat().st_mode == (tmp_path / "usual").stat().st_mode


def test_a_failure_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch):
    path = tmp_path / "a"
    path.write_bytes(b"old")
    with monkeypatch.context() as patch:
        patch.setattr("os.fsync", lambda _: (_ for _ in ()).throw(OSError(28, "No space left")))
        with pytest.raises(OSError, match="No space left"):
            write_atomically(path, b"new")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_that_is_not_to_be_written_is_refused(tmp_path, monkeypatch):
    path = tmp_path / "a"
    path.write_bytes(b"old")
    monkeypatch.setattr("os.access", lambda *_: False)
    with pytest.raises(PermissionError):
        write_atomically(path, b"new")
    assert path.read_bytes() == b"old"
