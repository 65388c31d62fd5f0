"""Slots: how a file key is wrapped for each holder and found again (docs/format.md, section 2)."""

from collections.abc import Iterable, Iterator, Sequence

from cryptography.cobblestone import Cobblestone256Decryptor, Cobblestone256Encryptor
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from chatseal.errors import WrongKeyError
from chatseal.format.header import SLOTS_MAX, Header, Slot
from chatseal.format.labels import SLOT_KEY, hpke_info
from chatseal.keys.backup_key import BackupKey
from chatseal.keys.key_pair import SUITE, PrivateKey, PublicKey
from chatseal.keys.secret import Secret

Holder = BackupKey | PublicKey  # who can be sealed for
Opener = BackupKey | PrivateKey  # who can open


def holders_of(key: Holder | Sequence[Holder]) -> tuple[Holder, ...]:
    """The holders in a `key` argument: one, or 1 to 32 of them. Raises TypeError or ValueError."""
    holders = (key,) if isinstance(key, (BackupKey, PublicKey)) else tuple(key)
    if not 1 <= len(holders) <= SLOTS_MAX:
        raise ValueError(f"a file has 1 to {SLOTS_MAX} holders")
    for holder in holders:
        if not isinstance(holder, (BackupKey, PublicKey)):
            raise TypeError(f"a file is sealed for a BackupKey or a PublicKey, not for {type(holder).__name__}")
    return holders


def openers_of(key: Opener | Sequence[Opener]) -> tuple[Opener, ...]:
    """The keys in a `key` argument: one or several. Raises TypeError."""
    openers = (key,) if isinstance(key, (BackupKey, PrivateKey)) else tuple(key)
    for opener in openers:
        if not isinstance(opener, (BackupKey, PrivateKey)):
            raise TypeError(f"a file is opened with a BackupKey or a PrivateKey, not with {type(opener).__name__}")
    return openers


def wrap(file_key: Secret, holders: Iterable[Holder], kind: str) -> tuple[Slot, ...]:
    """One slot for each holder."""
    return tuple(_wrap_hpke(file_key, holder, kind) if isinstance(holder, PublicKey) else _wrap_key(file_key, holder) for holder in holders)


def find_file_key(header: Header, openers: Sequence[Opener], kind: str) -> Secret:
    """The file key, from the first slot that opens: backup keys before private keys. Raises WrongKeyError."""
    for opener in sorted(openers, key=lambda opener: isinstance(opener, PrivateKey)):
        for slot in header.slots:
            if isinstance(opener, PrivateKey):
                found = _unwrap_hpke(slot, opener, kind) if slot.type == "hpke" else None
            else:
                found = _unwrap_key(slot, opener) if slot.type == "key" else None
            if found is not None:
                return found
    raise WrongKeyError(_why_none_opened(header, openers))


def _why_none_opened(header: Header, openers: Sequence[Opener]) -> str:
    offered = {"hpke" if isinstance(opener, PrivateKey) else "key" for opener in openers}
    there = {slot.type for slot in header.slots}
    if offered & there:
        return "wrong key: it opens none of the file's slots"
    words = {"key": "backup key", "hpke": "private key"}
    return f"wrong kind of key: the file opens with a {' or '.join(words.get(slot, slot) for slot in sorted(there))}"


def unwrap_key_slots(header: Header, secret: memoryview) -> Iterator[Secret]:
    """The file key of each slot that *secret*, the 32 bytes of a backup key, opens. Nothing is authenticated yet."""
    kek = _kek(secret)
    for slot in header.slots:
        if slot.type == "key" and (found := _unwrap_by_kek(slot, kek)) is not None:
            yield found


def _kek(secret: memoryview) -> Secret:
    kek = Secret.zeros(32)
    HKDF(hashes.SHA512(), 32, None, SLOT_KEY).derive_into(secret, kek.view)
    return kek


def _wrap_key(file_key: Secret, key: BackupKey) -> Slot:
    message = Cobblestone256Encryptor(_kek(key.secret).view, SLOT_KEY)
    return Slot("key", (), message.update(file_key.view) + message.finalize())


def _unwrap_key(slot: Slot, key: BackupKey) -> Secret | None:
    return _unwrap_by_kek(slot, _kek(key.secret))


def _unwrap_by_kek(slot: Slot, kek: Secret) -> Secret | None:
    message = Cobblestone256Decryptor(kek.view, SLOT_KEY)
    try:
        return Secret(message.update(slot.body) + message.finalize())
    except InvalidTag:
        return None


def _wrap_hpke(file_key: Secret, key: PublicKey, kind: str) -> Slot:
    return Slot("hpke", (), SUITE.encrypt(file_key.view, key.hpke, hpke_info(kind)))


def _unwrap_hpke(slot: Slot, key: PrivateKey, kind: str) -> Secret | None:
    try:
        opened = SUITE.decrypt(slot.body, key.hpke, hpke_info(kind))
    except (InvalidTag, ValueError):
        return None
    return Secret(opened) if len(opened) == 32 else None
