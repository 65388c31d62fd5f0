"""moto: an emulator of S3 in Python. It believes every signature, so that wrong credentials are not tried on it."""

import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path

from servers.process import Server, free_port


def missing() -> str:
    """Why it cannot be started here, or nothing."""
    return "" if find_spec("moto") else "the package moto is not installed"


class Moto:
    """One process. `port` is that of S3."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="chatseal-moto-")
        self.port = free_port()
        command = [sys.executable, "-W", "ignore", "-m", "moto.server", "-H", "127.0.0.1", "-p", str(self.port)]
        self._server = Server(command, self.port, Path(self._folder.name) / "log")
        self._server.wait()

    def stop(self) -> None:
        self._server.stop()
        self._folder.cleanup()
