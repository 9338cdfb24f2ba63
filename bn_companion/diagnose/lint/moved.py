"""BN103: modules, classes and functions that Keras 3 has elsewhere, or no longer."""

import ast
from collections.abc import Iterator
from functools import lru_cache

from bn_companion.diagnose.lint import old_names as old
from bn_companion.diagnose.lint.analysis import Analysis
from bn_companion.diagnose.lint.names import Symbol, canonical
from bn_companion.diagnose.lint.problem import Edit, Problem

__all__ = ["find_moved"]


def find_moved(analysis: Analysis) -> Iterator[Problem]:
    """Yield the names of a source that Keras 3 does not have there, or at all."""
    for statement, guarded in analysis.facts.imports.items():
        if guarded:
            continue
        if isinstance(statement, ast.ImportFrom):
            yield from _from_import(statement)
        else:
            yield from _import(statement)
    for node, (symbol, guarded) in analysis.facts.symbols.items():
        if isinstance(node, ast.Attribute) and not guarded and _is_current(symbol):
            yield from _attribute(node, symbol)


def _is_current(symbol: Symbol) -> bool:
    return symbol.is_keras and symbol.current


def _gone_module(symbol: Symbol) -> str | None:
    """Return the longest beginning of a path that is a module which Keras 3 does not have."""
    return None if _is_kept(symbol) else _module_of_old(symbol.path)


@lru_cache(maxsize=4096)
def _module_of_old(path: str) -> str | None:
    parts = path.split(".")
    for length in range(len(parts), 1, -1):
        module = ".".join(parts[:length])
        if module in old.MODULES:
            return module
    return None


def _is_kept(symbol: Symbol) -> bool:
    return symbol.root.startswith("tensorflow") and any(
        symbol.path == kept or symbol.path.startswith(kept + ".") for kept in old.TENSORFLOW_KEEPS
    )


def _today(symbol: Symbol) -> tuple[str | None, str] | None:
    """Return where a name is today, or None and what to write; None where it has not moved."""
    if _is_kept(symbol):
        return None
    if symbol.path in old.NAMES:
        return old.NAMES[symbol.path]
    module = _gone_module(symbol)
    if module is None:
        return None
    home = old.MODULES[module]
    if home is None or module == symbol.path:
        return home, ""
    moved = f"{home}.{symbol.name}"
    still_there = symbol.name in old.HOMES[home]
    return old.NAMES.get(moved, (moved if still_there else None, ""))


def _prefix(symbol: Symbol) -> str:
    """Return what stands in front of ``keras`` where this symbol comes from."""
    return "" if symbol.root == "keras.api" else symbol.root.removesuffix("keras")


def _advice(today: str | None, hint: str) -> str:
    return hint or (f"Write `{today}`." if today else "Keras 3 has nothing in its place.")


# --- imports ---


def _import(statement: ast.Import) -> Iterator[Problem]:
    for alias in statement.names:
        symbol = canonical(alias.name)
        module = _gone_module(symbol) if _is_current(symbol) else None
        if module is None:
            continue
        home = old.MODULES[module]
        edits: tuple[Edit, ...] = ()
        if home and len(statement.names) == 1:
            tail = f" as {alias.asname}" if alias.asname else ""
            edits = (Edit(statement, "imports", (f"import {_prefix(symbol)}{home}{tail}",)),)
        yield Problem("BN103", alias, f"Keras 3 has no module `{module}`", _advice(home, ""), edits)


def _from_import(statement: ast.ImportFrom) -> Iterator[Problem]:
    if statement.level or not statement.module:
        return
    module = canonical(statement.module)
    if not _is_current(module):
        return
    names = [alias for alias in statement.names if alias.name != "*"]
    moved = {alias: _today(module.member(alias.name)) for alias in names}
    gone = _gone_module(module)
    edits = _import_edits(statement, module, moved) if gone or any(moved.values()) else ()
    # Where each name is gone for good, saying so of the names is enough.
    each = names and all(today and not today[0] and today[1] for today in moved.values())
    if gone is not None and not each:
        homes = {today[0].rpartition(".")[0] for today in moved.values() if today and today[0]}
        where = old.MODULES[gone] or (homes.pop() if len(homes) == 1 else None)
        advice = f"Import from `{where}`." if where else _advice(None, "")
        yield Problem("BN103", statement, f"Keras 3 has no module `{gone}`", advice, edits)
    for alias, today in moved.items():
        if today is None or (gone is not None and (today[0] or not today[1])):
            continue
        path = module.member(alias.name).path
        if path in old.MODULES and path not in old.NAMES:
            message = f"Keras 3 has no module `{path}`"
        else:
            message = f"Keras 3 has no `{alias.name}`" + ("" if gone else f" in `{module.path}`")
        yield Problem("BN103", alias, message, _advice(*today), edits if today[0] else ())


def _import_edits(
    statement: ast.ImportFrom,
    module: Symbol,
    moved: dict[ast.alias, tuple[str | None, str] | None],
) -> tuple[Edit, ...]:
    """Return how ``from old import a, b`` is written today."""
    root = _prefix(module)
    if any(alias.name == "*" for alias in statement.names):
        home = old.MODULES.get(module.path)
        return (Edit(statement, "module", (root + home,)),) if home else ()
    places: dict[str, list[str]] = {}
    same_names = True
    for alias, today in moved.items():
        # What is gone for good stays where it was: nothing takes its place.
        path = (today and today[0]) or module.member(alias.name).path
        home, _, name = path.rpartition(".")
        bound = alias.asname or alias.name
        same_names = same_names and name == alias.name
        places.setdefault(home, []).append(name if name == bound else f"{name} as {bound}")
    if not any(today and today[0] for today in moved.values()):
        return ()
    if len(places) == 1 and same_names:
        return (Edit(statement, "module", (root + next(iter(places)),)),)
    lines = tuple(f"from {root}{home} import {', '.join(names)}" for home, names in places.items())
    return (Edit(statement, "imports", lines),)


# --- attributes ---


def _attribute(node: ast.Attribute, symbol: Symbol) -> Iterator[Problem]:
    chain: list[ast.expr] = [node]
    while isinstance(chain[-1], ast.Attribute):
        chain.append(chain[-1].value)
    written = len(chain) - 1  # how many parts of the path stand here, behind the first name
    parts = symbol.path.split(".")
    gone = _gone_module(symbol)
    if gone is not None and len(gone.split(".")) <= len(parts) - written:
        return  # the import brings it, and is reported itself
    today = _today(symbol)
    if today is None:
        if gone is not None:
            advice = _advice(old.MODULES[gone], "")
            yield Problem("BN103", node, f"Keras 3 has no module `{gone}`", advice)
        return
    path, hint = today
    edits: tuple[Edit, ...] = ()
    if path is not None:
        new = path.split(".")
        shared = 0
        while shared < min(len(new), len(parts)) and new[shared] == parts[shared]:
            shared += 1
        depth = len(parts) - shared  # how far the shared beginning lies inside
        if depth < len(chain):
            prefix = ast.unparse(chain[depth])
            edits = (Edit(node, "swap", (".".join([prefix, *new[shared:]]),)),)
    what = f"module `{gone}`" if gone else f"`{symbol.path}`"
    yield Problem("BN103", node, f"Keras 3 has no {what}", _advice(path, hint), edits)
