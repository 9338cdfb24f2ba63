"""The networks of the book: small, complete, and alike but for where batch normalization goes.

Every builder returns an untrained `keras.Model` that ends in logits; `question_mlp` alone ends
in the softmax that the question has.
"""

from collections.abc import Sequence

import keras

from bn_companion._checks import positive_int, positive_ints, real
from bn_companion.build.blocks import (
    Activation,
    conv_block,
    dense_block,
)
from bn_companion.build.placement import Placement

__all__ = ["convnet", "mlp", "question_mlp", "sigmoid_mlp"]


def mlp(
    input_shape: Sequence[int],
    num_classes: int,
    *,
    hidden: Sequence[int] = (64, 64),
    activation: Activation = "relu",
    placement: Placement | str = "before",
    dropout: float = 0.0,
) -> keras.Model:
    """Build a multi-layer perceptron of `dense_block`\\ s that ends in logits.

    Parameters
    ----------
    input_shape : sequence of int
        Shape of one input, without the batch axis; more than one axis is flattened first.
    num_classes : int
        Number of logits, at least 2.
    hidden : sequence of int, default (64, 64)
        Units of the hidden layers; empty gives a linear classifier.
    activation : str, callable, keras.Layer or None, default "relu"
        Activation of the hidden layers.
    placement : Placement or str, default "before"
        Where batch normalization stands in each hidden layer; the output layer has none.
    dropout : float, default 0.0
        Dropout rate behind each hidden layer, in [0, 1).

    Returns
    -------
    keras.Model
        From (batch, *input_shape) to logits of shape (batch, num_classes).

    Raises
    ------
    ValueError, TypeError
        An argument out of its range; the message names it.

    Examples
    --------
    >>> from bn_companion import mlp
    >>> mlp((64,), 10, hidden=(32,), placement="none").count_params()  # 64*32 + 32 + 32*10 + 10
    2410
    >>> mlp((64,), 10, hidden=(32,), placement="before").count_params()  # 4*32 more, less the bias
    2506
    """
    shape = positive_ints("input_shape", input_shape)
    num_classes = positive_int("num_classes", num_classes, minimum=2)
    inputs = keras.Input(shape, name="inputs")
    x = inputs if len(shape) == 1 else keras.layers.Flatten(name="flatten")(inputs)
    for index, units in enumerate(positive_ints("hidden", hidden, allow_empty=True), start=1):
        x = dense_block(
            x,
            units,
            activation=activation,
            placement=placement,
            dropout=dropout,
            name=f"hidden_{index}",
        )
    return keras.Model(inputs, keras.layers.Dense(num_classes, name="logits")(x), name="mlp")


def question_mlp(
    *,
    placement: Placement | str = "none",
    normalize_output: bool = False,
    input_dim: int = 14,
    num_classes: int = 2,
) -> keras.Model:
    """Build the network of the question: 64-64 with tanh, dropout 0.5, and a softmax.

    Parameters
    ----------
    placement : Placement or str, default "none"
        Where batch normalization stands in the two hidden layers.
    normalize_output : bool, default False
        Put one more batch normalization before the softmax, as one of the answers does.
    input_dim : int, default 14
        Number of inputs.
    num_classes : int, default 2
        Number of outputs, at least 2.

    Returns
    -------
    keras.Model
        From (batch, input_dim) to probabilities of shape (batch, num_classes).

    Raises
    ------
    ValueError, TypeError
        An argument out of its range; the message names it.

    Notes
    -----
    ``init='uniform'`` of 2016 drew the kernels from U(-0.05, 0.05); so does this.

    Examples
    --------
    >>> from bn_companion import question_mlp
    >>> [layer.name for layer in question_mlp(placement="before").layers[1:6]]
    ['hidden_1_dense', 'hidden_1_bn', 'hidden_1_activation', 'hidden_1_dropout', 'hidden_2_dense']
    """
    if not isinstance(normalize_output, bool):
        raise TypeError(f"`normalize_output` must be a bool. Received: {normalize_output!r}")
    num_classes = positive_int("num_classes", num_classes, minimum=2)
    inputs = keras.Input((positive_int("input_dim", input_dim),), name="inputs")
    x = inputs
    for index in (1, 2):
        x = dense_block(
            x,
            64,
            activation="tanh",
            placement=placement,
            dropout=0.5,
            kernel_initializer=keras.initializers.RandomUniform(-0.05, 0.05),
            name=f"hidden_{index}",
        )
    outputs = dense_block(
        x,
        num_classes,
        activation="softmax",
        placement="before" if normalize_output else "none",
        kernel_initializer=keras.initializers.RandomUniform(-0.05, 0.05),
        name="output",
    )
    return keras.Model(inputs, outputs, name="question_mlp")


def sigmoid_mlp(
    *,
    placement: Placement | str,
    input_dim: int,
    num_classes: int = 10,
    stddev: float = 0.1,
) -> keras.Model:
    """Build the network of section 4.1 of the paper: three hidden layers of 100 sigmoid units.

    Parameters
    ----------
    placement : Placement or str
        Where batch normalization stands in the hidden layers.
    input_dim : int
        Number of inputs; the paper has 784.
    num_classes : int, default 10
        Number of logits, at least 2.
    stddev : float, default 0.1
        Standard deviation of the Gaussian initial weights. The paper says "small random Gaussian
        values" and gives no number.

    Returns
    -------
    keras.Model
        From (batch, input_dim) to logits of shape (batch, num_classes).

    Raises
    ------
    ValueError, TypeError
        An argument out of its range; the message names it.

    References
    ----------
    .. [1] S. Ioffe and C. Szegedy, "Batch normalization", ICML 2015, section 4.1, figure 1.

    Examples
    --------
    >>> from bn_companion import sigmoid_mlp
    >>> sigmoid_mlp(placement="none", input_dim=784).count_params()
    99710
    """
    if real("stddev", stddev) <= 0:
        raise ValueError(f"`stddev` must be positive. Received: {stddev!r}")
    num_classes = positive_int("num_classes", num_classes, minimum=2)
    inputs = keras.Input((positive_int("input_dim", input_dim),), name="inputs")
    x = inputs
    for index in (1, 2, 3):
        x = dense_block(
            x,
            100,
            activation="sigmoid",
            placement=placement,
            kernel_initializer=keras.initializers.RandomNormal(stddev=stddev),
            name=f"hidden_{index}",
        )
    logits = keras.layers.Dense(
        num_classes,
        kernel_initializer=keras.initializers.RandomNormal(stddev=stddev),
        name="logits",
    )
    return keras.Model(inputs, logits(x), name="sigmoid_mlp")


def convnet(
    input_shape: Sequence[int],
    num_classes: int,
    *,
    filters: Sequence[int] = (16, 32),
    kernel_size: int = 3,
    activation: Activation = "relu",
    placement: Placement | str = "before",
    dropout: float = 0.0,
) -> keras.Model:
    """Build a small convolutional network of `conv_block`\\ s that ends in logits.

    Each block is followed by max pooling over two positions a side, the last by the average over
    all positions.

    Parameters
    ----------
    input_shape : sequence of int
        One to three position axes, then channels: (steps, channels), (height, width, channels)...
    num_classes : int
        Number of logits, at least 2.
    filters : sequence of int, default (16, 32)
        Feature maps of the blocks.
    kernel_size : int, default 3
        Width of the window along each position axis.
    activation : str, callable, keras.Layer or None, default "relu"
        Activation of the blocks.
    placement : Placement or str, default "before"
        Where batch normalization stands in each block.
    dropout : float, default 0.0
        Dropout rate of each block, in [0, 1).

    Returns
    -------
    keras.Model
        From (batch, *input_shape) to logits of shape (batch, num_classes).

    Raises
    ------
    ValueError, TypeError
        An argument out of its range; the message names it.

    Examples
    --------
    >>> from bn_companion import convnet
    >>> convnet((28, 28, 1), 10).output_shape
    (None, 10)
    """
    shape = positive_ints("input_shape", input_shape)
    if len(shape) not in (2, 3, 4):
        raise ValueError(
            "`input_shape` must be (steps, channels), (height, width, channels) or (depth, "
            f"height, width, channels). Received: {shape}"
        )
    num_classes = positive_int("num_classes", num_classes, minimum=2)
    pool = {
        2: keras.layers.MaxPooling1D,
        3: keras.layers.MaxPooling2D,
        4: keras.layers.MaxPooling3D,
    }[len(shape)]
    average = {
        2: keras.layers.GlobalAveragePooling1D,
        3: keras.layers.GlobalAveragePooling2D,
        4: keras.layers.GlobalAveragePooling3D,
    }[len(shape)]
    widths = positive_ints("filters", filters)
    inputs = keras.Input(shape, name="inputs")
    x = inputs
    for index, width in enumerate(widths, start=1):
        x = conv_block(
            x,
            width,
            kernel_size,
            activation=activation,
            placement=placement,
            dropout=dropout,
            name=f"block_{index}",
        )
        if index < len(widths):
            x = pool(2, padding="same", name=f"block_{index}_pool")(x)
    x = average(name="average")(x)
    return keras.Model(inputs, keras.layers.Dense(num_classes, name="logits")(x), name="convnet")
