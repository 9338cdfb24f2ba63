"""The built book: a strict build, then every page read, and opened without a network."""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml
from bs4 import BeautifulSoup
from playwright.sync_api import Browser

from tests.book import checks
from tests.book.checks import Visit

ROOT = Path(__file__).parents[2]
CONFIG = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))
BUILD = "import sys; from jupyter_book.cli.main import main; sys.argv[0] = 'jupyter-book'; main()"


@dataclass
class Site:
    """The build: how it ended, and the pages that it left."""

    returncode: int
    output: str
    html: Path
    soups: dict[Path, BeautifulSoup]

    def name(self, page: Path) -> str:
        """Return the name of a page for a message."""
        return page.relative_to(self.html).as_posix()

    @property
    def pages(self) -> dict[Path, BeautifulSoup]:
        """All pages but the one at the top, which only leads to the first."""
        return {page: soup for page, soup in self.soups.items() if page != self.html / "index.html"}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    """Build the book from nothing, warnings as errors."""
    out = tmp_path_factory.mktemp("book")
    command = [sys.executable, "-c", BUILD, "build", str(ROOT), "-q", "-W", "-n", "--keep-going"]
    done = subprocess.run(
        [*command, "--path-output", str(out)],
        check=False,
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "NO_COLOR": "1"},
    )
    html = (out / "_build" / "html").resolve()
    soups = {page: checks.read(page) for page in checks.html_pages(html)}
    return Site(done.returncode, done.stdout + done.stderr, html, soups)


@pytest.fixture(scope="module")
def visits(site: Site, browser: Browser) -> dict[str, Visit]:
    """Every page, opened once."""
    return {site.name(page): checks.visit(browser, page.as_uri()) for page in site.pages}


def listed(problems: dict[str, list[str]]) -> str:
    """Return what is wrong, a line each, and an empty string when nothing is."""
    return "\n".join(f"{page}: {what}" for page, found in problems.items() for what in found)


def chapters() -> list[str]:
    """Return the file of each page that _toc.yml names, with its suffix."""
    toc = yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8"))
    names = [toc["root"], *(c["file"] for part in toc["parts"] for c in part["chapters"])]
    found = [next(ROOT.glob(f"{name}.*")).relative_to(ROOT).as_posix() for name in names]
    assert len(found) > 1
    return found


# --- the files ---------------------------------------------------------------------------------


def test_strict_build_is_clean(site: Site) -> None:
    assert site.returncode == 0, site.output


def test_every_source_is_a_page(site: Site) -> None:
    sources = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "book").glob("*")
        if path.suffix in (".md", ".ipynb")
    }
    assert sources == set(chapters())
    built = {site.name(page) for page in site.pages}
    assert {str(Path(source).with_suffix(".html")) for source in sources} <= built


def test_first_page_leads_to_the_book(site: Site) -> None:
    refresh = site.soups[site.html / "index.html"].find("meta")
    assert refresh["content"] == "0; url=book/index.html"
    assert (site.html / "book" / "index.html").is_file()


def test_nothing_is_loaded_from_elsewhere(site: Site) -> None:
    found = {site.name(page): checks.outside_addresses(soup) for page, soup in site.soups.items()}
    for sheet in site.html.rglob("*.css"):
        css = sheet.read_text(encoding="utf-8")
        found[site.name(sheet)] = checks.outside_in_css(css)
    assert not listed(found)


def test_no_path_of_this_machine_in_a_page(site: Site) -> None:
    places = (str(ROOT), str(site.html), str(Path.home()) + os.sep)
    found = {
        site.name(page): [place for place in places if place in page.read_text(encoding="utf-8")]
        for page in site.soups
    }
    assert not listed(found)


def test_images_have_alternative_text(site: Site) -> None:
    found = {site.name(page): checks.image_problems(soup) for page, soup in site.pages.items()}
    assert not listed(found)


def test_pages_have_one_first_heading(site: Site) -> None:
    found = {site.name(page): checks.heading_problems(soup) for page, soup in site.pages.items()}
    assert not listed(found)


def test_links_inside_the_book_resolve(site: Site) -> None:
    found = {
        site.name(page): checks.link_problems(site.html, page, site.soups) for page in site.pages
    }
    assert not listed(found)


def test_launch_buttons_open_the_notebook(site: Site) -> None:
    repository = CONFIG["repository"]["url"].removeprefix("https://github.com/")
    branch = CONFIG["repository"]["branch"]
    notebooks = [name for name in chapters() if name.endswith(".ipynb")]
    assert notebooks
    for name in notebooks:
        links = {
            link["href"]
            for link in site.soups[site.html / Path(name).with_suffix(".html")].select("a[href]")
        }
        binder = f"https://mybinder.org/v2/gh/{repository}/{branch}?urlpath=lab/tree/{name}"
        colab = f"https://colab.research.google.com/github/{repository}/blob/{branch}/{name}"
        assert {binder, colab} <= links


# --- in a browser ------------------------------------------------------------------------------


def test_pages_ask_the_network_for_nothing(visits: dict[str, Visit]) -> None:
    assert not listed({page: seen.requests for page, seen in visits.items()})


def test_console_stays_quiet(visits: dict[str, Visit]) -> None:
    assert not listed({page: seen.console for page, seen in visits.items()})


def test_formulas_are_rendered(visits: dict[str, Visit]) -> None:
    assert not listed({page: seen.formulas for page, seen in visits.items()})
    assert visits["book/glossary.html"].formula_count > 0  # so that the check had work to do


def test_pages_fit_a_phone(visits: dict[str, Visit]) -> None:
    assert not listed({page: seen.overflow for page, seen in visits.items()})


def test_pages_are_accessible_in_light_and_dark(visits: dict[str, Visit]) -> None:
    assert not listed({page: seen.accessibility for page, seen in visits.items()})


def test_search_finds_a_page(site: Site, browser: Browser) -> None:
    page = browser.new_page()
    page.goto((site.html / "search.html").as_uri() + "?q=pre-activation")
    hit = page.locator("#search-results li a", has_text="Glossary")
    hit.first.wait_for(timeout=10_000)
    hit.first.click()
    assert page.url.split("#")[0].split("?")[0] == (site.html / "book" / "glossary.html").as_uri()
    page.close()


def test_dark_mode_follows_the_system_and_the_button(site: Site, browser: Browser) -> None:
    context = browser.new_context(color_scheme="dark")
    page = context.new_page()
    page.goto((site.html / "book" / "index.html").as_uri())
    theme = "() => document.documentElement.dataset.theme"
    assert page.evaluate(theme) == "dark"
    button = page.locator(".theme-switch-button:visible").first
    seen = set()
    for _ in range(3):  # auto, light, dark, in a circle
        button.click()
        seen.add(page.evaluate(theme))
    assert seen == {"light", "dark"}
    context.close()


# --- the checks can fail -----------------------------------------------------------------------

GOOD = """<!doctype html><html lang="en"><head><title>t</title>{head}</head>
<body><main><h1>One</h1>{body}</main></body></html>"""


def page_with(body: str = "", head: str = "") -> BeautifulSoup:
    return BeautifulSoup(GOOD.format(head=head, body=body), "html.parser")


@pytest.mark.parametrize(
    ("head", "body"),
    [
        ('<script src="https://cdn.example/x.js"></script>', ""),
        ('<link rel="stylesheet" href="//cdn.example/x.css">', ""),
        ("<style>@import 'https://cdn.example/x.css';</style>", ""),
        ("<style>@font-face { src: url(https://cdn.example/x.woff2) }</style>", ""),
        ("", '<img alt="x" src="http://cdn.example/x.png">'),
        ("", '<iframe src="https://cdn.example"></iframe>'),
        ("", '<p style="background: url(https://cdn.example/x.png)">'),
    ],
)
def test_outside_address_is_caught(head: str, body: str) -> None:
    assert len(checks.outside_addresses(page_with(body, head))) == 1


def test_outside_link_to_follow_is_allowed() -> None:
    body = '<a href="https://example.org">there</a><script src="x.js"></script>'
    assert checks.outside_addresses(page_with(body)) == []


@pytest.mark.parametrize("alt", ["", 'alt=""', 'alt="../_images/b3.png"', 'alt="plot.svg"'])
def test_missing_alternative_text_is_caught(alt: str) -> None:
    assert len(checks.image_problems(page_with(f'<img src="x.png" {alt}>'))) == 1
    assert checks.image_problems(page_with('<img src="x.png" alt="Loss falls">')) == []


def test_wrong_number_of_first_headings_is_caught() -> None:
    assert checks.heading_problems(page_with()) == []
    assert checks.heading_problems(page_with("<h1>Two</h1>")) == ["2 <h1>"]


def test_broken_links_are_caught(tmp_path: Path) -> None:
    page = tmp_path / "a.html"
    (tmp_path / "b.html").write_text('<h2 id="here">b</h2>')
    body = '<a href="b.html#here">1</a><a href="b.html#gone">2</a><a href="c.html">3</a>'
    found = checks.link_problems(tmp_path, page, {page: page_with(body)})
    assert found == ["no such anchor: b.html#gone", "no such file: c.html"]


def planted(tmp_path: Path, browser: Browser, body: str, head: str = "") -> Visit:
    page = tmp_path / "planted.html"
    page.write_text(GOOD.format(head=head, body=body), encoding="utf-8")
    return checks.visit(browser, page.as_uri())


def test_good_page_passes_in_the_browser(tmp_path: Path, browser: Browser) -> None:
    assert planted(tmp_path, browser, "<p>Text.</p>") == Visit()


def test_request_in_the_browser_is_caught(tmp_path: Path, browser: Browser) -> None:
    body = "<script>new Image().src = 'https://cdn.example/x.png'</script>"
    assert planted(tmp_path, browser, body).requests == ["https://cdn.example/x.png"]


@pytest.mark.parametrize(
    "body",
    [
        "<script>console.error('no')</script>",
        "<script>throw new Error('no')</script>",
        "<script src='missing.js'></script>",
    ],
)
def test_console_error_is_caught(tmp_path: Path, browser: Browser, body: str) -> None:
    assert planted(tmp_path, browser, body).console


def test_broken_formulas_are_caught(tmp_path: Path, browser: Browser, site: Site) -> None:
    mathjax = next(site.html.rglob("tex-svg-full.js"))
    shutil.copy(mathjax, tmp_path / "mathjax.js")
    head = '<script defer src="mathjax.js"></script>'
    body = r'<span class="math">\(x^2\)</span> <span class="math">\(\frac{1}\)</span>'
    seen = planted(tmp_path, browser, body, head)
    assert seen.formula_count == 2
    assert [what.split(":")[0] for what in seen.formulas] == ["error"]
    without = planted(tmp_path, browser, body).formulas
    assert [what.split(":")[0] for what in without] == ["not rendered"] * 2 + [
        "TeX in the text"
    ] * 2


def test_wide_page_is_caught(tmp_path: Path, browser: Browser) -> None:
    wide = "<div style='width: 600px'>wide</div>"
    assert any("600" in what for what in planted(tmp_path, browser, wide).overflow)
    boxed = f"<div style='overflow-x: auto' tabindex='0'>{wide}</div>"
    assert planted(tmp_path, browser, boxed).overflow == []


def test_low_contrast_is_caught_in_the_dark_alone(tmp_path: Path, browser: Browser) -> None:
    head = """<style>@media (prefers-color-scheme: dark) {
      body { background: #000 } p, h1 { color: #222 } }</style>"""
    found = planted(tmp_path, browser, "<p>Text.</p>", head).accessibility
    assert found
    assert all(what.startswith("dark") and "color-contrast" in what for what in found)
