"""Slot search: which slots of a header are somebody's, told by trying them against the file key that is known."""

import hmac
from collections.abc import Sequence

from chatseal.errors import WrongKeyError
from chatseal.format.header import Header, Slot
from chatseal.format.vault_place import VaultPlace
from chatseal.keys.secret import Secret
from chatseal.keys.slots import Holder, Opener, find_file_key, openers_of
from chatseal.keys.vault_key import VaultKey


def opens(opener: Opener, slot: Slot, file_key: Secret, kind: str) -> bool:
    """Whether *slot* gives *file_key* to *opener*. One that gives another is of no use, whoever wrote it."""
    try:
        found = find_file_key(Header(None, (slot,), kind), [opener], kind)
    except WrongKeyError:
        return False
    return hmac.compare_digest(found.view, file_key.view)


def slots_of(holder: Holder | Opener, slots: Sequence[Slot], file_key: Secret, kind: str) -> list[int]:
    """Which of *slots* (from 0 on) *holder* opens; none of a public key, which cannot be tried. Of a vault, those that say its record."""
    if isinstance(holder, VaultKey):
        opened = slots_of(holder.key, slots, file_key, kind)
        return [number for number in opened if _is_at(slots[number], holder.place)]
    return [number for number, slot in enumerate(slots) if any(opens(opener, slot, file_key, kind) for opener in as_openers(holder))]


def as_openers(holder: Holder | Opener) -> tuple[Opener, ...]:
    """The holder as a key that can be tried: none of a public key."""
    if isinstance(holder, VaultKey):
        return (holder.key,)
    try:
        return openers_of([holder])  # type: ignore[list-item]
    except TypeError:
        return ()


def _is_at(slot: Slot, place: VaultPlace) -> bool:
    """Whether *slot* leads to the record of *place*, of whatever generation."""
    if slot.type != "vault":
        return False
    said = VaultPlace.parse(slot.arguments)
    return (said.url, said.fingerprint, said.record_id) == (place.url, place.fingerprint, place.record_id)
