"""Slots: how a file key is wrapped for each holder and found again (docs/format.md, section 2)."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from cryptography.cobblestone import Cobblestone256Decryptor, Cobblestone256Encryptor
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from chatseal.errors import WrongKeyError
from chatseal.format.header import SLOTS_MAX, Header, Slot, check_passwords
from chatseal.format.labels import SLOT_KEY, SLOT_VAULT, hpke_info, slot_context
from chatseal.keys.backup_key import BackupKey
from chatseal.keys.epoch_key import EpochKey
from chatseal.keys.key_pair import SUITE, PrivateKey, PublicKey
from chatseal.keys.password import Password
from chatseal.keys.secret import Secret
from chatseal.keys.vault_key import VaultKey

Holder = BackupKey | PublicKey | Password | VaultKey | EpochKey  # who can be sealed for; an epoch key for the objects of its store
Opener = BackupKey | PrivateKey | Password | EpochKey  # what opens
_HOLDERS = (BackupKey, PublicKey, Password, VaultKey, EpochKey)
_OPENERS = (EpochKey, BackupKey, PrivateKey, Password)  # in the order in which they are tried: what costs most comes last
_OPENED_BY = {"epoch": EpochKey, "key": BackupKey, "vault": BackupKey, "hpke": PrivateKey, "password": Password}
_WORDS = {"key": "backup key", "vault": "backup key", "hpke": "private key"}
_SECRET_SLOTS = {"key": SLOT_KEY, "vault": SLOT_VAULT}  # those that the 32 bytes of a backup key open, each with its label


@dataclass(frozen=True, slots=True, repr=False)
class FileKeySlots:
    """A file key and the slots that wrap it, to seal with once more: for holders whose keys nobody has at hand."""

    file_key: Secret
    slots: tuple[Slot, ...]


def holders_of(key: Holder | Sequence[Holder]) -> tuple[Holder, ...]:
    """The holders in a `key` argument: one, or 1 to 32 of them. Raises TypeError or ValueError."""
    holders = (key,) if isinstance(key, _HOLDERS) else tuple(key)
    if not 1 <= len(holders) <= SLOTS_MAX:
        raise ValueError(f"a file has 1 to {SLOTS_MAX} holders")
    for holder in holders:
        if not isinstance(holder, _HOLDERS):
            raise TypeError(f"a file is sealed for a BackupKey, a PublicKey or a Password, not for {type(holder).__name__}")
    check_passwords(Slot("password", holder.arguments, b"") for holder in holders if isinstance(holder, Password))
    return holders


def openers_of(key: Opener | Sequence[Opener]) -> tuple[Opener, ...]:
    """The keys in a `key` argument: one or several. Raises TypeError."""
    openers = (key,) if isinstance(key, _OPENERS) else tuple(key)
    for opener in openers:
        if not isinstance(opener, _OPENERS):
            raise TypeError(f"a file is opened with a BackupKey, a PrivateKey or a Password, not with {type(opener).__name__}")
    return openers


def wrap(file_key: Secret, holders: Iterable[Holder], kind: str) -> tuple[Slot, ...]:
    """One slot for each holder."""
    return tuple(_wrap(file_key, holder, kind) for holder in holders)


def wrap_again(file_key: Secret, slot: Slot, opener: Opener) -> Slot:
    """A slot of the same holder, type and arguments for another file key. *opener* opens *slot*, and is of no key pair."""
    if isinstance(opener, PrivateKey):
        raise TypeError("a slot of a key pair is made with its public key")
    if isinstance(opener, BackupKey):
        return _wrap_message(slot.type, slot.arguments, file_key, _kek(opener.secret, _SECRET_SLOTS[slot.type]))
    return _wrap_message(slot.type, slot.arguments, file_key, opener.kek(slot.arguments) if isinstance(opener, Password) else opener.kek())


def find_file_key(header: Header, openers: Sequence[Opener], kind: str) -> Secret:
    """The file key, from the first slot that opens: backup keys before private keys, passwords last. Raises WrongKeyError."""
    for opener in sorted(openers, key=lambda opener: _OPENERS.index(type(opener))):
        for slot in header.slots:
            if (found := unwrap(slot, opener, kind)) is not None:
                return found
    raise WrongKeyError(_why_none_opened(header, openers))


def _why_none_opened(header: Header, openers: Sequence[Opener]) -> str:
    if any(isinstance(opener, _OPENED_BY.get(slot.type, ())) for opener in openers for slot in header.slots):
        return "wrong key: it opens none of the file's slots"
    there = dict.fromkeys(_WORDS.get(type_, type_) for type_ in sorted({slot.type for slot in header.slots}))
    return f"wrong kind of key: the file opens with a {' or '.join(there)}"


def unwrap_key_slots(header: Header, secret: memoryview) -> Iterator[Secret]:
    """The file key of each slot that *secret*, the 32 bytes of a backup key, opens. Nothing is authenticated yet."""
    for type_, label in _SECRET_SLOTS.items():
        if not (slots := [slot for slot in header.slots if slot.type == type_]):
            continue
        kek = _kek(secret, label)
        for slot in slots:
            if (found := _unwrap_message(slot, kek)) is not None:
                yield found


def has_key_slots(header: Header) -> bool:
    """Whether there is a slot that a backup key can open."""
    return any(slot.type in _SECRET_SLOTS for slot in header.slots)


def unwrap(slot: Slot, opener: Opener, kind: str) -> Secret | None:
    """The file key in *slot*, None if it is not for *opener*."""
    if not isinstance(opener, _OPENED_BY.get(slot.type, ())):
        return None
    if isinstance(opener, PrivateKey):
        return _unwrap_hpke(slot, opener, kind)
    if isinstance(opener, Password):
        return _unwrap_message(slot, opener.kek(slot.arguments))
    if isinstance(opener, EpochKey):
        return _unwrap_message(slot, opener.kek()) if slot.arguments == opener.arguments else None
    return _unwrap_message(slot, _kek(opener.secret, _SECRET_SLOTS[slot.type]))


def _wrap(file_key: Secret, holder: Holder, kind: str) -> Slot:
    if isinstance(holder, PublicKey):
        return Slot("hpke", (), SUITE.encrypt(file_key.view, holder.hpke, hpke_info(kind)))
    if isinstance(holder, Password):
        return _wrap_message("password", holder.arguments, file_key, holder.kek(holder.arguments))
    if isinstance(holder, EpochKey):
        return _wrap_message("epoch", holder.arguments, file_key, holder.kek())
    if isinstance(holder, VaultKey):
        return _wrap_message("vault", holder.place.arguments(), file_key, _kek(holder.key.secret, SLOT_VAULT))
    return _wrap_message("key", (), file_key, _kek(holder.secret, SLOT_KEY))


def _kek(secret: memoryview, label: bytes) -> Secret:
    kek = Secret.zeros(32)
    HKDF(hashes.SHA512(), 32, None, label).derive_into(secret, kek.view)
    return kek


def _wrap_message(type_: str, arguments: tuple[str, ...], file_key: Secret, kek: Secret) -> Slot:
    message = Cobblestone256Encryptor(kek.view, slot_context(type_, arguments))
    return Slot(type_, arguments, message.update(file_key.view) + message.finalize())


def _unwrap_message(slot: Slot, kek: Secret) -> Secret | None:
    message = Cobblestone256Decryptor(kek.view, slot_context(slot.type, slot.arguments))
    try:
        return Secret(message.update(slot.body) + message.finalize())
    except InvalidTag:
        return None


def _unwrap_hpke(slot: Slot, key: PrivateKey, kind: str) -> Secret | None:
    try:
        opened = SUITE.decrypt(slot.body, key.hpke, hpke_info(kind))
    except (InvalidTag, ValueError):
        return None
    return Secret(opened) if len(opened) == 32 else None
