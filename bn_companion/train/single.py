"""One seeded training with `fit`, and its history as a tidy table."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import keras
import pandas as pd

from bn_companion._checks import positive_int, probability, real, seed_of
from bn_companion._progress import progress_bar
from bn_companion.train.arguments import (
    check_batch_size,
    check_build,
    check_dataset,
    check_model,
)
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
    dataset: "Dataset | str",
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
    dataset : Dataset or str
        Or a name for `load`. Trained on its training part, followed on its validation part.
    seed : int, default 0
        Seed of the initial weights, the order of the examples and the dropout.
    epochs : int, default 20
        Passes over the training part.
    batch_size : int, default 32
        Examples a step; the last step of an epoch takes what is left. (Of a single example, batch
        normalization makes its beta: choose a size that leaves none alone.)
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
    check_build(build)
    data = check_dataset(dataset)
    seed = seed_of(seed)
    epochs = positive_int("epochs", epochs)
    batch_size = check_batch_size(batch_size, data)
    if not isinstance(nesterov, bool):
        raise TypeError(f"`nesterov` must be a bool. Received: {nesterov!r}")
    if real("learning_rate", learning_rate) <= 0:
        raise ValueError(f"`learning_rate` must be positive. Received: {learning_rate!r}")
    momentum = probability("momentum", momentum)

    keras.utils.set_random_seed(seed)
    model = build()
    check_model(model, data)
    model.compile(
        optimizer=keras.optimizers.SGD(learning_rate, momentum=momentum, nesterov=nesterov),
        loss=loss_for(model),
        metrics=[accuracy_for(model)],
    )
    bar = progress_bar(epochs, what=f"{model.name}, seed {seed}", unit="epoch", progress=progress)
    with bar:
        fitted = model.fit(
            data.x_train,
            data.y_train,
            batch_size=batch_size,
            epochs=epochs,
            validation_data=(data.x_val, data.y_val),
            callbacks=[keras.callbacks.LambdaCallback(on_epoch_end=lambda *_: bar.update())],
            verbose=0,
        )
    result = model.evaluate(data.x_test, data.y_test, verbose=0, return_dict=True)
    history = pd.DataFrame(fitted.history).rename(columns=_COLUMNS)[list(_COLUMNS.values())]
    history.insert(0, "seed", seed)
    history.insert(1, "epoch", range(1, epochs + 1))
    return Run(model, history, float(result["loss"]), float(result["accuracy"]), seed)
