"""Every way in which this package opens a sealed file. Whatever the bytes are, all of them must come to the same end."""

import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import chatseal
from chatseal import VerifyingKey
from chatseal.errors import (
    AuthorError,
    ChatsealError,
    DamagedError,
    HeaderAlteredError,
    HeaderDamagedError,
    NotSealedError,
    TrailingBytesError,
    TruncatedError,
    WrongKeyError,
)
from chatseal.keys.slots import Opener

WORDS: dict[type[ChatsealError], str] = {
    NotSealedError: "not a sealed file",
    HeaderDamagedError: "header damaged",
    WrongKeyError: "wrong key",
    HeaderAlteredError: "header altered",
    DamagedError: "damaged",
    TruncatedError: "truncated",
    TrailingBytesError: "trailing bytes",
    AuthorError: "wrong author",
}
"""The failure classes in the words of docs/format.md, section 5."""

Key = Opener | Sequence[Opener]
Author = VerifyingKey | None  # who is demanded
ODD = 10_007  # a piece that is a divisor of nothing here


@dataclass(frozen=True)
class Outcome:
    """How it ended, "ok" or a failure class, and what came out before; None where nobody can tell how much of it counts."""

    end: str
    released: bytes | None


class OddPipe(io.RawIOBase):
    """A source like a pipe: no seek, and at most *step* bytes at a time."""

    def __init__(self, data: bytes, step: int = ODD) -> None:
        super().__init__()
        self._data, self._at, self._step = memoryview(data), 0, step

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "memoryview") -> int:  # type: ignore[override]
        n = min(len(buffer), self._step, len(self._data) - self._at)
        buffer[:n] = self._data[self._at : self._at + n]
        self._at += n
        return n


def chunks_of(data: bytes, step: int) -> Iterator[memoryview]:
    """*data* in pieces of *step* bytes; the last may be shorter."""
    view = memoryview(data)
    return (view[at : at + step] for at in range(0, len(view), step))


def _ended(work: Callable[[], object]) -> str:
    try:
        work()
    except ChatsealError as error:
        return WORDS[type(error)] if str(error) else "an error without a text"
    return "ok"


def path_to_path(data: bytes, key: Key, folder: Path, author: Author = None) -> Outcome:
    source, target = folder / "in.seal", folder / "out"
    source.write_bytes(data)
    end = _ended(lambda: chatseal.unseal(source, target, key, threads=2, author=author))
    released = target.read_bytes() if target.exists() else b""
    source.unlink()
    target.unlink(missing_ok=True)
    assert not any(folder.iterdir()), "something was left behind"
    assert end == "ok" or not released, "a failed file appeared under its name"
    return Outcome(end, released if end == "ok" else None)


def path_to_stream(data: bytes, key: Key, folder: Path, author: Author = None) -> Outcome:
    source, target = folder / "in.seal", io.BytesIO()
    source.write_bytes(data)
    end = _ended(lambda: chatseal.unseal(source, target, key, threads=1, author=author))
    source.unlink()
    return Outcome(end, target.getvalue())


def buffer_to_stream(data: bytes, key: Key, folder: Path, author: Author = None) -> Outcome:
    target = io.BytesIO()
    return Outcome(_ended(lambda: chatseal.unseal(data, target, key, threads=3, author=author)), target.getvalue())


def buffer_to_buffer(data: bytes, key: Key, folder: Path, author: Author = None) -> Outcome:
    """The length of the plaintext is found first, as a caller would who has no idea."""
    target = bytearray(17 << 20)
    length = 0

    def work() -> None:
        nonlocal length
        length = chatseal.unseal(data, target, key, threads=1, author=author).plain_bytes

    end = _ended(work)
    return Outcome(end, bytes(target[:length]) if end == "ok" else None)


def stream_to_stream(data: bytes, key: Key, folder: Path, author: Author = None) -> Outcome:
    target = io.BytesIO()
    return Outcome(_ended(lambda: chatseal.unseal(io.BytesIO(data), target, key, threads=1, author=author)), target.getvalue())


def pipe_to_stream(data: bytes, key: Key, folder: Path, author: Author = None) -> Outcome:
    target = io.BytesIO()
    return Outcome(_ended(lambda: chatseal.unseal(OddPipe(data), target, key, threads=2, author=author)), target.getvalue())


def chunks(data: bytes, key: Key, folder: Path, author: Author = None) -> Outcome:
    target = io.BytesIO()
    return Outcome(
        _ended(lambda: target.writelines(chatseal.unseal_chunks(chunks_of(data, ODD), key, threads=1, author=author))), target.getvalue()
    )


def in_memory(data: bytes, key: Key, folder: Path, author: Author = None) -> Outcome:
    plain = b""

    def work() -> None:
        nonlocal plain
        plain = chatseal.unseal_bytes(data, key, author=author)

    end = _ended(work)
    return Outcome(end, plain if end == "ok" else None)


def verify_buffer(data: bytes, key: Key, folder: Path, author: Author = None) -> Outcome:
    return Outcome(_ended(lambda: chatseal.verify(data, key, threads=1, author=author)), None)


def verify_pipe(data: bytes, key: Key, folder: Path, author: Author = None) -> Outcome:
    return Outcome(_ended(lambda: chatseal.verify(OddPipe(data), key, threads=2, author=author)), None)


Way = Callable[..., Outcome]  # of the bytes of a file, a key, an empty folder, and an author if one is demanded

FORWARD: tuple[Way, ...] = (
    path_to_path,
    path_to_stream,
    buffer_to_stream,
    buffer_to_buffer,
    stream_to_stream,
    pipe_to_stream,
    chunks,
    in_memory,
    verify_buffer,
    verify_pipe,
)
"""The ways that read a file from its beginning to its end."""


def random_access(data: bytes, key: Key, folder: Path, author: Author = None) -> Outcome:
    """Through the seek table: first the end, then everything. It cannot demand an author."""
    released = io.BytesIO()

    def work() -> None:
        with chatseal.open(io.BytesIO(data), key=key) as reader:
            reader.seek(-1 if reader.size else 0, io.SEEK_END)
            reader.seek(0)
            while piece := reader.read1():
                released.write(piece)

    return Outcome(_ended(work), released.getvalue())
