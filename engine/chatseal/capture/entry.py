"""Entry: one file, folder or link, as a snapshot remembers it."""

from dataclasses import dataclass
from typing import Literal

EntryType = Literal["file", "database", "folder", "link", "stream"]


@dataclass(frozen=True, slots=True)
class Entry:
    """What is kept of one name besides its content. Times in nanoseconds since 1970.

    `path` is the name in the snapshot: parts joined by `/`, the first one the source's own last part; bytes that are not UTF-8 are
    surrogate escapes. `device`, `inode`, `ctime_ns`, `mtime_ns` and `size` are a file's identity: if all are the same its content is
    taken for unchanged. A file with another name in the same snapshot (a hard link) has `same_as`, that entry's path, and no content."""

    path: str
    type: EntryType
    size: int = 0  # bytes of content; of a database, the image's
    mode: int = 0o600  # permission bits
    uid: int = 0
    gid: int = 0
    mtime_ns: int = 0
    ctime_ns: int = 0
    device: int = 0
    inode: int = 0
    target: str = ""  # of a link
    same_as: str = ""

    def is_unchanged(self, earlier: "Entry") -> bool:
        """Whether *earlier* is the same file, not written to since. Never for databases: their file's times do not tell."""
        return (
            self.type == earlier.type == "file"
            and not self.same_as
            and not earlier.same_as
            and (self.size, self.mtime_ns, self.ctime_ns, self.device, self.inode)
            == (earlier.size, earlier.mtime_ns, earlier.ctime_ns, earlier.device, earlier.inode)
        )
