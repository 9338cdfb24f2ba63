"""Planted faults are caught: all kinds on a sample, all but the code's on every chapter."""

from collections import Counter
from copy import deepcopy

import pytest

from tests.book import chapters, mutants
from tests.book.execute import execute
from tests.book.faults import KINDS, plant
from tests.book.mutants import CODE, Result, plant_in_code, plant_in_outputs, planted_code, score
from tests.book.normalise import write
from tests.book.samples import DRAWING, FIGURE, code, notebook, prose

ALT = {"image": {"alt": "Three rising curves"}}
GLUE = """\
from myst_nb import glue
glue("accuracy", 0.91, display=False)"""


@pytest.fixture(scope="module")
def sample(tmp_path_factory):
    """A chapter in which every kind of fault can be planted."""
    cells = [
        prose("# A chapter", "title"),
        code("accuracy = {'before': 0.91, 'after': 0.87}", "data"),
        code("print('best:', max(accuracy, key=accuracy.get))\n1/3", "best"),
        code("import pandas as pd\npd.DataFrame([accuracy])", "table", nbval={"rel": 0.05}),
        code(GLUE, "glued", nbval={"abs": 0.02}),
        code(FIGURE, "figure", mystnb=ALT),
        code(FIGURE.replace("0.7", "0.6"), "other-figure", mystnb=ALT, nbval={"figure": 3}),
        code(DRAWING, "drawing", mystnb=ALT),
        code("print('took 3 s')", "ignored", "nbval-ignore-output"),
        prose("These seconds are not compared: they are one machine's.", "why"),
    ]
    return execute(notebook(*cells), tmp_path_factory.mktemp("run"))


def test_every_kind_of_fault_is_planted_and_caught(sample):
    results = plant_in_outputs("sample", sample, sample)
    assert [r for r in results if not r.caught] == []
    assert set(KINDS) == {r.kind for r in results}


def test_numbers_are_moved_by_the_least_that_is_not_allowed(sample):
    faults = list(plant(sample, sample))
    where = [fault.where for fault in faults if fault.kind == "number moved"]
    assert any("glued" in w and "0.91 -> 0.94" in w for w in where)  # 0.93 is within 0.02
    # 0.95 is within a twentieth of itself, for the tolerance is relative to the stored number.
    assert any("table" in w and "0.91 -> 0.96" in w for w in where)
    assert any("best" in w and "0.3333333333333333 -> 0.3333333333333334" in w for w in where)
    assert not any("ignored" in w for w in where)


def test_a_fresh_number_that_moved_within_the_tolerance_gives_no_way_out(sample):
    fresh = deepcopy(sample)
    data = fresh.cells[4].outputs[0].data
    data["application/papermill.record/text/plain"] = "0.925"
    results = plant_in_outputs("sample", sample, fresh)
    assert [r for r in results if not r.caught] == []


def test_planting_leaves_the_notebook_alone(sample):
    before = deepcopy(sample)
    plant_in_outputs("sample", sample, sample)
    assert sample == before


def test_a_comparison_that_sees_nothing_lets_faults_through(sample, monkeypatch):
    monkeypatch.setattr(mutants, "compare_cell", lambda *_: [])
    survived = Counter(r.kind for r in plant_in_outputs("s", sample, sample) if not r.caught)
    assert survived["number moved"]
    assert survived["figure: series missing"]
    assert not survived["count removed"]
    result = Result("s", "number moved", "cell", "")
    assert "number moved                       1       0" in score([result])


def test_a_notebook_that_does_not_pass_is_no_ground_for_planting(sample):
    fresh = deepcopy(sample)
    fresh.cells[2].outputs.pop()
    with pytest.raises(ValueError, match="does not pass before anything is planted"):
        plant_in_outputs("sample", sample, fresh)


@pytest.fixture
def stored_sample(sample, tmp_path):
    path = tmp_path / "sample.ipynb"
    write(sample, path)
    return path


@pytest.mark.parametrize(
    ("find", "replace", "caught"),
    [
        ("0.87", "0.92", "fresh  'best: after'"),
        ("accuracy =", "precision =", "name 'accuracy' is not defined"),
        ("'after'", "'after' ", ""),
    ],
    ids=["flips the conclusion", "breaks a later cell", "changes nothing"],
)
def test_a_fault_in_code_is_run(stored_sample, find, replace, caught):
    fault = {"chapter": "sample", "find": find, "replace": replace}
    result = plant_in_code(fault, stored_sample)
    assert caught in result.caught
    assert bool(caught) == bool(result.caught)


def test_a_fault_in_code_is_not_caught_by_what_was_wrong_before(stored_sample):
    stored = chapters.read(stored_sample)
    stored.cells[2].outputs.clear()
    write(stored, stored_sample)
    fault = {"chapter": "sample", "find": ", 0.91", "replace": ", 0.5"}
    with pytest.raises(ValueError, match="does not pass before its code changes"):
        plant_in_code(fault, stored_sample)


def test_the_command_plants_no_code_in_a_chapter_that_does_not_pass(stored_sample, capfd):
    stored = chapters.read(stored_sample)
    stored.cells[2].outputs.clear()
    write(stored, stored_sample)
    assert mutants.main([str(stored_sample), "--workers", "1"]) == 1
    assert "NOT PLANTED  sample does not pass" in capfd.readouterr().out


def test_a_fault_in_code_must_fit_once(stored_sample):
    fault = {"chapter": "sample", "find": "0.", "replace": "1."}
    with pytest.raises(ValueError, match="must stand exactly once"):
        plant_in_code(fault, stored_sample)


@pytest.mark.parametrize("path", chapters.find(), ids=lambda p: p.stem)
def test_every_fault_planted_in_a_chapter_is_caught(path):
    # Against the stored outputs themselves: that a run agrees with them is for nbval to show.
    stored = chapters.read(path)
    results = plant_in_outputs(path.stem, stored, stored)
    assert len(results) > 10
    assert [r for r in results if not r.caught] == []


@pytest.mark.parametrize("path", chapters.find(), ids=lambda p: p.stem)
def test_a_chapter_has_a_fault_in_code_that_fits(path):
    faults = [fault for fault in planted_code() if fault["chapter"] == path.stem]
    assert faults, "name in planted.toml at least one change of code that flips a conclusion"
    code = "\n".join(c.source for c in chapters.read(path).cells if c.cell_type == "code")
    for fault in faults:
        assert code.count(fault["find"]) == 1
        assert fault["find"] != fault["replace"]
        assert len(fault["why"].split()) >= 3


def test_every_fault_in_code_has_a_chapter():
    assert {f["chapter"] for f in planted_code()} <= {path.stem for path in chapters.find()}


def test_a_fault_in_the_code_of_a_chapter_is_caught():
    # One, because each takes a run: `make mutants` runs them all.
    fault = planted_code()[0]
    (path,) = chapters.find([fault["chapter"]])
    assert plant_in_code(fault, path).caught
    assert CODE not in KINDS
