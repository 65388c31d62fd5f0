"""A service that the tests of a file share, accounts that nobody has used, and somebody in between who may lie."""

from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from chatseal.vault.client import VaultClient
from chatseal.vault.pins import Pins
from vault.client.liar import Liar, lying
from vault.service.running import Running, running

MEMORY = Path("/dev/shm")
NAMES = [f"person-{number}" for number in range(60)]

Clients = Callable[..., VaultClient]


@pytest.fixture(scope="module")
def service() -> Iterator[Running]:
    with TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as folder, running(Path(folder), *NAMES, "registered") as started:
        yield started


@pytest.fixture(scope="module")
def _names() -> Iterator[str]:
    return iter(NAMES)


@pytest.fixture
def name(_names: Iterator[str]) -> str:
    """An account that the service has not heard of."""
    return next(_names)


@pytest.fixture
def liar(service: Running) -> Iterator[Liar]:
    with lying(service.port) as found:
        yield found


@pytest.fixture
def memory(tmp_path: Path) -> Pins:
    return Pins(tmp_path / "vaults")


@pytest.fixture
def client(service: Running, liar: Liar, name: str, memory: Pins) -> Iterator[VaultClient]:
    """The account's client, through the liar, with a memory."""
    memory.trust(liar.url, service.key)
    with VaultClient(liar.url, name, service.tokens[name], service.key, memory=memory) as made:
        yield made
