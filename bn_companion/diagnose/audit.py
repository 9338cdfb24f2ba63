"""Is batch normalization wired right? The questions of `lint`, asked of a model that is built."""

from typing import Any

import keras

from bn_companion._checks import positive_int
from bn_companion.build.conversion import read
from bn_companion.build.roles import is_batch_norm
from bn_companion.diagnose.finding import Finding
from bn_companion.diagnose.layers import all_layers, check_model
from bn_companion.diagnose.statistics import statistics_findings
from bn_companion.diagnose.wiring import wiring_findings

__all__ = ["audit"]


def audit(model: Any, *, steps: int | None = None) -> list[Finding]:
    """Look for faults in how batch normalization is used in a model that is built.

    ===== =============================================================================
    code  what is found
    ===== =============================================================================
    BN002 a bias that the batch normalization behind it cancels
    BN003 batch normalization on the output of the model
    BN004 dropout that feeds batch normalization, with no layer with weights in between
    BN005 an axis that is not that of the channels of the convolution beside it
    BN006 moving statistics at their initial values, in a model that has been trained
    BN007 NaN, infinity, or a negative variance
    BN008 a layer that is called on several inputs
    BN009 a frozen layer behind a linear map that is not
    BN010 a layer that is not frozen among layers that are
    BN011 a momentum that keeps over 5% of the initial statistics, or outside of [0, 1)
    ===== =============================================================================

    Of a subclassed model, and of layers inside of other layers, only the numbers can be judged:
    BN006, BN007 and BN011.

    Parameters
    ----------
    model : keras.Model
        Built. It is not changed.
    steps : int, optional
        How many steps of training it gets, for BN011. By default those that its optimizer has
        counted.

    Returns
    -------
    list of Finding
        In the order of the layers; empty if there is nothing to say.

    Raises
    ------
    TypeError
        If `model` is not a Keras model, or `steps` not an integer.
    ValueError
        If `model` is not built, or `steps` is negative.

    Examples
    --------
    >>> import keras
    >>> from bn_companion import audit
    >>> model = keras.Sequential(
    ...     [
    ...         keras.Input((4,)),
    ...         keras.layers.Dense(8, name="dense"),
    ...         keras.layers.BatchNormalization(name="norm"),
    ...         keras.layers.Activation("relu"),
    ...         keras.layers.Dense(3, name="logits"),
    ...     ]
    ... )
    >>> for finding in audit(model):
    ...     print(finding)
    dense: BN002 info: the bias of dense, 8 numbers, does nothing in front of norm
    """
    check_model(model)
    done = _steps_of(model)
    planned = done if steps is None else positive_int("steps", steps, minimum=0)
    layers = all_layers(model)
    names = {id(layer): name for name, layer in layers.items()}
    found: list[tuple[Any, Finding]] = []
    try:
        graph = read(model)
    except (TypeError, ValueError):  # a subclassed model: there is no wiring to be seen
        pass
    else:
        found += wiring_findings(graph, names)
    for name, layer in layers.items():
        if is_batch_norm(layer) and layer.built:
            wrong = statistics_findings(layer, name, done=done, steps=planned)
            found += ((layer, finding) for finding in wrong)
    order = {id(layer): place for place, layer in enumerate(layers.values())}
    found.sort(key=lambda pair: (order[id(pair[0])], pair[1].code))
    return [finding for _, finding in found]


def _steps_of(model: keras.Model) -> int:
    optimizer = getattr(model, "optimizer", None)
    return 0 if optimizer is None else int(optimizer.iterations)
