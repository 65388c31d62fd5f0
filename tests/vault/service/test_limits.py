"""What is too long, too slow, malformed or somebody else's ends early; a stop answers what was asked. By sockets, byte for byte."""

import http.client
import json
import socket
import threading
from contextlib import suppress
from pathlib import Path

import pytest

from chatseal.vault import messages
from chatseal.vault.messages import ASKS, MESSAGE_MAX, Refusal, decode_answer, encode
from vault.service.person import Person, Told, nonce, post
from vault.service.running import Running, made, start


def spoken(service: Running, data: bytes, *, seconds: float = 30) -> bytes:
    """All that comes back for these bytes until the other side closes."""
    with socket.create_connection(("127.0.0.1", service.port), timeout=seconds) as connection:
        connection.sendall(data)
        answer = b""
        while piece := connection.recv(65536):
            answer += piece
        return answer


def reason(told: Told) -> str:
    found = decode_answer(told.body, messages.StatusAnswer)
    assert isinstance(found, Refusal)
    return found.reason


def test_a_body_of_4097_bytes_is_not_read(service: Running) -> None:
    head = f"POST /v1/status HTTP/1.1\r\nHost: x\r\nContent-Length: {MESSAGE_MAX + 1}\r\n\r\n".encode()
    answer = spoken(service, head)  # it comes although no byte of the body was sent
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b"vault-signature" not in answer.lower()


@pytest.mark.parametrize("length", ["99999999999999999999", "-1", "0x10", "1, 2", "a"])
def test_a_length_that_is_none_is_refused(service: Running, length: str) -> None:
    answer = spoken(service, f"POST /v1/status HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n\r\n".encode())
    assert answer[9:12] in (b"400", b"413")


def test_pieces_without_a_length_are_counted_too(service: Running) -> None:
    head = b"POST /v1/status HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    assert spoken(service, head + b"800\r\n" + b" " * 2048 + b"\r\n" + b"801\r\n" + b" " * 2049 + b"\r\n").startswith(b"HTTP/1.1 413 ")


@pytest.mark.parametrize("kind", ASKS, ids=lambda kind: kind.operation)
@pytest.mark.parametrize("length", [0, 1, MESSAGE_MAX - 1, MESSAGE_MAX])
def test_a_body_that_is_no_message_is_malformed_for_every_operation(service: Running, kind: type[messages.Ask], length: int) -> None:
    told = post(service.port, f"/v1/{kind.operation}", b"{" * length)
    assert (told.status, reason(told)) == (400, "malformed")


def test_a_message_of_another_operation_is_malformed(person: Person) -> None:
    body = encode(messages.AskStatus(nonce=nonce(), account=person.name))
    told = post(person.service.port, "/v1/history", body, person.service.tokens[person.name])
    assert (told.status, reason(told)) == (400, "malformed")


def test_what_is_not_there_and_methods_that_are_not(service: Running) -> None:
    for path in ("/v1/unknown", "/v1", "/v1/status/", "/../etc/passwd", "/%2e%2e/keeper.py", "/keeper.py", "//"):
        assert post(service.port, path, b"{}").status in (404, 405)
    connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=30)
    for method in ("GET", "PUT", "DELETE", "OPTIONS", "TRACE", "PATCH"):
        connection.request(method, "/v1/status")
        answer = connection.getresponse()
        answer.read()
        assert answer.status == 405
    connection.close()


def test_headers_have_a_limit(service: Running) -> None:
    answers = []
    for _ in range(20):  # who closes while something is unread resets the connection, and then the answer may be lost (RFC 9112, 9.6)
        with suppress(ConnectionResetError):
            answers.append(spoken(service, b"GET /healthz HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 70_000))  # and no end
            break
    assert [answer[9:12] in (b"400", b"431") for answer in answers] == [True]


def test_health_readiness_numbers_and_description(service: Running) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=30)

    def got(path: str) -> tuple[int, bytes]:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read()

    assert got("/healthz") == (200, b"ok\n")
    status, body = got("/readyz")
    assert (status, json.loads(body)) == (200, {"ready": True, "database": True, "anchor": True, "token": True})
    status, body = got("/metrics")
    assert status == 200
    assert b"chatseal_vault_open_attempts" in body
    status, body = got("/openapi.json")
    assert status == 200
    document = json.loads(body)
    assert {f"/v1/{kind.operation}" for kind in ASKS} <= document["paths"].keys()
    start = document["components"]["schemas"]["AskLoginStart"]["properties"]
    spelled = {"pattern": "^[A-Za-z0-9+/]{128}$", "minLength": 128, "maxLength": 128}
    assert start["ke1"] == {"type": "string", "contentEncoding": "base64", **spelled}
    connection.close()


def test_a_stop_answers_what_was_asked_and_takes_nothing_more(place: Path) -> None:
    service = start(*made(place, "grandma"))
    body = encode(messages.AskStatus(nonce=nonce(), account="grandma"))
    head = (
        f"POST /v1/status HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {service.tokens['grandma']}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", service.port), timeout=30) as connection:
        connection.sendall(head.encode() + body[:-1])
        post(service.port, "/v1/status", body)  # when this is answered, the bytes before it have arrived
        ended: list[int] = []
        waiting = threading.Thread(target=lambda: ended.append(service.stop()))
        waiting.start()
        while any(line["message"] == "stopped" for line in service.lines()):
            raise AssertionError("it ended while a request was open")
        connection.sendall(body[-1:])
        assert connection.recv(65536).startswith(b"HTTP/1.1 200 ")
    waiting.join(30)
    assert ended == [0]
    assert service.lines()[-1]["message"] == "stopped"
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", service.port), timeout=5)


def test_too_many_requests_are_refused_before_anything_is_counted(place: Path) -> None:
    service = start(*made(place, "grandma", "grandpa"), "--account-rate", "4")  # and two at once
    try:
        person = Person(service, "grandma")
        person.register()  # two requests
        told = person.tell(messages.AskStatus(nonce=nonce(), account="grandma"))
        assert (told.status, reason(told)) == (429, "rate")
        assert int(told.headers["retry-after"]) in range(1, 61)
        assert Person(service, "grandpa").status().generation == 0
    finally:
        service.stop()


@pytest.mark.soak
@pytest.mark.parametrize(
    ("begin", "letter", "last"),
    [
        (b"", b"", b""),
        (b"POST /v1/status HTTP/1.1\r\nX: ", b"a", b""),
        (b"POST /v1/status HTTP/1.1\r\nHost: x\r\nContent-Length: 4000\r\n\r\n", b" ", b"HTTP/1.1 408 "),
    ],
    ids=["says nothing", "headers", "body"],
)
def test_who_sends_a_letter_a_second_is_sent_away_after_ten(service: Running, begin: bytes, letter: bytes, last: bytes) -> None:
    with socket.create_connection(("127.0.0.1", service.port), timeout=1) as connection:
        connection.sendall(begin)
        answer, turns = b"", 0
        while turns < 40:
            turns += 1
            try:
                piece = connection.recv(65536)
                answer += piece
                if not piece:
                    break
            except TimeoutError:
                connection.sendall(letter)
            except ConnectionResetError:
                break
        assert 5 < turns < 30
        assert answer.startswith(last)
        assert bool(answer) == bool(last)
