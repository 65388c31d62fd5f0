"""Kinds: which files are databases, told by their first bytes, which another process reads.

Not this one: closing any descriptor of a file drops every lock that the closing process has on it, so that a look at a database which the
application around us has open would end the protection of its transactions. The other process is this very file, run as a script. It is
given a folder as a descriptor, and names in it: nothing that happens to the folder's path in between leads it elsewhere."""

import array
import os
import socket
import struct
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import subprocess

DATABASE, WAL, JOURNAL, CACHE, OTHER = b"dwjc."
NAMES_MAX = 1024  # in one request

_MAGICS = (
    (b"SQLite format 3\0", DATABASE),
    (b"\x37\x7f\x06\x82", WAL),
    (b"\x37\x7f\x06\x83", WAL),
    (b"\xd9\xd5\x05\xf9\x20\xa1\x63\xd7", JOURNAL),
    (b"Signature: 8a477f597d28d172789f06886806bc55", CACHE),
)
_LENGTH = struct.Struct("<I")
_LOOK = 64  # bytes


class Kinds:
    """The other process, started when it is first asked. For one thread; close it."""

    def __init__(self) -> None:
        self._socket: socket.socket | None = None
        self._process: subprocess.Popen[bytes] | None = None

    def of(self, folder: int, names: Sequence[str]) -> bytes:
        """A byte for each of *names* in the open *folder*: DATABASE, WAL, JOURNAL, CACHE or OTHER, as what cannot be read is too.

        Raises CaptureError if the other process does not start, or ended."""
        return b"".join(self._ask(folder, names[at : at + NAMES_MAX]) for at in range(0, len(names), NAMES_MAX))

    def _ask(self, folder: int, names: Sequence[str]) -> bytes:
        request = b"\0".join(map(os.fsencode, names))
        try:
            line = self._socket or self._start()
            socket.send_fds(line, [_LENGTH.pack(len(request))], [folder])
            line.sendall(request)
            if len(answer := _exactly(line, len(names))) == len(names):
                return answer
            reason = "it ended"
        except OSError as error:
            reason = error.strerror or "it failed"
        from chatseal.errors import CaptureError

        raise CaptureError(f"the process that tells databases from other files is not there: {reason}")

    def _start(self) -> socket.socket:
        import subprocess

        ours, its = socket.socketpair()
        try:
            with its:
                process = subprocess.Popen(
                    [sys.executable, "-I", "-S", __file__], stdin=its.fileno(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
                )
        except BaseException:
            ours.close()
            raise

        self._socket, self._process = ours, process
        return ours

    def close(self) -> None:
        if self._socket is not None and self._process is not None:
            self._socket.close()  # which ends it
            self._process.wait()
        self._socket = self._process = None

    def __enter__(self) -> "Kinds":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _exactly(line: socket.socket, length: int) -> bytes:
    """The next *length* bytes; fewer only at the end."""
    data = b""
    while len(data) < length and (piece := line.recv(length - len(data))):
        data += piece
    return data


def _kind(folder: int, name: bytes) -> int:
    try:
        # not blocked by a pipe that has taken the file's place
        file = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC, dir_fd=folder)
    except OSError:
        return OTHER
    try:
        start = os.pread(file, _LOOK, 0)
    except OSError:
        return OTHER
    finally:
        os.close(file)
    return next((kind for magic, kind in _MAGICS if start.startswith(magic)), OTHER)


def _serve(line: socket.socket) -> None:
    """Answer requests until the other end is closed."""
    while True:
        head, control, _, _ = line.recvmsg(_LENGTH.size, socket.CMSG_SPACE(4))
        if len(head) < _LENGTH.size or not control:
            return
        folder = array.array("i", control[0][2][:4])[0]
        try:
            names = _exactly(line, _LENGTH.unpack(head)[0]).split(b"\0")
            line.sendall(bytes(_kind(folder, name) for name in names))
        finally:
            os.close(folder)


if __name__ == "__main__":
    import signal

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # it ends with the process that asks
    with suppress(OSError), socket.socket(fileno=0) as line:
        _serve(line)
