"""``bn-companion compare``: none, before or after, for a saved model on data of your own."""

import argparse
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bn_companion._files import write_atomically
from bn_companion.build.placement import Placement
from bn_companion.commands._figures import FIGURES, save_figure
from bn_companion.commands._inputs import existing_file, load_model
from bn_companion.commands._outputs import add_force, check_output
from bn_companion.commands._running import (
    RefusalError,
    add_progress,
    complain,
    counted,
    guarded,
    refusing,
    shows_bar,
)
from bn_companion.commands._studies import STUDIES, TABLES

__all__ = ["register"]

_DESCRIPTION = """\
Train the architecture of a saved model without batch normalization, with it before
and with it after the activations: from the same seeds, on the same mini-batches, at
every learning rate. Each placement is judged on test data at the learning rate that
the validation data chose. The weights in the file are not used.

The data hold x_train and y_train (classes 0, 1, ...) and, if you have them, x_val,
y_val, x_test, y_test; parts that are missing are split off, by class.

The model is loaded in Keras's safe mode: a file that carries code is refused.
Arrays are loaded without pickled objects.
"""

_EPILOG = """\
examples:
  bn-companion compare model.keras data.npz
  bn-companion compare model.keras data.npz --seeds 5 --learning-rates 0.01,0.1
  bn-companion compare model.keras data.npz --placements before,after --optimizer adam
  bn-companion compare model.keras data.npz --table study.md --table study.csv \\
      --figure study.svg
  bn-companion compare model.keras data.npz --store runs.sqlite
  bn-companion compare model.keras data.npz --store runs.sqlite --resume

A study that is stopped, with Ctrl-C or in any other way, keeps its finished runs in the
store. --resume goes on from there, also with more seeds, learning rates or placements;
where there is no store yet it starts one, so that a job can be restarted as it is.

exit status:
  0    finished, whatever the verdict
  1    could not go on: a full disk, workers that die, too little memory; finished runs
       are kept in the store
  2    bad usage, a file that is no model, is damaged or carries code, data that do not
       fit the model, a file that is there already: nothing is trained or written
  130  stopped with Ctrl-C
"""


def _items(kind: Callable[[str], Any]) -> Callable[[str], list[Any]]:
    """Return a reader of values that are divided by commas."""

    def read(text: str) -> list[Any]:
        return [kind(part.strip()) for part in text.split(",")]

    read.__name__ = f"list of {kind.__name__}s"  # argparse names it in its message
    return read


def register(commands: Any) -> None:
    """Add the parser of this command."""
    parser = commands.add_parser(
        "compare",
        help="compare placements for a saved model on your data",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("model", type=Path, metavar="MODEL.keras", help="a classifier")
    parser.add_argument("data", type=Path, metavar="DATA.npz", help="what it is trained on")
    arms = [placement.value for placement in Placement]
    study = parser.add_argument_group("the study")
    study.add_argument(
        "--placements",
        type=_items(str),
        default=arms,
        metavar="A,B",
        help=f"at least two (default: {','.join(arms)})",
    )
    study.add_argument("--seeds", type=int, default=10, metavar="N", help="(default: 10)")
    study.add_argument(
        "--learning-rates",
        type=_items(float),
        metavar="A,B",
        help="(default: 0.003 to 1 in steps of about 3)",
    )
    study.add_argument("--epochs", type=int, default=20, metavar="N", help="(default: 20)")
    study.add_argument("--batch-size", type=int, default=32, metavar="N", help="(default: 32)")
    study.add_argument(
        "--optimizer",
        default="sgd",
        metavar="NAME",
        help="as Keras names it (default: sgd, with momentum 0.9)",
    )
    study.add_argument(
        "--jobs",
        type=int,
        metavar="N",
        help="processes; -1: one a core (default: as many as the work is worth)",
    )
    files = parser.add_argument_group("what is written")
    files.add_argument(
        "--store", type=Path, metavar="FILE.sqlite", help="keep every finished run there"
    )
    files.add_argument("--resume", action="store_true", help="go on with the runs in the store")
    files.add_argument(
        "--table",
        type=Path,
        action="append",
        default=[],
        metavar="FILE",
        help="the table, as .csv, .json or .md; may be repeated",
    )
    files.add_argument("--figure", type=Path, metavar="FILE", help="as .png, .svg or .pdf")
    files.add_argument(
        "--format", choices=sorted(STUDIES), default="text", help="of stdout (default: text)"
    )
    add_force(files)
    add_progress(parser)
    parser.set_defaults(run=lambda arguments: _run(parser, arguments))


def _run(parser: argparse.ArgumentParser, arguments: argparse.Namespace) -> int:
    if arguments.resume and arguments.store is None:
        parser.error("--resume needs the --store to go on with")
    try:
        return guarded("compare", lambda: _compare(arguments))
    except KeyboardInterrupt:
        complain("compare", _how_to_resume(arguments))
        return 130


def _compare(arguments: argparse.Namespace) -> int:
    path, data = arguments.model, arguments.data
    _check(arguments)
    existing_file(data, "DATA", ".npz", how="as numpy.savez writes it")
    from bn_companion.data import load  # noqa: PLC0415 (imports NumPy)

    with refusing():
        dataset = load(data)
    model = load_model(path)
    from bn_companion.build.surgery import PlacementWarning  # noqa: PLC0415 (imports TensorFlow)
    from bn_companion.train.arguments import check_model  # noqa: PLC0415
    from bn_companion.train.study import compare_placements  # noqa: PLC0415
    from bn_companion.train.sweep import SweepError  # noqa: PLC0415

    rates = arguments.learning_rates
    with refusing(), warnings.catch_warnings():
        check_model(model, dataset, rule=f"{path} must be")
        _note_what_stays(arguments, model)
        warnings.simplefilter("ignore", PlacementWarning)  # the notes say the same
        try:
            study = compare_placements(
                model,
                dataset,
                placements=arguments.placements,
                seeds=arguments.seeds,
                epochs=arguments.epochs,
                batch_size=arguments.batch_size,
                optimizer=arguments.optimizer,
                store=arguments.store,
                n_jobs=arguments.jobs,
                progress=shows_bar(arguments.progress),
                **({} if rates is None else {"learning_rates": rates}),
            )
        except SweepError as error:
            complain("compare", f"{error.__cause__}; {_how_to_resume(arguments)}")
            return 1
    sys.stdout.write(STUDIES[arguments.format](study))
    sys.stdout.flush()
    for table in arguments.table:
        write_atomically(table, TABLES[table.suffix](study.table()).encode())
    if arguments.figure is not None:
        save_figure(study.plot, arguments.figure)
    return 0


def _note_what_stays(arguments: argparse.Namespace, model: Any) -> None:
    """Say, before hours of training, where an arm is not what its name says."""
    from bn_companion.build.surgery import placement_report  # noqa: PLC0415

    for placement in arguments.placements:
        report = placement_report(model, placement)
        missed = report.loc[~report["as_asked"].astype(bool), "layer"].tolist()
        if missed:
            be = "is" if len(missed) == 1 else "are"
            complain(
                "compare",
                f"note: with {placement!r}, {len(missed)} of the layers {be} not as asked, for "
                f"example {missed[0]}; 'bn-companion place {arguments.model} --placement "
                f"{placement} -o FILE' says why",
            )


def _check(arguments: argparse.Namespace) -> None:
    """Refuse what cannot be written, or started, before anything is read."""
    if arguments.jobs == 0:
        raise RefusalError("--jobs must be a number of processes, or -1. Received: 0")
    named = [("--table", table, tuple(TABLES)) for table in arguments.table]
    if arguments.figure is not None:
        named.append(("--figure", arguments.figure, FIGURES))
    for option, path, formats in named:
        check_output(path, option, formats, force=arguments.force)
    store = arguments.store
    if store is not None:
        if store.exists() and not arguments.resume:
            raise RefusalError(
                "--store must be a file that is not there yet; --resume goes on with the runs in "
                f"it. Received: {str(store)!r}"
            )
        check_output(store, "--store", (), force=True)
    paths = [path.resolve() for _, path, _ in named] + ([store.resolve()] if store else [])
    twice = [str(path) for path in paths if paths.count(path) > 1]
    if twice:
        raise RefusalError(f"Each file must be named once. Received more than once: {twice[0]!r}")


def _how_to_resume(arguments: argparse.Namespace) -> str:
    """Return what to say when a study was stopped, which may have been at any moment."""
    path = arguments.store
    if path is None:
        return "stopped, and nothing is kept; give --store FILE.sqlite to be able to go on"
    if not path.exists():
        return "stopped before the first run: nothing is kept, and nothing is lost"
    from bn_companion.train.store import Store  # noqa: PLC0415 (imports NumPy)

    try:
        count = len(Store(path).rows())  # what is there, whatever was being done to it
    except ValueError as error:
        return f"stopped; {error}"
    kept = f"{counted(count, 'run')} {'is' if count == 1 else 'are'} kept in {path}"
    again = "the same command" + ("" if arguments.resume else " with --resume")
    return f"stopped; {kept}: {again} goes on from there"
