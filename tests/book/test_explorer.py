"""The explorer in a browser, on a page that stands alone and on pages that Sphinx built."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page

from bn_companion import plots
from tests.book import checks
from tests.book.checks import OVERFLOW, PATIENCE, Visit
from tests.plots.runs import fake_runs

ROOT = Path(__file__).parents[2]
CONF = """
import sys
sys.path.insert(0, {extensions!r})
extensions = ["offline_plotly"]
html_theme = "sphinx_book_theme"
html_title = "Book"
language = "en"
html_context = {{"default_mode": "auto"}}
html_theme_options = {{"navbar_persistent": [], "logo": {{"text": "Book"}},
    "pygments_light_style": "a11y-high-contrast-light",
    "pygments_dark_style": "a11y-high-contrast-dark"}}
"""


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A page of its own."""
    path = tmp_path_factory.mktemp("alone") / "page.html"
    plots.explore_placements(fake_runs()).save(path)
    return path


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two pages in the book's theme, of which one has an explorer, as a notebook's output is."""
    source, out = (tmp_path_factory.mktemp(name) for name in ("source", "html"))
    conf = CONF.format(extensions=str(ROOT / "book" / "_ext"))
    (source / "conf.py").write_text(conf, encoding="utf-8")
    (source / "index.rst").write_text(
        "Start\n=====\n\nText.\n\n.. toctree::\n\n   with\n", encoding="utf-8"
    )
    html = (
        '<div class="cell_output docutils container"><div class="output text_html">'
        f"{plots.explore_placements(fake_runs()).html}</div></div>"
    )
    body = "".join(f"   {line}\n" for line in html.splitlines())
    (source / "with.rst").write_text(
        f"With\n====\n\n.. raw:: html\n\n{body}\n\nMore text.\n", encoding="utf-8"
    )
    command = [sys.executable, "-m", "sphinx", "-q", "-W", "-b", "html", str(source), str(out)]
    done = subprocess.run(
        command, check=False, capture_output=True, text=True, env={**os.environ, "NO_COLOR": "1"}
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return out


@pytest.fixture
def page(browser: Browser, alone: Path) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 375, "height": 900})
    opened = opened_page(context, alone)
    opened.locator(".bn-explorer[data-live]").wait_for()
    yield opened
    context.close()


def opened_page(context: BrowserContext, path: Path) -> Page:
    page = context.new_page()
    page.set_default_timeout(PATIENCE)
    page.goto(path.as_uri(), wait_until="load")
    return page


def drawn(page: Page) -> dict[str, Any]:
    """Return what Plotly was given: the means over the rate, and the seeds."""
    found: dict[str, Any] = page.evaluate(
        """() => {
          const {data} = document.querySelector(".bn-explorer-plot");
          return {curves: data.filter((_, i) => i % 4 === 0).map(({x, y}) => [x, y]),
                  rings: data.filter((_, i) => i % 4 === 1).map(({x}) => x[0]),
                  seeds: data.filter((_, i) => i % 4 === 2).map(({y}) => y),
                  means: data.filter((_, i) => i % 4 === 3).map(t => [t.y[0], t.error_y.array[0]])};
        }"""
    )
    return found


def table(page: Page) -> list[list[str]]:
    rows = page.locator(".bn-explorer tbody tr").all()
    return [row.locator("th, td").all_text_contents() for row in rows]


def caption(page: Page) -> str:
    return page.locator(".bn-explorer caption").text_content() or ""


# --- what is drawn -----------------------------------------------------------------------------


def test_the_first_view_draws_what_its_table_says(page: Page) -> None:
    stored = plots.explore_placements(fake_runs()).html
    (body,) = re.findall(r"<tbody>.*</tbody>", stored, re.DOTALL)
    assert [cell for row in table(page) for cell in row] == re.findall(r">([^<>\n]+)</t[hd]>", body)
    assert page.locator(".bn-explorer-plot svg.main-svg").count() > 0
    seen = drawn(page)
    for row, (mean, half) in zip(table(page), seen["means"], strict=True):
        assert row[2:] == [f"{mean:.3f}", f"{mean - half:.3f} to {mean + half:.3f}"]
    assert [len(seeds) for seeds in seen["seeds"]] == [5] * 4
    assert not page.locator(".bn-explorer-note").is_visible()


def test_the_keyboard_chooses_every_condition_and_a_rate(page: Page) -> None:
    frame = fake_runs()
    page.locator("select").first.focus()
    for key in ("w", "6", "r"):
        page.keyboard.press(key)
        page.keyboard.press("Tab")
    for _ in range(2):
        page.keyboard.press("ArrowDown")
    page.keyboard.press("Tab")  # some browsers tell of a choice when it is left
    assert caption(page) == "wine, depth 6, relu, learning rate: 0.1 for all"
    part = frame.query("dataset == 'wine' and depth == 6 and activation == 'relu'")
    seen = drawn(page)
    assert seen["rings"] == [0.1] * 4
    for place, arm in enumerate(("none", "before", "after", "both")):
        runs = part[part["placement"] == arm]
        means = runs.groupby("learning_rate")["test_accuracy"].mean()
        assert seen["curves"][place][0] == means.index.tolist()
        assert seen["curves"][place][1] == pytest.approx(means.tolist())
        at = runs[runs["learning_rate"] == 0.1]["test_accuracy"]
        assert seen["seeds"][place] == pytest.approx(at.tolist())
        assert table(page)[place][1:3] == ["0.1", f"{at.mean():.3f}"]


def test_every_choice_has_a_name(page: Page) -> None:
    for name in ("dataset", "depth", "activation", "learning rate"):
        assert page.get_by_role("combobox", name=name, exact=True).count() == 1
    picture = page.get_by_role("img", name=re.compile("^Test accuracy of each placement"))
    assert picture.count() == 1
    assert page.get_by_role("table", name=re.compile("^digits, depth 2, tanh")).count() == 1


# --- how it behaves ----------------------------------------------------------------------------


def test_the_page_alone_is_quiet_offline_narrow_and_accessible(
    browser: Browser, alone: Path
) -> None:
    assert checks.visit(browser, alone.as_uri()) == Visit()


def test_built_pages_are_quiet_offline_narrow_and_accessible(browser: Browser, site: Path) -> None:
    for name in ("index.html", "with.html"):
        assert checks.visit(browser, (site / name).as_uri()) == Visit(), name


def test_plotly_is_loaded_where_it_is_needed(browser: Browser, site: Path) -> None:
    sources = {
        name: [str(tag.get("src", "")) for tag in checks.read(site / name).find_all("script")]
        for name in ("index.html", "with.html", "search.html")
    }
    loads = {name: sum("plotly" in source for source in sources[name]) for name in sources}
    assert loads == {"index.html": 0, "with.html": 1, "search.html": 0}
    context = browser.new_context()
    page = opened_page(context, site / "with.html")
    page.locator(".bn-explorer[data-live] svg.main-svg").first.wait_for()
    context.close()


def test_two_explorers_on_a_page_keep_apart(browser: Browser, tmp_path: Path, alone: Path) -> None:
    text = alone.read_text(encoding="utf-8")
    more = plots.explore_placements(fake_runs()).html
    both = tmp_path / "both.html"
    both.write_text(text.replace("</main>", f"{more}</main>"), encoding="utf-8")
    context = browser.new_context()
    page = opened_page(context, both)
    second = page.locator(".bn-explorer").nth(1)
    second.get_by_role("combobox", name="dataset").select_option("wine")
    captions = page.locator(".bn-explorer caption").all_text_contents()
    assert [text.split(",")[0] for text in captions] == ["digits", "wine"]
    context.close()


@pytest.mark.parametrize("scripts", [False, True], ids=["no scripts", "no Plotly"])
def test_a_table_remains(browser: Browser, tmp_path: Path, alone: Path, scripts: bool) -> None:
    path = alone
    if scripts:
        path = tmp_path / "page.html"
        path.write_text(f"<main>{plots.explore_placements(fake_runs()).html}</main>")
    context = browser.new_context(java_script_enabled=scripts)
    page = context.new_page()
    faults: list[str] = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.goto(path.as_uri(), wait_until="load", timeout=PATIENCE)
    assert page.locator(".bn-explorer table").is_visible()
    assert page.locator(".bn-explorer-note").is_visible()
    assert not page.locator(".bn-explorer-controls").is_visible()
    assert not faults
    context.close()


def test_the_picture_follows_the_window(page: Page) -> None:
    width = "() => document.querySelector('.bn-explorer-plot svg').getBoundingClientRect().width"
    assert page.evaluate(width) <= 375
    page.set_viewport_size({"width": 320, "height": 900})
    page.wait_for_function(f"() => ({width})() <= 320", timeout=PATIENCE)


def test_print_has_the_picture_and_the_table_without_the_lists(page: Page) -> None:
    page.emulate_media(media="print")
    assert page.locator(".bn-explorer-plot svg").first.is_visible()
    assert page.locator(".bn-explorer table").is_visible()
    assert not page.locator(".bn-explorer-controls").is_visible()
    assert not page.evaluate(OVERFLOW)
