"""What may befall a sweep and its store, done for real: nothing finished is lost or kept twice.

Every sweep here trains with the whole engine, in a child process that is forked from a server (see
`children`); the signals, the locks and the full disks are the system's own. Faults of worker
processes have a file of their own.
"""

import os
import signal
import sqlite3
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from bn_companion.train.store import COLUMNS, Store

from . import children
from .children import SCORES

RUNS = 12
LOOP = {"path": "loop"}
KILLS = {"loop": 40, "auto": 10}  # compiling the stacked programs takes a child's longest part


@pytest.fixture(scope="module", params=KILLS, ids=["looped", "stacked"])
def path(request):
    return request.param


@pytest.fixture(scope="module")
def undisturbed(path, tmp_path_factory):
    """A sweep that nothing happens to, and how many seconds it took."""
    return sweep_undisturbed(path, tmp_path_factory)


@pytest.fixture(scope="module")
def looped(tmp_path_factory):
    """The same, for what does not depend on the way of training."""
    return sweep_undisturbed("loop", tmp_path_factory)[0]


def sweep_undisturbed(path, tmp_path_factory):
    result = tmp_path_factory.mktemp("undisturbed") / "frame"
    finish(children.nothing, seconds=120)  # the server is there, with TensorFlow
    begin = time.monotonic()
    assert finish(children.to_the_end, None, result, {"path": path}) == 0
    return pd.read_pickle(result), time.monotonic() - begin


def finish(target, *arguments, seconds=120):
    """Run a child to its end, or kill it after some seconds; return its exit code."""
    child = children.start(target, *arguments)
    child.join(seconds)
    child.kill()
    child.join()
    return child.exitcode


def stored(path):
    """Return the rows of a store as SQLite alone reads them, after checking the file."""
    if not path.exists():
        return set()
    with sqlite3.connect(path, timeout=60) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        try:
            rows = connection.execute(f"SELECT {', '.join(COLUMNS)} FROM runs").fetchall()
        except sqlite3.OperationalError:  # killed before there was a table
            return set()
    assert len({row[:4] for row in rows}) == len(rows), "a run twice"
    assert all(None not in (*row[:4], *row[5:]) for row in rows), "half a run"
    return set(rows)


def keys(frame):
    return set(frame[list(COLUMNS[:4])].itertuples(index=False, name=None))


def assert_same(frame, expected):
    """All keys, in order; scores that differ by the rounding of another chunk's shape at most."""
    others = [name for name in COLUMNS if name not in SCORES]
    pd.testing.assert_frame_equal(frame[others], expected[others])
    np.testing.assert_allclose(frame[SCORES], expected[SCORES], rtol=1e-4)


def wait_for(condition, seconds=120):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.005)


# --- the process ends ---


def test_sigkill_at_any_moment_and_resume(tmp_path, path, undisturbed):
    """50 times for both paths; a sweep that gets through is compared, and another is begun."""
    frame, seconds = undisturbed
    expected = frame[frame["seed"] < 2].reset_index(drop=True)
    random = np.random.default_rng(0)
    killed, halfway, finished, before = 0, 0, 0, set()
    while True:
        store, result = tmp_path / f"{finished}.sqlite", tmp_path / f"{finished}.frame"
        child = children.start(children.to_the_end, store, result, {"path": path, "seeds": 2})
        last = killed == KILLS[path]
        if last:
            child.join(120)
        elif killed % 2:  # soon after a commit, however slow this machine is now
            wait_for(lambda c=child, s=store, b=before: not c.is_alive() or stored(s) != b)
            child.join(random.uniform(0, 0.05))
        else:
            child.join(random.uniform(0, seconds / 2))
        child.kill()
        child.join()
        rows = stored(store)
        assert before <= rows, "a finished run was lost or changed"
        if path == "auto":  # a chunk holds both learning rates of a seed
            assert len(rows) == 2 * len({row[:3] for row in rows}), "half a chunk"
        before = rows
        if child.exitcode == -signal.SIGKILL and not last:
            killed, halfway = killed + 1, halfway + (0 < len(rows) < len(expected))
            continue
        assert child.exitcode == 0
        assert_same(pd.read_pickle(result), expected)
        if last:
            break
        finished, before = finished + 1, set()
    assert halfway >= killed / 5


def test_ctrl_c_keeps_what_is_finished(tmp_path, path, undisturbed):
    store, result = tmp_path / "runs.sqlite", tmp_path / "frame"
    random = np.random.default_rng(1)
    many = {"path": path, "seeds": 1000}
    for _ in range(3):
        before = len(stored(store))
        child = children.start(children.until_it_stops, store, result, many)
        wait_for(lambda before=before: len(stored(store)) > before)
        time.sleep(random.uniform(0, 0.3))
        os.kill(child.pid, signal.SIGINT)
        child.join(60)
        assert child.exitcode == 0
        rows, runs = stored(store), pd.read_pickle(result)
        assert len(rows) > before
        assert keys(runs) == {row[:4] for row in rows}
        said = Path(f"{result}.txt").read_text()
        assert said == (
            f"stopped with {len(rows)} of 4000 runs finished (attribute `runs`); "
            f"they are in {str(store)!r}, the same call resumes"
        )
    assert finish(children.to_the_end, store, result, {"path": path}) == 0
    assert_same(pd.read_pickle(result), undisturbed[0])


# --- the store is shared ---


def test_two_sweeps_at_once_keep_each_run_once(tmp_path, path, undisturbed):
    store = tmp_path / "runs.sqlite"
    barrier = children.CONTEXT.Barrier(2)
    results = [tmp_path / name for name in ("one", "two")]
    pair = [
        children.start(children.beside_another, barrier, store, result, {"path": path})
        for result in results
    ]
    for child in pair:
        child.join(120)
        assert child.exitcode == 0
    assert len(stored(store)) == RUNS
    one, two = (pd.read_pickle(result) for result in results)
    pd.testing.assert_frame_equal(one, two)
    assert_same(one, undisturbed[0])


def test_a_sweep_goes_on_when_the_one_beside_it_is_killed(tmp_path, path, undisturbed):
    store = tmp_path / "runs.sqlite"
    barrier = children.CONTEXT.Barrier(2)
    doomed, other = (
        children.start(children.beside_another, barrier, store, tmp_path / name, {"path": path})
        for name in ("doomed", "other")
    )
    wait_for(lambda: stored(store))
    doomed.kill()
    other.join(120)
    assert other.exitcode == 0
    assert_same(pd.read_pickle(tmp_path / "other"), undisturbed[0])


def test_a_lock_dies_with_the_process_that_held_it(tmp_path):
    store = tmp_path / "runs.sqlite"
    Store(store)
    child = children.start(children.holding_the_lock, store, tmp_path / "locked")
    wait_for((tmp_path / "locked").exists)
    child.kill()
    child.join()
    begin = time.monotonic()
    assert Store(store).rows() == {}
    assert time.monotonic() - begin < 10  # it waits for 30 s for a lock that is held


# --- the disk is full ---


def assert_stopped_and_kept(runs, said, rows, store, reason):
    assert 0 < len(rows) < len(runs) < RUNS
    assert {row[:4] for row in rows} < keys(runs)
    assert reason in said
    assert f"{str(store)!r}, for build 'normal very" in said or "for build 'plain very" in said
    assert "data set 'wine', seeds " in said
    assert f"{len(runs)} of 12 runs finished (attribute `runs`); {len(rows)} of them are" in said


def test_a_write_that_fails_loses_no_finished_run(tmp_path, looped):
    store, result = tmp_path / "runs.sqlite", tmp_path / "frame"
    Store(store)
    limit = store.stat().st_size + 4096
    assert finish(children.with_files_no_larger_than, limit, store, result, LOOP) == 0
    runs, said = pd.read_pickle(result), Path(f"{result}.txt").read_text()
    reason = "`store` cannot be written (disk I/O error): see whether its disk is full or failing"
    assert_stopped_and_kept(runs, said, stored(store), store, reason)
    assert finish(children.to_the_end, store, result, LOOP) == 0
    assert_same(pd.read_pickle(result), looped)


def test_a_full_disk_loses_no_finished_run(tmp_path, looped):
    folder, result = tmp_path / "disk", tmp_path / "frame"
    folder.mkdir()
    code = finish(children.on_a_disk_of, 32 * 1024, folder, result, LOOP)
    if code == children.NOT_ALLOWED:
        pytest.skip("this system does not let a process mount a disk of its own")
    assert code == 0
    runs, said = pd.read_pickle(f"{result}.full"), Path(f"{result}.full.txt").read_text()
    rows = set(pd.read_pickle(f"{result}.stored").itertuples(index=False, name=None))
    reason = "`store` cannot be written (database or disk is full): free some space on its disk"
    assert_stopped_and_kept(runs, said, rows, folder / "runs.sqlite", reason)
    assert_same(pd.read_pickle(result), looped)


# --- the store is damaged ---


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    """The bytes of a store with all runs."""
    folder = tmp_path_factory.mktemp("sound")
    assert finish(children.to_the_end, folder / "s", folder / "frame", LOOP) == 0
    return (folder / "s").read_bytes()


def overwritten(data, page, with_what):
    return data[: 4096 * page] + with_what + data[4096 * page + len(with_what) :]


NOISE = np.random.default_rng(0).bytes(4096)
DAMAGE = {
    "half of it": lambda data: data[: len(data) // 2],
    "less than a page": lambda data: data[:3000],
    "one page short": lambda data: data[:-4096],
    "one byte short": lambda data: data[:-1],
    "its header overwritten": lambda data: overwritten(data, 0, NOISE[:16]),
    "its first page overwritten": lambda data: overwritten(data, 0, NOISE),
    "a page overwritten by noise": lambda data: overwritten(data, 4, NOISE),
    "a page overwritten by zeros": lambda data: overwritten(data, 4, bytes(4096)),
    "a page overwritten by another": lambda data: overwritten(data, 5, data[4 * 4096 : 5 * 4096]),
    "a sector overwritten": lambda data: overwritten(data, len(data) // 4096 - 1, NOISE[:512]),
    "no SQLite at all": lambda data: b"build,seed,test_accuracy\n" * 400,
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
def test_a_damaged_store_is_refused_and_left_alone(tmp_path, sound, damage):
    store = tmp_path / "runs.sqlite"
    damaged = damage(sound)
    store.write_bytes(damaged)
    with pytest.raises(ValueError, match="no SQLite file, or damaged.*move it away") as refused:
        children.sweep(store)
    assert f"Received: {str(store)!r}" in str(refused.value)
    assert store.read_bytes() == damaged
    assert [file.name for file in tmp_path.iterdir()] == ["runs.sqlite"]


def test_a_damaged_store_moved_away_makes_room_for_a_new_one(tmp_path, sound, looped):
    store, result = tmp_path / "runs.sqlite", tmp_path / "frame"
    store.write_bytes(DAMAGE["half of it"](sound))
    store.rename(tmp_path / "damaged.sqlite")
    assert finish(children.to_the_end, store, result, LOOP) == 0
    assert_same(pd.read_pickle(result), looped)
    assert len(stored(store)) == RUNS
