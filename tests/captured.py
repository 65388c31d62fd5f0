"""Reading an image whole, as whoever keeps it does: several threads, and once more if it says so."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from chatseal.capture.database import open_database
from chatseal.capture.image import Image
from chatseal.capture.options import CaptureOptions


def read_all(image: Image, units: int = 7, threads: int = 3) -> bytes:
    """All bytes of *image*, read in pieces of some units in any order."""
    assert image.length is not None
    content = bytearray(image.length)
    step = units * image.unit

    def read(offset: int) -> None:
        part = memoryview(content)[offset : offset + step]
        assert image.read_into(offset, part) == len(part)

    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(read, range(0, image.length, step)))
    return bytes(content)


def keep(image: Image) -> tuple[bytes, int]:
    """The content that *image* settles on, and how often it was read."""
    for reads in range(1, 4):
        content = read_all(image)
        if image.settle():
            return content, reads
    raise AssertionError("the image does not settle")


def capture(path: Path, options: CaptureOptions | None = None) -> bytes:
    """The content of the database at *path*."""
    image = open_database(path, options or CaptureOptions())
    try:
        return keep(image)[0]
    finally:
        image.close()
