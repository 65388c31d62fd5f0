"""Vault place: what a vault slot says of where its key can be had again, within limits (docs/format.md, section 2)."""

import re
from dataclasses import dataclass
from typing import Self

from chatseal.format.base64 import decode64, encode64

URL_MIN, URL_MAX = 9, 200  # characters
FINGERPRINT_LEN, RECORD_ID_LEN = 32, 16
GENERATION_MAX = 2**53 - 1  # what a browser's numbers hold

_URL = re.compile(r"https?://[!-~]+(?![\s\S])")
_GENERATION = re.compile(r"[1-9][0-9]{0,15}(?![\s\S])")


@dataclass(frozen=True, slots=True)
class VaultPlace:
    """A record of a vault: the vault's URL, its fingerprint (32 bytes), the record's id (16) and the generation that it had.

    Anybody can have written it: it says where to look, and is no reason to trust what is there."""

    url: str
    fingerprint: bytes
    record_id: bytes
    generation: int

    def __post_init__(self) -> None:
        """Raises ValueError beyond the limits."""
        if not (URL_MIN <= len(self.url) <= URL_MAX and _URL.match(self.url)):
            raise ValueError(f"a vault's URL is http:// or https:// and printable ASCII, {URL_MAX} characters at most")
        if (len(self.fingerprint), len(self.record_id)) != (FINGERPRINT_LEN, RECORD_ID_LEN):
            raise ValueError("a fingerprint is 32 bytes and a record id 16")
        if not 1 <= self.generation <= GENERATION_MAX:
            raise ValueError("a generation is 1 to 2^53 - 1")

    def arguments(self) -> tuple[str, ...]:
        """The arguments of a slot."""
        return (encode64(self.url.encode("ascii")), encode64(self.fingerprint), encode64(self.record_id), str(self.generation))

    @classmethod
    def parse(cls, arguments: tuple[str, ...]) -> Self:
        """The place that a slot's arguments say. Raises ValueError."""
        if len(arguments) != 4 or not _GENERATION.match(arguments[3]):
            raise ValueError("not the arguments of a vault slot")
        url, fingerprint, record_id = (decode64(argument.encode()) for argument in arguments[:3])
        return cls(url.decode("ascii"), fingerprint, record_id, int(arguments[3]))
