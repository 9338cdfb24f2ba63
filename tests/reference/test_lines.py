"""An independent reader finds each formula in the code and back: the numbers agree everywhere."""

import ast
import inspect
import re
import textwrap

import pytest

import bn_companion as bn
from bn_companion.reference.transform import batch_norm_backward_in_steps
from tests.book import chapters

FUNCTIONS = [
    (bn.batch_norm_forward, [1, 2, 3, 4]),
    (bn.batch_norm_backward, [5, 6, 7, 11]),
    (batch_norm_backward_in_steps, [5, 6, 7, 8, 9, 10]),
    (bn.batch_norm_inference, [12]),
    (bn.update_moving, [13]),
]
NUMBER = re.compile(r"# \((\d+)\)")
# What the formulas start from: checked, laid out to broadcast, or measured in another unit, by
# lines without a number.
GIVEN = {
    bn.batch_norm_forward: {"x_unit", "root_epsilon_unit", "batch", "gamma", "beta"},
    bn.batch_norm_backward: {"dy", "batch", "gamma", "std", "x_hat"},
    batch_norm_backward_in_steps: {"dy", "batch", "gamma", "std", "x_hat", "centred", "m"},
    bn.batch_norm_inference: {"x", "gamma", "beta", "mean", "variance", "epsilon"},
    bn.update_moving: {"old", "new", "momentum"},
}
CHAPTER = chapters.BOOK / "02-the-transform.ipynb"


def numbers_in_code(function):
    return sorted({int(n) for n in NUMBER.findall(inspect.getsource(function))})


def numbers_in_docstring(function):
    return sorted({int(n) for n in re.findall(r"\\q?quad ?\((\d+)\)", function.__doc__)})


@pytest.mark.parametrize(("function", "numbers"), FUNCTIONS)
def test_each_formula_has_its_line(function, numbers):
    assert numbers_in_code(function) == numbers
    # What the step by step version shares with the other stands in the other's docstring.
    own = [n for n in numbers if function is not batch_norm_backward_in_steps or n >= 8]
    assert numbers_in_docstring(function) == own


@pytest.mark.parametrize("function", GIVEN, ids=lambda f: f.__name__)
def test_a_formula_is_whole_in_its_numbered_lines(function):
    """What they use they compute, or it is given: else a reader could trace only half of it."""
    source = textwrap.dedent(inspect.getsource(function))
    numbered = {n for n, line in enumerate(source.splitlines(), start=1) if NUMBER.search(line)}
    names = [n for n in ast.walk(ast.parse(source)) if isinstance(n, ast.Name)]
    there = [name for name in names if name.lineno in numbered]
    computed = {name.id for name in there if isinstance(name.ctx, ast.Store)}
    used = {name.id for name in there if isinstance(name.ctx, ast.Load)} - {"np"}
    assert used - computed == GIVEN[function]


def test_the_chapter_numbers_the_same_formulas_in_the_same_order():
    text = "\n".join(c.source for c in chapters.read(CHAPTER).cells if c.cell_type == "markdown")
    labels = re.findall(r"^\$\$ \(([\w-]+)\)$", text, re.MULTILINE)
    left = [
        re.sub(r"\s+", "", body).removeprefix(r"\begin{aligned}")
        for body in re.findall(r"^\$\$\n((?:(?!\$\$).)*?)\n\$\$ \(", text, re.MULTILINE | re.DOTALL)
    ]
    # Each numbered equation begins with what its line computes.
    begins = [
        *(r"\mu=", r"\sigma^2=", r"\hatx_i=", r"y_i=", r"d\beta=", r"d\gamma=", r"d\hatx_i="),
        *(r"d\sigma^2=", r"d\mu={}", r"dx_i={}&\frac{d\hatx_i}{s}", r"dx_i=\frac1s\Bigl"),
        *(r"y_i=", r"\text{moving}\leftarrow"),
    ]
    assert len(labels) == len(left) == len(begins) == 13
    for equation, begin in zip(left, begins, strict=True):
        assert equation.startswith(begin)
    assert set(re.findall(r"\{eq\}`([\w-]+)`", text)) <= set(labels)
