"""Run the command ``bn-companion``, in this process or in one of its own."""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from bn_companion import cli

ROOT = Path(__file__).parents[1]


@dataclass
class Said:
    """How a run of the command ended, and what it wrote."""

    returncode: int
    stdout: str
    stderr: str


def environment():
    """Return an environment in which this checkout is the one that is imported."""
    return {**os.environ, "PYTHONPATH": str(ROOT)}


def process(*arguments, cwd=ROOT):
    """Run the command in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-m", "bn_companion", *map(str, arguments)],
        check=False,
        capture_output=True,
        text=True,
        cwd=cwd,
        env=environment(),
    )
    return Said(done.returncode, done.stdout, done.stderr)


def runner(capsys, monkeypatch):
    """Return a function that runs the command in this process."""
    # The command sets it for its worker processes; here it must not outlive the test.
    monkeypatch.setenv("BN_COMPANION_QUIET", "1")

    def call(*arguments, cwd=ROOT):
        monkeypatch.chdir(cwd)
        capsys.readouterr()
        try:
            status = cli.main([str(argument) for argument in arguments])
        except SystemExit as stop:  # of argparse
            status = stop.code
        return Said(status, *capsys.readouterr())

    return call
