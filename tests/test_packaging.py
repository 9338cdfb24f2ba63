"""What is shipped: the wheel, its dependencies, the pins, and what no file may hold."""

import ast
import email
import importlib
import importlib.metadata
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tomllib
import venv
import zipfile
from collections.abc import Iterable
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import bn_companion

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "bn_companion"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def python(*arguments: str, interpreter: str | Path = sys.executable) -> str:
    """Run Python outside of the checkout; return what it printed, or fail with it."""
    said = subprocess.run(
        [str(interpreter), *arguments],
        check=False,
        capture_output=True,
        text=True,
        cwd=Path(sys.executable).anchor,
        env={**os.environ, "PYTHONPATH": "", "TF_CPP_MIN_LOG_LEVEL": "3"},
    )
    assert said.returncode == 0, said.stdout + said.stderr
    return said.stdout + said.stderr


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel from a copy, so that no build folder is left in the checkout."""
    copy = tmp_path_factory.mktemp("copy")
    for name in tracked("bn_companion", "pyproject.toml", "README.md", "LICENSE"):
        (copy / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, copy / name)
    out = tmp_path_factory.mktemp("wheel")
    options = ("--no-deps", "--no-build-isolation", "--disable-pip-version-check", "--quiet")
    python("-m", "pip", "wheel", *options, "--wheel-dir", str(out), str(copy))
    (built,) = out.glob("*.whl")
    return built


def tracked(*paths: str) -> list[str]:
    """Return the files that git tracks or would track, of these paths."""
    listing = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", *paths],
        check=True,
        capture_output=True,
        text=True,
        cwd=ROOT,
    )
    return [name for name in listing.stdout.split("\0") if name and (ROOT / name).is_file()]


def third_party_imports(files: Iterable[Path]) -> set[str]:
    """Return the top-level modules that these files import, at any depth, but for our own."""
    found: set[str] = set()
    for path in files:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                found |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and not node.level:
                found.add(str(node.module).partition(".")[0])
    return found - sys.stdlib_module_names - {"bn_companion"}


def names(requirements: Iterable[str]) -> set[str]:
    """Return the distributions that these requirements name."""
    return {canonicalize_name(Requirement(requirement).name) for requirement in requirements}


# --- the wheel ---------------------------------------------------------------------------------


def test_wheel_holds_every_module_stub_and_style(wheel: Path) -> None:
    inside = set(zipfile.ZipFile(wheel).namelist())
    assert {"bn_companion/py.typed", "bn_companion/__init__.pyi"} <= inside
    assert any(name.endswith(".mplstyle") for name in inside)
    assert set(tracked("bn_companion")) <= inside
    assert all(name.startswith("bn_companion") for name in inside)


def test_every_module_is_tracked() -> None:
    on_disk = {path.relative_to(ROOT).as_posix() for path in PACKAGE.rglob("*.py")}
    assert on_disk == {name for name in tracked("bn_companion") if name.endswith(".py")}


def test_wheel_requires_exactly_what_the_package_imports(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        (metadata,) = (name for name in archive.namelist() if name.endswith("/METADATA"))
        message = email.message_from_bytes(archive.read(metadata))
    required = names(r for r in message.get_all("Requires-Dist", []) if "extra ==" not in r)
    providers = importlib.metadata.packages_distributions()
    imported = third_party_imports(PACKAGE.rglob("*.py"))
    possible = {module: {canonicalize_name(d) for d in providers[module]} for module in imported}
    # What only a cluster or a page that stands alone needs is imported when there is one.
    extras = PROJECT["optional-dependencies"]
    optional = names([*extras["cluster"], *extras["explore"]])
    missing = {
        module for module, options in possible.items() if not options & (required | optional)
    }
    assert not missing, "imported, not required"
    unused = {name for name in required if not any(name in o for o in possible.values())}
    assert not unused, "required, not imported"


def test_imports_are_found_at_any_depth(tmp_path: Path) -> None:
    module = tmp_path / "module.py"
    module.write_text(
        "import os, numpy.linalg\nfrom . import own\nfrom bn_companion import x\n"
        "def f():\n    if True:\n        from keras.layers import Dense\n"
    )
    assert third_party_imports([module]) == {"numpy", "keras"}


def test_wheel_installs_and_imports_in_a_fresh_environment(wheel: Path, tmp_path: Path) -> None:
    venv.create(tmp_path / "env", with_pip=False)
    paths = sysconfig.get_paths("venv", {"base": str(tmp_path / "env")})
    interpreter, site = Path(paths["scripts"], "python"), Path(paths["purelib"])
    options = ("--no-deps", "--no-index", "--disable-pip-version-check", "--quiet")
    python("-m", "pip", "--python", str(interpreter), "install", *options, str(wheel))
    # The dependencies come from here, behind the package: an editable install here cannot hide it.
    dependencies = [p for p in sys.path if p.endswith(("site-packages", "dist-packages"))]
    (site / "dependencies.pth").write_text("\n".join(dependencies), encoding="utf-8")
    code = "import bn_companion as b; print(b.__file__); print(b.Placement('before').value)"
    where, value = python("-c", code, interpreter=interpreter).splitlines()[-2:]
    assert Path(where).is_relative_to(site)
    assert value == "before"


# --- the import --------------------------------------------------------------------------------


def test_import_takes_no_time_and_no_tensorflow() -> None:
    code = "import bn_companion, sys; print(*sys.modules)"
    cost = []
    for _ in range(5):
        said = python(
            "-X", "importtime", "-c", f"import sys; sys.path.insert(0, {str(ROOT)!r}); {code}"
        )
        (line,) = re.findall(r"\|\s*(\d+) \| bn_companion$", said, re.MULTILINE)
        cost.append(int(line) / 1e6)
    assert min(cost) < 0.1, f"seconds: {cost}"
    loaded = set(said.splitlines()[-1].split()) | {
        line.rpartition("|")[2].strip() for line in said.splitlines()
    }
    assert "bn_companion" in loaded
    assert not loaded & {"tensorflow", "keras", "numpy", "pandas", "matplotlib", "sklearn"}


def test_dir_lists_every_public_name_and_each_resolves() -> None:
    stub = ast.parse((PACKAGE / "__init__.pyi").read_text(encoding="utf-8"))
    public = {
        alias.asname or alias.name
        for node in stub.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert {"Placement", "load", "mlp", "train_once"} <= public
    assert public <= set(dir(bn_companion))
    assert public == set(bn_companion.__all__)
    for name in public:
        assert getattr(bn_companion, name) is not None


def test_an_unknown_name_is_refused() -> None:
    with pytest.raises(AttributeError, match="no_such_name"):
        importlib.import_module("bn_companion").no_such_name  # noqa: B018


# --- one truth in several files ----------------------------------------------------------------


def test_addresses_and_versions_agree() -> None:
    config = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    repository = PROJECT["urls"]["Repository"]
    assert config["repository"]["url"] == citation["repository-code"] == repository
    assert citation["url"] == PROJECT["urls"]["Homepage"]
    owner, name = repository.removeprefix("https://github.com/").split("/")
    assert PROJECT["urls"]["Homepage"] == f"https://{owner}.github.io/{name}/"
    assert citation["version"] == bn_companion.__version__ == PROJECT["version"]


def test_requirements_are_pinned_exactly_and_complete() -> None:
    lines = (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    pins = [Requirement(line) for line in lines if line.strip()]
    loose = [str(p) for p in pins if not re.fullmatch(r"==[0-9][^,*]*", str(p.specifier))]
    assert not loose
    assert not [str(pin) for pin in pins if pin.url]
    pinned = {canonicalize_name(pin.name): next(iter(pin.specifier)).version for pin in pins}
    extras = PROJECT["optional-dependencies"]
    # "bench" is for one table in benchmarks/ and is not installed with the rest.
    groups = [PROJECT["dependencies"], *(extras[name] for name in extras if name != "bench")]
    direct = [Requirement(text) for group in groups for text in group]
    assert not names(map(str, direct)) - set(pinned)
    outside = [str(r) for r in direct if pinned[canonicalize_name(r.name)] not in r.specifier]
    assert not outside


# --- what no file may hold ---------------------------------------------------------------------

# Put together from pieces, so that this file does not hold them itself.
FORBIDDEN = re.compile(
    "|".join(
        [
            "py" + r"pi\.org",
            "python" + r"hosted\.org",
            "registry" + r"\.npmjs",
            "--(?:extra-)?index" + "-url",
            "--find" + "-links",
            r"(?<![\w.~/-])/(?:root|work)" + r"/\w+",
        ]
    )
)
# Tests may make up a place; nothing else has a reason to.
PLACE = re.compile(r"(?<![\w.~/-])/(?:home|Users|tmp)" + r"/\w+")


def test_no_file_holds_a_registry_or_a_place_on_this_machine() -> None:
    found = []
    for name in tracked("."):
        text = (ROOT / name).read_text(encoding="utf-8", errors="ignore")
        patterns = (FORBIDDEN,) if name.startswith("tests/") else (FORBIDDEN, PLACE)
        found += [
            f"{name}: {hit.group()}" for pattern in patterns for hit in pattern.finditer(text)
        ]
    assert not found


@pytest.mark.parametrize(
    "text",
    [
        "https://py" + "pi.org/simple",
        "files.python" + "hosted.org",
        "/ro" + "ot/x",
        "--extra-index" + "-url x",
    ],
)
def test_forbidden_text_is_caught(text: str) -> None:
    assert FORBIDDEN.search(text)


def test_a_place_is_caught_and_a_page_is_not() -> None:
    assert PLACE.search("wrote '/ho" + "me/me/book'")
    assert not PLACE.search("book/home/page.html, ~/home/x and https://keras.io/home/x/")


def test_every_public_name_is_documented_on_the_api_page() -> None:
    page = (ROOT / "book" / "api.md").read_text(encoding="utf-8")
    documented = set(re.findall(r"^\.\. auto\w+:: bn_companion\.([\w.]+)", page, re.MULTILINE))
    modules = {"data", "plots"}
    expected = set(bn_companion.__all__) - modules
    expected |= {f"plots.{name}" for name in bn_companion.plots.__all__}
    assert documented == expected
