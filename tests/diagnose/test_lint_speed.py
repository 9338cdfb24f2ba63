"""A thousand files in a few seconds, in one process and without TensorFlow."""

import random
import resource
import subprocess
import sys
from pathlib import Path

from tests.diagnose.samples import CORRECT, FAULTY

ROOT = Path(__file__).parents[2]
FILES, LINES = 1000, 100
# About five seconds where this was written, in a measure that a throttled machine shares: what
# Python itself takes to parse the same files and to walk through them.
TIMES = 6.0
WALK = """
import ast, pathlib, sys
for path in pathlib.Path(sys.argv[1]).glob("*.py"):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        pass
"""


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


def seconds_of(*arguments):
    """Return the processor time of one run of Python, start included, and what it wrote."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    said = subprocess.run(
        [sys.executable, *arguments], check=False, capture_output=True, text=True, cwd=ROOT
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, said


def test_a_thousand_files_take_a_few_times_what_python_takes_to_read_them(tmp_path):
    """In processor time: what else the machine does is not counted."""
    generate(tmp_path, FILES, LINES)
    ratios = []
    for _ in range(3):
        unit, _ = seconds_of("-c", WALK, str(tmp_path))
        command = ("-m", "bn_companion", "lint", str(tmp_path), "--format", "json")
        seconds, said = seconds_of(*command)
        assert said.returncode == 1
        assert said.stderr == ""
        assert said.stdout.count('"BN002"') > FILES / 10
        ratios.append(seconds / unit)
        if ratios[-1] < TIMES:
            break
    assert min(ratios) < TIMES, f"times: {ratios}"
