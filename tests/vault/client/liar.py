"""A liar: stands between a client and a real vault, passes on what it is not told to change, and remembers what it saw.

Its `script` takes the operation, the request's body and what the vault answered, and gives what the client is to see: an answer, or None
for a connection that breaks off. With `before`, the request does not reach the vault."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from vault.service.person import Told, post

Script = Callable[[str, bytes, Told], Told | None]


def honest(operation: str, body: bytes, told: Told) -> Told | None:
    return told


@dataclass
class Liar:
    """What a test says to the server, and what the server saw. `before` names operations that never reach the vault."""

    target: int
    script: Script = honest
    before: frozenset[str] = frozenset()
    seen: list[tuple[str, bytes, Told]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    port: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/"

    @property
    def operations(self) -> list[str]:
        return [operation for operation, _, _ in self.seen]


@contextmanager
def lying(target: int) -> Iterator[Liar]:
    """A liar before the vault at this port of the loopback."""
    liar = Liar(target)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            operation = self.path.removeprefix("/v1/")
            liar.headers.append({name.lower(): value for name, value in self.headers.items()})
            if operation in liar.before:
                told = Told(0, {}, b"")
            else:
                token = self.headers.get("Authorization", "").removeprefix("Bearer ")
                told = post(liar.target, self.path, body, token)
            liar.seen.append((operation, body, told))
            shown = liar.script(operation, body, told)
            if shown is None:
                self.close_connection = True
                return
            self.send_response_only(shown.status)
            for name, value in shown.headers.items():
                if name not in ("content-length", "connection", "transfer-encoding"):
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(shown.body)))
            with suppress(ConnectionError):  # who has read enough of it hangs up
                self.end_headers()
                self.wfile.write(shown.body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        liar.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield liar
        finally:
            server.shutdown()
            thread.join()
