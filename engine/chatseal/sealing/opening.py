"""Opening: from the first byte of a sealed file to the key of its payload, in the order that docs/format.md, section 5 demands."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from chatseal.errors import DamagedError, IntegrityError, TruncatedError
from chatseal.format import header as headers
from chatseal.format.header import Header
from chatseal.format.labels import SEALED
from chatseal.format.payload import PREFIX_LEN, PayloadKey, open_prefix
from chatseal.keys.secret import Secret
from chatseal.keys.slots import Opener, find_file_key
from chatseal.sealing.faults import length_error
from chatseal.sealing.source import Source

Take = Callable[[int], bytes]  # the next n bytes of the file; fewer only at its end


@dataclass(frozen=True, slots=True)
class RawHeader:
    """A header whose grammar and checksum are right, and the 56 bytes after it. Nothing is authenticated yet."""

    header: Header
    raw: bytes
    prefix: bytes

    @property
    def records_at(self) -> int:
        """Byte of the file where record 0 begins."""
        return len(self.raw) + PREFIX_LEN


def taker(source: Source) -> Take:
    """Reads *source* from its beginning, piece by piece."""
    at = 0

    def take(n: int) -> bytes:
        nonlocal at
        if source.positioned is not None:
            data = source.read_at(at, n)
        else:
            buffer = bytearray(n)
            data = bytes(buffer[: source.read_into(memoryview(buffer))])
        at += len(data)
        return data

    return take


def read_header(take: Take, name: str, kind: str = SEALED) -> RawHeader:
    """Steps 1 and 2. Raises NotSealedError, HeaderDamagedError, TruncatedError."""
    raw = b""
    length = None
    try:
        while length is None:
            block = take(headers.BLOCK)
            raw += block
            length = headers.find_end(raw, kind, at_end_of_source=len(block) < headers.BLOCK)
        header = headers.parse(raw[:length], kind)
    except IntegrityError as error:
        raise type(error)(f"{name}: {error}") from None
    return RawHeader(header, raw, take(PREFIX_LEN))


def check_prefix(found: RawHeader, name: str) -> None:
    """Raise TruncatedError if the source ended before its first record. The MAC covers that beginning, too."""
    if len(found.prefix) < PREFIX_LEN:
        raise TruncatedError(f"{name} is truncated: it ends after {len(found.raw) + len(found.prefix)} bytes, before its first record")


def open_header(found: RawHeader, openers: Sequence[Opener], name: str, payload_length: int | None) -> PayloadKey:
    """Steps 3 to 5. Raises WrongKeyError, HeaderAlteredError, TruncatedError, DamagedError."""
    return open_keys(found, openers, name, payload_length)[1]


def open_keys(found: RawHeader, openers: Sequence[Opener], name: str, payload_length: int | None) -> tuple[Secret, PayloadKey]:
    """The same, for whoever needs the file key too, to write another header."""
    kind = found.header.kind
    file_key = find_file_key(found.header, openers, kind)
    check_prefix(found, name)
    found.header.authenticate(file_key.view, found.raw, found.prefix)
    try:
        return file_key, open_prefix(file_key.view, found.prefix, kind)
    except DamagedError:
        damaged = DamagedError(f"{name} is damaged between bytes {len(found.raw)} and {found.records_at}")
        raise length_error(name, found.header.size, payload_length) or damaged from None
