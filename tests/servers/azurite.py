"""Azurite: the emulator of Azure Blob Storage that Azure's makers publish, on Node."""

import base64
import hashlib
import hmac
import http.client
import os
import shutil
import tempfile
from email.utils import formatdate
from pathlib import Path

from servers.process import Server, free_port

ROOT = Path(__file__).parents[2]
SCRIPT = "node_modules/azurite/dist/src/blob/main.js"
ACCOUNT = "tests"
KEY = base64.b64encode(hashlib.sha512(b"a key of the tests").digest()).decode()


def script() -> Path:
    """Where `make test` puts it, or CHATSEAL_AZURITE."""
    return Path(os.environ.get("CHATSEAL_AZURITE") or ROOT / "build/azurite") / SCRIPT


def missing() -> str:
    """Why it cannot be started here, or nothing."""
    if shutil.which("node") is None:
        return "Azurite needs node"
    return "" if script().exists() else "Azurite is not installed: `make build/azurite/ready` does it, with npm"


class Azurite:
    """One process. `port` is that of the blob service."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="chatseal-azurite-")
        self.port = free_port()
        place = Path(self._folder.name)
        command = ["node", str(script()), "--location", str(place / "data"), "--blobHost", "127.0.0.1", "--blobPort", str(self.port)]
        command += ["--silent", "--skipApiVersionCheck", "--disableTelemetry"]
        environment = os.environ | {"AZURITE_ACCOUNTS": f"{ACCOUNT}:{KEY}"}
        self._server = Server(command, self.port, place / "log", environment)
        self._server.wait()

    def make_container(self, name: str) -> None:
        """By hand, because no package here can: one signed request."""
        date, version = formatdate(usegmt=True), "2021-12-02"
        path = f"/{ACCOUNT}/{name}"
        text = f"PUT\n\n\n\n\n\n\n\n\n\n\n\nx-ms-date:{date}\nx-ms-version:{version}\n/{ACCOUNT}{path}\nrestype:container"
        signature = base64.b64encode(hmac.digest(base64.b64decode(KEY), text.encode(), "sha256")).decode()
        headers = {"x-ms-date": date, "x-ms-version": version, "Authorization": f"SharedKey {ACCOUNT}:{signature}"}
        connection = http.client.HTTPConnection("127.0.0.1", self.port)
        connection.request("PUT", f"{path}?restype=container", headers=headers)
        answer = connection.getresponse()
        body = answer.read()
        connection.close()
        assert answer.status == 201, body

    def stop(self) -> None:
        self._server.stop()
        self._folder.cleanup()
