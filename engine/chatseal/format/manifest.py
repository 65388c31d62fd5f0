"""Manifest: what a snapshot says of itself (docs/format.md, section 10)."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from chatseal.format import object_names, strict_json
from chatseal.format.strict_json import damaged

VERSION = 1
LENGTH_MAX = 16 << 20
TEXT_MAX, WRITER_MAX = 65536, 64
SOURCES_MAX, TAGS_MAX, CHAIN_MAX, PARTS_MAX = 4096, 64, 64, 1 << 16
_TIME = "%Y-%m-%dT%H:%M:%S.%fZ"


@dataclass(frozen=True, slots=True)
class Manifest:
    """One snapshot. `size`, `bytes_read` and `bytes_added` are bytes, `seconds` wall clock, `time` the writer's clock when it began, UTC.

    `maps` is the chain of page maps, each the names of its parts, the full one first. `writer` and `sequence` number the snapshots of one
    installation, `previous` is the one before in that chain. `skipped` names could not be read."""

    time: datetime
    host: str
    user: str
    writer: str
    sequence: int
    sources: tuple[str, ...]
    maps: tuple[tuple[str, ...], ...]
    previous: str = ""
    tags: tuple[str, ...] = ()
    entries: int = 0
    size: int = 0
    bytes_read: int = 0
    bytes_added: int = 0
    skipped: int = 0
    seconds: float = field(default=0.0, compare=False)

    def encode(self) -> bytes:
        """The manifest's JSON."""
        members = {
            "version": VERSION,
            "time": self.time.astimezone(UTC).strftime(_TIME),
            "host": self.host,
            "user": self.user,
            "writer": self.writer,
            "sequence": self.sequence,
            "previous": self.previous,
            "sources": self.sources,
            "tags": self.tags,
            "maps": self.maps,
            "entries": self.entries,
            "size": self.size,
            "bytes_read": self.bytes_read,
            "bytes_added": self.bytes_added,
            "skipped": self.skipped,
            "milliseconds": round(self.seconds * 1000),
        }
        return strict_json.encode(members)

    @classmethod
    def parse(cls, data: bytes) -> "Manifest":
        """Raises DamagedError of whatever is not a manifest of this version."""
        members = strict_json.parse_object(data)
        strict_json.version(members, VERSION)
        a_text, numbers = strict_json.a_text, ("entries", "size", "bytes_read", "bytes_added", "skipped")
        return cls(
            strict_json.time(members, "time", _TIME),
            strict_json.text(members, "host", TEXT_MAX),
            strict_json.text(members, "user", TEXT_MAX),
            strict_json.text(members, "writer", WRITER_MAX),
            strict_json.number(members, "sequence", 1),
            sources=strict_json.items(members, "sources", SOURCES_MAX, a_text(TEXT_MAX)),
            maps=_chain(members),
            previous=_previous(members),
            tags=strict_json.items(members, "tags", TAGS_MAX, a_text(TEXT_MAX)),
            seconds=strict_json.number(members, "milliseconds") / 1000,
            **{name: strict_json.number(members, name) for name in numbers},
        )


def _chain(members: dict[str, Any]) -> tuple[tuple[str, ...], ...]:
    def part(value: Any) -> str:
        if not isinstance(value, str) or not object_names.is_name(value, object_names.MAPS):
            raise damaged()
        return value

    def parts(value: Any) -> tuple[str, ...]:
        found = strict_json.items({"parts": value}, "parts", PARTS_MAX, part)
        if not found:
            raise damaged()
        return found

    chain = strict_json.items(members, "maps", CHAIN_MAX, parts)
    if not chain:
        raise damaged()
    return chain


def _previous(members: dict[str, Any]) -> str:
    name = strict_json.text(members, "previous", 128)
    if name and not object_names.is_name(name, object_names.SNAPSHOTS):
        raise damaged()
    return name
