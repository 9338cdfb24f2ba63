"""Distances between distributions: against SciPy and closed forms, invariant, refusing nonsense."""

import numpy as np
import pytest
from scipy import stats

from bn_companion import distribution_shift, normality_distance


@pytest.fixture
def z():
    return np.random.default_rng(0).normal(size=(500, 3))


# --- oracle ---


def test_the_distance_is_scipys_for_each_channel(z):
    values = np.column_stack([z[:, 0], np.exp(z[:, 1]), z[:, 2] > 0])
    expected = [
        stats.kstest((c - c.mean()) / c.std(), "norm").statistic for c in values.T.astype(float)
    ]
    np.testing.assert_allclose(normality_distance(values), expected, rtol=1e-12)


def test_two_points_are_as_far_from_normal_as_the_formula_says():
    # Standardized to -1 and 1: the empirical function is 1/2 between them, the normal one 0.159
    # just below -1... so the largest gap is 1/2 - Phi(-1).
    assert normality_distance([0.0, 1.0] * 50) == pytest.approx(0.5 - stats.norm.cdf(-1))


def test_the_shift_of_quantiles_by_hand():
    before = np.array([0.0, 1.0, 2.0, 3.0])
    after = np.array([1.0, 1.0, 4.0, 3.0])
    # Sorted: 0 1 2 3 to 1 1 3 4, moved by 1, 0, 1, 1.
    assert distribution_shift(before, after) == pytest.approx(0.75 / before.std())


def test_a_wider_normal_distribution_has_the_shift_of_the_docstring():
    quantiles = stats.norm.ppf((np.arange(20_000) + 0.5) / 20_000)
    shift = distribution_shift(quantiles, 2 * quantiles)
    assert shift == pytest.approx(np.sqrt(2 / np.pi), rel=1e-3)


@pytest.mark.parametrize("rows", [500, 400])
def test_the_shift_is_scipys_whether_or_not_the_numbers_of_values_agree(z, rows):
    after = np.exp(z[:rows])
    expected = [stats.wasserstein_distance(a, b) for a, b in zip(z.T, after.T, strict=True)]
    np.testing.assert_allclose(distribution_shift(z, after, unit="value"), expected, rtol=1e-12)
    np.testing.assert_allclose(distribution_shift(z, after), expected / z.std(axis=0), rtol=1e-12)
    assert distribution_shift(z[:, 0], after[:, 0]).shape == ()


# --- invariance ---


def test_shift_scale_and_order_do_not_matter_to_normality(z):
    distance = normality_distance(z)
    np.testing.assert_allclose(normality_distance(1e3 * z - 7e3), distance, rtol=1e-9)
    np.testing.assert_allclose(normality_distance(z[::-1]), distance, rtol=1e-12)
    np.testing.assert_allclose(normality_distance(-z), distance, rtol=1e-9)
    assert normality_distance(z[:, 0]).shape == ()


def test_a_common_change_of_units_does_not_matter_to_the_shift(z):
    after = np.exp(z)
    shift = distribution_shift(z, after)
    np.testing.assert_allclose(distribution_shift(9 * z + 4, 9 * after + 4), shift, rtol=1e-9)
    np.testing.assert_allclose(distribution_shift(z, after[::-1]), shift, rtol=1e-12)
    assert (distribution_shift(z, z) == 0).all()


def test_a_constant_channel_has_no_distance(z):
    z[:, 1] = 0.1
    assert np.isnan(normality_distance(z)).tolist() == [False, True, False]
    assert np.isnan(distribution_shift(z, z + 1)).tolist() == [False, True, False]
    assert distribution_shift(z, z + 1, unit="value") == pytest.approx(1)


# --- rejection ---


@pytest.mark.parametrize(
    ("values", "match"),
    [
        (np.zeros((2, 2, 2)), r"`values` must have shape.*\(2, 2, 2\)"),
        (np.zeros((1, 3)), r"n at least 2. Received: shape \(1, 3\)"),
        ([0.0, np.nan], "`values` must be finite"),
    ],
)
def test_values_that_have_no_distance_are_refused(values, match):
    with pytest.raises(ValueError, match=match):
        normality_distance(values)


def test_other_channels_are_refused(z):
    with pytest.raises(ValueError, match=r"`after` must have the channels of `before`, \(3,\)"):
        distribution_shift(z, z[:, :2])
    with pytest.raises(ValueError, match="`before` must have shape"):
        distribution_shift(3.0, z)


def test_another_unit_is_refused(z):
    with pytest.raises(ValueError, match="`unit` must be 'deviation' or 'value'. Received: 'std'"):
        distribution_shift(z, z, unit="std")
