"""A place in memory where there is one, so that no test waits for a disk, and a service that the tests of a file share."""

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from vault.service.person import Person
from vault.service.running import Running, running

MEMORY = Path("/dev/shm")
NAMES = [f"person-{number}" for number in range(40)]


def _place() -> Iterator[Path]:
    with TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as folder:
        yield Path(folder)


place = pytest.fixture(_place)
shared_place = pytest.fixture(_place, scope="module")


@pytest.fixture(scope="module")
def service(shared_place: Path) -> Iterator[Running]:
    with running(shared_place, *NAMES) as started:
        yield started


@pytest.fixture(scope="module")
def _names() -> Iterator[str]:
    return iter(NAMES)


@pytest.fixture
def person(service: Running, _names: Iterator[str]) -> Person:
    """Somebody whom the service has not heard of."""
    return Person(service, next(_names))
