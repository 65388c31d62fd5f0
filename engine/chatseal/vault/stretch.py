"""Stretch: what each guess costs whoever guesses, the service's own operator included: Argon2id before OPAQUE."""

import hashlib
from typing import Annotated

import msgspec

from chatseal.errors import VaultMessageError
from chatseal.keys import password
from chatseal.keys.password import Password
from chatseal.keys.secret import Secret
from chatseal.vault.labels import STRETCH

SALT_LEN = 16
MEMORY_MIN, MEMORY_MAX = 19 << 10, 512 << 10  # KiB; the most that a browser on a telephone may be asked for
PASSES_MAX, LANES_MAX = 8, 4
WORK_MAX = 2 << 20  # KiB of memory times passes: some seconds
REGISTERED_MEMORY_MIN, REGISTERED_WORK_MIN = 64 << 10, 192 << 10  # RFC 9106's second choice: 64 MiB, 3 passes


class Stretch(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What stretching costs: KiB of memory, passes over it, lanes. It stands with the record, and travels before a login.

    The limits hold for whatever a service says, before a byte is allocated."""

    memory: Annotated[int, msgspec.Meta(ge=MEMORY_MIN, le=MEMORY_MAX)] = 128 << 10
    passes: Annotated[int, msgspec.Meta(ge=1, le=PASSES_MAX)] = 3
    lanes: Annotated[int, msgspec.Meta(ge=1, le=LANES_MAX)] = 1

    def __post_init__(self) -> None:
        """Raises ValueError beyond the limits."""
        if not (MEMORY_MIN <= self.memory <= MEMORY_MAX and 1 <= self.passes <= PASSES_MAX and 1 <= self.lanes <= LANES_MAX):
            raise ValueError("a vault's Argon2id takes 19 to 512 MiB, 1 to 8 passes and 1 to 4 lanes")
        if self.memory * self.passes > WORK_MAX:
            raise ValueError("memory times passes is at most 2 GiB")

    def check_registration(self) -> None:
        """Raise VaultMessageError where a new registration would be cheaper to guess than it has to be. Both sides ask."""
        if self.memory < REGISTERED_MEMORY_MIN or self.memory * self.passes < REGISTERED_WORK_MIN:
            raise VaultMessageError("a registration's Argon2id takes 64 MiB at least, and memory times passes 192 MiB")


def stretched(typed: Password, record_id: bytes, cost: Stretch) -> Secret:
    """The 32 bytes that OPAQUE takes for the password of the record: other ones for each record. Half a second with the default cost,
    in which other threads run. The password's own cost, which is for files, has no part in it."""
    salt = hashlib.sha256(STRETCH + b"\0" + record_id).digest()[:SALT_LEN]
    return password.stretch(typed, salt, memory=cost.memory, passes=cost.passes, lanes=cost.lanes)
