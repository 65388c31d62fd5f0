"""Sources for the tests of capture: trees of files, databases, and what is found in them."""

import os
import sqlite3
from collections.abc import Callable, Iterable
from contextlib import closing
from pathlib import Path
from typing import Any

from chatseal.capture.capture import Capture
from chatseal.capture.entry import Entry
from chatseal.capture.image import Image
from chatseal.capture.options import CaptureOptions
from chatseal.capture.plain_file import PlainFile
from chatseal.capture.walk import Skipped, walk


def plant(folder: Path, files: dict[str, bytes]) -> Path:
    """*files* below *folder*; a name that ends in `/` is an empty folder."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if name.endswith("/"):
            path.mkdir(exist_ok=True)
        else:
            path.write_bytes(content)
    return folder


def database(path: Path, *, rows: int = 3, wal: bool = False) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(path)) as connection, connection:
        if wal:
            connection.execute("PRAGMA journal_mode = wal")
        connection.execute("CREATE TABLE message (id INTEGER PRIMARY KEY, text TEXT)")
        connection.executemany("INSERT INTO message (text) VALUES (?)", [(f"message {i}",) for i in range(rows)])
    return path


def lying_still(path: str, options: CaptureOptions) -> Image:
    """A database that nobody writes to, as an Image."""
    return PlainFile(os.open(path, os.O_RDONLY), path)


def kinds_of(sources: Iterable[Path | str], **options: Any) -> tuple[dict[str, str], Skipped]:
    """The type of every entry by path, in order, and what was skipped."""
    skipped: Skipped = []
    return {entry.path: entry.type for entry, _ in walk(sources, skipped=skipped, **options)}, skipped


def content(image: Image, step: int = 1 << 16) -> bytes:
    """All of an image, *step* bytes at a time."""
    data, buffer = b"", memoryview(bytearray(step))
    while n := image.read_into(len(data), buffer):
        data += buffer[:n]
    return data


def everything(capture: Capture, meanwhile: Callable[[Entry], None] = lambda entry: None) -> dict[str, bytes | None]:
    """What a run keeps: the content of each entry by path, None of what has none."""
    kept: dict[str, bytes | None] = {}
    for entry in capture.entries:
        if entry.same_as or entry.type in ("folder", "link"):
            kept[entry.path] = None
            continue
        try:
            with closing(capture.open(entry)) as image:
                meanwhile(entry)
                data = content(image)
                while not image.settle():
                    data = content(image)
                assert capture.settled(entry, image).size == len(data)
        except Exception as error:
            capture.skip(entry, error)
        else:
            kept[entry.path] = data
    return kept
