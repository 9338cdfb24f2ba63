"""Arguments and methods that Keras 1 and 2 had and Keras 3 has not.

Every row was tried on Keras 3.15; tests/diagnose/test_lint_old.py tries each again. Arguments
that Keras 3 takes with the same meaning and a notice of its own, such as ``input_shape=``,
``LeakyReLU(alpha=...)`` or ``Embedding(input_length=...)``, are not here: the code is right.
"""

from dataclasses import dataclass
from functools import lru_cache

from bn_companion.diagnose.lint import catalog

__all__ = ["ARGUMENTS", "FIT_ARGUMENTS", "METHODS", "Gone", "arguments_of"]


@dataclass(frozen=True, slots=True)
class Gone:
    """What became of an argument.

    Parameters
    ----------
    new : str, optional
        Its name of today; without it, there is none.
    hint : str
        What to write, where that is more than the new name.
    drop : tuple
        Values with which the argument can be left out, and nothing changes; ``...`` is any.
    values : dict, optional
        New names of values, as source text; a value that is not listed is not rewritten.
    ignored : bool
        Keras 3 takes the argument, with a warning.
    """

    new: str | None = None
    hint: str = ""
    drop: tuple[object, ...] = ()
    values: tuple[tuple[str, str], ...] | None = None
    ignored: bool = False


def _renamed(**names: str) -> dict[str, Gone]:
    return {old: Gone(new) for old, new in names.items()}


_FORMAT = Gone(
    "data_format",
    hint="Write `data_format='channels_first'` for 'th', 'channels_last' for 'tf'.",
    drop=("default",),
    values=(("th", "'channels_first'"), ("tf", "'channels_last'")),
)
_INIT = {
    **_renamed(init="kernel_initializer", W_regularizer="kernel_regularizer"),
    **_renamed(b_regularizer="bias_regularizer", W_constraint="kernel_constraint"),
    **_renamed(b_constraint="bias_constraint", bias="use_bias"),
}
_CONV1D = {
    **_INIT,
    **_renamed(nb_filter="filters", filter_length="kernel_size", border_mode="padding"),
    **_renamed(subsample_length="strides", atrous_rate="dilation_rate"),
}
_WINDOW = Gone(hint="Write `kernel_size=(rows, columns)`.")
_CONV2D = {
    **_INIT,
    **_renamed(nb_filter="filters", border_mode="padding", subsample="strides"),
    **_renamed(atrous_rate="dilation_rate"),
    "dim_ordering": _FORMAT,
    "nb_row": _WINDOW,
    "nb_col": _WINDOW,
}
_CONV3D = {
    **{k: v for k, v in _CONV2D.items() if not k.startswith("nb_") or k == "nb_filter"},
    **{f"kernel_dim{n}": Gone(hint="Write `kernel_size=(a, b, c)`.") for n in (1, 2, 3)},
}
_SEPARABLE = {
    **{k: v for k, v in _CONV2D.items() if k not in ("init", "W_regularizer", "W_constraint")},
    "init": Gone(hint="Write `depthwise_initializer=` and `pointwise_initializer=`."),
}
_RECURRENT = {
    **_renamed(output_dim="units", init="kernel_initializer", inner_init="recurrent_initializer"),
    **_renamed(inner_activation="recurrent_activation", dropout_W="dropout"),
    **_renamed(dropout_U="recurrent_dropout", W_regularizer="kernel_regularizer"),
    **_renamed(U_regularizer="recurrent_regularizer", b_regularizer="bias_regularizer"),
    "consume_less": Gone(hint="Leave it out; Keras chooses.", drop=(...,)),
    "input_length": Gone(hint="Put `keras.Input((length, features))` in front."),
}
_POOL = {**_renamed(border_mode="padding"), "dim_ordering": _FORMAT}
_SPATIAL = {"dim_ordering": _FORMAT}
_BATCH_NORM = {
    **_renamed(gamma_init="gamma_initializer", beta_init="beta_initializer"),
    "mode": Gone(
        hint="mode=0 is what Keras 3 does: leave it out. mode=1 is close to LayerNormalization; "
        "mode=2 has no successor.",
        drop=(0,),
    ),
    "fused": Gone(hint="Leave it out; Keras chooses.", drop=(...,)),
    "virtual_batch_size": Gone(hint="Leave it out.", drop=(None,)),
    "adjustment": Gone(hint="Leave it out.", drop=(None,)),
}
_RATE = _renamed(p="rate")
_WEIGHTS = Gone(hint="Build the layer, then call `layer.set_weights(...)`.", drop=(None,))
_BATCH_SHAPE = Gone(hint="Put `keras.Input(batch_shape=...)` in front.")
_OPTIMIZER = {
    "lr": Gone("learning_rate"),
    "decay": Gone(
        hint="Write `learning_rate=keras.optimizers.schedules.InverseTimeDecay(rate, 1, decay)`.",
        drop=(0, 0.0, None),
        ignored=True,
    ),
    "schedule_decay": Gone(hint="Leave it out.", drop=(0.004,)),
}

#: Arguments by class or function of Keras, by the last part of its path.
ARGUMENTS: dict[str, dict[str, Gone]] = {
    "Dense": {**_INIT, **_renamed(output_dim="units")},
    **dict.fromkeys(("Conv1D", "Convolution1D"), _CONV1D),
    **dict.fromkeys(("Conv2D", "Convolution2D", "Conv2DTranspose"), _CONV2D),
    **dict.fromkeys(("Conv3D", "Convolution3D"), _CONV3D),
    **dict.fromkeys(("SeparableConv2D", "SeparableConvolution2D"), _SEPARABLE),
    "LSTM": {
        **_RECURRENT,
        "forget_bias_init": Gone(
            "unit_forget_bias", hint="Write `unit_forget_bias=True`.", values=(("one", "True"),)
        ),
    },
    "GRU": _RECURRENT,
    "SimpleRNN": {k: v for k, v in _RECURRENT.items() if k != "inner_activation"},
    **{
        f"{kind}Pooling1D": {
            **_renamed(pool_length="pool_size", stride="strides", border_mode="padding")
        }
        for kind in ("Max", "Average")
    },
    **{f"{kind}Pooling{n}D": _POOL for kind in ("Max", "Average") for n in (2, 3)},
    **{f"Global{kind}Pooling{n}D": _SPATIAL for kind in ("Max", "Average") for n in (2, 3)},
    **{f"{kind}{n}D": _SPATIAL for kind in ("ZeroPadding", "Cropping") for n in (2, 3)},
    **{f"UpSampling{n}D": _SPATIAL for n in (2, 3)},
    "UpSampling1D": _renamed(length="size"),
    "Dropout": _RATE,
    "GaussianDropout": _RATE,
    "SpatialDropout1D": _RATE,
    "SpatialDropout2D": {**_RATE, **_SPATIAL},
    "SpatialDropout3D": {**_RATE, **_SPATIAL},
    "GaussianNoise": _renamed(sigma="stddev"),
    "BatchNormalization": _BATCH_NORM,
    "PReLU": {"init": Gone("alpha_initializer"), "weights": _WEIGHTS},
    "Embedding": {
        **_renamed(init="embeddings_initializer", W_regularizer="embeddings_regularizer"),
        **_renamed(W_constraint="embeddings_constraint"),
        "dropout": Gone(hint="Put `SpatialDropout1D` behind the embedding."),
    },
    "Reshape": _renamed(dims="target_shape"),
    **dict.fromkeys(catalog.OPTIMIZERS, _OPTIMIZER),
    "Model": _renamed(input="inputs", output="outputs"),
    "to_categorical": _renamed(nb_classes="num_classes"),
    **dict.fromkeys(("l1", "L1"), _renamed(l="l1")),
    **dict.fromkeys(("l2", "L2"), _renamed(l="l2")),
    **dict.fromkeys(("maxnorm", "max_norm", "MaxNorm"), _renamed(m="max_value")),
    "ModelCheckpoint": {
        "period": Gone(hint="Write `save_freq=`, which counts batches.", drop=(1,))
    },
    "TensorBoard": {
        **{name: Gone(hint="Leave it out.", drop=(...,)) for name in ("write_grads", "batch_size")},
        "embeddings_layer_names": Gone(hint="Leave it out.", drop=(None,)),
    },
}

# The arguments that any layer of Keras 1 or 2 takes, and the layers that do not take them, or
# mean something of their own by them.
_ANY_LAYER = {
    "weights": _WEIGHTS,
    "batch_input_shape": _BATCH_SHAPE,
    "input_dtype": Gone(hint="Put `keras.Input(..., dtype=...)` in front."),
    "input_dim": Gone(hint="Put `keras.Input((features,))` in front.", ignored=True),
}
_NOT_THERE = {
    "Embedding": frozenset(["weights", "input_dim"]),
    "Bidirectional": frozenset(["weights"]),
    **{f"SpatialDropout{n}D": frozenset(["input_dim"]) for n in (1, 2, 3)},
}
_LAYERS_OF_KERAS_1 = frozenset(name for name in ARGUMENTS if name[0].isupper()) | frozenset(
    (
        *("Activation", "Flatten", "Masking", "Permute", "RepeatVector", "TimeDistributed"),
        *("Lambda", "Bidirectional", "ELU", "ConvLSTM2D", "ActivityRegularization"),
    )
)
_NO_LAYER = catalog.OPTIMIZERS | {"Model", "L1", "L2", "MaxNorm", "ModelCheckpoint", "TensorBoard"}


@lru_cache(maxsize=1024)
def arguments_of(path: str) -> dict[str, Gone]:
    """Return what became of the arguments of a class or function of Keras.

    Examples
    --------
    >>> from bn_companion.diagnose.lint.old_arguments import arguments_of
    >>> arguments_of("keras.layers.Dense")["init"].new
    'kernel_initializer'
    >>> "init" in arguments_of("keras.layers.Attention")
    False
    """
    name = path.rpartition(".")[2]
    own = ARGUMENTS.get(name, {})
    if path.startswith("keras.layers.") and name in _LAYERS_OF_KERAS_1 - _NO_LAYER:
        kept = _NOT_THERE.get(name, frozenset())
        return own | {k: v for k, v in _ANY_LAYER.items() if k not in kept}
    home = {
        "Model": ("keras.Model", "keras.models.", "keras.engine."),
        "to_categorical": ("keras.utils.",),
    }
    for names, place in (
        (catalog.OPTIMIZERS, ("keras.optimizers.",)),
        (("l1", "L1", "l2", "L2"), ("keras.regularizers.",)),
        (("maxnorm", "max_norm", "MaxNorm"), ("keras.constraints.",)),
        (("ModelCheckpoint", "TensorBoard"), ("keras.callbacks.",)),
        *(((key,), value) for key, value in home.items()),
    ):
        if name in names and path.startswith(place):
            return own
    return {}


_TO_PY_DATASET = Gone(hint="Give it to the PyDataset, or use a tf.data pipeline.")
_COUNTS = Gone(hint="Write `steps_per_epoch=`, which counts batches, not examples.")

#: Arguments of a model's methods. The second item of a key: can only Keras have meant it?
FIT_ARGUMENTS: dict[tuple[str, bool], Gone] = {
    ("nb_epoch", True): Gone("epochs"),
    ("show_accuracy", True): Gone(hint="Write `metrics=['accuracy']` in `compile`.", drop=(False,)),
    ("samples_per_epoch", True): _COUNTS,
    ("nb_val_samples", True): Gone(hint="Write `validation_steps=`, which counts batches."),
    ("val_samples", True): Gone(hint="Write `steps=`, which counts batches."),
    ("nb_worker", True): _TO_PY_DATASET,
    ("max_q_size", True): _TO_PY_DATASET,
    ("pickle_safe", True): _TO_PY_DATASET,
    ("workers", False): _TO_PY_DATASET,
    ("use_multiprocessing", False): _TO_PY_DATASET,
    ("max_queue_size", False): _TO_PY_DATASET,
    ("class_mode", True): Gone(hint="Leave it out.", drop=(...,)),
    ("sample_weight_mode", False): Gone(hint="Leave it out.", drop=(None,)),
}

#: Methods of models, with what to write. The second item: can only Keras have meant it?
METHODS: dict[str, tuple[str, bool]] = {
    "fit_generator": ("Write `fit`, which takes generators.", True),
    "evaluate_generator": ("Write `evaluate`, which takes generators.", True),
    "predict_generator": ("Write `predict`, which takes generators.", True),
    "predict_classes": (
        "Write `predict(x).argmax(axis=-1)`, or `predict(x) > 0.5` for one sigmoid.",
        True,
    ),
    "predict_proba": ("Write `predict`.", False),
    "to_yaml": ("Write `to_json`.", False),
}
