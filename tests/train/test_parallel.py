"""Where chunks are trained, what comes of errors there, and what is changed after a death."""

import threading
from collections import Counter

import joblib
import numpy as np
import pytest
from joblib._parallel_backends import ThreadingBackend

import bn_companion as bn
from bn_companion.train import parallel
from bn_companion.train.chunk import Chunk
from bn_companion.train.pools import Death, through_joblib
from bn_companion.train.recovery import WorkerDeathError, after_deaths
from bn_companion.train.store import Store
from bn_companion.train.worker import _opened, wrapped


def tiny():
    return bn.mlp((13,), 3, hidden=())


def sweep(build=tiny, **changes):
    options = {"seeds": 4, "learning_rates": 0.1, "epochs": 2, "batch_size": 53, "chunk_size": 1}
    return bn.sweep({"net": build}, "wine", progress=False, **{**options, **changes})


class ListsOnly(ThreadingBackend):
    """Hands results over when all of a call are there, as Ray's backend does."""

    supports_return_generator = False


joblib.register_parallel_backend("lists only", ListsOnly)

# --- invariance ---


@pytest.fixture(scope="module")
def here():
    return sweep(n_jobs=1)


@pytest.mark.parametrize("backend", ["threading", "lists only"])
def test_other_backends_give_the_same_rows(backend, here):
    with joblib.parallel_config(backend=backend, n_jobs=2):
        frame = sweep()
    assert frame["seed"].tolist() == here["seed"].tolist()
    np.testing.assert_allclose(frame["test_loss"], here["test_loss"], rtol=1e-4)


def test_a_backend_without_a_stream_of_results_is_asked_in_rounds(monkeypatch):
    """Else nothing would be stored until all is done."""
    calls = []
    original = joblib.Parallel.__call__

    def counted(self, tasks):
        tasks = list(tasks)
        calls.append(len(tasks))
        return original(self, tasks)

    monkeypatch.setattr(joblib.Parallel, "__call__", counted)
    with joblib.parallel_config(backend="lists only", n_jobs=2):
        sweep(seeds=5)
    assert calls == [2, 2, 1]


def test_work_goes_to_other_processes_only_where_it_can_and_may(monkeypatch):
    """Nobody asked for workers: a builder that cannot be sent to them trains here."""
    monkeypatch.setattr(parallel, "_WORTH_PROCESSES_SECONDS", 0.0)
    started = []
    monkeypatch.setattr(
        parallel, "through_joblib", lambda *a, **k: started.append(k) or through_joblib(*a, **k)
    )
    lock = threading.Lock()

    def held():
        with lock:
            return tiny()

    assert len(sweep(held)) == 4
    assert len(sweep(n_jobs=1)) == 4
    with joblib.parallel_config(n_jobs=1):
        assert len(sweep()) == 4
    assert not started
    with joblib.parallel_config(backend="threading"):  # they need not start, for this test
        assert len(sweep()) == 4
    assert started == [{"jobs": joblib.cpu_count(), "threads": 1}]


def test_a_builder_is_opened_once_however_many_chunks_it_has():
    template = wrapped(Chunk(tiny, ((0, 0.1),), None, 1))
    chunk = _opened(template)
    assert _opened(bytes(bytearray(template))) is chunk
    assert chunk.runs == ()
    assert chunk.build().output_shape == (None, 3)


# --- what goes wrong in a chunk ---


def failing(kind, *arguments):
    """Return a builder that fails for seed 2."""

    def build():
        if int(np.random.get_state()[1][0]) == 2:
            raise kind(*arguments)
        return tiny()

    return build


@pytest.mark.parametrize("backend", [None, "threading", "lists only", "loky"])
def test_an_error_keeps_its_type_and_names_the_chunk_and_the_store(tmp_path, backend):
    store = tmp_path / "runs.sqlite"
    with (
        joblib.parallel_config(backend=backend or "loky", n_jobs=2 if backend else 1),
        pytest.raises(ZeroDivisionError, match="for one seed") as failed,
    ):
        sweep(failing(ZeroDivisionError, "for one seed"), store=store)
    notes = failed.value.__notes__
    finished = len(Store(store).rows())
    assert notes[-2:] == [
        "While training build 'net', data set 'wine', seeds 2, learning rates 0.1",
        f"Stopped with {finished} of 4 runs finished (attribute `runs`); they are in "
        f"{str(store)!r}, the same call resumes",
    ]
    assert finished >= 1
    assert len(failed.value.runs) == finished
    if backend:
        assert "In a worker process" in notes[0]
        assert "in build\n" in notes[0], "the traceback"


class TakesTwo(Exception):  # noqa: N818
    def __init__(self, one, two):
        super().__init__(f"{one} and {two}")


def test_an_error_that_cannot_be_pickled_comes_home_as_text():
    with (
        joblib.parallel_config(backend="threading", n_jobs=2),
        pytest.raises(RuntimeError, match="TakesTwo: one and two"),
    ):
        sweep(failing(TakesTwo, "one", "two"))


def test_a_builder_that_cannot_be_sent_is_refused():
    lock = threading.Lock()

    def held():
        with lock:
            return tiny()

    with pytest.raises(
        TypeError, match=r"`build` must be a callable that can be pickled.*n_jobs=1"
    ):
        sweep(held, n_jobs=2)


def test_a_backend_that_copies_this_process_is_refused():
    with (
        joblib.parallel_config(backend="multiprocessing", n_jobs=2),
        pytest.raises(ValueError, match="must name a backend that starts processes afresh.*'loky'"),
    ):
        sweep()


# --- after a death ---


def pending():
    """Return two chunks of one kind and one of another, eight replicas side by side each."""
    runs = tuple((seed, 0.1) for seed in range(8))
    one, other = (
        Chunk(build, runs, None, 8, label=f"build {build.__name__!r}") for build in (tiny, held)
    )
    return {0: (one, None), 1: (one, None), 2: (other, None)}


def held():
    raise NotImplementedError


def died(*numbers, alone=False):
    return {number: Death(1, "SIGKILL(-9)", alone) for number in numbers}


def widths(work):
    return [chunk.width for chunk, _ in work.values()]


def test_one_death_changes_nothing():
    work = pending()
    named = r"build 'tiny', seeds 0, 1, \.\.\., 7, learning rates 0.1 or build 'held', seeds"
    said = rf"a worker process died \(SIGKILL\(-9\)\) while training {named}.*; training again$"
    with pytest.warns(UserWarning, match=said):
        assert after_deaths(work, died(0, 2), Counter({0: 1, 2: 1}), 3) == 3
    assert widths(work) == [8, 8, 8]


def test_a_second_death_of_a_chunk_among_others_leaves_fewer_at_a_time():
    work = pending()
    with pytest.warns(UserWarning, match="from here on 2 at a time"):
        assert after_deaths(work, died(0, 2), Counter({0: 2, 2: 1}), 3) == 2
    assert widths(work) == [8, 8, 8]


def test_a_second_death_alone_makes_the_chunks_of_its_kind_narrower():
    work = pending()
    with pytest.warns(UserWarning, match="with 4 replicas side by side in place of 8"):
        assert after_deaths(work, died(0, alone=True), Counter({0: 2}), 1) == 1
    assert widths(work) == [4, 4, 8]


def test_a_death_with_one_replica_ends_the_sweep():
    work = pending()
    for width in (4, 2, 1):
        with pytest.warns(UserWarning, match=f"with {width} replicas"):
            after_deaths(work, died(0, alone=True), Counter({0: 2}), 1)
    with pytest.raises(WorkerDeathError, match="5 workers died .* training build 'tiny', seeds 0"):
        after_deaths(work, died(0, alone=True), Counter({0: 5}), 1)
