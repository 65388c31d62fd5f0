"""The whole protocol over its own bytes, and attackers in the middle, at the service's side and with an account that is not theirs."""

import base64
import logging
import pickle
import secrets
from dataclasses import dataclass, field

import pytest

from chatseal import Password
from chatseal.errors import ChatsealError, VaultMessageError, VaultPasswordError, VaultSignatureError
from chatseal.keys.secret import Secret
from chatseal.vault.identity import ServiceIdentity, ServiceKey
from chatseal.vault.messages import (
    ANSWERS,
    Answer,
    Ask,
    AskLoginFinish,
    AskLoginStart,
    AskRegisterFinish,
    AskRegisterStart,
    LoginFinishAnswer,
    LoginStartAnswer,
    RegisterFinishAnswer,
    RegisterStartAnswer,
    decode_answer,
    decode_ask,
    encode,
)
from chatseal.vault.owner import OwnerOperation, owner_key, registration_digest, sign, verify
from chatseal.vault.pake import ClientLogin, ClientRegistration, RecordServer, ServerLogin, check_upload
from chatseal.vault.stretch import Stretch, stretched
from chatseal.vault.wrapping import unwrap, wrap
from corpus import KEY_BYTES

CHEAP = Stretch(19 << 10, 1)
WORD, OTHER_WORD = "correct horse battery staple", "incorrect horse battery staple"
ACCOUNT = "grandma"


@dataclass
class Service:
    """A service without counting, storage or network: what the protocol's pieces make when they are put together."""

    identity: ServiceIdentity = field(default_factory=lambda: ServiceIdentity(secrets.token_bytes(32)))
    macs: tuple[bytes, bytes] = field(default_factory=lambda: (secrets.token_bytes(64), secrets.token_bytes(64)))
    records: dict[str, AskRegisterFinish] = field(default_factory=dict)
    waiting: dict[bytes, tuple[str, ServerLogin]] = field(default_factory=dict)

    def answer(self, kind: type[Ask], body: bytes) -> tuple[bytes, bytes]:
        """The body of the answer, and its signature."""
        answer = encode(self._made(decode_ask(body, kind)))
        return answer, self.identity.sign(kind.operation, body, answer)

    def _made(self, ask: Ask) -> Answer:
        match ask:
            case AskRegisterStart():
                return RegisterStartAnswer(response=RecordServer(ask.record_id, *self.macs).respond(ask.request), ticket=bytes(16))
            case AskRegisterFinish():
                check_upload(ask.upload)
                self._check_owner(ask)
                self.records[ask.account] = ask
                return RegisterFinishAnswer(generation=ask.generation + 1, announced=None)
            case AskLoginStart():
                record = self.records[ask.account]
                ke2, waiting = RecordServer(record.record_id, *self.macs).login(ask.ke1, record.upload)
                attempt = secrets.token_bytes(16)
                self.waiting[attempt] = ask.account, waiting
                return LoginStartAnswer(attempt=attempt, ke2=ke2, generation=ask.generation, guesses_left=9)
            case AskLoginFinish():
                account, waiting = self.waiting.pop(ask.attempt)
                waiting.finish(ask.ke3)
                return LoginFinishAnswer(wrapped=self.records[account].wrapped, generation=2, failures=[])
        raise AssertionError(ask)

    def _check_owner(self, ask: AskRegisterFinish) -> None:
        if (record := self.records.get(ask.account)) is None:
            return
        digest = registration_digest(upload=ask.upload, wrapped=ask.wrapped, owner=ask.owner, stretch=ask.stretch)
        verify(
            record.owner,
            ask.signature or b"",
            OwnerOperation.REPLACE,
            service=self.identity.public.fingerprint,
            record_id=ask.record_id,
            generation=record.generation + 1,
            registration=digest,
        )


@dataclass
class Client:
    service: Service
    pinned: ServiceKey
    record_id: bytes = field(default_factory=lambda: secrets.token_bytes(16))
    account: str = ACCOUNT
    sent: list[bytes] = field(default_factory=list)

    def ask(self, ask: Ask) -> Answer:
        body = encode(ask)
        self.sent.append(body)
        answer, signature = self.service.answer(type(ask), body)
        self.sent.append(answer)
        self.pinned.verify(signature, ask.operation, body, answer)
        return decode_answer(answer, ANSWERS[type(ask)])

    def register(self, word: str, secret: bytes = KEY_BYTES, generation: int = 0, signer: bytes = KEY_BYTES) -> None:
        record_id = secrets.token_bytes(16)
        begun = ClientRegistration(stretched(Password(word), record_id, CHEAP))
        answer = self.ask(AskRegisterStart(nonce=_nonce(), account=self.account, record_id=record_id, request=begun.request))
        assert isinstance(answer, RegisterStartAnswer)
        upload, export_key = begun.finish(answer.response)
        service = self.pinned.fingerprint
        wrapped = wrap(memoryview(secret), export_key, service=service, record_id=record_id)
        owner = bytes(owner_key(memoryview(secret), service).verifying_key)
        signature = None
        if generation:
            signature = sign(
                owner_key(memoryview(signer), service),
                OwnerOperation.REPLACE,
                service=service,
                record_id=record_id,
                generation=generation,
                registration=registration_digest(upload=upload, wrapped=wrapped, owner=owner, stretch=CHEAP),
            )
        self.ask(
            AskRegisterFinish(
                nonce=_nonce(),
                account=self.account,
                record_id=record_id,
                generation=generation,
                ticket=answer.ticket,
                upload=upload,
                wrapped=wrapped,
                stretch=CHEAP,
                owner=owner,
                signature=signature,
            )
        )
        self.record_id = record_id

    def recover(self, word: str) -> Secret:
        login = ClientLogin(stretched(Password(word), self.record_id, CHEAP))
        begun = self.ask(AskLoginStart(nonce=_nonce(), account=self.account, record_id=self.record_id, generation=1, ke1=login.ke1))
        assert isinstance(begun, LoginStartAnswer)
        ke3, export_key = login.finish(begun.ke2)
        ended = self.ask(AskLoginFinish(nonce=_nonce(), account=self.account, attempt=begun.attempt, ke3=ke3))
        assert isinstance(ended, LoginFinishAnswer)
        return unwrap(ended.wrapped, export_key, service=self.pinned.fingerprint, record_id=self.record_id)


def _nonce() -> bytes:
    return secrets.token_bytes(16)


def a_client(service: Service | None = None) -> Client:
    service = service or Service()
    return Client(service, service.identity.public)


def test_what_was_registered_under_a_password_comes_back_with_it_and_with_no_other() -> None:
    client = a_client()
    client.register(WORD)
    assert client.recover(WORD).view == KEY_BYTES
    with pytest.raises(VaultPasswordError):
        client.recover(OTHER_WORD)


def test_a_new_password_needs_the_owner_and_the_old_one_opens_nothing_afterwards() -> None:
    client = a_client()
    client.register(WORD)
    with pytest.raises(VaultSignatureError):
        client.register(OTHER_WORD, signer=b"\1" * 32, generation=1)
    assert client.recover(WORD).view == KEY_BYTES
    client.register(OTHER_WORD, generation=1)
    assert client.recover(OTHER_WORD).view == KEY_BYTES
    with pytest.raises(VaultPasswordError):
        client.recover(WORD)


def test_an_old_replacement_cannot_be_played_again_in_a_later_generation() -> None:
    client = a_client()
    client.register(WORD)
    client.register(OTHER_WORD, generation=1)
    old = client.sent[-2]
    client.register(WORD, generation=2)
    with pytest.raises(VaultSignatureError):
        client.service.answer(AskRegisterFinish, old)


def test_whoever_has_only_the_tls_certificate_answers_nothing() -> None:
    client = a_client()
    client.register(WORD)
    client.service.identity = ServiceIdentity(b"\7" * 32)
    with pytest.raises(VaultSignatureError):
        client.recover(WORD)


def test_a_service_with_another_key_gets_no_secret_that_opens_although_it_has_the_database_and_the_macs() -> None:
    client = a_client()
    client.register(WORD)
    thief = Service(macs=client.service.macs, records=client.service.records)
    there = Client(thief, thief.identity.public, client.record_id)
    with pytest.raises(VaultMessageError):
        there.recover(WORD)


def test_swapped_records_open_nothing() -> None:
    service = Service()
    mine, other = a_client(service), a_client(service)
    other.account = "mallory"
    mine.register(WORD)
    other.register(WORD, secret=b"\2" * 32)
    records = service.records
    records[ACCOUNT], records["mallory"] = records["mallory"], records[ACCOUNT]
    for client in (mine, other):
        with pytest.raises(VaultPasswordError):
            client.recover(WORD)


def test_another_records_wrapped_secret_in_the_place_of_mine_is_noticed() -> None:
    service = Service()
    mine, other = a_client(service), a_client(service)
    other.account = "mallory"
    mine.register(WORD)
    other.register(WORD, secret=b"\2" * 32)
    kept = service.records[ACCOUNT]
    members = {name: getattr(kept, name) for name in kept.__struct_fields__} | {"wrapped": service.records["mallory"].wrapped}
    service.records[ACCOUNT] = AskRegisterFinish(**members)
    with pytest.raises(VaultMessageError, match="another record's key"):
        mine.recover(WORD)


def test_an_answer_to_an_earlier_request_is_not_taken_for_one_to_this() -> None:
    client = a_client()
    client.register(WORD)
    ask = AskLoginStart(nonce=_nonce(), account=ACCOUNT, record_id=client.record_id, generation=1, ke1=ClientLogin(Secret(bytes(32))).ke1)
    body = encode(ask)
    answer, signature = client.service.answer(AskLoginStart, body)
    client.pinned.verify(signature, ask.operation, body, answer)
    members = {name: getattr(ask, name) for name in ask.__struct_fields__} | {"nonce": _nonce()}
    with pytest.raises(VaultSignatureError):
        client.pinned.verify(signature, ask.operation, encode(AskLoginStart(**members)), answer)


def test_neither_messages_nor_errors_nor_logs_nor_representations_hold_a_secret(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    client = a_client()
    client.register(WORD)
    client.recover(WORD)
    said = [caplog.text, repr(client.service.waiting)]
    for attack in (lambda: client.recover(OTHER_WORD), lambda: client.register(WORD, generation=1, signer=bytes(32))):
        with pytest.raises(ChatsealError) as raised:
            attack()
        said += [str(raised.value), repr(raised.value), raised.value.remedy, repr(pickle.dumps(raised.value))]
    hidden = [KEY_BYTES, bytes(stretched(Password(WORD), client.record_id, CHEAP).view), WORD.encode()]
    for secret in hidden:
        spellings = (secret, secret.hex().encode(), base64.b64encode(secret).rstrip(b"="), repr(secret).encode())
        for text in (*client.sent, *(one.encode() for one in said)):
            assert not any(spelling in text for spelling in spellings)
