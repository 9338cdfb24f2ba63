"""Batch normalization and its alternatives, over the size of the mini-batch.

    python book/results/batch_sizes.py [--data mnist1d] [--seeds 24] [--epochs 15] [--sizes 2 4 ...]

Two hidden layers of 64 ReLU units, the normalization before the activation, gradient descent with
momentum 0.9. Each arm gets, for each size by itself, the learning rate that does best on
validation data over seeds that are not used again. What is recorded is test accuracy at inference;
the arm "recalibrated" is batch normalization with exact population statistics of the training
data put in after training. Every trained group is kept in the working folder: stopped and called
again, the script goes on where it was.
"""

import argparse
import os
import time
from collections.abc import Iterable
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import joblib
import keras
import numpy as np
import pandas as pd
import record
from keras import layers

import bn_companion as bn

NAME = "batch_sizes"
SIZES = (2, 4, 8, 16, 32, 64)
LEARNING_RATES = (0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3)
EPOCHS = 15
HIDDEN = (64, 64)
GROUPS = 8
CLIPPING = {"rmin": 1 / 3, "rmax": 3.0, "dmax": 5.0}  # where the paper's schedule ends
PILOT_SEEDS = (1000, 1001, 1002)  # disjoint from those of the result
JOBS = int(os.environ.get("JOBS", joblib.cpu_count()))  # processes

NORMS = {
    "batch": layers.BatchNormalization,
    "renorm": lambda: layers.BatchNormalization(renorm=True, renorm_clipping=CLIPPING),
    "group": lambda: layers.GroupNormalization(GROUPS),
    "layer": layers.LayerNormalization,
}
# Which training an arm stands on, and which accuracy of it is the arm's.
ARMS = {
    "batch": ("batch", "as_trained"),
    "recalibrated": ("batch", "recalibrated"),
    "renorm": ("renorm", "as_trained"),
    "group": ("group", "as_trained"),
    "layer": ("layer", "as_trained"),
}


def build(norm: str, inputs: tuple[int, ...], classes: int) -> keras.Model:
    """Return the network, with one kind of normalization throughout."""
    x = first = keras.Input(inputs)
    for units in HIDDEN:
        x = layers.Dense(units, use_bias=False)(x)
        x = layers.Activation("relu")(NORMS[norm]()(x))
    return keras.Model(first, layers.Dense(classes)(x))


def train(
    data: bn.Dataset,
    norm: str,
    *,
    size: int,
    seeds: Iterable[int],
    learning_rates: Iterable[float],
    epochs: int,
) -> tuple[pd.DataFrame, float]:
    """Train one network; return a row a run and way of inference, and the seconds that it took."""
    begin = time.perf_counter()
    replicas = bn.train_replicas(
        lambda: build(norm, data.input_shape, data.num_classes),
        data,
        seeds=seeds,
        learning_rates=learning_rates,
        epochs=epochs,
        batch_size=size,
        keep_weights=norm == "batch",
        n_jobs=JOBS,
    )
    columns = ["seed", "learning_rate", "val_accuracy", "test_accuracy"]
    runs = replicas.runs[columns].fillna(dict.fromkeys(columns[2:], 1.0 / data.num_classes))
    runs = runs.astype(dict.fromkeys(columns[2:], float))
    tables = [runs.assign(inference="as_trained")]
    if norm == "batch":
        again = runs.assign(inference="recalibrated")
        for run in replicas.runs.index[replicas.runs["diverged"].isna()]:
            exact = bn.recalibrate(replicas.model(run), data.x_train, batch_size=4096)
            for part in ("val", "test"):
                classes = np.argmax(exact(getattr(data, f"x_{part}"), training=False), axis=1)
                again.loc[run, f"{part}_accuracy"] = np.mean(classes == getattr(data, f"y_{part}"))
        tables.append(again)
    return pd.concat(tables, ignore_index=True), time.perf_counter() - begin


def main() -> None:
    """Make the result."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", default="mnist1d", help="name or .npz file for bn_companion.load")
    parser.add_argument("--seeds", type=int, default=24)
    parser.add_argument("--epochs", type=int, default=EPOCHS)
    parser.add_argument("--sizes", type=int, nargs="+", default=list(SIZES))
    parser.add_argument("--out", type=Path, default=record.HERE)
    parser.add_argument("--work", type=Path, default=Path(".cache") / NAME)
    options = parser.parse_args()
    kept = joblib.Memory(options.work, verbose=0).cache(train)
    data = bn.load(options.data)
    seeds = tuple(range(options.seeds))
    tables, rates, pilots = [], {}, {}
    spent: dict[tuple[str, int, tuple[float, ...]], float] = {}

    def runs_of(arm: str, size: int, of: tuple[int, ...], at: tuple[float, ...]) -> pd.DataFrame:
        norm, inference = ARMS[arm]
        runs, seconds = kept(
            data, norm, size=size, seeds=of, learning_rates=at, epochs=options.epochs
        )
        spent[norm, size, at] = seconds  # two arms may stand on one training
        return runs[runs["inference"] == inference]

    for size in options.sizes:
        for arm in ARMS:
            pilot = runs_of(arm, size, PILOT_SEEDS, LEARNING_RATES)
            scores = pilot.groupby("learning_rate")["val_accuracy"].mean().round(4)
            name = f"{arm} {size}"
            pilots[name] = {f"{rate:g}": float(score) for rate, score in scores.items()}
            rates[name] = float(scores.idxmax())
            runs = runs_of(arm, size, seeds, (rates[name],))
            accuracy = runs["test_accuracy"].mean()
            print(name, pilots[name], "->", rates[name], f"{accuracy:.3f}", flush=True)
            shown = runs[["learning_rate", "seed", "test_accuracy"]]
            tables.append(pd.DataFrame({"norm": arm, "batch_size": size, **shown}))
    record.write(
        options.out / NAME,
        pd.concat(tables).round(4),
        {
            "data": f"{data.name}: {len(data.x_train)} training, {len(data.x_val)} validation and "
            f"{len(data.x_test)} test examples",
            "arm": ["norm", "batch_size"],
            "epochs": options.epochs,
            "seeds": list(seeds),
            "learning_rates": rates,
            "pilot": {"seeds": PILOT_SEEDS, "val_accuracy": pilots},
            "seconds": round(sum(spent.values())),
            "differs": [
                "a comparison of our own: Wu and He trained ResNet-50 on ImageNet",
                "Batch Renorm without the paper's warm-up, which the layer of Keras does not have",
            ],
        },
    )


if __name__ == "__main__":
    main()
