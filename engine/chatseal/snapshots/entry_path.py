"""Entry path: a name in a snapshot, taken apart. It comes from a store, so it is hostile."""

from chatseal.errors import UnsafePathError

PART_MAX = 255  # bytes, as on the file systems of Linux
PATH_MAX = 65536  # bytes; longer than one call takes, since every part is opened by itself
PARTS_MAX = 2048
LINK_MAX = 4095  # bytes of a link's target
_SHOWN = 200

Parts = tuple[bytes, ...]  # of a path below a folder; never empty, none leads up


def parts_of(path: str) -> Parts:
    """The parts of *path* as the file system has them. Raises UnsafePathError unless it leads to a place below where it begins.

    Names are bytes, in UTF-8 whatever the locale says; bytes that were not UTF-8 come back from surrogate escapes."""
    raw = encode(path)
    if len(raw) > PATH_MAX:
        raise unsafe(path, f"has more than {PATH_MAX} bytes")
    parts = tuple(raw.split(b"/"))
    if len(parts) > PARTS_MAX:
        raise unsafe(path, f"has more than {PARTS_MAX} parts")
    for part in parts:
        if part in (b"", b".", b".."):
            raise unsafe(path, "is absolute, leads up or has an empty part")
        if len(part) > PART_MAX:
            raise unsafe(path, f"has a part of more than {PART_MAX} bytes")
    return parts


def link_target(target: str) -> bytes:
    """What a symbolic link says. It may lead anywhere, since nothing is ever written through it. Raises UnsafePathError."""
    raw = encode(target)
    if not 0 < len(raw) <= LINK_MAX:
        raise unsafe(target, f"is no target of a link: it has {len(raw)} bytes")
    return raw


def encode(text: str) -> bytes:
    """The bytes of a name. Raises UnsafePathError if it holds what no name can."""
    try:
        raw = text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        raise unsafe(text, "holds what no name can") from None
    if b"\0" in raw:
        raise unsafe(text, "holds a NUL")
    return raw


def unsafe(path: str, why: str) -> UnsafePathError:
    """The error that refuses *path*, of which it shows the beginning."""
    shown = path if len(path) <= _SHOWN else f"{path[:_SHOWN]}..."
    return UnsafePathError(f"{shown!a} in the snapshot {why}")
