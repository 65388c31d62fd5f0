"""Proxy: a line on loopback in front of a server, which breaks as a test says: cut, stalled, slow, or with answers of its own."""

import contextlib
import socket
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Literal, Self

PIECE = 16 << 10
Kind = Literal["refuse", "cut request", "cut answer", "stall request", "stall answer", "slow answer", "answer"]


@dataclass(frozen=True)
class Fault:
    """What happens to one connection, after *after* bytes in the direction concerned."""

    kind: Kind
    after: int = 0
    answer: bytes = b""  # sent in the place of the server's

    @classmethod
    def status(cls, code: int, *headers: str, body: bytes = b"") -> Self:
        """Every request on the connection's first bytes is answered with this, and the connection is closed."""
        lines = [f"HTTP/1.1 {code} Fault", f"Content-Length: {len(body)}", "Connection: close", *headers, "", ""]
        return cls("answer", answer="\r\n".join(lines).encode() + body)


class Proxy:
    """Listens on a free port of loopback. Connection n meets `faults[n]`, and those after the last one `then`."""

    def __init__(self, port: int, faults: Sequence[Fault | None] = (), then: Fault | None = None) -> None:
        self._target = port
        self.faults, self.then = list(faults), then
        self.connections = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._sockets: list[socket.socket] = []
        self._closing = threading.Event()
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def cut_all(self) -> None:
        """Cut every connection there is now."""
        with self._lock:
            for one in self._sockets:
                _cut(one)

    def close(self) -> None:
        self._closing.set()
        with contextlib.suppress(OSError):  # wakes accept
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._threads[0].join()  # then there are no more connections
        self.cut_all()
        for thread in self._threads:
            thread.join()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            with self._lock:
                number = self.connections
                self.connections += 1
                fault = self.faults[number] if number < len(self.faults) else self.then
                self._sockets.append(client)
            thread = threading.Thread(target=self._hold, args=(client, fault), daemon=True)
            self._threads = [one for one in self._threads if one.is_alive()] + [thread]
            thread.start()

    def _hold(self, client: socket.socket, fault: Fault | None) -> None:
        """One connection, whose sockets are closed at its end: a long test makes ten thousand."""
        sockets = [client]
        self._serve(client, fault, sockets)
        with self._lock:
            for one in sockets:
                self._sockets.remove(one)
                one.close()

    def _serve(self, client: socket.socket, fault: Fault | None, sockets: list[socket.socket]) -> None:
        kind = fault.kind if fault else None
        with contextlib.suppress(OSError):
            if fault is not None and kind == "refuse":
                _cut(client)
                return
            if fault is not None and kind == "answer":
                client.recv(PIECE)
                client.sendall(fault.answer)
                client.shutdown(socket.SHUT_WR)
                while client.recv(PIECE):  # what else it says, so that the answer is not lost in a reset
                    pass
                return
            server = socket.create_connection(("127.0.0.1", self._target))
            with self._lock:
                self._sockets.append(server)
                sockets.append(server)
            up = fault if kind in ("cut request", "stall request") else None
            down = fault if kind in ("cut answer", "stall answer", "slow answer") else None
            thread = threading.Thread(target=self._pump, args=(client, server, up), daemon=True)
            thread.start()
            self._pump(server, client, down)
            thread.join()

    def _pump(self, source: socket.socket, target: socket.socket, fault: Fault | None) -> None:
        left = fault.after if fault else 0
        try:
            while data := source.recv(PIECE):
                if fault is not None:
                    if len(data) > left:
                        target.sendall(data[:left])
                        if fault.kind.startswith("stall"):
                            self._closing.wait()
                        elif fault.kind.startswith("slow"):
                            for at in range(left, len(data), 64):
                                target.sendall(data[at : at + 64])
                                self._closing.wait(0.02)
                            left = 0
                            continue
                        break
                    left -= len(data)
                target.sendall(data)
        except OSError:
            pass
        for one in (source, target):
            _cut(one)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


def _cut(one: socket.socket) -> None:
    with contextlib.suppress(OSError):
        one.shutdown(socket.SHUT_RDWR)
