"""Write sealed.json, the test vectors of docs/format.md, with `slow_writer` and nothing of chatseal.

    cd tests && python -m vectors.make_vectors

Everything follows from seeds except the HPKE slots, whose encapsulation the library draws: their lines are kept in
sealed.json itself and read from there, and only a missing one is made. Frames are stored (raw blocks) wherever compression
is not the matter, so that the bytes do not depend on the version of zstd.

Each vector is a file with one thing wrong, or with nothing wrong. Whether the checksum and the MAC of a broken header
are made right again says who did it: right checksum and MAC is a writer that holds the key (`insider`), a right checksum
alone is somebody without it (`outsider`), none of them is an accident.
"""

from __future__ import annotations

import base64
import hashlib
import json
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pyzstd
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from slow_writer import (
    END_LINE_SIZE,
    FILE_HEAD,
    HEAD_MAGIC,
    HPKE_INFO,
    PAYLOAD_CONTEXT,
    RECORD,
    SIGNATURE_PREFIX,
    STORED_START,
    TAIL_MAGIC,
    VERSION_LINE,
    Draw,
    Frame,
    base64_text,
    block,
    cobblestone,
    data_frame,
    end_line,
    expand,
    framed,
    frames_digest,
    header_lines,
    hpke_slot,
    key_slot,
    message_keys,
    metadata_frame,
    padded,
    padding,
    password_slot,
    private_key,
    record_nonce,
    seek_table,
    signed,
    skippable,
    stored_frame,
    stream_of,
    table_entries,
    vault_slot,
    verifying_key,
    with_padding,
)

PATH = Path(__file__).with_name("sealed.json")

OK = "ok"
NOT_SEALED, HEADER_DAMAGED, WRONG_KEY, HEADER_ALTERED = "not a sealed file", "header damaged", "wrong key", "header altered"
DAMAGED, TRUNCATED, TRAILING, WRONG_AUTHOR = "damaged", "truncated", "trailing bytes", "wrong author"

COMPRESSED = "compressed by zstd, whose next version may do it otherwise"

KEY, OTHER_KEY = Draw("backup key")(32), Draw("another backup key")(32)
SEED, OTHER_SEED = Draw("signing key")(32), Draw("another signing key")(32)
SECRET, OTHER_SECRET = Draw("private key")(96), Draw("another private key")(96)
MIB = 1 << 20
SEALED_RECORD = RECORD + 16

Key = tuple[str, str]  # member of the vector, value


def hex_key(key: bytes) -> Key:
    return "key", key.hex()


def secret_key(secret: bytes) -> Key:
    return "private_key", base64_text(secret).decode()


MINE = hex_key(KEY)

WORD: Key = ("password", "Käse 7 Kühe")
SALT = base64_text(Draw("salt of Argon2id")(16))
CHEAP = b"argon2id m=19456 t=1 p=1 " + SALT


def with_password(file_key: bytes, arguments: bytes = CHEAP, *, stretched: bytes | None = None) -> bytes:
    """A slot for WORD."""
    return password_slot(WORD[1].encode(), file_key, Draw("password")(24), arguments, stretched=stretched)


FINGERPRINT, RECORD_ID = base64_text(Draw("fingerprint of a vault")(32)), base64_text(Draw("id of a record")(16))


def at_vault(url: bytes = b"https://vault.example/", generation: bytes = b"7", *more: bytes) -> bytes:
    """The arguments of a vault slot."""
    return b" ".join((base64_text(url), FINGERPRINT, RECORD_ID, generation, *more))


def in_vault(file_key: bytes, arguments: bytes | None = None) -> bytes:
    """A vault slot for KEY."""
    return vault_slot(KEY, file_key, Draw("vault")(24), arguments or at_vault())


def only_vault(arguments: bytes) -> Callable[[bytes], list[bytes]]:
    return lambda file_key: [in_vault(file_key, arguments)]


# --- A file with its parts in reach -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Sealed:
    file_key: bytes
    before: bytes  # the header before its end line
    payload: bytes
    frames: Sequence[Frame]

    @property
    def end_line(self) -> bytes:
        return end_line(self.before, self.file_key, self.payload)

    @property
    def header(self) -> bytes:
        return self.before + self.end_line

    @property
    def file(self) -> bytes:
        return self.header + self.payload

    @property
    def plain(self) -> bytes:
        return b"".join(frame.plain for frame in self.frames)

    def released(self, records: int) -> bytes:
        """The plaintext of the frames that lie wholly within the first *records* records."""
        plain, at = b"", 0
        for frame in self.frames:
            at += len(frame.wire)
            if at > records * RECORD:
                break
            plain += frame.plain
        return plain

    def insider(self, before: bytes) -> bytes:
        """The file with another header and everything right about it but what is wrong."""
        return replace(self, before=before).file

    def outsider(self, before: bytes, payload: bytes | None = None) -> bytes:
        """The file with another header or payload by somebody without the file key: the old MAC."""
        checksum = base64_text(hashlib.sha256(before).digest()[:8])
        return before + b"end " + checksum + self.end_line[-45:] + (self.payload if payload is None else payload)


def seal(
    frames: Sequence[Frame],
    *,
    table: bytes | None = None,
    after: bytes = b"",
    size: bool = True,
    size_error: int = 0,
    slots: Callable[[bytes], Iterable[bytes]] | None = None,
    context: bytes = PAYLOAD_CONTEXT,
    seed: str = "file",
    total: int | None = None,
) -> Sealed:
    """*frames*, the seek table and *after* as one stream. *slots* makes the slot lines from the file key."""
    draw = Draw(seed)
    file_key, salt, slot_salt = draw(32), draw(24), draw(24)
    payload = cobblestone(file_key, context, stream_of(frames, table) + after, salt)
    lines = slots(file_key) if slots else [key_slot(KEY, file_key, slot_salt)]
    return Sealed(file_key, padded(header_lines(lines, len(payload) + size_error if size else None), total), payload, frames)


TEXT = b"".join(b"[2026-11-%02d 09:%02d] Ada: see you at %d, %s\n" % (n % 28 + 1, n % 60, n % 12, b"ok" * (n % 5)) for n in range(60))
SHORT = TEXT[:90]
THREE = [stored_frame(TEXT[:20]), stored_frame(TEXT[20:50]), stored_frame(TEXT[50:60])]


def small(data: Sequence[Frame]) -> list[Frame]:
    """*data* under the shortest head: what most vectors are about lies elsewhere."""
    return framed(data, {"kind": "stream"})


def quiet(sizes: Sequence[int], seed: str = "file") -> list[Frame]:
    """Stored frames whose plaintext equals the key stream it meets, so that their ciphertext is zeros.

    It makes long files that take no room in sealed.json. Only for `seal(framed(...), seed=seed)`.
    """
    draw = Draw(seed)
    record_key, base_nonce, _ = message_keys(draw(32), PAYLOAD_CONTEXT, draw(24))
    at, frames = len(metadata_frame(HEAD_MAGIC, FILE_HEAD).wire), []
    key_stream = b""
    for size in sizes:
        at += STORED_START
        while len(key_stream) < at + size:
            nonce = record_nonce(base_nonce, len(key_stream) // RECORD)
            key_stream += AESGCM(record_key).encrypt(nonce, bytes(RECORD), None)[:RECORD]
        frames.append(stored_frame(key_stream[at : at + size]))
        at += size + 4
    return frames


def quiet_for_stream(length: int) -> list[Frame]:
    """One quiet frame that makes the whole stream *length* bytes long."""
    size = length - 100
    while gap := length - len(stream_of(framed([stored_frame(bytes(size))]))):
        size += gap
    return quiet([size])


def flip(data: bytes, at: int) -> bytes:
    at %= len(data)
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


def altered(text: bytes) -> bytes:
    """Another canonical base64 text of the same length."""
    return (b"A" if text[:1] != b"A" else b"B") + text[1:]


def next_to(text: bytes) -> bytes:
    """The same base64 with one of the unused bits in its last character set."""
    return text[:-1] + bytes([text[-1] + 1])


# --- The list ---------------------------------------------------------------------------------------------------------


@dataclass
class Vectors:
    kept: dict[str, str]  # HPKE slot lines by what they are for
    made: list[dict[str, Any]] = field(default_factory=list)
    section: str = ""

    def add(
        self,
        name: str,
        file: bytes,
        result: str,
        plain: bytes,
        released: bytes,
        key: Key = MINE,
        comment: str = "",
        author: bytes | None = None,
    ) -> None:
        """*plain* is what was sealed, *released* how much of it may come out before the failure, *author* who is demanded."""
        vector: dict[str, Any] = {"name": name, "section": self.section}
        if comment:
            vector["comment"] = comment
        vector |= {
            key[0]: key[1],
            **({"author": base64_text(author).decode()} if author is not None else {}),
            "result": result,
            "plain_size": len(plain),
            "released_size": len(released),
            "released_sha256": hashlib.sha256(released).hexdigest(),
            "file": base64.b64encode(pyzstd.compress(file, 19)).decode(),
        }
        self.made.append(vector)

    def ok(self, name: str, sealed: Sealed, key: Key = MINE, comment: str = "") -> None:
        self.add(name, sealed.file, OK, sealed.plain, sealed.plain, key, comment)

    def nothing(self, name: str, file: bytes, result: str, key: Key = MINE, comment: str = "") -> None:
        """A failure before the first byte."""
        self.add(name, file, result, b"", b"", key, comment)

    def hpke(self, purpose: str, secret: bytes, file_key: bytes, info: bytes = HPKE_INFO) -> bytes:
        if purpose not in self.kept:
            self.kept[purpose] = hpke_slot(private_key(secret).public_key(), file_key, info).decode()
        return self.kept[purpose].encode()


def build(kept: dict[str, str]) -> dict[str, Any]:
    """The content of sealed.json. *kept* are the HPKE slot lines made before."""
    vectors = Vectors(dict(kept))
    parts = (good_files, beginnings, header_grammar, slots_and_mac, records, stream_order, data_frames, metadata, tables)
    for part in (*parts, signatures, paddings):
        part(vectors)
    names = [vector["name"] for vector in vectors.made]
    if len(set(names)) < len(names):
        raise ValueError("a name occurs twice")
    return {
        "format": "docs/format.md, version 1",
        "encoding": "file: base64 of the zstd-compressed bytes; key: hexadecimal; private_key: unpadded base64 of the "
        "ML-KEM-768 seed (64 bytes) and the X25519 private key (32 bytes); password: text; author: unpadded base64 of the Ed25519 public "
        "key (32 bytes)",
        "zstd": pyzstd.zstd_version,
        "hpke_slots": vectors.kept,
        "vectors": vectors.made,
    }


def good_files(v: Vectors) -> None:
    v.section = "1 to 5"
    v.ok("an empty file opens", seal(framed([])))
    v.ok("a file of one byte opens", seal(framed([stored_frame(b"x")])))
    v.ok("a file of text opens", seal(framed([data_frame(TEXT)])), comment=COMPRESSED)
    v.ok("a file compressed at level 19 opens", seal(framed([data_frame(TEXT, 19)])), comment=COMPRESSED)
    v.ok("a file of several frames opens", seal(framed(THREE)))
    v.ok("a file without a size line opens", seal(small(THREE), size=False))
    v.ok("an empty file without a size line opens", seal(framed([]), size=False))

    v.section = "3"
    for length in (RECORD - 1, RECORD, RECORD + 1, 2 * RECORD):
        last = "an empty last record" if length % RECORD == 0 else f"a last record of {length % RECORD} bytes"
        sealed = seal(framed(quiet_for_stream(length)))
        v.ok(f"a stream of {length} bytes opens, with {last}", sealed)
        v.ok(f"a stream of {length} bytes opens, with {last} and no size line", seal(sealed.frames, size=False))

    v.section = "4"
    v.ok("a file of many frames of 64 KiB opens", seal(framed(quiet([65536] * 5 + [65535]))))
    v.ok("a file of more than 256 records opens", seal(framed(quiet([110000] * 39))))
    v.ok("a file whose first frame is the shortest opens", seal(framed(quiet([10, 2000, 700]))))
    zeros = bytes(16 * MIB)
    runs = b"".join(block(1, 128 << 10, b"\0", last=number == 127) for number in range(128))
    v.ok("a frame of 16 MiB opens", seal(framed([stored_frame(zeros, blocks=runs)])))
    for width, descriptor in ((1, 0b0010_0100), (2, 0b0110_0100), (8, 0b1110_0100)):
        plain = TEXT[: 300 if width == 2 else 90]
        v.ok(f"a Content_Size of {width} bytes opens", seal(framed([stored_frame(plain, descriptor=descriptor)])))
    v.ok("a window of exactly 16 MiB opens", seal(framed([stored_frame(SHORT, window=14 << 3)])))
    split = block(0, 30, SHORT[:30], last=False) + block(0, 60, SHORT[30:], last=False) + block(0, 0, b"", last=True)
    v.ok("a frame with an empty last block opens", seal(framed([stored_frame(SHORT, blocks=split)])))
    v.ok("a frame of one run opens", seal(framed([stored_frame(b"x" * 999, blocks=block(1, 999, b"x", last=True))])))

    data = [stored_frame(SHORT)]
    v.ok("a head of kind stream opens", seal(framed(data, {"kind": "stream"})))
    v.ok("a name with control characters opens", seal(framed(data, {"kind": "file", "name": "\x1b[2J\r\n\0\x7f\u202etxt.db"})))
    v.ok("a name that is a path opens", seal(framed(data, {"kind": "file", "name": "../../etc/passwd"})), comment="never use it as one")
    v.ok("members that nobody knows are ignored", seal(framed(data, {**FILE_HEAD, "colour": "blue", "level": 3})))
    most = (1 << 63) - 1
    v.ok("integers up to 2^63 - 1 open", seal(framed(data, {"kind": "file", "mtime": -most, "other": most})))
    full = skippable(HEAD_MAGIC, b'{"kind":"file"}'.ljust(4096))
    v.ok("a head of 4096 bytes opens", seal([full, *framed(data)[1:]]))

    v.section = "2"
    v.ok("a header of 8192 bytes opens though 4096 would do", seal(framed(data), total=8192))
    v.ok("a header of 65536 bytes opens", seal(framed(data), total=65536))
    two = seal(framed(data), slots=lambda f: [key_slot(OTHER_KEY, f, Draw("1")(24)), key_slot(KEY, f, Draw("2")(24))])
    v.ok("the first of two slots opens", two, hex_key(OTHER_KEY))
    v.ok("the second of two slots opens", two)
    future = b"slot abcdefghijklmnop 1 x=2,y:3 {~} " + base64_text(bytes(40))
    v.ok("a slot of an unknown type is skipped", seal(framed(data), slots=lambda f: [future, key_slot(KEY, f, Draw("1")(24))]))
    long = b"slot future " + b"A" * (4096 - len(b"slot future "))
    v.ok("an unknown slot line of 4096 characters is skipped", seal(framed(data), slots=lambda f: [long, key_slot(KEY, f, Draw("1")(24))]))
    reserved = [b"slot passkey AAAA", b"slot passkeys AAAA"]
    v.ok("a slot of the reserved type is skipped", seal(framed(data), slots=lambda f: [*reserved, key_slot(KEY, f, Draw("1")(24))]))
    v.ok("32 slots open", seal(framed(data), slots=lambda f: [b"slot future AAAA"] * 31 + [key_slot(KEY, f, Draw("1")(24))]))

    by_word = seal(framed(data), slots=lambda f: [with_password(f)])
    v.ok("a password slot opens", by_word, WORD)
    v.ok("a password is normalised to NFKC", by_word, ("password", unicodedata.normalize("NFD", WORD[1]).replace("K", "\u212a")))
    v.ok(
        "a password slot opens beside a backup key",
        seal(framed(data), slots=lambda f: [with_password(f), key_slot(KEY, f, b"s" * 24)]),
        WORD,
    )
    dear = b"argon2id m=32768 t=2 p=3 " + SALT
    v.ok("Argon2id with other numbers opens", seal(framed(data), slots=lambda f: [with_password(f, dear)]), WORD)
    costs = [b"argon2id m=1048576 t=1 p=8 " + SALT, b"argon2id m=1048576 t=3 p=1 " + SALT]
    costly = [with_password(bytes(32), arguments, stretched=bytes(32)) for arguments in costs]
    beside_costly = seal(framed(data), slots=lambda f: [*costly, key_slot(KEY, f, b"s" * 24)])
    v.ok("four GiB of Argon2id are not computed for a backup key", beside_costly)

    v.ok("a vault slot opens with the backup key", seal(framed(data), slots=lambda f: [in_vault(f)]))
    v.ok(
        "a vault slot opens beside a key slot of another key",
        seal(framed(data), slots=lambda f: [key_slot(OTHER_KEY, f, Draw("1")(24)), in_vault(f)]),
    )
    for what, arguments in {
        "the longest URL": at_vault(b"https://" + b"v" * 192),
        "the shortest URL": at_vault(b"http://vv"),
        "the last generation": at_vault(generation=b"9007199254740991"),
    }.items():
        v.ok(f"a vault slot with {what} opens", seal(framed(data), slots=only_vault(arguments)))

    public = seal(framed(data), slots=lambda f: [v.hpke("right", SECRET, f)])
    v.ok("a public-key slot opens", public, secret_key(SECRET))
    mixed = seal(
        framed(data), slots=lambda f: [v.hpke("other holder", OTHER_SECRET, f), v.hpke("right", SECRET, f), key_slot(KEY, f, b"s" * 24)]
    )
    v.ok("one of two public-key slots opens beside a backup key", mixed, secret_key(SECRET))
    v.ok("the backup key opens beside two public-key slots", mixed)


def beginnings(v: Vectors) -> None:
    """Section 5, step 1, and what it leaves to the others."""
    v.section = "5, step 1"
    sealed = seal(small(THREE))
    file, header = sealed.file, sealed.header
    v.nothing("an empty source is truncated", b"", TRUNCATED)
    v.nothing("a short text is not a sealed file", b"hello\n", NOT_SEALED)
    v.nothing("zeros are not a sealed file", bytes(5000), NOT_SEALED)
    v.nothing("a zstd file is not a sealed file", stream_of(sealed.frames), NOT_SEALED)
    for what, line in {
        "version 2": b"chatseal/v2 sealed\n",
        "another kind": b"chatseal/v1 store\n",
        "a longer kind": b"chatseal/v1 sealed2\n",
        "no kind": b"chatseal/v1\n",
        "capitals": b"Chatseal/v1 sealed\n",
        "a byte order mark": b"\xef\xbb\xbf" + VERSION_LINE,
        "CR LF": b"chatseal/v1 sealed\r\n",
    }.items():
        rest = sealed.before[len(VERSION_LINE) :]
        drop = len(line) - len(VERSION_LINE)
        before = line + (rest.replace(b"." * drop, b"", 1) if drop >= 0 else rest[:-1] + b"." * -drop + b"\n")
        v.nothing(f"a version line with {what} is not a sealed file", sealed.insider(before), NOT_SEALED)
    for cut in (1, len(VERSION_LINE) - 1, len(VERSION_LINE), 100, len(sealed.before), len(header) - 1):
        v.nothing(f"a source cut at byte {cut}, inside its header, is truncated", file[:cut], TRUNCATED)
    large = seal(small(THREE), total=8192)
    v.nothing("a source cut after the first block of a longer header is truncated", large.file[:4096], TRUNCATED)
    v.nothing("a file of CR LF lines is not a sealed file", header.replace(b"\n", b"\r\n") + sealed.payload, NOT_SEALED)


def header_grammar(v: Vectors) -> None:
    """Section 5, step 2. The checksum and the MAC of these are right, so that nothing but the rule is broken."""
    v.section = "2; 5, step 2"
    sealed = seal(small(THREE))
    slot = key_slot(KEY, sealed.file_key, Draw("slot")(24))
    body = slot.split()[2]
    size = b"size %d" % len(sealed.payload)

    def broken(name: str, lines: Sequence[bytes], *, pad: bool = True, total: int | None = None) -> None:
        text = b"".join(line + b"\n" for line in [VERSION_LINE[:-1], *lines])
        v.nothing(f"{name} is a damaged header", sealed.insider(padded(text, total) if pad else text), HEADER_DAMAGED)

    def filled(pad: bytes) -> list[bytes]:
        """Size line, slot line and *pad*, in which FILL becomes the dots that bring the header to 4096 bytes."""
        others = len(VERSION_LINE + size + slot + pad) + 3 - len(b"FILL") + END_LINE_SIZE
        return [size, slot, pad.replace(b"FILL", b"." * (4096 - others))]

    broken("a header without slots", [size])
    broken("a header of 33 slots", [size] + [b"slot future AAAA"] * 32 + [slot])
    broken("a second size line", [size, size, slot])
    broken("a size line after the slot", [slot, size])
    for what, text in {
        "a leading zero": b"size 0%d" % len(sealed.payload),
        "a plus sign": b"size +%d" % len(sealed.payload),
        "a minus sign": b"size -%d" % len(sealed.payload),
        "an underscore": b"size 1_000",
        "2^63": b"size %d" % (1 << 63),
        "20 digits": b"size 10000000000000000000",
        "no digits": b"size ",
        "two spaces": b"size  %d" % len(sealed.payload),
        "a space at its end": size + b" ",
        "hexadecimal digits": b"size 0x%x" % len(sealed.payload),
    }.items():
        broken(f"a size line with {what}", [text, slot])
    for what, text in {
        "unused bits that are not zero": next_to(slot),
        "padding": slot + b"=",
        "the alphabet for URLs": b"slot key " + base64.urlsafe_b64encode(b"\xfb\xef\xff" * 35)[:139],
        "a body of 103 bytes": b"slot key " + base64_text(bytes(103)),
        "a body of 105 bytes": b"slot key " + base64_text(bytes(105)),
        "no body": b"slot key",
        "an argument that the type does not have": b"slot key 1 " + body,
        "two spaces": b"slot key  " + body,
        "a space at its end": slot + b" ",
        "a tab": b"slot\tkey " + body,
        "CR LF": slot + b"\r",
        "a character in the body that is not base64": slot[:20] + b"-" + slot[21:],
    }.items():
        broken(f"a slot line with {what}", [size, text])
    broken("a public-key slot with a body of 1167 bytes", [size, slot, b"slot hpke " + base64_text(bytes(1167))])
    word = with_password(sealed.file_key)
    for what, arguments in {
        "less memory than 19 MiB": b"argon2id m=19455 t=1 p=1 " + SALT,
        "more memory than 1 GiB": b"argon2id m=1048577 t=1 p=1 " + SALT,
        "ten GiB": b"argon2id m=10485760 t=1 p=1 " + SALT,
        "no pass": b"argon2id m=19456 t=0 p=1 " + SALT,
        "nine passes": b"argon2id m=19456 t=9 p=1 " + SALT,
        "nine lanes": b"argon2id m=19456 t=1 p=9 " + SALT,
        "more work than 4 GiB": b"argon2id m=1048576 t=5 p=1 " + SALT,
        "a leading zero": b"argon2id m=019456 t=1 p=1 " + SALT,
        "another function": b"scrypt m=19456 t=1 p=1 " + SALT,
        "Argon2i": b"argon2i m=19456 t=1 p=1 " + SALT,
        "numbers in another order": b"argon2id t=1 m=19456 p=1 " + SALT,
        "a salt of 15 bytes": b"argon2id m=19456 t=1 p=1 " + base64_text(bytes(15)),
        "a salt of 17 bytes": b"argon2id m=19456 t=1 p=1 " + base64_text(bytes(17)),
        "a salt with unused bits that are not zero": b"argon2id m=19456 t=1 p=1 " + next_to(SALT),
        "an argument more": b"argon2id m=19456 t=1 p=1 " + SALT + b" x",
        "no arguments": b"",
    }.items():
        line = b" ".join(filter(None, [b"slot password", arguments, word.split()[-1]]))
        broken(f"a password slot with {what}", [size, slot, line])
    broken("five password slots", [size, slot, *[word] * 5])
    costly = b"slot password argon2id m=1048576 t=2 p=1 " + SALT + b" " + word.split()[-1]
    broken("password slots that cost more than 4 GiB together", [size, slot, costly, costly, word])
    broken("a password slot with a body of 103 bytes", [size, slot, b" ".join(word.split()[:-1]) + b" " + base64_text(bytes(103))])
    vault = in_vault(sealed.file_key)
    for what, arguments in {
        "a URL of 8 characters": at_vault(b"https://"),
        "a URL of 201 characters": at_vault(b"https://" + b"v" * 193),
        "a URL of another scheme": at_vault(b"ftp://vault.example/"),
        "a URL with a space": at_vault(b"https://vault example/"),
        "a URL with a line end": at_vault(b"https://vault.example\n"),
        "a URL that is not ASCII": at_vault("https://vault.exämple/".encode()),
        "a URL with unused bits that are not zero": next_to(at_vault().split()[0]) + b" " + at_vault().split(b" ", 1)[1],
        "a fingerprint of 31 bytes": at_vault().replace(FINGERPRINT, base64_text(bytes(31))),
        "a fingerprint of 33 bytes": at_vault().replace(FINGERPRINT, base64_text(bytes(33))),
        "a record id of 15 bytes": at_vault().replace(RECORD_ID, base64_text(bytes(15))),
        "a record id of 17 bytes": at_vault().replace(RECORD_ID, base64_text(bytes(17))),
        "generation 0": at_vault(generation=b"0"),
        "a generation with a leading zero": at_vault(generation=b"07"),
        "a generation of 2^53": at_vault(generation=b"9007199254740992"),
        "a generation of 17 digits": at_vault(generation=b"90071992547409910"),
        "no generation": at_vault().rpartition(b" ")[0],
        "an argument more": at_vault(b"https://vault.example/", b"7", b"x"),
        "no arguments": b"",
    }.items():
        line = b" ".join(filter(None, [b"slot vault", arguments, vault.split()[-1]]))
        broken(f"a vault slot with {what}", [size, slot, line])
    broken("a vault slot with a body of 105 bytes", [size, slot, b" ".join(vault.split()[:-1]) + b" " + base64_text(bytes(105))])
    for what, text in {
        "no type": b"slot",
        "a type of 17 letters": b"slot abcdefghijklmnopq AAAA",
        "a capital in the type": b"slot Future AAAA",
        "a digit in the type": b"slot future2 AAAA",
        "4097 characters": b"slot future " + b"A" * (4097 - len(b"slot future ")),
        "a byte above 126": b"slot future AA\x7f",
        "a byte that is not ASCII": "slot future Aé".encode(),
        "a tab": b"slot future A\tA",
    }.items():
        broken(f"an unknown slot line with {what}", [size, text, slot])
    broken("a line of another name", [size, slot, b"note hello"])
    broken("an empty line", [size, slot, b""])
    broken("a comment line", [b"# hello", size, slot])

    broken("a header without a pad line", filled(b"slot future FILL"), pad=False)
    broken("a second pad line", filled(b"pad ...\npad FILL"), pad=False)
    broken("a pad of other characters", filled(b"pad FILL ,"), pad=False)
    broken("a pad of zero bytes", [line.replace(b".", b"\0") for line in filled(b"pad FILL")], pad=False)
    broken("a pad line without its space", filled(b"padFILL"), pad=False)
    broken("a pad line before the slots", [size, filled(b"pad FILL")[-1], slot], pad=False)
    for total in (4000, 4095, 4097, 8191):
        broken(f"a header of {total} bytes", [size, slot], total=total)
    sourceless = replace(sealed, payload=b"", before=padded(header_lines([slot], None), 4000))
    v.nothing(
        "a header of 4000 bytes at the end of the source is truncated",
        sourceless.file,
        TRUNCATED,
        comment="its end line is complete, but does not end a block",
    )
    broken("a header of 69632 bytes", [size, slot], total=69632)

    payload = sealed.payload

    def broken_end(name: str, change: Callable[[bytes, bytes], bytes], longer: int = 0) -> None:
        """*change* makes the end line from checksum and MAC, *longer* than it should be by so many bytes."""
        file = replace(sealed, before=padded(header_lines([slot], len(payload)), 4096 - longer))
        _, checksum, mac = file.end_line.split()
        v.nothing(f"{name} is a damaged header", file.before + change(checksum, mac) + payload, HEADER_DAMAGED)

    broken_end("a wrong checksum", lambda checksum, mac: b"end " + altered(checksum) + b" " + mac + b"\n")
    broken_end("a checksum with unused bits that are not zero", lambda checksum, mac: b"end " + next_to(checksum) + b" " + mac + b"\n")
    broken_end("a MAC with unused bits that are not zero", lambda checksum, mac: b"end " + checksum + b" " + next_to(mac) + b"\n")
    broken_end("a MAC with a character that is not base64", lambda checksum, mac: b"end " + checksum + b" " + mac[:-1] + b"*\n")
    broken_end("an end line with two spaces", lambda checksum, mac: b"end " + checksum + b"  " + mac + b"\n", 1)
    broken_end("an end line with a space at its end", lambda checksum, mac: b"end " + checksum + b" " + mac + b" \n", 1)
    broken_end("an end line with CR LF", lambda checksum, mac: b"end " + checksum + b" " + mac + b"\r\n", 1)
    broken_end("an end line with a padded checksum", lambda checksum, mac: b"end " + checksum + b"= " + mac + b"\n", 1)
    broken_end("an end line with a padded MAC", lambda checksum, mac: b"end " + checksum + b" " + mac + b"=\n", 1)
    broken_end("an end line with a third field", lambda checksum, mac: b"end " + checksum + b" " + mac + b" x\n", 2)
    broken_end("an end line without a MAC", lambda checksum, mac: b"end " + checksum + b"\n", -44)
    for what, at in {"size line": 24, "slot line": 60, "pad line": 2000}.items():
        v.nothing(f"a flipped bit in the {what} is a damaged header", flip(sealed.header, at) + payload, HEADER_DAMAGED)


def slots_and_mac(v: Vectors) -> None:
    """Section 5, steps 3 and 4."""
    v.section = "2; 5, step 3"
    sealed = seal(small(THREE))
    f, payload = sealed.file_key, sealed.payload
    wrong, damaged = hex_key(OTHER_KEY), flip(sealed.file, -1)
    v.nothing("another backup key is a wrong key", sealed.file, WRONG_KEY, wrong)
    v.nothing("a private key is a wrong key where no slot is for one", sealed.file, WRONG_KEY, secret_key(SECRET))
    v.nothing("a wrong key is noticed before a damaged record", damaged, WRONG_KEY, wrong)
    v.nothing("a wrong key is noticed before a missing payload", sealed.header, WRONG_KEY, wrong)
    v.nothing(
        "a wrong key is noticed before an altered header",
        sealed.outsider(padded(header_lines([key_slot(KEY, f, bytes(24))], None))),
        WRONG_KEY,
        wrong,
    )
    v.nothing("a damaged header is noticed before a wrong key", flip(sealed.file, 2000), HEADER_DAMAGED, wrong)
    public = seal(small(THREE), slots=lambda f: [v.hpke("right", SECRET, f)])
    v.nothing("a backup key is a wrong key where all slots are public-key slots", public.file, WRONG_KEY)
    v.nothing("another private key is a wrong key", public.file, WRONG_KEY, secret_key(OTHER_SECRET))
    other_kind = seal(small(THREE), slots=lambda f: [v.hpke("of another kind", SECRET, f, b"chatseal/v1 slot hpke\0store")])
    v.nothing("a public-key slot made for another kind does not open", other_kind.file, WRONG_KEY, secret_key(SECRET))

    def only(name: str, slot: bytes, key: Key = MINE) -> None:
        v.nothing(name, sealed.insider(padded(header_lines([slot], len(payload)))), WRONG_KEY, key)

    slot = key_slot(KEY, f, Draw("slot")(24))
    body = base64.b64decode(slot.split()[2] + b"=")
    for what, at in {"salt": 0, "commitment": 24, "encrypted file key": 56, "tag": 103}.items():
        only(f"a slot whose {what} has a flipped bit does not open", b"slot key " + base64_text(flip(body, at)))
    kek = cobblestone(expand(KEY, b"chatseal/v1 slot key", 32), b"chatseal/v1 slot key", f, bytes(24))
    only("a slot under a key that was only expanded does not open", b"slot key " + base64_text(kek), hex_key(KEY))
    public_body = bytearray(base64.b64decode(v.hpke("right", SECRET, f).split()[2] + b"=="))
    public_body[1100] ^= 1
    word = with_password(f)
    vault = in_vault(f)
    only("another backup key is a wrong key for a vault slot", vault, hex_key(OTHER_KEY))
    for what, old, new in (
        ("URL", at_vault().split()[0], at_vault(b"https://thief.example/").split()[0]),
        ("fingerprint", FINGERPRINT, altered(FINGERPRINT)),
        ("record id", RECORD_ID, altered(RECORD_ID)),
        ("generation", b" 7 ", b" 8 "),
    ):
        only(f"a vault slot whose {what} was changed does not open", vault.replace(old, new))
    only("the body of a key slot does not open as a vault slot", b" ".join(vault.split()[:-1]) + b" " + slot.split()[-1])
    only("the body of a vault slot does not open as a key slot", b"slot key " + vault.split()[-1])
    only("another password is a wrong key", word, ("password", "another"))
    only("a backup key is a wrong key where all slots are for passwords", word)
    for what, old, new in (("number", b"m=19456", b"m=19457"), ("salt", SALT, altered(SALT))):
        only(f"a password slot whose {what} was changed does not open", word.replace(old, new), WORD)
    body = base64.b64decode(word.split()[-1] + b"=")
    only(
        "a password slot whose body has a flipped bit does not open",
        b" ".join(word.split()[:-1]) + b" " + base64_text(flip(body, 60)),
        WORD,
    )
    only(
        "a public-key slot whose X25519 part has a flipped bit does not open",
        b"slot hpke " + base64_text(bytes(public_body)),
        secret_key(SECRET),
    )

    v.section = "2; 5, step 4"
    size = len(payload)
    stranger = seal(framed([stored_frame(b"another file")]), seed="stranger")
    moved = key_slot(KEY, stranger.file_key, Draw("moved")(24))
    v.nothing("a slot moved from another file is an altered header", sealed.outsider(padded(header_lines([moved], size))), HEADER_ALTERED)
    v.nothing(
        "no slot is tried after one that opens",
        sealed.insider(padded(header_lines([moved, slot], size))),
        HEADER_ALTERED,
        comment="the first slot opens to another file key, the second would open to the right one",
    )
    v.nothing(
        "a MAC with a flipped bit is an altered header",
        sealed.before + sealed.end_line[:-44] + altered(sealed.end_line[-44:-1]) + b"\n" + payload,
        HEADER_ALTERED,
    )
    two = [key_slot(KEY, f, Draw("1")(24)), key_slot(OTHER_KEY, f, Draw("2")(24))]
    both = replace(sealed, before=padded(header_lines(two, size)))
    v.nothing("two swapped slots are an altered header", both.outsider(padded(header_lines(two[::-1], size))), HEADER_ALTERED)
    v.nothing("a removed slot is an altered header", both.outsider(padded(header_lines(two[:1], size))), HEADER_ALTERED)
    v.nothing("an added slot is an altered header", both.outsider(padded(header_lines([*two, b"slot future AAAA"], size))), HEADER_ALTERED)
    v.nothing("a removed size line is an altered header", both.outsider(padded(header_lines(two, None))), HEADER_ALTERED)
    v.nothing("a changed size line is an altered header", both.outsider(padded(header_lines(two, size - 1))), HEADER_ALTERED)
    v.nothing("a longer pad is an altered header", both.outsider(padded(header_lines(two, size), 8192)), HEADER_ALTERED)
    v.nothing("the header of another file is an altered header", stranger.header + payload, HEADER_ALTERED)
    for what, at in {"salt": 0, "commitment": 24}.items():
        v.nothing(
            f"a flipped bit in the payload's {what} is an altered header",
            sealed.header + flip(payload, at),
            HEADER_ALTERED,
            comment="the MAC covers the first 56 bytes of the payload and is checked before them",
        )


def records(v: Vectors) -> None:
    """Section 5, steps 5 and 6, and how failures in them are named."""
    v.section = "3; 5, step 5"
    plain = small(THREE)
    sealed = seal(plain)
    for what, at in {"salt": 0, "commitment": 24}.items():
        insider = replace(sealed, payload=flip(sealed.payload, at))
        v.nothing(f"another {what} under a right MAC is damaged", insider.file, DAMAGED)
    v.nothing("a payload for another context is damaged", seal(plain, context=b"chatseal/v1\0store").file, DAMAGED)
    v.nothing("a payload under an empty context is damaged", seal(plain, context=b"").file, DAMAGED)

    frames = framed(quiet([10000, 20000, 9000]))
    for sized in (True, False):
        v.section = "3; 5, step 6"
        line = "" if sized else " and no size line"
        sealed = seal(frames, size=sized)
        head, p, whole = sealed.header, sealed.payload, sealed.plain
        start, one, two, last = p[:56], p[56:][:SEALED_RECORD], p[56:][SEALED_RECORD : 2 * SEALED_RECORD], p[56 + 2 * SEALED_RECORD :]

        def bad(
            name: str,
            payload: bytes,
            results: tuple[str, str],
            records: int,
            comment: str = "",
            *,
            sized: bool = sized,
            line: str = line,
            sealed: Sealed = sealed,
        ) -> None:
            """*results* with and without a size line; *records* are right before the failure."""
            result = results[0 if sized else 1]
            v.add(f"{name}{line} is {result}", sealed.header + payload, result, sealed.plain, sealed.released(records), comment=comment)

        bad("a flipped bit in the first record", start + flip(one, 5000) + two + last, (DAMAGED, DAMAGED), 0)
        bad("a flipped bit in a record in the middle", start + one + flip(two, 5000) + last, (DAMAGED, DAMAGED), 1)
        bad("a flipped bit in the tag of a full record", start + one + flip(two, -1) + last, (DAMAGED, DAMAGED), 1)
        undecidable = "without a size line a last record that does not open may as well have been cut"
        bad("a flipped bit in the last record", start + one + two + flip(last, 0), (DAMAGED, TRUNCATED), 2, undecidable)
        bad("a flipped bit in the last byte", start + one + two + flip(last, -1), (DAMAGED, TRUNCATED), 2, undecidable)
        bad("a file of two swapped records", start + two + one + last, (DAMAGED, DAMAGED), 0)
        bad("a file with one record twice", start + one + one + two + last, (TRAILING, DAMAGED), 1)
        bad("a file with one record in place of another", start + one + one + last, (DAMAGED, DAMAGED), 1)
        bad(
            "a file without a record in its middle",
            start + one + last,
            (TRUNCATED, TRUNCATED),
            1,
            "without a size line: the last record is there, but under another number, so it does not open",
        )
        bad("a file without its first record", start + two + last, (TRUNCATED, DAMAGED), 0)

        v.section = "5"
        for name, kept, records in (
            ("cut right after its header", 0, 0),
            ("cut inside the salt", 23, 0),
            ("cut after the salt", 24, 0),
            ("cut inside the commitment", 55, 0),
            ("cut after the commitment", 56, 0),
            ("cut inside what may be the first tag", 56 + 15, 0),
            ("cut after 16 bytes of the first record", 56 + 16, 0),
            ("cut inside the first record", 56 + 5000, 0),
            ("cut one byte before the end of the first record", 56 + SEALED_RECORD - 1, 0),
            ("cut after the first record", 56 + SEALED_RECORD, 1),
            ("cut one byte after the first record", 56 + SEALED_RECORD + 1, 1),
            ("cut 15 bytes after the first record", 56 + SEALED_RECORD + 15, 1),
            ("cut 16 bytes after the first record", 56 + SEALED_RECORD + 16, 1),
            ("cut after the last full record", 56 + 2 * SEALED_RECORD, 2),
            ("cut inside the last record", 56 + 2 * SEALED_RECORD + 100, 2),
            ("cut by its last tag", len(p) - 16, 2),
            ("cut by its last byte", len(p) - 1, 2),
        ):  # fmt: skip
            bad(f"a file {name}", p[:kept], (TRUNCATED, TRUNCATED), records)
        for extra in (1, 16, 5000):
            v.add(
                f"{extra} more bytes at the end{line} are {TRAILING if sized else TRUNCATED}",
                head + p + bytes(extra),
                TRAILING if sized else TRUNCATED,
                whole,
                whole if sized else sealed.released(2),
            )
        more = bytes(SEALED_RECORD)  # makes the last record a full one, which does not open
        v.add(
            f"a whole record more at the end{line} is {TRAILING if sized else DAMAGED}",
            head + p + more,
            TRAILING if sized else DAMAGED,
            whole,
            whole if sized else sealed.released(2),
        )
        v.add(
            f"the file twice{line} is {TRAILING if sized else DAMAGED}",
            sealed.file + sealed.file,
            TRAILING if sized else DAMAGED,
            whole,
            whole if sized else sealed.released(2),
        )

        full = seal(framed(quiet_for_stream(2 * RECORD)), size=False)
        payload = full.payload[:-16]
        ended = replace(
            full, before=padded(header_lines([key_slot(KEY, full.file_key, bytes(24))], len(payload) if sized else None)), payload=payload
        )
        v.add(
            f"a full last record without the empty one after it{line} is {DAMAGED if sized else TRUNCATED}",
            ended.file,
            DAMAGED if sized else TRUNCATED,
            ended.plain,
            ended.plain,
            comment="with a size line that names this length nothing is missing from the file: its writer was wrong",
        )

    v.section = "5"
    ahead, behind = seal(frames, size_error=1), seal(frames, size_error=-1)
    v.add("a size line of one byte too many is truncated", ahead.file, TRUNCATED, ahead.plain, ahead.plain)
    v.add("a size line of one byte too few is trailing bytes", behind.file, TRAILING, behind.plain, behind.released(2))
    short = seal(small(THREE))
    v.nothing("damage in a file that was also cut is truncated", short.header + flip(short.payload, 100)[:-1], TRUNCATED)
    v.nothing("damage in a file that also became longer is trailing bytes", short.header + flip(short.payload, 100) + b"x", TRAILING)


def stream_order(v: Vectors) -> None:
    """Section 4: which frames, and in which order."""
    v.section = "4; 5, step 7"
    head, a, b, c, tail = small(THREE)

    def bad(name: str, frames: Sequence[Frame], released: Sequence[Frame] = (), **changes: Any) -> None:
        sealed = seal(frames, **changes)
        v.add(name, sealed.file, DAMAGED, sealed.plain, b"".join(frame.plain for frame in released))

    def closed(*frames: Frame) -> list[Frame]:
        """*frames* and the tail that is right for them."""
        return [*frames, small(frames)[-1]]

    def renamed(frame: Frame, magic: int) -> Frame:
        return Frame(magic.to_bytes(4, "little") + frame.wire[4:], frame.plain)

    bad("an empty stream is damaged", [], table=b"")
    bad("a stream without a head is damaged", closed(a, b, c))
    bad("a stream without a tail is damaged", [head, a, b, c], THREE)
    bad("a stream without a seek table is damaged", [head, a, b, c, tail], THREE, table=b"")
    bad("a stream that ends after its head is damaged", [head], table=b"")
    bad("a stream that ends inside a data frame is damaged", [head, a, Frame(b.wire[:-1])], [a], table=b"")
    bad("a stream that ends inside the tail is damaged", [head, a, b, c, Frame(tail.wire[:-1])], THREE, table=b"")
    bad(
        "a stream that ends inside the seek table is damaged",
        [head, a, b, c, tail],
        THREE,
        table=seek_table(table_entries(small(THREE)))[:-1],
    )
    bad("a head under another skippable magic is damaged", closed(renamed(head, 0x184D2A50), a))
    bad("a tail under another skippable magic is damaged", [head, *THREE, renamed(tail, 0x184D2A5D)], THREE)
    bad("a head under the magic of the tail is damaged", closed(renamed(head, 0x184D2A5B), a))
    bad("a tail under the magic of the head is damaged", [head, *THREE, renamed(tail, 0x184D2A5A)], THREE)
    bad("a second head is damaged", closed(head, head, a))
    bad("a second head after a data frame is damaged", closed(head, a, head, b), [a])
    bad("a second tail is damaged", [head, *THREE, tail, tail], THREE)
    bad("a head after the data is damaged", closed(a, head))
    bad("a tail before the data is damaged", [head, small([a])[-1], a])
    empty = stored_frame(b"", descriptor=0b0010_0100)
    bad("an empty data frame is damaged", closed(head, a, empty), [a])
    bad("a skippable frame between data frames is damaged", closed(head, a, skippable(0x184D2A50, b"hello"), b), [a])
    table = seek_table(table_entries(closed(head, a, b)))
    bad("a skippable frame that the table leaves out is damaged", closed(head, a, skippable(0x184D2A50, b"hello"), b), [a], table=table)
    bad("an empty skippable frame is damaged", closed(head, skippable(0x184D2A5C, b""), a))
    bad("a frame of an older zstd is damaged", closed(head, renamed(a, 0xFD2FB527)))
    bad("a byte between frames is damaged", closed(head, a, Frame(b"\0"), b), [a])

    hidden = stored_frame(b"the other face of the file")
    cover = skippable(0x184D2A50, hidden.wire)
    own_tail = small([hidden])[-1]
    faces = [(len(head.wire) + 8, 0), (len(hidden.wire), len(hidden.plain)), (len(own_tail.wire), 0)]
    bad("a file whose table points into a skippable frame is damaged", [head, cover, own_tail], table=seek_table(faces))
    behind = [(len(head.wire), 0), (len(a.wire) + 8, len(a.plain)), (len(hidden.wire), len(hidden.plain)), (len(own_tail.wire), 0)]
    both_tail = small([a, hidden])[-1]
    bad("a file with a second face behind its first frame is damaged", [head, a, cover, both_tail], [a], table=seek_table(behind))


def data_frames(v: Vectors) -> None:
    """Section 4: the rules of one data frame. A right frame comes before it and a right one after it."""
    v.section = "4; 5, step 7"
    before, after = THREE[0], THREE[2]
    plain, n = TEXT[20:50], 30

    def bad(name: str, frame: Frame) -> None:
        sealed = seal(small([before, frame, after]))
        v.add(name, sealed.file, DAMAGED, sealed.plain, before.plain)

    bad("a content size of one byte too many is damaged", stored_frame(plain, content_size=n + 1))
    bad("a content size of one byte too few is damaged", stored_frame(plain, content_size=n - 1))
    bad("a frame without a content size is damaged", stored_frame(plain, descriptor=0b0000_0100, window=0))
    bad("a frame without a content checksum is damaged", stored_frame(plain, descriptor=0b1010_0000, checksum=b""))
    bad("a wrong content checksum is damaged", stored_frame(plain, checksum=b"\0\0\0\0"))
    bad("a frame with a dictionary id is damaged", stored_frame(plain, descriptor=0b1010_0101, dictionary_id=b"\x05"))
    bad("a frame with a dictionary id of 4 bytes is damaged", stored_frame(plain, descriptor=0b1010_0111, dictionary_id=b"\x05\0\0\x01"))
    bad("a window just above 16 MiB is damaged", stored_frame(plain, window=14 << 3 | 1))
    bad("a window of 3.75 TiB is damaged", stored_frame(plain, window=0xFF))
    bad("a frame with the reserved bit set is damaged", stored_frame(plain, descriptor=0b1010_1100))
    bad("a block of the reserved type is damaged", stored_frame(plain, blocks=block(3, n, plain, last=True)))
    run = 128 * 1024 + 1
    bad("a block above 128 KiB is damaged", stored_frame(b"x" * run, blocks=block(1, run, b"x", last=True)))
    bad("a compressed block of garbage is damaged", stored_frame(plain, blocks=block(2, n, b"\xff" * n, last=True)))
    bomb = b"".join(block(1, 128 << 10, b"\0", last=at == 99) for at in range(100))
    bad("a frame that holds far more than it says is damaged", Frame(stored_frame(plain, blocks=bomb).wire, plain))
    size = 16 * MIB + 1
    runs = b"".join(block(1, 128 << 10, b"\0", last=False) for _ in range(128)) + block(1, 1, b"\0", last=True)
    bad("a frame of 16 MiB and one byte is damaged", stored_frame(bytes(size), blocks=runs))
    bad("a content size of 2^64 - 1 is damaged", stored_frame(plain, descriptor=0b1110_0100, content_size=(1 << 64) - 1))
    unfinished = block(0, 20, plain[:20], last=False) + block(0, 10, plain[20:], last=False)
    bad("a frame whose last block is not marked is damaged", stored_frame(plain, blocks=unfinished))


def metadata(v: Vectors) -> None:
    """Section 4: head and tail."""
    v.section = "4; 5, step 7"
    data = THREE
    head, *_, tail = framed(data)

    def bad_head(name: str, content: bytes) -> None:
        sealed = seal([skippable(HEAD_MAGIC, content), *data, tail])
        v.add(f"a head {name} is damaged", sealed.file, DAMAGED, sealed.plain, b"")

    def bad_tail(name: str, content: bytes) -> None:
        sealed = seal([head, *data, skippable(TAIL_MAGIC, content)])
        v.add(f"a tail {name} is damaged", sealed.file, DAMAGED, sealed.plain, sealed.plain)

    bad_head("without content", b"")
    bad_head("that is no JSON", b"kind=file")
    bad_head("that is a JSON array", b'["kind","file"]')
    bad_head("that is a JSON string", b'"file"')
    bad_head("with bytes after the object", b'{"kind":"file"}{}')
    bad_head("with zeros after the object", b'{"kind":"file"}\0\0')
    bad_head("with a comma too many", b'{"kind":"file",}')
    bad_head("in single quotes", b"{'kind':'file'}")
    bad_head("that is not UTF-8", b'{"kind":"file","name":"\xff"}')
    bad_head("in UTF-16", '{"kind":"file"}'.encode("utf-16-le"))
    bad_head("with a byte order mark", '\ufeff{"kind":"file"}'.encode())
    bad_head("with a bare control character", b'{"kind":"file","name":"a\nb"}')
    bad_head("with a member twice", b'{"kind":"file","name":"a","name":"b"}')
    bad_head("with a member twice under two spellings", b'{"kind":"file","name":"a","\\u006eame":"b"}')
    bad_head("with an unknown member twice", b'{"kind":"file","x":1,"x":1}')
    bad_head("with an object in it", b'{"kind":"file","x":{}}')
    bad_head("with an array in it", b'{"kind":"file","x":[]}')
    bad_head("of 2000 brackets", b"[" * 2000)
    bad_head("with true in it", b'{"kind":"file","x":true}')
    bad_head("with null in it", b'{"kind":"file","x":null}')
    bad_head("with a fraction in it", b'{"kind":"file","mtime":1.5}')
    bad_head("with an integer written as a fraction", b'{"kind":"file","mtime":1.0}')
    bad_head("with an exponent in it", b'{"kind":"file","mtime":1e3}')
    bad_head("with NaN in it", b'{"kind":"file","mtime":NaN}')
    bad_head("with Infinity in it", b'{"kind":"file","x":-Infinity}')
    bad_head("with 2^63 in it", b'{"kind":"file","mtime":9223372036854775808}')
    bad_head("with -2^63 in it", b'{"kind":"file","mtime":-9223372036854775808}')
    bad_head("with an integer of 400 digits", b'{"kind":"file","x":' + b"9" * 400 + b"}")
    bad_head("with an integer that begins with zero", b'{"kind":"file","mtime":01}')
    bad_head("of 4097 bytes", b'{"kind":"file"}'.ljust(4097))
    bad_head("without a kind", b'{"name":"msgstore.db"}')
    bad_head("of an unknown kind", b'{"kind":"folder"}')
    bad_head("whose kind is an integer", b'{"kind":1}')
    size = len(b"".join(frame.plain for frame in data))
    bad_tail("that is no JSON", b"200")
    bad_tail("without a size", b"{}")
    bad_tail("with a size of one byte too few", b'{"size":%d}' % (size - 1))
    bad_tail("with a size of one byte too many", b'{"size":%d}' % (size + 1))
    bad_tail("with a size of 0", b'{"size":0}')
    bad_tail("with a size that is a string", b'{"size":"%d"}' % size)
    bad_tail("with a size that is a fraction", b'{"size":%d.0}' % size)
    bad_tail("with two sizes", b'{"size":%d,"size":%d}' % (size, size))
    bad_tail("of 4097 bytes", (b'{"size":%d}' % size).ljust(4097))
    one = seal([head, stored_frame(b"x"), skippable(TAIL_MAGIC, b'{"size":true}')])
    v.add("a tail with true for a size of 1 is damaged", one.file, DAMAGED, one.plain, one.plain)


def tables(v: Vectors) -> None:
    """Section 4: the seek table; section 5, step 8."""
    v.section = "4; 5, step 8"
    frames = small(THREE)
    entries = table_entries(frames)
    right = seek_table(entries)

    def bad(name: str, table: bytes, after: bytes = b"") -> None:
        sealed = seal(frames, table=table, after=after)
        v.add(name, sealed.file, DAMAGED, sealed.plain, sealed.plain)

    for number, what in enumerate(("the head", "a data frame", "a data frame further on", "the last data frame", "the tail")):
        compressed, size = entries[number]
        for column, entry in {"compressed": (compressed + 1, size), "decompressed": (compressed, size + 1)}.items():
            table = seek_table([*entries[:number], entry, *entries[number + 1 :]])
            bad(f"a table with the {column} size of {what} one too high is damaged", table)
    shifted = [entries[0], (entries[1][0] + 1, entries[1][1]), (entries[2][0] - 1, entries[2][1]), *entries[3:]]
    bad("a table with the right sum of compressed sizes but wrong ones is damaged", seek_table(shifted))
    bad("a table with two swapped entries is damaged", seek_table([entries[0], entries[2], entries[1], *entries[3:]]))
    bad("a table without the last entry is damaged", seek_table(entries[:-1]))
    bad("a table without the head is damaged", seek_table(entries[1:]))
    bad("a table of data frames only is damaged", seek_table(entries[1:-1]))
    bad("a table with an entry too many is damaged", seek_table([*entries, (0, 0)]))
    bad("a table with an entry for itself is damaged", seek_table([*entries, (len(right) + 8, 0)]))
    bad("an empty table is damaged", seek_table([]))
    bad("a table whose number of frames is too high is damaged", seek_table(entries, count=len(entries) + 1))
    bad("a table whose number of frames is too low is damaged", seek_table(entries, count=len(entries) - 1))
    bad("a table whose number of frames is 2^32 - 1 is damaged", seek_table(entries, count=(1 << 32) - 1))
    for descriptor in (0x80, 0x40, 0x04, 0x03, 0x01):
        bad(f"a table with descriptor {descriptor:#04x} is damaged", seek_table(entries, descriptor=descriptor))
    bad("a table of another skippable magic is damaged", b"\x5d" + right[1:])
    bad("a table with another seekable magic is damaged", right[:-1] + b"\x8e")
    bad("a table whose frame size is one too low is damaged", right[:4] + (len(right) - 9).to_bytes(4, "little") + right[8:])
    bad("a table whose frame size is one too high is damaged", right[:4] + (len(right) - 7).to_bytes(4, "little") + right[8:])
    bad("a table that claims 4 GiB is damaged", right[:4] + b"\xff\xff\xff\xff" + right[8:])
    bad("a byte after the table is damaged", right, b"\0")
    bad("a skippable frame after the table is damaged", right, skippable(0x184D2A50, b"").wire)
    bad("a data frame after the table is damaged", right, THREE[0].wire)
    bad("a second table is damaged", right, right)


def signatures(v: Vectors) -> None:
    """Section 4: the members of the tail that show an author; section 5, step 9: an author who is demanded."""
    v.section = "4; 5, step 9"
    mine, other = verifying_key(SEED), verifying_key(OTHER_SEED)
    good = seal(framed(THREE, seed=SEED))
    head, *data, tail = good.frames
    right = signed([head, *data], SEED)

    def demanded(name: str, sealed: Sealed, result: str = OK, *, author: bytes = mine, comment: str = "") -> None:
        v.add(name, sealed.file, result, sealed.plain, sealed.plain, author=author, comment=comment)

    def with_tail(members: Mapping[str, str | int], frames: Sequence[Frame] = (head, *THREE)) -> Sealed:
        return seal([*frames, metadata_frame(TAIL_MAGIC, {"size": sum(len(frame.plain) for frame in frames), **members})])

    def signature_of(message: bytes) -> dict[str, str | int]:
        signature = Ed25519PrivateKey.from_private_bytes(SEED).sign(message)
        return {"signer": base64_text(mine).decode(), "signature": base64_text(signature).decode()}

    v.ok("a signed file opens", good)
    demanded("a signed file opens when its author is demanded", good)
    demanded("an empty signed file opens when its author is demanded", seal(framed([], seed=SEED)))
    demanded("a signed file without a size line opens when its author is demanded", seal(good.frames, size=False))
    demanded("a signed file of many frames opens when its author is demanded", seal(framed([stored_frame(b"x")] * 200, seed=SEED)))
    demanded("members that nobody knows are ignored in a signed tail", with_tail({**right, "colour": "blue"}))
    wrong = {**right, "signature": base64_text(flip(base64.b64decode(right["signature"] + "=="), 40)).decode()}
    v.ok("a wrong signature is not looked at when no author is demanded", with_tail(wrong))

    demanded("a file that is not signed has the wrong author", seal(framed(THREE)), WRONG_AUTHOR)
    demanded("a file without a size line that is not signed has the wrong author", seal(framed(THREE), size=False), WRONG_AUTHOR)
    demanded("a file signed by another has the wrong author", good, WRONG_AUTHOR, author=other)
    demanded("a file with a wrong signature has the wrong author", with_tail(wrong), WRONG_AUTHOR)
    first = {**right, "signature": base64_text(flip(base64.b64decode(right["signature"] + "=="), 0)).decode()}
    demanded("a file with another point in its signature has the wrong author", with_tail(first), WRONG_AUTHOR)
    demanded(
        "the signature of another under the name of the author has the wrong author",
        with_tail({**signed([head, *data], OTHER_SEED), "signer": right["signer"]}),
        WRONG_AUTHOR,
    )
    demanded(
        "a signature in the name of another has the wrong author", with_tail({**right, "signer": base64_text(other).decode()}), WRONG_AUTHOR
    )
    renamed = metadata_frame(HEAD_MAGIC, {**FILE_HEAD, "name": "other.db"})
    demanded("a signed file under another name has the wrong author", with_tail(right, [renamed, *THREE]), WRONG_AUTHOR)
    bare = with_tail(right, [metadata_frame(HEAD_MAGIC, {"kind": "stream"}), *THREE])
    demanded("a signed file that lost its name has the wrong author", bare, WRONG_AUTHOR)
    for what, frames in {
        "its frames in another order": [THREE[1], THREE[0], THREE[2]],
        "a frame left out": THREE[:2],
        "a frame added": [*THREE, stored_frame(b"x")],
        "a frame twice": [*THREE, THREE[2]],
        "no frames": [],
        "the same plaintext in other frames": [stored_frame(TEXT[:60])],
        "other plaintext in a frame": [THREE[0], stored_frame(TEXT[50:80]), THREE[2]],
    }.items():
        demanded(f"a signed file with {what} has the wrong author", with_tail(right, [head, *frames]), WRONG_AUTHOR)
    digest = frames_digest([head, *data])
    for what, message in {
        "of another kind": b"chatseal/v1 signature\0store\0" + digest,
        "of the digest without its prefix": digest,
        "of the stream before the tail": b"".join(frame.wire for frame in (head, *data)),
        "of the digest of the stream before the tail": hashlib.sha512(b"".join(frame.wire for frame in (head, *data))).digest(),
        "of the plaintext": good.plain,
        "of nothing": b"",
    }.items():
        demanded(f"a signature {what} has the wrong author", with_tail(signature_of(message)), WRONG_AUTHOR)
    demanded("a signature of the digest under its prefix is the right one", with_tail(signature_of(SIGNATURE_PREFIX + digest)))
    raw = base64.b64decode(right["signature"] + "==")
    order = 2**252 + 27742317777372353535851937790883648493
    large = raw[:32] + (int.from_bytes(raw[32:], "little") + order).to_bytes(32, "little")
    demanded(
        "a signature whose number is not reduced has the wrong author",
        with_tail({**right, "signature": base64_text(large).decode()}),
        WRONG_AUTHOR,
        comment="RFC 8032, section 5.1.7: S is below the group's order",
    )
    v.add(
        "a byte after the end of a file of another author is trailing bytes",
        good.file + b"x",
        TRAILING,
        good.plain,
        good.plain,
        author=other,
    )
    broken = replace(good, payload=flip(good.payload, -1))
    v.add("damage in a file of another author is damaged", broken.file, DAMAGED, b"", b"", author=other)

    v.section = "4; 5, step 7"
    malformed: dict[str, Mapping[str, str | int]] = {
        "with a signer and no signature": {"signer": right["signer"]},
        "with a signature and no signer": {"signature": right["signature"]},
        "whose signer is an integer": {**right, "signer": 5},
        "whose signature is an integer": {**right, "signature": 5},
        "whose signer is empty": {**right, "signer": ""},
        "whose signature is empty": {**right, "signature": ""},
        "whose signer has 31 bytes": {**right, "signer": base64_text(mine[:31]).decode()},
        "whose signer has 33 bytes": {**right, "signer": base64_text(mine + b"x").decode()},
        "whose signature has 63 bytes": {**right, "signature": base64_text(raw[:63]).decode()},
        "whose signature has 65 bytes": {**right, "signature": base64_text(raw + b"x").decode()},
        "whose signer has padding": {**right, "signer": right["signer"] + "="},
        "whose signature has padding": {**right, "signature": right["signature"] + "=="},
        "whose signer has unused bits": {**right, "signer": next_to(right["signer"].encode()).decode()},
        "whose signature has unused bits": {**right, "signature": next_to(right["signature"].encode()).decode()},
        "whose signer is no base64": {**right, "signer": "-" + right["signer"][1:]},
        "whose signature has a line end": {**right, "signature": right["signature"] + "\n"},
        "whose signer is hexadecimal": {**right, "signer": mine.hex()},
        "whose signer is not ASCII": {**right, "signer": "\u00e9" * 43},
    }
    for what, members in malformed.items():
        sealed = with_tail(members)
        v.add(f"a tail {what} is damaged", sealed.file, DAMAGED, sealed.plain, sealed.plain)
    twice = tail.wire[8:-1] + b',"signer":"%s"}' % right["signer"].encode()
    sealed = seal([head, *THREE, skippable(TAIL_MAGIC, twice)])
    v.add("a tail with two signers is damaged", sealed.file, DAMAGED, sealed.plain, sealed.plain)


def paddings(v: Vectors) -> None:
    """Section 4: padding frames."""
    v.section = "4; 5, step 8"
    frames = small(THREE)
    *before, tail = frames
    plain = b"".join(frame.plain for frame in THREE)

    def good(name: str, pad: Sequence[Frame], comment: str = "") -> None:
        v.ok(name, seal([*frames, *pad]), comment=comment)

    def bad(name: str, frames: Sequence[Frame], released: bytes = plain, **changes: Any) -> None:
        sealed = seal(frames, **changes)
        v.add(name, sealed.file, DAMAGED, sealed.plain, released)

    v.ok("a padded file opens", seal(with_padding(framed(THREE))))
    v.ok("a padded file without a size line opens", seal(with_padding(framed(THREE)), size=False))
    v.ok("an empty padded file opens", seal(with_padding(framed([]))))
    v.ok("a padded file of many frames opens", seal(with_padding(framed([stored_frame(b"x")] * 200))))
    both = seal(with_padding(framed(THREE, seed=SEED)))
    v.ok("a signed and padded file opens", both)
    v.add("a signed and padded file opens when its author is demanded", both.file, OK, both.plain, both.plain, author=verifying_key(SEED))
    longer = seal([*framed(THREE, seed=SEED), padding(3)])
    v.add(
        "other padding does not break a signature",
        longer.file,
        OK,
        longer.plain,
        longer.plain,
        author=verifying_key(SEED),
        comment="padding is not signed",
    )
    good("padding without content opens", [padding(0)])
    good("padding of one byte opens", [padding(1)], "a reader takes any length, not only Padm\u00e9's")
    good("several padding frames open", [padding(100), padding(0), padding(7)])
    good("padding over the border of a record opens", [padding(RECORD + 1)])
    ends = RECORD - len(stream_of([*frames, padding(0)]))
    for excess in (-1, 0, 1):
        good(f"padding that ends a stream of {RECORD + excess} bytes opens", [padding(ends + excess)])
    good("1024 padding frames open", [padding(0)] * 1024)

    bad("1025 padding frames are damaged", [*frames, *[padding(0)] * 1025])
    for what, at in {"first": 0, "last": 99, "middle": 50}.items():
        content = bytes(at) + b"\1" + bytes(99 - at)
        bad(f"padding whose {what} byte is not zero is damaged", [*frames, skippable(0x184D2A5C, content)])
    far = skippable(0x184D2A5C, bytes(RECORD) + b"\1" + bytes(50))
    bad("padding with a byte that is not zero in its second record is damaged", [*frames, far])
    bad("metadata in padding is damaged", [*frames, skippable(0x184D2A5C, tail.wire[8:])])
    hidden = stored_frame(b"the other face of the file")
    bad("a data frame in padding is damaged", [*frames, skippable(0x184D2A5C, hidden.wire)])
    bad("padding before the tail is damaged", [*before, padding(10), tail])
    bad("padding between data frames is damaged", [*before[:2], padding(10), *before[2:], tail], THREE[0].plain)
    bad("padding before the head is damaged", [padding(10), *frames], b"")
    bad("padding under another skippable magic is damaged", [*frames, skippable(0x184D2A5D, bytes(10))])
    bad("padding under the magic of the tail is damaged", [*frames, skippable(0x184D2A5B, bytes(10))])
    bad("a tail after the padding is damaged", [*frames, padding(10), tail])
    bad("a data frame after the padding is damaged", [*frames, padding(10), hidden])
    bad("padding after the table is damaged", frames, after=padding(10).wire)
    bad("padding without an entry in the table is damaged", [*frames, padding(10)], table=seek_table(table_entries(frames)))
    bad("an entry for padding that is not there is damaged", frames, table=seek_table([*table_entries(frames), (18, 0)]))
    entries = table_entries([*frames, padding(10), padding(20)])
    two = [*frames, padding(10), padding(20)]
    bad("two swapped entries of padding are damaged", two, table=seek_table([*entries[:-2], entries[-1], entries[-2]]))
    bad("one entry for two padding frames is damaged", two, table=seek_table([*entries[:-2], (18 + 28, 0)]))
    bad("two entries for one padding frame are damaged", [*frames, padding(30)], table=seek_table([*entries[:-2], (18, 0), (20, 0)]))
    bad("an entry for padding with content is damaged", two, table=seek_table([*entries[:-1], (28, 20)]))
    bad("an entry for padding that is one byte too long is damaged", two, table=seek_table([*entries[:-1], (29, 0)]))
    joined = (len(tail.wire) + 18, 0)
    bad("one entry for tail and padding is damaged", [*frames, padding(10)], table=seek_table([*table_entries(before), joined]))
    claims = Frame((0x184D2A5C).to_bytes(4, "little") + (100).to_bytes(4, "little") + bytes(20))
    bad("padding that claims more than there is is damaged", [*frames, claims], table=b"")
    bad("a stream that ends after its padding is damaged", [*frames, padding(10)], table=b"")
    bad("a stream that ends inside the header of padding is damaged", [*frames, Frame(padding(10).wire[:6])], table=b"")
    huge = Frame((0x184D2A5C).to_bytes(4, "little") + ((1 << 30) + 1).to_bytes(4, "little") + bytes(20))
    bad("padding that claims a byte more than 1 GiB is damaged", [*frames, huge])
    later = seal([*frames, padding(10)])
    v.add("a byte after the end of a padded file is trailing bytes", later.file + b"x", TRAILING, later.plain, later.plain)
    v.nothing("a padded file cut in its last record is truncated", later.file[:-1], TRUNCATED)


def read() -> dict[str, Any]:
    """The content of sealed.json as it is kept, empty before the first time."""
    document: dict[str, Any] = json.loads(PATH.read_text("utf-8")) if PATH.exists() else {}
    return document


def main() -> None:
    document = build(read().get("hpke_slots", {}))
    PATH.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n", "utf-8")
    print(f"{PATH}: {len(document['vectors'])} vectors, {PATH.stat().st_size} bytes")


if __name__ == "__main__":
    main()
