"""Checks of built pages: each function returns the problems that it finds, in words.

The first half reads the files, the second opens them in a browser, over ``file://`` and with every
other request refused. tests/book/test_site.py applies both to the book, and to pages with a fault
planted in them.
"""

import contextlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urldefrag, urlsplit

from axe_playwright_python.sync_playwright import Axe
from bs4 import BeautifulSoup, Tag
from playwright.sync_api import Browser, ConsoleMessage, Page, Request
from playwright.sync_api import TimeoutError as PlaywrightTimeout

PHONE, DESK = 375, 1280
PATIENCE = 30_000  # milliseconds until a page must have done what is waited for
# Rules of axe-core. Contrast is by far the slowest, so it is looked at once a theme; the width of
# the window does not change it.
LEVELS = ("wcag2a", "wcag2aa")
COLOURS = ("color-contrast", "link-in-text-block")
_LOADED = ("src", "srcset", "data", "poster", "action", "background", "xlink:href")
_OUTSIDE = re.compile(r"(?:https?:|wss?:|ftp:)?//", re.IGNORECASE)
_IN_CSS = re.compile(r"(?:url\(\s*['\"]?|@import\s+['\"])((?:https?:)?//[^'\")\s]+)", re.IGNORECASE)
_FILE_NAME = re.compile(r"[/\\]|\.(?:png|jpe?g|svg|gif|webp)\s*$", re.IGNORECASE)
_RAW_TEX = re.compile(r"\$\$|\\\(|\\\[|\\begin\{")


def html_pages(site: Path) -> list[Path]:
    """Return the pages of a built book; ``_static`` holds templates of the theme, not pages."""
    return sorted(
        path for path in site.rglob("*.html") if "_static" not in path.relative_to(site).parts
    )


def read(page: Path) -> BeautifulSoup:
    return BeautifulSoup(page.read_text(encoding="utf-8"), "html.parser")


def outside_addresses(soup: BeautifulSoup) -> list[str]:
    """Find every address that a browser would load from elsewhere; links to follow are free."""
    found = []
    for tag in soup.find_all(True):
        followed = tag.name == "a" or "canonical" in tag.get("rel", [])
        names = _LOADED if followed else (*_LOADED, "href")
        for name in names:
            if _OUTSIDE.match(value := str(tag.get(name, "")).strip()):
                found.append(f"<{tag.name} {name}> {value}")
        found += [f"<{tag.name} style> {url}" for url in outside_in_css(str(tag.get("style", "")))]
        if tag.name == "style":
            found += [f"<style> {url}" for url in outside_in_css(tag.text)]
    return found


def outside_in_css(css: str) -> list[str]:
    """Find the addresses outside the build that a style sheet loads."""
    return _IN_CSS.findall(css)


def image_problems(soup: BeautifulSoup) -> list[str]:
    """Find images without alternative text, or with a file name in its place."""
    problems = []
    for image in soup.find_all("img"):
        alt = str(image.get("alt", "")).strip()
        if not alt:
            problems.append(f"no alt text: {image.get('src')}")
        elif _FILE_NAME.search(alt):
            problems.append(f"alt text is a file name: {alt}")
    return problems


def heading_problems(soup: BeautifulSoup) -> list[str]:
    """Find a page that has no, or more than one, heading of the first level."""
    count = len(soup.find_all("h1"))
    return [] if count == 1 else [f"{count} <h1>"]


def link_problems(site: Path, page: Path, soups: dict[Path, BeautifulSoup]) -> list[str]:
    """Find links inside the build that lead to no file or to no anchor of it."""
    problems = []
    for link in soups[page].find_all("a", href=True):
        address = str(link["href"])
        if urlsplit(address).scheme or address in ("", "#"):
            continue
        path, anchor = urldefrag(address)
        path = unquote(urlsplit(path).path)
        target = (page.parent / path).resolve() if path else page
        if not target.is_relative_to(site) or not target.is_file():
            problems.append(f"no such file: {address}")
        elif anchor and target.suffix == ".html":
            soup = soups[target] if target in soups else read(target)
            if not _has_anchor(soup, unquote(anchor)):
                problems.append(f"no such anchor: {address}")
    return problems


def _has_anchor(soup: BeautifulSoup, anchor: str) -> bool:
    return isinstance(soup.find(id=anchor) or soup.find("a", attrs={"name": anchor}), Tag)


# The rest needs a browser.


@dataclass
class Visit:
    """What happened while one page was opened and looked at."""

    requests: list[str] = field(default_factory=list)  # refused: not file://
    console: list[str] = field(default_factory=list)  # errors, and requests that failed
    formulas: list[str] = field(default_factory=list)
    overflow: list[str] = field(default_factory=list)
    accessibility: list[str] = field(default_factory=list)
    formula_count: int = 0


def visit(browser: Browser, address: str) -> Visit:
    """Open a page and look at it: wide and narrow, light and dark, with every box opened."""
    context = browser.new_context(
        viewport={"width": DESK, "height": 900}, color_scheme="light", reduced_motion="reduce"
    )
    seen = Visit()
    page = context.new_page()
    page.set_default_timeout(PATIENCE)
    _listen(page, seen)
    page.goto(address, wait_until="load")
    page.evaluate("() => window.MathJax?.startup?.promise?.then(() => null)")
    _check_formulas(page, seen)
    page.evaluate(_OPEN_EVERYTHING)
    _check_accessibility(page, seen, "light, wide", LEVELS)
    page.emulate_media(color_scheme="dark")
    _check_accessibility(page, seen, "dark, wide", COLOURS)
    page.set_viewport_size({"width": PHONE, "height": 900})
    _check_overflow(page, seen, "dark")
    _check_accessibility(page, seen, "dark, narrow", LEVELS, without=COLOURS)
    page.emulate_media(color_scheme="light")
    _check_overflow(page, seen, "light")
    context.close()
    return seen


_OPEN_EVERYTHING = """() => {
  for (const box of document.querySelectorAll("details")) box.open = true;
  for (const button of document.querySelectorAll(".toggle-hidden .toggle-button")) button.click();
}"""

# The theme gives a tab stop to what scrolls a moment after the window or a box changes.
_SETTLED = """() => [...document.querySelectorAll("pre, .output, .pst-scrollable-table-container")]
  .every(e => (e.scrollWidth <= e.clientWidth && e.scrollHeight <= e.clientHeight)
    || e.tabIndex === 0)"""

# The innermost elements that reach beyond the window and that no box of their own scrolls.
OVERFLOW = """() => {
  const width = document.documentElement.clientWidth;
  if (document.documentElement.scrollWidth <= width) return [];
  const scrolls = e => e && e !== document.body && e !== document.documentElement
    && (getComputedStyle(e).overflowX !== "visible" || scrolls(e.parentElement));
  const wide = [...document.body.querySelectorAll("*")].filter(e =>
    e.getBoundingClientRect().right > width + 1 && !scrolls(e.parentElement));
  const innermost = wide.filter(e => ![...e.children].some(child => wide.includes(child)));
  return [`the page is ${document.documentElement.scrollWidth} px wide`,
          ...innermost.slice(0, 3).map(e => e.outerHTML.slice(0, 120))];
}"""

_FORMULAS = """() => {
  const text = e => e.textContent.trim().slice(0, 80);
  const all = [...document.querySelectorAll(".math")];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT, node =>
    node.parentElement.closest("pre, code, script, style, mjx-container")
      ? NodeFilter.FILTER_REJECT : NodeFilter.FILTER_ACCEPT);
  const texts = [];
  while (walker.nextNode()) texts.push(walker.currentNode.data);
  return {
    count: all.length,
    raw: all.filter(e => !e.querySelector("mjx-container")).map(text),
    errors: [...document.querySelectorAll("mjx-merror, [data-mml-node='merror']")]
      .map(e => e.getAttribute("data-mjx-error") || text(e)),
    texts,
  };
}"""


def _listen(page: Page, seen: Visit) -> None:
    def refuse(route: Any) -> None:
        seen.requests.append(route.request.url)
        route.abort()

    def console(message: ConsoleMessage) -> None:
        if message.type == "error":
            seen.console.append(message.text)

    def failed(request: Request) -> None:
        seen.console.append(f"failed: {request.url}")

    page.route(re.compile(r"^(?!file:|data:|blob:|about:)"), refuse)
    page.on("console", console)
    page.on("pageerror", lambda error: seen.console.append(f"uncaught: {error}"))
    page.on("requestfailed", failed)


def _check_formulas(page: Page, seen: Visit) -> None:
    found = page.evaluate(_FORMULAS)
    seen.formula_count = found["count"]
    seen.formulas += [f"not rendered: {tex}" for tex in found["raw"]]
    seen.formulas += [f"error: {message}" for message in found["errors"]]
    seen.formulas += [
        f"TeX in the text: {text.strip()[:80]}" for text in found["texts"] if _RAW_TEX.search(text)
    ]


def _check_overflow(page: Page, seen: Visit, label: str) -> None:
    seen.overflow += [f"{label}: {what}" for what in page.evaluate(OVERFLOW)]


def _check_accessibility(
    page: Page, seen: Visit, label: str, rules: Sequence[str], *, without: Sequence[str] = ()
) -> None:
    with contextlib.suppress(PlaywrightTimeout):  # axe says which, in words
        page.wait_for_function(_SETTLED, timeout=2_000)
    options = {
        "resultTypes": ["violations"],
        "runOnly": rules,
        "rules": {rule: {"enabled": False} for rule in without},
        "preload": False,  # axe would fetch the style sheets again, which file:// forbids
        "selectors": False,
    }
    for violation in Axe().run(page, options=options).response["violations"]:
        for node in violation["nodes"]:
            html = " ".join(node["html"].split())[:120]
            seen.accessibility.append(f"{label}: {violation['id']}: {html}")
