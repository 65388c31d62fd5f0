"""What is done to many units of a source in one call (ext/pages.pyx). Every call releases the GIL."""

from typing import Final, NamedTuple, final

from typing_extensions import Buffer

SAME: Final[int]
CHANGED: Final[int]
ZERO: Final[int]
PRINT_LENGTH: Final[int]

class NotALog(Exception):
    """The file does not begin as a write-ahead log does."""

class LogChanged(Exception):
    """The log is not the one that was asked for, or does not reach as far."""

class FileStat(NamedTuple):
    """What is known of an open file. Times in nanoseconds since 1970."""

    device: int
    inode: int
    mode: int
    uid: int
    gid: int
    size: int
    mtime_ns: int
    ctime_ns: int

@final
class Fingerprinter:
    """One thread's keyed fingerprints: HMAC-SHA-256 of a unit, cut to 16 bytes. *key* is 32 bytes."""

    def __init__(self, key: Buffer) -> None: ...
    def compare(self, data: Buffer, unit: int, known: int, prints: Buffer, marks: Buffer) -> int:
        """Put the fingerprint of each unit of *data* over the one in *prints* (16 bytes each) and return how many changed.

        The first *known* of *prints* are those of the last time. *marks*, a byte for each unit, get SAME, CHANGED, or ZERO: changed, and
        all zeros. The last unit may be shorter."""

def gather(data: Buffer, length: int, unit: int, marks: Buffer) -> int:
    """Move those units of the first *length* bytes of *data* that are marked CHANGED to its beginning, in order; return their bytes."""

@final
class File:
    """An existing file, open for reading, that can be closed while this process holds locks on it.

    POSIX drops a process's locks on a file when it closes any descriptor of it; these files are opened and read by threads that have
    descriptors of their own (where the system has no such threads, the descriptor stays open until the process ends).
    Methods may be called from any thread. A symbolic link is refused. Raises OSError."""

    def __init__(self, path: bytes) -> None: ...
    def read_into(self, offset: int, buffer: Buffer) -> int:
        """Fill *buffer* from *offset* on; return how much, less only at the end."""

    def clone(self, folder: bytes) -> File:
        """The content at this moment, by reference: a file without a name on the file system of *folder*. OSError if there is no way."""

    def stat(self) -> FileStat:
        """What os.fstat would say."""

    def close(self) -> None: ...
    @property
    def is_apart(self) -> bool:
        """Whether this system has such threads."""

OTHER: Final[int]
DATABASE: Final[int]
WAL: Final[int]
JOURNAL: Final[int]
CACHE: Final[int]

def kind(start: Buffer) -> int:
    """What a file is that begins so (64 bytes tell): DATABASE, WAL, JOURNAL, CACHE (a tag of a cache folder) or OTHER."""

def kinds(anchor: File, folder: bytes, names: list[bytes]) -> bytes:
    """What each of the files in *folder* is, a byte for each; OTHER if it cannot be read or is a link. Nothing stays open.

    *anchor* has to be a File that is apart; the work is done by its threads. Raises OSError, ValueError for a zero byte in a name."""

def file_system(path: bytes) -> int:
    """The number by which Linux knows the kind of file system that *path* is on; 0 on other systems. Raises OSError."""

def keep_descriptors(keep: bool) -> None:
    """Behave as on a system where threads cannot have descriptors of their own, or no longer. OSError while a File is open."""

@final
class Log:
    """Which frame of the write-ahead log in *file* holds the newest version of each page. All checksums are verified.

    With *frames*: the log as its shared-memory header described it, else LogChanged. Without: up to the last commit (which may be none).
    Takes 8 bytes for each frame. Raises NotALog, LogChanged, OSError."""

    def __init__(
        self, file: File, frames: int = 0, pages: int = 0, page_length: int = 0, sums: tuple[int, int] = (0, 0), salts: bytes = ...
    ) -> None: ...
    @property
    def frames(self) -> int:
        """Up to the last commit."""

    @property
    def pages(self) -> int:
        """Of the database after it."""

    @property
    def page_length(self) -> int: ...
    @property
    def last_page(self) -> int:
        """The highest number of a page that is in the log."""

    @property
    def distinct(self) -> int:
        """How many pages are in the log."""

    @property
    def length(self) -> int:
        """Bytes of the file when it was read."""

@final
class Overlay:
    """The *length* bytes of a database as its readers see them: *main*, and the pages of *log* over it.

    From any thread. What is nowhere, and the page at 1 GiB that holds SQLite's locks, reads as zeros."""

    def __init__(self, main: File, log: Log | None, page_length: int, length: int) -> None: ...
    def read_into(self, offset: int, buffer: Buffer) -> int:
        """Fill *buffer* with the image from *offset* on; return how much, less only at the end."""
