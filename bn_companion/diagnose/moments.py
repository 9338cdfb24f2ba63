"""Mean, spread and shape of a stream of numbers, pooled exactly and without keeping it."""

from typing import Self

import numpy as np
from numpy.typing import NDArray

__all__ = ["StreamingMoments"]

# Values turned to float64 at a time: what an update needs beside the chunk itself.
_BLOCK = 2**20


class StreamingMoments:
    """Count, mean and central moments up to the fourth, of columns that arrive in pieces.

    Each piece gets its own moments about its own mean, in two passes; two sets of moments are then
    pooled by formulas that are exact up to rounding, so that neither the number of pieces nor their
    sizes matter, and a mean that is large beside the spread does no harm.

    Attributes
    ----------
    count : int
        Rows seen.
    mean : ndarray of shape (columns,)
    m2, m3, m4 : ndarray of shape (columns,)
        Sums of the second, third and fourth powers of the deviations from the mean.

    References
    ----------
    .. [1] T. F. Chan, G. H. Golub and R. J. LeVeque, "Algorithms for computing the sample
       variance", The American Statistician 37, 1983.
    .. [2] P. Pébay, "Formulas for robust, one-pass parallel computation of covariances and
       arbitrary-order statistical moments", Sandia report SAND2008-6212, 2008.

    Examples
    --------
    >>> import numpy as np
    >>> from bn_companion.diagnose.moments import StreamingMoments
    >>> stream = StreamingMoments()
    >>> for piece in ([[0.0], [2.0]], [[4.0]], [[6.0], [8.0]]):
    ...     stream.update(np.array(piece))
    >>> stream.count, stream.mean.tolist(), stream.variance.tolist()
    (5, [4.0], [8.0])
    """

    def __init__(self) -> None:
        self.count = 0
        self.mean = self.m2 = self.m3 = self.m4 = np.zeros(1)

    @classmethod
    def of(cls, rows: NDArray[np.floating]) -> Self:
        """Return the moments of one piece, of shape (rows, columns), in two passes."""
        made = cls()
        values = np.asarray(rows, np.float64)
        made.count = len(values)
        made.mean = values.mean(axis=0)
        deviation = values - made.mean
        square = deviation * deviation
        made.m2 = square.sum(axis=0)
        made.m3 = (square * deviation).sum(axis=0)
        made.m4 = (square * square).sum(axis=0)
        return made

    def update(self, rows: NDArray[np.floating]) -> None:
        """Take in another piece of shape (rows, columns)."""
        step = max(1, _BLOCK // max(1, rows.shape[1]))
        with np.errstate(invalid="ignore"):  # infinite values make their column NaN
            for start in range(0, len(rows), step):
                self.merge(self.of(rows[start : start + step]))

    def merge(self, other: "StreamingMoments") -> None:
        """Take in what another stream has seen."""
        if not self.count or not other.count:
            if other.count:
                self.count, self.mean = other.count, other.mean
                self.m2, self.m3, self.m4 = other.m2, other.m3, other.m4
            return
        a, b = float(self.count), float(other.count)
        n = a + b
        delta = (other.mean - self.mean) / n  # Pébay's delta over n: powers of n would overflow
        self.m4 = (
            self.m4
            + other.m4
            + delta**4 * a * b * n * (a * a - a * b + b * b)
            + 6 * delta**2 * (a * a * other.m2 + b * b * self.m2)
            + 4 * delta * (a * other.m3 - b * self.m3)
        )
        self.m3 = (
            self.m3
            + other.m3
            + delta**3 * a * b * n * (a - b)
            + 3 * delta * (a * other.m2 - b * self.m2)
        )
        self.m2 = self.m2 + other.m2 + delta**2 * a * b * n
        self.mean = self.mean + delta * b
        self.count += other.count

    @property
    def variance(self) -> NDArray[np.float64]:
        """Biased variance: the sum of squares over the count."""
        return self.m2 / self.count

    @property
    def std(self) -> NDArray[np.float64]:
        """Root of the biased variance."""
        return np.sqrt(self.variance)

    @property
    def skewness(self) -> NDArray[np.float64]:
        """Third moment of the standardized values (biased); NaN where they are constant."""
        return self._standardized(self.m3, 1.5)

    @property
    def excess_kurtosis(self) -> NDArray[np.float64]:
        """Fourth moment of the standardized values (biased) less the normal distribution's 3."""
        return self._standardized(self.m4, 2.0) - 3.0

    def _standardized(self, moment: NDArray[np.float64], power: float) -> NDArray[np.float64]:
        # As in SciPy: a spread within the rounding of the mean is none.
        constant = self.variance <= (np.finfo(float).eps * self.mean) ** 2
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.where(constant, np.nan, moment / self.count / self.variance**power)
