"""Messages: what client and service say to each other, within sizes that hold before anything else looks at them (docs/vault.md).

JSON of at most 4096 bytes, ASCII, binary members in base64. Nothing unknown, no member twice, no fraction, no time but whole seconds since
1970. Whoever decodes gets the message or VaultMessageError, which says nothing of what came. `repr` shows the kind alone."""

from collections.abc import Callable
from typing import Annotated, ClassVar, Literal, TypeVar, Union

import msgspec
from msgspec import Meta

from chatseal.errors import DamagedError, VaultMessageError
from chatseal.format import strict_json
from chatseal.vault.owner import PUBLIC_LEN, SIGNATURE_LEN
from chatseal.vault.pake import KE1_LEN, KE2_LEN, KE3_LEN, RECORD_ID_LEN, REQUEST_LEN, RESPONSE_LEN, UPLOAD_LEN
from chatseal.vault.stretch import Stretch
from chatseal.vault.wrapping import WRAPPED_LEN

MESSAGE_MAX = 4096
NONCE_LEN = ATTEMPT_ID_LEN = ORIGIN_LEN = 16
HEAD_LEN = 32
TICKET_MAX = 256
GUESSES = 10  # of one generation
EVENTS_MAX = 16  # of one answer; their longest spelling fits

_PRINTED = r"^[!-~]+(?![\s\S])"  # ASCII without spaces, to the end: a dollar sign would let a line end follow


def exactly(length: int) -> Meta:
    """So many bytes, for the description with the one spelling that base64 has of them."""
    whole, rest = divmod(length, 3)
    ending = ("", "[A-Za-z0-9+/][AQgw]==", "[A-Za-z0-9+/]{2}[AEIMQUYcgkosw048]=")[rest]
    pattern = f"^[A-Za-z0-9+/]{{{4 * whole}}}{ending}$"
    return Meta(min_length=length, max_length=length, extra_json_schema={"pattern": pattern})


Nonce = Annotated[bytes, exactly(NONCE_LEN)]
RecordId = Annotated[bytes, exactly(RECORD_ID_LEN)]
AttemptId = Annotated[bytes, exactly(ATTEMPT_ID_LEN)]
Request = Annotated[bytes, exactly(REQUEST_LEN)]
Response = Annotated[bytes, exactly(RESPONSE_LEN)]
Upload = Annotated[bytes, exactly(UPLOAD_LEN)]
Ke1 = Annotated[bytes, exactly(KE1_LEN)]
Ke2 = Annotated[bytes, exactly(KE2_LEN)]
Ke3 = Annotated[bytes, exactly(KE3_LEN)]
Wrapped = Annotated[bytes, exactly(WRAPPED_LEN)]
PublicKey = Annotated[bytes, exactly(PUBLIC_LEN)]
Signature = Annotated[bytes, exactly(SIGNATURE_LEN)]
Hash = Annotated[bytes, exactly(HEAD_LEN)]
Ticket = Annotated[bytes, Meta(min_length=16, max_length=TICKET_MAX)]  # the service's own; a client gives it back as it is
Account = Annotated[str, Meta(min_length=1, max_length=128, pattern=_PRINTED)]
Generation = Annotated[int, Meta(ge=1, le=2**53 - 1)]  # what a browser's numbers hold
Guesses = Annotated[int, Meta(ge=0, le=GUESSES)]
Time = Annotated[int, Meta(ge=0, le=2**53 - 1)]
Seconds = Annotated[int, Meta(ge=0, le=2**31 - 1)]
Count = Annotated[int, Meta(ge=0, le=2**53 - 1)]
Origin = Annotated[bytes, exactly(ORIGIN_LEN)]  # a mac of the address: the same place looks the same


class _Hidden(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    def __repr__(self) -> str:
        return f"{type(self).__name__}(...)"


class Ask(_Hidden, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="ask"):
    """A request. `operation` is the path behind /v1/, and stands in the body too: a body serves one path."""

    operation: ClassVar[str]
    nonce: Nonce


class AccountAsk(Ask, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A request of an account. The service holds the name against who is authenticated, and its signature covers it."""

    account: Account


class AskService(Ask, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="service"):
    """Who are you? The one request without an account."""

    operation = "service"


class AskStatus(AccountAsk, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="status"):
    """Is there a record, and what happened to it?"""

    operation = "status"


class AskRegisterStart(AccountAsk, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="register/start"):
    """Begin a registration. The client draws the new record's id, 16 random bytes: the password is stretched with it before *request* can
    be made."""

    operation = "register/start"
    record_id: RecordId
    request: Request


class AskRegisterFinish(AccountAsk, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="register/finish"):
    """End it. *generation* is the one that the status gave. Where there is a record, or a tombstone with time to go, the owner's signature
    makes the registration take its place at once; without a signature a replacement is announced."""

    operation = "register/finish"
    record_id: RecordId
    generation: Count
    ticket: Ticket
    upload: Upload
    wrapped: Wrapped
    stretch: Stretch
    owner: PublicKey
    signature: Signature | None


class AskLoginStart(AccountAsk, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="login/start"):
    """Spend a guess. If the record is not the one of this id and generation, none is spent."""

    operation = "login/start"
    record_id: RecordId
    generation: Generation
    ke1: Ke1


class AskLoginFinish(AccountAsk, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="login/finish"):
    """Prove the password."""

    operation = "login/finish"
    attempt: AttemptId
    ke3: Ke3


class AskDelete(AccountAsk, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="delete"):
    """Delete the record: at once with the owner's signature, announced without."""

    operation = "delete"
    record_id: RecordId
    generation: Generation
    signature: Signature | None


class AskWithdraw(AccountAsk, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="withdraw"):
    """Withdraw what is announced."""

    operation = "withdraw"
    record_id: RecordId
    generation: Generation
    signature: Signature


class AskHistory(AccountAsk, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="history"):
    """The account's own events from an index on, the oldest first."""

    operation = "history"
    since: Count


class Failure(_Hidden, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A guess that did not succeed."""

    time: Time
    origin: Origin


class Announcement(_Hidden, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What may happen without the owner's signature from a time on."""

    operation: Literal["delete", "replace"]
    time: Time


class Head(_Hidden, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where the audit chain ends."""

    index: Count
    digest: Hash


class RecordStatus(_Hidden, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A record as its account sees it. *failures* are those since the last success, *recent* and *life* how many there were in 90 days
    and ever; *wait* the seconds before the next guess, *open* the guesses that may still succeed."""

    record_id: RecordId
    guesses_left: Guesses
    open: Guesses
    wait: Seconds
    failures: Annotated[list[Failure], Meta(max_length=GUESSES)]
    recent: Count
    life: Count
    stretch: Stretch
    announcement: Announcement | None


class Tombstone(_Hidden, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """That there was a record, and why there is none. Until a time only its owner may register anew."""

    reason: Literal["limit", "owner", "announced", "restored"]
    time: Time
    until: Time


class Event(_Hidden, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One line of the audit chain. *slot* is the guess, 0 where it is about none; *origin* zeros where there was no address."""

    index: Count
    time: Time
    event: Annotated[str, Meta(min_length=1, max_length=32, pattern=r"^[a-z-]+(?![\s\S])")]
    generation: Count
    slot: Guesses
    origin: Origin


class Answer(_Hidden, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="answer"):
    """An answer. Its signature travels beside it, for it is over the bytes."""


class ServiceAnswer(Answer, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="service"):
    """The key that signs all answers, this one too: nothing is shown by it before its fingerprint is compared."""

    key: PublicKey
    version: Annotated[str, Meta(min_length=1, max_length=32, pattern=_PRINTED)]
    protocol: Literal[1]
    guesses: Guesses
    attempt_seconds: Seconds
    announced_seconds: Seconds


class StatusAnswer(Answer, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="status"):
    """The account's generation, 0 for one that nobody has heard of; the record, or the tombstone, or neither; the time that it is with the
    service; the end of its audit chain."""

    generation: Count
    record: RecordStatus | None
    tombstone: Tombstone | None
    time: Time
    head: Head


class RegisterStartAnswer(Answer, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="register/start"):
    """The response, and what the service wants back with the end."""

    response: Response
    ticket: Ticket


class RegisterFinishAnswer(Answer, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="register/finish"):
    """The generation of the record that is there now; or, of an announced replacement, the time from which it can be asked for again."""

    generation: Generation
    announced: Time | None


class LoginStartAnswer(Answer, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="login/start"):
    """A guess is spent, whatever becomes of this answer."""

    attempt: AttemptId
    ke2: Ke2
    generation: Generation
    guesses_left: Guesses


class LoginFinishAnswer(Answer, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="login/finish"):
    """The wrapped secret, and the failures before this success."""

    wrapped: Wrapped
    generation: Generation
    failures: Annotated[list[Failure], Meta(max_length=GUESSES)]


class DeleteAnswer(Answer, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="delete"):
    """Done, or the time from which it can be asked for again."""

    announced: Time | None


class WithdrawAnswer(Answer, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="withdraw"):
    """Nothing is announced any more."""


class HistoryAnswer(Answer, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="history"):
    """Events, at most 16; *more* if there are others behind them."""

    events: Annotated[list[Event], Meta(max_length=EVENTS_MAX)]
    more: bool
    head: Head


class Refusal(Answer, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="refusal"):
    """Why there is no other answer. *wait* is the seconds before another try can go better, where that helps."""

    reason: Literal[
        "malformed",  # not a message
        "unauthenticated",  # who asks is not shown, or is somebody else
        "no-record",  # nothing was ever registered
        "destroyed",
        "changed",  # another record id or generation: ask for the status, no guess is spent
        "wait",  # too soon after failures
        "spent",  # the last guess is claimed, or the account has had all its failures
        "no-attempt",  # no guess of this generation has that id
        "expired",  # its attempt failed, or had its time
        "wrong",  # the third message proves nothing: the guess has failed
        "not-allowed",  # needs the owner's signature, or an announcement
        "exists",  # the record id is another record's
        "too-cheap",  # the stretching of a registration
        "rate",  # too many requests
        "unavailable",  # store, token or anchor
    ]
    wait: Seconds


A = TypeVar("A", bound=Answer)
Q = TypeVar("Q", bound=Ask)

ASKS: tuple[type[Ask], ...] = (
    AskService,
    AskStatus,
    AskRegisterStart,
    AskRegisterFinish,
    AskLoginStart,
    AskLoginFinish,
    AskDelete,
    AskWithdraw,
    AskHistory,
)
ANSWERS: dict[type[Ask], type[Answer]] = {
    AskService: ServiceAnswer,
    AskStatus: StatusAnswer,
    AskRegisterStart: RegisterStartAnswer,
    AskRegisterFinish: RegisterFinishAnswer,
    AskLoginStart: LoginStartAnswer,
    AskLoginFinish: LoginFinishAnswer,
    AskDelete: DeleteAnswer,
    AskWithdraw: WithdrawAnswer,
    AskHistory: HistoryAnswer,
}


_ANSWERS = msgspec.json.Decoder(Union[(*ANSWERS.values(), Refusal)])
_ASKS = msgspec.json.Decoder(Union[(*ASKS,)])
T = TypeVar("T")


def encode(message: Ask | Answer) -> bytes:
    """The bytes to send. Raises VaultMessageError for a message that its own decoder would refuse: it is not sent."""
    data = msgspec.json.encode(message)
    if isinstance(message, Ask):
        decode_ask(data, type(message))
    else:
        decode_answer(data, type(message))
    return data


def decode_ask(data: bytes, kind: type[Q]) -> Q:
    """The request of this kind in a body. Raises VaultMessageError."""
    found = _decode(data, _ASKS.decode)  # from among all kinds: of one alone, msgspec would not miss the name
    if not isinstance(found, kind):
        raise VaultMessageError(_NOT_A_MESSAGE)
    return found


def decode_answer(data: bytes, kind: type[A]) -> A | Refusal:
    """The answer of this kind, or a refusal. To be called when the signature is checked. Raises VaultMessageError."""
    found: Answer = _decode(data, _ANSWERS.decode)
    if not isinstance(found, (kind, Refusal)):
        raise VaultMessageError(_NOT_A_MESSAGE)
    return found


def _decode(data: bytes, read: Callable[[bytes], T]) -> T:
    if len(data) > MESSAGE_MAX:
        raise VaultMessageError(_NOT_A_MESSAGE)
    try:
        strict_json.parse(data)  # for what msgspec lets pass: a member that occurs twice, numbers without end, other than ASCII
        return read(data)
    except (msgspec.MsgspecError, DamagedError, ValueError, RecursionError):
        raise VaultMessageError(_NOT_A_MESSAGE) from None


_NOT_A_MESSAGE = "this is no message of the vault's protocol, or not the one that is due"
