"""Section 4.1 of Ioffe and Szegedy at full length, in all three placements.

    python book/results/section_4_1.py --data mnist.npz [--seeds 10] [--work FOLDER] [--out FOLDER]

Binary 28 x 28 images, three hidden layers of 100 sigmoid units, mini-batches of 60, 50,000 steps
of plain gradient descent. Each arm gets the learning rate that does best on validation images
after a fifth of the steps; it is then trained on all training images.

Recorded on test images: the accuracy at inference, and the 15th, 50th and 85th percentile of what
enters the first sigmoid of the last hidden layer when all of them are one mini-batch in training
mode, for the paper follows the network in training.

Stop it in any way, with Ctrl-C, `kill -9` or a power cut, and give the same command again: what was
finished is in the working folder (`--work`) and is not trained again. That is a pilot, or one arm
for a group of ten seeds; what was under way begins anew. With more seeds than before, only groups
of new seeds are trained. Remove the folder to start afresh.
"""

import argparse
import functools
import os
import time
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import joblib
import keras
import numpy as np
import pandas as pd
import record

import bn_companion as bn

NAME = "section_4_1"
PLACEMENTS = ("none", "before", "after")
LEARNING_RATES = (0.03, 0.1, 0.3, 1.0, 3.0, 10.0)
BATCH = 60
STEPS = 50_000
PILOT_SEEDS = (1000, 1001, 1002)  # disjoint from those of the result
GROUP = 10
PERCENTILES = (15, 50, 85)
JOBS = int(os.environ.get("JOBS", joblib.cpu_count()))  # processes


def binary(data: bn.Dataset) -> bn.Dataset:
    """Return flat images of ones and zeros, as the paper's."""
    flat = data.reshaped(int(np.prod(data.input_shape)))
    parts = {f"x_{part}": getattr(flat, f"x_{part}") for part in ("train", "val", "test")}
    middle = parts["x_train"].max() / 2
    return replace(flat, **{k: (x > middle).astype(np.float32) for k, x in parts.items()})


def whole(data: bn.Dataset) -> bn.Dataset:
    """Return the same data with nothing held back from training: curves are those of the test."""
    return replace(
        data,
        x_train=np.concatenate([data.x_train, data.x_val]),
        y_train=np.concatenate([data.y_train, data.y_val]),
        x_val=data.x_test,
        y_val=data.y_test,
    )


def moments(epochs: int) -> list[int]:
    """Return the epochs that are recorded: dense where much happens, the last one included."""
    return sorted({*range(1, 6), *np.geomspace(5, epochs, 30).round().astype(int).tolist()})


def build(placement: str, inputs: int, classes: int) -> keras.Model:
    """Return the paper's network."""
    return bn.sigmoid_mlp(placement=placement, input_dim=inputs, num_classes=classes)


def train(
    data: bn.Dataset,
    placement: str,
    *,
    seeds: Iterable[int],
    learning_rates: Iterable[float],
    epochs: int,
    snapshots: Iterable[int] = (),
) -> bn.Replicas:
    """Train one arm."""
    return bn.train_replicas(
        functools.partial(build, placement, data.input_shape[0], data.num_classes),
        data,
        seeds=seeds,
        learning_rates=learning_rates,
        momentum=0.0,
        epochs=epochs,
        batch_size=BATCH,
        snapshots=snapshots,
        chunk_size=5,
        n_jobs=JOBS,
    )


def choose(data: bn.Dataset, placement: str, epochs: int) -> tuple[float, dict[str, float], float]:
    """Return the rate with the best mean validation accuracy, what each achieved, and seconds."""
    begin = time.perf_counter()
    pilot = train(
        data, placement, seeds=PILOT_SEEDS, learning_rates=LEARNING_RATES, epochs=epochs
    ).runs
    scores = pilot.fillna({"val_accuracy": 0.0}).groupby("learning_rate")["val_accuracy"].mean()
    achieved = {f"{rate:g}": round(score, 4) for rate, score in scores.items()}
    return float(scores.idxmax()), achieved, time.perf_counter() - begin


def observe(
    data: bn.Dataset, placement: str, seeds: tuple[int, ...], rate: float, epochs: int
) -> tuple[pd.DataFrame, float, float]:
    """Train a group of seeds; return one row a seed and recorded epoch, and the seconds spent.

    The second number of seconds is what the steps took, by the median of the epochs.
    """
    begin = time.perf_counter()
    replicas = train(
        data,
        placement,
        seeds=seeds,
        learning_rates=[rate],
        epochs=epochs,
        snapshots=moments(epochs),
    )
    steps = -(-len(data.x_train) // BATCH)
    rows = []
    for run, seed in enumerate(seeds):
        for epoch in (0, *moments(epochs)):
            model = replicas.model(run, epoch=epoch)
            accuracy = replicas.val_accuracy[run, epoch - 1] if epoch else np.nan
            low, middle, high = np.percentile(entering(model, placement, data.x_test), PERCENTILES)
            rows.append((placement, rate, seed, epoch * steps, accuracy, low, middle, high))
    names = [f"p{p}" for p in PERCENTILES]
    columns = ["placement", "learning_rate", "seed", "step", "test_accuracy", *names]
    in_steps = replicas.step_seconds * steps * epochs * len(seeds) / JOBS
    return pd.DataFrame(rows, columns=columns), time.perf_counter() - begin, in_steps


def entering(model: keras.Model, placement: str, x: Any) -> Any:
    """Return what enters the first sigmoid of the last hidden layer, in training mode."""
    layer = model.get_layer("hidden_3_bn" if placement == "before" else "hidden_3_dense")
    # The moving statistics that the call changes are those of a copy, made for this moment.
    return np.asarray(keras.Model(model.input, layer.output)(x, training=True))[:, 0]


def main() -> None:
    """Make the result."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", default="mnist", help="name or .npz file for bn_companion.load")
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--out", type=Path, default=record.HERE)
    parser.add_argument("--work", type=Path, default=Path(".cache") / NAME)
    options = parser.parse_args()
    memory = joblib.Memory(options.work, verbose=0)
    held_back = binary(bn.load(options.data, val_fraction=0.1))
    data = whole(held_back)
    epochs = max(5, round(options.steps * BATCH / len(data.x_train)))
    kept_choose, kept_observe = memory.cache(choose), memory.cache(observe)
    tables, rates, pilots = [], {}, {}
    spent = {"pilot": 0.0, "steps": 0.0, "all": 0.0}
    for placement in PLACEMENTS:
        rates[placement], pilots[placement], seconds = kept_choose(
            held_back, placement, epochs // 5
        )
        spent["pilot"] += seconds
        spent["all"] += seconds
        print(placement, pilots[placement], "->", rates[placement], f"{seconds:.0f} s", flush=True)
    for first in range(0, options.seeds, GROUP):
        seeds = tuple(range(first, min(first + GROUP, options.seeds)))
        for placement in PLACEMENTS:
            table, seconds, in_steps = kept_observe(
                data, placement, seeds, rates[placement], epochs
            )
            tables.append(table)
            spent["steps"] += in_steps
            spent["all"] += seconds
            print(f"{placement} {seeds}: {seconds:.0f} s, steps {in_steps:.0f} s", flush=True)
    table = pd.concat(tables).round(4)
    record.write(
        options.out / NAME,
        table.sort_values(["placement", "seed", "step"]),
        {
            "data": f"{data.name}: {len(data.x_train)} training and {len(data.x_test)} test images",
            "seeds": list(range(options.seeds)),
            "learning_rates": rates,
            "pilot": {"epochs": epochs // 5, "seeds": PILOT_SEEDS, "val_accuracy": pilots},
            "epochs": epochs,
            "seconds": round(spent["all"]),
            "of_which": {name: round(spent[name]) for name in ("pilot", "steps")},
            "differs": [
                f"{len(data.x_train):,} training images where the paper has 60,000",
                "three placements where the paper has none and before",
                "learning rate by validation, plain gradient descent, initial weights of standard "
                "deviation 0.1: the paper names none of these",
                "accuracy at inference, with moving statistics",
            ],
        },
    )


if __name__ == "__main__":
    main()
