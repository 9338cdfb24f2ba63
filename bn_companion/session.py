"""One call that makes a notebook quiet and repeatable, the first line of every chapter."""

import os
import sys
import warnings

from bn_companion import plots
from bn_companion._checks import seed_of
from bn_companion._progress import QUIET_VARIABLE
from bn_companion._startup import without_startup_lines

__all__ = ["reproducible"]

# Defaults only: a variable that is already set keeps its value.
_ENVIRONMENT = {
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "TF_ENABLE_ONEDNN_OPTS": "0",
    "CUDA_VISIBLE_DEVICES": "-1",
    QUIET_VARIABLE: "1",
}


def reproducible(seed: int = 0) -> None:
    """Make this process quiet and its results repeatable: seeds, determinism, figure style.

    Call it before TensorFlow is imported. It hides TensorFlow's start-up messages and progress
    bars, keeps the work on the CPU without oneDNN (each by a default: an environment variable
    that you set yourself stays), seeds Python, NumPy and TensorFlow, makes TensorFlow's operations
    deterministic, and sets the book's figure style.

    Two runs on one machine then agree to the last digit. Two machines agree up to rounding, which
    training amplifies.

    Parameters
    ----------
    seed : int, default 0
        Seed for `keras.utils.set_random_seed`.

    Raises
    ------
    ValueError, TypeError
        If `seed` is not a non-negative integer.

    Warns
    -----
    UserWarning
        If TensorFlow is imported already, so that some settings come too late.

    Examples
    --------
    >>> import bn_companion as bn
    >>> bn.reproducible(seed=1)
    >>> import numpy as np
    >>> first = np.random.rand()
    >>> bn.reproducible(seed=1)
    >>> bool(np.random.rand() == first)
    True
    """
    seed = seed_of(seed)
    late = "tensorflow" in sys.modules and any(name not in os.environ for name in _ENVIRONMENT)
    if late:
        warnings.warn(
            "TensorFlow is imported already, so its log level, oneDNN and device settings stay "
            "as they are; restart the kernel and call `reproducible` first",
            stacklevel=2,
        )
    for name, value in _ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    with without_startup_lines():
        import keras  # noqa: PLC0415
        import tensorflow as tf  # noqa: PLC0415

    keras.utils.set_random_seed(seed)
    tf.config.experimental.enable_op_determinism()
    plots.use_style()
