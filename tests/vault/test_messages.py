"""Messages: every one goes over and comes back, fits, and anything else is refused without a word about it."""

import base64
import json
import pickle
from typing import Any, get_args

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatseal.errors import VaultMessageError
from chatseal.vault import messages
from chatseal.vault.messages import (
    ANSWERS,
    ASKS,
    MESSAGE_MAX,
    Announcement,
    Answer,
    Ask,
    AskLoginFinish,
    AskLoginStart,
    AskStatus,
    Event,
    Failure,
    Head,
    HistoryAnswer,
    LoginStartAnswer,
    RecordStatus,
    Refusal,
    StatusAnswer,
    Tombstone,
    decode_answer,
    decode_ask,
    encode,
)
from chatseal.vault.stretch import Stretch

PRINTED = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=32)
COSTS = st.builds(Stretch, st.integers(64 << 10, 128 << 10), st.integers(1, 8), st.integers(1, 4))
KINDS = (*ASKS, *ANSWERS.values(), Refusal)
NONCE = bytes(16)
A_STATUS = AskStatus(nonce=NONCE, account="grandma@example.org")


def values(kind: Any) -> st.SearchStrategy[Any]:
    """Values of a member's type, read from the type itself."""
    if kind is Stretch:
        return COSTS
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        return built(kind)
    if kind is bool:
        return st.booleans()
    if kind is type(None):
        return st.none()
    text = str(kind)
    if text.startswith("typing.Literal"):
        return st.sampled_from(get_args(kind))
    if not text.startswith("typing.Annotated"):
        return st.one_of(*(values(part) for part in get_args(kind)))
    base, meta = kind.__origin__, kind.__metadata__[0]
    if base is bytes:
        return st.binary(min_size=meta.min_length, max_size=meta.max_length)
    if base is int:
        return st.integers(meta.ge, meta.le)
    if base is str:
        return st.from_regex("[a-z-]{1,32}", fullmatch=True) if "[a-z-]" in meta.pattern else PRINTED
    return st.lists(values(get_args(base)[0]), max_size=meta.max_length)


def built(kind: type[msgspec.Struct]) -> st.SearchStrategy[Any]:
    return st.builds(kind, **{field.name: values(field.type) for field in msgspec.structs.fields(kind)})


def decoded(data: bytes, kind: type[Ask | Answer]) -> Ask | Answer:
    return decode_ask(data, kind) if issubclass(kind, Ask) else decode_answer(data, kind)


def every(kind: type[Any]) -> Any:
    """One message of the kind, always the same."""
    found: dict[Any, Any] = {
        messages.AskService: messages.AskService(nonce=NONCE),
        AskStatus: A_STATUS,
        AskLoginStart: AskLoginStart(nonce=NONCE, account="a", record_id=bytes(16), generation=1, ke1=bytes(96)),
        AskLoginFinish: AskLoginFinish(nonce=NONCE, account="a", attempt=bytes(16), ke3=bytes(64)),
        LoginStartAnswer: LoginStartAnswer(attempt=bytes(16), ke2=bytes(320), generation=1, guesses_left=9),
        Refusal: Refusal(reason="wrong", wait=0),
    }
    return found[kind]


SOME = (messages.AskService, AskStatus, AskLoginStart, AskLoginFinish, LoginStartAnswer, Refusal)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
@given(data=st.data())
def test_what_is_sent_is_what_comes(kind: type[Ask | Answer], data: st.DataObject) -> None:
    message = data.draw(built(kind))
    sent = encode(message)
    assert len(sent) <= MESSAGE_MAX
    assert decoded(sent, kind) == message
    members = json.loads(sent)
    assert members.pop("ask" if issubclass(kind, Ask) else "answer")
    for name, value in members.items():
        if isinstance(given := getattr(message, name), bytes):
            assert base64.b64decode(value, validate=True) == given


def test_the_longest_answers_fit() -> None:
    most, head = 2**53 - 1, Head(index=2**53 - 1, digest=bytes(32))
    failures = [Failure(time=most, origin=bytes(16))] * 10
    record = RecordStatus(
        record_id=bytes(16),
        guesses_left=10,
        open=10,
        wait=2**31 - 1,
        failures=failures,
        recent=most,
        life=most,
        stretch=Stretch(),
        announcement=Announcement(operation="replace", time=most),
    )
    tombstone = Tombstone(reason="announced", time=most, until=most)
    encode(StatusAnswer(generation=most, record=record, tombstone=tombstone, time=most, head=head))
    event = Event(index=most, time=most, event="e" * 32, generation=most, slot=10, origin=bytes(16))
    encode(HistoryAnswer(events=[event] * messages.EVENTS_MAX, more=True, head=head))


def test_the_longest_request_fits() -> None:
    encode(
        messages.AskRegisterFinish(
            nonce=NONCE,
            account='"' * 128,
            record_id=bytes(16),
            generation=2**53 - 1,
            ticket=bytes(messages.TICKET_MAX),
            upload=bytes(192),
            wrapped=bytes(104),
            stretch=Stretch(),
            owner=bytes(32),
            signature=bytes(64),
        )
    )


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
@given(data=st.binary(max_size=200) | st.text(max_size=100).map(str.encode) | st.just(b"[" * 4096) | st.just(b'{"ask":' * 500))
def test_bytes_from_anywhere_are_refused_without_a_word_about_them(kind: type[Ask | Answer], data: bytes) -> None:
    with pytest.raises(VaultMessageError) as raised:
        decoded(data, kind)
    assert str(raised.value) == "this is no message of the vault's protocol, or not the one that is due"
    assert raised.value.__cause__ is None


@pytest.mark.parametrize("kind", SOME, ids=lambda kind: kind.__name__)
def test_each_member_is_there_once_and_nothing_else_is(kind: type[Ask | Answer]) -> None:
    sent = encode(every(kind))
    members = json.loads(sent)
    for name in members:
        without = {other: value for other, value in members.items() if other != name}
        refused(json.dumps(without).encode(), kind)
        refused(json.dumps(members | {name: None}).encode(), kind)
        refused(json.dumps(members | {name: 0.5}).encode(), kind)
        refused(json.dumps(members | {name: [members[name]]}).encode(), kind)
        twice = sent[:-1] + b"," + json.dumps({name: members[name]}).encode()[1:]
        assert json.loads(twice) == members
        refused(twice, kind)
    refused(json.dumps(members | {"more": 1}).encode(), kind)
    refused(b"\xef\xbb\xbf" + sent, kind)
    refused(sent + sent, kind)
    assert decoded(json.dumps(members, indent=1).encode(), kind) == every(kind)


@pytest.mark.parametrize("kind", SOME, ids=lambda kind: kind.__name__)
def test_binary_members_have_their_length_and_numbers_their_limits(kind: type[Ask | Answer]) -> None:
    message = every(kind)
    members = json.loads(encode(message))
    for name, value in members.items():
        given = getattr(message, name, None)
        if isinstance(given, bytes):
            for other in (given[:-1], given + b"\0", b""):
                refused(json.dumps(members | {name: base64.b64encode(other).decode()}).encode(), kind)
            for text in (value[:-1], value.rstrip("=") + "\n", value.replace("A", "-"), f" {value}", value.rstrip("=") + "é"):
                if text != value:
                    refused(json.dumps(members | {name: text}).encode(), kind)
        elif isinstance(given, int):
            for number in (-1, 2**53, 2**64, 10**300, True, "1", 1.0):
                refused(json.dumps(members | {name: number}).encode(), kind)


def refused(data: bytes, kind: type[Ask | Answer]) -> None:
    with pytest.raises(VaultMessageError):
        decoded(data, kind)


@pytest.mark.parametrize("account", ["", "a" * 129, "a b", "a\n", "\na", "ä", "a\0", "a\x7f"])
def test_an_account_is_printable_ascii(account: str) -> None:
    refused(json.dumps({"ask": "status", "nonce": base64.b64encode(NONCE).decode(), "account": account}).encode(), AskStatus)
    with pytest.raises(VaultMessageError):
        encode(AskStatus(nonce=NONCE, account=account))


def test_a_message_of_one_operation_is_none_of_another() -> None:
    bodies: dict[str, Any] = {"nonce": NONCE, "account": "a", "record_id": bytes(16), "generation": 1, "signature": bytes(64)}
    deletion = encode(messages.AskDelete(**bodies))
    refused(deletion, messages.AskWithdraw)
    refused(deletion.replace(b'"ask":"delete",', b""), messages.AskDelete)
    assert decode_ask(deletion.replace(b"delete", b"withdraw"), messages.AskWithdraw) == messages.AskWithdraw(**bodies)
    refused(encode(every(LoginStartAnswer)), StatusAnswer)
    refused(encode(every(LoginStartAnswer)), AskLoginStart)


def test_a_refusal_comes_in_the_place_of_any_answer_and_never_as_one() -> None:
    refusal = Refusal(reason="wait", wait=60)
    for kind in ANSWERS.values():
        assert decode_answer(encode(refusal), kind) == refusal
    refused(encode(every(LoginStartAnswer)), Refusal)


def test_a_body_above_4096_bytes_is_not_looked_at() -> None:
    sent = encode(A_STATUS)
    assert decode_ask(sent + b" " * (MESSAGE_MAX - len(sent)), AskStatus) == A_STATUS
    refused(sent + b" " * (MESSAGE_MAX - len(sent) + 1), AskStatus)


def test_no_message_shows_what_is_in_it() -> None:
    for kind in SOME:
        message = every(kind)
        assert repr(message) == f"{kind.__name__}(...)"
        assert f"{message} {[message]}".count("(...)") == 2
        assert pickle.loads(pickle.dumps(message)) == message
    assert "grandma" not in repr(A_STATUS)


def test_each_operation_has_a_request_and_an_answer() -> None:
    assert set(ANSWERS) == set(ASKS)
    for ask in ASKS:
        assert msgspec.structs.fields(ask)
        assert ask.__struct_config__.tag == ask.operation == ANSWERS[ask].__struct_config__.tag
