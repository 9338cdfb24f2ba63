"""Before against after for three activations, each at three lengths of training.

    python book/results/by_activation.py [--data mnist1d] [--seeds 20] [--epochs 15 60 240] ...

Three hidden layers of 64 units, mini-batches of 64, gradient descent with momentum 0.9. Each
activation and placement gets, for each length by itself, the learning rate that does best on
validation data over seeds that are not used again. What is recorded is test accuracy at inference.
Every trained group is kept in the working folder: stopped and called again, the script goes on
where it was.
"""

import argparse
import functools
import os
import time
from collections.abc import Iterable
from itertools import product
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import joblib
import keras
import pandas as pd
import record

import bn_companion as bn

NAME = "by_activation"
ACTIVATIONS = ("relu", "tanh", "sigmoid")
PLACEMENTS = ("before", "after")
EPOCHS = (15, 60, 240)
LEARNING_RATES = (0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3)
HIDDEN = (64, 64, 64)
BATCH = 64
PILOT_SEEDS = (1000, 1001, 1002, 1003, 1004)  # disjoint from those of the result
JOBS = int(os.environ.get("JOBS", joblib.cpu_count()))  # processes


def build(activation: str, placement: str, inputs: tuple[int, ...], classes: int) -> keras.Model:
    """Return the network of the chapter."""
    return bn.mlp(inputs, classes, hidden=HIDDEN, activation=activation, placement=placement)


def train(
    data: bn.Dataset,
    activation: str,
    placement: str,
    *,
    seeds: Iterable[int],
    learning_rates: Iterable[float],
    epochs: int,
) -> tuple[pd.DataFrame, pd.DataFrame, float]:
    """Train one arm; return its runs, their history, and the seconds that it took."""
    begin = time.perf_counter()
    replicas = bn.train_replicas(
        functools.partial(build, activation, placement, data.input_shape, data.num_classes),
        data,
        seeds=seeds,
        learning_rates=learning_rates,
        epochs=epochs,
        batch_size=BATCH,
        keep_weights=False,
        n_jobs=JOBS,
    )
    return replicas.runs, replicas.history(), time.perf_counter() - begin


def mean_by_rate(history: pd.DataFrame, epoch: int) -> dict[float, float]:
    """Return the mean validation accuracy of each rate after an epoch; diverged runs count 0."""
    then = history[history["epoch"] == epoch].fillna({"val_accuracy": 0.0})
    scores = then.groupby("learning_rate")["val_accuracy"].mean()
    return {float(rate): round(float(score), 4) for rate, score in scores.items()}


def main() -> None:
    """Make the result."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", default="mnist1d", help="name or .npz file for bn_companion.load")
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--epochs", type=int, nargs="+", default=list(EPOCHS))
    parser.add_argument("--out", type=Path, default=record.HERE)
    parser.add_argument("--work", type=Path, default=Path(".cache") / NAME)
    options = parser.parse_args()
    kept = joblib.Memory(options.work, verbose=0).cache(train)
    data = bn.load(options.data)
    lengths = sorted(set(options.epochs))
    seeds = tuple(range(options.seeds))
    tables, rates, pilots, spent = [], {}, {}, 0.0
    for activation, placement in product(ACTIVATIONS, PLACEMENTS):
        # The rate does not change within a run, so a long pilot holds the shorter ones.
        _, history, seconds = kept(
            data,
            activation,
            placement,
            seeds=PILOT_SEEDS,
            learning_rates=LEARNING_RATES,
            epochs=lengths[-1],
        )
        spent += seconds
        for epochs in lengths:
            arm = f"{activation} {placement} {epochs}"
            scores = mean_by_rate(history, epochs)
            pilots[arm] = {f"{rate:g}": score for rate, score in scores.items()}
            rates[arm] = max(scores, key=lambda rate: scores[rate])
            runs, _, seconds = kept(
                data,
                activation,
                placement,
                seeds=seeds,
                learning_rates=(rates[arm],),
                epochs=epochs,
            )
            spent += seconds
            print(arm, pilots[arm], "->", rates[arm], f"{seconds:.0f} s", flush=True)
            shown = runs[["learning_rate", "seed", "test_accuracy"]]
            shown = shown.fillna({"test_accuracy": 1.0 / data.num_classes})
            shown.insert(0, "epochs", epochs)
            shown.insert(0, "placement", placement)
            shown.insert(0, "activation", activation)
            tables.append(shown)
    record.write(
        options.out / NAME,
        pd.concat(tables).round(4),
        {
            "data": f"{data.name}: {len(data.x_train)} training, {len(data.x_val)} validation and "
            f"{len(data.x_test)} test examples",
            "arm": ["activation", "placement", "epochs"],
            "seeds": list(seeds),
            "learning_rates": rates,
            "pilot": {"seeds": PILOT_SEEDS, "val_accuracy": pilots},
            "seconds": round(spent),
            "differs": ["a comparison of our own: it repeats no published one"],
        },
    )


if __name__ == "__main__":
    main()
