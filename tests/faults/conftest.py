"""The stages of the fault tests, one process for each shim, and where their files lie."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from faults import shims
from faults.stage import Stage

SHARED_MEMORY = Path("/dev/shm")


@pytest.fixture(scope="session")
def io_shim(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return shims.build("io_shim", tmp_path_factory.mktemp("shims"))


@pytest.fixture(scope="session")
def io_stage(io_shim: Path) -> Iterator[Stage]:
    with Stage(io_shim, warm=True) as stage:
        yield stage


@pytest.fixture(scope="session")
def malloc_shim(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return shims.build("malloc_shim", tmp_path_factory.mktemp("shims"))


@pytest.fixture(scope="session")
def malloc_stage(malloc_shim: Path) -> Iterator[Stage]:
    with Stage(malloc_shim, warm=True) as stage:
        yield stage


@pytest.fixture(scope="session")
def cold_malloc_stage(malloc_shim: Path) -> Iterator[Stage]:
    with Stage(malloc_shim, warm=False) as stage:
        yield stage


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """An empty folder, in memory where there is such a place: thousands of files are flushed here."""
    if not SHARED_MEMORY.is_dir():
        yield tmp_path
        return
    with tempfile.TemporaryDirectory(dir=SHARED_MEMORY, prefix="chatseal-tests-") as path:
        yield Path(path)
