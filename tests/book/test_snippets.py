"""The code that people copy from the README and the pages runs as it stands."""

import re
from pathlib import Path

import keras
import pytest

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "book").glob("*.md"))]


def python_blocks(path):
    return re.findall(r"^```python\n(.*?)^```", path.read_text(), re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_python_blocks_run_in_order(path, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # a study keeps its store where it is run
    namespace = {"__name__": "__main__"}
    for block in python_blocks(path):
        exec(compile(block, path.name, "exec"), namespace)


@pytest.mark.parametrize("name", ["README.md", "index.md"])
def test_the_answer_is_what_the_text_says(name):
    """Batch normalization right behind a linear map without bias, and nothing behind the logits."""
    path = next(path for path in PAGES if path.name == name)
    namespace = {}
    exec(python_blocks(path)[0], namespace)
    kinds = [type(layer).__name__ for layer in namespace["model"].layers]
    assert kinds == ["Dense", "BatchNormalization", "Activation", "Dense"]
    assert not namespace["model"].layers[0].use_bias
    assert namespace["model"].layers[-1].activation is keras.activations.linear


def test_the_readme_and_the_first_page_give_the_same_answer():
    readme, index = (
        python_blocks(next(path for path in PAGES if path.name == name))[0]
        for name in ("README.md", "index.md")
    )
    assert readme == index
