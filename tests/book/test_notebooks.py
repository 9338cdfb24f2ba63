"""The stored chapters are complete, and the checks that say so can fail."""

from copy import deepcopy

import nbformat
import pytest
from nbformat.v4 import new_output

from tests.book import chapters
from tests.book.execute import execute
from tests.book.normalise import normalise, text_of
from tests.book.samples import DRAWING, FIGURE, code, notebook, prose, write
from tests.book.stored import IGNORE, is_normal, problems

CHAPTERS = chapters.find()
MAX_IGNORED_IN_THE_BOOK = 5


def test_there_are_chapters():
    assert CHAPTERS


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda p: p.stem)
def test_a_chapter_is_complete(path):
    assert problems(chapters.read(path)) == []


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda p: p.stem)
def test_a_chapter_is_stored_as_make_notebooks_writes_it(path):
    assert is_normal(path, chapters.read(path)), "run `make notebooks`"


def test_few_outputs_of_the_book_are_ignored():
    cells = [cell for path in CHAPTERS for cell in chapters.read(path).cells]
    ignored = sum(IGNORE in cell.metadata.get("tags", []) for cell in cells)
    assert ignored <= MAX_IGNORED_IN_THE_BOOK


def test_no_cell_id_is_used_in_two_chapters():
    ids = [cell.id for path in CHAPTERS for cell in chapters.read(path).cells]
    assert len(ids) == len(set(ids))


@pytest.fixture(scope="module")
def complete(tmp_path_factory):
    """A small chapter that passes every check."""
    cells = [
        prose("# A chapter", "title"),
        code("print('loss 0.91')", "loss", nbval={"abs": 0.02}),
        code("raise ValueError('no')", "refused", "raises-exception"),
        code(FIGURE, "curve", mystnb={"image": {"alt": "Three rising curves"}}),
        code("0.91", "result"),
        code(DRAWING, "drawing", mystnb={"image": {"alt": "Two straight lines"}}),
    ]
    return execute(notebook(*cells), tmp_path_factory.mktemp("run"))


def test_a_complete_notebook_passes(complete, tmp_path):
    assert problems(complete) == []
    path = tmp_path / "complete.ipynb"
    path.write_text(text_of(complete), encoding="utf-8")
    assert is_normal(path, deepcopy(complete))
    assert path.read_text(encoding="utf-8").endswith("}\n")


def stream(text, name="stdout"):
    return new_output("stream", name=name, text=text)


def test_what_the_letters_of_a_figure_spell_is_no_time_and_no_path(complete):
    changed = deepcopy(complete)
    changed.cells[3].outputs[0].data["image/png"] = "+12s/tmp/" * 4
    assert problems(changed) == []


def test_a_number_above_the_name_of_a_row_is_no_time(complete):
    changed = deepcopy(complete)
    changed.cells[1].outputs.append(stream("std  0.0021\nmin  0.9468\n"))
    assert problems(changed) == []


def explorer(size):
    return f'<div class="bn-explorer">{"A" * size}</div>'


def test_an_explorer_may_be_longer_than_other_html(complete):
    changed = deepcopy(complete)
    changed.cells[4].outputs[0].data["text/html"] = explorer(110_000)
    assert problems(changed) == []


FAULTS = {
    "has count None": lambda n: n.cells[1].update(execution_count=None),
    "has count 7": lambda n: n.cells[1].update(execution_count=7),
    "holds the output of count 9": lambda n: n.cells[4].outputs[0].update(execution_count=9),
    "is empty": lambda n: n.cells[1].update(source=" "),
    "holds stderr": lambda n: n.cells[1].outputs.append(stream("warning", "stderr")),
    "holds an error that is not declared": lambda n: n.cells[2].metadata.clear(),
    "declares an error that did not happen": lambda n: n.cells[2].outputs.clear(),
    "absolute path": lambda n: n.cells[1].outputs.append(stream("/home/ada/data.npz")),
    "(loss) holds an absolute path": lambda n: n.cells[1].update(source="open('/tmp/x')"),
    "(result) holds an absolute path": lambda n: n.cells[4].update(source=r"open('C:\data')"),
    "a time: '12:30:05'": lambda n: n.cells[1].outputs.append(stream("done at 12:30:05")),
    "a time: '2026-11-23'": lambda n: n.cells[1].outputs.append(stream("on 2026-11-23")),
    "a time: '3ms'": lambda n: n.cells[1].outputs.append(stream("took 3ms/step")),
    "a time: '0.4 s'": lambda n: n.cells[1].outputs.append(stream("0.4 s")),
    "a time: 'Wall time'": lambda n: n.cells[1].outputs.append(stream("Wall time: fast")),
    "21 lines": lambda n: n.cells[1].update(source="x\n" * 21),
    "9000 characters": lambda n: n.cells[1].outputs.append(stream("x" * 9000)),
    "which is not compared": lambda n: (
        n.cells[4].outputs[0].data.update({"application/vnd.jupyter.widget-view+json": {}})
    ),
    "the notebook's metadata": lambda n: n.metadata.language_info.update(version="3.11.7"),
    "metadata ['collapsed']": lambda n: n.cells[1].metadata.update(collapsed=True),
    "two cells are called loss": lambda n: n.cells[4].update(id="loss"),
    "a cell has no id": lambda n: n.cells[4].pop("id"),
    "not a notebook": lambda n: n.cells[4].update(colour="red"),
    "loss: `abs` must be": lambda n: n.cells[1].metadata.nbval.update(abs=-1),
    "is skipped": lambda n: n.cells[1].metadata.update(tags=["nbval-skip"]),
    "by a comment": lambda n: n.cells[1].update(source="# NBVAL_IGNORE_OUTPUT\n1"),
    "no text beside it": lambda n: n.cells[1].metadata.update(tags=[IGNORE]),
    "(curve) shows a figure without an alt text": lambda n: n.cells[3].metadata.clear(),
    "(drawing) shows a figure without an alt text": lambda n: n.cells[5].metadata.clear(),
    "of image/svg+xml, at most": lambda n: (
        n.cells[5].outputs[0].data.update({"image/svg+xml": "<svg>" + "x" * 120_000 + "</svg>"})
    ),
    "120031 characters of text/html, at most 120000": lambda n: (
        n.cells[4].outputs[0].data.update({"text/html": explorer(120_000)})
    ),
    "9007 characters of text/html, at most 8000": lambda n: (
        n.cells[4].outputs[0].data.update({"text/html": "<p>" + "x" * 9000 + "</p>"})
    ),
    "2 figures": lambda n: n.cells[3].outputs.append(deepcopy(n.cells[3].outputs[0])),
}


@pytest.mark.parametrize("message", FAULTS)
def test_each_fault_is_named(complete, message):
    faulty = deepcopy(complete)
    FAULTS[message](faulty)
    assert any(message in problem for problem in problems(faulty)), problems(faulty)


def test_an_explained_ignored_cell_is_allowed_once(complete):
    allowed = deepcopy(complete)
    allowed.cells[0].source = "The seconds below are not compared: they are this machine's."
    allowed.cells[1].metadata.tags = [IGNORE]
    allowed.cells[1].outputs = [stream("took 3 s")]
    assert problems(allowed) == []
    allowed.cells[4].metadata.tags = [IGNORE]
    assert "2 cells are ignored, at most 1" in problems(allowed)


def test_normalising_keeps_what_was_run_and_drops_the_rest(complete):
    messy = deepcopy(complete)
    messy.metadata.widgets = {}
    messy.cells[1].metadata.execution = {"iopub.status.busy": "2026-11-23T03:34:05Z"}
    messy.cells[1].outputs = [stream("loss"), stream(" 0.91\n")]
    messy.cells[2].outputs[0].traceback = ["File /home/ada/x.py", "ValueError: no"]
    for count, cell in enumerate(messy.cells[1:], start=11):
        cell.execution_count = count
    assert text_of(normalise(messy)) == text_of(complete)


def test_normalising_does_not_hide_that_a_cell_was_never_run(complete):
    messy = deepcopy(complete)
    messy.cells[1].execution_count = None
    assert any("has count None" in problem for problem in problems(normalise(messy)))


def test_a_chapter_in_disorder_is_not_normal(complete, tmp_path):
    path = write(complete, tmp_path / "indented.ipynb")
    path.write_text(nbformat.writes(complete, indent=2), encoding="utf-8")
    assert not is_normal(path, chapters.read(path))
