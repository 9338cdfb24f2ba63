"""Sweeps in child processes, to be killed there.

A child is forked from a server that has imported TensorFlow and run nothing: it trains for real,
with the whole engine, and starts in a tenth of a second instead of in five. (TensorFlow may be
forked before its first operation, not after; so nothing here may run one at import.)
"""

import ctypes
import json
import multiprocessing
import multiprocessing.connection
import os
import resource
import signal
import sqlite3
import threading
import time
from pathlib import Path

import joblib
import pandas as pd

import bn_companion as bn
from bn_companion.train.stacked import StackedProgram
from bn_companion.train.store import Store

# All that is loaded when it is first asked for, TensorFlow above all, is loaded in the server.
WINE, SWEEP, MLP = bn.load("wine"), bn.sweep, bn.mlp
SCORES = ["train_loss", "val_loss", "val_accuracy", "test_loss", "test_accuracy"]
# With such names a row takes half a kilobyte, and a store grows by a page every few runs.
ARMS = [f"{name} {'very ' * 90}long" for name in ("plain", "normal")]

CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload([__name__])


def plain():
    return MLP((13,), 3, hidden=(), placement="none")


def normal():
    return MLP((13,), 3, hidden=(3,), placement="before")


def sweep(store=None, names=ARMS, **changes):
    """Train 12 runs, in 6 chunks if they are stacked."""
    options = {"seeds": 3, "learning_rates": [0.05, 0.2], "epochs": 2, "batch_size": 53}
    options |= {"chunk_size": 2, "n_jobs": 1, "progress": False, "store": store, **changes}
    return SWEEP(dict(zip(names, (plain, normal), strict=True)), WINE, **options)


def start(target, *arguments):
    """Start a child, which ends with the tests if these are killed, and return it."""
    child = CONTEXT.Process(target=_beside_its_parent, args=(target, *arguments))
    child.start()
    return child


def _beside_its_parent(target, *arguments):
    def leave():
        multiprocessing.connection.wait([multiprocessing.parent_process().sentinel])
        os._exit(1)

    threading.Thread(target=leave, daemon=True).start()
    target(*arguments)


def save(frame, path, text=""):
    Path(f"{path}.txt").write_text(text)
    frame.to_pickle(path)


# --- what children do ---


def nothing():
    """Start and end."""


def to_the_end(store, result, options):
    save(sweep(store, **options), result)


def beside_another(barrier, store, result, options):
    barrier.wait()
    to_the_end(store, result, options)


def until_it_stops(store, result, options):
    try:
        sweep(store, **options)
    except (bn.SweepInterrupted, bn.SweepError) as stop:
        save(stop.runs, result, str(stop))


def under_loky(store, result, options):
    """Sweep in two workers, in a session like a terminal's: Ctrl-C reaches all of its processes."""
    os.setsid()
    with joblib.parallel_config(backend="loky"):
        until_it_stops(store, result, {"n_jobs": 2, **options})


def with_files_no_larger_than(size, store, result, options):
    """Python ignores SIGXFSZ: a write beyond the limit fails, as on a full disk."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
    try:
        sweep(store, **options)
    except bn.SweepError as stop:
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)
        save(stop.runs, result, str(stop))


def on_a_disk_of(size, folder, result, options):
    """Fill a small disk that only this child sees, then make it larger and go on."""
    mount(folder, f"size={size}")
    store = Path(folder, "runs.sqlite")
    try:
        sweep(store, **options)
    except bn.SweepError as stop:
        save(stop.runs, f"{result}.full", str(stop))
    save(pd.DataFrame(Store(store).rows().values()), f"{result}.stored")
    mount(folder, "size=1m", flags=MS_REMOUNT)
    to_the_end(store, result, options)


def seconds_to_the_first_step(store, result, options):
    """Write the processor's seconds from the call to the first step, and until it is done."""
    train_epoch, begin, seconds = StackedProgram.train_epoch, time.process_time(), []

    def epoch(*arguments):
        seconds.append(time.process_time() - begin)
        train_epoch(*arguments)
        seconds.append(time.process_time() - begin)
        Path(result).write_text(json.dumps(seconds))
        os._exit(0)

    StackedProgram.train_epoch = epoch
    sweep(store, **options)


def holding_the_lock(store, sign):
    connection = sqlite3.connect(store, isolation_level=None)
    connection.execute("BEGIN IMMEDIATE")
    connection.execute("INSERT INTO facts VALUES ('setting', 'half', 'done')")
    Path(sign).touch()
    signal.pause()


MS_REMOUNT, CLONE_NEWNS, CLONE_NEWUSER = 0x20, 0x20000, 0x10000000
NOT_ALLOWED = 77


def mount(folder, options, flags=0):
    """Mount a tmpfs for this process alone, or exit with NOT_ALLOWED."""
    libc = ctypes.CDLL(None)
    if not flags and libc.unshare(CLONE_NEWNS) and libc.unshare(CLONE_NEWNS | CLONE_NEWUSER):
        os._exit(NOT_ALLOWED)
    if libc.mount(b"tmpfs", str(folder).encode(), b"tmpfs", flags, options.encode()):
        os._exit(NOT_ALLOWED)
