"""Hostile requests, by HTTP and by bytes: no 5xx but 503, no bug in the journal, no traceback, and memory that does not grow."""

import base64
import http.client
import json
import random
import socket
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

from chatseal.vault import messages
from chatseal.vault.messages import ANSWERS, ASKS, MESSAGE_MAX, Refusal, decode_answer
from chatseal.vault.service.openapi import document
from vault.service.person import Person, nonce, post
from vault.service.running import Running, running

CODES = {200, 400, 401, 409, 413, 429, 503}
GROWTH = 24 << 20
SCHEMAS: dict[str, Any] = document()["components"]["schemas"]


def like(schema: dict[str, Any]) -> some.SearchStrategy[Any]:
    """What a schema of the description allows: as OpenAPI says it, so that the description is tried too."""
    if "$ref" in schema:
        return like(SCHEMAS[schema["$ref"].rpartition("/")[2]])
    if "anyOf" in schema:
        return some.one_of([like(one) for one in schema["anyOf"]])
    if "enum" in schema:
        return some.sampled_from(schema["enum"])
    if schema.get("type") == "null":
        return some.none()
    if schema.get("type") == "integer":
        return some.integers(schema.get("minimum", 0), schema.get("maximum", 2**53 - 1))
    if schema.get("contentEncoding") == "base64":
        least, most = (length // 4 * 3 for length in (schema.get("minLength", 0), schema.get("maxLength", 400)))
        return some.binary(min_size=max(0, least - 2), max_size=most).map(lambda data: base64.b64encode(data).decode())
    if schema.get("type") == "string":
        return some.sampled_from(["person-0", "person-1", "nobody"])
    assert schema["type"] == "object", schema
    return some.fixed_dictionaries({name: like(one) for name, one in schema["properties"].items()})


JUNK = some.recursive(
    some.none() | some.booleans() | some.integers() | some.floats(allow_nan=True) | some.text(max_size=40),
    lambda inner: some.lists(inner, max_size=4) | some.dictionaries(some.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


@some.composite
def requests(draw: some.DrawFn) -> tuple[type[messages.Ask], bytes]:
    """A message of the description, as it is or with a member changed, left out, added or cut."""
    kind = draw(some.sampled_from(ASKS))
    message = draw(like(SCHEMAS[kind.__name__]))
    change = draw(some.sampled_from(["none", "none", "junk", "missing", "more", "cut", "bytes"]))
    if change == "junk":
        message[draw(some.sampled_from(sorted(message)))] = draw(JUNK)
    if change == "missing":
        del message[draw(some.sampled_from(sorted(message)))]
    if change == "more":
        message[draw(some.text(max_size=20))] = draw(JUNK)
    body = json.dumps(message).encode()
    if change == "cut":
        body = body[: draw(some.integers(0, len(body)))]
    if change == "bytes":
        data = bytearray(body)
        for _ in range(draw(some.integers(1, 8))):
            data[draw(some.integers(0, len(data) - 1))] = draw(some.integers(0, 255))
        body = bytes(data)
    return kind, body


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(request=requests(), is_shown=some.booleans())
def test_what_the_description_allows_and_what_it_does_not(
    service: Running, request: tuple[type[messages.Ask], bytes], is_shown: bool
) -> None:
    kind, body = request
    told = post(service.port, f"/v1/{kind.operation}", body, service.tokens["person-0"] if is_shown else "x")
    assert told.status in CODES
    if len(body) <= MESSAGE_MAX:
        service.key.verify(base64.b64decode(told.headers["vault-signature"]), kind.operation, body, told.body)
        answer = decode_answer(told.body, ANSWERS[kind])
        assert isinstance(answer, Refusal) == (told.status != 200)
    assert quiet(service)


def quiet(service: Running) -> bool:
    """Whether the journal holds lines of ours alone, and none of them of a bug."""
    text = service.journal.read_text()
    return not any(sign in text for sign in ("Traceback", '"message": "bug"', '"message": "cannot answer"'))


def memory(service: Running) -> int:
    """Bytes of memory that the process has."""
    for line in Path(f"/proc/{service.process.pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) << 10
    raise AssertionError("no VmRSS")


class Fuzzer:
    """Makes requests out of good ones, by the same dice each time."""

    def __init__(self, service: Running, seed: int) -> None:
        self.service, self.dice = service, random.Random(seed)
        person = Person(service, "person-0")
        person.register()
        asks: list[messages.Ask] = [person.login_start()[1], person.registration()]
        asks += [messages.AskStatus(nonce=nonce(), account="person-0"), messages.AskHistory(nonce=nonce(), account="person-1", since=0)]
        asks += [messages.AskService(nonce=nonce()), person.login_finish(bytes(16), bytes(64))]
        self.good = [self.spoken(ask) for ask in asks]

    def spoken(self, ask: messages.Ask) -> bytes:
        body = messages.encode(ask)
        token = self.service.tokens["person-0"]
        head = f"POST /v1/{ask.operation} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\nContent-Length: {len(body)}\r\n\r\n"
        return head.encode() + body

    def hostile(self) -> bytes:
        data = bytearray(self.dice.choice(self.good))
        match self.dice.randrange(7):
            case 0:
                return self.dice.randbytes(self.dice.randrange(1, 600))
            case 1:
                return bytes(data[: self.dice.randrange(len(data))])
            case 2:
                at = self.dice.randrange(len(data))
                data[at:at] = self.dice.randbytes(self.dice.randrange(1, 64))
            case 3:
                at = self.dice.randrange(len(data))
                del data[at : at + self.dice.randrange(1, 64)]
            case 4:
                data += self.dice.choice(self.good)[: self.dice.randrange(300)]
            case 5:
                data = data.replace(b"Content-Length", self.dice.choice([b"Content-Lenght", b"Transfer-Encoding", b"Expect", b"Upgrade"]))
            case _:
                for _ in range(self.dice.randrange(1, 12)):
                    data[self.dice.randrange(len(data))] = self.dice.randrange(256)
        return bytes(data)

    def turn(self) -> None:
        """One connection with one or several requests, and what comes back."""
        with suppress(OSError), socket.create_connection(("127.0.0.1", self.service.port), timeout=30) as connection:
            connection.sendall(b"".join(self.hostile() for _ in range(self.dice.randrange(1, 3))))
            if self.dice.random() < 0.8:
                connection.shutdown(socket.SHUT_WR)
                answer = b""
                while piece := connection.recv(65536):
                    answer += piece
                for line in answer.split(b"\r\n"):
                    if line.startswith(b"HTTP/1.1 5"):
                        assert line.startswith(b"HTTP/1.1 503"), line


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="no /proc here")
@pytest.mark.parametrize(("warm", "turns"), [(400, 800), pytest.param(5000, 100_000, marks=pytest.mark.soak)], ids=["short", "full"])
def test_hostile_bytes_neither_stop_it_nor_make_it_grow(place: Path, warm: int, turns: int) -> None:
    with running(place, "person-0", "person-1") as service:
        fuzzer = Fuzzer(service, 11)
        for _ in range(warm):
            fuzzer.turn()
        before = memory(service)
        for _ in range(turns):
            fuzzer.turn()
        assert memory(service) - before < GROWTH
        assert service.process.poll() is None
        assert quiet(service)
        assert Person(service, "person-1").status().generation == 0
        connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=30)
        connection.request("GET", "/readyz")
        assert connection.getresponse().status == 200
        connection.close()
