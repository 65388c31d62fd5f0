"""Header: lines of text that say what a file is and who may open it (docs/format.md, section 2)."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from cryptography.hazmat.primitives import hashes, hmac
from cryptography.hazmat.primitives.constant_time import bytes_eq
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

from chatseal.errors import HeaderAlteredError, HeaderDamagedError, NotSealedError, TruncatedError
from chatseal.format import argon2
from chatseal.format.base64 import decode64, encode64
from chatseal.format.labels import CONFIG, HEADER_MAC, SEALED, VERSION, word_of
from chatseal.format.vault_place import VaultPlace

BLOCK = 4096
HEADER_MAX = 65536
SLOTS_MAX = 32
LINE_MAX = 4096
SIZE_MIN, SIZE_MAX = 72, 2**63 - 1
BODY_LEN = {  # of the slots of each kind; a store's config knows no public keys: its provider could put its own config there
    SEALED: {"key": 104, "hpke": 1168, "password": 104, "vault": 104},
    CONFIG: {"key": 104, "password": 104, "vault": 104},
}
_BODY_LEN_IN_STORES = {"epoch": 104}
_EPOCH = re.compile(r"[1-9][0-9]{0,8}")

_SIZE = re.compile(rb"size ([1-9][0-9]{1,18})")
_SLOT = re.compile(rb"slot ([a-z]{1,16})((?: [!-~]+)+)")
_PAD = re.compile(rb"pad \.*")
_END = re.compile(rb"end ([A-Za-z0-9+/]{11}) ([A-Za-z0-9+/]{43})")
_LAST_LINES = re.compile(rb"\n" + _END.pattern + rb"\n")
_END_LEN = len("end ") + 11 + len(" ") + 43 + len("\n")
_TEXT = re.compile(rb"[\n -~]*")


def _magic(kind: str) -> bytes:
    return f"{VERSION} {word_of(kind)}\n".encode()


@dataclass(frozen=True, slots=True)
class Slot:
    """One holder's way to the file key. A slot of an unknown type keeps its words and has no body."""

    type: str
    arguments: tuple[str, ...]
    body: bytes

    def line(self) -> str:
        """As it stands in a header. A slot of an unknown type gives the words it had."""
        return " ".join(("slot", self.type, *self.arguments, *([encode64(self.body)] if self.body else [])))


@dataclass(frozen=True, slots=True)
class Header:
    """A parsed header, or one to be written. `size` is the payload's length, None if its writer could not know it."""

    size: int | None
    slots: tuple[Slot, ...]
    kind: str = SEALED

    @property
    def length(self) -> int:
        """Bytes of the encoded header; the same with and without a size."""
        text = len(_magic(self.kind)) + len(f"size {SIZE_MAX}\n") + sum(len(slot.line()) + 1 for slot in self.slots)
        return -(-(text + len("pad \n") + _END_LEN) // BLOCK) * BLOCK

    def encode(self, file_key: bytes | bytearray | memoryview, prefix: bytes) -> bytes:
        """The header before a payload that begins with *prefix* (56 bytes)."""
        lines = [f"size {self.size}"] if self.size is not None else []
        lines += [slot.line() for slot in self.slots]
        text = _magic(self.kind) + "".join(line + "\n" for line in lines).encode("ascii")
        text += b"pad " + b"." * (self.length - len(text) - len("pad \n") - _END_LEN) + b"\n"
        text += f"end {encode64(_checksum(text))} ".encode()
        return text + encode64(_mac(file_key, text, prefix)).encode() + b"\n"

    def authenticate(self, file_key: bytes | bytearray | memoryview, raw: bytes, prefix: bytes) -> None:
        """Check the MAC of *raw*, the bytes this header was parsed from. Raises HeaderAlteredError."""
        found = decode64(raw[-44:-1])
        if not bytes_eq(found, _mac(file_key, raw[:-44], prefix)):
            raise HeaderAlteredError("the header was altered after the file was sealed")


def _checksum(text: bytes) -> bytes:
    digest = hashes.Hash(hashes.SHA256())
    digest.update(text)
    return digest.finalize()[:8]


def _mac(file_key: bytes | bytearray | memoryview, text: bytes, prefix: bytes) -> bytes:
    mac = hmac.HMAC(HKDFExpand(hashes.SHA512(), 32, HEADER_MAC).derive(file_key), hashes.SHA512())
    mac.update(text + prefix)
    return mac.finalize()[:32]


def find_end(data: bytes, kind: str = SEALED, *, at_end_of_source: bool) -> int | None:
    """Length of the header at the start of *data*, None if more is needed. NotSealedError, HeaderDamagedError, TruncatedError.

    *data* is what the source begins with, read BLOCK by BLOCK (docs/format.md, section 5, step 1)."""
    magic = _magic(kind)
    if data[: len(magic)] != magic[: len(data)]:
        raise _not_sealed(kind)
    last = len(data) - len(data) % BLOCK
    if last and _LAST_LINES.fullmatch(data[last - _END_LEN - 1 : last]):
        return last
    if len(data) >= HEADER_MAX:
        raise HeaderDamagedError("the header is damaged: it has no end")
    if not at_end_of_source:
        return None
    if _TEXT.fullmatch(data):
        raise TruncatedError(f"the file is truncated: it ends inside its header, after {len(data)} bytes")
    raise HeaderDamagedError("the header is damaged: it has no end")


def _not_sealed(kind: str) -> NotSealedError:
    if kind == SEALED:
        return NotSealedError("this is not a sealed file")
    return NotSealedError(f"this is not a {word_of(kind)} of a store").with_remedy(
        "Something else lies under the name of an object of the store; get it from another copy of the store."
    )


def parse(raw: bytes, kind: str = SEALED) -> Header:
    """The header that is exactly *raw*. Raises NotSealedError or HeaderDamagedError; the MAC is for `authenticate`."""
    if len(raw) > HEADER_MAX or len(raw) % BLOCK or not raw.endswith(b"\n"):
        raise HeaderDamagedError("the header is damaged")
    if not raw.startswith(_magic(kind)):
        raise _not_sealed(kind)
    try:
        return _parse_lines(raw, kind)
    except ValueError:
        raise HeaderDamagedError("the header is damaged") from None


def _parse_lines(raw: bytes, kind: str) -> Header:
    lines = raw.split(b"\n")[1:-1]
    size: int | None = None
    if lines and (found := _SIZE.fullmatch(lines[0])):
        size = int(found[1])
        lines.pop(0)
    if len(lines) < 3 or (size is not None and not SIZE_MIN <= size <= SIZE_MAX):
        raise ValueError
    end = _END.fullmatch(lines.pop())
    if not end or not _PAD.fullmatch(lines.pop()) or len(lines) > SLOTS_MAX:
        raise ValueError
    body_len = BODY_LEN.get(word_of(kind), _BODY_LEN_IN_STORES)
    slots = tuple(_parse_slot(line, body_len) for line in lines)
    check_passwords(slot for slot in slots if slot.type in body_len)
    decode64(end[2])
    if decode64(end[1]) != _checksum(raw[:-_END_LEN]):
        raise ValueError
    return Header(size, slots, kind)


def _parse_slot(line: bytes, body_len: Mapping[str, int]) -> Slot:
    found = _SLOT.fullmatch(line) if len(line) <= LINE_MAX else None
    if not found:
        raise ValueError
    type_ = found[1].decode()
    arguments = found[2].decode().split(" ")[1:]
    expected = body_len.get(type_)
    if expected is None:
        return Slot(type_, tuple(arguments), b"")
    body = decode64(arguments.pop().encode())
    if len(body) != expected or (type_ in ("key", "hpke") and arguments):
        raise ValueError
    if type_ == "epoch" and not (len(arguments) == 1 and _EPOCH.fullmatch(arguments[0])):
        raise ValueError
    if type_ == "vault":
        VaultPlace.parse(tuple(arguments))
    return Slot(type_, tuple(arguments), body)


def check_passwords(slots: Iterable[Slot]) -> None:
    """Raise ValueError if the password slots among *slots* break a limit, one by one or together."""
    costs = []
    for slot in slots:
        if slot.type == "password":
            cost, salt = argon2.Argon2Cost.parse(slot.arguments)
            if len(decode64(salt.encode())) != argon2.SALT_LEN:
                raise ValueError("a salt has 16 bytes")
            costs.append(cost)
    if len(costs) > argon2.SLOTS_MAX:
        raise ValueError(f"a file has at most {argon2.SLOTS_MAX} passwords")
    if sum(cost.work for cost in costs) > argon2.WORK_MAX:
        raise ValueError("the passwords of a file cost too much together")
