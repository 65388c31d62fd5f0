"""What the tests of counting have: a vault, opened, in memory where there is such a place."""

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from vault.counting.scene import Vault, make

MEMORY = Path("/dev/shm")


@pytest.fixture
def place() -> Iterator[Path]:
    with TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as folder:
        yield Path(folder)


@pytest.fixture
def vault(place: Path) -> Iterator[Vault]:
    make(place)
    opened = Vault(place)
    yield opened
    opened.close()
