"""Accounts: who may ask in whose name. Static tokens for a household in a file; another kind behind the same interface."""

import hashlib
import hmac
import os
import re
import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from chatseal.errors import TargetExistsError, VaultAccountError
from chatseal.keys import key_file
from chatseal.part_file import write_whole
from chatseal.vault import labels

if os.name == "posix":
    import fcntl

TOKEN_PREFIX = "cvt-"  # so that scanners for secrets that were published find it
TOKEN_BYTES = 32
BEARER_MAX = 4096  # of an Authorization header
ACCOUNTS_MAX = 400  # what fits into a file of 64 KiB, whatever the names are

_FIRST = "chatseal-vault-accounts 1"
_COMMENT = """\
# chatseal vault accounts: a name and the SHA-256 of its token on each line. Made and changed by `chatseal-vault accounts`.
"""
_NAME = re.compile(r"[!-~]{1,128}")
_DIGEST = re.compile(r"[0-9a-f]{64}")
_NOBODYS = "0" * 64  # no token that anybody has


class Accounts(Protocol):
    """Says who may ask in whose name. Any thread may call any method."""

    def is_shown(self, account: str, bearer: str) -> bool:
        """Whether *bearer*, what followed `Bearer ` in the header and empty if there was none, shows that *account* asks.

        Takes no longer and no shorter for a name that is known. Raises OSError or VaultBusyError if it cannot be told now."""

    def names(self) -> tuple[str, ...]:
        """The names that are known beforehand, for notices; empty where others keep them."""


class HouseholdAccounts:
    """Names and hashed tokens in a file that only its owner can read. A change of the file is seen with the next request.

    Tokens are 32 random bytes, so one SHA-256 is enough: there is nothing to guess."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        """The accounts in a file. Raises VaultAccountError, KeyExposedError or OSError."""
        self._path = Path(path)
        self._lock = threading.Lock()
        self._seen: tuple[int, ...] = ()
        self._digests: dict[str, str] = {}
        self._load()

    @classmethod
    def create(cls, path: str | os.PathLike[str]) -> "HouseholdAccounts":
        """A new file without accounts. Raises TargetExistsError or OSError."""
        key_file.write_new(path, _encode({}), "a vault's list of accounts")
        return cls(path)

    def is_shown(self, account: str, bearer: str) -> bool:
        """Whether the token is the account's."""
        self._load()
        known = self._digests.get(account, _NOBODYS)
        return hmac.compare_digest(_digest(account, bearer), known)

    def names(self) -> tuple[str, ...]:
        """All names, in order."""
        self._load()
        return tuple(sorted(self._digests))

    def add(self, name: str, *, anew: bool = False) -> str:
        """Make an account, or with *anew* another token for one, and give the token, which is nowhere else.

        Raises TargetExistsError, VaultAccountError or OSError."""
        if not _NAME.fullmatch(name):
            raise VaultAccountError("an account's name is 1 to 128 printable ASCII characters without spaces")
        token = TOKEN_PREFIX + secrets.token_urlsafe(TOKEN_BYTES)
        with self._changing() as digests:
            if anew != (name in digests):
                if anew:
                    raise VaultAccountError("there is no account of that name")
                raise TargetExistsError("there is an account of that name already")
            if len(digests) >= ACCOUNTS_MAX and not anew:
                raise VaultAccountError(f"a household has {ACCOUNTS_MAX} accounts at most")
            digests[name] = _digest(name, token)
        return token

    def remove(self, name: str) -> None:
        """Let nobody ask in that name any more. Its record stays. Raises VaultAccountError or OSError."""
        with self._changing() as digests:
            if digests.pop(name, None) is None:
                raise VaultAccountError("there is no account of that name")

    def _load(self) -> None:
        now = _identity(os.stat(self._path))
        if now == self._seen:
            return
        with self._lock:
            self._digests = _decode(key_file.read_private(self._path), self._path)
            self._seen = now  # a change between the two is seen next time, for it has another identity again

    @contextmanager
    def _changing(self) -> Iterator[dict[str, str]]:
        """The digests as they are, which are written when the block ends, while no other process changes them."""
        folder = os.open(self._path.parent, os.O_RDONLY) if os.name == "posix" else -1
        try:
            if folder >= 0:
                fcntl.flock(folder, fcntl.LOCK_EX)
            digests = _decode(key_file.read_private(self._path), self._path)
            yield digests
            write_whole(self._path, _encode(digests), overwrite=True)
        finally:
            if folder >= 0:
                os.close(folder)
        self._load()

    def __repr__(self) -> str:
        return "HouseholdAccounts(...)"


def bearer(header: str | None) -> str:
    """The token in an Authorization header; empty where there is none."""
    kind, _, token = (header or "").partition(" ")
    return token.strip() if kind.lower() == "bearer" and len(token) <= BEARER_MAX else ""


def _digest(account: str, token: str) -> str:
    said = b"\0".join((labels.ACCOUNT_TOKEN, account.encode("utf-8", "replace"), token.encode("utf-8", "replace")))
    return hashlib.sha256(said).hexdigest()


def _encode(digests: dict[str, str]) -> bytes:
    lines = [f"{name} {digests[name]}" for name in sorted(digests)]
    return (_COMMENT + "\n".join([_FIRST, *lines, ""])).encode("ascii")


def _decode(data: bytes, path: Path) -> dict[str, str]:
    digests: dict[str, str] = {}
    lines = [line for line in data.decode("ascii", "replace").split("\n") if not line.startswith("# ")]
    damaged = VaultAccountError(f"{path} is not a vault's list of accounts, or is damaged")
    if len(lines) < 2 or lines[0] != _FIRST or lines[-1]:
        raise damaged
    for line in lines[1:-1]:
        name, _, digest = line.partition(" ")
        if not _NAME.fullmatch(name) or not _DIGEST.fullmatch(digest) or name in digests:
            raise damaged
        digests[name] = digest
    return digests


def _identity(about: os.stat_result) -> tuple[int, ...]:
    return about.st_dev, about.st_ino, about.st_mtime_ns, about.st_size
