"""A write-ahead log written and read as slowly and plainly as SQLite's documentation tells it. The oracle of the one in C."""

import struct
from dataclasses import dataclass, field

MAGIC = 0x377F0682


def sums(data: bytes, is_big: bool, start: tuple[int, int] = (0, 0)) -> tuple[int, int]:
    a, b = start
    for first, second in struct.iter_unpack(">II" if is_big else "<II", data):
        a = (a + first + b) & 0xFFFFFFFF
        b = (b + second + a) & 0xFFFFFFFF
    return a, b


@dataclass
class Frame:
    page: int
    content: bytes
    pages: int = 0  # of the database after the commit that this frame ends; 0: it ends none


def write(frames: list[Frame], page_length: int, salts: bytes = b"saltsalt", is_big: bool = False, version: int = 3007000) -> bytes:
    head = struct.pack(">IIII8s", MAGIC | is_big, version, page_length, 0, salts)
    running = sums(head, is_big)
    log = head + struct.pack(">II", *running)
    for frame in frames:
        first = struct.pack(">II", frame.page, frame.pages)
        running = sums(first + frame.content, is_big, running)
        log += first + salts + struct.pack(">II", *running) + frame.content
    return log


@dataclass
class Read:
    page_length: int = 0
    frames: int = 0
    pages: int = 0
    sums: tuple[int, int] = (0, 0)
    salts: bytes = b""
    newest: dict[int, bytes] = field(default_factory=dict)  # content by page


def read(log: bytes) -> Read | None:
    """What the last commit of *log* left, or None if it is no log."""
    if len(log) < 32:
        return None
    magic, version, page_length, _, salts, check1, check2 = struct.unpack(">IIII8sII", log[:32])
    is_big = magic == MAGIC | 1
    if magic not in (MAGIC, MAGIC | 1) or version != 3007000 or page_length not in [512 << i for i in range(8)]:
        return None
    running = sums(log[:24], is_big)
    if running != (check1, check2):
        return None
    found, pending = Read(page_length, salts=salts), dict[int, bytes]()
    step = 24 + page_length
    for number, at in enumerate(range(32, len(log) - step + 1, step), 1):
        page, pages, its_salts, check1, check2 = struct.unpack(">II8sII", log[at : at + 24])
        content = log[at + 24 : at + step]
        running = sums(log[at : at + 8] + content, is_big, running)
        if its_salts != salts or page == 0 or running != (check1, check2):
            break
        pending[page] = content
        if pages:
            found.newest.update(pending)
            found.frames, found.pages, found.sums = number, pages, running
            pending.clear()
    return found


def image(main: bytes, found: Read | None, page_length: int, length: int) -> bytes:
    """The database of *length* bytes that readers see."""
    content = bytearray(main[:length].ljust(length, b"\0"))
    for page, data in (found.newest if found else {}).items():
        at = (page - 1) * page_length
        content[at : at + page_length] = data
    return bytes(content[:length])
