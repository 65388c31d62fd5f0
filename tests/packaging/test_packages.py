"""The sdist and the wheel: built, looked into, installed into a fresh environment and tried."""

import os
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import venv
import zipfile
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE_FILES = ("pyproject.toml", "setup.py", "MANIFEST.in", "README.md", "LICENSE", "Makefile", "CHANGELOG.md", "SECURITY.md")
BUILD_TOOLS = ("build", "setuptools", "Cython")
PATIENCE = 300


def run(*command: str | Path, cwd: Path | None = None, **changes: str) -> "subprocess.CompletedProcess[str]":
    """Run a command in an environment where nothing of this one's Python is found."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "CHATSEAL"))} | changes
    return subprocess.run(
        [str(word) for word in command], cwd=cwd, env=environment, capture_output=True, text=True, timeout=PATIENCE, check=False
    )


def succeed(*command: str | Path, cwd: Path | None = None) -> str:
    ended = run(*command, cwd=cwd)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


@pytest.fixture(scope="session")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the sources: a build leaves things behind."""
    tree = tmp_path_factory.mktemp("tree")
    for name in PACKAGE_FILES:
        if (ROOT / name).exists():
            shutil.copy(ROOT / name, tree)
    skipped = shutil.ignore_patterns("*.so", "*.pyd", "__pycache__", "*.egg-info")
    for name in ("engine", "ext", "tests", "docs", "bench"):
        shutil.copytree(ROOT / name, tree / name, ignore=skipped)
    return tree


@pytest.fixture(scope="session")
def packages(tree: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the sdist, and the wheel that was built from it."""
    if find_spec("build") is None:
        pytest.skip("the package `build` is not installed")
    isolation = ["--no-isolation"] if all(map(find_spec, BUILD_TOOLS)) else []
    out = tmp_path_factory.mktemp("dist")
    succeed(sys.executable, "-m", "build", *isolation, "--outdir", out, cwd=tree)
    return out


@pytest.fixture(scope="session")
def wheel(packages: Path) -> Path:
    (wheel,) = packages.glob("*.whl")
    return wheel


def test_the_sdist_has_all_that_a_build_and_a_test_run_need(packages: Path) -> None:
    (sdist,) = packages.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    of_the_core = {f"ext/{path.name}" for path in (ROOT / "ext").iterdir() if path.suffix in (".pyx", ".pxd", ".c", ".h")}
    assert {Path(name).suffix for name in of_the_core} == {".pyx", ".pxd", ".c", ".h"}
    assert of_the_core <= names
    assert {"setup.py", "pyproject.toml", "LICENSE", "README.md", "PKG-INFO", "docs/format.md"} <= names
    assert {"engine/chatseal/py.typed", "engine/chatseal/_core.pyi"} <= names
    assert {"tests/conftest.py", "tests/vectors/sealed.json", "tests/faults/io_shim.c", "bench/days.py"} <= names
    assert not [name for name in names if name.endswith((".so", ".pyc", ".o")) or "__pycache__" in name]


def test_sdist_and_wheel_have_the_vaults_page_and_what_it_was_built_with(packages: Path, wheel: Path) -> None:
    (sdist,) = packages.glob("*.tar.gz")
    page = Path("chatseal/vault/service/page")
    due = {(page / path.relative_to(ROOT / "engine" / page)).as_posix() for path in (ROOT / "engine" / page).rglob("*") if path.is_file()}
    assert {f"{page.as_posix()}/{name}" for name in ("index.html", "page.js", "page.css", "icon.svg")} <= due
    with zipfile.ZipFile(wheel) as archive:
        assert due <= set(archive.namelist())
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {f"engine/{name}" for name in due} <= names
    assert {"bench/page/package-lock.json", "bench/page/vendor.py"} <= names


def test_the_wheel_has_the_core_its_types_and_no_sources(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    assert {"chatseal/__init__.py", "chatseal/py.typed", "chatseal/_core.pyi", "chatseal/rescue.py", "chatseal/rescue_store.py"} <= names
    assert [name for name in names if name.startswith("chatseal/_core.") and name.endswith(sysconfig.get_config_var("EXT_SUFFIX"))]
    assert not [name for name in names if name.endswith((".c", ".h", ".pyx", ".pxd"))]
    assert {name.partition("/")[0].partition("-")[0] for name in names} == {"chatseal"}
    in_the_tree = {str(path.relative_to(ROOT / "engine")) for path in (ROOT / "engine" / "chatseal").rglob("*.py")}
    assert {name for name in names if name.endswith(".py")} == in_the_tree


def test_the_wheel_says_what_it_needs_and_what_its_licence_is(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        (path,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        metadata = archive.read(path).decode()
        licences = [name for name in archive.namelist() if "/licenses/" in name]
    assert "License-Expression: Apache-2.0" in metadata
    assert [name for name in licences if name.endswith("LICENSE")]
    for need in ("cryptography", "pyzstd", "click", "rich"):
        assert f"Requires-Dist: {need}" in metadata


@pytest.fixture(scope="session")
def fresh(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of a new environment with the wheel in it, and with what it needs: from the index, or else from this environment."""
    folder = tmp_path_factory.mktemp("fresh")
    venv.create(folder, with_pip=True)
    python = folder / "bin" / "python"
    pip: list[str | Path] = [python, "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
    installed = run(*pip, "--timeout", "15", "--retries", "1", wheel)
    if installed.returncode != 0:
        succeed(*pip, "--no-deps", wheel)
        site = succeed(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))").strip()
        Path(site, "borrowed.pth").write_text(f"{sysconfig.get_path('purelib')}\n{sysconfig.get_path('platlib')}\n")
        print("no index: the dependencies are borrowed from the environment of the tests")
    return python


ROUND_TRIP = """
import pathlib, chatseal
assert pathlib.Path(chatseal.__file__).is_relative_to(pathlib.Path(__import__("sys").prefix)), chatseal.__file__
key, plain = chatseal.BackupKey.generate(), b"see you at ten " * 300_000
chatseal.seal(plain, "plain.seal", key, threads=2)
chatseal.unseal("plain.seal", "plain", key, threads=2)
assert pathlib.Path("plain").read_bytes() == plain
with chatseal.open("plain.seal", key=key) as reader:
    reader.seek(3_000_000)
    assert reader.read(30) == plain[3_000_000:3_000_030]
"""


def test_the_installed_wheel_seals_and_unseals(fresh: Path, tmp_path: Path) -> None:
    succeed(fresh, "-W", "error", "-c", ROUND_TRIP, cwd=tmp_path)


def test_the_installed_command_works_under_both_of_its_names(fresh: Path, tmp_path: Path) -> None:
    version = succeed(fresh, "-c", "import chatseal; print(chatseal.__version__)", cwd=tmp_path).strip()
    by_module = succeed(fresh, "-m", "chatseal", "--version", cwd=tmp_path)
    assert by_module.strip().endswith(version)
    command = fresh.with_name("chatseal")
    assert succeed(command, "--version", cwd=tmp_path) == by_module
    (tmp_path / "plain").write_bytes(b"hello" * 1000)
    succeed(command, "key", "new", "--out", "my.key", cwd=tmp_path)
    succeed(command, "seal", "plain", "-o", "sealed", "--key-file", "my.key", cwd=tmp_path)
    succeed(command, "unseal", "sealed", "-o", "again", "--key-file", "my.key", cwd=tmp_path)
    assert (tmp_path / "again").read_bytes() == b"hello" * 1000
    succeed(fresh, "-m", "chatseal.rescue", "sealed", "--key-file", "my.key", "-o", "rescued", cwd=tmp_path)
    assert (tmp_path / "rescued").read_bytes() == b"hello" * 1000


PACKAGES = ("libzstd-dev", "libssl-dev", "libzstd-devel", "openssl-devel", "brew install zstd openssl@3", "vcpkg install zstd openssl")


def build_without(tree: Path, pkg_config: Path | str) -> str:
    """What a build says that has to fail."""
    ended = run(sys.executable, "setup.py", "build_ext", cwd=tree, PKG_CONFIG=str(pkg_config))
    assert ended.returncode != 0
    assert "Traceback" not in ended.stderr
    return ended.stderr


def test_a_build_without_pkg_config_names_what_to_install(tree: Path) -> None:
    said = build_without(tree, "no-such-pkg-config")
    assert "no such command: no-such-pkg-config" in said
    for name in PACKAGES:
        assert name in said


def test_a_build_without_the_libraries_names_what_to_install(tree: Path, tmp_path: Path) -> None:
    """A pkg-config that knows none of them."""
    stand_in = tmp_path / "pkg-config"
    stand_in.write_text("#!/bin/sh\necho \"Package 'libzstd' not found\" >&2\nexit 1\n")
    stand_in.chmod(0o755)
    said = build_without(tree, stand_in)
    assert "Package 'libzstd' not found" in said
    for name in PACKAGES:
        assert name in said
