"""Process: a server that a test started, on loopback, and stops by its id."""

import contextlib
import os
import signal
import socket
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

PATIENCE = 60  # seconds; only a server that does not start meets it


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as one:
        return int(one.getsockname()[1])


class Server:
    """One process that listens on *port*."""

    def __init__(self, command: Sequence[str], port: int, log: Path, environment: Mapping[str, str] | None = None) -> None:
        self.port, self.log = port, log
        environment = {name: value for name, value in (environment or os.environ).items() if name != "LD_PRELOAD"}
        with log.open("wb") as file:
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=file, stderr=file, start_new_session=True, env=environment, cwd=log.parent
            )

    def wait(self) -> None:
        """Return when it listens."""
        last = time.monotonic() + PATIENCE
        while time.monotonic() < last:
            if self._process.poll() is not None:
                break
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
                return
            time.sleep(0.05)
        said = self.log.read_text(errors="replace")[-4000:]
        self.stop()
        raise AssertionError(f"the server did not start: {said}")

    def stop(self) -> None:
        """It and its children, which are in a process group of its own."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
