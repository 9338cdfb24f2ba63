"""What folding saves: time and size of networks before and after, in three runtimes.

    python book/results/folding.py [--rounds 30] [--side 96] [--batch 1 16] [--out FOLDER]

The networks of Keras with the statistics of random images; `benchmarks/folding.py` says how one
round is timed. Stored are the rounds, so that a reader can see how far the machine was quiet.
"""

import argparse
import platform
import sys
import time
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pandas as pd
import record

sys.path.append(str(Path(__file__).parents[2]))  # the benchmarks are in no package

import bn_companion as bn
from benchmarks import folding

NAME = "folding"


def about(models: tuple[keras.Model, keras.Model], side: int, *, convert: bool) -> dict[str, Any]:
    """Return the sizes of a network before and after, and how far apart their outputs are."""
    report = bn.fold_report(models[0])
    outputs = [np.asarray(model(folding.images(16, side), training=False)) for model in models]
    facts = {
        "normalizations": len(report),
        "folded": int((report["action"] == "folded").sum()),
        "largest_relative_difference": float(
            np.abs(outputs[1] - outputs[0]).max() / np.abs(outputs[0]).max()
        ),
        "parameters": [model.count_params() for model in models],
        "layers": [len(model.layers) for model in models],
    }
    if convert:
        steps = [folding.steps_of_lite(folding.lite_bytes(model)) for model in models]
        facts["lite_operations"] = steps
    return facts


def processor() -> str:
    """Return what the processor calls itself: the times are those of this one."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:  # not Linux
        lines = []
    names = [text.partition(":")[2].strip() for text in lines if text.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def main() -> None:
    """Make the result."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--networks", nargs="+", default=["MobileNetV2", "ResNet50"])
    parser.add_argument("--runtimes", nargs="+", choices=folding.RUNTIMES, default=folding.RUNTIMES)
    parser.add_argument("--side", type=int, default=96)
    parser.add_argument("--batch", type=int, nargs="+", default=[1, 16])
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--out", type=Path, default=record.HERE)
    options = parser.parse_args()
    begin = time.perf_counter()
    tables, networks = [], {}
    for name in options.networks:
        models = folding.network(name, options.side)
        networks[name] = about(models, options.side, convert="lite" in options.runtimes)
        for runtime in options.runtimes:
            for batch in options.batch:
                x = folding.images(batch, options.side)
                taken = folding.times(models, x, runtime=runtime, rounds=options.rounds)
                print(folding.line(name, models, taken, runtime=runtime, batch=batch), flush=True)
                table = pd.DataFrame(1e3 * taken, columns=["before_ms", "after_ms"])
                table.insert(0, "round", range(options.rounds))
                tables.append(table.assign(network=name, runtime=runtime, batch=batch))
    keys = ["network", "runtime", "batch", "round"]
    record.write(
        options.out / NAME,
        pd.concat(tables)[[*keys, "before_ms", "after_ms"]].round(4),
        {
            "data": f"random images of {options.side} x {options.side}",
            "networks": networks,
            "processor": processor(),
            "seconds": round(time.perf_counter() - begin),
        },
    )


if __name__ == "__main__":
    main()
