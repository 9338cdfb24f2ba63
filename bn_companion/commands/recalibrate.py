"""``bn-companion recalibrate``: give a saved model the exact statistics of data."""

import argparse
from pathlib import Path
from typing import Any

from bn_companion.commands._inputs import load_arrays, load_model
from bn_companion.commands._outputs import add_model_output, check_output, save_model
from bn_companion.commands._running import (
    add_progress,
    counted,
    guarded,
    refusing,
    shows_bar,
)

__all__ = ["register"]

_DESCRIPTION = """\
Write a copy of a model whose moving statistics are the exact mean and variance of
what each batch normalization is given on your data, layer after layer. All other
weights stay. 1,000 to 10,000 rows are enough in practice.

The model that is written is not compiled.

The model is loaded in Keras's safe mode: a file that carries code is refused.
Arrays are loaded without pickled objects.
"""

_EPILOG = """\
examples:
  bn-companion recalibrate model.keras data.npz -o better.keras
  bn-companion recalibrate model.keras data.npz -o better.keras --array x_val
  bn-companion recalibrate model.keras data.npz -o better.keras --batch-size 1024
  bn-companion recalibrate two_inputs.keras data.npz -o better.keras \\
      --array images --array ages

exit status:
  0  written
  2  bad usage, a file that is no model, is damaged or carries code, data that do not
     fit the model, a file that is there already: nothing is written
"""


def register(commands: Any) -> None:
    """Add the parser of this command."""
    parser = commands.add_parser(
        "recalibrate",
        help="give a saved model the exact statistics of your data",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("model", type=Path, metavar="MODEL.keras", help="the saved model")
    parser.add_argument("data", type=Path, metavar="DATA.npz", help="the inputs, by rows")
    add_model_output(parser)
    parser.add_argument(
        "--array",
        action="append",
        metavar="NAME",
        help="the array in DATA (default: x_train); once for each input of the model",
    )
    parser.add_argument(
        "--batch-size",
        type=int,
        default=128,
        metavar="N",
        help="rows computed at once; the result does not depend on it (default: 128)",
    )
    add_progress(parser)
    parser.set_defaults(run=lambda arguments: guarded("recalibrate", lambda: _run(arguments)))


def _run(arguments: argparse.Namespace) -> int:
    path, data, output = arguments.model, arguments.data, arguments.output
    check_output(output, "-o", [".keras"], force=arguments.force, source=path)
    arrays = load_arrays(data, arguments.array or ["x_train"])
    model = load_model(path)
    import tensorflow as tf  # noqa: PLC0415

    from bn_companion.build.roles import is_batch_norm  # noqa: PLC0415
    from bn_companion.deploy.recalibrate import recalibrate  # noqa: PLC0415
    from bn_companion.diagnose.layers import all_layers  # noqa: PLC0415

    with refusing(f"{path} on {data}"):
        try:
            better = recalibrate(
                model,
                arrays if len(arrays) > 1 else arrays[0],
                batch_size=arguments.batch_size,
                progress=shows_bar(arguments.progress),
            )
        except tf.errors.InvalidArgumentError as error:  # as of an embedding, of a word too many
            raise ValueError(f"the model fails on these data: {error.message[:200]}") from error
    save_model(better, output)
    count = sum(map(is_batch_norm, all_layers(better).values()))
    done = counted(count, "batch normalization")
    print(f"Wrote {output}: {done} recalibrated on {len(arrays[0])} rows of {data}.")
    return 0
