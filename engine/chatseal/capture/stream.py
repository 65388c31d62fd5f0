"""Stream: what comes out of standard input or of a command, read in turn until it ends."""

import os
import subprocess
from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from chatseal.capture.image import UNIT_OF_FILES
from chatseal.errors import CaptureError

if TYPE_CHECKING:
    from typing_extensions import Buffer

END_SECONDS = 60  # that a command may take to end after it has closed its output


@runtime_checkable
class Readable(Protocol):
    """A binary file object, as far as it is needed."""

    def readinto(self, buffer: "Buffer", /) -> int | None: ...


class StreamImage:
    """A binary file object as an Image, read from where it stands and left open. One thread, in turn; its length is None."""

    unit = UNIT_OF_FILES

    def __init__(self, file: Readable, name: str) -> None:
        self.length: int | None = None
        self.name, self._file = name, file
        self.bytes_read, self._ended = 0, False

    def read_into(self, offset: int, buffer: memoryview) -> int:
        """As Image.read_into. Raises ValueError out of turn, BlockingIOError if the file does not block."""
        if offset != self.bytes_read:
            raise ValueError("a stream is read in turn")
        done = 0
        while done < len(buffer) and not self._ended:
            n = self._file.readinto(buffer[done:])
            if n is None:
                raise BlockingIOError(f"{self.name} is in non-blocking mode")
            if not 0 <= n <= len(buffer) - done:
                raise ValueError(f"the readinto of {self.name} returned an impossible length")
            done, self._ended = done + n, n == 0
        self.bytes_read += done
        return done

    def settle(self) -> bool:
        """True. Raises CaptureError if the stream was not read to its end."""
        if not self._ended and self.read_into(self.bytes_read, memoryview(bytearray(1))):
            raise CaptureError(f"{self.name} was not read to its end")
        return True

    def warnings(self) -> list[str]:
        return []

    @property
    def held_seconds(self) -> float:
        return 0.0

    def close(self) -> None:
        """Leaves the file as it is."""


class CommandImage(StreamImage):
    """What a command writes to its standard output. It starts here, and is killed by `close` if it still runs."""

    def __init__(self, words: Sequence[str], name: str) -> None:
        """Run *words* without a shell, with our standard input and standard error. Raises CaptureError if it does not start."""
        if not words:
            raise CaptureError("the command has no words")
        try:
            self._running = subprocess.Popen(words, stdout=subprocess.PIPE, bufsize=0)
        except OSError as error:
            raise CaptureError(f"{words[0]} does not start: {(error.strerror or 'it failed').lower()}") from None
        assert self._running.stdout is not None
        self._output, self._word = self._running.stdout, os.path.basename(words[0])  # the other words may be secret
        super().__init__(self._output, name)  # type: ignore[arg-type]

    def settle(self) -> bool:
        """True. Raises CaptureError if the output was not read to its end, or the command failed: what it wrote may be a part."""
        super().settle()
        try:
            code = self._running.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            raise CaptureError(f"{self._word} closed its output and did not end in {END_SECONDS} seconds") from None
        if code < 0:
            raise CaptureError(f"{self._word} was ended by signal {-code}: what it wrote is not kept")
        if code > 0:
            raise CaptureError(f"{self._word} ended with exit code {code}: what it wrote is not kept")
        return True

    def close(self) -> None:
        if self._running.poll() is None:
            self._running.kill()
        self._output.close()
        self._running.wait()
