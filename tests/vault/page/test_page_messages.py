"""Messages of the page: what it says is a request, and it takes the answers of the service, exactly as they are."""

import base64
import json
from pathlib import Path
from typing import Any, get_args, get_type_hints

import pytest

from chatseal.keys.backup_key import BackupKey
from chatseal.vault import messages as m
from chatseal.vault.stretch import Stretch
from vault.page.built import needs_node
from vault.page.scripts import PageError, Scripts

pytestmark = needs_node

FAILURE = m.Failure(time=1_700_000_000, origin=b"o" * 16)
RECORD = m.RecordStatus(
    record_id=b"r" * 16,
    guesses_left=7,
    open=1,
    wait=60,
    failures=[FAILURE] * 3,
    recent=3,
    life=5,
    stretch=Stretch(),
    announcement=m.Announcement(operation="delete", time=2**53 - 1),
)
HEAD = m.Head(index=9, digest=b"h" * 32)
STATUS = m.StatusAnswer(generation=4, record=RECORD, tombstone=None, time=1_700_000_001, head=HEAD)
TOMBSTONE = m.Tombstone(reason="limit", time=1, until=2)
ANSWERS: list[tuple[str, m.Answer]] = [
    ("service", m.ServiceAnswer(key=b"k" * 32, version="1.0", protocol=1, guesses=10, attempt_seconds=60, announced_seconds=604800)),
    ("status", STATUS),
    ("status", m.StatusAnswer(generation=0, record=None, tombstone=TOMBSTONE, time=0, head=HEAD)),
    ("login/start", m.LoginStartAnswer(attempt=b"a" * 16, ke2=b"2" * 320, generation=4, guesses_left=6)),
    ("login/finish", m.LoginFinishAnswer(wrapped=b"w" * 104, generation=5, failures=[])),
]


def decoded(scripts: Scripts, operation: str, body: bytes) -> Any:
    return scripts.call("messages", "decodeAnswer", body, operation)


def test_what_the_page_says_is_a_request(scripts: Scripts) -> None:
    given = {"account": "anna", "record_id": b"r" * 16, "generation": 4, "ke1": b"1" * 96}
    body = scripts.call("messages", "encodeAsk", "login/start", given)
    ask = m.decode_ask(body, m.AskLoginStart)
    assert (ask.account, ask.record_id, ask.generation, ask.ke1) == ("anna", b"r" * 16, 4, b"1" * 96)
    again = scripts.call("messages", "encodeAsk", "login/start", given)
    assert m.decode_ask(again, m.AskLoginStart).nonce != ask.nonce
    m.decode_ask(scripts.call("messages", "encodeAsk", "service", {}), m.AskService)
    finish = scripts.call("messages", "encodeAsk", "login/finish", {"account": '"\\', "attempt": b"a" * 16, "ke3": b"3" * 64})
    assert m.decode_ask(finish, m.AskLoginFinish).account == '"\\'


@pytest.mark.parametrize(("operation", "answer"), ANSWERS)
def test_every_answer_is_read_whole(scripts: Scripts, operation: str, answer: m.Answer) -> None:
    found = decoded(scripts, operation, m.encode(answer))
    expected = json.loads(m.encode(answer))

    def check(one: Any, other: Any) -> None:
        if isinstance(one, bytes):
            assert other == base64.b64encode(one).decode()
        elif isinstance(one, dict):
            assert one.keys() == other.keys()
            for name in one:
                check(one[name], other[name])
        elif isinstance(one, list):
            assert len(one) == len(other)
            for left, right in zip(one, other, strict=True):
                check(left, right)
        else:
            assert one == other

    check(found, expected)


@pytest.mark.parametrize(("operation", "answer"), ANSWERS)
def test_an_answer_without_a_member_or_with_another_is_refused(scripts: Scripts, operation: str, answer: m.Answer) -> None:
    members = json.loads(m.encode(answer))
    for name in members:
        with pytest.raises(PageError, match="message"):
            decoded(scripts, operation, json.dumps({other: members[other] for other in members if other != name}).encode())
        with pytest.raises(PageError, match="message"):
            decoded(scripts, operation, json.dumps({**members, name: True}).encode())
    with pytest.raises(PageError, match="message"):
        decoded(scripts, operation, json.dumps({**members, "more": 1}).encode())
    with pytest.raises(PageError, match="message"):
        decoded(scripts, "status" if operation != "status" else "service", json.dumps(members).encode())


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b"1",
        b'"x"',
        b"{",
        b'{"answer":"refusal"}',
        b'{"answer":"refusal","reason":"wrong","wait":-1}',
        b'{"answer":"refusal","reason":"wrong","wait":1.0}',
        b'{"answer":"refusal","reason":"wrong","wait":1e2}',
        b'{"answer":"refusal","reason":"wrong","wait":2147483648}',
        b'{"answer":"refusal","reason":"other","wait":1}',
        b'{"answer":"refusal","reason":"wrong","wait":1,"wait":1}',
        b'{"answer":"refusal","reason":"wrong","wait":1}x',
        '{"answer":"refusal","reason":"wrong","wait":1,"é":1}'.encode(),
        b'{"answer":"refusal","reason":"wrong","wait":1' + b" " * 4096 + b"}",
    ],
)
def test_what_is_no_answer_is_refused(scripts: Scripts, body: bytes) -> None:
    with pytest.raises(PageError, match="message"):
        decoded(scripts, "status", body)


def test_members_that_occur_twice_are_refused_at_any_depth(scripts: Scripts) -> None:
    body = m.encode(STATUS)
    for name in (b'"generation"', b'"wait"', b'"memory"', b'"time"', b'"digest"'):
        at = body.index(name)
        with pytest.raises(PageError, match="message"):
            decoded(scripts, "status", body[:at] + name + b":1," + body[at:])


def test_bytes_have_one_spelling(scripts: Scripts) -> None:
    body = m.encode(STATUS)
    right = b'"cnJycnJycnJycnJycnJycg=="'
    assert right in body
    for other in (
        b'"cnJycnJycnJycnJycnJycg"',
        b'"cnJycnJycnJycnJycnJych=="',
        b'"cnJycnJycnJycnJycnJycg= ="',
        b'"cnJycnJycnJycnJycnJycnI="',
        b'""',
    ):
        with pytest.raises(PageError, match="message"):
            decoded(scripts, "status", body.replace(right, other))


@pytest.mark.parametrize("reason", get_args(get_type_hints(m.Refusal)["reason"]))
def test_every_refusal_is_understood_and_has_words(scripts: Scripts, reason: Any) -> None:
    with pytest.raises(PageError) as caught:
        decoded(scripts, "login/start", m.encode(m.Refusal(reason=reason, wait=7)))
    assert (caught.value.reason, caught.value.wait) == (reason, 7)
    said = scripts.call("words", "wordsFor", reason)
    assert all(said.values())


def test_the_key_file_is_the_clients(scripts: Scripts, tmp_path: Path) -> None:
    key = BackupKey(bytes(range(200, 232)))
    key.write(tmp_path / "k")
    assert scripts.call("digits", "keyFile", bytes(key.secret)) == (tmp_path / "k").read_text()
    assert " ".join(scripts.call("digits", "groups", bytes(key.secret))) == key.digits
