"""One seeded training with `fit`, and its history as a tidy table."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import keras
import pandas as pd

from bn_companion._checks import positive_int, probability, real
from bn_companion._progress import progress_bar
from bn_companion.train.loss import accuracy_for, loss_for

if TYPE_CHECKING:
    from bn_companion.data import Dataset

__all__ = ["Run", "train_once"]

_COLUMNS = {
    "loss": "train_loss",
    "accuracy": "train_accuracy",
    "val_loss": "val_loss",
    "val_accuracy": "val_accuracy",
}


@dataclass(frozen=True, eq=False)
class Run:
    """One finished training.

    Attributes
    ----------
    model : keras.Model
        The trained model, compiled.
    history : pandas.DataFrame
        A row per epoch: ``seed``, ``epoch`` (from 1), ``train_loss``, ``train_accuracy`` (means
        over the epoch's batches, as `fit` reports them), ``val_loss``, ``val_accuracy``.
    test_loss, test_accuracy : float
        On the test part, after the last epoch.
    seed : int
        The seed of the initial weights, the shuffling and the dropout.
    """

    model: keras.Model
    history: pd.DataFrame
    test_loss: float
    test_accuracy: float
    seed: int


def train_once(
    build: Callable[[], keras.Model],
    dataset: "Dataset",
    *,
    seed: int = 0,
    epochs: int = 20,
    batch_size: int = 32,
    learning_rate: float = 0.1,
    momentum: float = 0.9,
    nesterov: bool = False,
    progress: bool | None = None,
) -> Run:
    """Build and train one model with SGD, from a seed that fixes everything.

    Parameters
    ----------
    build : callable
        Takes no argument and returns a new `keras.Model`; it is called after
        ``keras.utils.set_random_seed(seed)``, so that equal seeds give equal initial weights.
    dataset : Dataset
        Trained on its training part, followed on its validation part.
    seed : int, default 0
        Seed of the initial weights, the order of the examples and the dropout.
    epochs : int, default 20
        Passes over the training part.
    batch_size : int, default 32
        Examples a step; the last step of an epoch takes what is left.
    learning_rate : float, default 0.1
        Positive.
    momentum : float, default 0.9
        Momentum of SGD, in [0, 1).
    nesterov : bool, default False
        Nesterov's momentum.
    progress : bool, optional
        A bar over the epochs; by default one appears when the work takes more than a second,
        unless `reproducible` made the process quiet.

    Returns
    -------
    Run
        The trained model, its history and its result on the test part.

    Raises
    ------
    ValueError
        A number out of its range, a batch larger than the training part, or a model that does
        not fit the data.
    TypeError
        If `build` is not callable or returns no `keras.Model`.

    Notes
    -----
    On a CPU the result depends on the seed alone. On a GPU call `bn_companion.reproducible`
    first, which makes TensorFlow's operations deterministic.

    Examples
    --------
    >>> from bn_companion import load, mlp, train_once
    >>> wine = load("wine")
    >>> run = train_once(lambda: mlp((13,), 3, hidden=(8,)), wine, seed=1, epochs=2)
    >>> list(run.history.columns)
    ['seed', 'epoch', 'train_loss', 'train_accuracy', 'val_loss', 'val_accuracy']
    >>> len(run.history)
    2
    """
    if isinstance(build, keras.Model) or not callable(build):
        raise TypeError(
            "`build` must be a callable without arguments that returns a new model, for example "
            f"lambda: mlp((64,), 10). Received: {build!r}"
        )
    seed = positive_int("seed", seed, minimum=0)
    epochs = positive_int("epochs", epochs)
    batch_size = positive_int("batch_size", batch_size)
    if batch_size > len(dataset.x_train):
        raise ValueError(
            f"`batch_size` must not exceed the {len(dataset.x_train)} training examples. "
            f"Received: {batch_size}"
        )
    if real("learning_rate", learning_rate) <= 0:
        raise ValueError(f"`learning_rate` must be positive. Received: {learning_rate!r}")
    momentum = probability("momentum", momentum)

    keras.utils.set_random_seed(seed)
    model = build()
    _check_model(model, dataset)
    model.compile(
        optimizer=keras.optimizers.SGD(learning_rate, momentum=momentum, nesterov=nesterov),
        loss=loss_for(model),
        metrics=[accuracy_for(model)],
    )
    bar = progress_bar(epochs, what=f"{model.name}, seed {seed}", unit="epoch", progress=progress)
    with bar:
        fitted = model.fit(
            dataset.x_train,
            dataset.y_train,
            batch_size=batch_size,
            epochs=epochs,
            validation_data=(dataset.x_val, dataset.y_val),
            callbacks=[keras.callbacks.LambdaCallback(on_epoch_end=lambda *_: bar.update())],
            verbose=0,
        )
    result = model.evaluate(dataset.x_test, dataset.y_test, verbose=0, return_dict=True)
    history = pd.DataFrame(fitted.history).rename(columns=_COLUMNS)[list(_COLUMNS.values())]
    history.insert(0, "seed", seed)
    history.insert(1, "epoch", range(1, epochs + 1))
    return Run(model, history, float(result["loss"]), float(result["accuracy"]), seed)


def _check_model(model: Any, dataset: "Dataset") -> None:
    if not isinstance(model, keras.Model):
        raise TypeError(f"`build` must return a keras.Model. Received: {type(model).__name__}")
    shape = getattr(model, "input_shape", None)
    if isinstance(shape, tuple) and not _fits(shape[1:], dataset.input_shape):
        raise ValueError(
            f"`build` must return a model for inputs of shape {dataset.input_shape}, those of "
            f"{dataset.name!r}. Received: {shape[1:]}"
        )
    units = model.output_shape[-1]
    if units < dataset.num_classes and not (units == 1 and dataset.num_classes == 2):
        raise ValueError(
            f"`build` must return a model with {dataset.num_classes} outputs, the classes of "
            f"{dataset.name!r}. Received: {units}"
        )


def _fits(wanted: tuple[int | None, ...], given: tuple[int, ...]) -> bool:
    return len(wanted) == len(given) and all(
        size in (None, actual) for size, actual in zip(wanted, given, strict=True)
    )
