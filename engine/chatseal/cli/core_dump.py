"""Core dump: a picture of the process's memory, keys included, that the system would write when the command crashes. It must not."""

import os
from contextlib import suppress

_PR_GET_DUMPABLE, _PR_SET_DUMPABLE = 3, 4


def turn_off() -> None:
    """No core file of this process. Other processes of the same user cannot read its memory or environment either, on Linux.

    Both are needed: a core_pattern that is a pipe, as with systemd-coredump, ignores the limit; and the limit also holds for programs
    that this process starts, which become dumpable again. Called before any key is read, by the command and not by the library."""
    if os.name != "posix":
        return
    import resource

    with suppress(OSError, ValueError):  # it was lower already, or may not be changed
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    _prctl(_PR_SET_DUMPABLE, 0)


def is_off() -> bool:
    """Whether a crash of this process leaves no core file, neither through the limit nor around it."""
    if os.name != "posix":
        return False
    import resource

    return resource.getrlimit(resource.RLIMIT_CORE)[0] == 0 and _prctl(_PR_GET_DUMPABLE, 0) in (0, None)


def _prctl(option: int, value: int) -> int | None:
    """What Linux answers; None elsewhere."""
    import ctypes
    import sys

    if sys.platform != "linux":
        return None
    answer: int = ctypes.CDLL(None).prctl(option, ctypes.c_ulong(value), ctypes.c_ulong(0), ctypes.c_ulong(0), ctypes.c_ulong(0))
    return answer
