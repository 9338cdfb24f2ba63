"""What search engines and previews of links read: a description, a card, a canonical address.

A page is described by its first paragraph, or by ``description`` in its front matter. What needs
the address of the host, `html_baseurl` of Sphinx and ``html: baseurl`` in ``_config.yml``, is left
out while that is empty: the canonical link (which Sphinx writes), the picture of the card, and
``sitemap.xml``.
"""

import re
from html import escape
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx

LENGTH = 160  # what a search engine shows
PICTURE, PICTURE_ALT = "_static/page.png", "The first page of the book: the answer, as code"


def describe(app: Sphinx, doctree: nodes.document) -> None:
    """Keep the beginning of a page as its description."""
    about = app.env.metadata[app.env.docname]
    paragraphs = (
        p for p in doctree.findall(nodes.paragraph) if isinstance(p.parent, nodes.section)
    )
    text = next((plain(p) for p in paragraphs), "")
    if text and "description" not in about:
        about["description"] = shortened(text)


def plain(node: nodes.Node) -> str:
    """Return the text of a node without its citations, which are bare keys at this time."""
    words = "".join(
        text.astext() for text in node.findall(nodes.Text) if not _in_citation(text.parent)
    )
    return re.sub(r" (?=[.,;:?)])", "", " ".join(words.split()))


def _in_citation(node: nodes.Node | None) -> bool:
    while node is not None:
        if isinstance(node, addnodes.pending_xref) and node.get("refdomain") == "cite":
            return True
        node = node.parent
    return False


def shortened(text: str) -> str:
    """Cut a text behind its last sentence that fits, or else behind its last word."""
    if len(text) <= LENGTH:
        return text
    start = text[: LENGTH - 2]
    end = max(start.rfind(mark) for mark in (". ", "? "))
    return start[: end + 1] if end > LENGTH // 2 else start[: start.rfind(" ")] + " ..."


def add_tags(app: Sphinx, page: str, template: str, context: dict[str, Any], *_: Any) -> None:
    """Write the tags of a page into its head."""
    about = app.env.metadata.get(page, {}).get("description")
    if not about:
        return
    title = app.env.titles[page].astext()
    properties = {
        "og:type": "article",
        "og:site_name": app.config.html_title,
        "og:title": title,
        "og:description": about,
    }
    names = {"description": about, "twitter:card": "summary"}
    if base := app.config.html_baseurl:
        properties["og:url"] = _address(base, app.builder.get_target_uri(page))
        properties["og:image"] = _address(base, PICTURE)
        properties["og:image:alt"] = PICTURE_ALT
        names["twitter:card"] = "summary_large_image"
    tags = [f'<meta name="{name}" content="{escape(text)}" />' for name, text in names.items()]
    tags += [
        f'<meta property="{name}" content="{escape(text)}" />' for name, text in properties.items()
    ]
    context["metatags"] = context.get("metatags", "") + "\n" + "\n".join(tags)


def write_sitemap(app: Sphinx, error: Exception | None) -> None:
    """Name every page to search engines, once it is known where they are."""
    base = app.config.html_baseurl
    if error or not base or app.builder.name != "html":
        return
    pages = sorted(app.env.found_docs)
    lines = (
        f"  <url><loc>{escape(_address(base, app.builder.get_target_uri(page)))}</loc></url>"
        for page in pages
    )
    Path(app.outdir, "sitemap.xml").write_text(
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">\n'
        + "\n".join(lines)
        + "\n</urlset>\n",
        encoding="utf-8",
    )


def _address(base: str, path: str) -> str:
    return f"{base.rstrip('/')}/{path}"


def setup(app: Sphinx) -> dict[str, Any]:
    """Register with Sphinx."""
    app.connect("doctree-read", describe, priority=600)  # behind the front matter
    app.connect("html-page-context", add_tags)
    app.connect("build-finished", write_sitemap)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
