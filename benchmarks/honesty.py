"""How often the verdict names a winner where there is none, on real runs.

    python -m benchmarks.honesty

One network is trained from many seeds at several learning rates. Every study then compares the
network with itself: two or three arms with ten disjoint seeds each, drawn at random from the pool.
Whatever it claims is false; it may claim something in at most 5% of the studies.
"""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import pandas as pd
from scipy import stats

import bn_companion as bn
from bn_companion.train.inference import Arm, judge

POOL, SEEDS, STUDIES = 240, 10, 500
RATES = (0.003, 0.01, 0.03, 0.1, 0.3)


def main() -> None:
    """Train the pool, draw the studies, print the table."""
    rows = {}
    for name, shape, classes in (("wine", 13, 3), ("synthetic", 14, 2)):
        data = bn.load(name)
        runs = bn.sweep(
            lambda shape=shape, classes=classes: bn.mlp((shape,), classes, hidden=(16,)),
            data,
            seeds=POOL,
            learning_rates=RATES,
            epochs=5,
            batch_size=32,
            progress=False,
        )
        val, test = (
            runs[column].fillna(1 / classes).to_numpy().reshape(POOL, len(RATES))
            for column in ("val_accuracy", "test_accuracy")
        )
        random = np.random.default_rng(0)
        for arms in (2, 3):
            claims = 0
            for _ in range(STUDIES):
                drawn = random.permutation(POOL)[: arms * SEEDS].reshape(arms, SEEDS)
                judged = judge(
                    {str(i): Arm(val[rows], test[rows]) for i, rows in enumerate(drawn)},
                    resolution=1 / len(data.x_test),
                )
                claims += judged.verdict != "inconclusive"
            low, high = stats.binomtest(claims, STUDIES).proportion_ci()
            rows[name, arms] = {
                "studies": STUDIES,
                "false claims": claims,
                "share": claims / STUDIES,
                "95% of the share": f"{low:.3f} to {high:.3f}",
            }
    table = pd.DataFrame.from_dict(rows, orient="index")
    print(table.rename_axis(["data", "arms"]).to_string())


if __name__ == "__main__":
    main()
