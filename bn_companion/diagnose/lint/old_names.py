"""Modules, classes and functions that Keras 1 and 2 had and Keras 3 has elsewhere, or no longer.

Every row was tried on Keras 3.15; tests/diagnose/test_lint_old.py tries each again.
"""

from bn_companion.diagnose.lint import catalog

__all__ = ["HOMES", "MODULES", "NAMES", "TENSORFLOW_KEEPS"]

#: Modules that moved, and to where; None where there is no one place.
MODULES: dict[str, str | None] = {
    **{
        f"keras.layers.{name}": "keras.layers"
        for name in (
            *("core", "convolutional", "pooling", "normalization", "recurrent", "embeddings"),
            *("advanced_activations", "noise", "wrappers", "merge", "local", "cudnn_recurrent"),
            *("convolutional_recurrent", "normalization.batch_normalization", "rnn"),
            "experimental.preprocessing",
        )
    },
    "keras.layers.containers": "keras.models",
    "keras.utils.np_utils": "keras.utils",
    "keras.utils.vis_utils": "keras.utils",
    "keras.utils.visualize_util": "keras.utils",
    "keras.utils.generic_utils": "keras.utils",
    "keras.utils.data_utils": "keras.utils",
    "keras.utils.io_utils": None,
    "keras.utils.layer_utils": None,
    "keras.utils.training_utils": None,
    "keras.engine": None,
    "keras.engine.topology": None,
    "keras.engine.training": None,
    "keras.engine.base_layer": None,
    "keras.initializations": "keras.initializers",
    "keras.objectives": "keras.losses",
    "keras.backend.tensorflow_backend": None,
    "keras.wrappers.scikit_learn": None,
    "keras.preprocessing.text": None,
    "keras.mixed_precision.experimental": "keras.mixed_precision",
    "keras.optimizers.experimental": "keras.optimizers",
}

_ENGINE = {"Layer": "keras.layers", "InputSpec": "keras.layers", "Input": "keras", "Model": "keras"}

#: Names that moved or went: where they are today, or None, and what to write.
NAMES: dict[str, tuple[str | None, str]] = {
    "keras.layers.Merge": (None, "Use `Add`, `Multiply`, `Concatenate` or their like."),
    "keras.layers.merge": (None, "Use `Add`, `Multiply`, `Concatenate` or their like."),
    "keras.layers.MaxoutDense": (None, "Write a `Dense` layer, `Reshape` and a maximum."),
    "keras.layers.Highway": (None, "Write the two `Dense` layers and the gate."),
    "keras.layers.TimeDistributedDense": (None, "Use `Dense`, which acts on the last axis."),
    "keras.layers.Deconvolution2D": (None, "Use `Conv2DTranspose`, without `output_shape`."),
    "keras.layers.AtrousConvolution1D": (None, "Use `Conv1D(..., dilation_rate=...)`."),
    "keras.layers.AtrousConvolution2D": (None, "Use `Conv2D(..., dilation_rate=...)`."),
    "keras.layers.LocallyConnected1D": (None, "Keras 3 has no such layer."),
    "keras.layers.LocallyConnected2D": (None, "Keras 3 has no such layer."),
    "keras.layers.CuDNNLSTM": (None, "Use `LSTM`, which chooses cuDNN by itself."),
    "keras.layers.CuDNNGRU": (None, "Use `GRU`, which chooses cuDNN by itself."),
    "keras.layers.ThresholdedReLU": (None, "Use `ReLU(threshold=...)`."),
    "keras.layers.DenseFeatures": (None, "Use `keras.utils.FeatureSpace`."),
    "keras.layers.experimental.SyncBatchNormalization": (
        None,
        "Use `BatchNormalization(synchronized=True)`.",
    ),
    "keras.models.Graph": (None, "Use the functional API."),
    "keras.models.model_from_yaml": (None, "Use `model_from_json`."),
    "keras.regularizers.l1l2": ("keras.regularizers.l1_l2", ""),
    "keras.regularizers.WeightRegularizer": ("keras.regularizers.L1L2", ""),
    "keras.constraints.maxnorm": ("keras.constraints.max_norm", ""),
    "keras.constraints.nonneg": ("keras.constraints.non_neg", ""),
    "keras.constraints.unitnorm": ("keras.constraints.unit_norm", ""),
    "keras.utils.vis_utils.plot_model": ("keras.utils.plot_model", ""),
    "keras.utils.visualize_util.plot": ("keras.utils.plot_model", ""),
    "keras.utils.multi_gpu_model": (None, "Use `tf.distribute` or `keras.distribution`."),
    "keras.utils.training_utils.multi_gpu_model": (
        None,
        "Use `tf.distribute` or `keras.distribution`.",
    ),
    "keras.utils.print_summary": (None, "Call `model.summary()`."),
    "keras.utils.HDF5Matrix": (None, "Use h5py and a PyDataset."),
    "keras.optimizers.TFOptimizer": (None, "Use an optimizer of Keras."),
    "keras.backend.image_dim_ordering": (
        None,
        "Use `image_data_format()`, which returns 'channels_first' or 'channels_last'.",
    ),
    "keras.backend.set_image_dim_ordering": (
        None,
        "Use `set_image_data_format('channels_first')` for 'th', 'channels_last' for 'tf'.",
    ),
    "keras.backend.learning_phase": (None, "Hand on `training=`."),
    "keras.backend.set_learning_phase": (None, "Hand on `training=`."),
    "keras.preprocessing.image.ImageDataGenerator": (
        None,
        "Use `keras.utils.image_dataset_from_directory` and layers such as `RandomFlip`.",
    ),
    "keras.preprocessing.text.Tokenizer": (None, "Use `keras.layers.TextVectorization`."),
    "keras.wrappers.scikit_learn.KerasClassifier": (
        None,
        "Use `keras.wrappers.SKLearnClassifier`.",
    ),
    "keras.wrappers.scikit_learn.KerasRegressor": (None, "Use `keras.wrappers.SKLearnRegressor`."),
    **{
        f"keras.engine.{module}{name}": (f"{home}.{name}", "")
        for module in ("", "topology.", "training.", "base_layer.")
        for name, home in _ENGINE.items()
    },
    **{
        f"keras.optimizers.legacy.{name}": (None, f"Use `keras.optimizers.{name}`.")
        for name in sorted(catalog.OPTIMIZERS - {"AdamW", "Adamax", "Nadam", "Adadelta"})
    },
}

#: What `tf.keras` still has although `keras` has not.
TENSORFLOW_KEEPS = (
    "keras.layers.ThresholdedReLU",
    "keras.preprocessing.text",
    "keras.preprocessing.image.ImageDataGenerator",
)

#: What can be imported from where the modules of old have gone, of the names that they had.
HOMES: dict[str, frozenset[str]] = {
    "keras.layers": frozenset(
        (
            *(
                name
                for name, path in catalog.FRAGMENT_NAMES.items()
                if path == f"keras.layers.{name}"
            ),
            *("ActivityRegularization", "Average", "AveragePooling1D", "Bidirectional", "Conv1D"),
            *("ConvLSTM1D", "ConvLSTM2D", "ConvLSTM3D", "Dot", "ELU", "GRUCell", "LSTMCell"),
            *("Maximum", "Minimum", "RNN", "SimpleRNNCell", "StackedRNNCells", "Subtract"),
            *("Wrapper", "InputLayer", "InputSpec", "add", "average", "concatenate", "dot"),
            *("maximum", "minimum", "multiply", "subtract"),
            *("CategoryEncoding", "CenterCrop", "Discretization", "Hashing", "IntegerLookup"),
            *("Normalization", "RandomContrast", "RandomCrop", "RandomFlip", "RandomRotation"),
            *("RandomTranslation", "RandomZoom", "Rescaling", "Resizing", "StringLookup"),
            *("TextVectorization",),
        )
    )
    - catalog.GONE_LAYERS
    - {"merge"},
    "keras.utils": frozenset(
        (
            *("to_categorical", "normalize", "plot_model", "model_to_dot", "get_file", "Sequence"),
            *("Progbar", "CustomObjectScope", "custom_object_scope", "get_custom_objects"),
            *("serialize_keras_object", "deserialize_keras_object"),
        )
    ),
    "keras.models": frozenset(["Sequential", "Model", "load_model", "model_from_json"]),
    "keras.initializers": frozenset(
        (
            *("glorot_normal", "glorot_uniform", "he_normal", "he_uniform", "lecun_normal"),
            *("lecun_uniform", "identity", "orthogonal", "get"),
        )
    ),
    "keras.losses": frozenset(
        (
            *("binary_crossentropy", "categorical_crossentropy", "sparse_categorical_crossentropy"),
            *("mean_squared_error", "mean_absolute_error", "mean_absolute_percentage_error"),
            *("mean_squared_logarithmic_error", "squared_hinge", "hinge", "poisson", "get"),
        )
    ),
    "keras.mixed_precision": frozenset(["Policy", "LossScaleOptimizer"]),
    "keras.optimizers": catalog.OPTIMIZERS,
}
