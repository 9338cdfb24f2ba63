"""What the rules need to know of Keras' layers, under their names of all versions."""

import ast

__all__ = [
    "BATCH_NORM",
    "DROPOUT",
    "FRAGMENT_NAMES",
    "GONE_LAYERS",
    "LINEAR",
    "OPTIMIZERS",
    "TRANSPARENT",
    "channel_rank",
    "positional",
]

BATCH_NORM = frozenset(
    ["BatchNormalization", "BatchNormalizationV1", "BatchNormalizationV2", "SyncBatchNormalization"]
)

_CONV = ("filters", "kernel_size", "strides", "padding", "data_format")
_DEPTHWISE = ("kernel_size", "strides", "padding")

#: Layers that add one bias to each channel, with the positional arguments that all versions share.
LINEAR: dict[str, tuple[str, ...]] = {
    "Dense": ("units", "activation", "use_bias"),
    **{f"Conv{n}D": _CONV for n in (1, 2, 3)},
    **{f"Convolution{n}D": _CONV for n in (1, 2, 3)},
    **{f"Conv{n}DTranspose": _CONV[:4] for n in (1, 2, 3)},
    **{f"Convolution{n}DTranspose": _CONV[:4] for n in (1, 2, 3)},
    **{f"SeparableConv{n}D": _CONV for n in (1, 2)},
    **{f"SeparableConvolution{n}D": _CONV for n in (1, 2)},
    **{f"DepthwiseConv{n}D": _DEPTHWISE for n in (1, 2)},
    "Deconvolution2D": _CONV[:1],
    "AtrousConvolution2D": _CONV[:1],
}

#: Layers whose noise raises the variance in training and is gone at inference. AlphaDropout keeps
#: the variance, and GaussianNoise in front of batch normalization is a method of its own.
DROPOUT = frozenset(
    ["Dropout", "GaussianDropout", "SpatialDropout1D", "SpatialDropout2D", "SpatialDropout3D"]
)

#: Layers behind which the noise of dropout is still there.
TRANSPARENT = frozenset(
    (
        *("Activation", "ReLU", "LeakyReLU", "PReLU", "ELU", "ThresholdedReLU", "Identity"),
        *("Flatten", "Reshape", "Permute", "RepeatVector"),
        *(f"{kind}{n}D" for kind in ("ZeroPadding", "Cropping", "UpSampling") for n in (1, 2, 3)),
    )
)

OPTIMIZERS = frozenset(
    ["SGD", "RMSprop", "Adagrad", "Adadelta", "Adam", "AdamW", "Adamax", "Nadam", "Ftrl"]
)

_POSITIONAL: dict[str, tuple[str, ...]] = {
    **LINEAR,
    **dict.fromkeys(BATCH_NORM, ("axis",)),
    **dict.fromkeys(DROPOUT, ("rate", "noise_shape", "seed")),
    "Activation": ("activation",),
    "Softmax": ("axis",),
}

_LAYERS = (
    *LINEAR,
    *BATCH_NORM,
    *DROPOUT,
    *TRANSPARENT,
    *(f"{name}Pooling{n}D" for name in ("Max", "Average") for n in (1, 2, 3)),
    *(f"Global{name}Pooling{n}D" for name in ("Max", "Average") for n in (1, 2, 3)),
    *("Add", "Concatenate", "Multiply", "Embedding", "LSTM", "GRU", "SimpleRNN", "Bidirectional"),
    *("TimeDistributed", "Masking", "Lambda", "Input", "Softmax", "GaussianNoise", "AlphaDropout"),
    *("LayerNormalization", "GroupNormalization", "MaxoutDense", "Merge", "merge", "Highway"),
    *("TimeDistributedDense", "Layer"),
)

#: Those of the names that Keras 3 does not have.
GONE_LAYERS = frozenset(
    (
        *("MaxoutDense", "Merge", "Highway", "TimeDistributedDense", "Deconvolution2D"),
        *("AtrousConvolution2D", "ThresholdedReLU", "BatchNormalizationV1"),
        *("BatchNormalizationV2", "SyncBatchNormalization"),
    )
)

#: What a name means in a fragment without imports, or behind a star import.
FRAGMENT_NAMES: dict[str, str] = {
    "keras": "keras",
    "tf": "tensorflow",
    "layers": "keras.layers",
    "Sequential": "keras.models.Sequential",
    "Model": "keras.models.Model",
    **{name: f"keras.layers.{name}" for name in _LAYERS},
    **{name: f"keras.optimizers.{name}" for name in OPTIMIZERS},
}


def positional(kind: str, call: ast.Call) -> dict[str, ast.expr] | None:
    """Return the arguments of a layer's call by name, or None where that cannot be said.

    Examples
    --------
    >>> import ast
    >>> from bn_companion.diagnose.lint.catalog import positional
    >>> call = ast.parse("Dense(64, 'relu', name='d')").body[0].value
    >>> list(positional("Dense", call))
    ['units', 'activation', 'name']
    >>> positional("Dense", ast.parse("Dense(*sizes)").body[0].value) is None
    True
    """
    names = _POSITIONAL.get(kind, ())
    if len(call.args) > len(names) and kind in _POSITIONAL:
        return None
    if any(isinstance(arg, ast.Starred) for arg in call.args):
        return None
    found = dict(zip(names, call.args, strict=False))
    for keyword in call.keywords:
        if keyword.arg is None or keyword.arg in found:
            return None
        found[keyword.arg] = keyword.value
    return found


def channel_rank(kind: str) -> int:
    """Return the rank of a convolution's output, 0 for a dense layer, whose rank is open."""
    digits = [int(letter) for letter in kind if letter.isdigit()]
    return digits[0] + 2 if digits else 0
