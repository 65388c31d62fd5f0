"""The oracle: what every sealed file must satisfy, said with other people's code (docs/format.md).

None of it touches the code under test until its own answer is there: the header is cut off by hand, the payload is opened by
`cryptography.cobblestone`, decompressed by the zstd command and by pyzstd, sought in by `pyzstd.SeekableZstdFile`, and read by
`chatseal.rescue`, which shares no code with the rest."""

import base64
import hashlib
import io
import json
import re
import shutil
import struct
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pyzstd
from cryptography.cobblestone import Cobblestone256Decryptor
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.hashes import SHA512
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, MLKEM768X25519PrivateKey, Suite
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

import chatseal
from chatseal import BackupKey, Password, PrivateKey, VerifyingKey
from chatseal.rescue import RescueError, rescue
from corpus import RECORD
from slow_writer import HEAD_MAGIC, HPKE_INFO, PADDING_MAGIC, PAYLOAD_CONTEXT, TABLE_MAGIC, TAIL_MAGIC, argon2id, padme, private_key

ZSTD = shutil.which("zstd")
SLOT_LABEL = b"chatseal/v1 slot key"
DATA_MAGIC = 0xFD2FB528


@dataclass(frozen=True)
class Parts:
    """A sealed file taken apart with the right key."""

    header: bytes
    file_key: bytes
    payload: bytes
    stream: bytes
    rows: list[tuple[int, int]]  # of the seek table: bytes of the frame, bytes of its content

    @property
    def size(self) -> int | None:
        """What the header's size line says."""
        found = re.match(rb"chatseal/v1 sealed\nsize ([0-9]+)\n", self.header)
        return int(found[1]) if found else None

    @property
    def head(self) -> dict[str, str | int]:
        return self._metadata(0)

    @property
    def tail(self) -> dict[str, str | int]:
        return self._metadata(self.tail_row)

    @property
    def tail_row(self) -> int:
        """The first row without content after that of the head."""
        return next(number for number, (_, content) in enumerate(self.rows) if number and not content)

    @property
    def data(self) -> list[int]:
        """The content sizes of the data frames."""
        return [content for _, content in self.rows[1 : self.tail_row]]

    @property
    def padding_length(self) -> int:
        """Bytes of padding frames."""
        return sum(length for length, _ in self.rows[self.tail_row + 1 :])

    @property
    def digest(self) -> bytes:
        """What a signature stands for."""
        digest, at = hashlib.sha512(b"chatseal/v1 signature\0sealed\0"), 0
        for length, _ in self.rows[: self.tail_row]:
            digest.update(hashlib.sha512(self.stream[at : at + length]).digest())
            at += length
        return digest.digest()

    def is_signed_by(self, key: VerifyingKey) -> bool:
        """Whether the tail names *key* and holds its signature; raises InvalidSignature if that is wrong."""
        signer, signature = (base64.b64decode(str(self.tail[name]) + "==") for name in ("signer", "signature"))
        Ed25519PublicKey.from_public_bytes(signer).verify(signature, b"chatseal/v1 signature\0sealed\0" + self.digest)
        return signer == bytes(key)

    def _metadata(self, row: int) -> dict[str, str | int]:
        at = sum(length for length, _ in self.rows[:row])
        members: dict[str, str | int] = json.loads(self.stream[at + 8 : at + self.rows[row][0]])
        return members

    def record(self, number: int) -> slice:
        """The bytes of one record in the file."""
        at = len(self.header) + 56 + number * (RECORD + 16)
        return slice(at, at + RECORD + 16)

    @property
    def records(self) -> int:
        return len(self.stream) // RECORD + 1

    def released_before(self, record: int) -> int:
        """Bytes of plaintext in frames that lie wholly before *record*: what a reader may let go of if that one is bad."""
        at = released = 0
        for length, content in self.rows:
            at += length
            if at > record * RECORD:
                break
            released += content
        return released


def payload_size(stream_length: int) -> int:
    """The formula of section 3."""
    return 56 + stream_length + 16 * (stream_length // RECORD + 1)


def rescue_key(key: BackupKey | PrivateKey | Password) -> "bytes | str | MLKEM768X25519PrivateKey":
    """The key as rescue takes it."""
    if isinstance(key, Password):
        return bytes(key._secret.view).decode()
    return bytes(key.secret) if isinstance(key, BackupKey) else private_key(bytes(key._secret.view))


def rescued(sealed: bytes, key: BackupKey | PrivateKey | Password, author: VerifyingKey | None = None) -> tuple[str, bytes]:
    """How rescue ends, "ok" or the words of a failure class, and what it let go of before."""
    released = bytearray()
    try:
        for piece in rescue(io.BytesIO(sealed), rescue_key(key), None if author is None else bytes(author)):
            released += piece
    except RescueError as error:
        return str(error.failure), bytes(released)
    return "ok", bytes(released)


def header_length(sealed: bytes) -> int:
    """Through the line that begins with `end`."""
    return sealed.index(b"\n", sealed.index(b"\nend ") + 1) + 1


def file_key_of(header: bytes, key: BackupKey | PrivateKey | Password) -> bytes:
    """Section 7, by hand: the file key from the first slot that opens."""
    slots: list[tuple[bytes, bytes, bytes]] = re.findall(rb"^slot (key|hpke|password) (?:(.*) )?(\S+)$", header, re.MULTILINE)
    for kind, arguments, text in slots:
        body = base64.b64decode(text + b"=" * (-len(text) % 4))
        try:
            if kind == b"key" and isinstance(key, BackupKey):
                kek = HKDF(SHA512(), 32, None, SLOT_LABEL).derive(bytes(key.secret))
                return _cobblestone(kek, SLOT_LABEL, body)
            if kind == b"password" and isinstance(key, Password):
                _, memory, passes, lanes, salt = arguments.split()
                stretched = argon2id(
                    bytes(key._secret.view), base64.b64decode(salt + b"=="), int(memory[2:]), int(passes[2:]), int(lanes[2:])
                )
                kek = HKDF(SHA512(), 32, None, b"chatseal/v1 slot password").derive(stretched)
                return _cobblestone(kek, b"chatseal/v1 slot password " + arguments, body)
            if kind == b"hpke" and isinstance(key, PrivateKey):
                suite = Suite(KEM.MLKEM768_X25519, KDF.HKDF_SHA512, AEAD.AES_256_GCM)
                return suite.decrypt(body, key.hpke, info=HPKE_INFO)
        except InvalidTag:
            continue
    raise AssertionError("no slot opens")


def _cobblestone(key: bytes, context: bytes, message: bytes) -> bytes:
    decryptor = Cobblestone256Decryptor(key, context)
    return decryptor.update(message) + decryptor.finalize()


def take_apart(sealed: bytes, key: BackupKey | PrivateKey | Password) -> Parts:
    """The parts of a good file, each checked for what section 2 to 4 say of its form."""
    length = header_length(sealed)
    assert length % 4096 == 0
    assert 4096 <= length <= 65536
    header, payload = sealed[:length], sealed[length:]
    file_key = file_key_of(header, key)
    stream = _cobblestone(file_key, PAYLOAD_CONTEXT, payload)
    parts = Parts(header, file_key, payload, stream, table_rows(stream))
    assert len(payload) == payload_size(len(stream))
    assert parts.size in (None, len(payload))
    return parts


def table_rows(stream: bytes) -> list[tuple[int, int]]:
    count, descriptor, magic = struct.unpack("<IBI", stream[-9:])
    assert (descriptor, magic) == (0, 0x8F92EAB1)
    table = stream[-(8 * count + 17) :]
    assert struct.unpack("<II", table[:8]) == (TABLE_MAGIC, 8 * count + 9)
    rows = [(length, content) for length, content in struct.iter_unpack("<II", table[8:-9])]
    at, order = 0, ""
    for length, content in rows:
        magic = int.from_bytes(stream[at : at + 4], "little")
        order += {HEAD_MAGIC: "h", DATA_MAGIC: "d", TAIL_MAGIC: "t", PADDING_MAGIC: "p"}[magic]
        assert (content == 0) == (magic != DATA_MAGIC)
        if magic == PADDING_MAGIC:
            assert stream[at + 4 : at + length] == (length - 8).to_bytes(4, "little") + bytes(length - 8)
        at += length
    assert re.fullmatch("hd*tp*", order)
    assert at + len(table) == len(stream)
    return rows


def zstd_command(stream: bytes) -> bytes:
    """What the command line tool makes of the stream."""
    assert ZSTD is not None
    return subprocess.run([ZSTD, "-d", "-c", "--quiet"], input=stream, stdout=subprocess.PIPE, check=True).stdout


def check_everything(
    sealed: bytes | Path,
    key: BackupKey | PrivateKey | Password,
    plain: bytes,
    *,
    command: bool = True,
    author: VerifyingKey | None = None,
    padded: bool = False,
) -> Parts:
    """All of it, for a file that holds *plain*, signed by *author* or nobody, *padded* or not.

    Without *command* the zstd command is left out, which takes a process."""
    if isinstance(sealed, Path):
        sealed = sealed.read_bytes()
    parts = take_apart(sealed, key)
    assert sum(content for _, content in parts.rows) == len(plain)
    assert parts.tail["size"] == len(plain)
    assert parts.head["kind"] in ("file", "stream")
    assert (len(parts.rows) > parts.tail_row + 1) == padded
    assert not padded or len(parts.stream) == padme(len(parts.stream))
    assert "signer" not in parts.tail if author is None else parts.is_signed_by(author)
    _check_recovery(parts, plain, command=command)
    assert rescued(sealed, key, author) == ("ok", plain)
    assert chatseal.unseal_bytes(sealed, key, author=author) == plain
    with chatseal.open(io.BytesIO(sealed), key=key) as reader:
        assert reader.size == len(plain)
        assert reader.signer == author
        assert reader.padding == parts.padding_length
        for begin, end in places(parts, len(plain)):
            reader.seek(begin)
            assert reader.read(end - begin) == plain[begin:end]
    return parts


def _check_recovery(parts: Parts, plain: bytes, *, command: bool) -> None:
    if command and ZSTD:
        assert zstd_command(parts.stream) == plain
    assert pyzstd.decompress(parts.stream) == plain
    with pyzstd.SeekableZstdFile(io.BytesIO(parts.stream)) as seekable:
        for begin, end in places(parts, len(plain)):
            seekable.seek(begin)
            assert seekable.read(end - begin) == plain[begin:end]


def places(parts: Parts, length: int) -> list[tuple[int, int]]:
    """Stretches of plaintext worth a seek: the ends, the middle, and over the first and the last border of frames."""
    borders = [sum(content for _, content in parts.rows[:i]) for i in (2, parts.tail_row - 1)]
    stretches = {(max(0, at - 5), min(length, at + 5)) for at in (0, length // 2, length, *borders)}
    return sorted(stretches)
