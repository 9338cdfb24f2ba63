"""StreamingMoments: oracle, invariance."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from bn_companion.diagnose import moments
from bn_companion.diagnose.moments import StreamingMoments


def streamed(values, pieces):
    stream = StreamingMoments()
    for piece in np.split(values, pieces):
        stream.update(piece)
    return stream


def assert_equals_scipy(stream, values, **tolerance):
    values = np.asarray(values, float)
    assert stream.count == len(values)
    np.testing.assert_allclose(stream.mean, values.mean(0), **tolerance)
    np.testing.assert_allclose(stream.variance, values.var(0), **tolerance)
    np.testing.assert_allclose(stream.std, values.std(0), **tolerance)
    np.testing.assert_allclose(stream.skewness, stats.skew(values), **tolerance)
    np.testing.assert_allclose(stream.excess_kurtosis, stats.kurtosis(values), **tolerance)


# --- oracle ---


@pytest.mark.parametrize("pieces", [[], [1], [999], [250, 500], list(range(1, 1000))])
@pytest.mark.parametrize("draw", ["normal", "exponential", "standard_t"])
def test_moments_equal_scipy_on_the_whole(draw, pieces):
    rng = np.random.default_rng(0)
    shape = {"size": (1000, 3)}
    values = getattr(rng, draw)(**shape) if draw != "standard_t" else rng.standard_t(5, **shape)
    assert_equals_scipy(streamed(values, pieces), values, rtol=1e-10, atol=1e-12)


@pytest.mark.filterwarnings("error")
def test_a_mean_that_is_large_beside_the_spread_does_no_harm():
    """The textbook's mean of squares less square of the mean would leave no digit here."""
    values = 1e8 + np.random.default_rng(1).exponential(size=(2000, 1))
    stream = streamed(values, [1, 700, 701])
    assert_equals_scipy(stream, values, rtol=1e-6)


def test_by_hand():
    stream = streamed(np.array([[0.0], [0.0], [0.0], [4.0]]), [3])
    assert (stream.count, stream.mean.tolist(), stream.variance.tolist()) == (4, [1.0], [3.0])
    np.testing.assert_allclose(stream.skewness, [6 / 3**1.5])
    np.testing.assert_allclose(stream.excess_kurtosis, [21 / 9 - 3])


@pytest.mark.filterwarnings("error")
def test_a_constant_has_no_shape():
    stream = streamed(np.full((10, 2), 0.1), [3])
    np.testing.assert_allclose(stream.mean, 0.1)
    assert np.isnan(stream.skewness).all()
    assert np.isnan(stream.excess_kurtosis).all()


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_what_is_not_finite_spoils_its_own_column(bad):
    values = np.random.default_rng(2).normal(size=(20, 2))
    values[3, 1] = bad
    stream = streamed(values, [2, 10])
    np.testing.assert_allclose(stream.skewness[0], stats.skew(values[:, 0]))
    assert np.isnan([stream.variance[1], stream.skewness[1], stream.excess_kurtosis[1]]).all()


# --- invariance ---


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**16),
    cuts=st.lists(st.integers(0, 60), max_size=8).map(sorted),
    scale=st.floats(1e-3, 1e3),
)
def test_the_pieces_do_not_matter(seed, cuts, scale):
    values = scale * np.random.default_rng(seed).gamma(2.0, size=(60, 2))
    whole = StreamingMoments.of(values)
    parts = streamed(values, cuts)  # some of them empty
    for name in ("mean", "variance", "skewness", "excess_kurtosis"):
        np.testing.assert_allclose(getattr(parts, name), getattr(whole, name), rtol=1e-9)


def test_streams_can_be_pooled_in_any_grouping():
    a, b, c = (np.random.default_rng(i).normal(i, 1 + i, (30 + i, 2)) for i in range(3))
    left, right = StreamingMoments.of(a), StreamingMoments.of(b)
    left.merge(StreamingMoments.of(b))
    left.merge(StreamingMoments.of(c))
    right.merge(StreamingMoments.of(c))
    other = StreamingMoments.of(a)
    other.merge(right)
    for name in ("count", "mean", "m2", "m3", "m4"):
        np.testing.assert_allclose(getattr(left, name), getattr(other, name), rtol=1e-12)


def test_a_long_piece_is_taken_in_blocks(monkeypatch):
    values = np.random.default_rng(3).normal(size=(1000, 2)).astype("float32")
    seen = []
    of = StreamingMoments.of.__func__
    monkeypatch.setattr(moments, "_BLOCK", 64)
    monkeypatch.setattr(
        StreamingMoments,
        "of",
        classmethod(lambda cls, rows: seen.append(rows.size) or of(cls, rows)),
    )
    stream = streamed(values, [])
    assert max(seen) <= 64
    assert_equals_scipy(stream, values, rtol=1e-9)
