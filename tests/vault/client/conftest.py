"""A service that the tests of a file share, accounts that nobody has used, and somebody in between who may lie."""

from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from chatseal import BackupKey
from chatseal.cli.app import chatseal as app
from chatseal.vault.address import canonical
from chatseal.vault.client import VaultClient
from chatseal.vault.pins import Pins
from cli.command import Ran, environment
from vault.client.commands import OTHER, PASSWORD, Vault, private
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


@pytest.fixture
def env(tmp_path: Path) -> dict[str, str]:
    places = {f"CHATSEAL_{name}_DIR": str(tmp_path / name.lower()) for name in ("STATE", "CACHE")}
    return environment(**places, PYTHONWARNINGS="error")


@pytest.fixture
def here(env: dict[str, str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Ran]:
    """Runs `chatseal` with words, in this process: a start of the interpreter costs more than all else."""

    def run(*words: str | Path, **changes: str) -> Ran:
        with monkeypatch.context() as patched:
            for variable, value in {**env, **changes}.items():
                if variable.startswith("CHATSEAL_"):
                    patched.setenv(variable, value)
            capsys.readouterr()
            with pytest.raises(SystemExit) as ended:
                app.main(list(map(str, words)))
        said = capsys.readouterr()
        assert isinstance(ended.value.code, int)
        return Ran(ended.value.code, said.out.encode(), said.err)

    return run


@pytest.fixture
def vault(service: Running, name: str, tmp_path: Path, here: Callable[..., Ran]) -> Iterator[Vault]:
    """Runs `chatseal vault COMMAND` for an account at a vault that the device knows, and looks for its secrets in what it says."""
    Pins(tmp_path / "state" / "vaults").trust(canonical(service.url), service.key)
    token = private(tmp_path / "token", service.tokens[name] + "\n")
    private(tmp_path / "password", PASSWORD + "\n")
    private(tmp_path / "other", OTHER + "\n")
    secrets = [service.tokens[name], PASSWORD, OTHER]

    def run(command: str, *words: str | Path, **changes: str) -> Ran:
        named = {"CHATSEAL_VAULT_TOKEN_FILE": str(token), **changes}
        ran = here("vault", command, "--vault", service.url, "--user", name, *words, **named)
        assert not any(secret.encode() in ran.out or secret in ran.err for secret in secrets)
        return ran

    yield run
    for file in (tmp_path / "state").rglob("*.json"):
        assert not any(secret in file.read_text() for secret in secrets)


@pytest.fixture
def key(tmp_path: Path) -> Path:
    BackupKey.generate().write(tmp_path / "my.key")
    return tmp_path / "my.key"
