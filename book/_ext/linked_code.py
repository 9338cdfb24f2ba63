"""Links between the code of the chapters and the API: from a name to its entry, and back.

Names are found as the chapters write them, ``bn.NAME`` and ``plots.NAME``, and become links where
the API has an entry of that name. The text stays as it is, and so does what is copied.
"""

import re
from collections.abc import Iterable
from typing import Any

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment

_ALIASES = {"bn": "bn_companion", "plots": "bn_companion.plots", "bn.plots": "bn_companion.plots"}
_IN_TEXT = re.compile(r"(?<![\w.])(bn\.plots|plots|bn)\.(\w+)")
_DOT = '<span class="o">.</span>'
_IN_HTML = re.compile(
    rf'(?<!{re.escape(_DOT)})(?P<module><span class="n">bn</span>{re.escape(_DOT)}'
    r'<span class="n">plots</span>|<span class="n">(?:bn|plots)</span>)'
    rf'{re.escape(_DOT)}<span class="n">(?P<name>\w+)</span>'
)
_TAG = re.compile(r"<[^>]+>")


def _entries(app: Sphinx) -> dict[str, Any]:
    return app.env.get_domain("py").objects  # type: ignore[attr-defined, no-any-return]


def collect_uses(app: Sphinx, doctree: nodes.document) -> None:
    """Note which names the code of a chapter uses; other pages are no chapters."""
    page = app.env.docname
    if app.env.doc2path(page).endswith(".ipynb"):
        _uses(app.env)[page] = {
            f"{_ALIASES[module]}.{name}"
            for block in doctree.findall(nodes.literal_block)
            for module, name in _IN_TEXT.findall(block.astext())
        }


def _uses(env: BuildEnvironment) -> dict[str, set[str]]:
    if not hasattr(env, "api_uses"):
        env.api_uses = {}
    return env.api_uses  # type: ignore[no-any-return]


def forget_uses(app: Sphinx, env: BuildEnvironment, page: str) -> None:
    """Forget a page that is read again or gone."""
    _uses(env).pop(page, None)


def merge_uses(
    app: Sphinx, env: BuildEnvironment, pages: Iterable[str], other: BuildEnvironment
) -> None:
    """Take over what another process has read."""
    _uses(env).update({page: _uses(other)[page] for page in pages if page in _uses(other)})


def pages_of_the_api(app: Sphinx, env: BuildEnvironment) -> list[str]:
    """Write the API anew whenever a chapter is: its links back may have changed."""
    return sorted({entry.docname for entry in _entries(app).values()})


def link_back(app: Sphinx, doctree: nodes.document, page: str) -> None:
    """Add to each entry of the API the chapters whose code uses it."""
    uses = _uses(app.env)
    for entry in doctree.findall(addnodes.desc):
        signature = next(iter(entry.findall(addnodes.desc_signature)), None)
        names = set(signature["ids"]) if signature is not None else set()
        chapters = [chapter for chapter in sorted(uses) if uses[chapter] & names]
        if not chapters or not isinstance(content := entry[-1], addnodes.desc_content):
            continue
        line = nodes.paragraph("", "Used in: ", classes=["used-in"])
        for place, chapter in enumerate(chapters):
            if place:
                line += nodes.Text(", ")
            address = app.builder.get_relative_uri(page, chapter)
            title = app.env.titles[chapter].astext()
            line += nodes.reference("", title, refuri=address, internal=True)
        content += line


def link_names(app: Sphinx, page: str, template: str, context: dict[str, Any], *_: Any) -> None:
    """Make links of the names in highlighted code."""
    entries = _entries(app)

    def linked(match: re.Match[str]) -> str:
        alias = _TAG.sub("", match["module"])
        entry = entries.get(f"{_ALIASES[alias]}.{match['name']}")
        if entry is None or entry.docname == page:
            return match[0]
        address = app.builder.get_relative_uri(page, entry.docname)
        # In a book on one page, the address is an anchor already.
        address = address.partition("#")[0]
        return f'<a class="api-link" href="{address}#{entry.node_id}">{match[0]}</a>'

    if body := context.get("body"):
        context["body"] = _IN_HTML.sub(linked, body)


def setup(app: Sphinx) -> dict[str, Any]:
    """Register with Sphinx."""
    app.connect("doctree-read", collect_uses)
    app.connect("env-purge-doc", forget_uses)
    app.connect("env-merge-info", merge_uses)
    app.connect("env-updated", pages_of_the_api)
    app.connect("doctree-resolved", link_back)
    app.connect("html-page-context", link_names)
    # The version of what the environment keeps: a change of it reads all pages anew.
    return {"env_version": 1, "parallel_read_safe": True, "parallel_write_safe": True}
