"""A table of invented runs, of the shape of chapter 5's study."""

from itertools import product

import numpy as np
import pandas as pd

__all__ = ["ARMS", "RATES", "fake_runs"]

ARMS = ("none", "before", "after", "both")
RATES = (0.01, 0.1, 1.0)


def fake_runs(
    *,
    datasets=("digits", "wine"),
    depths=(2, 6),
    activations=("tanh", "relu"),
    rates=RATES,
    seeds=5,
    arms=ARMS,
):
    """Return a full grid; each arm is best at another rate, and noise is laid over it."""
    grid = product(datasets, depths, activations, arms, map(float, rates), range(seeds))
    columns = ["dataset", "depth", "activation", "placement", "learning_rate", "seed"]
    frame = pd.DataFrame(list(grid), columns=columns)
    best = frame["placement"].map({arm: -2 + 0.7 * i for i, arm in enumerate(arms)})
    height = 0.9 - 0.15 * np.abs(np.log10(frame["learning_rate"]) - best)
    random = np.random.default_rng(0)
    for name in ("val_accuracy", "test_accuracy"):
        noise = 0.03 * random.standard_normal(len(frame))
        frame[name] = (height + noise).clip(0.1, 1).round(4)
    return frame
