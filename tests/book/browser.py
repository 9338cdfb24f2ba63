"""Find a Chromium for the checks on the built pages.

``python -m tests.book.browser``, which is `make browser`, installs one where there is none.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")

# No sandbox: it needs rights that a container does not give, and every page is our own. The rest
# keeps the browser itself from looking for the network.
ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)


def find() -> str | None:
    """Return the path of a Chromium that starts: $CHROMIUM, one on PATH, or Playwright's own."""
    if given := os.environ.get("CHROMIUM"):
        return given if _starts(given) else None
    for name in NAMES:
        if (path := shutil.which(name)) and _starts(path):
            return path
    path = _playwrights_own()
    return path if Path(path).exists() and _starts(path) else None


def _starts(path: str) -> bool:
    # On Ubuntu, apt's `chromium` is a stub that asks for snap, so that a file alone proves nothing.
    try:
        said = subprocess.run([path, "--version"], check=False, capture_output=True, timeout=60)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return said.returncode == 0


def _playwrights_own() -> str:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        return playwright.chromium.executable_path


def _run(*command: str) -> bool:
    print("  " + " ".join(command), flush=True)
    return subprocess.run(command, check=False, stdout=subprocess.DEVNULL).returncode == 0


def install() -> None:
    """Install Chromium: by apt-get where that is allowed, else Playwright's own copy."""
    print("No Chromium found; installing one", flush=True)
    if hasattr(os, "geteuid") and os.geteuid() == 0 and shutil.which("apt-get"):
        apt: Sequence[str] = ("apt-get", "install", "-y", "-qq", "--no-install-recommends")
        os.environ["DEBIAN_FRONTEND"] = "noninteractive"
        if _run("apt-get", "update", "-qq"):
            _run(*apt, "chromium", "fonts-dejavu-core")
    if find() is None:
        _run(sys.executable, "-m", "playwright", "install", "chromium")


def main() -> int:
    """Find a browser, install one if there is none, and say which it is."""
    if os.environ.get("CHROMIUM") and find() is None:
        print(f"CHROMIUM={os.environ['CHROMIUM']} does not start", file=sys.stderr)
        return 1
    if find() is None:
        install()
    if (path := find()) is None:
        print(
            "No Chromium. Install one, or name it: make test CHROMIUM=/path/to/it", file=sys.stderr
        )
        return 1
    print(f"Browser: {path}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
