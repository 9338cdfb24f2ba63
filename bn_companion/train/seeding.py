"""Seeds for one thread: what others draw from Python's generator meanwhile changes nothing here.

Keras draws the seed of every initial weight from the generator of the module `random`, which all
threads of a process share. In a Dask worker another thread draws from it at any moment, to guess
the size of what it sends.
"""

import contextlib
import functools
import random
import threading
from collections.abc import Callable, Iterator
from typing import Any

import keras
import numpy as np

__all__ = ["seeded"]

# Keras's seeding is global to the process: two threads must not build at the same time.
_SEEDING = threading.RLock()


@contextlib.contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Seed as ``keras.utils.set_random_seed``; give Python's and NumPy's state back after.

    Parameters
    ----------
    seed : int
        The seed of Python, NumPy and TensorFlow within the block.

    Examples
    --------
    >>> import random
    >>> from bn_companion.train.seeding import seeded
    >>> with seeded(0):
    ...     first = random.random()
    >>> with seeded(0):
    ...     random.random() == first
    True
    """
    with _SEEDING:
        python, numpy = random.getstate(), np.random.get_state()  # noqa: NPY002
        try:
            keras.utils.set_random_seed(seed)
            with _own_generator(seed):
                yield
        finally:
            random.setstate(python)
            np.random.set_state(numpy)  # noqa: NPY002


@contextlib.contextmanager
def _own_generator(seed: int) -> Iterator[None]:
    """Let this thread draw from a generator that no other one has: the same numbers, in order."""
    own, thread = random.Random(seed), threading.get_ident()
    shared = getattr(random.seed, "__self__", None)  # nested: the functions are ours already
    names = [name for name in random.__all__ if _draws(getattr(random, name), shared)]
    before = {name: getattr(random, name) for name in names}

    def dispatch(name: str) -> Callable[..., Any]:
        ours, theirs = getattr(own, name), before[name]

        @functools.wraps(theirs)
        def draw(*arguments: Any, **options: Any) -> Any:
            chosen = ours if threading.get_ident() == thread else theirs
            return chosen(*arguments, **options)

        draw.__self__ = shared  # type: ignore[attr-defined]
        return draw

    try:
        for name in names:
            setattr(random, name, dispatch(name))
        yield
    finally:
        for name in names:
            setattr(random, name, before[name])


def _draws(value: Any, shared: Any) -> bool:
    """Return whether a name of the module `random` is a method of its one shared generator."""
    return callable(value) and shared is not None and getattr(value, "__self__", None) is shared
