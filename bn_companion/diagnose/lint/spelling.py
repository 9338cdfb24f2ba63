"""How to write a name of Keras in a source that has imports of its own."""

import ast

from bn_companion.diagnose.lint.analysis import Analysis
from bn_companion.diagnose.lint.names import Symbol, canonical
from bn_companion.diagnose.lint.problem import Edit

__all__ = ["spell"]


def spell(
    analysis: Analysis, path: str, *, like: str, also: str = ""
) -> tuple[str, tuple[Edit, ...]] | None:
    """Return how to write `path`, and what must be imported for it; None where that is unclear.

    Parameters
    ----------
    analysis : Analysis
        The source.
    path : str
        What is wanted, such as ``"keras.Input"``.
    also : str, optional
        Another path to the same thing, for sources that have imported more of it.
    like : str
        A module of Keras; a new import is put behind the first one from there.
    """
    top = analysis.top
    names: dict[str, Symbol] = {}
    for name in top.bindings:
        found = top.resolve(name)
        if isinstance(found, Symbol):
            names[found.path] = names.get(found.path) or found
            same = found.is_keras and found.name == name == path.rpartition(".")[2]
            if found.path == path or same:
                return name, ()
    by_path = _names_by_path(analysis)
    for wanted in (path, also):
        parts = wanted.split(".")
        for cut in range(len(parts) - 1, 0, -1):
            module = ".".join(parts[:cut])
            if module in by_path:
                return ".".join([by_path[module], *parts[cut:]]), ()
    parts = path.split(".")
    if "tensorflow" in by_path:
        return f"{by_path['tensorflow']}.{path}", ()
    last = parts[-1]
    if last in top.bindings:
        return None
    for node in analysis.tree.body:
        if isinstance(node, ast.ImportFrom) and node.module and not node.level:
            if any(alias.name == "*" for alias in node.names):
                continue
            home = canonical(node.module)
            if home.is_keras and home.path.startswith(like):
                root = home.root if home.root != "keras.api" else "keras"
                line = f"from {root}{'.'.join(['', *parts[1:-1]])} import {last}"
                return last, (Edit(node, "import_after", (line,)),)
    if top.fragment and not analysis.facts.imports:
        return path, ()
    return None


def _names_by_path(analysis: Analysis) -> dict[str, str]:
    """Return the names that stand for modules of Keras or TensorFlow, by path."""
    found: dict[str, str] = {}
    for name in analysis.top.bindings:
        symbol = analysis.top.resolve(name)
        if isinstance(symbol, Symbol) and symbol.path in _MODULES:
            found.setdefault(symbol.path, name)
    return found


_MODULES = frozenset(
    (
        *("keras", "tensorflow", "keras.layers", "keras.models", "keras.optimizers"),
        *("keras.optimizers.schedules",),
    )
)
