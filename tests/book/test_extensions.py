"""The book's own Sphinx extensions, on small books: two pages, built in a moment."""

import os
import runpy
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import nbformat
import pytest
from bs4 import BeautifulSoup
from docutils import nodes
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from sphinx import addnodes

from tests.book import checks
from tests.book.chapters import BOOK

EXTENSIONS = BOOK / "_ext"
HOST = "https://example.org/book/"
CONF = """
import sys
sys.path.insert(0, {extensions!r})
extensions = ["myst_nb", "sphinx_exercise", "sphinx.ext.autodoc", "sphinx_copybutton",
    "exercises", "linked_code", "reading_time", "sharing"]
nb_execution_mode = "off"
html_theme = "sphinx_book_theme"
html_title = "Book"
language = "en"
smartquotes = False
exercise_style = "solution_follow_exercise"
"""

API = """---
description: Every name.
---
# API

```{py:function} bn_companion.mlp(x)
A network.
```

```{py:function} bn_companion.unused(x)
Nobody calls it.
```

```{py:function} bn_companion.plots.plot_arms(x)
A figure.
```
"""
CODE = """\
import bn_companion as bn
from bn_companion import plots

model = bn.mlp(bn.nothing)
plots.plot_arms(model.bn.mlp)
bn.plots.plot_arms(model)"""


def chapter() -> nbformat.NotebookNode:
    """One exercise, whose solution spans cells as it does in the book."""
    printed = new_output("stream", text="the printed answer")
    return new_notebook(
        cells=[
            new_markdown_cell("# A chapter\n\nText."),
            new_code_cell(CODE, execution_count=1),
            new_markdown_cell("word " * 990 + "$" + "x+" * 990 + "x$"),
            new_markdown_cell(
                "```{exercise-start} Count (first) (easy)\n:label: ex-count\n```\nHow many?"
            ),
            new_markdown_cell("```{exercise-end}\n```"),
            new_markdown_cell("```{solution-start} ex-count\n:class: dropdown\n```"),
            new_markdown_cell("The written answer."),
            new_code_cell("answer = 42", execution_count=2, outputs=[printed]),
            new_markdown_cell("```{solution-end}\n```"),
            new_markdown_cell("## After\n\nMore text."),
        ],
        metadata={
            "kernelspec": {"name": "python3", "display_name": "Python 3"},
            "language_info": {"name": "python", "pygments_lexer": "ipython3"},
        },
    )


def build(source: Path, *options: str, **environment: str) -> dict[str, BeautifulSoup]:
    """Build a small book strictly, and return its pages by name."""
    source.mkdir()
    out = source.with_name(source.name + "-html")
    conf = CONF.format(extensions=str(EXTENSIONS))
    (source / "conf.py").write_text(conf, encoding="utf-8")
    (source / "index.md").write_text(
        '# Start\n\nIt says "a" & b.\n\n```{exercise-table}\n```\n\n'
        "```{toctree}\nchapter\napi\n```\n",
        encoding="utf-8",
    )
    (source / "api.md").write_text(API, encoding="utf-8")
    nbformat.write(chapter(), source / "chapter.ipynb")
    command = [sys.executable, "-m", "sphinx", "-q", "-W", "-b", "html", *options]
    done = subprocess.run(
        [*command, str(source), str(out)],
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
def class_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("class")


@pytest.fixture(scope="module")
def class_book(class_folder: Path) -> dict[str, BeautifulSoup]:
    """For a class, and at home on a host."""
    options = ("-D", f"html_baseurl={HOST}")
    return build(class_folder / "book", *options, BOOK_WITHOUT_SOLUTIONS="1")


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


# --- links between code and API ----------------------------------------------------------------


def test_names_in_code_lead_to_their_entries(book: dict[str, BeautifulSoup]) -> None:
    links = [(a.get_text(), a["href"]) for a in book["chapter"].select("pre a")]
    assert links == [
        ("bn.mlp", "api.html#bn_companion.mlp"),
        ("plots.plot_arms", "api.html#bn_companion.plots.plot_arms"),
        ("bn.plots.plot_arms", "api.html#bn_companion.plots.plot_arms"),
    ]
    assert all(book["api"].find(id=href.partition("#")[2]) for _, href in links)


def test_code_reads_as_before(book: dict[str, BeautifulSoup]) -> None:
    assert book["chapter"].select_one("pre").get_text().rstrip() == CODE


def test_entries_lead_back_to_the_chapters_that_use_them(book: dict[str, BeautifulSoup]) -> None:
    lines = {
        entry.dt["id"]: [a["href"] for a in entry.select("p.used-in a")]
        for entry in book["api"].select("dl.py.function")
    }
    assert lines == {
        "bn_companion.mlp": ["chapter.html"],
        "bn_companion.unused": [],
        "bn_companion.plots.plot_arms": ["chapter.html"],
    }


# --- reading time ------------------------------------------------------------------------------


def test_a_chapter_says_how_long_it_takes_and_other_pages_do_not(
    book: dict[str, BeautifulSoup],
) -> None:
    line = book["chapter"].select_one("h1 + p.reading-time")
    assert line.get_text() == "About 5 minutes to read"  # formulas and solutions not counted
    assert not book["index"].select(".reading-time")


# --- sharing -----------------------------------------------------------------------------------


def tags(soup: BeautifulSoup) -> dict[str, str]:
    return {
        str(tag.get("name") or tag.get("property")): str(tag["content"])
        for tag in soup.head.find_all("meta", content=True)
    }


def test_pages_are_described_by_their_front_matter_or_first_words(
    book: dict[str, BeautifulSoup],
) -> None:
    described = {name: tags(book[name])["description"] for name in ("index", "api", "chapter")}
    assert described == {"index": 'It says "a" & b.', "api": "Every name.", "chapter": "Text."}
    assert tags(book["api"])["og:title"] == "API"
    assert tags(book["api"])["og:description"] == "Every name."


def test_without_a_host_no_address_is_made_up(book: dict[str, BeautifulSoup]) -> None:
    for name in ("index", "chapter"):
        assert not book[name].select("link[rel=canonical]")
        assert not {"og:url", "og:image"} & set(tags(book[name]))
        assert "example.org" not in str(book[name])


def test_a_host_fills_in_one_address(
    class_book: dict[str, BeautifulSoup], class_folder: Path
) -> None:
    page = class_book["chapter"]
    assert page.select_one("link[rel=canonical]")["href"] == f"{HOST}chapter.html"
    assert tags(page)["og:url"] == f"{HOST}chapter.html"
    assert tags(page)["og:image"] == f"{HOST}_static/page.png"
    assert checks.outside_addresses(page) == []
    sitemap = (class_folder / "book-html" / "sitemap.xml").read_text(encoding="utf-8")
    assert all(f"<loc>{HOST}{name}.html</loc>" in sitemap for name in ("index", "api", "chapter"))
    assert sitemap.count("<url>") == 3


def test_a_long_description_ends_at_a_sentence_or_a_word() -> None:
    sharing = SimpleNamespace(**runpy.run_path(str(EXTENSIONS / "sharing.py")))
    cited = nodes.paragraph("", "The paper ", addnodes.pending_xref("", nodes.Text("key2015"),
                            refdomain="cite"), nodes.Text(" says so."))  # fmt: skip
    assert sharing.plain(cited) == "The paper says so."
    assert sharing.shortened("Short.") == "Short."
    assert sharing.shortened("A" * 100 + ". " + "b " * 50) == "A" * 100 + "."
    cut = sharing.shortened("word " * 50)
    assert cut.endswith("word ...")
    assert len(cut) <= sharing.LENGTH
