"""Shims: the small C libraries that are preloaded into a child to break things around the engine."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import chatseal

TESTS = Path(__file__).parents[1]
ENGINE = Path(chatseal.__file__).parents[1]
COMPILE = ["cc", "-shared", "-fPIC", "-O1", "-Wall", "-Wextra", "-Werror"]


def build(name: str, folder: Path) -> Path:
    """Compile *name*.c into *folder*. Skips the test where a shim cannot be preloaded."""
    if sys.platform != "linux" or not sys.maxsize > 2**32:
        pytest.skip("shims are for 64-bit Linux")
    if shutil.which("cc") is None:
        pytest.skip("no C compiler")
    shim = folder / f"{name}.so"
    subprocess.run([*COMPILE, "-o", str(shim), str(Path(__file__).with_name(f"{name}.c")), "-ldl"], check=True)
    return shim


def environment(shim: Path | None = None) -> dict[str, str]:
    """What a child needs to find the engine and the tests, and nothing of this process's own."""
    paths = {"PATH": "/usr/local/bin:/usr/bin:/bin", "PYTHONPATH": f"{ENGINE}:{TESTS}", "LC_ALL": "C.UTF-8"}
    return paths | ({"LD_PRELOAD": str(shim)} if shim else {})
