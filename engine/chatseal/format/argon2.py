"""Argon2: what a password slot says of its derivation, within limits that hold before a byte is allocated (docs/format.md, section 2)."""

import re
from dataclasses import dataclass
from typing import Self

SALT_LEN = 16
MEMORY_MIN, MEMORY_MAX = 19 << 10, 1 << 20  # KiB
PASSES_MAX = LANES_MAX = 8
WORK_MAX = 4 << 20  # KiB of memory times passes, of all slots of a header together: some seconds
SLOTS_MAX = 4

_ARGUMENTS = re.compile(r"argon2id m=([1-9][0-9]{4,6}) t=([1-8]) p=([1-8]) ([A-Za-z0-9+/]{22})")


@dataclass(frozen=True, slots=True)
class Argon2Cost:
    """What one derivation costs: KiB of memory, passes over it, lanes. One lane: the library computes lanes one after another."""

    memory: int = 256 << 10
    passes: int = 4
    lanes: int = 1

    def __post_init__(self) -> None:
        """Raises ValueError for what the format does not allow."""
        if not (MEMORY_MIN <= self.memory <= MEMORY_MAX and 1 <= self.passes <= PASSES_MAX and 1 <= self.lanes <= LANES_MAX):
            raise ValueError("Argon2id takes 19 MiB to 1 GiB, 1 to 8 passes and 1 to 8 lanes")
        if self.work > WORK_MAX:
            raise ValueError("memory times passes is at most 4 GiB")

    @property
    def work(self) -> int:
        """KiB of memory times passes."""
        return self.memory * self.passes

    def arguments(self, salt: str) -> tuple[str, ...]:
        """The arguments of a slot; *salt* in base64."""
        return ("argon2id", f"m={self.memory}", f"t={self.passes}", f"p={self.lanes}", salt)

    @classmethod
    def parse(cls, arguments: tuple[str, ...]) -> tuple[Self, str]:
        """The cost and the salt (base64) that a slot's arguments say. Raises ValueError."""
        found = _ARGUMENTS.fullmatch(" ".join(arguments))
        if not found:
            raise ValueError("not the arguments of a password slot")
        memory, passes, lanes, salt = found.groups()
        return cls(int(memory), int(passes), int(lanes)), salt
