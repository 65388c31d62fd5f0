"""A person with an account, whose client is the real halves of the protocol over HTTP; Argon2id alone is left out, before OPAQUE."""

import base64
import hashlib
import http.client
import secrets
from dataclasses import dataclass, field
from typing import TypeVar

from chatseal.keys.secret import Secret
from chatseal.vault import messages
from chatseal.vault.messages import ANSWERS, Answer, Ask, Refusal, decode_answer, encode
from chatseal.vault.owner import OwnerOperation, owner_key, registration_digest, sign
from chatseal.vault.pake import ClientLogin, ClientRegistration
from chatseal.vault.stretch import Stretch
from chatseal.vault.wrapping import unwrap, wrap
from vault.service.running import Running

STRETCH = Stretch(64 << 10, 3)
RIGHT, WRONG = "correct horse battery staple", "incorrect horse battery staple"

A = TypeVar("A", bound=Answer)


@dataclass
class Told:
    """An answer as it came."""

    status: int
    headers: dict[str, str]
    body: bytes


class RefusedError(Exception):
    """The service refused."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.reason)
        self.reason, self.wait = refusal.reason, refusal.wait


def nonce() -> bytes:
    return secrets.token_bytes(16)


def stretched(word: str, record_id: bytes) -> Secret:
    """32 bytes for a password; cheap, for what is tested is not Argon2id."""
    return Secret(hashlib.sha256(record_id + word.encode()).digest())


def post(port: int, path: str, body: bytes, token: str = "", headers: dict[str, str] | None = None) -> Told:
    """One request over a connection of its own."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        bearer = {"Authorization": f"Bearer {token}"} if token else {}
        connection.request("POST", path, body, {"Content-Type": "application/json", **bearer, **(headers or {})})
        answer = connection.getresponse()
        return Told(answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read())
    finally:
        connection.close()


@dataclass
class Person:
    """Somebody who has an account with a running service. For one thread."""

    service: Running
    name: str
    secret: bytes = field(default_factory=lambda: secrets.token_bytes(32))
    generation: int = 0
    record_id: bytes = b""

    def tell(self, ask: Ask) -> Told:
        """The answer as it came, its signature checked."""
        body = encode(ask)
        told = post(self.service.port, f"/v1/{ask.operation}", body, self.service.tokens.get(self.name, ""))
        self.service.key.verify(base64.b64decode(told.headers["vault-signature"]), ask.operation, body, told.body)
        return told

    def ask(self, ask: Ask, kind: type[A]) -> A:
        """The answer. Raises RefusedError."""
        assert ANSWERS[type(ask)] is kind
        answer = decode_answer(self.tell(ask).body, kind)
        if isinstance(answer, Refusal):
            raise RefusedError(answer)
        return answer

    def status(self) -> messages.StatusAnswer:
        answer = self.ask(messages.AskStatus(nonce=nonce(), account=self.name), messages.StatusAnswer)
        self.generation = answer.generation
        self.record_id = answer.record.record_id if answer.record else b""
        return answer

    def registration(self, word: str = RIGHT, *, signed: bool = False, stretch: Stretch = STRETCH) -> messages.AskRegisterFinish:
        """The request that ends a registration that has begun."""
        record_id = secrets.token_bytes(16)
        begun = ClientRegistration(stretched(word, record_id))
        start = messages.AskRegisterStart(nonce=nonce(), account=self.name, record_id=record_id, request=begun.request)
        answer = self.ask(start, messages.RegisterStartAnswer)
        upload, export_key = begun.finish(answer.response)
        fingerprint = self.service.key.fingerprint
        wrapped = wrap(memoryview(self.secret), export_key, service=fingerprint, record_id=record_id)
        key = owner_key(memoryview(self.secret), fingerprint)
        owner = bytes(key.verifying_key)
        signature = None
        if signed:
            digest = registration_digest(upload=upload, wrapped=wrapped, owner=owner, stretch=stretch)
            signature = sign(
                key,
                OwnerOperation.REPLACE,
                service=fingerprint,
                record_id=record_id,
                generation=self.generation,
                registration=digest,
            )
        return messages.AskRegisterFinish(
            nonce=nonce(),
            account=self.name,
            record_id=record_id,
            generation=self.generation,
            ticket=answer.ticket,
            upload=upload,
            wrapped=wrapped,
            stretch=stretch,
            owner=owner,
            signature=signature,
        )

    def register(self, word: str = RIGHT, *, signed: bool = False, stretch: Stretch = STRETCH) -> messages.RegisterFinishAnswer:
        finish = self.registration(word, signed=signed, stretch=stretch)
        answer = self.ask(finish, messages.RegisterFinishAnswer)
        if answer.announced is None:
            self.generation, self.record_id = answer.generation, finish.record_id
        return answer

    def login_start(self, word: str = RIGHT) -> tuple[ClientLogin, messages.AskLoginStart]:
        login = ClientLogin(stretched(word, self.record_id))
        return login, messages.AskLoginStart(
            nonce=nonce(), account=self.name, record_id=self.record_id, generation=self.generation, ke1=login.ke1
        )

    def login_finish(self, attempt: bytes, ke3: bytes) -> messages.AskLoginFinish:
        return messages.AskLoginFinish(nonce=nonce(), account=self.name, attempt=attempt, ke3=ke3)

    def recover(self, word: str = RIGHT) -> bytes:
        """The secret. Raises VaultPasswordError, after which the guess is open still; RefusedError."""
        login, start = self.login_start(word)
        begun = self.ask(start, messages.LoginStartAnswer)
        ke3, export_key = login.finish(begun.ke2)
        ended = self.ask(self.login_finish(begun.attempt, ke3), messages.LoginFinishAnswer)
        self.generation = ended.generation
        opened = unwrap(ended.wrapped, export_key, service=self.service.key.fingerprint, record_id=self.record_id)
        return bytes(opened.view)

    def guess_wrong(self) -> str:
        """Spend a guess, and end it with a third message that proves nothing; the reason of the refusal."""
        _, start = self.login_start(WRONG)
        begun = self.ask(start, messages.LoginStartAnswer)
        refused = decode_answer(self.tell(self.login_finish(begun.attempt, bytes(64))).body, messages.LoginFinishAnswer)
        assert isinstance(refused, Refusal)
        return refused.reason

    def sign(self, operation: OwnerOperation) -> bytes:
        fingerprint = self.service.key.fingerprint
        key = owner_key(memoryview(self.secret), fingerprint)
        return sign(key, operation, service=fingerprint, record_id=self.record_id, generation=self.generation)
