"""Desk: what happens to a request's bytes before and after the keeper: rates, decoding, who asks, signing. It knows no HTTP."""

import logging
import threading
import time
from collections import OrderedDict
from dataclasses import dataclass

from chatseal.errors import ChatsealError, VaultMessageError
from chatseal.vault.accounts import Accounts, bearer
from chatseal.vault.keeper import Keeper, place, refusal
from chatseal.vault.messages import AccountAsk, Answer, Ask, Refusal, decode_ask, encode
from chatseal.vault.rates import Limit, Rates

STATUS = {"malformed": 400, "unauthenticated": 401, "rate": 429, "unavailable": 503}  # by reason
STATUS_OF_RULES = 409  # of every other refusal
NAMES_MAX = 10_000
ADDRESS_LIMIT = Limit(minute=600, burst=200)
ACCOUNT_LIMIT = Limit(minute=60, burst=30)

log = logging.getLogger("chatseal.vault")


@dataclass(frozen=True, slots=True)
class Reply:
    """The body of an answer and the signature that goes with it, with what the record of it may say."""

    body: bytes
    signature: bytes
    status: int
    outcome: str  # "answered", or the reason of a refusal
    wait: int


class Desk:
    """Answers requests in bytes. Any thread may use it."""

    def __init__(self, keeper: Keeper, accounts: Accounts, by_address: Limit = ADDRESS_LIMIT, by_account: Limit = ACCOUNT_LIMIT) -> None:
        self._keeper, self._accounts = keeper, accounts
        self._by_address, self._by_account = Rates(by_address), Rates(by_account)
        self._names: OrderedDict[bytes, str] = OrderedDict()
        self._lock = threading.Lock()

    def reply(self, kind: type[Ask], body: bytes, authorization: str | None, address: str) -> Reply:
        """The signed answer to the request of this kind in *body*, of at most 4096 bytes, from a network address. Raises nothing."""
        began = time.perf_counter()
        account = b""
        wait = self._by_address.wait(place(address).encode())
        if wait:
            answer: Answer = refusal("rate", wait)
        else:
            try:
                ask = decode_ask(body, kind)
            except VaultMessageError:
                answer = refusal("malformed")
            else:
                answer, account = self._answer(ask, authorization, address)
        try:
            made = self.signed(kind, body, answer)
        except Exception as error:  # an answer that is none of the protocol's: a bug again
            log.critical("bug", extra={"operation": kind.operation, "error": type(error).__name__, "where": _where(error)})
            made = self.signed(kind, body, refusal("unavailable"))
        self._tell(kind, made, account, address, began)
        return made

    def busy(self, kind: type[Ask], body: bytes) -> Reply:
        """The answer where there are more requests than can be answered."""
        return self.signed(kind, body, refusal("unavailable", 1))

    def signed(self, kind: type[Ask], body: bytes, answer: Answer) -> Reply:
        """An answer, with its signature."""
        data = encode(answer)
        signature = self._keeper.identity.sign(kind.operation, body, data)
        if isinstance(answer, Refusal):
            return Reply(data, signature, STATUS.get(answer.reason, STATUS_OF_RULES), answer.reason, answer.wait)
        return Reply(data, signature, 200, "answered", 0)

    def name(self, account: bytes) -> str | None:
        """The name of an account, if it is known beforehand or asked not long ago."""
        for name in self._accounts.names():
            if self._keeper.account(name) == account:
                return name
        with self._lock:
            return self._names.get(account)

    def _answer(self, ask: Ask, authorization: str | None, address: str) -> tuple[Answer, bytes]:
        account = b""
        try:
            if not isinstance(ask, AccountAsk):
                return self._keeper.answer(ask, b"", b""), b""
            account = self._keeper.account(ask.account)  # also for a stranger: it takes its time
            if not self._accounts.is_shown(ask.account, bearer(authorization)):
                return refusal("unauthenticated"), b""
            if wait := self._by_account.wait(account):
                return refusal("rate", wait), account
            self._remember(account, ask.account)
            return self._keeper.answer(ask, account, self._keeper.origin(account, address)), account
        except (ChatsealError, OSError) as error:
            log.error("cannot answer", extra={"operation": ask.operation, "error": type(error).__name__, "why": _why(error)})
        except Exception as error:  # a bug: told by where it is, for its text may hold what came from outside
            log.critical("bug", extra={"operation": ask.operation, "error": type(error).__name__, "where": _where(error)})
        return refusal("unavailable"), account

    def _remember(self, account: bytes, name: str) -> None:
        with self._lock:
            self._names[account] = name
            self._names.move_to_end(account)
            if len(self._names) > NAMES_MAX:
                self._names.popitem(last=False)

    def _tell(self, kind: type[Ask], made: Reply, account: bytes, address: str, began: float) -> None:
        level = logging.DEBUG if made.outcome == "rate" else logging.INFO  # a flood fills no disk
        if not log.isEnabledFor(level):
            return
        log.log(
            level,
            "answered",
            extra={
                "operation": kind.operation,
                "outcome": made.outcome,
                "status": made.status,
                "account": account[:8].hex(),  # of the mac, as it stands in the database: whoever has the token can match it
                "origin": self._keeper.origin(b"log", address)[:8].hex(),
                "milliseconds": round((time.perf_counter() - began) * 1000, 2),
            },
        )


def _why(error: BaseException) -> str:
    """The text of an error of ours, which never holds anything secret; of the system's only its number."""
    return str(error) if isinstance(error, ChatsealError) else str(getattr(error, "errno", ""))


def _where(error: BaseException) -> str:
    places, trace = [], error.__traceback__
    while trace is not None:
        places.append(f"{trace.tb_frame.f_code.co_name}:{trace.tb_lineno}")
        trace = trace.tb_next
    return " ".join(places[-8:])
