"""chatseal: end-to-end encrypted backups of chat databases, at the speed of zstd. `__all__` is the promise."""

from chatseal._version import VERSION as __version__
from chatseal.errors import (
    AuthorError,
    ChatsealError,
    CodecError,
    DamagedError,
    HeaderAlteredError,
    HeaderDamagedError,
    IntegrityError,
    KeyFormatError,
    LimitError,
    NotSealedError,
    SourceChangedError,
    TargetExistsError,
    TrailingBytesError,
    TruncatedError,
    WrongKeyError,
)
from chatseal.events import FileReport, Progress, Summary
from chatseal.keys.backup_key import BackupKey
from chatseal.keys.key_pair import PrivateKey, PublicKey
from chatseal.keys.signing_key import SigningKey, VerifyingKey
from chatseal.sealing.file import open
from chatseal.sealing.many import seal_many, unseal_many
from chatseal.sealing.reader import SealedReader
from chatseal.sealing.seal import seal, seal_bytes, seal_chunks
from chatseal.sealing.unseal import unseal, unseal_bytes, unseal_chunks, verify
from chatseal.sealing.writer import SealedWriter

__all__ = [
    "AuthorError",
    "BackupKey",
    "ChatsealError",
    "CodecError",
    "DamagedError",
    "FileReport",
    "HeaderAlteredError",
    "HeaderDamagedError",
    "IntegrityError",
    "KeyFormatError",
    "LimitError",
    "NotSealedError",
    "PrivateKey",
    "Progress",
    "PublicKey",
    "SealedReader",
    "SealedWriter",
    "SigningKey",
    "SourceChangedError",
    "Summary",
    "TargetExistsError",
    "TrailingBytesError",
    "TruncatedError",
    "VerifyingKey",
    "WrongKeyError",
    "__version__",
    "open",
    "seal",
    "seal_bytes",
    "seal_chunks",
    "seal_many",
    "unseal",
    "unseal_bytes",
    "unseal_chunks",
    "unseal_many",
    "verify",
]
