"""seeded: the numbers of a seed, whatever other threads draw, and nothing left behind."""

import random
import sys
import threading

import keras
import numpy as np
import pytest

import bn_companion as bn
from bn_companion.train.architecture import build_seeded
from bn_companion.train.seeding import seeded


def build():
    return bn.mlp((5,), 3, hidden=(8, 8, 8, 8))


@pytest.fixture
def drawing():
    """Another thread that draws from Python's generator all the time."""
    stop, drawn = threading.Event(), []

    def draw():
        while not stop.is_set():
            drawn.append(random.sample(range(10), 3))

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    thread = threading.Thread(target=draw)
    thread.start()
    yield drawn
    stop.set()
    thread.join()
    sys.setswitchinterval(interval)


def test_the_numbers_are_those_of_keras_seeding():
    with seeded(7):
        ours = [random.randint(1, 10**9), random.gauss(0, 1), np.random.rand()]
        weights = build().get_weights()
    keras.utils.set_random_seed(7)
    theirs = [random.randint(1, 10**9), random.gauss(0, 1), np.random.rand()]
    assert ours == theirs
    for a, b in zip(weights, build().get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_thread_that_draws_meanwhile_changes_no_weight(drawing):
    """As a Dask worker does, which sizes what it sends by a random sample."""
    models = [build_seeded(build, 0)[0].get_weights() for _ in range(5)]
    count = len(drawing)
    assert count > 0, "the other thread was not stopped"
    for weights in models[1:]:
        for a, b in zip(weights, models[0], strict=True):
            np.testing.assert_array_equal(a, b)


def test_other_threads_keep_the_generator_that_they_had():
    random.seed(3)
    wanted = [random.random() for _ in range(3)]
    random.seed(3)
    seen = []
    with seeded(0):
        random.seed(1)
        random.random()
        # Within, the shared generator was seeded with 0; this thread's draws did not move it.
        thread = threading.Thread(target=lambda: seen.append(random.random()))
        thread.start()
        thread.join()
    assert seen == [random.Random(0).random()]
    assert [random.random() for _ in range(3)] == wanted


def test_the_module_is_as_it_was_afterwards_also_after_an_error():
    before = {name: getattr(random, name) for name in random.__all__}
    state = random.getstate()
    with pytest.raises(ZeroDivisionError), seeded(0):
        random.seed(1 // 0)
    assert {name: getattr(random, name) for name in random.__all__} == before
    assert random.getstate() == state


def test_blocks_within_blocks():
    with seeded(1):
        outer = [random.random()]
        with seeded(2):
            inner = random.random()
        outer.append(random.random())
    generator = random.Random(1)
    assert outer == [generator.random(), generator.random()]
    assert inner == random.Random(2).random()
