"""Every kind of source is sealed and unsealed into every kind of target."""

import io
import mmap
import os
import threading
from array import array
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy
import pytest
from typing_extensions import Buffer

import chatseal
from chatseal import BackupKey
from corpus import KEY_BYTES, KIB, RECORD, chat, mixed
from oracle import check_everything, take_apart
from sealing.ways import OddPipe, chunks_of

KEY = BackupKey(KEY_BYTES)
FRAME = 64 * KIB

Opened = Callable[[bytes, Path, ExitStack], Any]


def _path(data: bytes, folder: Path, stack: ExitStack) -> Path:
    (folder / "source").write_bytes(data)
    return folder / "source"


def _path_text(data: bytes, folder: Path, stack: ExitStack) -> str:
    return str(_path(data, folder, stack))


def _opened_file(data: bytes, folder: Path, stack: ExitStack) -> io.BufferedReader:
    return stack.enter_context(open(_path(data, folder, stack), "rb"))


def _raw_file(data: bytes, folder: Path, stack: ExitStack) -> io.FileIO:
    return stack.enter_context(open(_path(data, folder, stack), "rb", buffering=0))


def _mmap(data: bytes, folder: Path, stack: ExitStack) -> "mmap.mmap | bytes":
    if not data:
        return b""  # there are no maps of nothing
    return stack.enter_context(mmap.mmap(_raw_file(data, folder, stack).fileno(), 0, access=mmap.ACCESS_READ))


def _numpy(data: bytes, folder: Path, stack: ExitStack) -> Any:
    if len(data) % 8:
        return numpy.frombuffer(data, numpy.uint8)
    return numpy.frombuffer(data, "<u4").reshape(-1, 2)


def _array(data: bytes, folder: Path, stack: ExitStack) -> "array[Any]":
    return array("H", data) if len(data) % 2 == 0 else array("B", data)


def _pipe(data: bytes, folder: Path, stack: ExitStack) -> io.FileIO:
    """A real pipe with a writer that is in no hurry."""
    reader, writer = os.pipe()

    def write() -> None:
        with open(writer, "wb", buffering=0) as file:
            for piece in chunks_of(data, 30_011):
                file.write(piece)

    feeder = threading.Thread(target=write)
    feeder.start()
    stack.callback(feeder.join)
    return stack.enter_context(open(reader, "rb", buffering=0))


class OnlyRead:
    """A file object with nothing but `read`, and lazy."""

    def __init__(self, data: bytes) -> None:
        self._file = io.BytesIO(data)

    def read(self, size: int = -1, /) -> bytes:
        return self._file.read(min(size, 7001))


SOURCES: dict[str, Opened] = {
    "path": _path,
    "path as text": _path_text,
    "open file": _opened_file,
    "raw file": _raw_file,
    "bytes": lambda data, folder, stack: data,
    "bytearray": lambda data, folder, stack: bytearray(data),
    "memoryview": lambda data, folder, stack: memoryview(b"<" + data + b">")[1:-1],
    "mmap": _mmap,
    "numpy": _numpy,
    "array": _array,
    "BytesIO": lambda data, folder, stack: io.BytesIO(data),
    "pipe": _pipe,
    "odd pipe": lambda data, folder, stack: OddPipe(data, 600),
    "only read": lambda data, folder, stack: OnlyRead(data),
}


class OnlyWrite:
    """A file object with nothing but `write`, which takes little at a time."""

    def __init__(self) -> None:
        self.data = bytearray()

    def write(self, data: Any, /) -> int:
        n = min(len(data), 9973)
        self.data += data[:n]
        return n


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("length", [0, 1, FRAME, 3 * FRAME + 5])
@pytest.mark.parametrize("source", SOURCES, ids=str)
def test_every_kind_of_source_is_sealed_and_unsealed_into_every_kind_of_target(
    source: str, length: int, threads: int, tmp_path: Path
) -> None:
    plain, make = mixed(length), SOURCES[source]
    stream, slow, path, plain_path = io.BytesIO(), OnlyWrite(), tmp_path / "sealed", tmp_path / "plain"
    for target in (stream, slow, path):
        with ExitStack() as stack:
            chatseal.seal(make(plain, tmp_path, stack), target, KEY, frame_size=FRAME, threads=threads)
    files = [stream.getvalue(), bytes(slow.data), path.read_bytes()]
    assert [take_apart(file, KEY).size is None for file in files] == [True, True, False]
    for file in files:
        with ExitStack() as stack:
            back = OnlyWrite()
            chatseal.unseal(make(file, tmp_path, stack), back, KEY, threads=threads)
            assert back.data == plain
        with ExitStack() as stack:
            buffer = bytearray(length)
            chatseal.unseal(make(file, tmp_path, stack), buffer, KEY, threads=threads)
            assert buffer == plain
        with ExitStack() as stack:
            chatseal.unseal(make(file, tmp_path, stack), plain_path, KEY, threads=threads, overwrite=True)
            assert plain_path.read_bytes() == plain
        with ExitStack() as stack:
            assert chatseal.verify(make(file, tmp_path, stack), KEY, threads=threads).plain_bytes == length


@pytest.mark.parametrize("step", [1, 600, RECORD - 1, RECORD, FRAME + 1])
@pytest.mark.parametrize("length", [0, 1, RECORD + 1, FRAME + 1])
def test_chunks_of_any_size_are_sealed_and_unsealed(length: int, step: int) -> None:
    plain = mixed(length)
    file = b"".join(chatseal.seal_chunks(chunks_of(plain, step), KEY, frame_size=FRAME))
    assert b"".join(chatseal.unseal_chunks(chunks_of(file, step), KEY)) == plain
    check_everything(file, KEY, plain, command=False)


def test_empty_chunks_and_chunks_of_many_kinds_are_taken() -> None:
    chunks: list[Any] = [b"", b"ab", bytearray(b"cd"), b"", memoryview(b"ef"), numpy.frombuffer(b"ghij", "<u2"), array("B", b"kl"), b""]
    file = b"".join(chatseal.seal_chunks(chunks, KEY))
    pieces: list[Buffer] = [b"", *chunks_of(file, 1000), b""]
    assert b"".join(chatseal.unseal_chunks(pieces, KEY)) == b"abcdefghijkl"


def test_a_file_object_is_read_from_where_it_stands_and_left_open() -> None:
    source, target = io.BytesIO(b"skipped" + chat(1000)), io.BytesIO(b"kept")
    source.seek(7)
    target.seek(4)
    chatseal.seal(source, target, KEY)
    assert not source.closed
    assert target.getvalue()[:4] == b"kept"
    target.seek(4)
    back = io.BytesIO()
    chatseal.unseal(target, back, KEY)
    assert back.getvalue() == chat(1000)


def test_special_files_are_read_and_written_and_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "plain").write_bytes(chat(300_000))
    for name in ("sealed", "back"):
        os.mkfifo(tmp_path / name)
    received: list[bytes] = []

    def carry() -> None:
        data = (tmp_path / "sealed").read_bytes()
        received.append(chatseal.unseal_bytes(data, KEY))
        (tmp_path / "back").write_bytes(data)

    carrier = threading.Thread(target=carry)
    carrier.start()
    chatseal.seal(tmp_path / "plain", tmp_path / "sealed", KEY)
    summary = chatseal.unseal(tmp_path / "back", "/dev/null", KEY)
    carrier.join()
    assert received == [chat(300_000)]
    assert summary.plain_bytes == 300_000
    assert (tmp_path / "sealed").is_fifo()
