"""The orders of convolution, batch normalization, activation and addition in a residual block.

    python book/results/residual_orders.py --data PATH.npz [--seeds 6] [--epochs 8] [--side 16] ...

A small residual network in each order that He et al. compare, without batch normalization, and in
the original order with the last gamma of every block starting at 0. Gradient descent with momentum
0.9, mini-batches of 64, a constant learning rate, no augmentation: each arm gets the rate that does
best on validation data over seeds that are not used again. What is recorded is test accuracy at
inference. Every trained group is kept in the working folder: stopped and called again, the script
goes on where it was.
"""

import argparse
import functools
import math
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

NAME = "residual_orders"
ARMS = (*(order.value for order in bn.ResidualOrder), "zero_gamma")
LEARNING_RATES = (0.01, 0.03, 0.1, 0.3, 1.0)
PILOT_SEEDS = (1000, 1001)  # disjoint from those of the result
BATCH = 64
MOMENTUM = 0.9  # of the moving statistics: runs are short, and Keras's 0.99 would lag behind
JOBS = int(os.environ.get("JOBS", joblib.cpu_count()))  # processes


def build(
    arm: str,
    inputs: tuple[int, ...],
    classes: int,
    blocks: tuple[int, ...] = (2, 2, 2),
    filters: int = 8,
) -> keras.Model:
    """Return the network of an arm."""
    zero = arm == "zero_gamma"
    order = "original" if zero else arm
    model = bn.resnet(inputs, classes, order=order, blocks=blocks, filters=filters, zero_gamma=zero)
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = MOMENTUM
    return model


def images(source: str, side: int) -> bn.Dataset:
    """Load images, standardized, as squares of this many pixels a side at most."""
    data = bn.load(source, scale="standardize")
    shape = data.input_shape
    if len(shape) == 1:  # a table of gray values
        shape = (math.isqrt(shape[0]), math.isqrt(shape[0]), 1)
        data = data.reshaped(shape)
    by = max(shape[0] // side, 1)
    if shape[0] != shape[1] or shape[0] % by:
        raise ValueError(f"`side` must divide the images. Received: {side} for {shape}")
    if by == 1:
        return data
    blocks = (-1, shape[0] // by, by, shape[1] // by, by, shape[2])
    parts = {
        part: getattr(data, part).reshape(blocks).mean(axis=(2, 4))
        for part in ("x_train", "x_val", "x_test")
    }
    spread = parts["x_train"].std(axis=0)  # the mean of standardized pixels varies less
    spread[spread == 0] = 1
    return replace(data, **{part: np.float32(x / spread) for part, x in parts.items()})


def train(
    data: bn.Dataset,
    arm: str,
    *,
    seeds: Iterable[int],
    learning_rates: Iterable[float],
    epochs: int,
    blocks: tuple[int, ...],
    filters: int,
) -> tuple[pd.DataFrame, float]:
    """Train one arm; return a row a run, and the seconds that it took."""
    begin = time.perf_counter()
    runs = len(tuple(seeds)) * len(tuple(learning_rates))
    replicas = bn.train_replicas(
        functools.partial(build, arm, data.input_shape, data.num_classes, blocks, filters),
        data,
        seeds=seeds,
        learning_rates=learning_rates,
        epochs=epochs,
        batch_size=BATCH,
        chunk_size=math.ceil(runs / JOBS),  # compile once a process
        keep_weights=False,
        n_jobs=JOBS,
    )
    columns = ["learning_rate", "seed", "val_accuracy", "test_accuracy", "train_loss"]
    chance = dict.fromkeys(columns[2:4], 1.0 / data.num_classes)
    return replicas.runs[columns].fillna(chance), time.perf_counter() - begin


def main(name: str = NAME, **defaults: Any) -> None:
    """Make the result; the defaults of options may be others."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", default="cifar10", help="name or .npz file for bn_companion.load")
    parser.add_argument("--arms", nargs="+", default=list(ARMS), choices=ARMS)
    parser.add_argument("--seeds", type=int, default=6)
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--side", type=int, default=16, help="pixels; images are averaged to it")
    parser.add_argument("--blocks", type=int, nargs="+", default=[2, 2, 2])
    parser.add_argument("--filters", type=int, default=8)
    parser.add_argument("--rates", type=float, nargs="+", default=list(LEARNING_RATES))
    parser.add_argument("--out", type=Path, default=record.HERE)
    parser.add_argument("--work", type=Path, default=Path(".cache") / name)
    parser.set_defaults(**defaults)
    options = parser.parse_args()
    kept = joblib.Memory(options.work, verbose=0).cache(train)
    data = images(options.data, options.side)
    seeds = tuple(range(options.seeds))
    network = {"blocks": tuple(options.blocks), "filters": options.filters}
    tables, rates, pilots, spent = [], {}, {}, 0.0
    for arm in options.arms:
        pilot, seconds = kept(
            data,
            arm,
            seeds=PILOT_SEEDS,
            learning_rates=tuple(options.rates),
            epochs=options.epochs,
            **network,
        )
        spent += seconds
        scores = pilot.groupby("learning_rate")["val_accuracy"].mean().round(4)
        pilots[arm] = {f"{rate:g}": float(score) for rate, score in scores.items()}
        rates[arm] = float(scores.idxmax())
        print(f"{arm} {pilots[arm]} -> {rates[arm]:g}, {seconds:.0f} s", flush=True)
        runs, seconds = kept(
            data, arm, seeds=seeds, learning_rates=(rates[arm],), epochs=options.epochs, **network
        )
        spent += seconds
        accuracy = runs["test_accuracy"]
        print(
            f"{arm} {accuracy.mean():.3f} ({accuracy.min():.3f} to {accuracy.max():.3f}), "
            f"{seconds:.0f} s",
            flush=True,
        )
        shown = runs[["learning_rate", "seed", "train_loss", "test_accuracy"]]
        tables.append(pd.DataFrame({"order": arm, **shown}))
    record.write(
        options.out / name,
        pd.concat(tables).round(4),
        {
            "data": f"{data.name}: {len(data.x_train)} training, {len(data.x_val)} validation and "
            f"{len(data.x_test)} test examples of {' x '.join(map(str, data.input_shape))}",
            "arm": ["order"],
            "network": network,
            "epochs": options.epochs,
            "seeds": list(seeds),
            "learning_rates": rates,
            "pilot": {"seeds": PILOT_SEEDS, "val_accuracy": pilots},
            "seconds": round(spent),
            "differs": [
                "small and shallow: He et al. trained 110 and 164 layers on images of 32 x 32",
                "no augmentation, no weight decay, a constant learning rate, few epochs",
            ],
        },
    )


if __name__ == "__main__":
    main()
