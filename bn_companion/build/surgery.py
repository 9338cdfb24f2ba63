"""Move batch normalization in a model that is already there: before, after, or out.

What is decided is decided by `placement_report`'s rules alone, and what they leave open is left
as it is and reported. Nothing in this module trains or judges a model.
"""

import warnings
from typing import Any

import keras
import numpy as np
import pandas as pd

from bn_companion.build.conversion import rebuild
from bn_companion.build.placement import Placement
from bn_companion.build.relocation import Relocation

__all__ = ["PlacementWarning", "place", "placement_report"]


class PlacementWarning(UserWarning):
    """Some batch normalization could not be put where `place` was asked to put it."""


def place(model: Any, placement: Placement | str, *, copy_weights: bool = True) -> keras.Model:
    """Return the same architecture with batch normalization before, after, or nowhere.

    ========== =====================================================================
    placement  what becomes of each hidden activation and the linear map in front of it
    ========== =====================================================================
    ``none``   linear map, activation
    ``before`` linear map without bias, BatchNormalization, activation
    ``after``  linear map, activation, BatchNormalization
    ========== =====================================================================

    An activation that is fused into its layer becomes a layer of its own. Batch normalization
    that is there already is moved, with its name and settings; what is missing is added with
    Keras's defaults. Dropout ends up behind batch normalization. A bias goes where batch
    normalization follows its layer directly, and comes back where it no longer does.

    Left as they are, and reported by `placement_report`: the outputs of the model and every
    softmax; gates; what is fed by something other than a linear map, unless batch normalization
    stands right beside it, which is then moved; layers that are called more than once, and layers
    of other classes than Keras's dense and convolutional ones. A linear map whose output is added
    to others before any activation, as at the end of a residual block, has no activation of its
    own: it is normalized before the addition in both placements, as in the original ResNet,
    unless the sum is normalized.

    ``place(place(m, "after"), "before")`` has the structure of ``place(m, "before")``.

    Parameters
    ----------
    model : keras.Model
        Sequential or Functional, models nested in it included. It is not changed.
    placement : Placement or str
        ``"none"``, ``"before"`` or ``"after"``.
    copy_weights : bool, default True
        Carry over all weights that still mean something. Batch normalization that has moved, and
        a bias that has come back, start from their initial values; where a bias goes, the moving
        mean behind it is shifted by it, so that the outputs stay. False starts every weight from
        its initializer and gives fixed seeds in the model new values, all drawn from Keras's
        global seed, which `keras.utils.set_random_seed` sets.

    Returns
    -------
    keras.Model
        Not compiled; all layers are new and keep their names.

    Warns
    -----
    PlacementWarning
        If a hidden activation is not normalized as asked, or batch normalization stands elsewhere.

    Raises
    ------
    TypeError
        If `model` is not a Keras model, or a subclassed one.
    ValueError
        If `model` is not built or has a layer that cannot be copied; unknown placement.

    References
    ----------
    .. [1] S. Ioffe and C. Szegedy, "Batch normalization", ICML 2015, section 3.2.
    .. [2] K. He et al., "Identity mappings in deep residual networks", ECCV 2016, figure 4.

    Examples
    --------
    >>> import keras
    >>> from bn_companion import place
    >>> model = keras.Sequential(
    ...     [
    ...         keras.Input((4,)),
    ...         keras.layers.Dense(8, activation="relu", name="hidden"),
    ...         keras.layers.Dense(3, name="logits"),
    ...     ]
    ... )
    >>> before = place(model, "before")
    >>> [layer.name for layer in before.layers]
    ['hidden', 'hidden_bn', 'hidden_activation', 'logits']
    >>> before.get_layer("hidden").use_bias
    False
    >>> [layer.name for layer in place(before, "after").layers]
    ['hidden', 'hidden_activation', 'hidden_bn', 'logits']
    """
    if not isinstance(copy_weights, bool):
        raise TypeError(f"`copy_weights` must be a bool. Received: {copy_weights!r}")
    plan = Relocation(model, Placement(placement))
    missed = [row for row in plan.rows if not row["as_asked"]]
    if missed:
        named = ", ".join(str(row["layer"]) for row in missed[:3])
        warnings.warn(
            f"{len(missed)} place(s) in {model.name!r} are not as asked, for example {named}; "
            f"placement_report(model, {plan.placement.value!r}) says why.",
            PlacementWarning,
            stacklevel=2,
        )
    placed, made = rebuild(plan.graph, copy_weights=copy_weights)
    if copy_weights:
        for part, bias in plan.absorbed:
            _shift(made[part], bias)
    return placed


def placement_report(model: Any, placement: Placement | str) -> pd.DataFrame:
    """Say what `place` does with every activation and every batch normalization, and why.

    Parameters
    ----------
    model, placement
        As for `place`.

    Returns
    -------
    pandas.DataFrame
        A row a decision: ``layer``, the activation or other layer that is concerned (the model
        that it is nested in stands before it); ``action``: inserted, moved, kept, removed, left,
        and for a bias ``bias dropped`` or ``bias restored``; ``normalization``, the name of the
        batch normalization; ``reason``; ``as_asked``, False where `place` warns.

    Raises
    ------
    TypeError, ValueError
        As `place`.

    Examples
    --------
    >>> from bn_companion import placement_report, question_mlp
    >>> report = placement_report(question_mlp(), "before")
    >>> report.loc[0, ["layer", "action", "normalization"]].tolist()
    ['hidden_1_activation', 'inserted', 'hidden_1_bn']
    """
    columns = ["layer", "action", "normalization", "reason", "as_asked"]
    return pd.DataFrame(Relocation(model, Placement(placement)).rows, columns=columns)


def _shift(norm: Any, bias: Any) -> None:
    """Let `norm` see its input without `bias` as it saw it before."""
    for name in ("moving_mean", "renorm_mean"):
        variable = getattr(norm, name, None)
        if variable is not None:
            values = [keras.ops.convert_to_numpy(v).astype(np.float64) for v in (variable, bias)]
            variable.assign(values[0] - values[1])
