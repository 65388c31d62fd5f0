"""Place: a name in an open folder. What has that name is looked at, made and replaced there; no link is followed."""

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from chatseal.errors import TargetExistsError
from chatseal.part_file import part_name

FOLDER = os.O_RDONLY | os.O_CLOEXEC | getattr(os, "O_DIRECTORY", 0) | getattr(os, "O_NOFOLLOW", 0)
FILE = os.O_CLOEXEC | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0)
NOTHING = (errno.ENOENT, errno.ENAMETOOLONG)  # a name that is too long is nobody's
NO_HARD_LINKS = (errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK, errno.EXDEV)


@dataclass(frozen=True, slots=True)
class Place:
    """`folder` is a descriptor, which whoever made the place keeps open; `shown` is the path that people know."""

    folder: int
    name: bytes
    shown: str

    def beside(self, ending: str) -> "Place":
        """The place whose name has *ending* after this one's."""
        return Place(self.folder, self.name + ending.encode(), self.shown + ending)

    def part(self) -> "Place":
        """A place for what is to come here, until it is complete."""
        return Place(self.folder, part_name(self.name), self.shown)

    def about(self) -> os.stat_result | None:
        """What is here, itself if it is a link; None if nothing is."""
        try:
            return os.stat(self.name, dir_fd=self.folder, follow_symlinks=False)
        except OSError as error:
            if error.errno not in NOTHING:
                raise
            return None

    def is_file(self) -> bool:
        about = self.about()
        return about is not None and stat.S_ISREG(about.st_mode)

    def open(self, flags: int, mode: int = 0o600) -> int:
        """A descriptor, the caller's. Never waits for the other end of a pipe."""
        with self.named():
            return os.open(self.name, flags | FILE, mode, dir_fd=self.folder)

    def remove(self) -> bool:
        """Whether there was a name to remove."""
        with self.named():
            try:
                os.unlink(self.name, dir_fd=self.folder)
            except OSError as error:
                if error.errno not in NOTHING:
                    raise
                return False
            return True

    def sync(self) -> None:
        """Make the names of the folder durable."""
        with self.named():
            os.fsync(self.folder)

    def check_free(self, *, overwrite: bool) -> None:
        """Raise TargetExistsError if something is here that is not to be replaced: a folder never is."""
        about = self.about()
        if about is not None and (not overwrite or stat.S_ISDIR(about.st_mode)):
            raise self.taken()

    def take(self, part: "Place", *, overwrite: bool) -> None:
        """Give what is at *part* this name at once. Raises TargetExistsError, which leaves both as they were."""
        try:
            if overwrite:
                os.rename(part.name, self.name, src_dir_fd=part.folder, dst_dir_fd=self.folder)
                return
            try:
                part.be_called(self)
            except OSError as error:
                if error.errno not in NO_HARD_LINKS:
                    raise
                # The best that is left is not atomic against another writer.
                self.check_free(overwrite=False)
                os.rename(part.name, self.name, src_dir_fd=part.folder, dst_dir_fd=self.folder)
                return
            part.remove()
        except (FileExistsError, IsADirectoryError):
            raise self.taken() from None

    def be_called(self, place: "Place") -> None:
        """Give what is here the name of *place*, too. Raises OSError, FileExistsError."""
        place.link(self)

    def link(self, other: "Place") -> None:
        """Make this another name of *other*, which is not followed if it is a link. Raises OSError, FileExistsError."""
        os.link(other.name, self.name, src_dir_fd=other.folder, dst_dir_fd=self.folder, follow_symlinks=False)

    def taken(self) -> TargetExistsError:
        return TargetExistsError(f"{self.shown} exists")

    @contextmanager
    def named(self) -> Iterator[None]:
        """Errors of the system are about the path that people know."""
        try:
            yield
        except TargetExistsError:
            raise
        except OSError as error:
            raise (OSError(error.errno, error.strerror, self.shown) if error.errno is not None else error) from None
