"""Batch normalization out of a model for inference, into the weights beside it."""

import warnings
from typing import Any

import keras
import pandas as pd

from bn_companion.build.conversion import read, rebuild
from bn_companion.deploy.folding import Folding

__all__ = ["FoldWarning", "fold", "fold_report"]


class FoldWarning(UserWarning):
    """Some batch normalization could not be folded exactly, and was kept."""


def fold(model: Any) -> keras.Model:
    r"""Return a model for inference that computes the same with less batch normalization.

    At inference batch normalization is one affine map a channel, :math:`y = s x + t` with
    :math:`s = \gamma / \sqrt{\sigma^2 + \epsilon}`, :math:`t = \beta - \mu s`. It goes into the
    linear map in front of it, :math:`s (Wx + b) + t = (sW) x + (sb + t)`, or else into those
    behind it, :math:`W (sx + t) + b = (Ws) x + (Wt + b)`. Dropout in between is no obstacle, since
    it does nothing at inference; an activation is. Folding forward into a convolution is exact only
    where nothing is padded: zeros that are added behind the batch normalization have no share in
    its shift.

    What cannot be folded exactly is kept; `fold_report` says why.

    Parameters
    ----------
    model : keras.Model
        Sequential or Functional, models nested in it included. It is not changed.

    Returns
    -------
    keras.Model
        Not compiled. Its outputs at inference are those of `model` up to the rounding of the type
        in which its layers compute. Trained further, it is another network: one without batch
        normalization.

    Warns
    -----
    FoldWarning
        If some batch normalization was kept.

    Raises
    ------
    TypeError
        If `model` is not a Keras model, or a subclassed one.
    ValueError
        If it is not built or has a layer that cannot be copied.

    References
    ----------
    .. [1] S. Ioffe and C. Szegedy, "Batch normalization", ICML 2015, section 3.1, algorithm 2,
       line 11 (inference as one linear transform).
    .. [2] B. Jacob et al., "Quantization and training of neural networks for efficient
       integer-arithmetic-only inference", CVPR 2018, section 3.2 (folding into the weights).

    Examples
    --------
    >>> import numpy as np
    >>> from bn_companion import convnet, fold
    >>> model = convnet((8, 8, 1), 3)
    >>> folded = fold(model)
    >>> model.count_params() - folded.count_params()  # four numbers a channel less, a bias more
    144
    >>> x = np.ones((1, 8, 8, 1))
    >>> bool(np.allclose(model(x), folded(x), atol=1e-6))
    True
    """
    plan = Folding(read(model))
    kept = [row for row in plan.rows if row["action"] == "kept"]
    if kept:
        warnings.warn(
            f"{len(kept)} of {len(plan.rows)} batch normalizations in {model.name!r} were kept, "
            f"for example {kept[0]['normalization']}: {kept[0]['reason']}. fold_report(model) "
            "names all.",
            FoldWarning,
            stacklevel=2,
        )
    folded, made = rebuild(plan.graph)
    for part, weights in plan.weights.items():
        for variable in made[part].weights:
            variable.assign(weights.arrays[variable.name])
    return folded


def fold_report(model: Any) -> pd.DataFrame:
    """Say of every batch normalization where `fold` puts it, or why it stays.

    Parameters
    ----------
    model : keras.Model
        As for `fold`.

    Returns
    -------
    pandas.DataFrame
        A row a layer: ``normalization`` (the model that it is nested in stands before its name);
        ``action``, folded or kept; ``into``, the linear maps that took it up; ``direction``,
        ``backward`` into the one in front or ``forward`` into those behind; ``reason``, of those
        that are kept.

    Raises
    ------
    TypeError, ValueError
        As `fold`.

    Examples
    --------
    >>> from bn_companion import fold_report, mlp
    >>> report = fold_report(mlp((4,), 3, hidden=(8,), placement="after"))
    >>> report.loc[0, ["action", "into", "direction"]].tolist()
    ['folded', 'logits', 'forward']
    """
    columns = ["normalization", "action", "into", "direction", "reason"]
    return pd.DataFrame(Folding(read(model)).rows, columns=columns)
