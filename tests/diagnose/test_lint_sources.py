"""lint on strings, files, folders and notebooks: what is read, refused and silenced."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from bn_companion import lint
from bn_companion.diagnose.lint.noqa import silenced

STRAY = "import keras\nkeras.layers.BatchNormalization()\n"


def codes(findings):
    return [finding.code for finding in findings]


def notebook(*cells, **metadata):
    """Return a notebook as a dict; a string is a code cell, a tuple a cell of another type."""
    made = []
    for cell in cells:
        kind, source = ("code", cell) if isinstance(cell, str) else cell
        made.append({"cell_type": kind, "metadata": {}, "source": source.splitlines(keepends=True)})
        if kind == "code":
            made[-1] |= {"execution_count": None, "outputs": []}
    return {"cells": made, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}


def write(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return path


# --- files and folders -------------------------------------------------------------------------


def test_a_string_is_source_and_a_path_is_a_file(tmp_path):
    path = write(tmp_path / "a.py", STRAY)
    (of_string,), (of_file,) = lint(STRAY), lint(path)
    assert of_string.where == "<string>:2:1"
    assert of_file.where == f"{path}:2:1"
    assert (of_file.where.file, of_file.where.line, of_file.where.column) == (str(path), 2, 1)
    assert of_file.where.cell is None


def test_a_folder_is_searched_at_any_depth_but_not_where_others_code_is(tmp_path):
    for name in ("b.py", "a.py", "sub/deep/c.py", "sub/d.ipynb"):
        write(tmp_path / name, notebook(STRAY) if name.endswith("ipynb") else STRAY)
    for name in (".hidden/x.py", "sub/__pycache__/x.py", "node_modules/x.py", "notes.txt"):
        write(tmp_path / name, STRAY)
    write(tmp_path / ".ipynb_checkpoints" / "d-checkpoint.ipynb", notebook(STRAY))
    write(tmp_path / "env" / "pyvenv.cfg", "home = /usr")
    write(tmp_path / "env" / "lib" / "x.py", STRAY)
    files = [
        Path(finding.where.file).relative_to(tmp_path).as_posix() for finding in lint(tmp_path)
    ]
    assert files == ["a.py", "b.py", "sub/d.ipynb", "sub/deep/c.py"]


@pytest.mark.parametrize("source", [None, 3, b"import keras", ["import keras"], object()])
def test_a_source_is_a_string_or_a_path(source):
    with pytest.raises(
        TypeError, match="`source` must be source code .* or a pathlib.Path. Received"
    ):
        lint(source)


@pytest.mark.parametrize("name", ["train.py", "a/b/train.ipynb", "./x.py"])
def test_a_string_that_names_a_file_is_refused(name):
    with pytest.raises(ValueError, match=r"give a file as a pathlib.Path. Received: '.*"):
        lint(name)


def test_a_path_that_leads_nowhere_is_refused(tmp_path):
    with pytest.raises(ValueError, match="`source` must be .*no such file or folder"):
        lint(tmp_path / "none.py")
    with pytest.raises(ValueError, match="`source` must be .*no .py or .ipynb file in this folder"):
        lint(tmp_path)
    write(tmp_path / "a.txt", STRAY)
    with pytest.raises(ValueError, match="`source` must be .*neither a .py nor an .ipynb file"):
        lint(tmp_path / "a.txt")


@pytest.mark.parametrize(
    ("text", "where", "message"),
    [
        ("x = (\n", "<string>:1:5", "syntax error: '(' was never closed"),
        (
            "x = 1\nprint 'a'\n",
            "<string>:2:1",
            "syntax error: Missing parentheses in call to 'print'",
        ),
        ("def f():\n\tx = 1\n        y = 2\n", "<string>:3:", "syntax error"),
        ("x = '\0'", "<string>:1:1", "not a text file"),
        ("x = '\ud800'", "<string>:1:1", "not text"),
        ("x = " + "-" * 100_000 + "1", "<string>:1:1", "nested too deeply to be checked"),
    ],
)
def test_what_cannot_be_parsed_is_a_finding(text, where, message):
    (finding,) = lint(text)
    assert finding.code == "BN000"
    assert finding.severity == "error"
    assert finding.where.startswith(where)
    assert finding.message.startswith(message)


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("a.py", b"\x7fELF\x02\x01\x01\0\0\0\xff\xfe", "not a text file"),
        ("a.py", b"x = '\xff\xfe'", "cannot be decoded"),
        ("a.py", b"# coding: klingon\nx = 1", "cannot be decoded"),
        ("a.ipynb", b"\x89PNG\r\n\x1a\n\0\0\0", "not a text file"),
        ("a.ipynb", b'{"cells": [', "not valid JSON: "),
        ("a.ipynb", b"", "not valid JSON: Expecting value"),
        ("a.ipynb", b"[1, 2]", "not a notebook: the JSON is not an object"),
        ("a.ipynb", b'{"a": 1}', "not a notebook: there is no list of cells"),
        ("a.ipynb", b'{"cells": 3}', "not a notebook: there is no list of cells"),
        ("a.ipynb", b'{"worksheets": [3]}', "not a notebook: there is no list of cells"),
        (
            "a.ipynb",
            b'{"cells": [{"cell_type": "code", "source": [1]}]}',
            "not a notebook: the source of cell 1 is not text",
        ),
        ("a.ipynb", b"[" * 200_000, "nested too deeply to be a notebook"),
    ],
)
def test_a_file_that_cannot_be_read_is_a_finding_and_the_others_are_checked(
    tmp_path, name, data, message
):
    (tmp_path / name).write_bytes(data)
    write(tmp_path / "other.py", STRAY)
    unreadable, stray = lint(tmp_path)
    assert (unreadable.code, stray.code) == ("BN000", "BN001")
    assert unreadable.message.startswith(message)
    assert unreadable.where.startswith(str(tmp_path / name))


def test_invalid_json_is_located(tmp_path):
    (finding,) = lint(write(tmp_path / "a.ipynb", '{\n  "cells": [,]\n}'))
    assert (finding.where.line, finding.where.column) == (2, 13)


@pytest.mark.parametrize(
    ("encoding", "newline"),
    [(e, n) for e in ("utf-8", "utf-8-sig", "latin-1") for n in ("\n", "\r\n")] + [("utf-8", "\r")],
)
def test_encodings_and_line_ends_do_not_move_a_finding(tmp_path, encoding, newline):
    first = "# coding: latin-1" if encoding == "latin-1" else "# plain"
    text = newline.join([first, "import keras", "s = 'é'; keras.layers.BatchNormalization()", ""])
    (tmp_path / "a.py").write_bytes(text.encode(encoding))
    (finding,) = lint(tmp_path / "a.py")
    assert (finding.code, finding.where.line, finding.where.column) == ("BN001", 3, 10)


def test_an_empty_file_holds_nothing(tmp_path):
    assert lint(write(tmp_path / "a.py", "")) == []
    assert lint(write(tmp_path / "a.ipynb", notebook())) == []
    assert lint("") == []


# --- notebooks ---------------------------------------------------------------------------------


def test_a_finding_in_a_notebook_names_the_cell_and_the_line_in_it(tmp_path):
    path = write(
        tmp_path / "a.ipynb",
        notebook(
            ("markdown", "# keras.layers.BatchNormalization()"),
            "import keras\n\nmodel = keras.Sequential()",
            ("raw", "keras.layers.BatchNormalization()"),
            "model.add(keras.layers.Dense(3))\nkeras.layers.BatchNormalization()\nx = 1",
            "model.add(keras.layers.BatchNormalization())",
        ),
    )
    bias, stray = lint(path)
    assert (bias.code, stray.code) == ("BN002", "BN001")
    assert (bias.where.cell, bias.where.line, bias.where.column) == (4, 1, 11)
    assert bias.message.endswith("by the BatchNormalization on line 1 of cell 5")
    assert (stray.where.cell, stray.where.line, stray.where.column) == (4, 2, 1)
    assert stray.where == f"{path}:cell 4:2:1"


def test_names_are_known_in_later_cells_and_the_source_may_be_one_string(tmp_path):
    made = notebook("from keras.layers import BatchNormalization as BN", "x = 1\nBN()\ny = 2")
    made["cells"][1]["source"] = "".join(made["cells"][1]["source"])
    (finding,) = lint(write(tmp_path / "a.ipynb", made))
    assert (finding.code, finding.where.cell, finding.where.line) == ("BN001", 2, 2)


def test_magics_are_tolerated(tmp_path):
    path = write(
        tmp_path / "a.ipynb",
        notebook(
            "%matplotlib inline\n!pip install keras\nimport keras\n%load_ext autoreload",
            "files = !ls *.csv\n%time x = 1\n?keras\nkeras.layers?\nkeras.layers??\n"
            "for i in range(3):\n    !echo {i} \\\n      more\n"
            "pip install x\ny = (7\n     % 3)\nkeras.layers.BatchNormalization()\nz = 1",
            "%%time\nkeras.layers.BatchNormalization()\nz = 1",
            "%%bash\nkeras.layers.BatchNormalization( |",
            "%%writefile a.py\nthis is (not checked",
            "\n%%capture out\nkeras.layers.BatchNormalization()\nz = 1",
        ),
    )
    found = [(f.code, f.where.cell, f.where.line, f.where.column) for f in lint(path)]
    assert found == [("BN001", 2, 12, 1), ("BN001", 3, 2, 1), ("BN001", 6, 3, 1)]


def test_a_syntax_error_in_one_cell_leaves_the_others(tmp_path):
    path = write(
        tmp_path / "a.ipynb",
        notebook("import keras", "x = = 1", "keras.layers.BatchNormalization()\nx = 1"),
    )
    error, stray = lint(path)
    assert (error.code, error.where.cell, error.where.line, error.where.column) == (
        "BN000",
        2,
        1,
        5,
    )
    assert (stray.code, stray.where.cell) == ("BN001", 3)


def test_what_a_cell_shows_at_its_end_is_used(tmp_path):
    shown = "import keras\nx = keras.Input((3,))\nkeras.layers.BatchNormalization()(x)"
    assert lint(write(tmp_path / "a.ipynb", notebook(shown))) == []
    assert codes(lint(write(tmp_path / "b.ipynb", notebook(shown + ";")))) == ["BN001"]
    assert codes(lint(shown)) == ["BN001"]


def test_a_notebook_of_another_language_is_left_alone(tmp_path):
    for metadata in (
        {"kernelspec": {"language": "R", "name": "ir"}},
        {"language_info": {"name": "julia"}},
    ):
        assert lint(write(tmp_path / "a.ipynb", notebook("x <- (", STRAY, **metadata))) == []
    python = {"kernelspec": {"language": "python", "name": "python3"}}
    assert len(lint(write(tmp_path / "a.ipynb", notebook(STRAY + "x = 1", **python)))) == 1


def test_a_notebook_of_format_3_is_read(tmp_path):
    cells = [
        {"cell_type": "heading", "source": ["x"]},
        {
            "cell_type": "code",
            "input": ["import keras\n", "keras.layers.BatchNormalization()\n", "x=1"],
        },
    ]
    path = write(tmp_path / "a.ipynb", {"worksheets": [{"cells": cells}], "nbformat": 3})
    (finding,) = lint(path)
    assert (finding.where.cell, finding.where.line) == (2, 2)


def test_a_message_names_another_line_as_the_cell_counts_it(tmp_path):
    cell = "\nx = keras.layers.Dropout(0.5)(x)\nx = keras.layers.BatchNormalization()(x)\ny = x"
    (finding,) = lint(write(tmp_path / "a.ipynb", notebook("import keras\n\n", cell)))
    assert finding.message == "this Dropout feeds the BatchNormalization on line 3"


# --- select, ignore, noqa ----------------------------------------------------------------------

BOTH = """import keras
model = keras.Sequential([keras.layers.Dense(3), keras.layers.BatchNormalization()])
keras.layers.BatchNormalization(mode=0)
"""


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, ["BN002", "BN001", "BN101"]),
        ({"select": "BN002"}, ["BN002"]),
        ({"select": ["BN001", "BN101"]}, ["BN001", "BN101"]),
        ({"select": "BN0"}, ["BN002", "BN001"]),
        ({"ignore": "BN0"}, ["BN101"]),
        ({"ignore": ("BN001", "BN1")}, ["BN002"]),
        ({"select": "BN0", "ignore": "BN002"}, ["BN001"]),
        ({"select": ()}, []),
    ],
)
def test_codes_are_selected_and_ignored(options, expected):
    assert codes(lint(BOTH, **options)) == expected


def test_a_file_that_cannot_be_read_is_never_hidden():
    assert codes(lint("x = (", ignore="BN")) == ["BN000"]


@pytest.mark.parametrize("option", ["select", "ignore"])
def test_an_unknown_code_is_refused_before_anything_is_read(option):
    with pytest.raises(ValueError, match=f"`{option}` must be codes.*Received: 'BN9'"):
        lint("x = (", **{option: "BN9"})
    with pytest.raises(TypeError, match=f"`{option}` must be codes"):
        lint("x = (", **{option: 3})


@pytest.mark.parametrize(
    ("comment", "left"),
    [
        ("# noqa", []),
        ("#noqa", []),
        ("# NOQA", []),
        ("# keep it # noqa", []),
        ("# noqa: BN001", ["BN101"]),
        ("# noqa:BN001,BN101", []),
        ("# noqa : BN001, BN101 because", []),
        ("# noqa: bn001 BN101", []),
        ("# noqa: E501", ["BN001", "BN101"]),
        ("# noqa: BN1", ["BN001", "BN101"]),
        ("# noqa: because", ["BN001", "BN101"]),
        ("# noqanda", ["BN001", "BN101"]),
        ("# BN001", ["BN001", "BN101"]),
        ("; s = '# noqa'", ["BN001", "BN101"]),
    ],
)
def test_a_comment_silences_its_line(comment, left):
    source = f"import keras\nkeras.layers.BatchNormalization(mode=0)  {comment}\nx = 1\n"
    assert codes(lint(source)) == left
    moved = f"import keras\n{comment.lstrip('; ')}\nkeras.layers.BatchNormalization(mode=0)\n"
    assert codes(lint(moved)) == ["BN001", "BN101"]


def test_a_comment_silences_a_line_of_a_cell(tmp_path):
    cell = (
        "keras.layers.BatchNormalization()  # noqa: BN001\nkeras.layers.BatchNormalization()\nx = 1"
    )
    (finding,) = lint(write(tmp_path / "a.ipynb", notebook("import keras", cell)))
    assert (finding.where.cell, finding.where.line) == (2, 2)


def test_comments_are_read_as_far_as_the_tokens_go():
    assert silenced("x = 1  # noqa\ny = (\n") == {1: None}
    assert silenced("") == {}


# --- what is not loaded ------------------------------------------------------------------------


def test_lint_loads_neither_tensorflow_nor_keras_nor_libcst_and_runs_nothing(tmp_path):
    write(tmp_path / "a.py", BOTH + "raise SystemExit('run')\n")
    code = (
        "import sys, pathlib, bn_companion\n"
        f"found = bn_companion.lint(pathlib.Path({str(tmp_path)!r}))\n"
        "print(len(found), *(name for name in sys.modules if name in "
        "{'tensorflow', 'keras', 'numpy', 'libcst', 'pandas', 'IPython'}))\n"
    )
    root = Path(__file__).parents[2]
    said = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True, cwd=root
    )
    assert said.stdout.split() == ["3"]
    assert said.stderr == ""
