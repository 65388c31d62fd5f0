"""Cloud errors: what obstore and the servers say, in our words.

Their texts hold addresses, headers and whatever a server answers, some of it credentials (a shared access signature is part of every
address). So nothing of them is repeated but a status and an error code made of letters."""

import re
from typing import Final

from chatseal.errors import ChatsealError, ObjectExistsError, ObjectMissingError, StoreFailedError, StoreRefusedError

_LOOK_AT: Final = 16 << 10  # characters of a text; a server may answer at any length
_STATUS = re.compile(r"status code: ([1-5]\d\d)\b")
_CODE = re.compile(r"<Code>([A-Za-z]{1,64})</Code>|\(code: ([A-Za-z]{1,64})\)")  # the second of one object of a request for several
_BEYOND = re.compile(r"Wanted range starting at \d+, but object was only")  # Azure tells the length, and obstore compares
_RETRIES = re.compile(r"\bafter (\d+) retries")

_NO_PLACE = ("NoSuchBucket", "ContainerNotFound", "ContainerBeingDeleted")
_CLOCK = ("RequestTimeTooSkewed", "RequestExpired")
_REGION = ("AuthorizationHeaderMalformed", "PermanentRedirect", "IllegalLocationConstraintException")
_CREDENTIALS = ("AccessDenied", "ExpiredToken", "InvalidToken", "TokenRefreshRequired", "InvalidAccessKeyId", "AuthenticationFailed")


class Answer:
    """What is known of a failed call: the server's status, 0 if there was none, its code, and whether the library tried again."""

    def __init__(self, error: BaseException) -> None:
        text = str(error)[:_LOOK_AT]
        status, code = _STATUS.search(text), _CODE.search(text)
        self.kind = type(error).__name__
        self.status = int(status[1]) if status else 0
        self.code = (code[1] or code[2]) if code else ""
        self.is_beyond_the_end = self.status == 416 or _BEYOND.search(text) is not None
        self.is_untrusted = "InvalidCertificate" in text
        self.is_unreached = "kind: Connect" in text
        self.has_foreign_name = "Encountered object with invalid path" in text
        self.was_retried = _RETRIES.search(text) is not None

    @property
    def is_unsupported(self) -> bool:
        """Whether the server knows no such request."""
        return self.kind == "NotSupportedError" or self.status == 501 or self.code == "NotImplemented"

    @property
    def is_passing(self) -> bool:
        """Whether the same call may work later."""
        return self.kind == "GenericError" and ((self.status == 0 and not self.code) or self.status >= 500 or self.status in (408, 429))

    def error(self, verb: str, name: str, url: str) -> ChatsealError:
        """The error to raise for *verb* (`get`, `put`, ...) of *name*, or of the whole store if that is empty."""
        what = f"{verb} {name} in {url}" if name else f"{verb} {url}"
        if self.code in _NO_PLACE:
            return _with_remedy(
                StoreFailedError(f"cannot {what}: there is no such bucket or container"), "Make it first, by the means of its service."
            )
        if self.code in _CLOCK:
            return _with_remedy(StoreRefusedError(f"cannot {what}: this machine's clock is wrong, by the server's"), "Set the clock.")
        if self.code in _REGION or self.status in (301, 307):
            return _with_remedy(StoreRefusedError(f"cannot {what}: it is in another region"), "Set AWS_REGION to the bucket's region.")
        if self.has_foreign_name:
            return _with_remedy(
                StoreFailedError(f"cannot {what}: it has an object of somebody else's"), "Give the store a prefix of its own."
            )
        if self.kind == "FileNotFoundError":
            return ObjectMissingError(f"no {name} in {url}" if name else f"no {url}")
        if self.kind in ("AlreadyExistsError", "PreconditionError"):
            return ObjectExistsError(f"{name} exists in {url}")
        if self.kind in ("PermissionDeniedError", "UnauthenticatedError") or self.status in (401, 403) or self.code in _CREDENTIALS:
            return StoreRefusedError(f"cannot {what}: the server refuses it{self._said()}")
        if self.status:
            return StoreFailedError(f"cannot {what}: the server fails{self._said()}")
        if self.is_untrusted:
            return _with_remedy(
                StoreFailedError(f"cannot {what}: nobody who is trusted here vouches for the server's certificate"),
                "For an authority of your own, let SSL_CERT_FILE name the file with its certificate.",
            )
        if self.is_unreached:
            return StoreFailedError(f"cannot {what}: the server cannot be reached")
        return StoreFailedError(f"cannot {what}: no answer, or one that breaks off")

    def _said(self) -> str:
        words = " ".join(word for word in (str(self.status or ""), self.code) if word)
        return f" ({words})" if words else ""


def _with_remedy(error: ChatsealError, remedy: str) -> ChatsealError:
    error.remedy = remedy
    return error
