"""A password store of the real `pass`, with a gpg key of its own, that leaves no agent behind."""

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

needed = pytest.mark.skipif(not (shutil.which("pass") and shutil.which("gpg")), reason="needs pass, of Debian's package of this name")


def quietly(words: list[str], input: bytes = b"") -> None:
    subprocess.run(words, input=input, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def lock() -> None:
    """Let gpg forget every passphrase."""
    subprocess.run(["gpgconf", "--kill", "all"], check=False)


@contextmanager
def password_store(folder: Path, patch: pytest.MonkeyPatch, *, passphrase: str = "") -> Iterator[Path]:
    """An empty store below *folder*, which this process's pass uses. With a *passphrase* nothing in it can be read unattended."""
    home = tempfile.mkdtemp(prefix="cs-gpg-")  # sockets need a short name
    store = folder / "store"
    patch.setenv("GNUPGHOME", home)
    patch.setenv("PASSWORD_STORE_DIR", str(store))
    patch.delenv("PASSWORD_STORE_KEY", raising=False)
    patch.delenv("DISPLAY", raising=False)
    try:
        quiet = ["gpg", "--batch", "--pinentry-mode", "loopback", "--passphrase", passphrase]
        quietly([*quiet, "--quick-gen-key", "test@example.org", "future-default", "default", "never"])
        quietly(["pass", "init", "test@example.org"])
        lock()
        yield store
    finally:
        lock()
        shutil.rmtree(home, ignore_errors=True)
