"""File: `open`, like gzip.open."""

import os
from collections.abc import Sequence
from typing import IO, Literal, overload

from chatseal.keys.signing_key import SigningKey
from chatseal.keys.slots import Holder, Opener
from chatseal.sealing.budget import FRAME_SIZE, LEVEL, Budget
from chatseal.sealing.reader import SealedReader
from chatseal.sealing.seal import SealOptions
from chatseal.sealing.target import Writable
from chatseal.sealing.writer import SealedWriter


@overload
def open(file: str | os.PathLike[str] | IO[bytes], mode: Literal["rb"] = "rb", *, key: Opener | Sequence[Opener]) -> SealedReader: ...


@overload
def open(
    file: str | os.PathLike[str] | Writable,
    mode: Literal["wb", "xb"],
    *,
    key: Holder | Sequence[Holder],
    level: int = LEVEL,
    frame_size: int = FRAME_SIZE,
    threads: int | None = None,
    memory: int | None = None,
    sign: SigningKey | None = None,
    padded: bool = False,
) -> SealedWriter: ...


def open(  # type: ignore[misc]
    file: str | os.PathLike[str] | IO[bytes],
    mode: str = "rb",
    *,
    key: Holder | Opener | Sequence[Holder | Opener],
    level: int = LEVEL,
    frame_size: int = FRAME_SIZE,
    threads: int | None = None,
    memory: int | None = None,
    sign: SigningKey | None = None,
    padded: bool = False,
) -> SealedReader | SealedWriter:
    """A sealed file as a buffered binary file object of its plaintext.

    "rb": seekable; *file* is a path or a seekable file object. "wb" replaces a file when it is closed, "xb" refuses to;
    *file* is a path or anything with `write`. The other parameters are those of seal."""
    if mode == "rb":
        return SealedReader(file, key)  # type: ignore[arg-type]
    if mode not in ("wb", "xb"):
        raise ValueError(f"mode is 'rb', 'wb' or 'xb', not {mode!r}")
    options, budget = SealOptions(level, frame_size, sign, padded), Budget.of(threads, memory)
    return SealedWriter(file, key, options, budget, overwrite=mode == "wb")  # type: ignore[arg-type]
