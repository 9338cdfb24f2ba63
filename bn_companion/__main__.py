"""``python -m bn_companion`` is the command ``bn-companion``."""

import sys

from bn_companion.cli import main

if __name__ == "__main__":
    sys.exit(main())
