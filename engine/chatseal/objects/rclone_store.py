"""rclone store: WebDAV, SFTP, Google Drive, Dropbox, OneDrive and whatever else rclone knows, by rclone as a child process.

Objects lie there as files of their names. One is sent as a part, `.parts/...`, and then gets its name, so that nobody sees a half one;
places whose uploads are whole by themselves (buckets) get it at once. Most places cannot replace a file in one step, and rclone deletes
the old one first. So an object that is put over also has a second copy, `.second/NAME`, which is replaced before and stays: whoever
finds nothing under the name looks there, and a crash between the two steps loses nothing."""

import contextlib
import http.client
import os
import secrets
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

from chatseal.errors import ObjectMissingError, StoreFailedError
from chatseal.objects import rclone_daemon
from chatseal.objects.names import check_name, check_prefix, check_range, is_name
from chatseal.objects.object_store import ObjectInfo
from chatseal.objects.pieces import Pieces
from chatseal.objects.rclone_daemon import Daemon
from chatseal.objects.rclone_errors import RcloneError

if TYPE_CHECKING:
    from typing_extensions import Buffer

T = TypeVar("T")

PARTS: Final = ".parts/"  # what is being put; no name of an object begins with a dot
SECOND: Final = ".second/"  # copies of objects that were put over
PART_LIFE: Final = 24 * 3600  # seconds after which a part is that of a run that was killed
_READ: Final = 1 << 20
_FILES: Final = {"filesOnly": True, "noMimeType": True}
_AS_NEW: Final = {"NoCheckDest": True}  # of a part's name it is known that nothing is there


@dataclass(frozen=True, slots=True)
class Patience:
    """How long what may pass is tried again, in seconds from the beginning of a call, after what rclone tries by itself."""

    retry_for: float = 75
    first_pause: float = 1
    longest_pause: float = 15


class RcloneStore:
    """An ObjectStore at *path* of rclone's *remote*, whose settings and credentials are rclone's own.

    rclone is started by the first call, and ends with `close`. A pace of uploads is kept by rclone itself, for all of them together. `put`
    of an absent name is refused: rclone knows no such request."""

    def __init__(self, remote: str, path: str = "", *, patience: Patience | None = None) -> None:
        """Starts nothing. Raises StoreFailedError if rclone is not installed."""
        rclone_daemon.find()
        self.url = f"rclone:{remote}:{path}"
        self._fs = f"{remote}:{path}"
        self._patience = patience or Patience()
        self._lock = threading.Lock()
        self._running: Daemon | None = None
        self._is_closed = False
        self._replacing = threading.Lock()  # one at a time of this process, so that the second copy is always of one of both
        self._is_whole: bool | None = None  # whether an upload here appears whole by itself
        self._is_clean = False
        self._limit = 0

    def put(self, name: str, data: "Buffer | Sequence[Buffer]", *, absent: bool = False) -> None:
        check_name(name)
        if absent:
            raise StoreFailedError(f"{self.url} cannot refuse a name that is taken")
        with Pieces(data) as pieces:
            self._set_limit(pieces)
            file = self._file(pieces)
            try:
                self._put(name, file, pieces.length)
            finally:
                with contextlib.suppress(OSError):  # the folder goes with the daemon
                    os.unlink(file)

    def get(self, name: str, limit: int) -> bytes:
        check_name(name)

        def read(place: str) -> bytes:
            with self._daemon().open(self._fs, place, None) as response:
                size = _length(response)
                if size is None:
                    raise StoreFailedError(f"{self.url} does not tell the length of {name}")
                if size > limit:
                    raise StoreFailedError(f"{name} in {self.url} has {size} bytes, more than the {limit} that it can have")
                return _read(response, size)

        return self._find("get", name, read)

    def get_range(self, name: str, offset: int, length: int) -> bytes:
        check_name(name)
        check_range(offset, length)
        if length == 0:
            self.info(name)
            return b""

        def read(place: str) -> bytes:
            try:
                with self._daemon().open(self._fs, place, (offset, offset + length - 1)) as response:
                    return _read(response, min(length, max(0, _total(response) - offset)))
            except RcloneError as error:
                # A range beyond the end fails in another way at every kind of place.
                if error.is_refusal or error.status == 0 or offset < self._info(place).size:
                    raise
                return b""

        return self._find("get", name, read)

    def info(self, name: str) -> ObjectInfo:
        check_name(name)
        found = self._find("look at", name, self._info)
        return ObjectInfo(name, found.size, found.modified)

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        check_prefix(prefix)
        found = {info.name: info for info in self._listed(prefix)}
        second = self._listed(SECOND + prefix) if prefix else tuple(found.values())
        for info in second:
            name = info.name.removeprefix(SECOND)
            if name != info.name and name not in found:  # it is being put over just now
                found[name] = ObjectInfo(name, info.size, info.modified)
        return (info for info in found.values() if is_name(info.name))

    def delete(self, name: str) -> None:
        check_name(name)
        with self._replacing:
            if not self._uploads_are_whole():
                self._delete(SECOND + name, name)
            self._delete(name, name)

    def can_put_absent(self) -> bool:
        return False

    def close(self) -> None:
        with self._lock:
            daemon, self._running, self._is_closed = self._running, None, True
        if daemon is not None:
            daemon.close()

    def __repr__(self) -> str:
        return f"RcloneStore({self.url!r})"

    # --- calls ----------------------------------------------------------------------------------------------------------

    def _daemon(self) -> Daemon:
        with self._lock:
            if self._is_closed:
                raise StoreFailedError(f"{self.url} is closed")
            if self._running is not None and not self._running.is_running:
                self._running.close()
                self._running = None
            if self._running is None:
                self._running, self._limit = Daemon(), 0
            return self._running

    def _call(self, verb: str, name: str, work: Callable[[], T]) -> T:
        """Do *work*, again while it may help, and raise our error for rclone's, without rclone's in its context."""
        began, pause = time.monotonic(), self._patience.first_pause
        while True:
            try:
                return work()
            except RcloneError as error:
                failed = error
            if not failed.is_passing or time.monotonic() + pause - began > self._patience.retry_for:
                break
            time.sleep(pause)
            pause = min(2 * pause, self._patience.longest_pause)
        raise failed.error(verb, name, self.url)

    def _ask(self, verb: str, name: str, command: str, **members: object) -> dict[str, Any]:
        return self._call(verb, name, lambda: self._daemon().ask(command, members))

    def _find(self, verb: str, name: str, work: Callable[[str], T]) -> T:
        """Do *work* with the object's place: its name, while it is being put over its second copy, and after that its name again."""
        for place in (name,) if self._uploads_are_whole() else (name, SECOND + name):
            with contextlib.suppress(ObjectMissingError):
                return self._call(verb, name, lambda place=place: work(place))  # type: ignore[misc]
        return self._call(verb, name, lambda: work(name))

    def _uploads_are_whole(self) -> bool:
        """Whether an upload appears under its name whole or not at all: in buckets, and where files cannot be moved."""
        if self._is_whole is None:
            features = self._ask("reach", "", "operations/fsinfo", fs=self._fs).get("Features", {})
            self._is_whole = bool(features.get("BucketBased")) or not (features.get("Move") or features.get("Copy"))
        return self._is_whole

    # --- reading --------------------------------------------------------------------------------------------------------

    def _info(self, place: str) -> ObjectInfo:
        item = self._daemon().ask("operations/stat", {"fs": self._fs, "remote": place, "opt": _FILES}).get("item")
        if item is None:
            raise RcloneError(404, "object not found")
        return self._entry(item, place)

    def _listed(self, prefix: str) -> Sequence[ObjectInfo]:
        """What lies in a folder and those below it, by names from the store's own on. A folder that is missing is empty."""
        try:
            members = {"fs": self._fs, "remote": prefix.rstrip("/"), "opt": {**_FILES, "recurse": True}}
            items = self._ask("list", "", "operations/list", **members).get("list") or []
        except ObjectMissingError:
            return []
        if not isinstance(items, list):
            raise self._senseless()
        found = (self._entry(item, item.get("Path")) for item in items if isinstance(item, dict) and item.get("IsDir") is False)
        return [info for info in found if info.name.startswith(prefix) and info.name != prefix]

    def _entry(self, item: dict[str, Any], name: object) -> ObjectInfo:
        size, modified = item.get("Size"), item.get("ModTime")
        if not isinstance(name, str) or not isinstance(size, int) or not isinstance(modified, str) or size < 0:
            raise self._senseless()
        try:
            return ObjectInfo(name, size, datetime.fromisoformat(modified).timestamp())
        except (ValueError, OverflowError):
            raise self._senseless() from None

    def _senseless(self) -> StoreFailedError:
        return StoreFailedError(f"rclone tells of {self.url} what makes no sense")

    # --- writing --------------------------------------------------------------------------------------------------------

    def _file(self, pieces: Pieces) -> Path:
        """The object as a file of this machine, from which rclone sends it, as often as it needs."""
        file = self._daemon().folder / secrets.token_hex(16)
        try:
            with open(file, "xb", buffering=0, opener=lambda path, flags: os.open(path, flags, 0o600)) as target:
                for piece in pieces.buffers():
                    done = 0
                    while done < len(piece):
                        done += target.write(piece[done:])
        except BaseException:
            file.unlink(missing_ok=True)
            raise
        return file

    def _put(self, name: str, file: Path, length: int) -> None:
        if self._uploads_are_whole():
            self._send(name, file, name)
            return
        try:
            self._call("put", name, lambda: self._info(name))
        except ObjectMissingError:
            self._place(name, file, length, name)
            return
        with self._replacing:
            self._place(name, file, length, SECOND + name)
            self._place(name, file, length, name)

    def _send(self, name: str, file: Path, place: str) -> None:
        members = {"srcFs": str(file.parent), "srcRemote": file.name, "dstFs": self._fs, "dstRemote": place}
        try:
            self._ask("put", name, "operations/copyfile", **members, _config=_AS_NEW if place.startswith(PARTS) else {})
        except ObjectMissingError:
            raise StoreFailedError(f"cannot put {name} in {self.url}: there is no such place, or rclone has ended meanwhile") from None

    def _place(self, name: str, file: Path, length: int, place: str) -> None:
        """Send the object as a part, and have it replace what is at *place*."""
        part = PARTS + secrets.token_hex(16)
        try:
            self._send(name, file, part)
            arrived = self._call("put", name, lambda: self._info(part))
            if arrived.size != length:
                raise StoreFailedError(f"cannot put {name} in {self.url}: what arrived is not what was sent")
            self._clean(arrived.modified)
            self._move(name, part, place, length)
        except BaseException:
            with contextlib.suppress(Exception):  # else it is removed after a day
                self._daemon().ask("operations/deletefile", {"fs": self._fs, "remote": part})
            raise

    def _move(self, name: str, part: str, place: str, length: int) -> None:
        members = {"srcFs": self._fs, "srcRemote": part, "dstFs": self._fs, "dstRemote": place}
        try:
            self._ask("put", name, "operations/movefile", **members)
        except ObjectMissingError:
            # An attempt whose answer was lost has moved it.
            if self._call("put", name, lambda: self._info(place)).size != length:
                raise

    def _delete(self, place: str, name: str) -> None:
        with contextlib.suppress(ObjectMissingError):
            self._ask("delete", name, "operations/deletefile", fs=self._fs, remote=place)

    def _set_limit(self, pieces: Pieces) -> None:
        """Have rclone send no faster than the pace of *pieces*. To wait before it gets them would send each at once, and then nothing."""
        if pieces.pace is not None and pieces.pace.rate != self._limit:
            self._ask("reach", "", "core/bwlimit", rate=f"{pieces.pace.rate}B:off")
            self._limit = pieces.pace.rate

    def _clean(self, now: float) -> None:
        """Remove, once, what runs that were killed left. *now* is by the store's clock, or what it takes for one."""
        with self._lock:
            if self._is_clean:
                return
            self._is_clean = True
        for part in self._listed(PARTS):
            if now - part.modified > PART_LIFE:
                with contextlib.suppress(RcloneError):  # somebody else cleans too, or nothing may be deleted
                    self._daemon().ask("operations/deletefile", {"fs": self._fs, "remote": part.name})


def _length(response: http.client.HTTPResponse) -> int | None:
    text = response.getheader("Content-Length")
    return int(text) if text is not None and text.isascii() and text.isdigit() else None


def _total(response: http.client.HTTPResponse) -> int:
    """The object's length, as the answer to a request for a range tells it."""
    text = (response.getheader("Content-Range") or "").rpartition("/")[2]
    if not (text.isascii() and text.isdigit()):
        raise RcloneError(response.status, "no length")
    return int(text)


def _read(response: http.client.HTTPResponse, length: int) -> bytes:
    """Exactly *length* bytes, allocated as they come."""
    pieces: list[bytes] = []
    left = length
    while left:
        piece = response.read(min(left, _READ))
        if not piece:
            raise RcloneError(0, "")
        pieces.append(piece)
        left -= len(piece)
    return b"".join(pieces)
