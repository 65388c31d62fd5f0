"""What a store, its names, and what this machine keeps of it tell of the sources: nothing. And no key is written anywhere.

Canaries sit in every place that a backup reads; then everything that was written is searched for them, in every spelling."""

import base64
import getpass
import io
import logging
import socket
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from chatseal import BackupKey, BackupOptions, RestoreOptions, Store
from chatseal.errors import StoreFailedError
from chatseal.format.header import parse
from chatseal.format.object_names import CONFIG_NAME, PENDINGS
from chatseal.format.padding import padme
from chatseal.format.payload import stream_length
from chatseal.keys.slots import find_file_key
from chatseal.snapshots import catalogue, pack_writer
from cli.command import environment, started
from oracle import header_length
from snapshots.conftest import KEY
from snapshots.scene import database, noise
from traces import found_in

TALKATIVE = "import logging\nlogging.basicConfig(level=logging.DEBUG)\nlogging.debug('logging is on')\n"
CANARIES = {
    "text": "Quetzal sings at seven 41c0",
    "file name": "resplendent-trogon-88d2.jpg",
    "folder": "hoopoe-holidays-5e3f",
    "database": "kookaburra-chats-77ab.db",
    "stream": "lyrebird-dump-9b14",
    "tag": "bowerbird-tag-0c6d",
    "host": "cassowary-host-3f71",
    "user": "drongo-user-b2e9",
    "link": "hoatzin-link-target-d604",
}


def spelled(text: str) -> Iterator[tuple[str, bytes]]:
    """*text* in every encoding that something could write it in."""
    for case in {text, text.upper(), text.lower()}:
        for encoding in ("utf-8", "utf-16-le", "utf-16-be", "utf-32-le"):
            data = case.encode(encoding)
            yield encoding, data
            yield f"{encoding} backwards", data[::-1]
            yield f"{encoding}, hexadecimal", data.hex().encode()
            yield f"{encoding}, upper hexadecimal", data.hex().upper().encode()
            for shift in range(3):
                whole = base64.b64encode(bytes(shift) + data)
                yield f"{encoding}, base64", whole[-(-8 * shift // 6) : 8 * (shift + len(data)) // 6]


def shown_in(data: bytes) -> list[str]:
    """Which canaries *data* shows, and how."""
    return [f"{what}: {how}" for what, text in CANARIES.items() for how, spelling in spelled(text) if spelling in data]


@dataclass
class Nest:
    """A store with snapshots of sources full of canaries, and all that was said on the way."""

    store: Store
    folder: Path
    places: Path
    said: list[str] = field(default_factory=list)

    @property
    def source(self) -> Path:
        return self.folder / CANARIES["folder"]

    def written(self) -> dict[str, bytes]:
        """Every file of the store and of this machine's places, by its path there."""
        roots = {"store": Path(self.store.url), "places": self.places}
        return {
            f"{name}/{path.relative_to(root)}": path.read_bytes() if path.is_file() else b""
            for name, root in roots.items()
            for path in root.rglob("*")
        }

    def note(self, *things: object) -> None:
        """What somebody might log or print."""
        self.said += [form(thing) for thing in things for form in (str, repr)]

    def fails(self, work: Callable[[], object]) -> None:
        """An error, with its remedy and all of its traceback."""
        with pytest.raises(Exception) as caught:
            work()
        error = caught.value
        self.note(error, getattr(error, "remedy", ""), error.args, "".join(traceback.format_exception(error)))

    def secrets(self) -> list[bytes]:
        """All keys there are: the holder's, those in the config, what follows from them, and the file key of every object."""
        config = self.store.config
        found = [bytes(KEY.secret), bytes(config.fingerprint_key.view), bytes(config.name_key().view)]
        for epoch in config.epochs:
            found += [bytes(epoch.secret), bytes(epoch.kek().view)]
        for name, data in self.written().items():
            if name.startswith("store/") and data:
                here = name.removeprefix("store/")
                opener = KEY if here == CONFIG_NAME else self.store.sealed.key(here)
                kind = self.store.sealed.kind(here)
                found.append(bytes(find_file_key(parse(data[: header_length(data)], kind), [opener], kind).view))
        return found


@pytest.fixture
def nest(store: Store, tmp_path: Path, places: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> Nest:
    caplog.set_level(logging.DEBUG)
    monkeypatch.setattr(pack_writer, "PLAIN", 65536)
    monkeypatch.setattr(socket, "gethostname", lambda: CANARIES["host"])
    monkeypatch.setattr(getpass, "getuser", lambda: CANARIES["user"])
    nest = Nest(store, tmp_path, places)
    nest.source.mkdir()
    (nest.source / CANARIES["file name"]).write_bytes(CANARIES["text"].encode() * 100 + noise(70_000))
    (nest.source / "utf-16").write_bytes(CANARIES["text"].encode("utf-16-le") * 3000)
    (nest.source / "link").symlink_to(CANARIES["link"])
    options = BackupOptions(tags=(CANARIES["tag"],))
    with database(nest.source / CANARIES["database"], 50) as connection:
        connection.execute("INSERT INTO messages (text) VALUES (?)", (CANARIES["text"],))
        streams = {CANARIES["stream"]: io.BytesIO(CANARIES["text"].encode() * 5000)}
        nest.note(store.backup(nest.source, streams=streams, options=options))
        connection.execute("INSERT INTO messages (text) VALUES (?)", (CANARIES["text"] * 50,))
        nest.note(store.backup(nest.source, options=options))
        # And a run that is cut, so that there is a journal.
        (nest.source / "new").write_bytes(CANARIES["text"].encode() * 4000)
        put = store.sealed.objects.put

        def cut(name: str, data: object, *, absent: bool = False) -> None:
            put(name, data, absent=absent)  # type: ignore[arg-type]
            if name.startswith(PENDINGS):
                raise StoreFailedError("the line was cut")

        with monkeypatch.context() as patch:
            patch.setattr(store.sealed.objects, "put", cut)
            nest.fails(lambda: store.backup(nest.source, options=options))
    return nest


def test_nothing_that_was_written_tells_a_word_a_name_or_a_place(nest: Nest) -> None:
    written = nest.written()
    kinds = {"/".join(name.split("/")[: 3 if name.startswith("places") else 2]) for name, data in written.items() if data}
    assert {"store/config", "store/packs", "store/maps", "store/snapshots", "store/pending", "places/state/sent", "places/cache"} <= {
        kind if not kind.startswith("places/cache") else "places/cache" for kind in kinds
    }
    for name, data in written.items():
        assert shown_in(name.encode()) == [], name
        assert shown_in(data) == [], name


def test_the_search_finds_a_canary_that_flies_free() -> None:
    text = CANARIES["text"]
    for data in (text.encode(), text.encode("utf-16-le"), text.encode().hex().encode(), base64.b64encode(b"x" + text.encode() + b"yz")):
        assert shown_in(b"before" + data + b"after")


def test_the_lengths_of_objects_are_steps(nest: Nest) -> None:
    lengths = []
    for name, data in nest.written().items():
        if name.startswith("store/") and data:
            length = stream_length(len(data) - header_length(data))
            assert length is not None
            assert padme(length) == length, name
            lengths.append(length)
    assert len(lengths) > 10


def test_names_of_objects_are_as_good_as_chance(nest: Nest) -> None:
    digits = [name.rpartition("-")[2] for name in nest.written() if name.startswith("store/") and "/1-" in name]
    assert len(digits) > 10
    packs_and_maps = [name for name in nest.written() if name.startswith(("store/packs/1-", "store/maps/1-"))]
    assert len({name.rpartition("-")[2] for name in packs_and_maps}) == len(packs_and_maps)
    counted = sum(bin(int(one, 16)).count("1") for one in digits)
    assert abs(counted / (128 * len(digits)) - 0.5) < 0.05


def test_no_key_is_in_anything_that_was_written_logged_or_said(nest: Nest, caplog: pytest.LogCaptureFixture, tmp_path: Path) -> None:
    store = nest.store
    snapshot = store.snapshot()
    out = tmp_path / "out"
    nest.note(snapshot.restore(out), snapshot.restore(out, options=RestoreOptions(overwrite=True)), store.check(share=1.0))
    nest.note(store, store.config, store.config.epochs, store.config.fingerprint_key, store.sealed, store.sealed.objects, snapshot)
    nest.note(snapshot.record, catalogue.read(store.sealed), KEY, store.sealed.key("packs/1-" + "0" * 32), store.warning)
    with snapshot.open(f"{CANARIES['folder']}/utf-16") as opened:
        nest.note(opened, opened.read(10))
    secrets = nest.secrets()  # before objects are harmed
    nest.fails(lambda: Store(store.url, BackupKey(bytes(32))))
    nest.fails(lambda: store.snapshot("ffffffffffffffff"))
    nest.fails(lambda: snapshot.restore(out, "nothing"))
    nest.fails(lambda: snapshot.restore_file(f"{CANARIES['folder']}/utf-16", out / CANARIES["folder"] / "utf-16"))
    for name in [name.removeprefix("store/") for name, data in nest.written().items() if name.startswith("store/") and data]:
        if name == CONFIG_NAME:
            continue
        path = Path(store.url) / name
        data = path.read_bytes()
        for at in (30, len(data) - 1):
            path.write_bytes(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :])
            nest.fails(lambda name=name: store.sealed.read(name, 1 << 26))  # type: ignore[misc]
        path.write_bytes(data)
    (Path(store.url) / CONFIG_NAME).write_bytes(b"nothing")
    nest.fails(lambda: Store(store.url, KEY))
    said = "\n".join([*nest.said, *(record.getMessage() for record in caplog.records)]).encode()
    assert found_in(said, *secrets) == []
    for name, data in nest.written().items():
        assert found_in(name.encode() + b"\n" + data, *secrets[: 3 + 2 * len(store.config.epochs)]) == [], name


def test_no_word_of_the_commands_shows_a_key(nest: Nest, tmp_path: Path) -> None:
    """With logging of everything switched on in all libraries, and tracebacks."""
    (tmp_path / "talkative").mkdir()
    (tmp_path / "talkative" / "sitecustomize.py").write_text(TALKATIVE)
    KEY.write(tmp_path / "my.key")
    BackupKey(bytes(32)).write(tmp_path / "wrong.key")
    env = environment(PYTHONPATH=f"{tmp_path / 'talkative'}:{environment()['PYTHONPATH']}", CHATSEAL_DEBUG="1")
    secrets = nest.secrets()
    url, key = nest.store.url, tmp_path / "my.key"
    ways: list[tuple[list[str | Path], int]] = [
        (["backup", nest.source, "--store", url, "--key-file", key, "--json"], 0),
        (["snapshots", "--store", url, "--key-file", key], 0),
        (["check", "--read-data", "--store", url, "--key-file", key], 0),
        (["restore", "latest", "--to", tmp_path / "out", "--store", url, "--key-file", key], 0),
        (["restore", "latest", "--to", tmp_path / "out", "--store", url, "--key-file", tmp_path / "wrong.key"], 12),
        (["check", "--store", tmp_path / "nowhere", "--key-file", key], 10),
        (["init", url, "--key-file", key], 1),
    ]
    for words, code in ways:
        ran = started(*words, env=env)
        assert ran.code == code, ran.err
        assert "logging is on" in ran.err
        assert found_in(ran.out + ran.err.encode(), *secrets) == []
