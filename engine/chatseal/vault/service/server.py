"""Server: listening, TLS, the sweeper, and a stop that answers what was asked."""

import asyncio
import contextlib
import logging
import signal
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import h11
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from chatseal.errors import ChatsealError
from chatseal.vault.keeper import Keeper
from chatseal.vault.notices import Notices
from chatseal.vault.service.app import App

SWEEP_SECONDS = 2.0
STOP_SECONDS = 20
KEEP_ALIVE_SECONDS = 30
CONNECTIONS_MAX = 1000
HEADERS_MAX = 16 << 10
HEADERS_SECONDS = 10.0
BACKLOG = 256

log = logging.getLogger("chatseal.vault")


class _Server(uvicorn.Server):
    """Signals are ours: the server's own handler would end the process with the signal again."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class _Protocol(H11Protocol):
    """HTTP/1.1 of one connection. Whoever sends his headers a letter at a time is sent away."""

    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._begin()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self.conn.their_state is h11.IDLE:
            self._begin()
        else:
            self._end()

    def connection_lost(self, exc: Exception | None) -> None:
        self._end()
        super().connection_lost(exc)

    def _begin(self) -> None:
        if self._deadline is None:
            self._deadline = self.loop.call_later(HEADERS_SECONDS, self.transport.abort)

    def _end(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens there; port 0 is any that is free. Raises OSError."""
    family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
    found = socket.socket(family, kind, protocol)
    try:
        found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        found.bind(address)
        found.listen(BACKLOG)
    except BaseException:
        found.close()
        raise
    return found


def run(
    app: App,
    keeper: Keeper,
    bound: socket.socket,
    *,
    tls: tuple[Path, Path] | None = None,
    proxies: str = "",
    notices: Notices | None = None,
    started: Callable[[], None] = lambda: None,
) -> None:
    """Serve on a socket that listens, until SIGTERM or SIGINT; then answer what was asked, and return.

    *tls* is certificate and key, both PEM. *proxies* are addresses whose X-Forwarded-For is believed. *started* is called when the first
    request can be answered."""
    config = uvicorn.Config(
        app.asgi,
        lifespan="off",
        loop="asyncio",
        http=_Protocol,
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=False,
        proxy_headers=bool(proxies),
        forwarded_allow_ips=proxies or None,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=STOP_SECONDS,
        limit_concurrency=CONNECTIONS_MAX,
        h11_max_incomplete_event_size=HEADERS_MAX,
        ssl_certfile=str(tls[0]) if tls else None,
        ssl_keyfile=str(tls[1]) if tls else None,
        ssl_version=ssl.PROTOCOL_TLS_SERVER,
    )
    config.load()
    if config.ssl is not None:
        config.ssl.minimum_version = ssl.TLSVersion.TLSv1_2
    server, stopped = _Server(config), threading.Event()
    beside = [threading.Thread(target=_sweep, args=(app, keeper, stopped), name="sweeper", daemon=True)]
    if notices is not None:
        beside.append(threading.Thread(target=_notify, args=(app, notices, stopped), name="notices", daemon=True))

    async def serve() -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, lambda: setattr(server, "should_exit", True))
        for thread in beside:
            thread.start()
        started()
        await server.serve(sockets=[bound])

    try:
        asyncio.run(serve())
    finally:
        stopped.set()
        app.close()
        for thread in beside:
            if thread.is_alive():
                thread.join()
    log.info("stopped")


def _sweep(app: App, keeper: Keeper, stopped: threading.Event) -> None:
    while not stopped.wait(SWEEP_SECONDS):
        try:
            if swept := keeper.sweep():
                app.metrics.swept(swept)
        except (ChatsealError, OSError) as error:  # the next time it may go; what is due stays due
            log.error("cannot sweep", extra={"error": type(error).__name__})


def _notify(app: App, notices: Notices, stopped: threading.Event) -> None:
    wait = 0.0
    while not stopped.wait(wait):
        try:
            sent, wait = notices.turn()
        except (ChatsealError, OSError) as error:
            sent, wait = 0, 60.0
            log.error("cannot notify", extra={"error": type(error).__name__})
        for _ in range(sent):
            app.metrics.notice("sent")
        if wait > 1:
            app.metrics.notice("failed")
            log.warning("a notice did not arrive; it is sent again")
