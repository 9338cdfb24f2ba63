"""Other people's machines, put in the place of this one: environments in which chapters must pass.

The instruction set decides how XLA vectorises sums, the threads in which order they are added
up, oneDNN which kernels multiply. Training amplifies the last digit of each.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.book.chapters import ROOT
from tests.book.environment import DEFAULTS

__all__ = ["AS_IT_IS", "ONE_CORE", "VARIANTS", "run"]

AS_IT_IS = "this machine"
ONE_CORE = "one core"

VARIANTS: dict[str, dict[str, str]] = {
    AS_IT_IS: {},
    "XLA with SSE4.2": {"XLA_FLAGS": "--xla_cpu_max_isa=SSE4_2"},
    "XLA with AVX2": {"XLA_FLAGS": "--xla_cpu_max_isa=AVX2"},
    "one thread": {"TF_NUM_INTRAOP_THREADS": "1"},
    "oneDNN": {"TF_ENABLE_ONEDNN_OPTS": "1"},
    ONE_CORE: {},
}


def run(variant: str, module: str, arguments: Sequence[str], *, log: Path) -> int:
    """Run a Python module under a variant; its output goes to a file. Returns its exit status.

    Raises
    ------
    RuntimeError
        If the variant needs a tool that this system does not have.
    """
    command = [*_prefix(variant), sys.executable, "-m", module, *arguments]
    with log.open("w", encoding="utf-8") as file:
        return subprocess.run(
            command,
            cwd=ROOT,
            env=environment(variant, os.environ),
            stdout=file,
            stderr=subprocess.STDOUT,
            check=False,
        ).returncode


def environment(variant: str, base: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of a variant: nothing of another variant may shine through."""
    set_by_any = {*DEFAULTS, *(name for v in VARIANTS.values() for name in v)}
    rest = {name: value for name, value in base.items() if name not in set_by_any}
    return {**rest, **DEFAULTS, **VARIANTS[variant], "PYTHONPATH": str(ROOT)}


def _prefix(variant: str) -> list[str]:
    if variant != ONE_CORE:
        return []
    taskset = shutil.which("taskset")
    if taskset is None:
        raise RuntimeError(f"the variant {variant!r} needs `taskset` (util-linux)")
    # The first core that this process may use: in a container that need not be core 0.
    return [taskset, "-c", str(min(os.sched_getaffinity(0)))]
