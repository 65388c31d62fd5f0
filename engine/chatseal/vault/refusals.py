"""Refusals: what a vault's no means to a person, and what to do about it."""

from chatseal.errors import (
    VaultBusyError,
    VaultMessageError,
    VaultNoRecordError,
    VaultPasswordError,
    VaultRefusedError,
    VaultUnauthenticatedError,
    VaultWaitError,
)

_WHY_DESTROYED = {
    "limit": "the record is destroyed: too many wrong passwords were tried, and nobody can bring it back",
    "owner": "the record is destroyed, and nobody can bring it back",
    "announced": "the record was deleted a week after it was announced, and nobody can bring it back",
    "restored": "the vault's operator had to put back an old copy, and this record was destroyed with it",
}
_STATUS = "`chatseal vault status` shows how things are."
_WORDS = {
    "changed": ("another device changed the record at this moment; no guess was spent", "Try again."),
    "spent": ("no guess is left: the record is destroyed when the last one has had its time", "The 64 digits on paper open your backups."),
    "no-attempt": ("the vault does not know this attempt any more", _STATUS),
    "expired": ("the attempt took longer than the minute it has; its guess is spent", _STATUS),
    "wrong": ("the vault did not take the proof of the password; the guess is spent", _STATUS),
    "not-allowed": (
        "the vault does this at once only for whoever has the key that it keeps",
        "Give that key with --old-key-file; without it, announce it with --announce and ask again a week later.",
    ),
    "exists": ("the vault has a record of this id already", "Try again: another id is drawn."),
    "too-cheap": ("the vault demands that guessing costs more", "Use a newer version of chatseal."),
}


def refused(reason: str, seconds: int = 0) -> Exception:
    """The error for a refusal: *reason* is a word of docs/vault.md, *seconds* the wait that came with it."""
    if reason == "unauthenticated":
        return VaultUnauthenticatedError(reason, "the vault does not take this token for this account; no guess was spent")
    if reason in ("no-record", "destroyed"):
        text = "the account has no record at this vault" if reason == "no-record" else _WHY_DESTROYED["owner"]
        return VaultNoRecordError(reason, text)
    if reason in ("wait", "rate"):
        what = "the next guess" if reason == "wait" else "more requests"
        text = f"the vault takes {what} in {_duration(seconds)}; no guess was spent"
        return VaultWaitError(reason, text, seconds).with_remedy("Use the time to find the recovery sheet, or to think of the password.")
    if reason == "unavailable":
        return VaultBusyError("the vault cannot do it now: its operator has to look after it")
    if reason == "malformed":
        return VaultMessageError("the vault does not understand this client")
    text, remedy = _WORDS[reason]
    wait = f" (in {_duration(seconds)})" if seconds else ""
    return VaultRefusedError(reason, text + wait, seconds).with_remedy(remedy)


def destroyed(reason: str) -> VaultNoRecordError:
    """The error for a record of which there is a tombstone, by its reason."""
    return VaultNoRecordError("destroyed", _WHY_DESTROYED[reason])


def wrong_password(left: int) -> VaultPasswordError:
    """The error for a password that opened nothing, when so many guesses are left."""
    error = VaultPasswordError(f"wrong password; {guesses(left)} left, then the record is destroyed")
    if not left:
        error = VaultPasswordError("wrong password, and it was the last guess: the record is destroyed within a minute")
        error.remedy = "The 64 digits on paper open your backups; with them a new record can be registered."
    return error


def guesses(left: int) -> str:
    """So many guesses, and the verb that goes with them: 1 guess is, 3 guesses are."""
    return "1 guess is" if left == 1 else f"{left or 'no'} guesses are"


def _duration(seconds: int) -> str:
    for length, name in ((86400, "day"), (3600, "hour"), (60, "minute")):
        if seconds >= 2 * length or seconds == length:
            number = -(-seconds // length)
            return f"{number} {name}{'' if number == 1 else 's'}"
    return f"{seconds} second{'' if seconds == 1 else 's'}"
