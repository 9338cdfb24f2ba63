"""Worker processes that die, run out of memory or are left behind: the sweep goes on, or says why.

Real processes of loky and of a Dask cluster on this machine, real signals, real limits of memory.
"""

import contextlib
import os
import signal
import threading
import time
from collections import Counter
from pathlib import Path

import dask
import joblib
import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
from distributed import Client, LocalCluster
from joblib.externals.loky import get_reusable_executor

import bn_companion as bn
from bn_companion.train.stacked import StackedProgram
from bn_companion.train.store import COLUMNS, Store

from . import children

SCORES = ["train_loss", "val_loss", "val_accuracy", "test_loss", "test_accuracy"]


def network(folder, harm=None, hidden=(3,)):
    """Return a builder that notes which worker builds which seed, and may come to harm there."""
    home = os.getpid()

    def build():
        if os.getpid() != home:
            seed = int(np.random.get_state()[1][0])
            with Path(folder, "built").open("a") as file:
                file.write(f"{os.getpid()} {seed}\n")
            if harm is not None:
                harm(seed)
        return bn.mlp((13,), 3, hidden=hidden)

    return build


def built(folder):
    """Return the (worker, seed) of every model that was built in a worker, in order."""
    path = Path(folder, "built")
    lines = path.read_text().splitlines() if path.exists() else []
    return [tuple(map(int, line.split())) for line in lines]


def sweep(build, **changes):
    options = {"seeds": 8, "learning_rates": 0.1, "epochs": 300, "batch_size": 53, "chunk_size": 2}
    return bn.sweep({"net": build}, "wine", progress=False, **{**options, **changes})


def assert_same(frame, expected):
    others = [name for name in COLUMNS if name not in SCORES]
    pd.testing.assert_frame_equal(frame[others], expected[others])
    np.testing.assert_allclose(frame[SCORES], expected[SCORES], rtol=1e-3)


def wait_for(condition, seconds=120):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.01)


def dies_once(folder):
    """Return what befalls the worker that is the first to train the last chunk."""

    def harm(seed):
        sign = Path(folder, "killed")
        if seed == 7 and not sign.exists():
            sign.touch()
            threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGKILL)).start()

    return harm


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    return sweep(network(tmp_path_factory.mktemp("undisturbed")), n_jobs=1)


@pytest.fixture(scope="module")
def expected():
    return children.sweep(epochs=100)


# --- loky ---


def threads_in_use():
    names = [Path(task, "comm").read_text().strip() for task in Path("/proc/self/task").iterdir()]
    time.sleep(0.5)  # so that the other worker takes the other call
    return os.getpid(), tf.config.threading.get_intra_op_parallelism_threads(), Counter(names)


def test_workers_share_the_cores():
    """Even where the builder holds a model, which starts TensorFlow when a worker unpickles it."""
    get_reusable_executor().shutdown(kill_workers=True)  # whatever other tests left
    model = bn.mlp((13,), 3, hidden=(3,))
    with joblib.parallel_config(backend="loky", n_jobs=2):
        study = bn.compare_placements(
            model, "wine", placements=("none", "before"), seeds=2, learning_rates=0.1, epochs=1,
            chunk_size=1, progress=False,
        )  # fmt: skip
        calls = [joblib.delayed(threads_in_use)() for _ in range(2)]
        workers = {pid: rest for pid, *rest in joblib.Parallel()(calls)}
    assert len(study.runs) == 4
    assert len(workers) == 2
    share = max(1, joblib.cpu_count() // 2)
    for threads, names in workers.values():
        assert threads == share
        assert names["tf_XLAEigen"] == share
        assert names["tf_Compute"] == share


def test_a_killed_worker_costs_no_run(tmp_path, undisturbed):
    store = tmp_path / "runs.sqlite"
    with (
        joblib.parallel_config(backend="loky", n_jobs=2),
        pytest.warns(UserWarning, match=r"died \(SIGKILL\(-9\)\).*'net', data set 'wine', seeds"),
    ):
        frame = sweep(network(tmp_path, dies_once(tmp_path)), store=store)
    assert_same(frame, undisturbed)
    assert len(Store(store).rows()) == 8
    twice = Counter(seed for _, seed in built(tmp_path))
    assert set(twice) == set(range(8))
    assert 2 <= sum(count > 1 for count in twice.values()) <= 4, "only what was under way, again"


def test_a_run_that_kills_every_worker_is_named(tmp_path):
    store = tmp_path / "runs.sqlite"

    def harm(seed):
        if seed == 1:
            os.kill(os.getpid(), signal.SIGKILL)

    with (
        joblib.parallel_config(backend="loky", n_jobs=2),
        pytest.warns(UserWarning, match="from here on 1 at a time"),
        pytest.raises(bn.SweepError) as stopped,
    ):
        sweep(network(tmp_path, harm), seeds=3, chunk_size=1, epochs=1, path="loop", store=store)
    said = str(stopped.value)
    assert (
        "workers died (SIGKILL(-9)) while training build 'net', data set 'wine', seeds 1," in said
    )
    assert "with n_jobs=1 the run shows what else it may be" in said
    assert f"{str(store)!r}, the same call resumes" in said
    done = set(stopped.value.runs["seed"])
    assert done <= {0, 2}
    assert {key[2] for key in Store(store).rows()} == done


def parent_of(pid):
    """Return the parent of a process, or None if it is gone, or dead and not yet buried."""
    try:
        state, parent = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[:2]
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if state == "Z" else int(parent)


def workers_of(pid):
    numbers = [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]
    return [
        number
        for number in numbers
        if parent_of(number) == pid and "LokyProcess" in Path(f"/proc/{number}/cmdline").read_text()
    ]


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_no_worker_outlives_its_sweep(tmp_path, expected, how):
    """Ctrl-C reaches all processes in the terminal; SIGKILL only the one that it is sent to."""
    store, result = tmp_path / "runs.sqlite", tmp_path / "frame"
    child = children.start(children.under_loky, store, result, {"seeds": 1000, "epochs": 100})
    wait_for(lambda: store.exists() and Store(store).rows())
    workers = workers_of(child.pid)
    assert len(workers) == 2
    if how == signal.SIGINT:
        os.killpg(child.pid, how)
        child.join(60)
        assert child.exitcode == 0
        said = Path(f"{result}.txt").read_text()
        assert "of 4000 runs finished (attribute `runs`); they are in" in said
        assert len(pd.read_pickle(result)) == len(Store(store).rows())
    else:
        child.kill()
        child.join()
    wait_for(lambda: not any(map(parent_of, workers)), seconds=30)
    before = Store(store).rows()
    time.sleep(0.5)
    assert Store(store).rows() == before
    assert_same(children.sweep(store, epochs=100), expected)
    assert before.items() <= Store(store).rows().items()


# --- memory ---


def exhaust_numpy():
    np.empty(2**58, np.uint8)


def exhaust_tensorflow():
    tf.zeros([2**40, 2**20])


@pytest.mark.parametrize("exhaust", [exhaust_numpy, exhaust_tensorflow])
def test_a_chunk_without_memory_is_made_narrower(tmp_path, monkeypatch, undisturbed, exhaust):
    """The errors of the real allocators, at a real place, for more than two replicas."""
    train_epoch, widths = StackedProgram.train_epoch, []

    def epoch(program, *arguments):
        widths.append(program.replicas)
        if program.replicas > 2:
            exhaust()
        return train_epoch(program, *arguments)

    monkeypatch.setattr(StackedProgram, "train_epoch", epoch)
    with pytest.warns(UserWarning, match="memory") as warned:
        frame = sweep(network(tmp_path), seeds=16, epochs=2, chunk_size=8, n_jobs=1)
    assert [str(w.message) for w in warned if "memory" in str(w.message)] == [
        "8 replicas side by side did not fit into memory, 2 did: build 'net', data set 'wine', "
        "seeds 0, 1, ..., 7, learning rates 0.1. With chunk_size=2 they start that way"
    ]
    assert list(dict.fromkeys(widths)) == [8, 4, 2]
    assert widths.count(8) == 1, "the second chunk starts as narrow as the first one ended"
    monkeypatch.undo()
    expected = sweep(network(tmp_path), seeds=16, epochs=2, n_jobs=1)
    assert_same(frame, expected)


def test_one_run_without_memory_is_named(tmp_path, monkeypatch):
    store = tmp_path / "runs.sqlite"
    sweep(network(tmp_path), seeds=1, epochs=1, chunk_size=2, n_jobs=1, store=store)
    monkeypatch.setattr(StackedProgram, "train_epoch", lambda *_: exhaust_tensorflow())
    with pytest.raises(bn.SweepError) as stopped:
        sweep(network(tmp_path), seeds=3, epochs=1, chunk_size=2, n_jobs=1, store=store)
    said = str(stopped.value)
    assert "one replica alone does not fit into memory (ResourceExhaustedError: " in said
    assert "build 'net', data set 'wine', seeds 1, 2, learning rates 0.1." in said
    assert "A smaller `batch_size`" in said
    assert f"1 of 3 runs finished (attribute `runs`); they are in {str(store)!r}" in said
    assert stopped.value.runs["seed"].tolist() == [0]


def memory_of(pid):
    """Return the MiB that a process holds, 0 if it is gone."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE") // 2**20


def kill_for_memory(folder, limit, done):
    """Do as the kernel does when memory runs out, for workers that grow by more than a limit.

    (A limit set with setrlimit was tried: TensorFlow raises, aborts, crashes or, at times, hangs.)
    """
    first = {}
    while not done.wait(0.005):
        for worker in {worker for worker, _ in built(folder)}:
            grown = memory_of(worker) - first.setdefault(worker, memory_of(worker))
            if grown > limit:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(worker, signal.SIGKILL)


def test_workers_that_are_killed_for_memory_get_through(tmp_path):
    options = {"seeds": 8, "chunk_size": 8, "epochs": 1, "learning_rates": 0.001}
    done = threading.Event()
    # Measured, in MiB: with 8 replicas of this network a worker grows by 1300, with 4 by 800.
    killer = threading.Thread(target=kill_for_memory, args=(tmp_path, 950, done))
    killer.start()
    try:
        with (
            joblib.parallel_config(backend="loky", n_jobs=2),
            pytest.warns(UserWarning, match="with 4 replicas side by side in place of 8"),
        ):
            frame = sweep(network(tmp_path, hidden=(2000, 2000)), **options)
    finally:
        done.set()
        killer.join()
    assert_same(frame, sweep(network(tmp_path, hidden=(2000, 2000)), n_jobs=1, **options))


# --- Dask ---


@pytest.fixture(scope="module")
def cluster():
    """Two workers of one thread each, and a scheduler that gives up when one has died."""
    with (
        dask.config.set({"distributed.scheduler.allowed-failures": 0}),
        LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster,
        Client(cluster) as client,
        joblib.parallel_config(backend="dask"),
    ):
        yield client


def test_a_dask_cluster_gives_the_same_rows(tmp_path, cluster, undisturbed):
    store = tmp_path / "runs.sqlite"
    assert_same(sweep(network(tmp_path), store=store), undisturbed)
    assert len(Store(store).rows()) == 8
    assert len({worker for worker, _ in built(tmp_path)}) == 2
    for _, threads, names in cluster.run(threads_in_use).values():
        assert threads == 1
        assert names["tf_XLAEigen"] == names["tf_Compute"] == 1


@pytest.mark.usefixtures("cluster")
def test_a_killed_dask_worker_costs_no_run(tmp_path, undisturbed):
    store = tmp_path / "runs.sqlite"
    with pytest.warns(UserWarning, match="worker process died .*data set 'wine', seeds .* again"):
        frame = sweep(network(tmp_path, dies_once(tmp_path)), store=store)
    assert_same(frame, undisturbed)
    assert len(Store(store).rows()) == 8


@pytest.mark.usefixtures("cluster")
def test_a_run_that_kills_every_dask_worker_is_named(tmp_path):
    store = tmp_path / "runs.sqlite"

    def harm(seed):
        if seed == 1:
            os.kill(os.getpid(), signal.SIGKILL)

    with pytest.raises(bn.SweepError) as stopped, pytest.warns(UserWarning, match="again"):
        sweep(network(tmp_path, harm), seeds=3, chunk_size=1, epochs=1, path="loop", store=store)
    said = str(stopped.value)
    assert "2 workers died (killed, or out of memory) while training build 'net'" in said
    assert "seeds 1, learning rates 0.1, the last with one replica at a time" in said
    assert stopped.value.runs["seed"].tolist() == [0, 2]
    assert {key[2] for key in Store(store).rows()} == {0, 2}


def test_an_interrupted_sweep_leaves_no_work_on_the_cluster(tmp_path, cluster, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(Store, "add", interrupted)
    with pytest.raises(bn.SweepInterrupted, match="1 of 8 runs finished.*0 of them are in"):
        sweep(network(tmp_path), store=tmp_path / "runs.sqlite", path="loop", chunk_size=1)
    wait_for(lambda: not any(cluster.processing().values()), seconds=30)
    assert not cluster.futures
