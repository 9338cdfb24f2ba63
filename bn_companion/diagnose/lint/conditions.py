"""Branches that are no choice of the model's: by version, by data format, or for an error."""

import ast
import re
from functools import lru_cache

__all__ = ["asks_for_format", "asks_for_version", "catches", "expects_an_error"]

_EXPECTED = frozenset(
    (
        *("ImportError", "ModuleNotFoundError", "TypeError", "ValueError", "AttributeError"),
        *("Exception", "BaseException", "NameError"),
    )
)
_ERROR_WORDS = ("raises", "suppress", "warns", "raisesregex")
_FORMAT = frozenset(["image_data_format", "image_dim_ordering", "data_format", "dim_ordering"])
_VERSION = re.compile(r"version|hasattr|find_spec|keras_?[123]", re.IGNORECASE)


@lru_cache(maxsize=1024)
def _asks(test: ast.expr) -> tuple[bool, bool]:
    words = [getattr(node, "attr", getattr(node, "id", "")) for node in ast.walk(test)]
    text = " ".join(word for word in words if word)
    return not _FORMAT.isdisjoint(words), _VERSION.search(text) is not None


def asks_for_format(test: ast.expr) -> bool:
    """Whether a condition asks where the channels are."""
    return _asks(test)[0]


def asks_for_version(test: ast.expr) -> bool:
    """Whether a condition asks what there is to use, so that old names may stand behind it."""
    return _asks(test)[1]


@lru_cache(maxsize=1024)
def catches(handler: ast.ExceptHandler) -> bool:
    """Whether a handler is there for what old or new names raise."""
    if handler.type is None:
        return True
    names = (getattr(n, "attr", getattr(n, "id", "")) for n in ast.walk(handler.type))
    return any(name in _EXPECTED for name in names)


@lru_cache(maxsize=1024)
def expects_an_error(context: ast.expr) -> bool:
    """Whether a ``with`` expects that its body fails, as in ``with pytest.raises(ValueError)``."""
    words = (getattr(n, "attr", getattr(n, "id", "")) for n in ast.walk(context))
    return any(word.lower().endswith(_ERROR_WORDS) or "raises" in word.lower() for word in words)
