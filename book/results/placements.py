"""No batch normalization, before, after and on both sides: four activations, two depths, four sets.

    python book/results/placements.py --mnist mnist.npz [--data digits ...] [--seeds 20] ...

Hidden layers of 64 units, mini-batches of 64, gradient descent with momentum 0.9, every arm from
the same seeds at every learning rate: a row a run, so that a reader may choose the rates anew. What
is recorded is validation and test accuracy after the last epoch; a run that diverged has the
accuracy of guessing. Every finished group of runs is kept in the working folder: stopped and called
again, the script goes on where it was.
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

NAME = "placements"
PLACEMENTS = ("none", "before", "after", "both")
ACTIVATIONS = ("sigmoid", "tanh", "relu", "gelu")
DEPTHS = (2, 6)
UNITS = 64
BATCH = 64
LEARNING_RATES = (0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0)
EPOCHS = {"breast_cancer": 40, "digits": 20, "mnist1d": 20, "mnist": 3}
CHUNK = {"mnist": 40}  # runs side by side in one program; else all of an arm
JOBS = int(os.environ.get("JOBS", joblib.cpu_count()))  # processes


def build(
    activation: str, placement: str, *, depth: int, inputs: tuple[int, ...], classes: int
) -> keras.Model:
    """Return the network of one arm; "both" is before and after each activation."""
    hidden = depth * (UNITS,)
    if placement != "both":
        return bn.mlp(inputs, classes, hidden=hidden, activation=activation, placement=placement)
    x = first = keras.Input(inputs)
    if len(inputs) > 1:
        x = keras.layers.Flatten()(x)
    for units in hidden:
        x = bn.dense_block(x, units, activation=activation, placement="before")
        x = keras.layers.BatchNormalization()(x)
    return keras.Model(first, keras.layers.Dense(classes)(x))


def arm_name(depth: int, activation: str, placement: str) -> str:
    """Return the name of an arm in the store."""
    return f"{depth} {activation} {placement}"


def arms(
    data: bn.Dataset,
    *,
    depths: Iterable[int] = DEPTHS,
    activations: Iterable[str] = ACTIVATIONS,
) -> dict[str, functools.partial[keras.Model]]:
    """Return the builders for a data set, by name."""
    return {
        arm_name(depth, activation, placement): functools.partial(
            build,
            activation,
            placement,
            depth=depth,
            inputs=data.input_shape,
            classes=data.num_classes,
        )
        for depth, activation, placement in product(depths, activations, PLACEMENTS)
    }


def tidy(runs: pd.DataFrame, data: bn.Dataset) -> pd.DataFrame:
    """Return the runs of a sweep as they ship."""
    accuracies = ["val_accuracy", "test_accuracy"]
    name = (
        runs["build"]
        .str.split(" ", expand=True)
        .set_axis(["depth", "activation", "placement"], axis=1)
    )
    shown = runs[["learning_rate", "seed", *accuracies]].fillna(
        dict.fromkeys(accuracies, 1.0 / data.num_classes)
    )
    shown = name.join(shown.round(4)).assign(diverged=runs["diverged"].notna())
    shown.insert(0, "dataset", data.name)
    return shown


def main() -> None:
    """Make the result."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument(
        "--data", nargs="+", default=list(EPOCHS), help="names for bn_companion.load"
    )
    parser.add_argument("--mnist", help="an .npz file for `mnist`, instead of the cache of Keras")
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--depths", type=int, nargs="+", default=list(DEPTHS))
    parser.add_argument("--activations", nargs="+", default=list(ACTIVATIONS))
    parser.add_argument("--epochs", type=int, help="the same for every data set")
    parser.add_argument("--out", type=Path, default=record.HERE)
    parser.add_argument("--work", type=Path, default=Path(".cache") / NAME)
    options = parser.parse_args()
    options.work.mkdir(parents=True, exist_ok=True)
    tables, described, epochs = [], {}, {}
    begin = time.perf_counter()
    for name in options.data:
        epochs[name] = options.epochs or EPOCHS.get(name, 20)
        data = bn.load(options.mnist if name == "mnist" and options.mnist else name)
        runs = bn.sweep(
            arms(data, depths=options.depths, activations=options.activations),
            data,
            seeds=options.seeds,
            learning_rates=LEARNING_RATES,
            epochs=epochs[name],
            batch_size=BATCH,
            store=options.work / f"{name}.sqlite",
            chunk_size=CHUNK.get(name, options.seeds * len(LEARNING_RATES)),
            n_jobs=JOBS,
        )
        tables.append(tidy(runs, data).assign(dataset=name))
        described[name] = (
            f"{len(data.x_train)} training, {len(data.x_val)} validation and "
            f"{len(data.x_test)} test examples"
        )
        print(f"{name}: {len(runs)} runs, {time.perf_counter() - begin:.0f} s", flush=True)
    record.write(
        options.out / NAME,
        pd.concat(tables),
        {
            "data": described,
            "grid": ["dataset", "depth", "activation", "placement", "learning_rate", "seed"],
            "epochs": epochs,
            "units": UNITS,
            "batch_size": BATCH,
            "momentum": 0.9,
            "learning_rates": list(LEARNING_RATES),
            "seeds": list(range(options.seeds)),
            "seconds": round(time.perf_counter() - begin),
            "differs": ["a comparison of our own: it repeats no published one"],
        },
    )


if __name__ == "__main__":
    main()
