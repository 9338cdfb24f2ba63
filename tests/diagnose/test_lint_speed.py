"""A thousand files in a few seconds, in one process and without TensorFlow."""

import random
import resource
import subprocess
import sys
from pathlib import Path

from tests.diagnose.samples import CORRECT, FAULTY

ROOT = Path(__file__).parents[2]
FILES, LINES, SECONDS = 1000, 100, 5.0


def generate(folder, count, lines):
    """Write scripts of about `lines` lines, each with imports and several parts of the corpus."""
    chance = random.Random(0)
    parts = [s.text for s in CORRECT + FAULTY if "import *" not in s.text and s.text.strip()]
    for number in range(count):
        text = ""
        while text.count("\n") < lines:
            body = "".join(f"    {line}\n" for line in chance.choice(parts).splitlines())
            text += f"\ndef part_{text.count(chr(10))}():\n{body}    pass\n"
        (folder / f"script_{number}.py").write_text(text, encoding="utf-8")


def seconds_of(folder):
    """Return the processor time of one run of the command, and what it wrote."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    said = subprocess.run(
        [sys.executable, "-m", "bn_companion", "lint", str(folder), "--format", "json"],
        check=False,
        capture_output=True,
        text=True,
        cwd=ROOT,
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, said


def test_a_thousand_files_take_less_than_five_seconds(tmp_path):
    """In processor time, start of Python included: what else the machine does is not counted."""
    generate(tmp_path, FILES, LINES)
    took = []
    for _ in range(3):
        seconds, said = seconds_of(tmp_path)
        assert said.returncode == 1
        assert said.stderr == ""
        assert said.stdout.count('"BN002"') > FILES / 10
        took.append(seconds)
        if seconds < SECONDS:
            break
    assert min(took) < SECONDS, f"seconds: {took}"
