"""The whole study of the question's network, from a cold start to the verdict.

    python -m benchmarks.question_study

3 placements x 6 learning rates x 10 seeds, 20 epochs of mini-batches of 16, dropout 0.5, Nesterov
momentum 0.9: 180 trainings. Compilation, evaluation and statistics are included, the import of
TensorFlow is told apart.
"""

import os
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")


def main() -> None:
    """Run the study and print how long it took."""
    begin = time.perf_counter()
    import bn_companion as bn  # noqa: PLC0415
    from bn_companion import compare_placements, question_mlp  # noqa: PLC0415

    imported = time.perf_counter()
    study = compare_placements(
        question_mlp,
        bn.load("synthetic"),
        seeds=10,
        learning_rates=(0.003, 0.01, 0.03, 0.1, 0.3, 1.0),
        nesterov=True,
        epochs=20,
        batch_size=16,
        progress=False,
    )
    done = time.perf_counter()
    print(study)
    print(study.table().round(4).to_string())
    print(
        f"{len(study.runs)} runs in {done - imported:.1f} s on {os.cpu_count()} cores, "
        f"after {imported - begin:.1f} s of imports"
    )


if __name__ == "__main__":
    main()
