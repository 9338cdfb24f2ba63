"""Inference before and after `fold`, on networks of keras.applications.

    python -m benchmarks.folding
    python -m benchmarks.folding --networks ResNet50 --side 224 --batch 1 --rounds 30

Random weights: the time does not depend on them. The two models take turns within each round, so
that whatever else the machine does meets both; compiled functions, after a warm-up. Printed are the
medians over the rounds, the median of the ratios of a round, and its quartiles.
"""

import argparse
import os
import statistics
import time
import warnings
from collections.abc import Callable
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")


def seconds(run: Callable[[], Any]) -> float:
    """Return how long one call takes."""
    begin = time.perf_counter()
    run()
    return time.perf_counter() - begin


def compiled(model: Any, images: Any, *, jit: bool) -> Callable[[], Any]:
    """Return a function without arguments that predicts and waits for the result."""
    import tensorflow as tf  # noqa: PLC0415

    function = tf.function(lambda x: model(x, training=False), jit_compile=jit)
    return lambda: function(images).numpy()


def line(name: str, *, side: int, batch: int, rounds: int, jit: bool) -> str:
    """Return one line of the table."""
    import keras  # noqa: PLC0415
    import numpy as np  # noqa: PLC0415

    import bn_companion as bn  # noqa: PLC0415

    keras.utils.set_random_seed(0)
    model = getattr(keras.applications, name)(weights=None, input_shape=(side, side, 3))
    report = bn.fold_report(model)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", bn.FoldWarning)
        folded = bn.fold(model)
    images = np.random.default_rng(0).uniform(0, 255, (batch, side, side, 3)).astype("float32")
    runs = [compiled(each, images, jit=jit) for each in (model, folded)]
    for run in runs * 3:
        run()
    times = [[seconds(run) for run in runs] for _ in range(rounds)]
    before, after = (statistics.median(column) for column in zip(*times, strict=True))
    low, ratio, high = statistics.quantiles([a / b for b, a in times], n=4)
    parts = f"{(report['action'] == 'folded').sum()}/{len(report)}"
    size = [sum(int(w.nbytes) for w in map(np.asarray, m.get_weights())) for m in (model, folded)]
    return (
        f"{name:16s} {batch:5d} {parts:>8s} {1e3 * before:10.1f} {1e3 * after:10.1f} "
        f"{ratio:7.3f} ({low:.3f} to {high:.3f}) {size[1] / size[0]:8.4f} "
        f"{len(model.layers):5d} {len(folded.layers):5d}"
    )


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--networks", nargs="+", default=["MobileNetV2", "ResNet50"])
    parser.add_argument("--side", type=int, default=224)
    parser.add_argument("--batch", type=int, nargs="+", default=[1, 16])
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--jit", action="store_true", help="compile with XLA")
    options = parser.parse_args()
    print(
        "network          batch   folded before, ms  after, ms   ratio (quartiles)         bytes "
        "layers before, after",
        flush=True,
    )
    for name in options.networks:
        for batch in options.batch:
            print(
                line(
                    name,
                    side=options.side,
                    batch=batch,
                    rounds=options.rounds,
                    jit=options.jit,
                ),
                flush=True,
            )


if __name__ == "__main__":
    main()
