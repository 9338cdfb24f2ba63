"""The result of training replicas: curves, final scores, and every trained model."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
import pandas as pd

from bn_companion._checks import positive_int
from bn_companion.train.architecture import build_seeded
from bn_companion.train.program import Values

__all__ = ["Replicas"]

Array = npt.NDArray[Any]


@dataclass(frozen=True, eq=False)
class Replicas:
    """Many trained runs of one architecture.

    Attributes
    ----------
    runs : pandas.DataFrame
        One row a run, in the order of the arrays: ``seed``, ``learning_rate``, ``diverged`` (the
        epoch, from 1, in which the run stopped being finite; missing for all others),
        ``train_loss``, ``val_loss`` and ``val_accuracy`` after the last epoch, ``test_loss``,
        ``test_accuracy``.
    train_loss, val_loss, val_accuracy : ndarray of shape (run, epoch), float32
        Mean loss over the mini-batches of each epoch, as `model.fit` reports it; loss and accuracy
        on the validation part after the epoch. NaN from the epoch in which a run diverged.
    test_loss, test_accuracy : ndarray of shape (run,), float32
        On the test part, after the last epoch. NaN for runs that diverged.
    path : {"vectorized", "loop"}
        How the runs were trained.
    reason : str
        Why that path.
    step_seconds : float
        Median over the epochs of the time for one step of one run, compilation left out.
    seconds : float
        Time in all, compilation included, summed over the processes at work.
    """

    runs: pd.DataFrame
    train_loss: Array
    val_loss: Array
    val_accuracy: Array
    test_loss: Array
    test_accuracy: Array
    path: str
    reason: str
    step_seconds: float
    seconds: float
    _build: Callable[[], Any] = field(repr=False)
    _values: list[Values] = field(repr=False)
    _snapshots: list[dict[int, Values]] = field(repr=False)

    def __len__(self) -> int:
        """Return the number of runs."""
        return len(self.runs)

    def __repr__(self) -> str:
        runs, epochs = self.train_loss.shape
        diverged = int(self.runs["diverged"].notna().sum())
        return f"Replicas({runs} runs of {epochs} epochs, {diverged} diverged, {self.path})"

    def model(
        self, run: int, *, epoch: int | None = None, into: keras.Model | None = None
    ) -> keras.Model:
        """Return run number `run` as an ordinary model.

        Parameters
        ----------
        run : int
            Row in `runs`.
        epoch : int, optional
            As the run was after this epoch, one of the `snapshots` that were asked for, or 0: as
            it was built. By default, as it was after the last one.
        into : keras.Model, optional
            A model that an earlier call returned. It gets the weights and is returned, and no new
            one is built: much faster where many epochs or runs are looked at one by one.

        Returns
        -------
        keras.Model
            New at every call unless `into` is given, not compiled. A run that diverged has the
            weights that it had after its last finite epoch.

        Raises
        ------
        ValueError
            No such run, the weights were not kept, or `into` has other weights than the runs.
        """
        run = positive_int("run", run, minimum=0)
        if run >= len(self):
            raise ValueError(
                f"`run` must be below {len(self)}, the number of runs. Received: {run}"
            )
        values = self._kept(run, epoch)
        model: Any = into
        if into is None or values is None:
            built, fresh = build_seeded(self._build, int(self.runs["seed"].iloc[run]))
            model, values = into or built, values or fresh
        numbers = [value for part in values for value in part]
        variables = [*model.trainable_variables, *model.non_trainable_variables]
        if [tuple(v.shape) for v in variables] != [np.shape(number) for number in numbers]:
            raise ValueError(
                f"`into` must be a model that `Replicas.model` returned. Received: {model.name!r}, "
                "with other weights"
            )
        for variable, value in zip(variables, numbers, strict=True):
            variable.assign(value)
        return model

    def _kept(self, run: int, epoch: int | None) -> Values | None:
        """Return the numbers of a run after an epoch; None if it has to be built for them."""
        if epoch is None:
            if not self._values:
                raise ValueError("`run` has no weights: they were not kept (keep_weights=False)")
            return self._values[run]
        epoch = positive_int("epoch", epoch, minimum=0)
        kept = self._snapshots[run]
        if epoch and epoch not in kept:
            raise ValueError(
                "`epoch` must be 0 or one of the snapshots that were asked for, "
                f"{sorted(set(kept) - {0})}. Received: {epoch}"
            )
        return kept.get(epoch)

    def history(self) -> pd.DataFrame:
        """Return the curves as a tidy table, one row a run and epoch.

        Returns
        -------
        pandas.DataFrame
            ``run``, ``seed``, ``learning_rate``, ``epoch`` (from 1), ``train_loss``, ``val_loss``,
            ``val_accuracy``.
        """
        runs, epochs = self.train_loss.shape
        return pd.DataFrame(
            {
                "run": np.repeat(np.arange(runs), epochs),
                "seed": np.repeat(self.runs["seed"].to_numpy(), epochs),
                "learning_rate": np.repeat(self.runs["learning_rate"].to_numpy(), epochs),
                "epoch": np.tile(np.arange(1, epochs + 1), runs),
                "train_loss": self.train_loss.ravel(),
                "val_loss": self.val_loss.ravel(),
                "val_accuracy": self.val_accuracy.ravel(),
            }
        )
