"""Proofs: when a drill last showed that snapshots of a store come back, and which. What this machine remembers; no secret is in it."""

import json
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from chatseal.drilled import Drilled
from chatseal.errors import DamagedError
from chatseal.format import strict_json
from chatseal.format.manifest import Manifest
from chatseal.snapshots import places

FILE_MAX = 64 << 20
MOST = 256  # that are kept of a store: the newest
_TEXT_MAX = 65536


@dataclass(frozen=True, slots=True)
class Proof:
    """A drill of which nothing failed. Times in whole seconds since 1970: `proven` of the drill, `made` of the snapshot.

    `entries` are those with content, `tried` how many of them were read, `rows` what SQLite counted in all tables."""

    host: str
    sources: tuple[str, ...]
    snapshot: str
    made: int
    proven: int
    entries: int
    tried: int
    size: int
    rows: int

    @property
    def is_whole(self) -> bool:
        """Whether all of the snapshot was read, not a sample."""
        return self.tried == self.entries


def path_of(store_id: str) -> Path:
    """The file with what is known of a store."""
    return places.state_folder() / "proofs" / f"{store_id}.json"


def read(store_id: str) -> tuple[Proof, ...]:
    """All that is known, oldest first; nothing if the file makes no sense: then nothing is proven. Raises OSError."""
    try:
        with open(path_of(store_id), "rb") as file:
            members = strict_json.parse_object(file.read(FILE_MAX))
        strict_json.version(members, 1)
        return strict_json.items(members, "proofs", MOST, _proof)
    except (FileNotFoundError, DamagedError):
        return ()


def keep(store_id: str, manifest: Manifest, drilled: Drilled, *, now: float | None = None) -> None:
    """Remember a drill; what failed proves nothing. Of the same machine and sources the newest is kept, and the newest that was whole.

    Raises OSError."""
    if drilled.failed:
        return
    rows = sum(count for database in drilled.databases for _, count in database.tables)
    proof = Proof(
        manifest.host,
        manifest.sources,
        drilled.snapshot,
        int(manifest.time.timestamp()),
        int(time.time() if now is None else now),
        drilled.entries,
        drilled.tried,
        drilled.size,
        rows,
    )

    def is_outdone(other: Proof) -> bool:
        return (other.host, other.sources) == (proof.host, proof.sources) and (proof.is_whole or not other.is_whole)

    kept = [*(other for other in read(store_id) if not is_outdone(other)), proof][-MOST:]
    data = json.dumps({"version": 1, "proofs": [asdict(one) for one in kept]}).encode() + b"\n"
    places.write_whole(path_of(store_id), data)


def of(store_id: str, host: str, sources: tuple[str, ...]) -> Proof | None:
    """What is known of one machine's sources: the newest whole proof, else the newest of a sample. Raises OSError."""
    found = [proof for proof in read(store_id) if (proof.host, proof.sources) == (host, sources)]
    return max(found, key=lambda proof: (proof.is_whole, proof.proven), default=None)


def _proof(value: Any) -> Proof:
    if not isinstance(value, dict):
        raise strict_json.damaged()
    number = strict_json.number
    return Proof(
        strict_json.text(value, "host", _TEXT_MAX),
        strict_json.items(value, "sources", _TEXT_MAX, strict_json.a_text(_TEXT_MAX)),
        strict_json.text(value, "snapshot", 64),
        *(number(value, name, -(2**62)) for name in ("made", "proven", "entries", "tried", "size", "rows")),
    )
