"""rclone's own servers, of WebDAV and of SFTP, one process each on one folder, and the remotes by which rclone reaches them."""

import os
import secrets
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Literal, Self

import pytest

from chatseal.objects.rclone_store import Patience, RcloneStore
from servers.process import Server, free_port
from servers.proxy import Proxy

Kind = Literal["webdav", "sftp"]
USER, PASSWORD = "tester-5d1e", "rclone-secret-9a42c7"
NO_FILE = {"RCLONE_CONFIG": os.devnull}
HASTY = Patience(retry_for=0)


def missing() -> str:
    """Why it cannot be started here, or nothing."""
    return "" if shutil.which("rclone") else "rclone is not installed"


@cache
def obscured(password: str) -> str:
    """As rclone's configuration wants it."""
    return subprocess.run(["rclone", "obscure", "-"], input=password, capture_output=True, text=True, check=True).stdout.strip()


class RcloneServer:
    """One process that serves `folder`, with more *words* for `rclone serve`."""

    def __init__(self, kind: Kind, *words: str) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix=f"chatseal-{kind}-")
        place = Path(self._folder.name)
        self.folder, self.port, self.kind = place / "data", free_port(), kind
        self.folder.mkdir()
        command = ["rclone", "serve", kind, str(self.folder), "--addr", f"127.0.0.1:{self.port}", *words]
        environment = {**os.environ, **NO_FILE, "RCLONE_USER": USER, "RCLONE_PASS": PASSWORD, "XDG_CACHE_HOME": str(place / "cache")}
        self._server = Server(command, self.port, place / "log", environment)
        self._server.wait()

    def remote(self) -> "Remote":
        """A place of its own on it."""
        return Remote(self.kind, self.port, secrets.token_hex(6), self.folder)

    def stop(self) -> None:
        self._server.stop()
        self._folder.cleanup()


@dataclass(frozen=True)
class Remote:
    """An empty place at *path* below the server's *folder*. `environment` has all that rclone needs to know."""

    kind: Kind
    port: int
    path: str
    folder: Path
    password: str = field(default=PASSWORD, repr=False)
    options: Mapping[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return f"test{self.kind}"

    @property
    def url(self) -> str:
        return f"rclone:{self.name}:{self.path}"

    @property
    def environment(self) -> dict[str, str]:
        options = {"TYPE": self.kind, "USER": USER, "PASS": obscured(self.password), **self.options}
        if self.kind == "webdav":
            options |= {"URL": f"http://127.0.0.1:{self.port}", "VENDOR": "other"}
        else:
            options |= {"HOST": "127.0.0.1", "PORT": str(self.port), "SHELL_TYPE": "unix"}
        return {**NO_FILE, **{f"RCLONE_CONFIG_{self.name.upper()}_{option}": value for option, value in options.items()}}

    @property
    def secrets(self) -> tuple[str, ...]:
        return self.password, obscured(self.password), USER

    def through(self, proxy: Proxy) -> Self:
        """The same, with a proxy before the server."""
        return replace(self, port=proxy.port)

    def enter(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Make the environment of this process the remote's."""
        for name in list(os.environ):
            if name.startswith("RCLONE_"):
                monkeypatch.delenv(name)
        for name, value in self.environment.items():
            monkeypatch.setenv(name, value)

    def open(self, patience: Patience | None = None) -> RcloneStore:
        """With the environment of this process."""
        return RcloneStore(self.name, self.path, patience=patience)
