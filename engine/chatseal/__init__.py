"""chatseal: end-to-end encrypted backups of chat databases, at the speed of zstd. `__all__` is the promise."""

from typing import TYPE_CHECKING, Any

from chatseal._version import VERSION as __version__
from chatseal.copied import Copied
from chatseal.drilled import Drilled, DrilledDatabase
from chatseal.errors import (
    AuthorError,
    CaptureError,
    ChatsealError,
    CodecError,
    DamagedError,
    DroppedEpochError,
    HeaderAlteredError,
    HeaderDamagedError,
    HolderError,
    IntegrityError,
    KeyExposedError,
    KeyFormatError,
    KeySourceError,
    LimitError,
    NoStoreError,
    NotSealedError,
    ObjectChangedError,
    ObjectMissingError,
    PatternError,
    RestoringError,
    SourceBusyError,
    SourceChangedError,
    StoreAddressError,
    StoreChangedError,
    StoreExistsError,
    StoreFailedError,
    StoreRefusedError,
    TargetBusyError,
    TargetExistsError,
    TrailingBytesError,
    TruncatedError,
    UnprunableError,
    UnsafePathError,
    WrongKeyError,
)
from chatseal.events import (
    Backup,
    Checked,
    Difference,
    FileReport,
    HolderChange,
    Progress,
    Pruned,
    Restored,
    SlotReport,
    Summary,
    TableDifference,
)
from chatseal.format.argon2 import Argon2Cost
from chatseal.format.vault_place import VaultPlace
from chatseal.keys.backup_key import BackupKey
from chatseal.keys.key_pair import PrivateKey, PublicKey
from chatseal.keys.password import Password
from chatseal.keys.repair import Repair
from chatseal.keys.sheet.recovery_sheet import recovery_sheet
from chatseal.keys.signing_key import SigningKey, VerifyingKey
from chatseal.keys.vault_key import VaultKey
from chatseal.sealing.file import open
from chatseal.sealing.holders import add_holder, remove_holder, rotate_key, slots
from chatseal.sealing.many import seal_many, unseal_many
from chatseal.sealing.reader import SealedReader
from chatseal.sealing.repair import repair_key
from chatseal.sealing.seal import seal, seal_bytes, seal_chunks
from chatseal.sealing.unseal import unseal, unseal_bytes, unseal_chunks, verify
from chatseal.sealing.writer import SealedWriter

if TYPE_CHECKING:
    from chatseal.capture.entry import Entry
    from chatseal.capture.options import CaptureOptions
    from chatseal.capture.patterns import Patterns
    from chatseal.snapshots.backup import BackupOptions
    from chatseal.snapshots.copy import CopyOptions
    from chatseal.snapshots.restore import RestoreOptions
    from chatseal.snapshots.snapshot import Snapshot
    from chatseal.snapshots.store import Store

__all__ = [
    "Argon2Cost",
    "AuthorError",
    "Backup",
    "BackupKey",
    "BackupOptions",
    "CaptureError",
    "CaptureOptions",
    "ChatsealError",
    "Checked",
    "CodecError",
    "Copied",
    "CopyOptions",
    "DamagedError",
    "Difference",
    "Drilled",
    "DrilledDatabase",
    "DroppedEpochError",
    "Entry",
    "FileReport",
    "HeaderAlteredError",
    "HeaderDamagedError",
    "HolderChange",
    "HolderError",
    "IntegrityError",
    "KeyExposedError",
    "KeyFormatError",
    "KeySourceError",
    "LimitError",
    "NoStoreError",
    "NotSealedError",
    "ObjectChangedError",
    "ObjectMissingError",
    "Password",
    "PatternError",
    "Patterns",
    "PrivateKey",
    "Progress",
    "Pruned",
    "PublicKey",
    "Repair",
    "RestoreOptions",
    "Restored",
    "RestoringError",
    "SealedReader",
    "SealedWriter",
    "SigningKey",
    "SlotReport",
    "Snapshot",
    "SourceBusyError",
    "SourceChangedError",
    "Store",
    "StoreAddressError",
    "StoreChangedError",
    "StoreExistsError",
    "StoreFailedError",
    "StoreRefusedError",
    "Summary",
    "TableDifference",
    "TargetBusyError",
    "TargetExistsError",
    "TrailingBytesError",
    "TruncatedError",
    "UnprunableError",
    "UnsafePathError",
    "VaultKey",
    "VaultPlace",
    "VerifyingKey",
    "WrongKeyError",
    "__version__",
    "add_holder",
    "open",
    "recovery_sheet",
    "remove_holder",
    "repair_key",
    "rotate_key",
    "seal",
    "seal_bytes",
    "seal_chunks",
    "seal_many",
    "slots",
    "unseal",
    "unseal_bytes",
    "unseal_chunks",
    "unseal_many",
    "verify",
]

_LATER = {  # stores need NumPy, which costs as much as all the rest
    "BackupOptions": "chatseal.snapshots.backup",
    "CaptureOptions": "chatseal.capture.options",
    "CopyOptions": "chatseal.snapshots.copy",
    "Entry": "chatseal.capture.entry",
    "Patterns": "chatseal.capture.patterns",
    "RestoreOptions": "chatseal.snapshots.restore",
    "Snapshot": "chatseal.snapshots.snapshot",
    "Store": "chatseal.snapshots.store",
}


def __getattr__(name: str) -> Any:
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    found = globals()[name] = getattr(import_module(_LATER[name]), name)
    return found
