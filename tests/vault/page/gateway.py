"""Somebody between browser and service, who serves the page and can change every answer: a gateway, or a vault that is not honest."""

import base64
import http.client
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from chatseal.vault.identity import ServiceIdentity
from chatseal.vault.service import pages
from vault.service.running import Running


@dataclass
class Passed:
    """What goes back to the browser for a request of `operation`. `sign` makes the signature anew, for the body as it is by then."""

    operation: str
    request: bytes
    status: int
    body: bytes
    signature: str

    def sign(self, identity: ServiceIdentity) -> None:
        self.signature = base64.b64encode(identity.sign(self.operation, self.request, self.body)).decode()


Change = Callable[[Passed], None]


def honest(passed: Passed) -> None:
    pass


class Gateway:
    """Answers at `url`. `always`, then `change` get every answer before it goes on; they may change it, or raise ConnectionError: none."""

    def __init__(self, service: Running, folder: Path = pages.FOLDER) -> None:
        self.always: Change = honest
        self.change: Change = honest
        files, port = pages.found(folder), service.port
        gateway = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                page = files.get(self.path)
                body = page.body if page else b""
                self.send_response(200 if page else 404)
                for name, value in (page.headers if page else {}).items():
                    self.send_header(name, value)
                self.send_header("Content-Type", page.media_type if page else "text/plain")
                self._end(body)

            do_HEAD = do_GET

            def do_POST(self) -> None:
                request = self.rfile.read(int(self.headers["Content-Length"]))
                upstream = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
                headers = {name: value for name in ("Authorization", "Content-Type") if (value := self.headers[name])}
                upstream.request("POST", self.path, request, headers)
                answer = upstream.getresponse()
                operation = self.path.removeprefix("/v1/")
                passed = Passed(operation, request, answer.status, answer.read(), answer.headers["Vault-Signature"])
                upstream.close()
                try:
                    gateway.always(passed)
                    gateway.change(passed)
                except ConnectionError:
                    self.close_connection = True
                    return
                self.send_response(passed.status)
                self.send_header("Content-Type", "application/json")
                if passed.signature:
                    self.send_header("Vault-Signature", passed.signature)
                self._end(passed.body)

            def _end(self, body: bytes) -> None:
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self.url = f"http://127.0.0.1:{self._server.server_port}/"

    @contextmanager
    def open(self) -> Iterator["Gateway"]:
        self._thread.start()
        try:
            yield self
        finally:
            self._server.shutdown()
            self._thread.join()
            self._server.server_close()
