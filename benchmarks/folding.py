"""Inference before and after `fold`, on networks of keras.applications.

    python -m benchmarks.folding
    python -m benchmarks.folding --networks ResNet50 --side 224 --batch 1 --rounds 30

Random weights: the time does not depend on them. The two models take turns, and who comes first
changes from round to round, so that whatever else the machine does meets both; after a warm-up.
Printed are the medians over the rounds, and the median of the ratios of a round with its quartiles.

Runtimes: `function`, a `tf.function`, whose weights stay variables; `xla`, the same compiled;
`lite`, the model converted to TensorFlow Lite, a tool that folds by itself where it can.
"""

import argparse
import contextlib
import os
import statistics
import time
import warnings
from collections.abc import Callable
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import tensorflow as tf

import bn_companion as bn

__all__ = ["RUNTIMES", "lite_bytes", "network", "runner", "steps_of_lite", "times"]

Run = Callable[[], Any]
RUNTIMES = ("function", "xla", "lite")


def network(name: str, side: int) -> tuple[keras.Model, keras.Model]:
    """Return a network with the statistics of random images, and its fold."""
    keras.utils.set_random_seed(0)
    model = getattr(keras.applications, name)(weights=None, input_shape=(side, side, 3))
    norms = [x for x in model.layers if isinstance(x, keras.layers.BatchNormalization)]
    for norm in norms:
        norm.momentum = 0.0
    model(images(16, side), training=True)  # statistics of these images, in every layer
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", bn.FoldWarning)
        return model, bn.fold(model)


def images(batch: int, side: int) -> Any:
    """Return random images."""
    drawn = np.random.default_rng(0).uniform(0, 255, (batch, side, side, 3))
    return drawn.astype("float32")


def runner(model: keras.Model, x: Any, runtime: str) -> Run:
    """Return a function without arguments that predicts and waits for the result."""
    if runtime == "lite":
        return _lite(lite_bytes(model), x)
    function = tf.function(lambda x: model(x, training=False), jit_compile=runtime == "xla")
    given = tf.constant(x)
    return lambda: function(given).numpy()


def lite_bytes(model: keras.Model) -> bytes:
    """Return the model converted to TensorFlow Lite, in single precision."""
    with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere):
        converted: bytes = tf.lite.TFLiteConverter.from_keras_model(model).convert()
    return converted


def _interpreter(converted: bytes) -> Any:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".*tf.lite.Interpreter is deprecated", UserWarning)
        return tf.lite.Interpreter(
            model_content=converted, num_threads=len(os.sched_getaffinity(0))
        )


def steps_of_lite(converted: bytes) -> int:
    """Return how many operations a converted model has, before its runtime joins some of them."""
    return sum(op["op_name"] != "DELEGATE" for op in _interpreter(converted)._get_ops_details())


def _lite(converted: bytes, x: Any) -> Run:
    interpreter = _interpreter(converted)
    place = interpreter.get_input_details()[0]["index"]
    interpreter.resize_tensor_input(place, x.shape)
    interpreter.allocate_tensors()
    out = interpreter.get_output_details()[0]["index"]

    def run() -> Any:
        interpreter.set_tensor(place, x)
        interpreter.invoke()
        return interpreter.get_tensor(out)

    return run


def times(models: tuple[keras.Model, ...], x: Any, *, runtime: str, rounds: int) -> Any:
    """Return the seconds of every round, shape (rounds, models)."""
    runs = [runner(model, x, runtime) for model in models]
    for run in runs * 3:
        run()
    taken = np.empty((rounds, len(runs)))
    for number in range(rounds):
        order = range(len(runs)) if number % 2 == 0 else reversed(range(len(runs)))
        for place in order:
            begin = time.perf_counter()
            runs[place]()
            taken[number, place] = time.perf_counter() - begin
    return taken


def line(
    name: str, models: tuple[keras.Model, ...], taken: Any, *, runtime: str, batch: int
) -> str:
    """Return one line of the table."""
    before, after = np.median(taken, axis=0)
    low, ratio, high = statistics.quantiles(taken[:, 1] / taken[:, 0], n=4)
    report = bn.fold_report(models[0])
    parts = f"{(report['action'] == 'folded').sum()}/{len(report)}"
    size = [sum(int(w.nbytes) for w in model.get_weights()) for model in models]
    return (
        f"{name:16s} {runtime:9s} {batch:5d} {parts:>8s} {1e3 * before:10.1f} {1e3 * after:10.1f} "
        f"{ratio:7.3f} ({low:.3f} to {high:.3f}) {size[1] / size[0]:8.4f} "
        f"{len(models[0].layers):5d} {len(models[1].layers):5d}"
    )


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--networks", nargs="+", default=["MobileNetV2", "ResNet50"])
    parser.add_argument("--side", type=int, default=224)
    parser.add_argument("--batch", type=int, nargs="+", default=[1, 16])
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--runtimes", nargs="+", choices=RUNTIMES, default=["function", "xla"])
    options = parser.parse_args()
    print(
        "network          runtime   batch   folded before, ms  after, ms   ratio (quartiles)"
        "         bytes layers before, after",
        flush=True,
    )
    for name in options.networks:
        models = network(name, options.side)
        for runtime in options.runtimes:
            for batch in options.batch:
                x = images(batch, options.side)
                taken = times(models, x, runtime=runtime, rounds=options.rounds)
                print(line(name, models, taken, runtime=runtime, batch=batch), flush=True)


if __name__ == "__main__":
    main()
