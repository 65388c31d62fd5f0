"""Somebody who registers with a running service as the client does, Argon2id included."""

import secrets

from chatseal.keys.password import Password
from chatseal.vault import messages
from chatseal.vault.owner import owner_key
from chatseal.vault.pake import ClientRegistration
from chatseal.vault.stretch import Stretch, stretched
from chatseal.vault.wrapping import wrap
from vault.service.person import Person, nonce

COST = Stretch(memory=64 << 10, passes=3)  # the least that a service takes
PASSWORD = "ﬁve Ångström, 12 Bäume ①"  # which NFKC changes


def register(person: Person, password: str = PASSWORD) -> None:
    """The person's secret, under the password."""
    person.generation, record_id = person.status().generation, secrets.token_bytes(16)
    begun = ClientRegistration(stretched(Password(password), record_id, COST))
    start = messages.AskRegisterStart(nonce=nonce(), account=person.name, record_id=record_id, request=begun.request)
    answer = person.ask(start, messages.RegisterStartAnswer)
    upload, export_key = begun.finish(answer.response)
    service = person.service.key.fingerprint
    secret = memoryview(person.secret)
    finish = messages.AskRegisterFinish(
        nonce=nonce(),
        account=person.name,
        record_id=record_id,
        generation=person.generation,
        ticket=answer.ticket,
        upload=upload,
        wrapped=wrap(secret, export_key, service=service, record_id=record_id),
        stretch=COST,
        owner=bytes(owner_key(secret, service).verifying_key),
        signature=None,
    )
    person.generation = person.ask(finish, messages.RegisterFinishAnswer).generation
    person.record_id = record_id
