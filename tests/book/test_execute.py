"""`make notebooks`: what is stored, what is left alone, and what is said about it."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from tests.book import chapters
from tests.book.environment import DEFAULTS
from tests.book.execute import execute, main, update
from tests.book.normalise import text_of, write
from tests.book.samples import code, notebook, prose


@pytest.fixture(scope="module")
def executed(tmp_path_factory):
    cells = [
        prose("# A chapter", "title"),
        code("print('loss 0.91')", "loss", nbval={"abs": 0.02}),
        code("0.5", "half"),
    ]
    return execute(notebook(*cells), tmp_path_factory.mktemp("run"))


@pytest.fixture
def path(executed, tmp_path):
    """Return where the executed chapter is stored."""
    write(executed, tmp_path / "01-a-chapter.ipynb")
    return tmp_path / "01-a-chapter.ipynb"


def edit(path, old, new):
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


def test_an_unchanged_chapter_is_kept_to_the_byte(path):
    before = path.read_bytes()
    outcome = update(path)
    assert (outcome.changes, outcome.error, outcome.written) == ([], "", False)
    assert path.read_bytes() == before
    assert "unchanged" in str(outcome)


def test_numbers_within_the_tolerance_are_kept(path):
    edit(path, '"loss 0.91\\n"', '"loss 0.92\\n"')
    before = path.read_bytes()
    assert not update(path).written
    assert path.read_bytes() == before


def test_numbers_beyond_it_are_stored_and_named(path, executed):
    edit(path, '"loss 0.91\\n"', '"loss 0.95\\n"')
    outcome = update(path)
    assert outcome.written
    assert "1 outputs changed\n  cell 0, output 1 (stdout): line 1: stored 0.95" in str(outcome)
    assert path.read_text(encoding="utf-8") == text_of(executed)


def test_one_change_stores_the_whole_run(path, executed):
    edit(path, '"loss 0.91\\n"', '"loss 0.92\\n"')
    edit(path, '"0.5"\n      ]', '"0.6"\n      ]')
    assert len(update(path).changes) == 1
    assert path.read_text(encoding="utf-8") == text_of(executed)


def test_everything_stores_fresh_outputs(path, executed):
    edit(path, '"loss 0.91\\n"', '"loss 0.92\\n"')
    assert update(path, everything=True).written
    assert path.read_text(encoding="utf-8") == text_of(executed)


def test_a_cell_that_fails_leaves_the_stored_notebook(path):
    edit(path, '"0.5"\n   ]', '"0.5 + missing"\n   ]')
    before = path.read_bytes()
    outcome = update(path)
    assert "name 'missing' is not defined" in outcome.error
    assert "FAILED, kept as it was" in str(outcome)
    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]


def test_a_new_cell_is_run_and_stored(path, executed):
    stripped = notebook(*executed.cells[:2], code("0.5", "half"))
    path.write_text(text_of(stripped), encoding="utf-8")
    assert update(path).changes == ["cell 1: had not been run"]
    assert path.read_text(encoding="utf-8") == text_of(executed)


def test_ignored_outputs_do_not_count_as_changes(path, tmp_path):
    made = notebook(code("import time\nprint(time.time())", "clock", "nbval-ignore-output"))
    write(execute(made, tmp_path), path)
    assert not update(path).written


def test_the_mode_of_the_file_stays(path):
    path.chmod(0o640)
    update(path, everything=True)
    edit(path, "0.5", "0.25")
    update(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


def test_a_write_that_fails_loses_nothing(path, executed, monkeypatch):
    before = path.read_bytes()

    def full(*_):
        raise OSError("no space left")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(OSError, match="no space left"):
        write(executed, path)
    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]


def test_the_command_names_each_chapter_and_fails_if_one_does(path, capfd):
    other = path.with_name("02-another.ipynb")
    write(notebook(code("missing", "missing")), other)
    assert main([str(path), str(other), "--workers", "2"]) == 1
    said = capfd.readouterr().out
    assert "01-a-chapter.ipynb" in said
    assert "02-another.ipynb" in said
    assert main([str(path)]) == 0


def test_an_unknown_chapter_is_refused():
    with pytest.raises(ValueError, match="no chapter is called 'no-such'"):
        chapters.find(["no-such"])


def test_kernels_import_this_checkout_and_keep_what_the_caller_set(tmp_path):
    source = "import os, bn_companion\nprint(os.environ[%r], bn_companion.__file__)"
    made = notebook(code(source % "TF_ENABLE_ONEDNN_OPTS", "where"))
    write(made, tmp_path / "where.ipynb")
    script = (
        "from pathlib import Path; from tests.book import chapters, execute;"
        "print(execute.execute(chapters.read(Path('where.ipynb')), Path()).cells[0].outputs)"
    )
    for given in ({}, {"TF_ENABLE_ONEDNN_OPTS": "1"}):
        environment = {k: v for k, v in os.environ.items() if k not in DEFAULTS}
        said = subprocess.run(
            [sys.executable, "-c", script],
            cwd=tmp_path,
            env={**environment, "PYTHONPATH": str(chapters.ROOT), **given},
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        expected = given.get("TF_ENABLE_ONEDNN_OPTS", DEFAULTS["TF_ENABLE_ONEDNN_OPTS"])
        assert f"{expected} {chapters.ROOT}" in said
