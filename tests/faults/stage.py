"""Stage: a process with a shim preloaded, which plays each case in a forked copy of itself.

A case costs a fork instead of an interpreter, a crash or a hang ends its own copy alone, and no case sees what another one did."""

import ctypes
import gc
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

import chatseal
from chatseal.errors import exit_code
from faults import shims, work

PATIENCE = 60  # seconds; only a case that hangs meets it
LATE = 2
LIBRARIES = (b"/chatseal/_core.", b"/libzstd.", b"/libcrypto.")
OURS = 2  # of LIBRARIES: those that keep nothing. libcrypto keeps what it has looked up.


@dataclass(frozen=True)
class Case:
    """One way under one fault. *io* is the environment of io_shim.c; *allocation* is the one that fails, 0 for none."""

    way: str
    source: Path
    target: Path
    threads: int = 2
    io: Mapping[str, str] = field(default_factory=dict)
    allocation: int = 0

    def encode(self) -> str:
        return json.dumps(asdict(self), default=str)


@dataclass(frozen=True)
class Ended:
    """How a case ended."""

    status: int  # of the process: negative for a signal
    classes: list[str] = field(default_factory=list)  # of the error, from its own to its last base; none if there was no error
    errno: int | None = None
    code: int = 0  # the command's exit code for it
    text: str = ""
    faults: int = 0  # calls that were disturbed, allocations that were made
    threads: int = 0  # of the system's, that are left beside the main one
    descriptors: list[str] = field(default_factory=list)  # that are left
    allocations: int = 0  # that _core and libzstd have not freed

    @property
    def error(self) -> str:
        return self.classes[0] if self.classes else ""

    def left_nothing(self) -> bool:
        """Checks the process, not its files."""
        assert self.status == 0, self
        assert self.threads == 0, self
        assert not self.descriptors, self
        assert self.allocations == 0, self
        return True


class Stage:
    """The process, as its parent sees it."""

    def __init__(self, shim: Path, *, warm: bool) -> None:
        """*warm*: it has sealed and unsealed before, so that libcrypto has looked up its algorithms."""
        command = [sys.executable, __file__, *(["warm"] if warm else [])]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=shims.environment(shim), text=True, start_new_session=True
        )

    def play(self, case: Case) -> Ended:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(case.encode(), file=self._process.stdin, flush=True)
        answer = self._process.stdout.readline()
        assert answer, f"the stage fell down with {self._process.wait()}"
        return Ended(**json.loads(answer))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._process.communicate()


# --- in the process -----------------------------------------------------------------------------------------------------


class Preloaded:
    """The shim that this process was started with, whichever it is."""

    def __init__(self) -> None:
        self._library = ctypes.CDLL(None)
        self._has_allocations = hasattr(self._library, "malloc_shim_arm")
        if self._has_allocations:
            for name in ("malloc_shim_disarm", "malloc_shim_live"):
                getattr(self._library, name).restype = ctypes.c_long
            self._library.malloc_shim_arm.argtypes = [ctypes.c_long]
            assert [self._library.malloc_shim_watch(name) for name in LIBRARIES] == list(range(len(LIBRARIES)))
        else:
            self._library.io_shim_disarm.restype = ctypes.c_long

    def arm(self, case: Case) -> None:
        if self._has_allocations:
            self._library.malloc_shim_arm(case.allocation)
        else:
            os.environ.update(case.io)
            self._library.io_shim_arm()

    def disarm(self) -> int:
        return int(self._library.malloc_shim_disarm() if self._has_allocations else self._library.io_shim_disarm())

    def live(self) -> int:
        """Allocations of ours that are not freed."""
        if not self._has_allocations:
            return 0
        gc.collect()
        return sum(self._library.malloc_shim_live(number) for number in range(OURS))


def _descriptors() -> set[str]:
    found = set()
    for name in os.listdir("/proc/self/fd"):
        try:
            found.add(f"{name} {os.readlink(f'/proc/self/fd/{name}')}")
        except OSError:
            continue  # the one that listed them
    return found


def _threads_left() -> int:
    """One whose start was interrupted may be about to see that it has nothing to do."""
    last = time.monotonic() + LATE
    while (left := len(os.listdir("/proc/self/task")) - 1) and time.monotonic() < last:
        time.sleep(0.001)
    return left


def _attempt(case: Case, preloaded: Preloaded) -> Ended:
    descriptors, live = _descriptors(), preloaded.live()
    classes: list[str] = []
    error_number, code, text = None, 0, ""
    try:
        preloaded.arm(case)
        (work.WAYS | work.HOLDER_WAYS | work.OTHER_WAYS)[case.way](case.source, case.target, case.threads)
        time.sleep(0)  # a signal to this thread is met here at the latest
    except BaseException as error:
        classes = [kind.__name__ for kind in type(error).__mro__]
        error_number, code, text = getattr(error, "errno", None), exit_code(error), str(error)
    faults = preloaded.disarm()
    threads = _threads_left()
    # nothing of the error is alive any more, so neither is anything of the work
    left = preloaded.live() - live
    return Ended(0, classes, error_number, code, text, faults, threads, sorted(_descriptors() - descriptors), left)


def _warm_up() -> None:
    sealed = chatseal.seal_bytes(work.PLAIN, work.KEY, sign=work.SIGNER, padded=True)
    chatseal.unseal_bytes(sealed, work.KEY, author=work.SIGNER.verifying_key)


def _serve() -> None:
    preloaded = Preloaded()
    if sys.argv[1:] == ["warm"]:
        _warm_up()
    for line in sys.stdin:
        members = json.loads(line)
        case = Case(**members | {"source": Path(members["source"]), "target": Path(members["target"])})
        said, say = os.pipe()
        process = os.fork()
        if process == 0:
            os.close(said)
            signal.alarm(PATIENCE)
            ended = _attempt(case, preloaded)
            with open(say, "w") as answer:
                json.dump(asdict(ended), answer)
            os._exit(0)
        os.close(say)
        with open(said) as answer:
            text = answer.read()
        status = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
        print(text if status == 0 and text else json.dumps(asdict(Ended(status or 1))), flush=True)


if __name__ == "__main__":
    _serve()
