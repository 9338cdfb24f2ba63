"""The one question of this project as a type: where, relative to the activation."""

from enum import StrEnum

from bn_companion._checks import no_member

__all__ = ["Placement"]


class Placement(StrEnum):
    """Where batch normalization stands relative to the activation.

    Every function of the package that takes a placement accepts a member or its string.

    Attributes
    ----------
    NONE : str
        ``"none"``: linear map, activation.
    BEFORE : str
        ``"before"``: linear map without a bias, batch normalization, activation.
    AFTER : str
        ``"after"``: linear map, activation, batch normalization.

    References
    ----------
    .. [1] S. Ioffe and C. Szegedy, "Batch normalization: accelerating deep network training by
       reducing internal covariate shift", ICML 2015, section 3.2 (recommends ``BEFORE``).

    Examples
    --------
    >>> from bn_companion import Placement
    >>> Placement("before") is Placement.BEFORE
    True
    >>> Placement.AFTER == "after"
    True
    >>> Placement("middle")
    Traceback (most recent call last):
        ...
    ValueError: `placement` must be one of 'none', 'before', 'after'. Received: 'middle'
    """

    NONE = "none"
    BEFORE = "before"
    AFTER = "after"

    @classmethod
    def _missing_(cls, value: object) -> "Placement":
        raise no_member("placement", cls, value)
