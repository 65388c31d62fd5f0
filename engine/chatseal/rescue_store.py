"""Rebuild files from a store of chatseal with nothing but this file, rescue.py beside it, `cryptography` and `pyzstd`.

    python rescue.py STORE --key-file K                           which snapshots there are
    python rescue.py STORE --key-file K SNAPSHOT                  what is in one: `latest`, or the first digits of its name
    python rescue.py STORE --key-file K SNAPSHOT NAME [-o OUT]    one file, to standard output or a new file
    python rescue.py STORE --key-file K SNAPSHOT [NAME] --to DIR  all of it, or NAME and what is below it, in a new folder

STORE is a folder with the objects of a store under their names, wherever they were downloaded from. Written from
docs/format.md, section 10, alone and in its order, and as slow and plain as rescue.py: every object is read whole, and
opened as what its name says or not at all.

    config      the key opens it: store id, keys of epochs, key of fingerprints
    snapshot    manifest: the names of the parts of a full map and its deltas
    map         for each entry: in which pack each of its units lies, and the unit's fingerprint
    move        where parts of packs lie that were gathered in others since
    pack        units, which are checked against their fingerprints and put together
"""

from __future__ import annotations

import array
import bisect
import contextlib
import hmac
import json
import os
import re
import shutil
import stat
import struct
import sys
import tempfile
from datetime import datetime
from itertools import groupby
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple, NoReturn

if TYPE_CHECKING or __package__:
    from chatseal.rescue import Epoch, Failure, RescueError, Stream, parse_arguments, read_key, rescue, told, write_beside
else:  # two files that were kept beside the backups
    from rescue import Epoch, Failure, RescueError, Stream, parse_arguments, read_key, rescue, told, write_beside

if TYPE_CHECKING:
    from collections.abc import Callable

    from chatseal.rescue import Key

# --- Section 10: objects and their names ------------------------------------------------------------------------------

KINDS = {"packs": "pack", "maps": "map", "moves": "move", "pending": "pending", "snapshots": "snapshot"}
KINDS |= {"condemned": "condemned", "forgets": "forget"}
NAME = re.compile(r"(packs|maps|moves|pending|snapshots|condemned|forgets)/([1-9][0-9]{0,8})-([0-9a-f]{32})")
CONFIG_MAX, PACK_MAX, PACK_PLAIN_MAX, PART_MAX, MANIFEST_MAX = 1 << 20, 1 << 28, 1 << 27, 16 << 20, 16 << 20
MOVE_MAX = 1 << 27


def check(right: bool, place: str) -> None:
    if not right:
        raise RescueError(Failure.DAMAGED, place)


# --- JSON -------------------------------------------------------------------------------------------------------------


def parse_object(text: bytes, place: str) -> dict[str, Any]:
    """The members of a JSON object, which is in one spelling."""
    members = parse(text, place)
    check(isinstance(members, dict), place)
    return dict(members)


def parse(text: bytes, place: str) -> Any:
    def once(pairs: list[tuple[str, object]]) -> dict[str, object]:
        check(len(dict(pairs)) == len(pairs), place)
        return dict(pairs)

    def integer(digits: str) -> int:
        check(len(digits) <= 21 and abs(int(digits)) < 1 << 64, place)
        return int(digits)

    def refuse(_: str) -> NoReturn:
        raise RescueError(Failure.DAMAGED, place)

    try:
        return json.loads(text.decode("ascii"), object_pairs_hook=once, parse_int=integer, parse_float=refuse, parse_constant=refuse)
    except (ValueError, RecursionError):
        raise RescueError(Failure.DAMAGED, place) from None


class Members:
    """What a JSON object says, each member within its limits."""

    def __init__(self, members: dict[str, Any], place: str) -> None:
        self.members, self.place = members, place
        if "version" in members:
            self.number("version", 1, 1)

    def get(self, name: str, kind: type, default: Any) -> Any:
        value = self.members.get(name, default)
        check(type(value) is kind, f"{self.place}: {name}")  # type() because a bool is an int to isinstance()
        return value

    def text(self, name: str, longest: int, default: str | None = None) -> str:
        value: str = self.get(name, str, default)
        check(len(value) <= longest, f"{self.place}: {name}")
        return value

    def number(self, name: str, least: int = 0, most: int = (1 << 63) - 1, default: int | None = None) -> int:
        value: int = self.get(name, int, default)
        check(least <= value <= most, f"{self.place}: {name}")
        return value

    def boolean(self, name: str) -> bool:
        return bool(self.get(name, bool, None))

    def items(self, name: str, most: int, least: int = 0) -> list[Any]:
        value: list[Any] = self.get(name, list, None)
        check(least <= len(value) <= most, f"{self.place}: {name}")
        return value

    def texts(self, name: str, most: int) -> list[str]:
        return [Members({name: item}, self.place).text(name, 65536) for item in self.items(name, most)]

    def names(self, name: str, folder: str, most: int) -> list[str]:
        found = [Members({name: item}, self.place).text(name, 128) for item in self.items(name, most, 1)]
        check(all(NAME.fullmatch(item) and item.startswith(folder) for item in found), f"{self.place}: {name}")
        return found

    def digits(self, name: str, length: int) -> bytes:
        value = self.text(name, 2 * length)
        check(re.fullmatch("[0-9a-f]*", value) is not None and len(value) == 2 * length, f"{self.place}: {name}")
        return bytes.fromhex(value)

    def time(self, name: str, pattern: str, form: str) -> datetime:
        value = self.text(name, 40)
        check(re.fullmatch(pattern, value, re.ASCII) is not None, f"{self.place}: {name}")
        try:
            return datetime.strptime(value, form)
        except ValueError:
            raise RescueError(Failure.DAMAGED, f"{self.place}: {name}") from None


# --- Store: objects, config, snapshots --------------------------------------------------------------------------------


class Manifest(NamedTuple):
    name: str
    time: datetime
    host: str
    sources: list[str]
    maps: list[list[str]]
    entries: int
    size: int

    @property
    def id(self) -> str:
        """What people call it."""
        return self.name[-32:]


class Store:
    """The objects in a folder, opened with the key of their config."""

    def __init__(self, folder: str, key: Key) -> None:
        self.folder = folder
        check(os.path.getsize(os.path.join(folder, "config")) <= CONFIG_MAX, "config")
        found = Members(parse_object(self.unseal("config", key, "config", CONFIG_MAX), "config"), "config")
        found.number("version")
        found.number("generation", 1)
        found.time("created", r"[1-9][0-9]{3}-\d\d-\d\dT\d\d:\d\d:\d\dZ", "%Y-%m-%dT%H:%M:%SZ")
        found.boolean("puts_absent")
        self.id = found.digits("store", 16).hex()
        self.fingerprints = found.digits("fingerprints", 32)
        self.epochs: dict[int, Epoch] = {}
        for pair in found.items("epochs", 1024, 1):
            check(isinstance(pair, list) and len(pair) == 2, "config: epochs")
            epoch = Members(dict(zip(("number", "key"), pair, strict=True)), "config: epochs")
            number = epoch.number("number", max(self.epochs, default=0) + 1, 999_999_999)
            self.epochs[number] = Epoch(number, epoch.digits("key", 32))
        self.held: tuple[str, bytes] = "", b""  # the pack that was read last

    def read(self, name: str, longest: int) -> bytes:
        """What the object *name* holds, bound to its kind, this store and its name."""
        parts = NAME.fullmatch(name)
        assert parts is not None
        epoch = self.epochs.get(int(parts[2]))
        if epoch is None:
            raise RescueError(Failure.DAMAGED, f"{name}: of an epoch whose key the config does not hold")
        try:
            return self.unseal(name, epoch, f"{KINDS[parts[1]]}\0{self.id}\0{name}", longest)
        except RescueError as error:
            raise RescueError(Failure.DAMAGED if error.failure == Failure.WRONG_KEY else error.failure, f"{name}: {error.place}") from None

    def unseal(self, name: str, key: Key, kind: str, longest: int) -> bytes:
        plain = bytearray()
        with open(os.path.join(self.folder, name), "rb") as source:
            for piece in rescue(source, key, kind=kind):
                plain += piece
                check(len(plain) <= longest, "it holds too much")
        return bytes(plain)

    def manifest(self, name: str) -> Manifest:
        found = Members(parse_object(self.read(name, MANIFEST_MAX), name), name)
        found.number("version")
        time = found.time("time", r"[1-9][0-9]{3}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", "%Y-%m-%dT%H:%M:%S.%fZ")
        found.text("user", 65536)
        found.text("writer", 64)
        found.texts("tags", 64)
        found.number("sequence", 1)
        if found.text("previous", 128):
            Members({"previous": [found.text("previous", 128)]}, name).names("previous", "snapshots/", 1)
        for word in ("bytes_read", "bytes_added", "skipped", "milliseconds"):
            found.number(word)
        maps = [Members({"maps": item}, name).names("maps", "maps/", 65536) for item in found.items("maps", 64, 1)]
        numbers = found.number("entries"), found.number("size")
        return Manifest(name, time, found.text("host", 65536), found.texts("sources", 4096), maps, *numbers)

    def manifests(self) -> tuple[list[Manifest], list[RescueError]]:
        """All snapshots, oldest first, and what is wrong with others."""
        folder = os.path.join(self.folder, "snapshots")
        names = sorted(f"snapshots/{child}" for child in os.listdir(folder)) if os.path.isdir(folder) else []
        good, bad = [], []
        for name in filter(NAME.fullmatch, names):
            try:
                good.append(self.manifest(name))
            except RescueError as error:
                bad.append(error)
        return sorted(good, key=lambda item: (item.time, item.name)), bad

    def snapshot(self, wanted: str) -> Manifest:
        """The one that *wanted* names. Whether it is the latest, nobody can tell while another cannot be read: that is told."""
        found, bad = self.manifests()
        for error in bad:
            print(f"rescue: {error}", file=sys.stderr)
        found = found[-1:] if wanted == "latest" else [item for item in found if item.id.startswith(wanted.lower())]
        if len(found) != 1:
            raise FileNotFoundError(f"{self.folder!r} has {'several snapshots' if found else 'no snapshot'} {wanted}")
        return found[0]

    def table(self, snapshot: Manifest) -> Table:
        """Its entries, from the chain of its maps."""
        table = Table()
        for number, names in enumerate(snapshot.maps):
            parts = (self.read(name, PART_MAX) for name in names)
            table.apply(Map(part for part in parts if part), names[0], full=number == 0)
        table.follow(self.moves(), self.has)
        return table

    def moves(self) -> list[Move]:
        """All that are whole: what another has moved is missed where it was."""
        folder = os.path.join(self.folder, "moves")
        found = []
        for name in sorted(f"moves/{child}" for child in os.listdir(folder)) if os.path.isdir(folder) else []:
            if NAME.fullmatch(name):
                try:
                    found.append(Move(Map(iter([self.read(name, MOVE_MAX)])), name))
                except RescueError as error:
                    print(f"rescue: {error}", file=sys.stderr)
        return found

    def has(self, pack: Pack) -> bool:
        return os.path.exists(os.path.join(self.folder, pack.name))

    def pack(self, place: Pack) -> bytes:
        """All of its plaintext."""
        if self.held[0] != place.name:
            check(os.path.getsize(os.path.join(self.folder, place.name)) == place.length, f"{place.name}: not as long as its map says")
            plain = self.read(place.name, PACK_PLAIN_MAX)
            check(len(plain) == place.plain, f"{place.name}: it does not hold as much as its map says")
            self.held = place.name, plain
        return self.held[1]

    def rebuild(self, table: Table, entry: Entry, out: BinaryIO) -> None:
        """Write the content of *entry* into a new file, pack by pack: zeros are what is not written."""
        out.truncate(entry.size)
        for number, units in groupby(sorted(range(entry.units), key=lambda unit: entry.packs[unit]), key=lambda unit: entry.packs[unit]):
            plain = self.pack(table.packs[number]) if number != ZEROS else b""
            for unit in units:
                length = min(entry.unit, entry.size - unit * entry.unit)
                data = plain[entry.at[unit] : entry.at[unit] + length] if number != ZEROS else bytes(length)
                mark = hmac.digest(self.fingerprints, data, "sha256")[:16]
                check(mark == entry.prints[16 * unit : 16 * unit + 16], f"{entry.path!a}: unit {unit} has another fingerprint")
                if number != ZEROS:
                    out.seek(unit * entry.unit)
                    out.write(data)


# --- Page map ---------------------------------------------------------------------------------------------------------

LINE_MAX, PATH_MAX, SEGMENT_MAX, DEPTH_MAX = 1 << 20, 65536, 65536, 64
ZEROS, MISSING = 0xFFFFFFFF, 0xFFFFFFFE  # no number of a pack: units of zeros, and here alone units that were not told yet
WITH_CONTENT = ("file", "database", "stream")


class Map(Stream):
    """The bytes of a map, in lines and in exact pieces."""

    def line(self) -> bytes:
        while (end := self.ready.find(b"\n", 0, LINE_MAX)) < 0:
            record = next(self.records, b"")
            self.check(len(self.ready) < LINE_MAX and record != b"")
            self.ready += record
        return self.take(end + 1)


class Pack(NamedTuple):
    name: str
    length: int
    plain: int


def pack_of(stream: Map, place: str) -> Pack:
    """The next line, which tells of a pack."""
    found = Members({"pack": parse(stream.line(), place)}, place)
    check(len(found.items("pack", 3)) == 3, f"{place}: pack")
    line = Members(dict(zip(Pack._fields, found.items("pack", 3), strict=True)), f"{place}: pack")
    pack = Pack(line.text("name", 128), line.number("length", 1, PACK_MAX), line.number("plain", 1, PACK_PLAIN_MAX))
    check(NAME.fullmatch(pack.name) is not None and pack.name.startswith("packs/"), line.place)
    return pack


class Move:
    """Where bytes of packs were moved to: runs by the pack that they were in."""

    def __init__(self, stream: Map, place: str) -> None:
        stream.place = place
        head = Members(parse_object(stream.line(), place), place)
        head.number("version")
        counts = head.number("sources", 1, 1 << 24), head.number("targets", 1, 1 << 24)
        runs = head.number("runs", 1, 1 << 22)
        sources, targets = ([pack_of(stream, place) for _ in range(count)] for count in counts)
        check(len({pack.name for pack in (*sources, *targets)}) == sum(counts), f"{place}: a pack twice")
        columns = [struct.unpack(f"<{runs}I", stream.take(4 * runs)) for _ in ("source", "at", "target", "to", "length")]
        stream.check(not stream.ready and not any(stream.records))
        self.runs: dict[str, list[tuple[int, int, Pack, int]]] = {}
        end = 0, 0
        for source, at, target, to, length in zip(*columns, strict=True):
            check(source < len(sources) and target < len(targets) and length >= 1 and (source, at) >= end, place)
            check(at + length <= sources[source].plain and to + length <= targets[target].plain, place)
            end = source, at + length
            self.runs.setdefault(sources[source].name, []).append((at, length, targets[target], to))

    def find(self, pack: str, at: int, length: int) -> tuple[Pack, int] | None:
        """Where so many bytes are now that were at that place, if they were moved."""
        runs = self.runs.get(pack, [])
        number = bisect.bisect_right(runs, at, key=lambda run: run[0]) - 1
        if number < 0 or at + length > runs[number][0] + runs[number][1]:
            return None
        return runs[number][2], runs[number][3] + at - runs[number][0]


class Entry:
    """One file, folder or link; of each of its units the pack's number, the byte of its plaintext, the fingerprint."""

    def __init__(self, found: Members) -> None:
        self.path = found.text("path", PATH_MAX)
        self.type = found.text("type", 8)
        self.mode = found.number("mode", 0, 4095)
        self.size = found.number("size", default=0)
        self.mtime_ns = found.number("mtime_ns", -(1 << 63), default=0)
        found.number("ctime_ns", -(1 << 63), default=0)
        for name, bits in {"uid": 32, "gid": 32, "device": 64, "inode": 64}.items():
            found.number(name, 0, (1 << bits) - 1, 0)
        self.target, self.same_as = found.text("target", PATH_MAX, ""), found.text("same_as", PATH_MAX, "")
        self.unit = found.number("unit", 4096, 65536, 4096)
        self.units = found.number("units", 0, (1 << 32) - 1, 0)
        self.segments = found.number("segments", 0, self.units, 0)
        has_content = self.type in WITH_CONTENT and not self.same_as
        right = self.type in (*WITH_CONTENT, "folder", "link") and (self.type == "link") == bool(self.target)
        right = right and (not self.same_as or self.type in ("file", "database")) and self.unit & (self.unit - 1) == 0
        check(right and self.units == -(-self.size // self.unit) and (has_content or not self.units), f"{found.place}: {self.path!a}")
        self.packs, self.at, self.prints = array.array("I"), array.array("I"), bytearray()

    def keep(self, earlier: Entry) -> None:
        """Take over the units of the entry of this path in the map before that are the same length now."""
        if earlier.unit == self.unit:
            kept = earlier.units if earlier.size == self.size else min(earlier.size, self.size) // self.unit
            self.packs, self.at, self.prints = earlier.packs[:kept], earlier.at[:kept], earlier.prints[: 16 * kept]

    def put(self, first: int, pack: int, at: int, prints: bytes) -> None:
        """A run of units, the ends of which are checked already."""
        count = len(prints) // 16
        here = slice(first, first + count)
        self.packs[here] = array.array("I", [pack]) * count
        self.at[here] = array.array("I", range(at, at + count * self.unit, self.unit) if pack != ZEROS else [0] * count)
        self.prints[16 * first : 16 * (first + count)] = prints


class Table:
    """What a chain of maps describes."""

    def __init__(self) -> None:
        self.entries: dict[str, Entry] = {}
        self.packs: list[Pack] = []
        self.numbers: dict[str, int] = {}  # of packs, by name

    def apply(self, stream: Map, place: str, *, full: bool) -> None:
        """Change the table by the next map of its chain; *place* is for messages."""
        stream.place = place
        head = Members(parse_object(stream.line(), place), place)
        head.number("version")
        check(head.boolean("full") == full, f"{place}: full or not")
        packs = [self.number_of(pack_of(stream, place)) for _ in range(head.number("packs", 0, 1 << 24))]
        check(len(set(packs)) == len(packs), f"{place}: a pack twice")
        seen: set[str] = set()
        for _ in range(head.number("entries", 0, 1 << 32)):
            found = Members(parse_object(stream.line(), place), place)
            path = found.text("path", PATH_MAX)
            check(path != "" and path not in seen, f"{place}: a path twice, or none")
            seen.add(path)
            if "gone" in found.members:
                check(found.boolean("gone") and path in self.entries and not full, f"{place}: gone")
                del self.entries[path]
                continue
            entry = Entry(found)
            if path in self.entries:
                entry.keep(self.entries[path])
            self.entries[path] = entry
            end = 0
            for _ in range(entry.segments):
                end = self.segment(stream, entry, packs, end)
            check(len(entry.packs) == entry.units and MISSING not in entry.packs, f"{place}: {path!a} has a hole")
        stream.check(not stream.ready and not any(stream.records))

    def follow(self, moves: list[Move], has: Callable[[Pack], bool]) -> None:
        """Have every unit lie where it was moved to."""

        def last(pack: Pack, at: int, length: int, depth: int = 0) -> tuple[Pack, int] | None:
            """Where it is at last, if some moves lead to a pack that is there."""
            check(depth <= DEPTH_MAX, f"{pack.name}: moved without end")
            for move in moves:
                found = move.find(pack.name, at, length)
                end = found and (last(*found, length, depth + 1) or (found if has(found[0]) else None))
                if end:
                    return end
            return None

        for entry in self.entries.values():
            for unit in [unit for unit in range(entry.units) if entry.packs[unit] != ZEROS]:
                length = min(entry.unit, entry.size - unit * entry.unit)
                end = last(self.packs[entry.packs[unit]], entry.at[unit], length)
                if end:
                    entry.packs[unit], entry.at[unit] = self.number_of(end[0]), end[1]

    def number_of(self, pack: Pack) -> int:
        number = self.numbers.setdefault(pack.name, len(self.packs))
        if number == len(self.packs):
            self.packs.append(pack)
        check(self.packs[number] == pack, f"{pack.name}: two maps tell different lengths of it")
        return number

    def segment(self, stream: Map, entry: Entry, packs: list[int], end: int) -> int:
        """Runs of units from *end* on; where the last of them ends."""
        runs, units = struct.unpack("<II", stream.take(8))
        stream.check(1 <= runs <= units <= SEGMENT_MAX)
        columns = [struct.unpack(f"<{runs}I", stream.take(4 * runs)) for _ in ("first", "count", "pack", "at")]
        prints, done = stream.take(16 * units), 0
        for first, count, pack, at in zip(*columns, strict=True):
            stream.check(first >= end and count >= 1 and first + count <= entry.units and done + count <= units)
            stream.check(first <= len(entry.packs))  # a hole would stay one, and memory for it was only claimed
            if pack == ZEROS:
                stream.check(at == 0)
            else:
                stream.check(pack < len(packs))
                stream.check(at + min(count * entry.unit, entry.size - first * entry.unit) <= self.packs[packs[pack]].plain)
            end = first + count
            entry.put(first, packs[pack] if pack != ZEROS else ZEROS, at, prints[16 * done : 16 * (done + count)])
            done += count
        stream.check(done == units)
        return end


# --- Restoring --------------------------------------------------------------------------------------------------------


def lead_of(table: Table, entry: Entry) -> Entry:
    """The entry that has the content."""
    lead = table.entries.get(entry.same_as, entry) if entry.same_as else entry
    if lead.type not in WITH_CONTENT or lead.same_as:
        raise FileNotFoundError(f"{entry.path!a} has no content")
    return lead


def system_name(name: str) -> str:
    """A path or a link's target as this system spells it."""
    return os.fsdecode(name.encode("utf-8", "surrogateescape"))


def make_folder(path: str) -> str:
    """A folder, new or one that an entry made before, and nothing that only leads to one."""
    with contextlib.suppress(FileExistsError):
        os.mkdir(path, 0o700)
    if not stat.S_ISDIR(os.lstat(path).st_mode):
        raise NotADirectoryError(f"{path!a} is no folder")
    return path


class Restore:
    """Entries come back below a new folder: folders, files and links, further names of files, and at last the folders' modes and times."""

    def __init__(self, store: Store, table: Table, root: str) -> None:
        self.store, self.table, self.root = store, table, root
        self.done: set[str] = set()
        os.mkdir(root, 0o700)

    def entries(self, entries: list[Entry]) -> int:
        """The exit code."""
        entries = sorted(entries, key=lambda entry: entry.path)
        failed = 0
        for put, wanted in (
            (self.folder, [entry for entry in entries if entry.type == "folder"]),
            (self.file, [entry for entry in entries if entry.type != "folder" and not entry.same_as]),
            (self.name, [entry for entry in entries if entry.same_as]),
            (self.attributes, [entry for entry in reversed(entries) if entry.type == "folder"]),
        ):
            for entry in wanted:
                try:
                    put(entry, self.place(entry.path))
                    self.done.add(entry.path)
                except (RescueError, OSError, ValueError, OverflowError) as error:
                    print(f"rescue: {entry.path!a}: {error}", file=sys.stderr)
                    failed = 3
        return failed

    def place(self, path: str) -> str:
        """Where an entry belongs. Its path is hostile: it leads down, and through no link that another entry has put there."""
        parts = system_name(path).split("/")
        if any(part in ("", ".", "..") or "\0" in part or os.sep in part or (os.name == "nt" and ":" in part) for part in parts):
            raise ValueError("it leads out of the folder")
        above = self.root
        for part in parts[:-1]:
            above = make_folder(os.path.join(above, part))
        return os.path.join(above, parts[-1])

    def folder(self, _: Entry, path: str) -> None:
        make_folder(path)

    def file(self, entry: Entry, path: str) -> None:
        if entry.type == "link":
            os.symlink(system_name(entry.target), path)
            return
        write_beside(path, lambda out: self.store.rebuild(self.table, entry, out))
        os.chmod(path, entry.mode & 0o777)
        os.utime(path, ns=(entry.mtime_ns, entry.mtime_ns))

    def name(self, entry: Entry, path: str) -> None:
        lead = lead_of(self.table, entry)
        if lead.path in self.done:
            try:
                os.link(self.place(lead.path), path, follow_symlinks=False)
                return
            except FileExistsError:
                raise
            except OSError:  # a file system without links
                pass
        self.file(lead, path)

    def attributes(self, entry: Entry, path: str) -> None:
        os.chmod(make_folder(path), entry.mode & 0o777)
        os.utime(path, ns=(entry.mtime_ns, entry.mtime_ns))


# --- The command line -------------------------------------------------------------------------------------------------


def main(arguments: list[str] | None = None) -> int:
    """As rescue.main; a store's snapshot of which something could not be restored is 3."""
    options = parse_arguments(arguments)
    return told(
        options.file, lambda: command(Store(options.file, read_key(options)), options.snapshot, options.name, options.o, options.to)
    )


def command(store: Store, snapshot: str | None, name: str | None, target: str, folder: str | None) -> int:
    if not snapshot:
        return list_snapshots(store)
    table = store.table(store.snapshot(snapshot))
    below = [entry for path, entry in table.entries.items() if name is None or path == name or path.startswith(f"{name}/")]
    if name is not None and not below:
        raise FileNotFoundError(f"the snapshot has no {name!a}")
    if folder is not None:
        return Restore(store, table, folder).entries(below)
    if name is None:
        for entry in sorted(below, key=lambda entry: entry.path):
            print(entry.type, f"{entry.mode:o}", entry.size, ascii(entry.path), ascii(entry.same_as or entry.target or ""))
        return 0
    entry = lead_of(table, table.entries.get(name, below[0]))
    if target != "-":
        write_beside(target, lambda out: store.rebuild(table, entry, out))
    else:  # packs come in any order, standard output does not
        with tempfile.TemporaryFile() as whole, open(1, "wb", closefd=False) as out:
            store.rebuild(table, entry, whole)
            whole.seek(0)
            shutil.copyfileobj(whole, out)
    return 0


def list_snapshots(store: Store) -> int:
    """Each with its id, time, entries, bytes, host and sources."""
    good, bad = store.manifests()
    for item in good:
        print(item.id, f"{item.time:%Y-%m-%d %H:%M:%S}", item.entries, item.size, ascii(item.host), *map(ascii, item.sources))
    for error in bad:
        print(f"rescue: {error}", file=sys.stderr)
    return 13 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
