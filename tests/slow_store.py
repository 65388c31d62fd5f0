"""A second writer of a store's objects, written from docs/format.md, section 10, as slowly and plainly as it can be.

Like `slow_writer`, on which it stands, it shares no code with chatseal, takes its randomness from the caller, and makes every part by a
function of its own, because a test vector is a store with one part made wrong."""

from __future__ import annotations

import hmac
import json
import re
import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from cryptography.hazmat.primitives.hashes import SHA512
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from slow_writer import (
    Draw,
    Frame,
    base64_text,
    block,
    cobblestone,
    end_line,
    framed,
    key_slot,
    padded,
    stored_frame,
    stream_of,
    with_padding,
)

ZEROS = 2**32 - 1
KINDS = {"packs": "pack", "maps": "map", "pending": "pending", "snapshots": "snapshot", "condemned": "condemned", "moves": "move"}


_RUNS = re.compile(rb"(.)\1{63,131071}|(?:(?!(.)\2{63}).){1,131072}", re.DOTALL)


def frame_of(plain: bytes) -> Frame:
    """A data frame in which a byte repeated takes four bytes, and all else is stored; the same with every version of zstd."""
    pieces = [found[0] for found in _RUNS.finditer(plain)]
    blocks = b""
    for number, piece in enumerate(pieces):
        is_run = len(set(piece)) == 1
        blocks += block(int(is_run), len(piece), piece[:1] if is_run else piece, last=number == len(pieces) - 1)
    return stored_frame(plain, blocks=blocks)


def json_line(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode("ascii")


def sealed_object(kind: str, context: bytes, slot: bytes, file_key: bytes, salt: bytes, frames: Sequence[Frame]) -> bytes:
    """A sealed file: *slot* is its one slot line, *frames* the data frames."""
    payload = cobblestone(file_key, context, stream_of(with_padding(framed(frames, {"kind": "stream"}))), salt)
    before = padded(b"chatseal/v1 %s\nsize %d\n%s\n" % (kind.encode(), len(payload), slot))
    return before + end_line(before, file_key, payload) + payload


def epoch_slot(number: int, key: bytes, file_key: bytes, salt: bytes) -> bytes:
    kek = HKDF(SHA512(), 32, None, b"chatseal/v1 slot epoch").derive(key)
    return b"slot epoch %d " % number + base64_text(cobblestone(kek, b"chatseal/v1 slot epoch %d" % number, file_key, salt))


@dataclass
class SlowStore:
    """The keys of a store. Objects follow from the seed, and from what is in them."""

    seed: str
    epochs: dict[int, bytes]
    id: str = ""
    fingerprint_key: bytes = b""

    def __post_init__(self) -> None:
        draw = Draw(self.seed)
        self.id, self.fingerprint_key = draw(16).hex(), draw(32)

    def name(self, folder: str, epoch: int, what: str) -> str:
        """The name of an object that the tests call *what*."""
        return f"{folder}/{epoch}-{Draw(f'{self.seed}/name of {folder} {what}')(16).hex()}"

    def context(self, name: str) -> bytes:
        return b"chatseal/v1\0" + "\0".join((KINDS[name.partition("/")[0]], self.id, name)).encode()

    def object(
        self,
        name: str,
        plain: bytes,
        *,
        epoch: int | None = None,
        key: bytes | None = None,
        kind: str | None = None,
        context: bytes | None = None,
    ) -> bytes:
        """What lies under *name* and holds *plain*. The rest makes it another object than its name says."""
        folder, _, rest = name.partition("/")
        number = int(rest.partition("-")[0]) if epoch is None else epoch
        draw = Draw(f"{self.seed}/{name}")
        file_key = draw(32)
        slot = epoch_slot(number, self.epochs[number] if key is None else key, file_key, draw(24))
        whole = self.context(name) if context is None else context
        return sealed_object(kind or KINDS[folder], whole, slot, file_key, draw(24), [frame_of(plain)])

    def config_members(self) -> dict[str, Any]:
        return {
            "version": 1,
            "store": self.id,
            "generation": 2,
            "created": "2026-11-25T10:11:12Z",
            "epochs": [[number, key.hex()] for number, key in sorted(self.epochs.items())],
            "fingerprints": self.fingerprint_key.hex(),
            "puts_absent": True,
        }

    def config(self, text: bytes, backup_key: bytes, *, kind: str = "config", context: bytes = b"chatseal/v1\0config") -> bytes:
        """The config that holds *text*, for one backup key."""
        draw = Draw(f"{self.seed}/config")
        file_key = draw(32)
        return sealed_object(kind, context, key_slot(backup_key, file_key, draw(24)), file_key, draw(24), [frame_of(text)])

    def fingerprint(self, unit: bytes) -> bytes:
        return hmac.digest(self.fingerprint_key, unit, "sha256")[:16]


# --- Page map ---------------------------------------------------------------------------------------------------------


def map_lines(full: bool, packs: Iterable[Any], entries: int, /, **changes: Any) -> bytes:
    """The head line and the pack lines."""
    packs = list(packs)
    head = {"version": 1, "full": full, "packs": len(packs), "entries": entries} | changes
    return b"".join(json_line(line) + b"\n" for line in ({k: v for k, v in head.items() if v is not ...}, *packs))


def entry_line(path: Any, type_: str = "file", mode: int = 0o644, **members: Any) -> bytes:
    """Members that are Ellipsis are left out."""
    line = {"path": path, "type": type_, "mode": mode} | members
    return json_line({name: value for name, value in line.items() if value is not ...}) + b"\n"


def segment(runs: Sequence[tuple[int, int, int, int]], prints: bytes, *, counts: tuple[int, int] | None = None) -> bytes:
    """*runs* are first, count, pack, at."""
    columns = [number for column in zip(*runs, strict=True) for number in column]
    return struct.pack(f"<{2 + len(columns)}I", *(counts or (len(runs), sum(run[1] for run in runs))), *columns) + prints


# --- Move -------------------------------------------------------------------------------------------------------------


def move_text(
    sources: Sequence[Any],
    targets: Sequence[Any],
    runs: Sequence[tuple[int, int, int, int, int]],
    *,
    count: int | None = None,
    version: int = 1,
) -> bytes:
    """*sources* and *targets* are pack lines; *runs* are source, at, target, to, length."""
    head = {"version": version, "sources": len(sources), "targets": len(targets), "runs": len(runs) if count is None else count}
    columns = [number for column in zip(*runs, strict=True) for number in column]
    return b"".join(json_line(line) + b"\n" for line in (head, *sources, *targets)) + struct.pack(f"<{len(columns)}I", *columns)
