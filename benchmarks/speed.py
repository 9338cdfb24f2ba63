"""Cost of one training step of one run: the engine beside what one would use instead.

    python -m benchmarks.speed [--rounds 5] [--replicas N] [--only NAME]

Every row is measured in one process, the candidates in turn within each round, so that a noisy
machine disturbs them alike. Figures are medians over the rounds, compilation left out; the ratio
of two columns means more than either.
"""

import argparse
import math
import os
import statistics
import time
from collections.abc import Callable
from itertools import pairwise
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import pandas as pd
import tensorflow as tf

import bn_companion as bn
from benchmarks.networks import Case, cases
from bn_companion.train.architecture import build_seeded, refusal_to_vectorize
from bn_companion.train.chunk import batch_order
from bn_companion.train.compiled import Settings, program_for
from bn_companion.train.engine import default_chunk
from bn_companion.train.optimizers import rule_for

try:
    from benchmarks import by_hand
except ImportError:  # the optional extra "bench" is not installed
    by_hand = None

Epoch = Callable[[], Any]


def optimizer() -> keras.optimizers.Optimizer:
    """Return the optimizer of every candidate."""
    return keras.optimizers.SGD(0.05, momentum=0.9)


def fit_epoch(case: Case, **compiled: Any) -> Epoch:
    """One epoch of `model.fit`."""
    model = case.build()
    model.compile(optimizer(), bn.loss_for(model), **compiled)
    data = case.dataset
    return lambda: model.fit(
        data.x_train, data.y_train, batch_size=case.batch_size, epochs=1, verbose=0
    )


def engine_epoch(case: Case, replicas: int) -> tuple[Epoch, int]:
    """One epoch of the engine's program, and how many runs it trains side by side."""
    data = case.dataset
    settings = Settings(rule_for(optimizer()), 1, case.batch_size, None, "auto")
    models = [build_seeded(case.build, seed) for seed in range(replicas)]
    width = None if refusal_to_vectorize(models[0][0]) else replicas
    program = program_for(models[0][0], case.build, settings, width=width)
    side = program.replicas
    program.start([values for _, values in models[:side]], [0.05] * side)
    orders = [batch_order(seed, 0, len(data.x_train), case.batch_size) for seed in range(side)]
    full = np.stack([order[0] for order in orders], axis=1)
    rest = np.stack([order[1] for order in orders])
    x, y = tf.constant(data.x_train), tf.constant(data.y_train)
    alive = np.ones(side, bool)
    return lambda: program.train_epoch(x, y, full, rest, alive), side


def by_hand_epoch(case: Case, replicas: int) -> Epoch:
    """One epoch of the hand-written JAX program."""
    train = by_hand.epoch_of(case, replicas)
    full = np.stack(
        [
            batch_order(seed, 0, len(case.dataset.x_train), case.batch_size)[0]
            for seed in range(replicas)
        ],
        axis=1,
    )
    return lambda: train(full)


def products_epoch(case: Case, replicas: int) -> Epoch | None:
    """Return the matrix products of an epoch alone, three a layer: nothing can be faster."""
    if case.conv:
        return None
    sizes = [case.dataset.input_shape[-1], *case.hidden, case.dataset.num_classes]
    steps = math.ceil(len(case.dataset.x_train) / case.batch_size)
    pairs = list(pairwise(sizes))
    inputs = [tf.random.normal([replicas, case.batch_size, a]) for a, _ in pairs]
    kernels = [tf.random.normal([replicas, a, b]) for a, b in pairs]

    @tf.function(jit_compile=True, autograph=False)
    def products(inputs: Any, kernels: Any) -> Any:
        def body(step: Any, inputs: Any, total: Any) -> Any:
            following = []
            for index, (x, kernel) in enumerate(zip(inputs, kernels, strict=True)):
                y = tf.matmul(x, kernel)
                total += tf.matmul(x, y, transpose_a=True)[:, 0, 0]
                if index:  # nothing needs the gradient of the data
                    total += tf.matmul(y, kernel, transpose_b=True)[:, 0, 0]
                following.append(x + 1e-9 * y[:, :1, :1])  # or the loop would be hoisted
            return step + 1, following, total

        return tf.while_loop(
            lambda step, *_: step < steps, body, (tf.constant(0), inputs, tf.zeros([replicas]))
        )[2]

    return lambda: products(inputs, kernels).numpy()


def seconds(epoch: Epoch) -> float:
    """Time of one call."""
    begin = time.perf_counter()
    epoch()
    return time.perf_counter() - begin


def measure(case: Case, *, replicas: int, rounds: int, processes: int) -> dict[str, Any]:
    """Return the row of one network: microseconds a step and run, and seconds to compile."""
    examples = len(case.dataset.x_train)
    steps = math.ceil(examples / case.batch_size)
    ours, side = engine_epoch(case, replicas)
    candidates: dict[str, tuple[Epoch, int]] = {
        "fit": (fit_epoch(case), 1),
        "fit, best": (fit_epoch(case, jit_compile=True, steps_per_execution=steps), 1),
        "ours": (ours, side),
    }
    if by_hand is not None:
        candidates["JAX by hand"] = (by_hand_epoch(case, side), side)
    products = products_epoch(case, side)
    if products is not None:
        candidates["products alone"] = (products, side)
    first = {name: seconds(epoch) for name, (epoch, _) in candidates.items()}
    times: dict[str, list[float]] = {name: [] for name in candidates}
    for _ in range(rounds):
        for name, (epoch, wide) in candidates.items():
            repeats = 1 if name.startswith("fit") else 3
            spent = [seconds(epoch) for _ in range(repeats)]
            times[name].append(1e6 * statistics.median(spent) / steps / wide)
    row: dict[str, Any] = {name: statistics.median(values) for name, values in times.items()}
    if processes > 1:
        # As `sweep` works on many chunks: one single-threaded program a core.
        many = bn.train_replicas(
            case.build,
            case.dataset,
            seeds=side * processes * (1 if side > 1 else 2),
            learning_rates=0.05,
            epochs=1 + 4 * rounds,
            batch_size=case.batch_size,
            chunk_size=side,
            n_jobs=processes,
            keep_weights=False,
            progress=False,
        )
        row[f"ours, {processes} processes"] = 1e6 * many.step_seconds / processes
    best = min(row[name] for name in row if name.startswith("ours"))
    row["fit / ours"] = row["fit"] / best
    row["fit best / ours"] = row["fit, best"] / best
    row["side by side"] = side
    row["first epoch, s"] = first["ours"]
    return row


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--replicas", type=int, help="by default as many as the engine takes")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--only", help="part of a network's name")
    options = parser.parse_args()
    devices = [device.device_type for device in tf.config.list_physical_devices()]
    print(
        f"{os.cpu_count()} cores, devices {devices}, TensorFlow {tf.__version__}, "
        f"Keras {keras.__version__}"
    )
    print("microseconds for one step of one run; medians, compilation left out")
    rows = {
        case.name: measure(
            case,
            replicas=options.replicas or default_chunk(case.build()),
            rounds=options.rounds,
            processes=options.processes,
        )
        for case in cases()
        if not options.only or options.only in case.name
    }
    print(pd.DataFrame.from_dict(rows, orient="index").round(1).to_string(na_rep="-"))


if __name__ == "__main__":
    main()
