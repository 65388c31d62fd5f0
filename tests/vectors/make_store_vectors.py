"""Write store.json, the test vectors of docs/format.md, section 10, with `slow_store` and nothing of chatseal.

    cd tests && python -m vectors.make_store_vectors

There is one good store. Every vector is that store with some objects changed, and says how far reading gets: `store` (the config),
`manifest`, `map` or `content`, of which snapshot and path; or that all comes back. All bytes follow from seeds, except one public-key slot,
whose encapsulation the library draws: its line is kept in store.json. Results are stated here, never taken from a reader."""

from __future__ import annotations

import base64
import hashlib
import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyzstd

from slow_store import ZEROS, SlowStore, entry_line, frame_of, json_line, map_lines, move_text, sealed_object, segment
from slow_writer import Draw, base64_text, hpke_slot, private_key

PATH = Path(__file__).with_name("store.json")

OK, WRONG_KEY, NOT_SEALED, HEADER_DAMAGED, HEADER_ALTERED = "ok", "wrong key", "not a sealed file", "header damaged", "header altered"
DAMAGED, TRUNCATED, TRAILING, MISSING = "damaged", "truncated", "trailing bytes", "missing"

KEY, SECRET = Draw("backup key")(32), Draw("private key")(96)
S = SlowStore("store", {1: Draw("epoch 1")(32), 3: Draw("epoch 3")(32)})
OTHER = SlowStore("another store", S.epochs)  # of somebody who has the same keys

U = 4096
A, B = S.name("packs", 1, "A"), S.name("packs", 3, "B")
PIECES = {A: [b"a" * U, b"tail tail!", b"b" * 2 * U, b"c" * 2 * U, b"dump\n"], B: [b"n" * U, b"m" * U, b"k" * U]}
AT_TAIL, AT_B, AT_DUMP = U, U + 10, 5 * U + 10
NON_UTF8 = "caf\udce9"

Entry = dict[str, Any]


def prints(*units: bytes) -> bytes:
    return b"".join(map(S.fingerprint, units))


def pack_lines(*names: str) -> list[list[Any]]:
    return [[name, len(GOOD[name]), sum(map(len, PIECES[name]))] for name in names]


def folder_entry(path: str) -> bytes:
    return entry_line(path, "folder", 0o750, mtime_ns=1_790_000_000_000_000_001)


def file_entry(content: bytes = b"", **members: Any) -> Entry:
    """What comes back of a file."""
    return {"size": len(content), "sha256": hashlib.sha256(content).hexdigest(), **members}


def first_map() -> bytes:
    """Bytes of all kinds of entries."""
    return b"".join(
        [
            map_lines(True, pack_lines(A), 9),
            folder_entry("docs"),
            entry_line("docs/a", size=2 * U + 10, unit=U, units=3, segments=1, mtime_ns=-5, uid=1000, inode=2**64 - 1),
            segment([(0, 1, 0, 0), (1, 1, ZEROS, 0), (2, 1, 0, AT_TAIL)], prints(b"a" * U, bytes(U), b"tail tail!")),
            entry_line("docs/b", "database", size=4 * U, unit=2 * U, units=2, segments=2),
            segment([(0, 1, 0, AT_B)], prints(b"b" * 2 * U)),
            segment([(1, 1, 0, AT_B + 2 * U)], prints(b"c" * 2 * U)),
            entry_line("docs/same", same_as="docs/a"),
            entry_line("docs/link", "link", 0o777, target="../\udcff"),
            entry_line(NON_UTF8, mode=0o400),
            entry_line("dump", "stream", size=5, units=1, segments=1),
            segment([(0, 1, 0, AT_DUMP)], prints(b"dump\n")),
            entry_line("zeros", size=U + 1, units=2, segments=1, later={"ignored": [None, True, "x"]}),
            segment([(0, 2, ZEROS, 0)], prints(bytes(U), bytes(1))),
            entry_line("\u2603", size=U, units=1, segments=1),
            segment([(0, 1, 0, 0)], prints(b"a" * U)),
        ]
    )


def second_map() -> bytes:
    """Entries grow, shrink, come and go."""
    return b"".join(
        [
            map_lines(False, pack_lines(B, A), 5),
            entry_line("docs/a", size=4 * U, unit=U, units=4, segments=1),
            segment([(2, 2, 0, U)], prints(b"m" * U, b"k" * U)),
            entry_line("docs/b", "database", size=2 * U, unit=2 * U, units=1),
            json_line({"path": "dump", "gone": True}) + b"\n",
            entry_line("new", size=2 * U, units=2, segments=1),
            segment([(0, 1, 0, 0), (1, 1, 1, 0)], prints(b"n" * U, b"a" * U)),
            entry_line("zeros", size=1, units=1, segments=1),
            segment([(0, 1, ZEROS, 0)], prints(bytes(1))),
        ]
    )


def third_map() -> bytes:
    """Only what is known of entries changes, and one becomes something else."""
    return b"".join(
        [map_lines(False, [], 3), entry_line("docs", "folder", 0o700), entry_line("new", "folder", 0o700), entry_line("dump", "stream")]
    )


CONTENT_1: dict[str, Entry] = {
    "docs": {"type": "folder"},
    "docs/a": file_entry(b"a" * U + bytes(U) + b"tail tail!"),
    "docs/b": file_entry(b"b" * 2 * U + b"c" * 2 * U, type="database"),
    "docs/same": {"same_as": "docs/a"},
    "docs/link": {"type": "link", "target": "../\udcff"},
    NON_UTF8: file_entry(),
    "dump": file_entry(b"dump\n", type="stream"),
    "zeros": file_entry(bytes(U + 1)),
    "\u2603": file_entry(b"a" * U),
}
CONTENT_2 = {path: entry for path, entry in CONTENT_1.items() if path != "dump"} | {
    "docs/a": file_entry(b"a" * U + bytes(U) + b"m" * U + b"k" * U),
    "docs/b": file_entry(b"b" * 2 * U, type="database"),
    "new": file_entry(b"n" * U + b"a" * U),
    "zeros": file_entry(bytes(1)),
}
CONTENT_3 = CONTENT_2 | {"new": {"type": "folder"}, "dump": file_entry(type="stream")}


@dataclass
class Map:
    """The full map of the last snapshot, with parts that a vector makes wrong: three units of `a`, the second of zeros."""

    head: dict[str, Any] = field(default_factory=dict)
    packs: list[Any] | None = None
    entry: dict[str, Any] = field(default_factory=dict)
    line: bytes | None = None
    runs: tuple[tuple[int, int, int, int], ...] = ((0, 1, 0, 0), (1, 1, ZEROS, 0), (2, 1, 0, AT_TAIL))
    counts: tuple[int, int] | None = None
    prints: bytes = b""
    segments: bytes | None = None
    after: bytes = b""

    def encode(self) -> bytes:
        packs = pack_lines(A, B) if self.packs is None else self.packs
        members: dict[str, Any] = {"type_": "file", "size": 2 * U + 10, "unit": U, "units": 3, "segments": 1} | self.entry
        line = entry_line(members.pop("path", "a"), members.pop("type_"), **members) if self.line is None else self.line
        marks = self.prints or prints(b"a" * U, bytes(U), b"tail tail!")
        whole = segment(self.runs, marks, counts=self.counts) if self.segments is None else self.segments
        return map_lines(True, packs, 1, **self.head) + line + whole + self.after


CONTENT_4 = {"a": CONTENT_1["docs/a"]}

M1 = [S.name("maps", 1, "1.1"), S.name("maps", 1, "1.2")]
M2, M3, M4 = S.name("maps", 3, "2"), S.name("maps", 3, "3"), S.name("maps", 3, "4")
SNAPSHOTS = [S.name("snapshots", 1 if n == 1 else 3, str(n)) for n in (1, 2, 3, 4)]
S1, S2, S3, S4 = SNAPSHOTS
CHAINS = {S1: [M1], S2: [M1, [M2]], S3: [M1, [M2], [M3]], S4: [[M4]]}
CONTENTS = dict(zip(SNAPSHOTS, (CONTENT_1, CONTENT_2, CONTENT_3, CONTENT_4), strict=True))


def manifest_of(name: str) -> dict[str, Any]:
    number = SNAPSHOTS.index(name)
    return {
        "version": 1,
        "time": f"2026-11-{25 + number}T10:11:12.{number:06}Z",
        "host": "host",
        "user": NON_UTF8,
        "writer": "writer",
        "sequence": number + 1,
        "previous": SNAPSHOTS[number - 1] if number else "",
        "sources": ["/home/ada"],
        "tags": [],
        "maps": CHAINS[name],
        "entries": len(CONTENTS[name]),
        "size": sum(entry.get("size", 0) for entry in CONTENTS[name].values()),
        "bytes_read": 0,
        "bytes_added": 0,
        "skipped": 0,
        "milliseconds": 1500,
    }


def good_store() -> dict[str, bytes]:
    objects = {"config": S.config(json_line(S.config_members()), KEY)}
    for name, pieces in PIECES.items():
        objects[name] = GOOD[name] = S.object(name, b"".join(pieces))
    whole = first_map()
    cut = len(map_lines(True, pack_lines(A), 9)) + 400
    texts = {M1[0]: whole[:cut], M1[1]: whole[cut:], M2: second_map(), M3: third_map(), M4: Map().encode()}
    texts |= {name: json_line(manifest_of(name)) for name in SNAPSHOTS}
    texts[S.name("pending", 3, "5")] = json_line({"version": 1, "names": sorted([*M1, A])})
    texts[S.name("condemned", 1, "run")] = json_line({"version": 1, "names": [S.name("packs", 1, "unused")]})
    return objects | {name: S.object(name, text) for name, text in texts.items()}


GOOD: dict[str, bytes] = {}
GOOD.update(good_store())


# --- The list ---------------------------------------------------------------------------------------------------------


def encoded(data: bytes | None) -> str | None:
    return None if data is None else base64.b64encode(pyzstd.compress(data, 19)).decode()


@dataclass
class Vectors:
    kept: dict[str, str]
    made: list[dict[str, Any]] = field(default_factory=list)

    def add(
        self,
        name: str,
        objects: Mapping[str, bytes | None],
        stage: str = "",
        result: str = OK,
        *,
        snapshot: str = S4,
        path: str = "",
        content: Mapping[str, Entry] | None = None,
        key: tuple[str, str] = ("key", KEY.hex()),
    ) -> None:
        """*objects* are put in place of the good ones, None takes one away. Reading gets as far as *stage*."""
        vector: dict[str, Any] = {"name": name, key[0]: key[1], "snapshot": snapshot, "stage": stage, "result": result}
        if path:
            vector["path"] = path
        if content is not None:
            vector["content"] = content
        vector["objects"] = {other: encoded(data) for other, data in objects.items()}
        self.made.append(vector)

    def config(self, name: str, result: str = DAMAGED, **changes: Any) -> None:
        members = {member: value for member, value in (S.config_members() | changes).items() if value is not ...}
        self.add(name, {"config": S.config(json_line(members), KEY)}, "" if result == OK else "store", result)

    def manifest(self, name: str, result: str = DAMAGED, stage: str = "manifest", **changes: Any) -> None:
        members = {member: value for member, value in (manifest_of(S4) | changes).items() if value is not ...}
        self.add(name, {S4: S.object(S4, json_line(members))}, "" if result == OK else stage, result)

    def map(self, name: str, result: str = DAMAGED, content: Mapping[str, Entry] | None = None, **parts: Any) -> None:
        self.add(name, {M4: S.object(M4, Map(**parts).encode())}, "" if result == OK else "map", result, content=content)

    def delta(self, name: str, text: bytes, content: Mapping[str, Entry] | None = None) -> None:
        """*text* in place of the second map; damaged if nothing is said of its *content*."""
        objects = {M2: S.object(M2, text)}
        if content is None:
            self.add(name, objects, "map", DAMAGED, snapshot=S2)
        else:
            self.add(name, objects, snapshot=S2, content=content)


def build(kept: dict[str, str]) -> dict[str, Any]:
    """The content of store.json. *kept* is the public-key slot made before."""
    v = Vectors(dict(kept))
    for part in (good, names, configs, manifests, maps, deltas, packs, moves, paths):
        part(v)
    twice = [name for name, count in Counter(vector["name"] for vector in v.made).items() if count > 1]
    if twice:
        raise ValueError(f"names that occur twice: {twice}")
    return {
        "format": "docs/format.md, version 1, section 10",
        "encoding": "objects: base64 of the zstd-compressed bytes; key: hexadecimal; private_key: unpadded base64, as in sealed.json",
        "hpke_slots": v.kept,
        "key": KEY.hex(),
        "content": CONTENTS,
        "objects": {name: encoded(data) for name, data in GOOD.items()},
        "vectors": v.made,
    }


def good(v: Vectors) -> None:
    for name, snapshot in zip(("a full map in two parts", "a delta", "two deltas", "one full map"), SNAPSHOTS, strict=True):
        v.add(f"a snapshot of {name} comes back", {}, snapshot=snapshot)
    v.add(
        "what has other names is left alone", {"packs/readme": b"x", "snapshots/1-00": b"x", "snapshots/" + "0" * 34: b"x", "other": b"x"}
    )
    v.add(
        "lists that are damaged are nobody's who only reads", {name: b"x" for name in GOOD if name.startswith(("pending/", "condemned/"))}
    )
    cut = GOOD[S4].replace(b"pad .", b"pad .", 1)
    v.add("a store whose snapshot lost nothing comes back", {S4: cut})


def names(v: Vectors) -> None:
    v.add("a snapshot under the name of another is damaged", {S4: GOOD[S3]}, "manifest", DAMAGED)
    v.add("a snapshot of another store is damaged", {S4: OTHER.object(S4, json_line(manifest_of(S4)))}, "manifest", DAMAGED)
    v.add("a map under the name of another is damaged", {M4: GOOD[M3]}, "map", DAMAGED)
    v.add("a map of another epoch under the name is damaged", {M4: GOOD[M1[0]]}, "map", DAMAGED)
    v.add("a map of another store is damaged", {M4: OTHER.object(M4, Map().encode())}, "map", DAMAGED)
    v.add("a manifest in place of a map is no map", {M4: GOOD[S4]}, "map", NOT_SEALED)
    v.add("the config in place of a snapshot is no snapshot", {S4: GOOD["config"]}, "manifest", NOT_SEALED)
    text = Map().encode()
    v.add("a map whose line alone says that it is a pack is no map", {M4: S.object(M4, text, kind="pack")}, "map", NOT_SEALED)
    v.add("a map whose context is that of a pack is damaged", {M4: S.object(M4, text, context=S.context(A))}, "map", DAMAGED)
    v.add(
        "a map whose context is that of a sealed file is damaged", {M4: S.object(M4, text, context=b"chatseal/v1\0sealed")}, "map", DAMAGED
    )
    v.add(
        "a map whose context lacks the store is damaged",
        {M4: S.object(M4, text, context=b"chatseal/v1\0map\0" + M4.encode())},
        "map",
        DAMAGED,
    )
    v.add("a map with the slot of another epoch is damaged", {M4: S.object(M4, text, epoch=1)}, "map", DAMAGED)
    v.add("a map with another epoch's key in its slot is damaged", {M4: S.object(M4, text, key=S.epochs[1])}, "map", DAMAGED)
    for part, at in {"its slot": 60, "its pad": 2000, "its first record": 4200, "its last byte": -1}.items():
        data = bytearray(GOOD[M4])
        data[at] ^= 1
        v.add(f"a map with a changed byte in {part} is noticed", {M4: bytes(data)}, "map", HEADER_DAMAGED if 0 < at < 4096 else DAMAGED)
    v.add("a map that was cut is truncated", {M4: GOOD[M4][:-1]}, "map", TRUNCATED)
    v.add("a map with a byte more has trailing bytes", {M4: GOOD[M4] + b"x"}, "map", TRAILING)
    v.add("an empty map is truncated", {M4: b""}, "map", TRUNCATED)
    v.add("a map that is not there is missing", {M4: None}, "map", MISSING)
    v.add("the second part of a map that is not there is missing", {M1[1]: None}, "map", MISSING, snapshot=S1)
    v.add("a pack that is not there is missing", {A: None}, "content", MISSING, path="a")
    v.add("a pack that a snapshot does not need may be missing", {B: None}, snapshot=S1)
    v.add("a store without a config is missing", {"config": None}, "store", MISSING)


def configs(v: Vectors) -> None:
    v.config("members that nobody knows are ignored", OK, later=[{"a": None}])
    v.add("another key is a wrong key", {}, "store", WRONG_KEY, key=("key", Draw("another")(32).hex()))
    a, b = (1, S.epochs[1].hex()), (3, S.epochs[3].hex())
    bad: dict[str, dict[str, Any]] = {
        "a config of another version": {"version": 2},
        "a config whose version is true": {"version": True},
        "a config without a version": {"version": ...},
        "a store id in capitals": {"store": S.id.upper()},
        "a store id cut short": {"store": S.id[:-1]},
        "a store id that is too long": {"store": S.id + "00"},
        "a generation of zero": {"generation": 0},
        "a generation with a fraction": {"generation": 2.0},
        "a time without seconds": {"created": "2026-11-25T10:11Z"},
        "a time of few digits": {"created": "2026-11-5T1:11:12Z"},
        "a day that is not": {"created": "2026-11-31T10:11:12Z"},
        "a config without epochs": {"epochs": []},
        "epochs that are an object": {"epochs": {"1": a[1]}},
        "epochs out of order": {"epochs": [b, a]},
        "an epoch twice": {"epochs": [a, a]},
        "an epoch of number zero": {"epochs": [[0, a[1]]]},
        "an epoch of ten digits": {"epochs": [a, [1_000_000_000, a[1]]]},
        "an epoch whose number is true": {"epochs": [[True, a[1]], b]},
        "an epoch key in capitals": {"epochs": [[1, "AB" * 32], b]},
        "an epoch key with spaces": {"epochs": [[1, a[1][:62] + " 0"], b]},
        "an epoch key cut short": {"epochs": [[1, a[1][:62]], b]},
        "a fingerprint key of 31 bytes": {"fingerprints": "00" * 31},
        "no fingerprint key": {"fingerprints": ...},
        "a promise that is a number": {"puts_absent": 1},
    }
    for name, changes in bad.items():
        v.config(f"{name} is damage", **changes)
    good_text = json_line(S.config_members())
    for name, text in {
        "a config with a member twice": good_text[:-1] + b',"version":1}',
        "a config with a member twice in another spelling": good_text[:-1] + b',"\\u0076ersion":1}',
        "a config with a byte order mark": b"\xef\xbb\xbf" + good_text,
        "a config that is no ASCII": good_text[:-1] + ',"x":"\u00e9"}'.encode(),
        "a config with NaN": good_text[:-1] + b',"x":NaN}',
        "a config with a number of 2^64": good_text[:-1] + b',"x":18446744073709551616}',
        "a config with a fraction nobody knows": good_text[:-1] + b',"x":0.5}',
        "a config that is a list": b"[" + good_text + b"]",
        "a config with something after it": good_text + b"{}",
        "a config of one byte": b" ",
    }.items():
        v.add(f"{name} is damage", {"config": S.config(text, KEY)}, "store", DAMAGED)
    v.add("a config with spaces comes back", {"config": S.config(b" " + good_text.replace(b",", b" ,\t") + b"\n", KEY)})
    v.add(
        "a config without an epoch of a pack is damage at that pack",
        {"config": S.config(json_line(S.config_members() | {"epochs": [b]}), KEY)},
        "content",
        DAMAGED,
        path="a",
    )
    draw = Draw("the provider's config")
    file_key, salt = draw(32), draw(24)
    line = v.kept.setdefault("provider", hpke_slot(private_key(SECRET).public_key(), file_key, b"chatseal/v1 slot hpke\0config").decode())
    forged = sealed_object("config", b"chatseal/v1\0config", line.encode(), file_key, salt, [frame_of(good_text)])
    secret = ("private_key", base64_text(SECRET).decode())
    v.add("a config that was sealed for the owner's public key does not open", {"config": forged}, "store", WRONG_KEY, key=secret)
    v.add(
        "a sealed file in place of the config is none",
        {"config": S.config(good_text, KEY, kind="sealed", context=b"chatseal/v1\0sealed")},
        "store",
        NOT_SEALED,
    )
    v.add(
        "a sealed file whose line says that it is a config is damaged",
        {"config": S.config(good_text, KEY, context=b"chatseal/v1\0sealed")},
        "store",
        DAMAGED,
    )


def manifests(v: Vectors) -> None:
    v.manifest("members of a manifest that nobody knows are ignored", OK, later={"a": None})
    v.manifest("a manifest with the longest texts comes back", OK, host="x" * 65536, writer="x" * 64, tags=["x"] * 64)
    bad: dict[str, dict[str, Any]] = {
        "a manifest of another version": {"version": 2},
        "a manifest whose version is 1.0": {"version": 1.0},
        "a manifest without a host": {"host": ...},
        "a host that is too long": {"host": "x" * 65537},
        "a user that is a number": {"user": 1},
        "a writer that is too long": {"writer": "x" * 65},
        "a sequence of zero": {"sequence": 0},
        "a time without microseconds": {"time": "2026-11-25T10:11:12Z"},
        "a time with three digits of a second": {"time": "2026-11-25T10:11:12.123Z"},
        "sources that are a text": {"sources": "/home"},
        "too many tags": {"tags": [""] * 65},
        "tags that are missing": {"tags": ...},
        "no maps": {"maps": []},
        "a map without parts": {"maps": [[M4], []]},
        "maps that are not lists": {"maps": [M4]},
        "a pack in place of a map": {"maps": [[A]]},
        "a map whose name leads up": {"maps": [["maps/../" + M4]]},
        "65 maps": {"maps": [[M4]] * 65},
        "a previous snapshot that is a map": {"previous": M4},
        "a previous snapshot of null": {"previous": None},
        "a size below zero in a manifest": {"size": -1},
        "a size of 2^63": {"size": 2**63},
        "a size that is true": {"size": True},
        "seconds with a fraction": {"milliseconds": 0.5},
    }
    for name, changes in bad.items():
        v.manifest(f"{name} is damage", **changes)
    v.manifest("one map twice is damage", stage="map", maps=[[M4], [M4]])
    v.manifest("one part twice is damage", stage="map", maps=[[M4, M4]])
    v.manifest("a delta at the beginning is damage", stage="map", maps=[[M3]])
    v.manifest("parts in another order are damage", stage="map", maps=[M1[::-1]])
    v.manifest("a part too few is damage", stage="map", maps=[M1[:1]])
    never = "maps/2-" + "0" * 32
    changed = S.object(S4, json_line(manifest_of(S4) | {"maps": [[never]]}))
    v.add("a map of an epoch that never was is damage", {S4: changed, never: GOOD[M4]}, "map", DAMAGED)
    v.manifest("a map that never was is missing", result=MISSING, stage="map", maps=[["maps/1-" + "0" * 32]])


def maps(v: Vectors) -> None:
    none = {"unit": ..., "units": ..., "segments": ..., "size": ...}
    v.map("members of lines that nobody knows are ignored", OK, head={"later": 1}, entry={"later": None})
    v.map("a unit that ends with its pack comes back", OK, runs=((0, 1, 1, 2 * U), (1, 1, ZEROS, 0), (2, 1, 0, AT_TAIL)),
          prints=prints(b"k" * U, bytes(U), b"tail tail!"), content={"a": file_entry(b"k" * U + bytes(U) + b"tail tail!")})  # fmt: skip
    bad: dict[str, dict[str, Any]] = {
        "a map of another version": {"head": {"version": 2}},
        "a map whose version is true": {"head": {"version": True}},
        "full that is a number": {"head": {"full": 1}},
        "a pack less than lines": {"head": {"packs": 1}},
        "a pack more than lines": {"head": {"packs": 3}},
        "2^24 + 1 packs": {"head": {"packs": 2**24 + 1}},
        "an entry less than lines": {"head": {"entries": 0}},
        "an entry more than lines": {"head": {"entries": 2}},
        "2^32 entries where there is one": {"head": {"entries": 2**32}},
        "one pack twice": {"packs": pack_lines(A, A)},
        "a pack of four members": {"packs": [[*pack_lines(A)[0], 1], *pack_lines(B)]},
        "a pack without a length": {"packs": [[A, 0, 6 * U], *pack_lines(B)]},
        "a pack of more than 2^28 bytes": {"packs": [[A, 2**28 + 1, 6 * U], *pack_lines(B)]},
        "a pack of more than 2^27 bytes of plaintext": {"packs": [[A, 9999, 2**27 + 1], *pack_lines(B)]},
        "a map in place of a pack": {"packs": [[M4, 9999, 6 * U], *pack_lines(B)]},
        "an empty path": {"entry": {"path": ""}},
        "a path of 65 537 characters": {"entry": {"path": "x" * 65537}},
        "a path that is a list": {"entry": {"path": ["a"]}},
        "a type that is not": {"entry": {"type_": "socket"}},
        "a mode of more than twelve bits": {"entry": {"mode": 4096}},
        "a mode that is missing": {"entry": {"mode": ...}},
        "a size of -1": {"entry": {"size": -1}},
        "a user of 2^32": {"entry": {"uid": 2**32}},
        "a time of 2^63": {"entry": {"mtime_ns": 2**63}},
        "an inode of 2^64": {"entry": {"inode": 2**64}},
        "a unit of 2048": {"entry": {"unit": 2048, "units": 5}},
        "a unit of 5000": {"entry": {"unit": 5000, "units": 2}},
        "a unit of 131 072": {"entry": {"unit": 131072, "units": 1}},
        "a unit too few": {"entry": {"units": 2}},
        "a unit too many": {"entry": {"units": 4}},
        "a folder with content": {"entry": {"type_": "folder"}},
        "a folder with a size": {"entry": none | {"type_": "folder", "size": 1}, "segments": b""},
        "a link with content": {"entry": {"type_": "link", "target": "x"}},
        "a link without a target": {"entry": none | {"type_": "link"}, "segments": b""},
        "a file with a target": {"entry": {"target": "x"}},
        "another name with content": {"entry": {"same_as": "b"}},
        "a folder that is another name": {"entry": none | {"type_": "folder", "same_as": "b"}, "segments": b""},
        "more segments than units": {"entry": {"segments": 4}},
        "a segment less than there are": {"entry": {"segments": 0}},
        "a segment more than there are": {"entry": {"segments": 2}},
        "an entry gone from a full map": {"line": json_line({"path": "a", "gone": True}) + b"\n", "segments": b""},
        "an entry gone with another word": {"entry": {"gone": 1}},
        "an entry that is a list": {"line": b'["a"]\n'},
        "an entry line of 2^20 bytes and one": {
            "line": entry_line("a", size=2 * U + 10, unit=U, units=3, segments=1)[:-2].ljust(2**20 - 1) + b"}\n"
        },
        "no runs": {"counts": (0, 3)},
        "more runs than units": {"counts": (3, 2)},
        "counts that add up to less": {"counts": (3, 4)},
        "more than 65 536 units": {"counts": (1, 65537)},
        "a run of nothing": {"runs": ((0, 2, 0, 0), (2, 0, ZEROS, 0), (2, 1, 0, AT_TAIL))},
        "runs out of order": {"runs": ((1, 1, ZEROS, 0), (0, 1, 0, 0), (2, 1, 0, AT_TAIL))},
        "runs that overlap": {"runs": ((0, 2, 0, 0), (1, 1, ZEROS, 0))},
        "a unit left out": {"runs": ((0, 1, 0, 0), (2, 1, 0, AT_TAIL)), "prints": prints(b"a" * U, b"tail tail!")},
        "a unit behind the end": {"runs": ((0, 1, 0, 0), (1, 1, ZEROS, 0), (3, 1, 0, AT_TAIL))},
        "the last possible unit": {"runs": ((0, 1, 0, 0), (1, 1, ZEROS, 0), (ZEROS, 1, 0, AT_TAIL))},
        "a pack that has no line": {"runs": ((0, 1, 2, 0), (1, 1, ZEROS, 0), (2, 1, 0, AT_TAIL))},
        "the last pack but zeros": {"runs": ((0, 1, ZEROS - 1, 0), (1, 1, ZEROS, 0), (2, 1, 0, AT_TAIL))},
        "zeros that lie somewhere": {"runs": ((0, 1, 0, 0), (1, 1, ZEROS, 1), (2, 1, 0, AT_TAIL))},
        "a unit that ends behind its pack": {"runs": ((0, 1, 1, 2 * U + 1), (1, 1, ZEROS, 0), (2, 1, 0, AT_TAIL))},
        "a last unit that ends behind its pack": {"runs": ((0, 1, 0, 0), (1, 1, ZEROS, 0), (2, 1, 1, 3 * U - 9))},
        "a place of 2^32 - 1": {"runs": ((0, 1, 0, 2**32 - 1), (1, 1, ZEROS, 0), (2, 1, 0, AT_TAIL))},
        "a fingerprint cut short": {"prints": prints(b"a" * U, bytes(U), b"tail tail!")[:-1]},
        "a byte after the last entry": {"after": b"\0"},
        "an entry after the last": {"after": entry_line("b")},
        "a path twice": {"head": {"entries": 2}, "after": entry_line("a")},
        "a huge entry with its last unit alone": {
            "entry": {"size": (2**32 - 1) * U, "units": 2**32 - 1},
            "segments": segment([(2**32 - 2, 1, 0, 0)], prints(b"a" * U)),
        },
    }
    for name, parts in bad.items():
        v.map(f"{name} is damage", **parts)
    v.add("an empty line is damage", {M4: S.object(M4, b"\n" + Map().encode())}, "map", DAMAGED)
    v.add(
        "a map without an end of line is damage",
        {M4: S.object(M4, json_line({"version": 1, "full": True, "packs": 0, "entries": 0}))},
        "map",
        DAMAGED,
    )
    v.add("a map of nothing comes back", {M4: S.object(M4, map_lines(True, [], 0))}, content={})


def deltas(v: Vectors) -> None:
    def of(*entries: bytes, full: bool = False) -> bytes:
        return map_lines(full, pack_lines(B), len(entries)) + b"".join(entries)

    def one(size: int, units: int, *runs: tuple[int, int, int, int], unit: int = U) -> bytes:
        marks = prints(*(b"n" * U for run in runs for _ in range(run[1])))
        return entry_line("docs/a", size=size, unit=unit, units=units, segments=len(runs) and 1) + (segment(runs, marks) if runs else b"")

    gone = json_line({"path": "dump", "gone": True}) + b"\n"
    same = CONTENT_1 | {"docs/a": file_entry(b"a" * U + bytes(U) + b"tail tail!")}
    v.delta("a delta of nothing comes back", of(), CONTENT_1)
    v.delta("an entry that is named with nothing new comes back", of(one(2 * U + 10, 3)), same)
    v.delta("an entry cut to whole units comes back", of(one(2 * U, 2)), CONTENT_1 | {"docs/a": file_entry(b"a" * U + bytes(U))})
    v.delta("an entry of no bytes comes back", of(one(0, 0)), CONTENT_1 | {"docs/a": file_entry()})
    v.delta("an entry that is gone and nothing else comes back", of(gone), {p: e for p, e in CONTENT_1.items() if p != "dump"})
    v.delta("a longer last unit that is not named is damage", of(one(3 * U, 3)))
    v.delta("a last unit that is one byte longer and not named is damage", of(one(2 * U + 11, 3)))
    v.delta("a last unit that is shorter and not named is damage", of(one(2 * U + 9, 3)))
    v.delta("an entry cut within a unit that is not named is damage", of(one(U + 1, 2)))
    v.delta("a new unit that is not named is damage", of(one(4 * U, 4, (2, 1, 0, 0))))
    v.delta("a hole before a new unit is damage", of(one(4 * U, 4, (3, 1, 0, 0))))
    v.delta("another unit with units that are not named is damage", of(one(2 * U, 1, unit=2 * U)))
    v.delta("a new entry with units that are not named is damage", of(entry_line("new", size=1, units=1)))
    v.delta("an entry that is gone twice is damage", of(gone, gone))
    v.delta("an entry that is gone and there is damage", of(gone, entry_line("dump", "stream")))
    v.delta("an entry that is gone and was not there is damage", of(gone.replace(b"dump", b"pump")))
    v.delta("an entry twice is damage", of(entry_line("new"), entry_line("new")))
    v.delta("a full map in place of a delta is damage", of(full=True))
    lies = [[A, len(GOOD[A]), 7 * U]], [[A, len(GOOD[A]) + 1, pack_lines(A)[0][2]]]
    for what, lines in zip(("more plaintext", "another length"), lies, strict=True):
        v.delta(f"a pack of {what} than the map before says is damage", map_lines(False, lines, 0))


def packs(v: Vectors) -> None:
    lines = pack_lines(A, B)
    short = [[A, lines[0][1], lines[0][2] - 1], lines[1]]
    v.add("a pack that holds more than its map says is damage", {M4: S.object(M4, Map(packs=short).encode())}, "content", DAMAGED, path="a")
    longer = [[A, lines[0][1] + 1, lines[0][2]], lines[1]]
    v.add(
        "a pack of another length than its map says is damage", {M4: S.object(M4, Map(packs=longer).encode())}, "content", DAMAGED, path="a"
    )
    v.add("a pack with the content of another is damage", {A: S.object(A, b"".join(PIECES[B]))}, "content", DAMAGED, path="a")
    v.add("a pack under the name of another is damage", {A: GOOD[B]}, "content", DAMAGED, path="a")
    data = bytearray(GOOD[A])
    data[4200] ^= 1
    v.add("a pack with a changed byte is damage", {A: bytes(data)}, "content", DAMAGED, path="a")
    swapped = Map(prints=prints(b"b" * U, bytes(U), b"tail tail!"))
    v.add("a unit with another fingerprint is noticed by a check", {M4: S.object(M4, swapped.encode())}, "check", DAMAGED, path="a")


def moves(v: Vectors) -> None:
    """What the last two snapshots need of pack A lies in C, and A is gone."""
    c, m, n = S.name("packs", 3, "C"), S.name("moves", 3, "M"), S.name("moves", 3, "N")
    pieces = [b"tail tail!", b"b" * 2 * U, b"a" * U]
    pack_c = S.object(c, b"".join(pieces))
    line_a, line_c = pack_lines(A)[0], [c, len(pack_c), sum(map(len, pieces))]
    runs = [(0, 0, 0, 2 * U + 10, U), (0, AT_TAIL, 0, 0, 2 * U + 10)]

    def moved(runs: Any = runs, sources: Any = (line_a,), targets: Any = (line_c,), after: bytes = b"", **changes: Any) -> bytes:
        return move_text(sources, targets, runs, **changes) + after

    gone: dict[str, bytes | None] = {A: None, c: pack_c}
    for snapshot in (S2, S4):
        v.add(
            f"units are found where they were moved to, in snapshot {SNAPSHOTS.index(snapshot) + 1}",
            gone | {m: S.object(m, moved())},
            snapshot=snapshot,
        )
    d = S.name("packs", 3, "D")
    pack_d = S.object(d, b"a" * U)
    line_d = [d, len(pack_d), U]
    second = move_text([line_c], [line_d], [(0, 2 * U + 10, 0, 0, U)])
    v.add("units are found after a second move", gone | {m: S.object(m, moved()), n: S.object(n, second), d: pack_d})
    v.add("the pack between two moves may be gone", {m: S.object(m, moved()), n: S.object(n, second), d: pack_d})
    v.add("a second move alone leads on from nothing", gone | {n: S.object(n, second), d: pack_d}, "content", MISSING, path="a")
    v.add("a move to a pack that is not there does not count", {m: S.object(m, moved())})
    v.add("a damaged move leads nowhere", {m: b"x"})
    v.add("what a damaged move has moved is missing", gone | {m: b"x"}, "content", MISSING, path="a")
    v.add("what no move has moved is missing", gone, "content", MISSING, path="a")
    v.add("a move of other bytes moves nothing else", gone | {m: S.object(m, moved(runs[1:]))}, "content", MISSING, path="a")
    short = [(0, 0, 0, 2 * U + 10, U - 1), runs[1]]
    v.add("a unit of which a part was moved was not moved", gone | {m: S.object(m, moved(short))}, "content", MISSING, path="a")
    for name, text in {
        "runs not in order": moved(runs[::-1]),
        "runs that overlap": moved([(0, 0, 0, 0, U + 1), runs[1]]),
        "a run beyond its source": moved([runs[0], (0, 7 * U, 0, 0, 2 * U)]),
        "a run beyond its target": moved([(0, 0, 0, 2 * U + 11, U), runs[1]]),
        "an empty run": moved([(0, 0, 0, 0, 0), *runs[1:]]),
        "a source that is none": moved([runs[0], (1, AT_TAIL, 0, 0, 10)]),
        "a target that is none": moved([runs[0], (0, AT_TAIL, 1, 0, 10)]),
        "a pack that is source and target": moved(targets=[line_a]),
        "no runs": moved([]),
        "no targets": moved(targets=[]),
        "fewer runs than it says": moved(runs=runs[:1], count=2),
        "more than it says": moved(after=b"x"),
        "another version": moved(version=2),
    }.items():
        v.add(f"a move with {name} leads nowhere", gone | {m: S.object(m, text)}, "content", MISSING, path="a")
    v.add("a move under the name of another leads nowhere", gone | {m: S.object(n, moved())}, "content", MISSING, path="a")


def paths(v: Vectors) -> None:
    """Entries that would be written elsewhere, each with one that is good: it alone comes back."""

    def only(name: str, *lines: bytes, more: Mapping[str, Entry] | None = None) -> None:
        text = map_lines(True, [], len(lines) + 1) + entry_line("good") + b"".join(lines)
        vector = {"good": file_entry(), **(more or {})}
        v.add(name, {M4: S.object(M4, text)}, "path", DAMAGED, content=vector)

    for path in ("../out", "/out", "a//b", "a/../../out", "a/./b", ".", "..", "a/", "a\0b", "\ud800"):
        only(f"the path {path!a} is refused", entry_line(path))
    only(
        "a link to above is no way up",
        entry_line("l", "link", 0o777, target=".."),
        entry_line("l/out"),
        more={"l": {"type": "link", "target": ".."}},
    )
    only("a link below a link is not made", entry_line("l", "link", 0o777, target=".."), entry_line("l/out", "link", 0o777, target="x"),
         more={"l": {"type": "link", "target": ".."}})  # fmt: skip
    only("a file below a file is not made", entry_line("good/out"))
    only("another name of what is not there is not made", entry_line("x", same_as="nothing"))
    only("another name of another name is not made", entry_line("x", same_as="y"), entry_line("y", same_as="x"))
    only("another name of itself is not made", entry_line("x", same_as="x"))


def read() -> dict[str, Any]:
    """The content of store.json as it is kept, empty before the first time."""
    document: dict[str, Any] = json.loads(PATH.read_text("ascii")) if PATH.exists() else {}
    return document


def main() -> None:
    document = build(read().get("hpke_slots", {}))
    PATH.write_text(json.dumps(document, indent=1) + "\n", "ascii")  # ASCII: names that are no UTF-8 are lone surrogates
    print(f"{PATH}: {len(document['vectors'])} vectors, {PATH.stat().st_size} bytes")


if __name__ == "__main__":
    main()
