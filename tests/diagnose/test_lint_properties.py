"""What must not change the findings, and what must never happen, whatever the source."""

import ast
from collections import Counter

from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from bn_companion import lint
from bn_companion.diagnose.codes import CODES
from bn_companion.diagnose.lint.linter import chosen_codes
from bn_companion.diagnose.lint.rewrite import repaired
from bn_companion.diagnose.lint.source import Source
from tests.diagnose.samples import CORRECT, FAULTY

ALL = CORRECT + FAULTY
snippets = st.sampled_from(ALL)
comments = st.sampled_from(["", "    ", "# a comment", "        # mode=0, init='uniform'", "\t"])


def places(text):
    return sorted((f.where.line, f.where.column, f.code) for f in lint(text))


def codes(text):
    return Counter(finding.code for finding in lint(text))


def parses(text):
    try:
        ast.parse(text)
    except (SyntaxError, ValueError):
        return False
    return True


@settings(max_examples=150, deadline=None)
@given(snippet=snippets, data=st.data())
def test_comments_and_blank_lines_move_findings_and_change_none(snippet, data):
    lines = snippet.text.splitlines()
    assume('"""' not in snippet.text)
    before = data.draw(st.lists(comments | st.none(), min_size=len(lines), max_size=len(lines)))
    moved, made = {}, []
    for number, (line, comment) in enumerate(zip(lines, before, strict=True), 1):
        if comment is not None:
            made.append(comment)
        made.append(line)
        moved[number] = len(made)
    expected = sorted((moved[line], column, code) for line, column, code in snippet.expected)
    assert places("\n".join(made) + "\n") == expected


class Renamer(ast.NodeTransformer):
    """Give variables and parameters of a source other names."""

    def __init__(self, names):
        self.names = names

    def visit_Name(self, node):
        node.id = self.names.get(node.id, node.id)
        return node

    def visit_arg(self, node):
        node.arg = self.names.get(node.arg, node.arg)
        return node


# Names that say what a thing is, where nothing else does; attributes and keywords keep theirs.
TELLING = {"model", "net", "self", "rows", "cols", "w_filter", "h_filter", "patch_size"}


@settings(max_examples=150, deadline=None)
@given(snippet=snippets, seed=st.integers(0, 10**6))
def test_other_names_for_variables_change_no_code(snippet, seed):
    tree = ast.parse(snippet.text)
    stored = {
        n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)
    }
    arguments = {n.arg for n in ast.walk(tree) if isinstance(n, ast.arg)}
    imported = {
        alias.asname or alias.name.partition(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
    }
    declared = {n for node in ast.walk(tree) if isinstance(node, ast.Global) for n in node.names}
    free = (stored | arguments) - imported - declared - TELLING
    free -= {
        name for name in free if name.startswith("_") or name in Counter(snippet.text.split('"'))
    }
    assume(free and "locals()" not in snippet.text)
    names = {name: f"v{seed}_{number}" for number, name in enumerate(sorted(free))}
    # A function that is called with keywords keeps the names of its parameters.
    names = {k: v for k, v in names.items() if f"{k}=" not in snippet.text.replace(" ", "")}
    before = codes(ast.unparse(ast.parse(snippet.text)))
    assert codes(ast.unparse(Renamer(names).visit(tree))) == before


@settings(max_examples=100, deadline=None)
@given(snippet=snippets)
def test_a_guard_around_the_whole_script_moves_findings_and_changes_none(snippet):
    assume('"""' not in snippet.text and snippet.text.strip())
    inside = "".join(f"    {line}\n" if line else "\n" for line in snippet.text.splitlines())
    expected = sorted((line + 1, column + 4, code) for line, column, code in snippet.expected)
    assert places('if __name__ == "__main__":\n' + inside + "    pass\n") == expected


@settings(max_examples=60, deadline=None)
@given(first=snippets, second=snippets)
def test_functions_around_two_correct_snippets_bring_no_finding(first, second):
    """Two sources in one file do not disturb each other as long as neither binds the same names."""
    assume(not first.expected and not second.expected)
    assume("import *" not in first.text + second.text and "global " not in first.text + second.text)
    assume(
        '"""' not in first.text + second.text and "import" in first.text and "import" in second.text
    )

    def wrapped(name, text):
        return (
            f"def {name}():\n"
            + "".join(f"    {line}\n" for line in text.splitlines())
            + "    pass\n"
        )

    text = wrapped("first", first.text) + wrapped("second", second.text)
    assume(parses(text))
    # What a function binds and does not read is gone with it: that is another program.
    assert not [f for f in lint(text) if f.code not in ("BN000", "BN001")]


@settings(max_examples=300, deadline=None)
@given(text=st.text())
@example(text="\x0c\n\\\n")
@example(text="\ufeff\ufeffx")
@example(text="keras;layers.Highway")
@example(text="async def f(): await x; yield *a, (b := c)\nmatch x:\n case {**r}: pass\n")
def test_any_text_is_answered(text):
    for finding in lint(text + "\n"):
        assert finding.code in CODES
        assert finding.where == f"<string>:{finding.where.line}:{finding.where.column}"
        assert min(finding.where.line, finding.where.column) >= 1


@settings(max_examples=200, deadline=None)
@given(data=st.binary(), notebook=st.booleans())
def test_any_bytes_are_answered(data, notebook):
    source = Source.of_bytes(data, "a", notebook=notebook)
    assert source.failures or not notebook or b"cells" in data or b"worksheets" in data


@settings(max_examples=250, deadline=None)
@given(snippet=snippets, data=st.data())
def test_a_damaged_source_is_answered_and_repaired_into_one_that_parses(snippet, data):
    text = snippet.text
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, len(text)))
        end = data.draw(st.integers(start, min(len(text), start + 12)))
        text = (
            text[:start]
            + data.draw(st.sampled_from(["", ",", "(", ")", "=", "x", "\n", " "]))
            + text[end:]
        )
    lint(text + "\n")
    source = Source.of_text(text)
    assume(not source.failures)
    assert parses(repaired(source, chosen_codes(None)).text)


@settings(max_examples=len(ALL), deadline=None)
@given(snippet=snippets)
def test_lint_answers_the_same_twice(snippet):
    assert lint(snippet.text) == lint(snippet.text)
