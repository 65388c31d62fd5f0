"""Interruption: a request to end, by Ctrl-C or a signal, is heard once, wherever the interpreter is when it comes."""

import _thread
import atexit
import os
import signal
import sys
import time
from contextlib import suppress
from typing import TYPE_CHECKING, NoReturn

from chatseal.errors import EXIT_INTERRUPTED

if TYPE_CHECKING:
    from chatseal.cli.app import App


class Interruptible:
    """Inside the block, a request to end is a KeyboardInterrupt like that of Ctrl-C, so that nothing incomplete is left behind."""

    def __enter__(self) -> None:
        self._before = {}
        self._heard = signal.SIGINT
        for number in _requests():
            with suppress(ValueError):  # not in this thread
                if signal.getsignal(number) is signal.SIG_DFL:  # nohup ignores SIGHUP, and is right
                    self._before[number] = signal.signal(number, self._interrupt)
        self._unraisable, sys.unraisablehook = sys.unraisablehook, self._unraised

    def __exit__(self, *_: object) -> None:
        sys.unraisablehook = self._unraisable
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _interrupt(self, number: int, _: object) -> None:
        self._heard = signal.Signals(number)
        raise KeyboardInterrupt

    def _unraised(self, lost: "sys.UnraisableHookArgs") -> None:
        """An interruption that fell into a finalizer, out of which no exception comes, is asked for once more after it."""
        if issubclass(lost.exc_type, KeyboardInterrupt):
            _thread.start_new_thread(_ask_again, (_thread.get_ident(), self._heard))
        else:
            self._unraisable(lost)


def _ask_again(thread: int, number: signal.Signals) -> None:
    time.sleep(0.001)
    if hasattr(signal, "pthread_kill"):
        signal.pthread_kill(thread, number)  # which wakes a thread that waits
    else:
        _thread.interrupt_main(number)


def be(app: "App", name: str) -> NoReturn:
    """Be the process of the command *name*: run it with this process's arguments, and end.

    When its exit code is decided, a request to end comes too late to change it: it only cuts short what the interpreter still does."""
    atexit.register(_be_deaf)
    Interruptible().__enter__()  # and never out of it
    try:
        app.main(prog_name=name)
    except KeyboardInterrupt:  # before the command, or after it
        code = EXIT_INTERRUPTED
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 0
    for number in (signal.SIGINT, *_requests()):
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, lambda *_: os._exit(code))
    sys.exit(code)


def _be_deaf() -> None:
    """The interpreter is about to put the signals' defaults back, which would change the exit code in its last milliseconds."""
    for number in (signal.SIGINT, *_requests()):
        signal.signal(number, signal.SIG_IGN)


def _requests() -> list[signal.Signals]:
    """Those of the requests to end, beside Ctrl-C's, that this system has."""
    return [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
