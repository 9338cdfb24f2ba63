"""--fix: what is repaired, how little else changes, and that the result is sound."""

import ast
import json

import keras
import numpy as np
import pytest

from bn_companion import lint
from bn_companion.diagnose.lint.linter import check, chosen_codes
from bn_companion.diagnose.lint.magics import hide_magics, show_magics
from bn_companion.diagnose.lint.notebook import read_cells, replace_cells
from bn_companion.diagnose.lint.rewrite import repaired
from bn_companion.diagnose.lint.source import Source
from tests.diagnose.samples import CORRECT, FAULTY, REPAIRS

ALL = chosen_codes(None)
LAYERS = "from keras.layers import *\n"


def fix(text, **options):
    return repaired(
        Source.of_text(text), chosen_codes(options.get("select"), options.get("ignore", ()))
    ).text


def repairable(text):
    return [c.finding for c in check(Source.of_text(text), ALL) if c.problem and c.problem.edits]


# --- what becomes of what ----------------------------------------------------------------------


@pytest.mark.parametrize(("before", "after"), [r[1:] for r in REPAIRS], ids=[r[0] for r in REPAIRS])
def test_a_source_is_repaired_into_exactly_this(before, after):
    assert fix(before) == after


@pytest.mark.parametrize(("before", "after"), [r[1:] for r in REPAIRS], ids=[r[0] for r in REPAIRS])
def test_a_repaired_source_stays_as_it_is(before, after):
    ast.parse(after)
    assert repairable(after) == []
    assert fix(after) == after


def repair(title):
    return next((before, after) for name, before, after in REPAIRS if name == title)


def test_the_repaired_code_of_the_question_trains_and_its_rate_decays_as_it_did():
    before, after = repair("the code of the question")
    (left,) = lint(after)
    assert left.code == "BN001"  # where it belongs is not for the repair to say
    rng = np.random.default_rng(0)
    x = rng.normal(size=(80, 14)).astype("float32")
    y = keras.utils.to_categorical(rng.integers(0, 2, 80), 2)
    names = {"X_train": x, "y_train": y}
    with pytest.raises(ModuleNotFoundError):
        exec(compile(before, "question", "exec"), dict(names))
    quick = after.replace("verbose = 2", "verbose = 0").replace("=20", "=2").replace("1e-6", "0.5")
    exec(compile(quick, "question", "exec"), names)
    model = names["model"]
    kinds = [type(layer).__name__ for layer in model.layers]
    assert kinds == [*["Dense", "Activation", "Dropout"] * 2, "Dense", "Activation"]
    assert "accuracy" in model.history.history
    steps = int(model.optimizer.iterations.numpy())
    assert steps == 8
    assert float(model.optimizer.learning_rate.numpy()) == pytest.approx(0.1 / (1 + 0.5 * steps))


@pytest.mark.parametrize("title", [r[0] for r in REPAIRS if r[0].startswith("the input of a")])
def test_a_model_is_built_as_soon_as_its_input_is_named(title):
    before, after = repair(title)
    if before == after or "m = " not in after:
        return
    names = {}
    exec(compile(after, title, "exec"), names)
    assert names["m"].built


# --- layout ------------------------------------------------------------------------------------


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_line_ends_tabs_blanks_and_a_byte_order_mark_stay(newline, mark):
    lines = [
        "# -*- coding: utf-8 -*-",
        "from keras.layers import *",
        "",
        "",
        "def f( x ):",
        "\ty = Dropout( p = .5 )(x)   # é",
        "\treturn y ;",
        "",
        "   ",
    ]
    text = mark + newline.join(lines)
    assert fix(text) == text.replace("p =", "rate =")


def test_a_source_without_a_last_newline_gets_none():
    assert (
        fix("from keras.layers import *\nx = Dropout(p=1)")
        == "from keras.layers import *\nx = Dropout(rate=1)"
    )


# --- for every snippet -------------------------------------------------------------------------


@pytest.mark.parametrize("snippet", FAULTY, ids=lambda snippet: snippet.title)
def test_a_repaired_snippet_parses_is_clean_of_what_was_repairable_and_stays(snippet):
    fixed = fix(snippet.text)
    ast.parse(fixed)
    assert repairable(fixed) == []
    assert fix(fixed) == fixed
    assert (fixed == snippet.text) == (not repairable(snippet.text))
    left = {finding.code for finding in lint(fixed)}
    assert left <= {finding.code for finding in lint(snippet.text)}


@pytest.mark.parametrize("snippet", CORRECT, ids=lambda snippet: snippet.title)
def test_a_correct_snippet_is_not_touched(snippet):
    assert fix(snippet.text) == snippet.text


def test_only_what_is_selected_is_repaired():
    text = LAYERS + "y = BatchNormalization(mode=0)(Dense(3)(x))\n"
    assert fix(text, select="BN002") == text.replace("Dense(3)", "Dense(3, use_bias=False)")
    assert fix(text, ignore="BN002") == text.replace("mode=0", "")


# --- notebooks ---------------------------------------------------------------------------------

NOTEBOOK = r"""{
   "metadata": {"z": 1, "a": [1,2 , 3], "kernelspec": {"language": "python", "name": "python3"}},
   "cells": [
      {"cell_type": "markdown", "source": ["nb_epoch=1 \u00e9"], "metadata": {}},
      {
         "source": ["%matplotlib inline\n",
                    "from keras.layers import *\n", "s = 'é' # \"q\" \\ tab\t"],
         "cell_type": "code", "outputs": [{"text": ["init='uniform'\n"]}], "execution_count": 7
      },
      {"cell_type": "code", "source": "y = Dense(3, init='one')(x)\nif x:\n    !ls \\\n  -l\n\nz"},
      {"cell_type": "code", "source": []},
      {"cell_type": "code", "source": ["y = Dropout(p=0.5)(x);\n",
            "# last"]},
      {"cell_type": "code", "source": ["y = x +"]}
   ],
   "nbformat": 4, "nbformat_minor": 2
}

"""


def test_a_notebook_keeps_all_but_the_repaired_words():
    source = Source.of_bytes(NOTEBOOK.encode(), "a.ipynb", notebook=True)
    fixed = repaired(source, ALL).text
    expected = NOTEBOOK.replace(" init='one'", " kernel_initializer='one'").replace(
        "p=0.5", "rate=0.5"
    )
    assert fixed == expected


@pytest.mark.parametrize("indent", [None, 1, 2, "\t"])
@pytest.mark.parametrize("ascii_only", [True, False])
@pytest.mark.parametrize("joined", [True, False])
def test_a_notebook_keeps_its_manner_of_writing(indent, ascii_only, joined):
    lines = [
        "from keras.models import Sequential\n",
        "from keras.layers import Dense\n",
        "m = Sequential()\n",
        "m.add(Dense(3, input_dim=4)) # é\n",
        "m.add(Dense(3))",
    ]
    cells = [{"cell_type": "code", "source": "".join(lines) if joined else lines, "id": "ü"}]
    before = json.dumps({"cells": cells}, indent=indent, ensure_ascii=ascii_only)
    wanted = [
        lines[0],
        "from keras import Input\n",
        *lines[1:3],
        "m.add(Input((4,)))\n",
        "m.add(Dense(3)) # é\n",
        lines[4],
    ]
    cells[0]["source"] = "".join(wanted) if joined else wanted
    after = json.dumps({"cells": cells}, indent=indent, ensure_ascii=ascii_only)
    source = Source.of_bytes(before.encode(), "a.ipynb", notebook=True)
    assert repaired(source, ALL).text == after


def test_an_import_that_a_later_cell_needs_is_added_in_the_cell_of_imports():
    cells = [
        {"cell_type": "code", "source": ["from keras.optimizers import SGD"]},
        {"cell_type": "code", "source": ["o = SGD(lr=a, decay=b)"]},
    ]
    source = Source.of_bytes(json.dumps({"cells": cells}).encode(), "a.ipynb", notebook=True)
    first, second = json.loads(repaired(source, ALL).text)["cells"]
    assert "".join(first["source"]).splitlines() == [
        "from keras.optimizers import SGD",
        "from keras.optimizers.schedules import InverseTimeDecay",
    ]
    assert second["source"] == [
        "o = SGD(learning_rate=InverseTimeDecay(a, decay_steps=1, decay_rate=b))"
    ]


@pytest.mark.parametrize(
    "cell", ["%a\nfor y in x:\n  !b \\\n c\n?d", "%%time\nx = magic_0_\n!l", "x = %b \\d\\1\ny"]
)
def test_magics_come_back_as_they_were(cell):
    hidden, magics = hide_magics(cell)
    ast.parse(hidden)
    assert hidden.count("\n") == cell.count("\n")
    assert show_magics(hidden, magics) == cell


def test_replacing_cells_by_themselves_changes_nothing():
    cells = read_cells(NOTEBOOK)
    assert [cell.number for cell in cells] == [2, 3, 4, 5, 6]
    assert replace_cells(NOTEBOOK, [(cell, cell.text) for cell in cells if cell.text]) == NOTEBOOK
