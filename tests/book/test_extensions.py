"""The book's own Sphinx extensions, on small books: two pages, built in a moment."""

import os
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from bs4 import BeautifulSoup
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from tests.book import checks

ROOT = Path(__file__).parents[2]
CONF = """
import sys
sys.path.insert(0, {extensions!r})
extensions = ["myst_nb", "sphinx_exercise", "exercises"]
nb_execution_mode = "off"
html_theme = "sphinx_book_theme"
html_title = "Book"
language = "en"
exercise_style = "solution_follow_exercise"
"""


def chapter() -> nbformat.NotebookNode:
    """One exercise, whose solution spans cells as it does in the book."""
    printed = new_output("stream", text="the printed answer")
    return new_notebook(
        cells=[
            new_markdown_cell("# A chapter\n\nText."),
            new_markdown_cell(
                "```{exercise-start} Count (first) (easy)\n:label: ex-count\n```\nHow many?"
            ),
            new_markdown_cell("```{exercise-end}\n```"),
            new_markdown_cell("```{solution-start} ex-count\n:class: dropdown\n```"),
            new_markdown_cell("The written answer."),
            new_code_cell("answer = 42", execution_count=1, outputs=[printed]),
            new_markdown_cell("```{solution-end}\n```"),
            new_markdown_cell("## After\n\nMore text."),
        ],
        metadata={
            "kernelspec": {"name": "python3", "display_name": "Python 3"},
            "language_info": {"name": "python", "pygments_lexer": "ipython3"},
        },
    )


def build(source: Path, **environment: str) -> dict[str, BeautifulSoup]:
    """Build a small book strictly, and return its pages by name."""
    source.mkdir()
    out = source.with_name(source.name + "-html")
    conf = CONF.format(extensions=str(ROOT / "book" / "_ext"))
    (source / "conf.py").write_text(conf, encoding="utf-8")
    (source / "index.md").write_text(
        "# Start\n\n```{exercise-table}\n```\n\n```{toctree}\nchapter\n```\n", encoding="utf-8"
    )
    nbformat.write(chapter(), source / "chapter.ipynb")
    command = [sys.executable, "-m", "sphinx", "-q", "-W", "-b", "html", str(source), str(out)]
    done = subprocess.run(
        command,
        check=False,
        capture_output=True,
        text=True,
        env={**os.environ, "NO_COLOR": "1", **environment},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return {page.stem: checks.read(page) for page in checks.html_pages(out)}


@pytest.fixture(scope="module")
def book(tmp_path_factory: pytest.TempPathFactory) -> dict[str, BeautifulSoup]:
    return build(tmp_path_factory.mktemp("whole") / "book")


@pytest.fixture(scope="module")
def class_book(tmp_path_factory: pytest.TempPathFactory) -> dict[str, BeautifulSoup]:
    return build(tmp_path_factory.mktemp("class") / "book", BOOK_WITHOUT_SOLUTIONS="1")


def text(soup: BeautifulSoup) -> str:
    return soup.find("article").get_text(" ", strip=True)


# --- exercises ---------------------------------------------------------------------------------


def test_solutions_are_there_unless_a_class_is_taught(
    book: dict[str, BeautifulSoup], class_book: dict[str, BeautifulSoup]
) -> None:
    answers = ("The written answer", "answer = 42", "the printed answer")
    assert all(answer in text(book["chapter"]) for answer in answers)
    assert not any(answer in text(class_book["chapter"]) for answer in answers)
    for kept in ("How many?", "More text."):
        assert kept in text(book["chapter"])
        assert kept in text(class_book["chapter"])


def test_nothing_leads_to_a_notebook_with_its_solutions(
    book: dict[str, BeautifulSoup], class_book: dict[str, BeautifulSoup]
) -> None:
    leads = "a[href$='.ipynb'], .dropdown-download-buttons"
    assert book["chapter"].select(leads)
    assert not class_book["chapter"].select(leads)


def test_exercises_stand_in_a_table_by_difficulty(book: dict[str, BeautifulSoup]) -> None:
    table = book["index"].select_one("table.exercises")
    cells = [[cell.get_text(strip=True) for cell in row.find_all(["th", "td"])]
             for row in table.find_all("tr")]  # fmt: skip
    assert cells == [
        ["Chapter", "Easy", "Medium", "Hard"],
        ["A chapter", "Count (first)", "", ""],
    ]
    assert table.find("a")["href"] == "chapter.html#ex-count"
    assert book["chapter"].find(id="ex-count")
