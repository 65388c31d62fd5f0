"""Keeper: the vault's service without a network. Each operation takes a request whose account is authenticated, and gives the answer.

A guess is claimed, durably and anchored, before KE2 is made; the wrapped secret leaves after the success is. The rules count in
milliseconds, the messages in seconds: it is turned here, and here alone."""

from collections.abc import Callable
from ipaddress import IPv6Address, ip_address
from typing import Literal

import msgspec

from chatseal._version import VERSION
from chatseal.errors import VaultMessageError, VaultPasswordError, VaultRefusedError, VaultSignatureError
from chatseal.vault import messages, owner
from chatseal.vault.anchor import Anchor
from chatseal.vault.attempts import Attempts
from chatseal.vault.audit import ACCOUNT_LEN, WHERE_LEN, Head
from chatseal.vault.book import Book, Page, milliseconds
from chatseal.vault.budgets import ATTEMPT_MS
from chatseal.vault.guesses import Guesses, Refusal, Status, seconds
from chatseal.vault.identity import ServiceIdentity
from chatseal.vault.messages import Answer, Ask
from chatseal.vault.owner import OwnerOperation
from chatseal.vault.pake import RecordServer, check_ke1, check_upload
from chatseal.vault.records import ACCOUNT, SLOTS, Announcement, Failure, Intent, RecordStore, Registration, decode_account, salt_key
from chatseal.vault.registrations import ANNOUNCED_MS, Registrations
from chatseal.vault.shards import Shards
from chatseal.vault.stretch import Stretch
from chatseal.vault.tickets import Tickets
from chatseal.vault.token import Token

_IPV6_PLACE = 64  # bits of an IPv6 address that name a place


class Keeper:
    """The operations of docs/vault.md over a store, an anchor and a token, which stay the caller's. Any thread may use it.

    *clock* gives milliseconds since 1970. Raises VaultBehindError if the database is older than its anchor, and as the three do."""

    def __init__(self, store: RecordStore, anchor: Anchor, token: Token, clock: Callable[[], int] = milliseconds) -> None:
        self._store, self._token, self._clock = store, token, clock
        self._book = Book(store, anchor, clock)
        self._anchor = anchor
        self._shards = Shards(self._book, token)
        self._guesses = Guesses(self._book, self._shards)
        self._registrations = Registrations(self._book, self._shards, self._guesses)
        self._tickets = Tickets(token)
        self.attempts = Attempts()
        self.identity = ServiceIdentity.from_mac(token.mac("identity", b""))

    def account(self, name: str) -> bytes:
        """The 32 bytes under which the account of that name is kept."""
        return self._token.mac("account", name.encode("ascii"))[:ACCOUNT_LEN]

    def origin(self, account: bytes, address: str) -> bytes:
        """The 16 bytes for a network address: the same place looks the same to this account, and to no other."""
        return self._token.mac("origin", account + place(address).encode())[:WHERE_LEN]

    def answer(self, ask: Ask, account: bytes, origin: bytes) -> Answer:
        """The answer to a request of *account*, which the caller has authenticated, from *origin*; a refusal where the rules say no.

        Raises VaultBusyError, VaultBehindError, VaultDamagedError, VaultTokenError or OSError where there can be no answer now."""
        try:
            return self._answer(ask, account, origin)
        except VaultRefusedError as refused:
            return refusal(refused.reason, refused.seconds)
        except VaultSignatureError:
            return refusal(Refusal.NOT_ALLOWED)
        except VaultMessageError:
            return refusal("malformed")

    def sweep(self) -> int:
        """Close the attempts that had their time, and destroy records whose last guess was among them. How many accounts had some."""
        self.attempts.drop()
        return self._guesses.expire_due()

    def ready(self) -> dict[str, bool]:
        """Whether database, anchor and token can be used at this moment."""
        return {
            "database": _works(self._store.head),
            "anchor": _works(self._anchor.read),
            "token": _works(lambda: self._token.mac("ready", b"")),
        }

    def rotate(self) -> int:
        """Begin a new epoch, and make final what was destroyed; the number of the epoch. Raises as `answer` does."""
        return self._shards.rotate()

    def head(self) -> Head:
        """The end of the audit chain."""
        return self._store.head()

    def count(self) -> dict[str, int]:
        """How many `records` and `tombstones` there are; reads all accounts."""
        found, after = {"records": 0, "tombstones": 0}, ACCOUNT
        while page := self._store.list(ACCOUNT, after):
            after = page[-1][0]
            for _, data in page:
                account = decode_account(data)
                found["records"] += account.record is not None
                found["tombstones"] += account.tombstone is not None
        return found

    # --- the operations --------------------------------------------------------------------------------------------------

    def _answer(self, ask: Ask, account: bytes, origin: bytes) -> Answer:
        match ask:
            case messages.AskService():
                return self._service()
            case messages.AskStatus():
                return self._status(account)
            case messages.AskRegisterStart():
                return self._register_start(ask, account)
            case messages.AskRegisterFinish():
                return self._register_finish(ask, account)
            case messages.AskLoginStart():
                return self._login_start(ask, account, origin)
            case messages.AskLoginFinish():
                return self._login_finish(ask, account)
            case messages.AskDelete():
                return self._delete(ask, account)
            case messages.AskWithdraw():
                return self._withdraw(ask, account)
            case messages.AskHistory():
                return self._history(ask, account)
        raise VaultMessageError("there is no such operation")

    def _service(self) -> Answer:
        return messages.ServiceAnswer(
            key=bytes(self.identity.public),
            version=VERSION,
            protocol=1,
            guesses=SLOTS,
            attempt_seconds=seconds(ATTEMPT_MS),
            announced_seconds=seconds(ANNOUNCED_MS),
        )

    def _status(self, account: bytes) -> Answer:
        found = self._guesses.status(account)
        tombstone = found.tombstone
        return messages.StatusAnswer(
            generation=found.generation,
            record=_record(found) if found.record_id else None,
            tombstone=tombstone
            and messages.Tombstone(
                reason=tombstone.reason.name.lower(),  # type: ignore[arg-type]
                time=tombstone.time // 1000,
                until=seconds(tombstone.until),
            ),
            time=self._clock() // 1000,
            head=messages.Head(index=found.head.index, digest=found.head.hash),
        )

    def _register_start(self, ask: messages.AskRegisterStart, account: bytes) -> Answer:
        self._check_unused(ask.record_id)
        generation, salt = self._guesses.settled(account).account.generation, self._shards.new_salt()
        response = self._server(ask.record_id, salt).respond(ask.request)
        return messages.RegisterStartAnswer(
            response=response, ticket=self._tickets.write(salt, account, ask.record_id, generation, self._clock())
        )

    def _register_finish(self, ask: messages.AskRegisterFinish, account: bytes) -> Answer:
        page = self._guesses.settled(account)
        if page.account.generation != ask.generation:
            raise _changed()
        self._check_unused(ask.record_id)
        try:
            ask.stretch.check_registration()
        except VaultMessageError:
            return refusal("too-cheap")
        check_upload(ask.upload)
        salt = self._tickets.read(ask.ticket, account, ask.record_id, ask.generation, self._clock())
        made = Registration(ask.record_id, ask.upload, ask.wrapped, msgspec.json.encode(ask.stretch), ask.owner)
        by_owner = self._is_by_owner(ask, page)
        try:
            generation = self._registrations.register(account, made, salt, generation=ask.generation, by_owner=by_owner)
        except VaultRefusedError as refused:
            if refused.reason != Refusal.NOT_ALLOWED or page.account.record is None:
                raise
        else:
            return messages.RegisterFinishAnswer(generation=generation, announced=None)
        due = self._registrations.announce(account, Intent.REPLACE, generation=ask.generation)
        return messages.RegisterFinishAnswer(generation=ask.generation, announced=seconds(due))

    def _login_start(self, ask: messages.AskLoginStart, account: bytes, origin: bytes) -> Answer:
        check_ke1(ask.ke1)
        claimed = self._guesses.claim(account, origin, only=(ask.record_id, ask.generation))
        kept = claimed.registration
        ke2, login = self._server(kept.record_id, claimed.salt).login(ask.ke1, kept.password_file)
        self.attempts.put(claimed.attempt, account, login)
        return messages.LoginStartAnswer(attempt=claimed.attempt, ke2=ke2, generation=claimed.generation, guesses_left=claimed.left)

    def _login_finish(self, ask: messages.AskLoginFinish, account: bytes) -> Answer:
        login = self.attempts.take(ask.attempt, account)
        if login is None:  # finished already, expired, lost with the process that had it, or never there
            is_known = self._guesses.settled(account).find(ask.attempt) is not None
            raise VaultRefusedError(Refusal.EXPIRED if is_known else Refusal.NO_ATTEMPT, "there is no such attempt")
        try:
            login.finish(ask.ke3)
        except (VaultPasswordError, VaultMessageError):
            self._guesses.fail(account, ask.attempt)
            return refusal("wrong")
        released = self._guesses.finish(account, ask.attempt)
        return messages.LoginFinishAnswer(
            wrapped=released.wrapped, generation=released.generation, failures=[_failure(one) for one in released.failures]
        )

    def _delete(self, ask: messages.AskDelete, account: bytes) -> Answer:
        kept = self._named(ask, account)
        by_owner = ask.signature is not None
        if ask.signature is not None:
            self._verify(kept.owner, ask.signature, OwnerOperation.DELETE, ask.record_id, ask.generation)
        try:
            self._registrations.delete(account, generation=ask.generation, by_owner=by_owner)
        except VaultRefusedError as refused:
            if refused.reason != Refusal.NOT_ALLOWED:
                raise
        else:
            return messages.DeleteAnswer(announced=None)
        due = self._registrations.announce(account, Intent.DELETE, generation=ask.generation)
        return messages.DeleteAnswer(announced=seconds(due))

    def _withdraw(self, ask: messages.AskWithdraw, account: bytes) -> Answer:
        kept = self._named(ask, account)
        self._verify(kept.owner, ask.signature, OwnerOperation.WITHDRAW, ask.record_id, ask.generation)
        self._registrations.withdraw(account, generation=ask.generation)
        return messages.WithdrawAnswer()

    def _history(self, ask: messages.AskHistory, account: bytes) -> Answer:
        found = self._store.entries(max(0, ask.since - 1), messages.EVENTS_MAX + 1, account)
        head = self._store.head()
        events = [
            messages.Event(
                index=entry.head.index,
                time=entry.event.time // 1000,
                event=entry.event.kind.name.lower().replace("_", "-"),
                generation=entry.event.generation,
                slot=entry.event.slot,
                origin=entry.event.where,
            )
            for entry in found[: messages.EVENTS_MAX]
        ]
        return messages.HistoryAnswer(
            events=events, more=len(found) > messages.EVENTS_MAX, head=messages.Head(index=head.index, digest=head.hash)
        )

    # --- what they rest on -----------------------------------------------------------------------------------------------

    def _server(self, record_id: bytes, salt: bytes) -> RecordServer:
        of_record = record_id + salt
        return RecordServer(record_id, self._token.mac("opaque oprf", of_record), self._token.mac("opaque ake", of_record))

    def _named(self, ask: messages.AskDelete | messages.AskWithdraw, account: bytes) -> Registration:
        """The record, if it is the one that the request is for. Raises VaultRefusedError."""
        page = self._guesses.settled(account)
        kept = self._guesses.registration(page)
        if (kept.record_id, page.account.generation) != (ask.record_id, ask.generation):
            raise _changed()
        return kept

    def _check_unused(self, record_id: bytes) -> None:
        if self._store.read([salt_key(record_id)])[0] is not None:
            raise VaultRefusedError("exists", "another record has this id")

    def _is_by_owner(self, ask: messages.AskRegisterFinish, page: Page) -> bool:
        """Whether the owner of what is to be replaced signed. Where nothing was before there is none. Raises VaultSignatureError."""
        before = page.account.record or page.account.tombstone
        if before is None or ask.signature is None:
            return False
        digest = owner.registration_digest(upload=ask.upload, wrapped=ask.wrapped, owner=ask.owner, stretch=ask.stretch)
        self._verify(before.owner, ask.signature, OwnerOperation.REPLACE, ask.record_id, ask.generation, digest)
        return True

    def _verify(
        self, public: bytes, signature: bytes, operation: OwnerOperation, record_id: bytes, generation: int, registration: bytes = b""
    ) -> None:
        owner.verify(
            public,
            signature,
            operation,
            service=self.identity.public.fingerprint,
            record_id=record_id,
            generation=generation,
            registration=registration,
        )


def refusal(reason: str, wait: int = 0) -> messages.Refusal:
    """A refusal for this reason, one of docs/vault.md; *wait* in seconds."""
    return messages.Refusal(reason=str(reason), wait=wait)  # type: ignore[arg-type]


def place(address: str) -> str:
    """What of a network address names a place: all of IPv4, also where it is written as IPv6, and the network of 64 bits of IPv6."""
    try:
        found = ip_address(address)
    except ValueError:
        return "unknown"
    if not isinstance(found, IPv6Address):
        return str(found)
    if found.ipv4_mapped is not None:
        return str(found.ipv4_mapped)
    return f"{IPv6Address(int(found) >> (128 - _IPV6_PLACE) << (128 - _IPV6_PLACE))}/{_IPV6_PLACE}"


def _record(found: Status) -> messages.RecordStatus:
    announcement = found.announcement
    return messages.RecordStatus(
        record_id=found.record_id,
        guesses_left=found.left,
        open=found.open,
        wait=found.wait_seconds,
        failures=[_failure(one) for one in found.failures[len(found.failures) - found.since :]],
        recent=len(found.failures),
        life=found.life,
        stretch=msgspec.json.decode(found.stretch, type=Stretch),
        announcement=None if announcement is None else _announced(announcement),
    )


def _announced(announcement: Announcement) -> messages.Announcement:
    operation: Literal["delete", "replace"] = "delete" if announcement.intent == Intent.DELETE else "replace"
    return messages.Announcement(operation=operation, time=seconds(announcement.due))


def _failure(failure: Failure) -> messages.Failure:
    return messages.Failure(time=failure.time // 1000, origin=failure.where)


def _changed() -> VaultRefusedError:
    return VaultRefusedError(Refusal.CHANGED, "the record is another one by now")


def _works(call: Callable[[], object]) -> bool:
    try:
        call()
    except Exception:  # whatever it is: it does not work
        return False
    return True
