"""Tolerances follow from the measured spread, and the measurement is right."""

from copy import deepcopy

import nbformat
import pytest

from tests.book import chapters, mutants, steady
from tests.book import execute as execute_module
from tests.book import spread as spread_module
from tests.book.execute import execute
from tests.book.nbval_tolerance.declarations import Rules, read_rules
from tests.book.samples import DRAWING, FIGURE, code, notebook
from tests.book.spread import Spread, grain, judge, measure, read_table, suggest
from tests.book.variants import AS_IT_IS, ONE_CORE, VARIANTS, environment


@pytest.mark.parametrize("path", chapters.find(), ids=lambda p: p.stem)
def test_what_a_chapter_declares_follows_from_what_was_measured(path):
    measured = read_table()
    problems = {
        cell.id: judge(
            measured.get((path.stem, cell.id), Spread(path.stem, cell.id)),
            read_rules(cell.metadata),
            grain=grain(cell),
        )
        for cell in chapters.read(path).cells
        if cell.cell_type == "code"
    }
    wrong = {name: problem for name, problem in problems.items() if problem}
    assert wrong == {}, "run `make spread` and declare what it suggests"


def test_every_measurement_belongs_to_a_cell():
    cells = {(p.stem, cell.id) for p in chapters.find() for cell in chapters.read(p).cells}
    assert set(read_table()) <= cells, "run `make spread`"


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Return one cell each of text and figure, and another run of both."""
    folder = tmp_path_factory.mktemp("run")
    cells = [code("print('loss 0.50, 100.0 in', 20, 'steps')", "text"), code(FIGURE, "figure")]
    first = execute(notebook(*cells), folder)
    other = deepcopy(first)
    other.cells[0].outputs[0].text = "loss 0.52, 101.0 in 22 steps\n"
    moved = notebook(code(FIGURE.replace("0.7", "0.71"), "figure"))
    other.cells[1] = execute(moved, folder).cells[0]
    return first.cells, other.cells


def test_the_largest_deviation_of_each_kind_is_kept(runs):
    first, other = runs
    spread = Spread("chapter", "text")
    measure(spread, first[0], first[0], AS_IT_IS)
    assert not spread.any
    measure(spread, first[0], other[0], ONE_CORE)
    measure(spread, first[0], first[0], AS_IT_IS)
    assert (spread.abs, spread.integers, spread.worst) == (1.0, 2.0, ONE_CORE)
    assert spread.rel == pytest.approx(0.04)
    assert spread.other == ""


def test_the_slack_of_a_figure_is_measured(runs):
    first, other = runs
    spread = Spread("chapter", "figure")
    measure(spread, first[1], other[1], ONE_CORE)
    assert spread.figure in {2, 3, 4}
    assert suggest(spread) == f'"nbval": {{"figure": {2 * spread.figure}}}'


def test_a_drawing_has_no_spread(tmp_path):
    cell = execute(notebook(code(DRAWING, "drawing")), tmp_path).cells[0]
    moved = deepcopy(cell)
    data = moved.outputs[0].data
    data["image/svg+xml"] = data["image/svg+xml"].replace("L 8 4", "L 8.001 4")
    spread = Spread("chapter", "drawing")
    measure(spread, cell, moved, ONE_CORE)
    assert "to the letter" in judge(spread, Rules(abs=1))
    assert grain(moved) == 0


def test_a_changed_word_is_no_spread(runs):
    first, other = runs
    flipped = deepcopy(other[0])
    flipped.outputs[0].text = "gain 0.50, 100.0 in 20 steps\n"
    spread = Spread("chapter", "text")
    measure(spread, first[0], flipped, ONE_CORE)
    assert spread.other == "loss or gain"
    assert "more than a number" in judge(spread, Rules(abs=1e6, integers=True))


def test_other_rows_and_other_outputs_are_no_spread(runs):
    first, _ = runs
    longer = deepcopy(first[0])
    longer.outputs[0].text += "and more\n"
    spread = Spread("chapter", "text")
    measure(spread, first[0], longer, ONE_CORE)
    assert "other rows" in spread.other
    measure(spread, first[0], first[1], ONE_CORE)
    assert spread.other == "other outputs"


@pytest.mark.parametrize(
    ("spread", "suggestion"),
    [
        ({"abs": 0.0043}, '"nbval": {"abs": 0.009}'),
        ({"abs": 0.005}, '"nbval": {"abs": 0.01}'),
        ({"integers": 2.0, "abs": 0.3}, '"nbval": {"abs": 4, "integers": true}'),
        ({"figure": 9}, '"nbval": {"figure": 12}'),
        ({}, "nothing"),
    ],
)
def test_suggestions(spread, suggestion):
    assert suggest(Spread("chapter", "cell", **spread)) == suggestion


@pytest.mark.parametrize(
    ("spread", "rules", "problem"),
    [
        ({}, Rules(), ""),
        ({"abs": 0.01, "rel": 0.1}, Rules(abs=0.02), ""),
        ({"abs": 0.01, "rel": 0.1}, Rules(rel=0.2), ""),
        ({"abs": 0.01, "rel": 0.1}, Rules(abs=0.01, rel=0.1), ""),
        ({"figure": 2}, Rules(figure=4), ""),
        ({"integers": 2.0}, Rules(abs=3, integers=True), ""),
        ({}, Rules(abs=0.1), "more than 5 times the spread of 0"),
        ({"abs": 0.01, "rel": 0.1}, Rules(abs=0.06), "more than 5 times the spread of 0.01"),
        ({"abs": 0.01, "rel": 0.1}, Rules(rel=0.6), "more than 5 times the spread of 0.1"),
        ({"abs": 0.01, "rel": 0.1}, Rules(abs=0.009), "more than is declared"),
        ({"abs": 0.01, "rel": 0.1}, Rules(rel=0.09), "more than is declared"),
        ({"abs": 0.01}, Rules(), "nothing is declared"),
        ({"integers": 2.0}, Rules(abs=3), "whole numbers differ by 2"),
        ({"integers": 2.0, "rel": 0.0}, Rules(rel=0.5, integers=True), "more than is declared"),
        ({"figure": 3}, Rules(figure=2), "moves by 3 px, declared 2"),
        ({"figure": 2}, Rules(figure=11), "more than 5 times the spread of 2"),
    ],
)
def test_a_declaration_is_judged_by_the_spread(spread, rules, problem):
    found = judge(Spread("chapter", "cell", **spread), rules)
    assert problem in found
    assert bool(problem) == bool(found)


@pytest.mark.parametrize(
    ("text", "unit"),
    [("0.976 of 10", 0.001), ("12 runs", 0.0), ("0.5 and 3.25e-3", 0.00001), ("nan", 0.0)],
)
def test_the_grain_is_the_last_place_that_is_printed(text, unit):
    output = nbformat.v4.new_output("stream", text=text)
    cell = nbformat.v4.new_code_cell("", outputs=[output])
    assert grain(cell) == pytest.approx(unit)
    spread = Spread("chapter", "cell")
    assert judge(spread, Rules(abs=5 * unit), grain=grain(cell)) == ""
    assert judge(spread, Rules(abs=5 * unit + 0.001), grain=grain(cell)) != ""


def test_the_table_is_read_as_it_was_written(monkeypatch, tmp_path):
    monkeypatch.setattr(spread_module, "TABLE", tmp_path / "spread.csv")
    rows = [
        Spread("02", "b", integers=2.0, figure=3, worst="oneDNN", other="loss, or gain"),
        Spread("01", "a", abs=0.0043, rel=0.1, worst=ONE_CORE),
    ]
    spread_module.write_table(rows)
    assert list(read_table().values()) == rows[::-1]


def test_variants_do_not_shine_through_each_other():
    base = {"XLA_FLAGS": "--other", "HOME": "/home/ada", "TF_ENABLE_ONEDNN_OPTS": "1"}
    plain = environment(AS_IT_IS, base)
    assert "XLA_FLAGS" not in plain
    assert plain["TF_ENABLE_ONEDNN_OPTS"] == "0"
    assert plain["HOME"] == "/home/ada"
    assert environment("XLA with AVX2", base)["XLA_FLAGS"] == "--xla_cpu_max_isa=AVX2"
    assert environment("oneDNN", base)["TF_ENABLE_ONEDNN_OPTS"] == "1"


def test_steady_runs_every_variant_and_fails_if_one_does(monkeypatch, tmp_path, capsys):
    ran = []

    def run(variant, module, arguments, *, log):
        ran.append((variant, arguments[arguments.index("-n") + 1]))
        broken = variant == "oneDNN"
        log.write_text("== 1 failed in 3.1s ==" if broken else "== 9 passed in 2s (0:00:02) ==")
        return int(broken)

    monkeypatch.setattr(steady, "run", run)
    monkeypatch.setattr(steady, "LOGS", chapters.ROOT / "verification-failures" / tmp_path.name)
    chapter = tmp_path / "a.ipynb"
    chapter.touch()
    assert steady.main([str(chapter), "--runs", "3", "--workers", "2"]) == 1
    assert [v for v, _ in ran] == [v for v in VARIANTS if v != AS_IT_IS] + [AS_IT_IS] * 3
    assert {n for v, n in ran if v == ONE_CORE} == {"1"}
    said = capsys.readouterr().out
    assert "7 of 8 runs passed" in said
    assert "9 passed\n" in said
    for log in steady.LOGS.iterdir():
        log.unlink()
    steady.LOGS.rmdir()


@pytest.mark.parametrize("command", [execute_module, mutants, spread_module, steady])
def test_the_commands_say_what_they_do(command, capsys):
    with pytest.raises(SystemExit, match="0"):
        command.main(["--help"])
    assert f"python -m {command.__name__}" in capsys.readouterr().out
