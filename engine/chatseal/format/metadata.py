"""Metadata: what a sealed file says about its plaintext, in its head and tail frames (docs/format.md, section 4)."""

import json
from typing import NamedTuple, NoReturn

from chatseal.errors import DamagedError
from chatseal.format.base64 import decode64, encode64

MAGIC_HEAD = 0x184D2A5A
MAGIC_TAIL = 0x184D2A5B
CONTENT_MAX = 4096
INTEGER_MAX = 2**63 - 1

SIGNER_LEN, SIGNATURE_LEN = 32, 64

Metadata = dict[str, str | int]


class Signature(NamedTuple):
    """What the tail says of its author: the signer's verifying key, and the signature of the digest of the frames."""

    signer: bytes
    signature: bytes


def skippable_frame(magic: int, content: bytes) -> bytes:
    """A zstd skippable frame (RFC 8878, section 3.1.2)."""
    return magic.to_bytes(4, "little") + len(content).to_bytes(4, "little") + content


def head_frame(kind: str, name: str | None, mtime_ns: int | None) -> bytes:
    """The head frame. A name that is no valid UTF-8, or too long, is left out: it is a hint, not data."""
    members: Metadata = {"kind": kind}
    if name is not None and _is_text(name) and len(json.dumps(name)) < CONTENT_MAX - 128:
        members["name"] = name
    if mtime_ns is not None and abs(mtime_ns) <= INTEGER_MAX:
        members["mtime"] = mtime_ns
    return skippable_frame(MAGIC_HEAD, _encode(members))


def tail_frame(size: int, signature: Signature | None = None) -> bytes:
    """The tail frame: *size* bytes of plaintext, and who signed them."""
    members: Metadata = {"size": size}
    if signature is not None:
        members |= {name: encode64(value) for name, value in signature._asdict().items()}
    return skippable_frame(MAGIC_TAIL, _encode(members))


def parse_head(content: bytes) -> Metadata:
    """Members of a head frame. Raises DamagedError."""
    members = _parse(content)
    if members.get("kind") not in ("file", "stream"):
        raise _damaged()
    if not isinstance(members.get("name", ""), str) or not isinstance(members.get("mtime", 0), int):
        raise _damaged()
    return members


def parse_tail(content: bytes, size: int) -> Metadata:
    """Members of a tail frame after *size* bytes of plaintext. Raises DamagedError."""
    members = _parse(content)
    if not isinstance(members.get("size"), int) or members["size"] != size:
        raise _damaged()
    signature_in(members)
    return members


def signature_in(tail: Metadata) -> Signature | None:
    """The signature in the members of a tail frame; whether it is right is not looked at. Raises DamagedError."""
    if "signer" not in tail and "signature" not in tail:
        return None
    return Signature(_bytes(tail.get("signer"), SIGNER_LEN), _bytes(tail.get("signature"), SIGNATURE_LEN))


def _bytes(member: str | int | None, length: int) -> bytes:
    try:
        data = decode64(member.encode()) if isinstance(member, str) else b""
    except ValueError:
        raise _damaged() from None
    if len(data) != length:
        raise _damaged()
    return data


def _is_text(name: str) -> bool:
    try:
        name.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _encode(members: Metadata) -> bytes:
    return json.dumps(members, ensure_ascii=False, separators=(",", ":")).encode("utf-8")


def _damaged() -> DamagedError:
    return DamagedError("the metadata of the file is damaged")


def _refuse(value: str) -> NoReturn:
    raise ValueError(value)


def _integer(digits: str) -> int:
    # Bounded before the conversion: its time grows with the square of the length.
    if len(digits) > 20 or abs(number := int(digits)) > INTEGER_MAX:
        raise ValueError("integer out of range")
    return number


def _members(pairs: list[tuple[str, object]]) -> dict[str, object]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a member occurs twice")
    return members


_DECODER = json.JSONDecoder(parse_int=_integer, parse_float=_refuse, parse_constant=_refuse, object_pairs_hook=_members)


def _parse(content: bytes) -> Metadata:
    try:
        if len(content) > CONTENT_MAX:
            raise ValueError("too long")
        members = _DECODER.decode(content.decode("utf-8"))
    except (ValueError, RecursionError):
        raise _damaged() from None
    if not isinstance(members, dict) or not all(type(value) in (str, int) for value in members.values()):
        raise _damaged()
    if not all(_is_text(text) for pair in members.items() for text in pair if isinstance(text, str)):
        raise _damaged()
    return members
