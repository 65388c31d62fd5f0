"""App: the routes over HTTP. A body is read up to 4096 bytes, an answer computed in a thread, and nothing else is done in the loop."""

import asyncio
import base64
import json
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from ipaddress import ip_address

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from chatseal.vault.keeper import Keeper, refusal
from chatseal.vault.messages import ASKS, MESSAGE_MAX, Ask, encode
from chatseal.vault.service import openapi, pages
from chatseal.vault.service.desk import Desk, Reply
from chatseal.vault.service.metrics import Metrics

SIGNATURE = "Vault-Signature"
THREADS = 8
WAITING_MAX = 256  # requests that have a body and no thread yet
BODY_SECONDS = 10.0
API_HEADERS = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
_TOO_LARGE = encode(refusal("malformed"))

Handler = Callable[[Request], Awaitable[Response]]


class App:
    """The ASGI application. Close it when nothing is asked any more."""

    def __init__(self, desk: Desk, keeper: Keeper, *, is_secure: bool = False, open_metrics: bool = False) -> None:
        self._desk, self._keeper, self._open_metrics = desk, keeper, open_metrics
        self._threads = ThreadPoolExecutor(THREADS, "vault")
        self._waiting = 0
        self.metrics = Metrics(lambda: len(keeper.attempts))
        described = json.dumps(openapi.document()).encode()
        routes = [Route(f"/v1/{kind.operation}", self._operation(kind), methods=["POST"]) for kind in ASKS]
        routes += [
            Route("/healthz", self._healthz),
            Route("/readyz", self._readyz),
            Route("/metrics", self._metrics),
            Route("/openapi.json", _fixed(described, "application/json")),
        ]
        routes += [Route(path, page.answer) for path, page in pages.found(is_secure=is_secure).items()]
        self.asgi = Starlette(routes=routes, exception_handlers={HTTPException: _nothing_there})
        self.asgi.router.redirect_slashes = False

    def close(self) -> None:
        """Wait for what is being answered."""
        self._threads.shutdown()

    def _operation(self, kind: type[Ask]) -> Handler:
        async def answer(request: Request) -> Response:
            try:
                body = await _body(request)
            except (ClientDisconnect, TimeoutError):
                self.metrics.count(kind.operation, "incomplete")
                return Response(status_code=408, headers={**API_HEADERS, "Connection": "close"})
            if body is None:
                self.metrics.count(kind.operation, "too-large")
                return Response(_TOO_LARGE, 413, {**API_HEADERS, "Connection": "close"}, "application/json")
            with self.metrics.timed(kind.operation):
                reply = await self._reply(kind, body, request)
            self.metrics.count(kind.operation, reply.outcome)
            headers = {**API_HEADERS, SIGNATURE: base64.b64encode(reply.signature).decode()}
            if reply.status in (429, 503) and reply.wait:
                headers["Retry-After"] = str(reply.wait)
            return Response(reply.body, reply.status, headers, "application/json")

        return answer

    async def _reply(self, kind: type[Ask], body: bytes, request: Request) -> Reply:
        if self._waiting >= WAITING_MAX + THREADS:
            return self._desk.busy(kind, body)
        self._waiting += 1
        try:
            address = request.client.host if request.client else ""
            work = asyncio.get_running_loop().run_in_executor(
                self._threads, self._desk.reply, kind, body, request.headers.get("authorization"), address
            )
            return await asyncio.shield(work)  # a client who leaves changes nothing of what is counted
        finally:
            self._waiting -= 1

    async def _healthz(self, _: Request) -> Response:
        return Response("ok\n", media_type="text/plain", headers=API_HEADERS)

    async def _readyz(self, _: Request) -> Response:
        found = await asyncio.get_running_loop().run_in_executor(self._threads, self._keeper.ready)
        is_ready = all(found.values())
        return Response(json.dumps({"ready": is_ready, **found}), 200 if is_ready else 503, API_HEADERS, "application/json")

    async def _metrics(self, request: Request) -> Response:
        if not self._open_metrics and not is_loopback(request.client.host if request.client else ""):
            return Response(status_code=404, headers=API_HEADERS)
        return Response(self.metrics.text(), media_type=self.metrics.media_type, headers=API_HEADERS)


async def _body(request: Request) -> bytes | None:
    """The body; None if it is longer than a message, of which nothing more is read."""
    said = request.headers.get("content-length", "0")
    if not said.isdigit() or len(said) > 9 or int(said) > MESSAGE_MAX:
        return None
    found = bytearray()
    async with asyncio.timeout(BODY_SECONDS):
        async for piece in request.stream():
            found += piece
            if len(found) > MESSAGE_MAX:
                return None
    return bytes(found)


def _fixed(body: bytes, media_type: str) -> Handler:
    async def answer(_: Request) -> Response:
        return Response(body, media_type=media_type, headers=API_HEADERS)

    return answer


async def _nothing_there(_: Request, error: Exception) -> Response:
    status, headers = (error.status_code, error.headers) if isinstance(error, HTTPException) else (404, None)
    return Response(status_code=status, headers={**API_HEADERS, **(headers or {})})


def is_loopback(address: str) -> bool:
    """Whether *address* is one of this machine alone."""
    try:
        found = ip_address(address)
    except ValueError:
        return address == "localhost"
    mapped = getattr(found, "ipv4_mapped", None)
    return (mapped or found).is_loopback
