"""A second writer of sealed files, written from docs/format.md as slowly and plainly as it can be.

It shares no code with chatseal, neither with its fast writer nor with `chatseal.rescue`, and it takes its randomness from
the caller, so that a file can be made again. Every part is a function of its own, because a test vector is a file with one
part made wrong. Whoever only wants a sealed file calls `write_sealed`.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import math
import struct
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import pyzstd
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA512
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, MLKEM768X25519PrivateKey, MLKEM768X25519PublicKey, Suite
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
from cryptography.hazmat.primitives.kdf.hkdf import HKDF, HKDFExpand
from pyzstd import CParameter

RECORD = 16384
VERSION_LINE = b"chatseal/v1 sealed\n"
PAYLOAD_CONTEXT = b"chatseal/v1\0sealed"
HPKE_INFO = b"chatseal/v1 slot hpke\0sealed"

HEAD_MAGIC, TAIL_MAGIC, PADDING_MAGIC, TABLE_MAGIC = 0x184D2A5A, 0x184D2A5B, 0x184D2A5C, 0x184D2A5E
SIGNATURE_PREFIX = b"chatseal/v1 signature\0sealed\0"
FILE_HEAD: Mapping[str, str | int] = {"kind": "file", "name": "chat.db", "mtime": 1_790_000_000_000_000_000}


@dataclass
class Draw:
    """The randomness of a test: bytes that follow from a seed, different ones at each call."""

    seed: str
    count: int = field(default=0)

    def __call__(self, size: int) -> bytes:
        self.count += 1
        return hashlib.shake_256(f"{self.seed}/{self.count}".encode()).digest(size)


# --- Section 1: conventions -------------------------------------------------------------------------------------------


def base64_text(value: bytes) -> bytes:
    return base64.b64encode(value).rstrip(b"=")


def expand(secret: bytes, info: bytes, size: int) -> bytes:
    return HKDFExpand(SHA512(), size, info).derive(secret)


def message_keys(key: bytes, context: bytes, salt: bytes) -> tuple[bytes, bytes, bytes]:
    """Record key, base nonce, commitment."""
    okm = expand(key, b"c2sp.org/chunked-encryption@v1+AEAD_AES_256_GCM" + b"\x00" + salt + context, 76)
    return okm[:32], okm[32:44], okm[44:]


def record_nonce(base_nonce: bytes, number: int) -> bytes:
    return bytes(a ^ b for a, b in zip(base_nonce, struct.pack(">4xQ", number), strict=True))


def cobblestone(key: bytes, context: bytes, message: bytes, salt: bytes) -> bytes:
    record_key, base_nonce, commitment = message_keys(key, context, salt)
    sealed = salt + commitment
    for number in range(len(message) // RECORD + 1):
        piece = message[number * RECORD : (number + 1) * RECORD]
        sealed += AESGCM(record_key).encrypt(record_nonce(base_nonce, number), piece, None)
    return sealed


# --- Section 2: header ------------------------------------------------------------------------------------------------


def key_slot(backup_key: bytes, file_key: bytes, salt: bytes) -> bytes:
    kek = HKDF(SHA512(), 32, None, b"chatseal/v1 slot key").derive(backup_key)
    return b"slot key " + base64_text(cobblestone(kek, b"chatseal/v1 slot key", file_key, salt))


def password_slot(password: bytes, file_key: bytes, salt: bytes, arguments: bytes, *, stretched: bytes | None = None) -> bytes:
    """*password* is normalised; *arguments* end with the salt of Argon2id, *salt* is the body's. *stretched* spares the derivation."""
    numbers = dict(word.split(b"=") for word in arguments.split()[1:4])
    if stretched is None:
        stretched = argon2id(password, base64.b64decode(arguments.split()[4] + b"=="), *(int(numbers[name]) for name in (b"m", b"t", b"p")))
    kek = HKDF(SHA512(), 32, None, b"chatseal/v1 slot password").derive(stretched)
    context = b"chatseal/v1 slot password " + arguments
    return b"slot password " + arguments + b" " + base64_text(cobblestone(kek, context, file_key, salt))


def vault_slot(backup_key: bytes, file_key: bytes, salt: bytes, arguments: bytes) -> bytes:
    kek = HKDF(SHA512(), 32, None, b"chatseal/v1 slot vault").derive(backup_key)
    return b"slot vault " + arguments + b" " + base64_text(cobblestone(kek, b"chatseal/v1 slot vault " + arguments, file_key, salt))


def argon2id(password: bytes, salt: bytes, memory: int, passes: int, lanes: int) -> bytes:
    return Argon2id(salt=salt, length=32, iterations=passes, lanes=lanes, memory_cost=memory).derive(password)


def hpke_slot(public_key: MLKEM768X25519PublicKey, file_key: bytes, info: bytes = HPKE_INFO) -> bytes:
    """The one part that cannot be made again: the library draws the encapsulation itself."""
    suite = Suite(KEM.MLKEM768_X25519, KDF.HKDF_SHA512, AEAD.AES_256_GCM)
    return b"slot hpke " + base64_text(suite.encrypt(file_key, public_key, info=info))


def private_key(secret: bytes) -> MLKEM768X25519PrivateKey:
    """From ML-KEM-768 seed (64 bytes) and X25519 private key (32 bytes)."""
    seed, x25519 = secret[:64], secret[64:]
    return MLKEM768X25519PrivateKey(MLKEM768PrivateKey.from_seed_bytes(seed), X25519PrivateKey.from_private_bytes(x25519))


END_LINE_SIZE = len("end ") + 11 + len(" ") + 43 + len("\n")


def padded(lines: bytes, total: int | None = None) -> bytes:
    """The header before its end line: *lines*, and a pad line that brings the whole to *total* bytes."""
    least = len(lines) + len(b"pad \n") + END_LINE_SIZE
    if total is None:
        total = -(-least // 4096) * 4096
    return lines + b"pad " + b"." * (total - least) + b"\n"


def end_line(before: bytes, file_key: bytes, payload: bytes) -> bytes:
    """Checksum and MAC over whatever is *before*, which may break every rule."""
    start = b"end " + base64_text(hashlib.sha256(before).digest()[:8]) + b" "
    mac_key = expand(file_key, b"chatseal/v1 header", 32)
    return start + base64_text(hmac.digest(mac_key, before + start + payload[:56], "sha512")[:32]) + b"\n"


def header_lines(slots: Iterable[bytes], size: int | None) -> bytes:
    lines = VERSION_LINE
    if size is not None:
        lines += b"size %d\n" % size
    return lines + b"".join(slot + b"\n" for slot in slots)


# --- Section 4: stream ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Frame:
    """One zstd frame and the plaintext in it: none for a skippable frame."""

    wire: bytes
    plain: bytes = b""


def skippable(magic: int, content: bytes) -> Frame:
    return Frame(struct.pack("<II", magic, len(content)) + content)


def metadata_frame(magic: int, members: Mapping[str, str | int]) -> Frame:
    return skippable(magic, json.dumps(members, ensure_ascii=False, separators=(",", ":")).encode())


def data_frame(plain: bytes, level: int = 3) -> Frame:
    """A data frame with zstd's own compression."""
    return Frame(pyzstd.compress(plain, {CParameter.compressionLevel: level, CParameter.checksumFlag: 1}), plain)


def content_checksum(plain: bytes) -> bytes:
    return pyzstd.compress(plain, {CParameter.checksumFlag: 1})[-4:]


def block(kind: int, size: int, content: bytes, *, last: bool) -> bytes:
    """A zstd block: kind 0 raw, 1 RLE, 2 compressed, 3 reserved."""
    return (last | kind << 1 | size << 3).to_bytes(3, "little") + content


def stored_frame(
    plain: bytes,
    *,
    content_size: int | None = None,
    window: int | None = None,
    descriptor: int = 0b1010_0100,  # Content_Size in 4 bytes, one segment, checksum
    dictionary_id: bytes = b"",
    blocks: bytes | None = None,
    checksum: bytes | None = None,
) -> Frame:
    """A data frame of raw blocks, the same bytes with every version of zstd. The options make it lie, part by part."""
    if content_size is None:
        content_size = len(plain)
    if blocks is None:
        pieces = [plain[at : at + (128 << 10)] for at in range(0, len(plain), 128 << 10)] or [b""]
        blocks = b"".join(block(0, len(piece), piece, last=at == len(pieces) - 1) for at, piece in enumerate(pieces))
    if window is not None:
        descriptor &= ~0b10_0000
    size_width = (1 if window is None else 0, 2, 4, 8)[descriptor >> 6]
    wire = struct.pack("<IB", 0xFD2FB528, descriptor) + (b"" if window is None else bytes([window])) + dictionary_id
    wire += (content_size - (256 if size_width == 2 else 0)).to_bytes(size_width, "little") if size_width else b""
    return Frame(wire + blocks + (content_checksum(plain) if checksum is None else checksum), plain)


STORED_START = 4 + 1 + 4 + 3  # bytes before the plaintext in a stored frame of one block


def seek_table(entries: Sequence[tuple[int, int]], *, count: int | None = None, descriptor: int = 0) -> bytes:
    table = b"".join(struct.pack("<II", *entry) for entry in entries)
    table += struct.pack("<IBI", len(entries) if count is None else count, descriptor, 0x8F92EAB1)
    return struct.pack("<II", TABLE_MAGIC, len(table)) + table


def table_entries(frames: Iterable[Frame]) -> list[tuple[int, int]]:
    return [(len(frame.wire), len(frame.plain)) for frame in frames]


def framed(data: Sequence[Frame], head: Mapping[str, str | int] = FILE_HEAD, seed: bytes | None = None) -> list[Frame]:
    """Head, *data*, tail; signed by the key with this *seed*."""
    first = metadata_frame(HEAD_MAGIC, head)
    tail: dict[str, str | int] = {"size": sum(len(frame.plain) for frame in data)}
    if seed is not None:
        tail |= signed([first, *data], seed)
    return [first, *data, metadata_frame(TAIL_MAGIC, tail)]


def frames_digest(frames: Sequence[Frame]) -> bytes:
    """What a signature stands for: *frames* are the head and the data frames."""
    return hashlib.sha512(SIGNATURE_PREFIX + b"".join(hashlib.sha512(frame.wire).digest() for frame in frames)).digest()


def verifying_key(seed: bytes) -> bytes:
    return Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw()


def signed(frames: Sequence[Frame], seed: bytes) -> dict[str, str]:
    """The members of the tail after *frames* that show their author."""
    signature = Ed25519PrivateKey.from_private_bytes(seed).sign(SIGNATURE_PREFIX + frames_digest(frames))
    return {"signer": base64_text(verifying_key(seed)).decode(), "signature": base64_text(signature).decode()}


def padme(length: int) -> int:
    """Algorithm 1 of "Reducing Metadata Leakage from Encrypted Files and Communication with PURBs" (PETS 2019)."""
    e = math.floor(math.log2(length))
    s = math.floor(math.log2(e)) + 1
    mask = (1 << max(0, e - s)) - 1
    return (length + mask) & ~mask


def padding(size: int) -> Frame:
    """A padding frame with *size* zeros in it."""
    return skippable(PADDING_MAGIC, bytes(size))


def with_padding(frames: Sequence[Frame]) -> list[Frame]:
    """*frames* and the padding frame that brings the whole stream, the table included, to its padded length; below some GiB."""
    least = len(stream_of([*frames, padding(0)]))
    return [*frames, padding(padme(least) - least)]


def stream_of(frames: Sequence[Frame], table: bytes | None = None) -> bytes:
    return b"".join(frame.wire for frame in frames) + (seek_table(table_entries(frames)) if table is None else table)


# --- The whole file ---------------------------------------------------------------------------------------------------


def write_sealed(
    plain: bytes,
    draw: Draw,
    *,
    backup_keys: Sequence[bytes] = (),
    public_keys: Sequence[MLKEM768X25519PublicKey] = (),
    frame_size: int = 1 << 20,
    level: int = 3,
    size_line: bool = True,
    head: Mapping[str, str | int] = FILE_HEAD,
    seed: bytes | None = None,
    pad: bool = False,
) -> bytes:
    """*plain* as a sealed file, signed with *seed* if there is one, and padded if *pad* is set.

    *frame_size* may be smaller than a real writer would take. One public key makes it random."""
    file_key = draw(32)
    pieces = [plain[at : at + frame_size] for at in range(0, len(plain), frame_size)]
    frames = framed([data_frame(piece, level) for piece in pieces], head, seed)
    stream = stream_of(with_padding(frames) if pad else frames)
    payload = cobblestone(file_key, PAYLOAD_CONTEXT, stream, draw(24))
    slots = [key_slot(key, file_key, draw(24)) for key in backup_keys]
    slots += [hpke_slot(key, file_key) for key in public_keys]
    lines = header_lines(slots, len(payload) if size_line else None)
    before = padded(lines)
    return before + end_line(before, file_key, payload) + payload
