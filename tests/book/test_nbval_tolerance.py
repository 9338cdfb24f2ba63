"""The plugin as a whole: real kernels, real pytest runs, one planted fault a cell."""

import re
from copy import deepcopy

import nbformat
import pytest
from nbformat.v4 import new_output

from tests.book.execute import execute
from tests.book.nbval_tolerance.declarations import Rules
from tests.book.nbval_tolerance.outputs import compare_cell
from tests.book.samples import DRAWING, FIGURE, code, notebook, prose, write

ERROR = "raise ValueError('no such layer: 3')"
GLUE = """\
from IPython.display import display
record = {"application/papermill.record/text/plain": "'0.91'"}
glued = {"scrapbook": {"name": "accuracy", "mime_prefix": "application/papermill.record/"}}
display(record, raw=True, metadata=glued)"""
TABLE = """\
from IPython.display import HTML
HTML("<table><tr><td>before</td><td>0.91</td></tr></table>")"""
BETWEEN = f"print('first')\n{GLUE}\nprint('last')"
AROUND = "print('first')\ndisplay({'text/plain': 'between'}, raw=True)\nprint('last')"


def text(cell, old, new):
    """Change a word in the stored outputs of a cell."""
    for output in cell.outputs:
        for store in (output, output.get("data", {}), output.get("metadata", {})):
            for key, value in store.items():
                if isinstance(value, str):
                    store[key] = value.replace(old, new)
                elif isinstance(value, dict) and "name" in value:
                    value["name"] = value["name"].replace(old, new)


def set_count(cell, count):
    cell.execution_count = count


# Each case is a cell, what is done to its stored outputs, and what the failure says; None: passes.
CASES = {
    "plain": (code("print('loss 0.91')", "plain"), None, None),
    "plain-number": (
        code("print('loss 0.91')", "plain-number"),
        lambda c: text(c, "0.91", "0.90"),
        "stored 'loss 0.90'",
    ),
    "within": (
        code("print('loss 0.91')", "within", nbval={"abs": 0.02}),
        lambda c: text(c, "0.91", "0.93"),
        None,
    ),
    "within-by-tag": (
        code("print('loss 0.91')", "within-by-tag", "nbval-abs=0.02"),
        lambda c: text(c, "0.91", "0.93"),
        None,
    ),
    "beyond": (
        code("print('loss 0.91')", "beyond", nbval={"abs": 0.02}),
        lambda c: text(c, "0.91", "0.94"),
        "line 1: stored 0.94, fresh 0.91; they differ by 0.03, allowed 0.02 (abs=0.02)",
    ),
    "word": (
        code("print('loss 0.91')", "word", nbval={"abs": 0.02}),
        lambda c: text(c, "loss", "gain"),
        "stored 'gain', fresh 'loss'",
    ),
    "result": (
        code("(0.91, 3)", "result", nbval={"rel": 0.1}),
        lambda c: text(c, "3", "4"),
        "whole numbers must be equal",
    ),
    "table-within": (
        code(TABLE, "table-within", nbval={"abs": 0.02}),
        lambda c: text(c, "0.91", "0.9"),
        None,
    ),
    "table-beyond": (
        code(TABLE, "table-beyond", nbval={"abs": 0.02}),
        lambda c: text(c, "0.91", "0.5"),
        "text/html: line 1: stored 0.5, fresh 0.91",
    ),
    "glued-within": (
        code(GLUE, "glued-within", nbval={"abs": 0.02}),
        lambda c: text(c, "0.91", "0.92"),
        None,
    ),
    "glued-beyond": (
        code(GLUE, "glued-beyond", nbval={"abs": 0.02}),
        lambda c: text(c, "0.91", "0.95"),
        "stored 0.95, fresh 0.91",
    ),
    "glued-name": (
        code(GLUE, "glued-name", nbval={"abs": 0.02}),
        lambda c: text(c, "accuracy", "precision"),
        "metadata: stored {'scrapbook': {'mime_prefix'",
    ),
    "drawing": (
        code(DRAWING, "drawing", nbval={"abs": 1}),  # which is for what is printed, not drawn
        lambda c: text(c, "L 8 4", "L 8 5"),
        "image/svg+xml: line 1",
    ),
    "figure": (code(FIGURE, "figure"), None, None),
    "figure-of-another-run": (
        code(FIGURE.replace("0.7", "0.6"), "figure-of-another-run"),
        "figure",
        "the figures differ in",
    ),
    "figure-slack": (
        code(FIGURE.replace("0.7", "0.71"), "figure-slack", nbval={"figure": 4}),
        "figure",
        None,
    ),
    "missing": (
        code("print('loss 0.91')", "missing"),
        lambda c: c.outputs.clear(),
        "produced by the run, but not stored",
    ),
    "extra": (
        code("x = 1", "extra"),
        lambda c: c.outputs.append(new_output("stream", name="stdout", text="1\n")),
        "stored, but not produced by the run",
    ),
    "between-two-prints": (code(AROUND, "between-two-prints"), None, None),
    "order": (
        code(AROUND, "order"),
        lambda c: c.outputs.insert(1, c.outputs.pop(0)),
        "the run produced output 1 (stdout) here",
    ),
    "split-of-a-stream": (
        code(AROUND, "split-of-a-stream"),
        lambda c: c.outputs.insert(1, c.outputs.pop(2)),
        "stored 'last'",
    ),
    "glued-between-two-prints": (
        code(BETWEEN, "glued-between-two-prints"),
        lambda c: c.outputs.sort(key=lambda output: output.output_type),
        None,
    ),
    "kind": (
        code("1", "kind"),
        lambda c: (
            c.outputs[0].pop("execution_count") and c.outputs[0].update(output_type="display_data")
        ),
        "output 1 (display_data), text/plain: the run produced output 1 (execute_result)",
    ),
    "never-run": (
        code("x = 1", "never-run"),
        lambda c: set_count(c, None),
        "never run",
    ),
    "semicolon": (code("1;", "semicolon"), None, None),
    "last-result": (code("2", "last-result"), None, None),
    "underscore": (code("_ + 1", "underscore"), None, None),
    "error": (code(ERROR, "error", "raises-exception"), None, None),
    "error-message": (
        code(ERROR, "error-message", "raises-exception"),
        lambda c: c.outputs[0].update(evalue="no such layer: 4"),
        "stored 'no such layer: 4'",
    ),
    "error-kind": (
        code(ERROR, "error-kind", "raises-exception"),
        lambda c: c.outputs[0].update(ename="TypeError"),
        "stored 'TypeError', fresh 'ValueError'",
    ),
    "error-gone": (
        code("x = 1", "error-gone", "raises-exception"),
        lambda c: c.outputs.append(new_output("error", ename="E", evalue="e", traceback=[])),
        "stored, but not produced by the run",
    ),
    "stderr": (
        code("import sys; print('loss', file=sys.stderr)", "stderr"),
        lambda c: c.outputs.clear(),
        "output 1 (stderr): produced by the run, but not stored",
    ),
    "clear-output": (
        code("from IPython.display import clear_output; clear_output()", "clear-output"),
        None,
        "clear_output cannot be compared",
    ),
    "updated-display": (
        code("h = display({'text/plain': '1'}, raw=True, display_id=True)\nh.update(2)", "updated"),
        None,
        "update_display_data cannot be compared",
    ),
    "ignored": (
        code("print('loss 0.91')", "ignored", "nbval-ignore-output"),
        lambda c: text(c, "0.91", "0.5"),
        None,
    ),
}


@pytest.fixture(scope="module")
def executed(tmp_path_factory):
    """All the cells of CASES, run once."""
    cells = [deepcopy(cell) for cell, _, _ in CASES.values()]
    return execute(notebook(*cells), tmp_path_factory.mktemp("run"))


@pytest.fixture
def planted(executed):
    """The same with the faults in the stored outputs."""
    made = deepcopy(executed)
    cells = dict(zip(CASES, made.cells, strict=True))
    for name, (_, fault, _) in CASES.items():
        if fault == "figure":
            cells[name].outputs = deepcopy(cells["figure"].outputs)
        elif fault:
            fault(cells[name])
    return made


def run(pytester, *arguments):
    pytester.makeini("[pytest]\nconsole_output_style = classic\n")
    plugin = "tests.book.nbval_tolerance.plugin"
    return pytester.runpytest_inprocess(
        "-p", plugin, "--nbval", "--nbval-current-env", "--color=no", "-rA", *arguments
    )


def test_each_planted_fault_is_caught_and_named(pytester, planted):
    write(planted, pytester.path / "planted.ipynb")
    stale = pytester.path / "verification-failures" / "planted" / "cell-99-stored.png"
    stale.parent.mkdir(parents=True)
    stale.touch()
    result = run(pytester)
    said = cut_by_cell(result.stdout.str())
    wrong = {
        name: said.get(number, "passed")
        for number, (name, (_, _, message)) in enumerate(CASES.items())
        if (number in said) != bool(message) or (message and message not in said[number])
    }
    assert wrong == {}
    failing = sum(message is not None for _, _, message in CASES.values())
    result.assert_outcomes(passed=len(CASES) - failing, failed=failing)
    result.stdout.fnmatch_lines([f"planted.ipynb *{len(CASES)} of {len(CASES)} cells*FAILED"])

    number = list(CASES).index("figure-of-another-run")
    result.stdout.fnmatch_lines([f"*see verification-failures/planted/cell-{number}-?.png"])
    pictures = {f"cell-{number}-{kind}.png" for kind in ("difference", "fresh", "stored")}
    assert {path.name for path in stale.parent.iterdir()} == pictures


def cut_by_cell(output):
    """Map the number of each failed cell to what was said about it."""
    sections = re.split(r"^Notebook cell execution failed\nCell (\d+): ", output, flags=re.M)[1:]
    return {int(n): said for n, said in zip(sections[::2], sections[1::2], strict=True)}


@pytest.mark.parametrize("workers", [[], ["-n", "2", "--dist", "loadfile"]], ids=["one", "two"])
def test_a_line_a_notebook(pytester, tmp_path, workers):
    good = execute(notebook(prose("# A", "t"), code("1", "a"), code("2", "b")), tmp_path)
    bad = deepcopy(good)
    bad.cells[1].outputs[0].data["text/plain"] = "3"
    write(good, pytester.path / "good.ipynb")
    write(bad, pytester.path / "bad.ipynb")
    result = run(pytester, *workers)
    result.stdout.fnmatch_lines_random(
        ["good.ipynb * 2 of 2 cells * s  ok", "bad.ipynb * 2 of 2 cells * s  1 FAILED"]
    )
    assert result.ret == pytest.ExitCode.TESTS_FAILED


def test_a_stopped_run_says_what_was_not_finished(pytester, tmp_path):
    made = execute(notebook(code("1", "a"), code("2", "b"), code("3", "c")), tmp_path)
    made.cells[0].outputs.clear()
    write(made, pytester.path / "stopped.ipynb")
    result = run(pytester, "-x")
    result.stdout.fnmatch_lines(["stopped.ipynb * 1 of 3 cells * 1 FAILED"])


def test_a_bad_declaration_stops_the_run(pytester):
    tags = ["nbval-abs=wide", "nbval-abs=-1", "nbval-ignore-ouput"]
    for number, tag in enumerate(tags):
        write(notebook(code("1", "a", tag)), pytester.path / f"wrong-{number}.ipynb")
    result = run(pytester)
    result.assert_outcomes(errors=len(tags))
    result.stdout.fnmatch_lines([f"*wrong-{n}.ipynb, Cell 0: *" for n in range(len(tags))])


def test_a_cell_without_source_passes(pytester):
    write(notebook(code("", "empty")), pytester.path / "empty.ipynb")
    run(pytester).assert_outcomes(passed=1)


def test_comparison_does_not_change_its_arguments():
    stored = [
        new_output("stream", name="stdout", text="a\n"),
        new_output("stream", name="stdout", text="b\n"),
    ]
    before = deepcopy(stored)
    assert compare_cell(stored, [new_output("stream", name="stdout", text="a\nb\n")], Rules()) == []
    assert stored == before
    assert isinstance(stored[0], nbformat.NotebookNode)
