"""At which learning rates a network trains at all, by depth, activation and placement.

    python book/results/learning_rates.py [--data digits] [--seeds 5] [--depths 2 5 10] ...

Hidden layers of 64 units, He's initial weights for ReLU and Glorot's for the others, ten epochs of
mini-batches of 32, gradient descent with momentum 0.9. Nothing is chosen: every run is recorded, a
run that diverged with the accuracy of guessing. Every trained group is kept in the working folder:
stopped and called again, the script goes on where it was.
"""

import argparse
import functools
import os
import time
from itertools import product
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import joblib
import keras
import pandas as pd
import record

import bn_companion as bn

NAME = "learning_rates"
DEPTHS = (2, 5, 10)
INITIAL = {"relu": "he_normal", "tanh": "glorot_uniform", "sigmoid": "glorot_uniform"}
PLACEMENTS = ("none", "before", "after")
LEARNING_RATES = (0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0)
EPOCHS, BATCH, UNITS = 10, 32, 64
JOBS = int(os.environ.get("JOBS", joblib.cpu_count()))  # processes


def build(
    depth: int, activation: str, placement: str, inputs: tuple[int, ...], classes: int
) -> keras.Model:
    """Return the network of the chapter.

    A few hundred steps are too few for moving statistics with Keras's momentum, so theirs is 0.9.
    """
    x = first = keras.Input(inputs)
    for number in range(1, depth + 1):
        x = bn.dense_block(
            x,
            UNITS,
            activation=activation,
            placement=placement,
            kernel_initializer=INITIAL[activation],
            momentum=0.9,
            name=f"hidden_{number}",
        )
    return keras.Model(first, keras.layers.Dense(classes, name="logits")(x))


def train(
    data: bn.Dataset, depth: int, activation: str, placement: str, *, seeds: int, epochs: int
) -> tuple[pd.DataFrame, float]:
    """Train one network at every rate; return its runs and the seconds that it took."""
    begin = time.perf_counter()
    replicas = bn.train_replicas(
        functools.partial(build, depth, activation, placement, data.input_shape, data.num_classes),
        data,
        seeds=seeds,
        learning_rates=LEARNING_RATES,
        epochs=epochs,
        batch_size=BATCH,
        chunk_size=seeds * len(LEARNING_RATES),
        keep_weights=False,
        n_jobs=JOBS,
    )
    return replicas.runs, time.perf_counter() - begin


def main() -> None:
    """Make the result."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", default="digits", help="name or .npz file for bn_companion.load")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--epochs", type=int, default=EPOCHS)
    parser.add_argument("--depths", type=int, nargs="+", default=list(DEPTHS))
    parser.add_argument("--out", type=Path, default=record.HERE)
    parser.add_argument("--work", type=Path, default=Path(".cache") / NAME)
    options = parser.parse_args()
    kept = joblib.Memory(options.work, verbose=0).cache(train)
    data = bn.load(options.data)
    tables, spent = [], 0.0
    for depth, activation, placement in product(options.depths, INITIAL, PLACEMENTS):
        runs, seconds = kept(
            data, depth, activation, placement, seeds=options.seeds, epochs=options.epochs
        )
        spent += seconds
        print(depth, activation, placement, f"{seconds:.0f} s", flush=True)
        guess = 1.0 / data.num_classes
        shown = runs[["learning_rate", "seed", "val_accuracy", "test_accuracy"]]
        shown = shown.fillna({"val_accuracy": guess, "test_accuracy": guess})
        shown.insert(0, "placement", placement)
        shown.insert(0, "activation", activation)
        shown.insert(0, "depth", depth)
        tables.append(shown)
    record.write(
        options.out / NAME,
        pd.concat(tables).round(4),
        {
            "data": f"{data.name}: {len(data.x_train)} training, {len(data.x_val)} validation and "
            f"{len(data.x_test)} test examples",
            "grid": ["depth", "activation", "placement", "learning_rate", "seed"],
            "seeds": list(range(options.seeds)),
            "learning_rates": list(LEARNING_RATES),
            "seconds": round(spent),
            "differs": ["a comparison of our own: it repeats no published one"],
        },
    )


if __name__ == "__main__":
    main()
