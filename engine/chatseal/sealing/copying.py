"""Copying: bytes of one file into another, by the cheapest way there is: shared blocks, a copy inside the kernel, reads and writes."""

import errno
import os
import struct
from collections.abc import Callable

from chatseal.errors import SourceChangedError
from chatseal.sealing.source import Source
from chatseal.sealing.target import FileTarget

PIECE = 16 << 20  # bytes between two looks at Ctrl-C
BUFFER = 1 << 20
_FICLONERANGE = 0x4020940D  # linux/fs.h; where the number is another one, the call fails and a copy is made
_FINAL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.ENOMEM)  # another way of copying would meet the same

Tick = Callable[[int], None]  # told how many bytes are done


def copy_end(source: Source, source_at: int, target: FileTarget, target_at: int, tick: Tick) -> None:
    """Copy everything in *source*, an open file, from *source_at* to its end into *target* at *target_at*.

    Raises SourceChangedError if the source shrinks meanwhile, OSError."""
    assert isinstance(source.positioned, tuple)
    assert source.length is not None
    descriptor, length = source.positioned[0], source.length - source_at
    if _share(descriptor, source_at, target.descriptor, target_at):
        tick(length)
        return
    done = _copy_in_kernel(descriptor, source_at, target.descriptor, target_at, length, tick)
    while done < length:
        piece = source.read_at(source_at + done, min(BUFFER, length - done))
        if not piece:
            raise SourceChangedError(f"{source.name} shrank while it was copied")
        target.write_at(target_at + done, piece)
        done += len(piece)
        tick(done)


def _share(source: int, source_at: int, target: int, target_at: int) -> bool:
    """Let both files have the same blocks, to the end of the source. False where the file system or the offsets do not allow that."""
    try:
        import fcntl

        fcntl.ioctl(target, _FICLONERANGE, struct.pack("=qQQQ", source, source_at, 0, target_at))
    except ImportError:  # not on this system
        return False
    except OSError as error:
        if error.errno in _FINAL:
            raise
        return False
    return True


def _copy_in_kernel(source: int, source_at: int, target: int, target_at: int, length: int, tick: Tick) -> int:
    """How many bytes the kernel could copy: all, or none where it cannot."""
    done = 0
    while hasattr(os, "copy_file_range") and done < length:
        try:
            n = os.copy_file_range(source, target, min(PIECE, length - done), source_at + done, target_at + done)
        except OSError as error:
            if error.errno in _FINAL:
                raise
            break
        if n == 0:  # some file systems say so of what they cannot do; if the source shrank, the next read will tell
            break
        done += n
        tick(done)
    return done
