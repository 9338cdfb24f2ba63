"""What every shipped result carries: command, versions, seeds, machine and date."""

import datetime
import json
import os
import platform
import shlex
import sys
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pandas as pd

__all__ = ["HERE", "write"]

HERE = Path(__file__).parent
_PACKAGES = ("keras", "tensorflow", "numpy", "scikit-learn", "mnist1d")


def write(path: Path, table: pd.DataFrame, facts: Mapping[str, Any]) -> None:
    """Write a table as ``PATH.csv`` and what is to be known about it as ``PATH.json``.

    Parameters
    ----------
    path : Path
        Folder and name of the result; the script that makes it bears the same name.
    table : pandas.DataFrame
        One row an observation.
    facts : mapping
        At least ``data``, ``seeds``, ``seconds`` and ``differs`` (from what is reproduced).
    """
    import tensorflow as tf  # noqa: PLC0415 (reading a result needs none)

    facts = {
        "command": shlex.join(["python", f"book/results/{path.name}.py", *_public(sys.argv[1:])]),
        "date": datetime.datetime.now(tz=datetime.UTC).date().isoformat(),
        "versions": {"python": platform.python_version(), **{p: version(p) for p in _PACKAGES}},
        "machine": {
            "cores": len(os.sched_getaffinity(0)),
            "devices": [d.device_type for d in tf.config.list_physical_devices()],
        },
        **facts,
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    for suffix, text in (
        (".csv", table.to_csv(index=False)),
        (".json", json.dumps(facts, indent=2) + "\n"),
    ):
        half = path.with_suffix(suffix + ".part")
        half.write_text(text, encoding="utf-8")
        half.replace(path.with_suffix(suffix))


def _public(arguments: Sequence[str]) -> list[str]:
    """Return the arguments without the folders of the machine at hand."""
    return [Path(a).name if os.sep in a else a for a in arguments]
