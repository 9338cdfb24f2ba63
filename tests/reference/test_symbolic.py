"""The derivation itself: SymPy differentiates the four lines of the algorithm."""

from functools import cache

import numpy as np
import pytest
import sympy as sp

import bn_companion as bn
from bn_companion.reference.transform import batch_norm_backward_in_steps

GAMMA, BETA = sp.symbols("gamma beta", real=True)
EPSILON = sp.symbols("epsilon", positive=True)


@cache
def batch(m):
    """Symbols of one channel: inputs, gradients, and what lines 1 to 4 make of them."""
    x = sp.symbols(f"x1:{m + 1}", real=True)
    dy = sp.symbols(f"d1:{m + 1}", real=True)
    mu = mean(x)
    variance = mean([(v - mu) ** 2 for v in x])
    std = sp.sqrt(variance + EPSILON)
    x_hat = [(v - mu) / std for v in x]
    loss = sum(d * (GAMMA * h + BETA) for d, h in zip(dy, x_hat, strict=True))
    return x, dy, mu, variance, std, x_hat, loss


def mean(values):
    return sum(values) / sp.Integer(len(values))


@pytest.mark.parametrize("m", [2, 3])
def test_line_11_is_the_derivative_of_lines_1_to_4(m):
    x, dy, _, _, std, x_hat, loss = batch(m)
    dx_hat = [GAMMA * d for d in dy]
    along_x_hat = mean([d * h for d, h in zip(dx_hat, x_hat, strict=True)])
    for i in range(m):
        formula = (dx_hat[i] - mean(dx_hat) - x_hat[i] * along_x_hat) / std
        assert sp.simplify(sp.diff(loss, x[i]) - formula) == 0


@pytest.mark.parametrize("m", [2, 3])
def test_lines_8_to_10_are_the_derivative_of_lines_1_to_4(m):
    x, dy, mu, variance, std, _, loss = batch(m)
    dx_hat = [GAMMA * d for d in dy]
    centred = [v - mu for v in x]
    dvariance = sum(d * c for d, c in zip(dx_hat, centred, strict=True)) * sp.Rational(-1, 2)
    dvariance *= (variance + EPSILON) ** sp.Rational(-3, 2)
    second = mean([-2 * c for c in centred])
    assert sp.simplify(second) == 0  # what the chapter says of line 9
    dmu = sum(-d / std for d in dx_hat) + dvariance * second
    for i in range(m):
        formula = dx_hat[i] / std + dvariance * sp.Rational(2, m) * centred[i] + dmu / m
        assert sp.simplify(sp.diff(loss, x[i]) - formula) == 0


def test_lines_5_and_6_are_the_derivatives_with_respect_to_beta_and_gamma():
    _, dy, _, _, _, x_hat, loss = batch(3)
    assert sp.simplify(sp.diff(loss, BETA) - sum(dy)) == 0
    products = [d * h for d, h in zip(dy, x_hat, strict=True)]
    assert sp.simplify(sp.diff(loss, GAMMA) - sum(products)) == 0


def test_the_gradient_is_blind_to_shifts_and_nearly_to_scales():
    """The sum of dx is zero; its part along x_hat is zero but for epsilon."""
    x, _, _, _, std, x_hat, loss = batch(3)
    dx = [sp.diff(loss, v) for v in x]
    assert sp.simplify(sum(dx)) == 0
    along = mean([d * h for d, h in zip(dx, x_hat, strict=True)])
    assert sp.simplify((along * std).subs(EPSILON, 0)) == 0
    assert along.subs(dict(zip(x, (1, 2, 4), strict=True))).subs(EPSILON, 1).simplify() != 0


@pytest.mark.parametrize("backward", [bn.batch_norm_backward, batch_norm_backward_in_steps])
def test_the_code_equals_the_derivative_at_thirty_digits(backward):
    """Rational points, evaluated exactly: what is left is the rounding of float64."""
    x, dy, *_, loss = batch(3)
    rng = np.random.default_rng(0)
    for _ in range(5):
        numerators = rng.integers(-50, 50, 8)
        values = [sp.Rational(int(n), 16) for n in numerators]  # exact in float64, too
        at = dict(zip((*x, *dy, GAMMA, BETA), values, strict=True)) | {EPSILON: sp.Rational(1, 64)}
        numbers = np.array(values, float)
        _, kept = bn.batch_norm_forward(
            numbers[:3, None], numbers[[6]], numbers[[7]], epsilon=1 / 64
        )
        dx, dgamma, _ = backward(numbers[3:6, None], kept)
        exact = [float(sp.diff(loss, v).subs(at).evalf(30)) for v in x]
        np.testing.assert_allclose(dx[:, 0], exact, rtol=1e-12, atol=1e-13)
        exact = float(sp.diff(loss, GAMMA).subs(at).evalf(30))
        np.testing.assert_allclose(dgamma, [exact], rtol=1e-12, atol=1e-13)
