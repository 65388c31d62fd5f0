"""Victim: a store with snapshots that tests harm as its keeper could, and what must come of it."""

import dataclasses
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np

from chatseal import Store
from chatseal.errors import IntegrityError, NoStoreError, ObjectMissingError
from chatseal.format.object_names import CONFIG_NAME, PACKS
from chatseal.snapshots import map_chain
from snapshots.scene import backed_up, noise

UNIT = 65536
FILES = ("0", "1", "2")


def fill(folder: Path, seed: int = 1) -> None:
    folder.mkdir(exist_ok=True)
    for number, name in enumerate(FILES):
        (folder / name).write_bytes(noise(UNIT + 7, 100 * seed + number))


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if not path.is_dir()}


def folder_of(store: Store) -> Path:
    return Path(store.url)


def objects_in(store: Store, folder: str = "") -> list[str]:
    """Names of all objects but the config."""
    found = (str(path.relative_to(store.url)) for path in folder_of(store).rglob("*") if path.is_file() and ".parts" not in path.parts)
    return sorted(name for name in found if name.startswith(folder) and name != CONFIG_NAME)


def forget_copies(places: Path) -> None:
    shutil.rmtree(places / "cache", ignore_errors=True)


HARM: dict[str, Callable[[bytes], bytes]] = {
    "takes it away": lambda data: b"",
    "empties it": lambda data: b"",
    "cuts its last byte off": lambda data: data[:-1],
    "cuts half of it off": lambda data: data[: len(data) // 2],
    "adds a byte": lambda data: data + b"\0",
    "puts garbage there": lambda data: noise(len(data), 3),
    "changes its header": lambda data: flipped(data, 100),
    "changes its middle": lambda data: flipped(data, len(data) // 2),
    "changes its last byte": lambda data: flipped(data, len(data) - 1),
}


def flipped(data: bytes, at: int) -> bytes:
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


@dataclasses.dataclass
class Victim:
    """A store with two snapshots, and what is in them."""

    store: Store
    source: Path
    places: Path
    days: dict[str, dict[str, bytes]]

    def fares_well(self, out: Path, harmed: str) -> None:
        """What is said and done after the object *harmed* was harmed."""
        found = self.store.check(share=1.0)
        assert harmed in dict(found.broken)
        for snapshot in self.days:
            forget_copies(self.places)
            folder = out / snapshot
            is_hurt = snapshot in found.hurt
            try:
                done = self.store.snapshot(snapshot).restore(folder)
            except (IntegrityError, ObjectMissingError, NoStoreError):
                assert is_hurt
                assert not harmed.startswith(PACKS)
                assert contents(folder) == {} if folder.exists() else True
                continue
            restored = contents(folder)
            failed = {path for path, _ in done.failed}
            assert restored == {path: data for path, data in self.days[snapshot].items() if path not in failed}
            assert failed == self.needing(snapshot, harmed)
            assert is_hurt or not failed
        forget_copies(self.places)

    def needing(self, snapshot: str, pack: str) -> set[str]:
        """The files of a snapshot that lie in a pack; none if it is another kind of object."""
        table = map_chain.load(self.store.sealed, self.store.snapshot(snapshot).record.manifest.maps)
        numbers = [number for number, place in enumerate(table.packs) if place.name == pack]
        return {path for path, units in table.entries.items() if np.isin(units.packs, numbers).any()}


def made(store: Store, source: Path, places: Path) -> Victim:
    """A store with two days of *source*."""
    days = {}
    for day in range(2):
        fill(source)
        (source / "changing").write_bytes(noise(1000, day))
        (source / f"of day {day}").write_bytes(noise(UNIT, 50 + day))
        done = backed_up(store, source)
        days[done.snapshot] = {f"source/{name}": data for name, data in contents(source).items()}
    return Victim(store, source, places, days)
