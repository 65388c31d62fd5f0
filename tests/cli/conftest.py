"""Keys, a sealed file, and the command to try on them, in an empty folder."""

import hashlib
from pathlib import Path

import pytest

import chatseal
from cli.command import Ran, Run, environment, started


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder that is the working directory."""
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def run(here: Path) -> Run:
    """Run `chatseal` with words, in `here`."""

    def run(*words: str | Path, stdin: bytes = b"", **changes: str) -> Ran:
        return started(*words, env=environment(**changes), input=stdin)

    return run


@pytest.fixture
def configured(here: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A place for the configuration that is nobody's; there is none yet."""
    path = here / "conf" / "chatseal.toml"
    monkeypatch.setenv("CHATSEAL_CONFIG", str(path))
    return path


@pytest.fixture(scope="session")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with my.key and other.key (backup keys), pair.key and pair.key.pub."""
    folder = tmp_path_factory.mktemp("keys")
    chatseal.BackupKey.generate().write(folder / "my.key")
    chatseal.BackupKey.generate().write(folder / "other.key")
    pair = chatseal.PrivateKey.generate()
    pair.write(folder / "pair.key")
    pair.public_key.write(folder / "pair.key.pub")
    return folder


@pytest.fixture
def my(keys: Path) -> Path:
    """A key file."""
    return keys / "my.key"


@pytest.fixture(scope="session")
def plain() -> bytes:
    """200 kB that do not compress: thirteen records."""
    return b"".join(hashlib.sha512(number.to_bytes(4, "big")).digest() for number in range(3125))


@pytest.fixture
def sealed(here: Path, my: Path, plain: bytes) -> Path:
    """chat.db and, sealed for my.key, chat.db.seal."""
    (here / "chat.db").write_bytes(plain)
    (here / "chat.db").chmod(0o600)  # so that it is refused as a key for what it is
    chatseal.seal("chat.db", "chat.db.seal", chatseal.BackupKey.from_file(my), frame_size=1 << 16)
    return Path("chat.db.seal")
