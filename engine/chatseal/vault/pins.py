"""Pins: what a device remembers of a vault, so that nobody can put another one, or an old state of it, in its place unnoticed."""

import hashlib
import stat
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta

from chatseal import part_file
from chatseal.errors import DamagedError, VaultChangedError
from chatseal.format import strict_json
from chatseal.vault.identity import ServiceKey
from chatseal.vault.messages import Count, Hash, PublicKey, RecordId, StatusAnswer

FILE_MAX = 65536
ACCOUNTS_MAX = 128

AccountName = Annotated[str, Meta(min_length=1, max_length=128)]


class Sight(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What was seen last of an account: the record, None if it had none; the generation; the end of the audit chain."""

    record_id: RecordId | None
    generation: Count
    index: Count
    digest: Hash

    def __repr__(self) -> str:
        return f"Sight(generation={self.generation}, index={self.index})"


class Pin(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A vault as this device knows it: its URL, its signing key, and what was seen of accounts, by their names."""

    url: str
    key: PublicKey
    accounts: dict[AccountName, Sight]

    @property
    def service(self) -> ServiceKey:
        """The key that signs its answers."""
        return ServiceKey(self.key)


def sight_of(status: StatusAnswer) -> Sight:
    """What is remembered of a status."""
    record = status.record.record_id if status.record else None
    return Sight(record_id=record, generation=status.generation, index=status.head.index, digest=status.head.digest)


def check(seen: Sight, status: StatusAnswer, url: str) -> None:
    """Raise VaultChangedError if a status that was asked for after *seen* cannot be what became of it.

    A vault only adds: its generations and its audit chain grow, and a record leaves a tombstone."""
    if status.generation < seen.generation:
        raise changed(url, f"it says generation {status.generation}, and {seen.generation} has been there before")
    if seen.record_id is not None and status.record is None and status.tombstone is None:
        raise changed(url, "it says that there is no record, and there was one")
    check_head(seen, status.head.index, status.head.digest, url)


def check_head(seen: Sight, index: int, digest: bytes, url: str) -> None:
    """Raise VaultChangedError if the audit chain that ends there does not go on from where *seen* saw its end."""
    if index < seen.index:
        raise changed(url, f"its audit chain ends at {index}, and was at {seen.index} before")
    if index == seen.index and digest != seen.digest:
        raise changed(url, f"its audit chain has another event {index} than before")


def newer(one: Sight, other: Sight) -> Sight:
    """What to remember of two looks, in whatever order they were written down."""
    record, chain = max(one, other, key=lambda sight: sight.generation), max(one, other, key=lambda sight: sight.index)
    return Sight(record_id=record.record_id, generation=record.generation, index=chain.index, digest=chain.digest)


def changed(url: str, what: str) -> VaultChangedError:
    """The error for a vault that is not what it was."""
    return VaultChangedError(f"{url}: the vault was put back to an older state, or is another one: {what}")


class Pins:
    """The vaults that a device knows, one file each in a folder for this user alone. Any process may read and write it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def path(self, url: str) -> Path:
        """The file of the vault at *url*, whether it is there or not."""
        return self.folder / f"{hashlib.sha256(url.encode('ascii')).hexdigest()[:32]}.json"

    def read(self, url: str) -> Pin | None:
        """What is known of the vault at *url*, in its canonical spelling.

        A file that makes no sense is an error: taking it for none would switch the guard off. Raises VaultChangedError or OSError."""
        return self._read(self.path(url))

    def all(self) -> list[Pin]:
        """Every vault that is known. Raises as `read`."""
        try:
            files = sorted(file for file in self.folder.iterdir() if file.suffix == ".json" and not part_file.is_part(file))
        except FileNotFoundError:
            return []
        return [pin for file in files if (pin := self._read(file)) is not None]

    def trust(self, url: str, key: ServiceKey) -> None:
        """Remember that the vault at *url* has this signing key. Raises VaultChangedError if it had another, or OSError."""
        pin = self.read(url)
        if pin is None:
            self._write(Pin(url=url, key=bytes(key), accounts={}))
        elif pin.service != key:
            raise self._other_key(url)

    def see(self, url: str, account: str, sight: Sight) -> None:
        """Remember what was seen of an account at a vault that is trusted. Raises VaultChangedError or OSError."""
        pin = self.read(url)
        if pin is None:
            return
        before = pin.accounts.get(account)
        now = sight if before is None else newer(before, sight)
        if now != before:
            others = {name: seen for name, seen in pin.accounts.items() if name != account}
            if len(others) >= ACCOUNTS_MAX:
                others.pop(next(iter(others)))
            self._write(Pin(url=url, key=pin.key, accounts={**others, account: now}))

    def sight(self, url: str, account: str) -> Sight | None:
        """What was seen of an account. Raises as `read`."""
        pin = self.read(url)
        return pin.accounts.get(account) if pin else None

    def _read(self, path: Path) -> Pin | None:
        try:
            with open(path, "rb") as file:
                data = file.read(FILE_MAX + 1)
        except FileNotFoundError:
            return None
        try:
            if len(data) > FILE_MAX:
                raise ValueError
            strict_json.parse(data)
            pin = msgspec.json.decode(data, type=Pin)
            if path != self.path(pin.url):
                raise ValueError
        except (msgspec.MsgspecError, DamagedError, ValueError, RecursionError):
            raise VaultChangedError(f"{path}: what this device remembers of a vault cannot be read").with_remedy(
                "Compare the vault's fingerprint with your recovery sheet, remove the file, and try again."
            ) from None
        return pin

    def _write(self, pin: Pin) -> None:
        part_file.make_folder(self.folder)
        part_file.write_whole(self.path(pin.url), msgspec.json.encode(pin) + b"\n", mode=stat.S_IRUSR | stat.S_IWUSR, overwrite=True)

    def _other_key(self, url: str) -> VaultChangedError:
        return VaultChangedError(f"{url}: the vault has another signing key than this device knows").with_remedy(
            f"Do not type the password. If its operator says why, and the fingerprint is right, remove {self.path(url)} and try again."
        )
