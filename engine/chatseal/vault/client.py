"""Client: a person's side of a vault. It keeps a secret of 32 bytes there under a password, and gets it back.

    register       status -- register/start -- register/finish          the password never leaves, nor does the secret
    recover        status -- login/start -- login/finish                from login/start on a guess is spent, whatever comes
    delete, withdraw, history

Nothing is asked twice by itself. Where an answer is lost, the status is read again and says what became of it: no guess is lost in
silence, and none is taken for free."""

import secrets
from dataclasses import dataclass
from typing import Self, TypeVar

from chatseal.errors import (
    ChatsealError,
    VaultBusyError,
    VaultChangedError,
    VaultMessageError,
    VaultPasswordError,
    VaultRefusedError,
    VaultUnreachableError,
)
from chatseal.keys.password import Password
from chatseal.keys.secret import Secret
from chatseal.vault import messages, owner, pins, refusals, wrapping
from chatseal.vault.channel import Channel
from chatseal.vault.identity import ServiceKey
from chatseal.vault.messages import NONCE_LEN, Answer, Ask, Failure, RecordStatus, StatusAnswer
from chatseal.vault.owner import OwnerOperation
from chatseal.vault.pake import RECORD_ID_LEN, ClientLogin, ClientRegistration
from chatseal.vault.pins import Pins, Sight
from chatseal.vault.stretch import Stretch, stretched

HISTORY_MAX = 4096  # events that are asked for at most

A = TypeVar("A", bound=Answer)


@dataclass(frozen=True, slots=True)
class Registered:
    """A record that is there now, with its generation; or, `announced`, the time from which it can be asked for again."""

    record_id: bytes
    generation: int
    announced: int | None


@dataclass(frozen=True, slots=True)
class Recovered:
    """The secret of 32 bytes, its record, and the failures before this success: somebody tried, perhaps its owner."""

    secret: Secret
    record_id: bytes
    generation: int
    failures: tuple[Failure, ...]


class VaultClient:
    """An account at a vault whose signing key is known. Close it, or use it as a context. For one thread.

    All raise VaultUnreachableError, VaultSignatureError, VaultMessageError, VaultRefusedError (VaultUnauthenticatedError, VaultWaitError,
    VaultNoRecordError), VaultBusyError, and VaultChangedError if *memory* knows better than what the vault says."""

    def __init__(
        self, url: str, account: str, token: str, key: ServiceKey, *, memory: Pins | None = None, said: Sight | None = None
    ) -> None:
        """Connects to nothing yet. *said* is what a file claims to have been there: held against the vault, and not remembered.

        Raises VaultAddressError, VaultMessageError for what is no name, KeyFormatError for what is no token."""
        messages.encode(messages.AskStatus(nonce=bytes(NONCE_LEN), account=account))
        self._channel = Channel(url, token)
        self.account, self._key, self._memory, self._said = account, key, memory, said
        self.url = self._channel.url

    def close(self) -> None:
        """Close the connection, and wipe the token."""
        self._channel.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"VaultClient({self.url})"

    @property
    def fingerprint(self) -> bytes:
        """32 bytes: the service's."""
        return self._key.fingerprint

    def status(self) -> StatusAnswer:
        """What the vault knows of the account. Costs nothing."""
        before = self._sight()
        status = self._ask(messages.AskStatus(nonce=_nonce(), account=self.account), StatusAnswer)
        for seen in (before, self._said):
            if seen is not None:
                pins.check(seen, status, self.url)
        if self._memory is not None:
            self._memory.see(self.url, self.account, pins.sight_of(status))
        return status

    def register(
        self,
        secret: memoryview,
        password: Password,
        *,
        stretch: Stretch | None = None,
        signer: memoryview | None = None,
        announce: bool = False,
    ) -> Registered:
        """Keep *secret* (32 bytes) under *password*, in place of what the account had. No backup is touched by it.

        What is replaced has an owner, who signs: with *signer*, the secret that was kept before, or with *secret* if it is the same.
        Whoever has neither can *announce* it, and ask again a week later. Takes a second of stretching. ValueError for another length."""
        cost = stretch or Stretch()
        cost.check_registration()
        status = self.status()
        record_id, service = secrets.token_bytes(RECORD_ID_LEN), self._key.fingerprint
        opaque = ClientRegistration(stretched(password, record_id, cost))
        start = messages.AskRegisterStart(nonce=_nonce(), account=self.account, record_id=record_id, request=opaque.request)
        begun = self._ask(start, messages.RegisterStartAnswer)
        upload, export_key = opaque.finish(begun.response)
        wrapped = wrapping.wrap(secret, export_key, service=service, record_id=record_id)
        public = bytes(owner.owner_key(secret, service).verifying_key)
        signature = None
        is_locked = status.tombstone is not None and status.time < status.tombstone.until
        if (status.record is not None or is_locked) and not announce:
            digest = owner.registration_digest(upload=upload, wrapped=wrapped, owner=public, stretch=cost)
            key = owner.owner_key(secret if signer is None else signer, service)
            signature = owner.sign(
                key, OwnerOperation.REPLACE, service=service, record_id=record_id, generation=status.generation, registration=digest
            )
        finish = messages.AskRegisterFinish(
            nonce=_nonce(),
            account=self.account,
            record_id=record_id,
            generation=status.generation,
            ticket=begun.ticket,
            upload=upload,
            wrapped=wrapped,
            stretch=cost,
            owner=public,
            signature=signature,
        )
        try:
            answer = self._ask(finish, messages.RegisterFinishAnswer)
        except VaultUnreachableError as lost:
            return self._registered_after_all(lost, record_id)
        if answer.announced is None:
            self._remember(record_id, answer.generation)
        return Registered(record_id, answer.generation, answer.announced)

    def recover(self, password: Password) -> Recovered:
        """The secret. Spends a guess, which a right password gives back.

        Raises VaultPasswordError, which says how many guesses are left. An answer that was lost raises VaultUnreachableError, which says
        whether a guess was spent on it."""
        status = self.status()
        record = self._record(status)
        if record.wait:
            raise refusals.refused("wait", record.wait)
        try:
            record.stretch.check_registration()
        except VaultMessageError:  # the guess would be spent for nothing
            raise pins.changed(self.url, "it says a cheaper stretching of the password than any registration has") from None
        login = ClientLogin(stretched(password, record.record_id, record.stretch))
        start = messages.AskLoginStart(
            nonce=_nonce(), account=self.account, record_id=record.record_id, generation=status.generation, ke1=login.ke1
        )
        try:
            begun = self._ask(start, messages.LoginStartAnswer)
        except VaultUnreachableError as lost:
            raise self._lost_guess(lost, status) from None
        if begun.generation != status.generation:
            raise pins.changed(self.url, f"it answers for generation {begun.generation}, and was asked for {status.generation}")
        try:
            ke3, export_key = login.finish(begun.ke2)
        except VaultPasswordError:
            raise refusals.wrong_password(begun.guesses_left) from None
        finish = messages.AskLoginFinish(nonce=_nonce(), account=self.account, attempt=begun.attempt, ke3=ke3)
        try:
            proved = self._ask(finish, messages.LoginFinishAnswer)
        except VaultUnreachableError as lost:
            raise self._lost_success(lost, status) from None
        if proved.generation <= status.generation:
            raise pins.changed(self.url, f"it says generation {proved.generation} after a success in {status.generation}")
        secret = wrapping.unwrap(proved.wrapped, export_key, service=self._key.fingerprint, record_id=record.record_id)
        self._remember(record.record_id, proved.generation)
        return Recovered(secret, record.record_id, proved.generation, tuple(proved.failures))

    def delete(self, secret: memoryview | None) -> int | None:
        """Delete the record: at once and for good with its *secret*, None then. Without it the deletion is announced: the time from which
        it can be asked for again."""
        status = self.status()
        record_id = self._record(status).record_id
        signature = self._signed(secret, OwnerOperation.DELETE, record_id, status.generation) if secret is not None else None
        ask = messages.AskDelete(
            nonce=_nonce(), account=self.account, record_id=record_id, generation=status.generation, signature=signature
        )
        try:
            return self._ask(ask, messages.DeleteAnswer).announced
        except VaultUnreachableError as lost:
            now = self._status_after(lost)
            if now.record is None:
                return None
            if signature is None and now.record.announcement is not None and now.record.announcement.operation == "delete":
                return now.record.announcement.time
            raise _nothing_happened(lost, "the record is still there") from None

    def withdraw(self, secret: memoryview) -> None:
        """End what is announced. A right password does so too."""
        status = self.status()
        record_id = self._record(status).record_id
        signature = self._signed(secret, OwnerOperation.WITHDRAW, record_id, status.generation)
        ask = messages.AskWithdraw(
            nonce=_nonce(), account=self.account, record_id=record_id, generation=status.generation, signature=signature
        )
        try:
            self._ask(ask, messages.WithdrawAnswer)
        except VaultUnreachableError as lost:
            now = self._status_after(lost)
            if now.record is None or now.record.announcement is not None:
                raise _nothing_happened(lost, "what is announced still stands") from None

    def history(self) -> list[messages.Event]:
        """The account's own events, the oldest first, 4096 at most."""
        before = self._sight()
        found: list[messages.Event] = []
        since, more = 0, True
        while more and len(found) < HISTORY_MAX:
            answer = self._ask(messages.AskHistory(nonce=_nonce(), account=self.account, since=since), messages.HistoryAnswer)
            if before is not None:
                pins.check_head(before, answer.head.index, answer.head.digest, self.url)
            indices = [event.index for event in answer.events]
            if indices != sorted(set(indices)) or (indices and (indices[0] < since or indices[-1] > answer.head.index)):
                raise VaultMessageError("the vault's history is not in order")
            if not indices and answer.more:
                raise VaultMessageError("the vault's history has no end")
            found += answer.events
            since, more = (indices[-1] + 1 if indices else since), answer.more
        return found

    # --- what they rest on -----------------------------------------------------------------------------------------------

    def _ask(self, message: Ask, kind: type[A]) -> A:
        answer = self._channel.ask(message, self._key)
        if isinstance(answer, messages.Refusal):
            raise refusals.refused(answer.reason, answer.wait)
        if not isinstance(answer, kind):
            raise VaultMessageError("this is not the answer that is due")
        return answer

    def _record(self, status: StatusAnswer) -> RecordStatus:
        if status.record is not None:
            return status.record
        if status.tombstone is not None:
            raise refusals.destroyed(status.tombstone.reason)
        raise refusals.refused("no-record")

    def _signed(self, secret: memoryview, operation: OwnerOperation, record_id: bytes, generation: int) -> bytes:
        service = self._key.fingerprint
        return owner.sign(owner.owner_key(secret, service), operation, service=service, record_id=record_id, generation=generation)

    def _sight(self) -> Sight | None:
        return None if self._memory is None else self._memory.sight(self.url, self.account)

    def _remember(self, record_id: bytes, generation: int) -> None:
        if self._memory is not None and (seen := self._sight()) is not None:
            now = Sight(record_id=record_id, generation=generation, index=seen.index, digest=seen.digest)
            self._memory.see(self.url, self.account, now)

    def _status_after(self, lost: VaultUnreachableError) -> StatusAnswer:
        """The status after an answer was lost. Raises VaultUnreachableError if nobody can know what became of the request."""
        if not lost.was_sent:
            raise lost
        try:
            return self.status()
        except VaultChangedError:
            raise
        except ChatsealError:
            raise VaultUnreachableError(
                f"{lost}, and its status cannot be read: what became of it is not known", was_sent=True
            ).with_remedy("`chatseal vault status` says it, as soon as the vault answers.") from None

    def _registered_after_all(self, lost: VaultUnreachableError, record_id: bytes) -> Registered:
        now = self._status_after(lost)
        if now.record is not None and now.record.record_id == record_id:
            return Registered(record_id, now.generation, None)
        raise _nothing_happened(lost, "the vault has not taken the new password; what was there before is as it was") from None

    def _lost_guess(self, lost: VaultUnreachableError, before: StatusAnswer) -> Exception:
        """What became of a guess whose answer never came."""
        if not lost.was_sent:
            return lost
        now = self._status_after(lost)
        if now.record is None:
            return self._gone(now)
        was = before.record.guesses_left if before.record else 0
        if now.generation == before.generation and now.record.guesses_left >= was:
            return _nothing_happened(lost, f"no guess was spent; {refusals.guesses(now.record.guesses_left)} left")
        return VaultUnreachableError(f"{lost}: a guess may be spent on it; {refusals.guesses(now.record.guesses_left)} left", was_sent=True)

    def _lost_success(self, lost: VaultUnreachableError, before: StatusAnswer) -> Exception:
        """What became of a right password whose answer never came."""
        now = self._status_after(lost)
        if now.record is None:
            return self._gone(now)
        left = refusals.guesses(now.record.guesses_left)
        if now.generation > before.generation:
            text = f"{lost}: the vault took the password, and the key was lost on the way; {left} left"
            return VaultUnreachableError(text, was_sent=True).with_remedy("Try again: the password is right, and costs no guess.")
        return VaultUnreachableError(f"{lost}: the password is right, and the guess is spent; {left} left", was_sent=True).with_remedy(
            "Try again: a right password gives all guesses back."
        )

    def _gone(self, status: StatusAnswer) -> Exception:
        try:
            self._record(status)
        except VaultRefusedError as error:
            return error
        return VaultBusyError("the record is another one by now")


def first_key(url: str) -> ServiceKey:
    """The key of the vault at *url*, which nobody has compared yet: show its fingerprint before a password or token goes there.

    Raises VaultAddressError, VaultUnreachableError, VaultSignatureError, VaultMessageError."""
    with Channel(url) as channel:
        return channel.service_key(_nonce())


def _nonce() -> bytes:
    return secrets.token_bytes(NONCE_LEN)


def _nothing_happened(lost: VaultUnreachableError, what: str) -> VaultUnreachableError:
    return VaultUnreachableError(f"{lost}: {what}", was_sent=lost.was_sent)
