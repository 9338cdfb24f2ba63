"""The environment in which chapters run: the same for pytest, `make notebooks` and the studies.

Defaults, not commands: what the caller's environment says wins, which is how the steadiness runs
put other machines in place of this one.
"""

from __future__ import annotations

import os

from tests.book.chapters import ROOT

__all__ = ["DEFAULTS", "settle"]

DEFAULTS = {
    "TF_CPP_MIN_LOG_LEVEL": "3",  # C++ logs would count as output
    "TF_ENABLE_ONEDNN_OPTS": "0",  # its kernels differ between processors
    "CUDA_VISIBLE_DEVICES": "-1",  # the stored outputs are a CPU's
}


def settle() -> None:
    """Set the defaults for kernels to inherit, and this checkout as what they import."""
    for name, value in DEFAULTS.items():
        os.environ.setdefault(name, value)
    # An installed copy of the package, perhaps an old one, is not what is being verified.
    paths = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    others = [p for p in paths if p and p != str(ROOT)]
    os.environ["PYTHONPATH"] = os.pathsep.join([str(ROOT), *others])
