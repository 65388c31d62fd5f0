"""Every label that separates one use of a key from another (docs/format.md, section 1)."""

from collections.abc import Iterable

VERSION = "chatseal/v1"
SEALED = "sealed"
CONFIG = "config"
PACK, MAP, PENDING, SNAPSHOT = "pack", "map", "pending", "snapshot"
CONDEMNED, FORGET, MOVE = "condemned", "forget", "move"

SLOT_KEY = b"chatseal/v1 slot key"
SLOT_HPKE = b"chatseal/v1 slot hpke"
SLOT_PASSWORD = b"chatseal/v1 slot password"
SLOT_VAULT = b"chatseal/v1 slot vault"
SLOT_EPOCH = b"chatseal/v1 slot epoch"
OBJECT_NAMES = b"chatseal/v1 names"
HEADER_MAC = b"chatseal/v1 header"
SIGNATURE = b"chatseal/v1 signature"
COBBLESTONE = b"c2sp.org/chunked-encryption@v1+AEAD_AES_256_GCM\0"


def object_kind(word: str, store_id: str, name: str) -> str:
    """The kind of an object of a store: bound to the store and to the object's own name (docs/format.md, section 10)."""
    return f"{word}\0{store_id}\0{name}"


def word_of(kind: str) -> str:
    """The kind's word, which stands in the version line, without what it is bound to."""
    return kind.partition("\0")[0]


def payload_context(kind: str) -> bytes:
    """Cobblestone context of a payload of *kind*."""
    return f"{VERSION}\0{kind}".encode()


def hpke_info(kind: str) -> bytes:
    """HPKE info of a public-key slot of a file of *kind*."""
    return SLOT_HPKE + b"\0" + kind.encode()


def slot_context(type_: str, arguments: Iterable[str]) -> bytes:
    """Cobblestone context of the body of a symmetric slot: its type and its arguments as written."""
    return " ".join((f"{VERSION} slot {type_}", *arguments)).encode()


def signature_prefix(kind: str) -> bytes:
    """What stands before the frames' digests when they are hashed, and before the digest of the stream when it is signed."""
    return SIGNATURE + b"\0" + kind.encode() + b"\0"
