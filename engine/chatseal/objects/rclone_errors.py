"""rclone errors: what rclone says of a failed call, in our words.

Its texts hold addresses, paths and whatever a server answers, so nothing of them is repeated."""

import errno
import os
import re

from chatseal.errors import ChatsealError, ObjectMissingError, StoreFailedError, StoreRefusedError


def _any(*patterns: str) -> re.Pattern[str]:
    return re.compile("|".join(patterns), re.IGNORECASE)


_MISSING = _any("(?:object|directory|file) not found", "is a directory")
_NO_REMOTE = _any("didn't find section in config file", "didn't find backend called")
_LOCKED_CONFIG = _any("(?:unable to|couldn't) decrypt configuration", "not allowed to ask for password")
_WRONG_SERVER = _any("knownhosts:", "host key", "x509:", "certificate")
_FULL = _any(r"\b507\b", "insufficient.?(?:storage|space)", "no space left", "disk full", "quota.?(?:exceeded|limit|reached)", "over quota")
_BUSY = _any("rate.?limit", r"\b429\b", "too.?many.?requests")  # Google Drive says that with a 403
_REFUSED = _any(
    r"\b40[13]\b",
    "unauthori[sz]ed|forbidden|invalid_grant|invalid_client",
    "(?:permission|access).?denied|read.?only|not permitted|insufficient.?(?:scope|permission)",
    "unable to authenticate|authentication failed|login (?:incorrect|failed)",
    "(?:expired|invalid|empty|no).{0,16}token|token.{0,16}(?:expired|invalid)",
)


class RcloneError(Exception):
    """A call to rclone that failed: the *status* of its answer, 0 if there was none, and its text, which is shown to nobody."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__()
        self.status, self._text = status, text[:65536]

    @property
    def is_missing(self) -> bool:
        """Whether the object, or the folder that it would be in, is not there."""
        return _MISSING.search(self._text) is not None

    @property
    def is_refusal(self) -> bool:
        """Whether credentials or rights are missing."""
        return _REFUSED.search(self._text) is not None and _BUSY.search(self._text) is None

    @property
    def is_passing(self) -> bool:
        """Whether the same call may work later."""
        known = (_MISSING, _NO_REMOTE, _LOCKED_CONFIG, _WRONG_SERVER, _FULL)
        return not self.is_refusal and not any(pattern.search(self._text) for pattern in known)

    def error(self, verb: str, name: str, url: str) -> ChatsealError | OSError:
        """The error to raise for *verb* (`get`, `put`, ...) of *name*, or of the whole store if that is empty."""
        what = f"{verb} {name} in {url}" if name else f"{verb} {url}"
        if _NO_REMOTE.search(self._text):
            return StoreFailedError(f"cannot {what}: rclone knows no remote of that name").with_remedy(
                "`rclone listremotes` shows those that it knows; `rclone config` makes one."
            )
        if _LOCKED_CONFIG.search(self._text):
            return StoreRefusedError(f"cannot {what}: rclone's configuration is encrypted").with_remedy(
                "Let RCLONE_CONFIG_PASS or RCLONE_PASSWORD_COMMAND give its password."
            )
        if self.is_missing:
            return ObjectMissingError(f"no {name} in {url}" if name else f"no {url}")
        if _WRONG_SERVER.search(self._text):
            return StoreFailedError(f"cannot {what}: the server does not show that it is the right one").with_remedy(
                "Its key or certificate is not one that rclone trusts: `rclone lsd REMOTE: -vv` says more."
            )
        if _FULL.search(self._text):
            return OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), url)
        if self.is_refusal:
            return StoreRefusedError(f"cannot {what}: the server refuses it").with_remedy(
                "Check the remote's credentials and rights, with `rclone config` and `rclone lsd REMOTE:`."
            )
        if self.status == 0:
            return StoreFailedError(f"cannot {what}: rclone has ended, or broken off")
        return StoreFailedError(f"cannot {what}: rclone does not get it done")
