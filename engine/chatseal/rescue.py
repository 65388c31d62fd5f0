"""Open a sealed file with nothing but this one file, `cryptography` and `pyzstd`.

    python rescue.py FILE --key-file K [-o OUT] [--from PUBKEY]     (- is standard input or output; or --password-file P)

A folder in place of FILE is a store of snapshots, whose objects are sealed files: rescue_store.py, if it lies beside this file, opens it.

Written from docs/format.md alone and in its order; the section numbers below are that document's. It shares no code with
the rest of chatseal, so it is also the oracle that the fast reader is tested against. It reads forward only, holds one
frame and the seek table, and makes every check of section 5 before it lets go of a byte:

    header     version, size, slots, pad, end         a slot and the key give the file key, which proves the header
    payload    salt, commitment, record, record ...   the file key gives a record key, which opens record by record
    stream     head, data frame ..., tail, table      each zstd frame is checked whole, decompressed, released;
                                                      between tail and table there may be padding
"""

from __future__ import annotations

import argparse
import base64
import contextlib
import enum
import hashlib
import hmac
import importlib
import io
import itertools
import json
import os
import re
import struct
import sys
import tempfile
import unicodedata
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple, TypeAlias

import pyzstd
from cryptography.exceptions import InvalidTag, UnsupportedAlgorithm
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA512
from cryptography.hazmat.primitives.kdf.hkdf import HKDF, HKDFExpand

if TYPE_CHECKING:  # only public-key slots need cryptography 47 or later: with a backup key a far older one will do
    from cryptography.hazmat.primitives.hpke import MLKEM768X25519PrivateKey

    Key: TypeAlias = "bytes | str | MLKEM768X25519PrivateKey | Epoch"

# --- Section 1: limits and conventions --------------------------------------------------------------------------------

HEADER_STEP, HEADER_MAX = 4096, 65536
PAYLOAD_MIN, PAYLOAD_MAX = 72, (1 << 63) - 1
RECORD, TAG = 16384, 16
CONTENT_MAX = WINDOW_MAX = 16 << 20
COMPRESSED_MAX = 16_842_752  # ZSTD_COMPRESSBOUND(CONTENT_MAX)
BLOCK_MAX = 128 << 10  # of zstd, RFC 8878 section 3.1.1.2.4
METADATA_MAX, FRAMES_MAX = 4096, 1 << 22
PADDING_MAX, PADDING_FRAMES_MAX = 1 << 30, 1024


class Failure(enum.StrEnum):
    NOT_SEALED = "not a sealed file"
    HEADER_DAMAGED = "header damaged"
    WRONG_KEY = "wrong key"
    HEADER_ALTERED = "header altered"
    DAMAGED = "damaged"
    TRUNCATED = "truncated"
    TRAILING_BYTES = "trailing bytes"
    WRONG_AUTHOR = "wrong author"


class RescueError(Exception):
    """A file that does not open: the class of the failure, and the place where it was noticed."""

    def __init__(self, failure: Failure, place: str) -> None:
        super().__init__(f"{failure}: {place}")
        self.failure, self.place = failure, place


def unbase64(text: bytes) -> bytes:
    """The bytes whose unpadded base64 is *text*, or ValueError: every value has one spelling."""
    value = base64.b64decode(text + b"=" * (-len(text) % 4), validate=True)
    if base64.b64encode(value).rstrip(b"=") != text:
        raise ValueError("not canonical base64")
    return value


def read_up_to(source: BinaryIO, size: int) -> bytes:
    """The next *size* bytes, fewer only at the end of the source: a pipe may give less at a time."""
    data = bytearray()
    while len(data) < size and (piece := source.read(size - len(data))):
        data += piece
    return bytes(data)


# --- Section 2: header ------------------------------------------------------------------------------------------------

SLOTS = {
    "key": rb"key\ [A-Za-z0-9+/]{139}",  # 104 bytes
    "hpke": rb"hpke\ [A-Za-z0-9+/]{1558}",  # 1168 bytes
    "password": rb"password\ argon2id\ m=[1-9][0-9]{4,6}\ t=[1-8]\ p=[1-8]\ [A-Za-z0-9+/]{22}\ [A-Za-z0-9+/]{139}",
    "vault": rb"vault\ [A-Za-z0-9+/]{12,267}\ [A-Za-z0-9+/]{43}\ [A-Za-z0-9+/]{22}\ [1-9][0-9]{0,15}\ [A-Za-z0-9+/]{139}",
    "epoch": rb"epoch\ [1-9][0-9]{0,8}\ [A-Za-z0-9+/]{139}",
}
SLOTS_OF = {
    "sealed": ("key", "hpke", "password", "vault"),
    "config": ("key", "password", "vault"),
}  # of others: epoch (section 10)
END_OF_BLOCK = re.compile(rb"\nend [A-Za-z0-9+/]{11} [A-Za-z0-9+/]{43}\n\Z")


class Epoch(NamedTuple):
    """What opens the objects of a store that have this number in their name."""

    number: int
    key: bytes


def grammar(kind: str) -> re.Pattern[bytes]:
    """The header of a file of *kind*."""
    known = SLOTS_OF.get(kind, ("epoch",))
    slots, words = (b"|".join(pieces) for pieces in ([SLOTS[word] for word in known], [word.encode() + rb"\ " for word in known]))
    return re.compile(
        rb"""chatseal/v1\ %s\n
        (?: size\ (?P<size> [1-9][0-9]{1,18} ) \n )?
        (?P<slots> (?: (?= .{1,4096}\n ) slot\ (?:
            %s
            | (?! %s ) [a-z]{1,16} (?: \ [!-~]+ )+   # types unknown here: skipped
        ) \n ){1,32} )
        pad\ \.*\n
        (?P<end> end\ (?P<checksum> .{11} )\ (?P<mac> .{43} ) \n )"""
        % (kind.encode(), slots, words),
        re.VERBOSE,
    )


class Header(NamedTuple):
    size: int | None
    slots: list[tuple[bytes, bytes, bytes]]  # type, arguments and body, of the types known here
    authenticated: bytes  # what the MAC covers of it
    mac: bytes


def read_header(source: BinaryIO, kind: str = "sealed") -> Header:
    """Section 5, steps 1 and 2: blocks until one ends with an end line; grammar and limits; then the checksum."""
    version_line = f"chatseal/v1 {kind}\n".encode()
    text = block = b""
    while not END_OF_BLOCK.search(block):
        if len(text) == HEADER_MAX:
            raise RescueError(Failure.HEADER_DAMAGED, "no end line")
        block = read_up_to(source, HEADER_STEP)
        text += block
        if text[: len(version_line)] != version_line[: len(text)]:
            raise RescueError(Failure.NOT_SEALED, "its first line is another")
        if len(block) < HEADER_STEP:  # a payload has other bytes than a header
            cut = re.fullmatch(rb"[\n -~]*", text)
            raise RescueError(Failure.TRUNCATED if cut else Failure.HEADER_DAMAGED, "no end line before the end of the file")
    try:
        if not (lines := grammar(kind).fullmatch(text)):
            raise ValueError("grammar")
        size = int(lines["size"]) if lines["size"] else None
        if size and not PAYLOAD_MIN <= size <= PAYLOAD_MAX:
            raise ValueError("size line")
        known = "|".join(SLOTS_OF.get(kind, ("epoch",))).encode()
        found = re.findall(rb"(?m)^slot (%s) (?:(.*) )?(\S+)$" % known, lines["slots"])
        slots = [(word, arguments, unbase64(body)) for word, arguments, body in found]
        for word, arguments, _ in slots:
            if word == b"vault":
                check_vault(arguments)
        costs = [argon2_cost(arguments) for word, arguments, _ in slots if word == b"password"]
        if len(costs) > 4 or sum(memory * passes for memory, passes, *_ in costs) > 4 << 20:
            raise ValueError("too many passwords, or too dear together")
        checksum, mac = unbase64(lines["checksum"]), unbase64(lines["mac"])
    except ValueError:
        raise RescueError(Failure.HEADER_DAMAGED, "its lines break the grammar or the limits") from None
    if checksum != hashlib.sha256(text[: lines.start("end")]).digest()[:8]:
        raise RescueError(Failure.HEADER_DAMAGED, "its checksum is another")
    return Header(size, slots, text[: lines.start("mac")], mac)


def argon2_cost(arguments: bytes) -> tuple[int, int, int, bytes]:
    """KiB of memory, passes, lanes and salt of a password slot, within the limits, or ValueError."""
    _, memory, passes, lanes, salt = arguments.split()
    if not 19 << 10 <= int(memory[2:]) <= 1 << 20 or int(memory[2:]) * int(passes[2:]) > 4 << 20 or len(unbase64(salt)) != 16:
        raise ValueError("Argon2id beyond the limits")
    return int(memory[2:]), int(passes[2:]), int(lanes[2:]), unbase64(salt)


def check_vault(arguments: bytes) -> None:
    """ValueError for a vault slot beyond the limits. Where its key can be had again is for people to read: `chatseal inspect` shows it."""
    url, fingerprint, record_id, generation = arguments.split()
    lengths = len(unbase64(fingerprint)), len(unbase64(record_id))
    if not re.fullmatch(rb"(?=.{9,200}\Z)https?://[!-~]+", unbase64(url)) or lengths != (32, 16) or int(generation) >= 1 << 53:
        raise ValueError("vault slot")


def open_slot(header: Header, key: Key) -> bytes:
    """Section 5, step 3: the file key, from the first slot of the key's type that opens. A str is a password."""
    for word, arguments, body in header.slots:
        with contextlib.suppress(RescueError, InvalidTag):
            if word == b"key" and isinstance(key, bytes):
                return unwrap(key, b"chatseal/v1 slot key", b"", body)
            if word == b"vault" and isinstance(key, bytes):
                return unwrap(key, b"chatseal/v1 slot vault", b" " + arguments, body)
            if word == b"epoch" and isinstance(key, Epoch) and arguments == b"%d" % key.number:
                return unwrap(key.key, b"chatseal/v1 slot epoch", b" " + arguments, body)
            if word == b"password" and isinstance(key, str):
                from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

                memory, passes, lanes, salt = argon2_cost(arguments)
                stretch = Argon2id(salt=salt, length=32, iterations=passes, lanes=lanes, memory_cost=memory)
                password = stretch.derive(unicodedata.normalize("NFKC", key).encode())
                return unwrap(password, b"chatseal/v1 slot password", b" " + arguments, body)
            if word == b"hpke" and not isinstance(key, bytes | str | Epoch):
                from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite

                suite = Suite(KEM.MLKEM768_X25519, KDF.HKDF_SHA512, AEAD.AES_256_GCM)
                return suite.decrypt(body, key, info=b"chatseal/v1 slot hpke\0sealed")
    raise RescueError(Failure.WRONG_KEY, "no slot of this file opens with it")


def unwrap(secret: bytes, label: bytes, arguments: bytes, body: bytes) -> bytes:
    """What the body of a symmetric slot holds; the context is the label with the arguments as written."""
    kek, message = HKDF(SHA512(), 32, None, label).derive(secret), io.BytesIO(body)
    return b"".join(open_message(kek, label + arguments, message.read(56), message.read))


# --- Section 3: payload -----------------------------------------------------------------------------------------------


def open_message(key: bytes, context: bytes, start: bytes, read: Callable[[int], bytes]) -> Iterator[bytes]:
    """A Cobblestone-256 message, record by record; *start* is its salt and commitment, *read* gives what follows.

    `cryptography` has this construction as one stream, `Cobblestone256Decryptor`, and whoever recovers a file by hand
    should take that. It answers everything with the same empty exception, though, and section 5 wants a damaged record
    told from a missing one; so the commitment is compared here (step 5), and records are opened one by one (step 6).
    """
    label = b"c2sp.org/chunked-encryption@v1+AEAD_AES_256_GCM\0"
    okm = HKDFExpand(SHA512(), 76, label + start[:24] + context).derive(key)
    aead, base_nonce, commitment = AESGCM(okm[:32]), int.from_bytes(okm[32:44], "big"), okm[44:]
    if not hmac.compare_digest(commitment, start[24:]):
        raise RescueError(Failure.DAMAGED, "beginning of the payload")
    for number in itertools.count():
        record, place = read(RECORD + TAG), f"record {number}"
        if len(record) < TAG:  # the source ends after a full record or inside a tag
            raise RescueError(Failure.TRUNCATED, place)
        last = len(record) < RECORD + TAG
        try:
            yield aead.decrypt((base_nonce ^ number).to_bytes(12, "big"), record, None)
        except InvalidTag:
            raise RescueError(Failure.TRUNCATED if last else Failure.DAMAGED, place) from None
        if last:
            return


class Payload:
    """What follows the header, counted: never more than the size line says, if there is one."""

    def __init__(self, source: BinaryIO, size: int | None) -> None:
        self.source, self.size, self.count = source, size, 0

    def read(self, size: int) -> bytes:
        data = read_up_to(self.source, size if self.size is None else min(size, self.size - self.count))
        self.count += len(data)
        return data

    def verdict(self, failure: RescueError | None) -> RescueError | None:
        """What to report after *failure*, or after none: a size line names it by the length of the source (section 5)."""
        if self.size is None:
            return failure
        while self.count <= self.size and (piece := self.source.read(1 << 20)):
            self.count += len(piece)
        if self.count < self.size:
            return RescueError(Failure.TRUNCATED, f"{self.size - self.count} bytes are missing at the end")
        if self.count > self.size:
            return RescueError(Failure.TRAILING_BYTES, "the file is longer than its size line says")
        if failure is None or failure.failure == Failure.WRONG_AUTHOR:
            return failure
        return RescueError(Failure.DAMAGED, failure.place)  # no byte is missing, so whatever fails is damage


# --- Section 4: stream ------------------------------------------------------------------------------------------------

HEAD, DATA, TAIL = (struct.pack("<I", magic) for magic in (0x184D2A5A, 0xFD2FB528, 0x184D2A5B))
PADDING, TABLE = (struct.pack("<I", magic) for magic in (0x184D2A5C, 0x184D2A5E))
SIGNATURE = b"chatseal/v1 signature\0sealed\0"
SEEKABLE = 0x8F92EAB1
RLE_BLOCK, RESERVED_BLOCK = 1, 3


class Stream:
    """The authenticated stream, taken in exact pieces."""

    def __init__(self, records: Iterator[bytes]) -> None:
        self.records, self.ready, self.place = records, bytearray(), "head"

    def check(self, right: bool) -> None:
        if not right:
            raise RescueError(Failure.DAMAGED, self.place)

    def take(self, size: int) -> bytes:
        """The next *size* bytes, gathered as they arrive: nothing is allocated because a length field claims it."""
        while len(self.ready) < size:
            record = next(self.records, b"")
            self.check(record != b"")
            self.ready += record
        data = bytes(self.ready[:size])
        del self.ready[:size]
        return data


def read_frames(stream: Stream, author: bytes | None) -> Iterator[bytes]:
    """Section 5, steps 7 to 9: the plaintext of each data frame once it is checked, then the checks of the end."""
    entries, plain_size = bytearray(), 0  # of the only seek table that can be right
    digest = hashlib.sha512(SIGNATURE)
    stream.check(stream.take(4) == HEAD)
    head, frame = read_metadata(stream, HEAD)
    stream.check(head.get("kind") in ("file", "stream"))
    stream.check(isinstance(head.get("name", ""), str) and isinstance(head.get("mtime", 0), int))
    digest.update(hashlib.sha512(frame).digest())
    entries += struct.pack("<II", len(frame), 0)

    stream.place = "data frame 0"
    while (magic := stream.take(4)) == DATA:
        plain, frame = read_data_frame(stream)
        digest.update(hashlib.sha512(frame).digest())
        entries += struct.pack("<II", len(frame), len(plain))
        plain_size += len(plain)
        stream.check(len(entries) // 8 < FRAMES_MAX)  # the tail needs an entry too
        yield plain
        stream.place = f"data frame {len(entries) // 8 - 1}"

    stream.check(magic == TAIL)
    stream.place = "tail"
    tail, frame = read_metadata(stream, TAIL)
    stream.check(tail.get("size") == plain_size)
    signer, signature = read_signature(stream, tail)
    entries += struct.pack("<II", len(frame), 0)

    stream.place = "padding"
    for number in itertools.count():
        if (magic := stream.take(4)) != PADDING:
            break
        size = left = int.from_bytes(stream.take(4), "little")
        stream.check(size <= PADDING_MAX and number < PADDING_FRAMES_MAX and len(entries) // 8 < FRAMES_MAX)
        while left > 0:
            zeros = stream.take(min(left, RECORD))
            stream.check(not any(zeros))
            left -= len(zeros)
        entries += struct.pack("<II", 8 + size, 0)

    stream.place = "seek table"
    footer = struct.pack("<IBI", len(entries) // 8, 0, SEEKABLE)
    table = TABLE + struct.pack("<I", len(entries) + len(footer)) + entries + footer
    stream.check(magic + stream.take(len(table) - 4) == table)
    stream.check(not stream.ready and not any(stream.records))  # which opens the last record, if that one is empty
    if author is not None:
        check_author(author, signer, signature, digest.digest())


def read_signature(stream: Stream, tail: dict[str, str | int]) -> tuple[bytes, bytes]:
    """Signer and signature as the tail has them, both empty if it has none."""
    if "signer" not in tail and "signature" not in tail:
        return b"", b""
    try:
        signer, signature = (unbase64(str(tail.get(name)).encode()) for name in ("signer", "signature"))
    except ValueError:
        raise RescueError(Failure.DAMAGED, stream.place) from None
    stream.check((len(signer), len(signature)) == (32, 64))
    return signer, signature


def check_author(author: bytes, signer: bytes, signature: bytes, digest: bytes) -> None:
    """Section 5, step 9: who opens the file demands that *author* has signed it."""
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    if signer != author:
        raise RescueError(Failure.WRONG_AUTHOR, "signed by another" if signer else "not signed")
    try:
        Ed25519PublicKey.from_public_bytes(author).verify(signature, SIGNATURE + digest)
    except (InvalidSignature, ValueError):
        raise RescueError(Failure.WRONG_AUTHOR, "the signature is wrong") from None


def read_metadata(stream: Stream, magic: bytes) -> tuple[dict[str, str | int], bytes]:
    """The members of a head or tail, whose *magic* has been taken, and the whole frame."""

    def once(pairs: list[tuple[str, object]]) -> dict[str, object]:
        stream.check(len(dict(pairs)) == len(pairs))
        return dict(pairs)

    length = stream.take(4)
    size = int.from_bytes(length, "little")
    stream.check(size <= METADATA_MAX)
    content = stream.take(size)
    try:
        members = json.loads(content.decode("utf-8"), object_pairs_hook=once)
    except (ValueError, RecursionError):
        raise RescueError(Failure.DAMAGED, stream.place) from None
    stream.check(isinstance(members, dict))
    for name, value in members.items():  # type() because a bool is an int to isinstance()
        stream.check(type(value) is str or (type(value) is int and abs(value) < 1 << 63))
        stream.check(not re.search("[\ud800-\udfff]", f"{name}{value}"))  # half a character
    return members, magic + length + content


def read_data_frame(stream: Stream) -> tuple[bytes, bytes]:
    """The plaintext of a data frame, whose magic has been taken, and the whole frame (RFC 8878, section 3.1.1)."""
    frame = bytearray(DATA + stream.take(1))
    descriptor, window = frame[4], 0
    stream.check(descriptor & 0b1111 == 0b0100)  # reserved bit, content checksum, no dictionary id; bit 4 is unused
    one_segment = bool(descriptor & 0b10_0000)  # then the window is the whole content, and has no field
    if not one_segment:
        frame += stream.take(1)
        window = (1 << 10 + (frame[5] >> 3)) // 8 * (8 + (frame[5] & 0b111))
    width = (1 if one_segment else 0, 2, 4, 8)[descriptor >> 6]
    field = stream.take(width)
    frame += field
    content_size = int.from_bytes(field, "little") + (256 if width == 2 else 0)
    stream.check(1 <= content_size <= CONTENT_MAX and window <= WINDOW_MAX)  # an absent Content_Size reads as 0

    last = 0
    while not last:  # the walk over the blocks gives the exact compressed size
        frame += stream.take(3)
        block = int.from_bytes(frame[-3:], "little")
        last, block_type, block_size = block & 1, block >> 1 & 0b11, block >> 3
        stream.check(block_type != RESERVED_BLOCK and block_size <= BLOCK_MAX)
        frame += stream.take(1 if block_type == RLE_BLOCK else block_size)
        stream.check(len(frame) + 4 <= COMPRESSED_MAX)
    frame += stream.take(4)  # the content checksum, which the decoder compares

    decoder = pyzstd.ZstdDecompressor()
    try:
        plain = decoder.decompress(frame, content_size + 1)  # no more: four bytes of a block can become 128 KiB
    except pyzstd.ZstdError:
        raise RescueError(Failure.DAMAGED, stream.place) from None
    stream.check(len(plain) == content_size and decoder.eof and not decoder.unused_data)
    return plain, bytes(frame)


# --- Section 5: reading -----------------------------------------------------------------------------------------------


EXIT_CODES = {Failure.WRONG_KEY: 12, Failure.TRUNCATED: 14}  # 13 for the other classes


def rescue(source: BinaryIO, key: Key, author: bytes | None = None, kind: str = "sealed") -> Iterator[bytes]:
    """The plaintext, frame by frame. If a RescueError ends it, what came before is a true prefix of the plaintext.

    A *key* of type str is a password. *author*, the 32 bytes of a verifying key, demands that signature; without it none is checked.
    *kind* is what the payload's context has behind the version: of an object of a store, store id and name too (section 10)."""
    if isinstance(key, bytes) and len(key) != 32:
        raise ValueError("a backup key has 32 bytes")
    header = read_header(source, kind.partition("\0")[0])  # steps 1 and 2
    file_key = open_slot(header, key)  # step 3
    payload = Payload(source, header.size)
    start = payload.read(56)
    if len(start) < 56:
        raise RescueError(Failure.TRUNCATED, "beginning of the payload")
    mac_key = HKDFExpand(SHA512(), 32, b"chatseal/v1 header").derive(file_key)
    mac = hmac.digest(mac_key, header.authenticated + start, "sha512")[:32]
    if not hmac.compare_digest(mac, header.mac):  # step 4
        raise RescueError(Failure.HEADER_ALTERED, "the header and the beginning of the payload do not belong together")
    failure = None
    try:
        records = open_message(file_key, f"chatseal/v1\0{kind}".encode(), start, payload.read)  # steps 5 and 6
        yield from read_frames(Stream(records), author)  # steps 7 to 9
    except RescueError as error:
        failure = error
    if verdict := payload.verdict(failure):
        raise verdict


# --- Section 7: the command line --------------------------------------------------------------------------------------


def read_key_file(path: str) -> bytes | MLKEM768X25519PrivateKey:
    """A backup key (64 digits, grouped or not, or the text of a QR code) or a private key (a line that says so); # begins a comment."""
    try:
        with open(path, "rb") as file:
            text = file.read(1 << 16)
    except OSError as error:  # said without the path, lest somebody typed the key itself there
        raise OSError(error.errno, f"key file: {error.strerror}") from None
    lines = [line for line in text.splitlines() if not line.lstrip().startswith(b"#")]
    digits = re.sub(rb"[\s-]", b"", b"".join(lines))
    if found := re.fullmatch(rb"(?i:CHATSEAL:1:)?([0-9A-Fa-f]{64})", digits):
        return bytes.fromhex(found[1].decode())
    with contextlib.suppress(ValueError):
        (line,) = (line for line in lines if line.startswith(b"chatseal-private-key "))
        secret = unbase64(line.partition(b" ")[2])
        from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey
        from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
        from cryptography.hazmat.primitives.hpke import MLKEM768X25519PrivateKey

        seed, x25519 = MLKEM768PrivateKey.from_seed_bytes(secret[:64]), X25519PrivateKey.from_private_bytes(secret[64:])
        return MLKEM768X25519PrivateKey(seed, x25519)
    raise OSError(f"{path!r} holds neither 64 hexadecimal digits nor one line chatseal-private-key")


def read_password_file(path: str) -> str:
    """The first line, without its end."""
    with open(path, "rb") as file:
        line = file.readline(1 << 16).removesuffix(b"\n").removesuffix(b"\r")
    try:
        return line.decode()
    except UnicodeDecodeError:
        raise OSError(f"{path!r} does not begin with a line of UTF-8") from None


def read_author(path: str) -> bytes:
    """The bytes of a verifying key, from its `.pub` file."""
    with open(path, "rb") as file:
        lines = file.read(1 << 16).splitlines()
    with contextlib.suppress(ValueError):
        (line,) = (line for line in lines if line.startswith(b"chatseal-verifying-key "))
        if len(author := unbase64(line.partition(b" ")[2])) == 32:
            return author
    raise OSError(f"{path!r} does not hold one line chatseal-verifying-key")


def write_beside(target: str, fill: Callable[[BinaryIO], object]) -> None:
    """A new file, which *fill* writes, and which gets the name *target* once all of it was right and is on stable storage."""
    if os.path.lexists(target):
        raise FileExistsError(f"{target!r} exists, and is not written over")
    descriptor, beside = tempfile.mkstemp(prefix=".rescue-", dir=os.path.dirname(target) or ".")  # its owner's alone
    try:
        with open(descriptor, "w+b") as out:
            fill(out)
            out.flush()
            os.fsync(out.fileno())
        try:
            os.link(beside, target)  # fails where a rename would replace what got that name meanwhile
        except FileExistsError:
            raise FileExistsError(f"{target!r} appeared meanwhile, and is not written over") from None
        except OSError:  # a file system without links
            os.rename(beside, target)
    finally:
        with contextlib.suppress(FileNotFoundError):  # it was renamed
            os.unlink(beside)


def parse_arguments(arguments: list[str] | None) -> argparse.Namespace:
    """What the command line says. Ends the program with exit code 2 where it says nothing that can be done."""
    parser = argparse.ArgumentParser(prog="rescue", description="Open a sealed file or a store of chatseal.", allow_abbrev=False)
    parser.add_argument("file", metavar="FILE", help="the sealed file, or - for standard input, or the folder of a store")
    parser.add_argument(
        "snapshot", metavar="SNAPSHOT", nargs="?", help="of a store: `latest` or the first digits; without it all are listed"
    )
    parser.add_argument("name", metavar="NAME", nargs="?", help="a file of the snapshot; without it all are listed")
    keys = parser.add_mutually_exclusive_group(required=True)
    keys.add_argument("--key-file", metavar="K", help="a file with the backup key or the private key")
    keys.add_argument("--password-file", metavar="P", help="a file whose first line is the password")
    parser.add_argument("--from", metavar="PUBKEY", dest="author", help="a file with the verifying key that must have signed it")
    parser.add_argument("-o", metavar="OUT", default="-", help="a new file for the plaintext (default: standard output)")
    parser.add_argument("--to", metavar="DIR", help="a new folder for all of a snapshot, or for NAME and what is below it")
    options = parser.parse_intermixed_args(arguments)  # so that SNAPSHOT may come after an option
    if not os.path.isdir(options.file) and (options.snapshot or options.to):
        parser.error("a snapshot is in a store, which is a folder")
    if os.path.isdir(options.file) and options.author:
        parser.error("a store has no author")
    if options.to and (options.o != "-" or not options.snapshot):
        parser.error("--to takes a snapshot, and no -o")
    if options.o != "-" and options.snapshot and not options.name:
        parser.error("-o takes one file: give its name")
    return options


def read_key(options: argparse.Namespace) -> bytes | str | MLKEM768X25519PrivateKey:
    """The key that the command line names."""
    return read_key_file(options.key_file) if options.key_file is not None else read_password_file(options.password_file)


def main(arguments: list[str] | None = None) -> int:
    """Exit code: 0 ok, 1 other failure, 2 usage, 3 partly done, 10 not there, 12 wrong key, 14 truncated, 13 all else in the file."""
    options = parse_arguments(arguments)
    if os.path.isdir(options.file):
        return told(options.file, lambda: int(rescue_store().main(arguments)))
    return told(options.file, lambda: open_file(options))


def open_file(options: argparse.Namespace) -> int:
    standard = options.file == "-"
    key, author = read_key(options), read_author(options.author) if options.author else None
    with open(0 if standard else options.file, "rb", closefd=not standard) as source:
        if options.o != "-":
            write_beside(options.o, lambda out: out.writelines(rescue(source, key, author)))
        else:
            with open(1, "wb", closefd=False) as out:
                out.writelines(rescue(source, key, author))
    return 0


def rescue_store() -> Any:
    """The other file, which imports this one: so it lies beside it, in a package or alone."""
    try:
        return importlib.import_module("chatseal.rescue_store" if __package__ else "rescue_store")
    except ModuleNotFoundError:
        raise OSError("a store needs rescue_store.py, which is not beside rescue.py") from None


def told(file: str, work: Callable[[], int]) -> int:
    """Do *work*, tell what went wrong with *file*, and return the exit code."""
    try:
        return work()
    except RescueError as error:
        message, code = f"{file!r}: {error}", EXIT_CODES.get(error.failure, 13)
    except OSError as error:
        message, code = str(error), 10 if isinstance(error, FileNotFoundError) else 1
    except (ImportError, UnsupportedAlgorithm, MemoryError, KeyboardInterrupt) as error:
        message, code = f"stopped by {type(error).__name__}: {error}", 1
    print(f"rescue: {message}", file=sys.stderr)
    return code


if __name__ == "__main__":
    sys.exit(main())
