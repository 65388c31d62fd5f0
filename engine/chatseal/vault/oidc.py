"""OIDC: accounts that an identity provider keeps. A JWT that it signed (RFC 7519) shows who asks."""

import json
import threading
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet
from joserfc.jws import JWSRegistry

from chatseal.errors import VaultAccountError, VaultBusyError

ALGORITHMS = ("Ed25519", "ES256", "ES384", "ES512", "PS256", "PS384", "PS512", "RS256", "RS384", "RS512")  # never `none`, no HMAC
KEYS_MAX = 64 << 10  # bytes of a key set
FETCH_SECONDS = 5.0
FRESH_SECONDS = 3600.0  # keys are fetched again after so long
AGAIN_SECONDS = 60.0  # and not sooner than this, whatever tokens say
LEEWAY_SECONDS = 30
TOKEN_MAX = 4096


class OidcAccounts:
    """Accounts whose name is a claim of a token that the provider signed for this vault. Any thread may use it."""

    def __init__(
        self,
        issuer: str,
        audience: str,
        keys: str,
        *,
        claim: str = "sub",
        clock: Callable[[], float] = time.time,
        fetch: Callable[[str], bytes] | None = None,
    ) -> None:
        """*issuer* and *audience* as they have to stand in each token; *keys* a JWK set: an https:// address or a file.

        Raises VaultAccountError if there are no keys, or OSError."""
        if not (issuer and audience and claim):
            raise VaultAccountError("a provider has an issuer, an audience and a claim with the name")
        self._keys, self._claim, self._clock, self._fetch = keys, claim, clock, fetch or _fetch
        self._registry = jwt.JWTClaimsRegistry(
            now=lambda: int(clock()),
            leeway=LEEWAY_SECONDS,
            iss={"essential": True, "value": issuer},
            aud={"essential": True, "value": audience},
            exp={"essential": True},
        )
        self._signatures = JWSRegistry(algorithms=list(ALGORITHMS))
        self._lock = threading.Lock()
        self._fetched, self._tried = self._clock(), self._clock()
        self._set = _key_set(self._fetch(keys))

    def is_shown(self, account: str, bearer: str) -> bool:
        """Whether the token is the provider's, for this vault, not expired, and of this account."""
        if not bearer or len(bearer) > TOKEN_MAX:
            return False
        self._refresh(FRESH_SECONDS)
        claims = self._claims(bearer)
        if claims is None and self._refresh(AGAIN_SECONDS):  # signed with a key that is newer than ours, maybe
            claims = self._claims(bearer)
        return claims is not None and claims.get(self._claim) == account

    def names(self) -> tuple[str, ...]:
        """None are known beforehand."""
        return ()

    def _claims(self, bearer: str) -> dict[str, Any] | None:
        try:
            token = jwt.decode(bearer, self._set, algorithms=list(ALGORITHMS), registry=self._signatures)
            self._registry.validate(token.claims)
        except (JoseError, ValueError, TypeError, KeyError, RecursionError):  # whatever a stranger's token makes of the library
            return None
        return dict(token.claims)

    def _refresh(self, age: float) -> bool:
        """Whether the keys are other ones now. A provider that cannot be reached leaves those that were there."""
        with self._lock:
            now = self._clock()
            if now - self._fetched < age or now - self._tried < AGAIN_SECONDS:
                return False
            self._tried = now
        try:
            found = _key_set(self._fetch(self._keys))
        except (OSError, VaultAccountError):
            if now - self._fetched > 24 * FRESH_SECONDS:
                raise VaultBusyError("the identity provider's keys are a day old and cannot be fetched") from None
            return False
        self._set, self._fetched = found, now
        return True

    def __repr__(self) -> str:
        return "OidcAccounts(...)"


def _fetch(keys: str) -> bytes:
    if urlsplit(keys).scheme in ("", "file"):
        with open(Path(urlsplit(keys).path), "rb") as file:
            return file.read(KEYS_MAX + 1)
    if urlsplit(keys).scheme != "https":
        raise VaultAccountError("keys of an identity provider come from a file or over https")
    with urllib.request.urlopen(keys, timeout=FETCH_SECONDS) as answer:
        if urlsplit(answer.geturl()).scheme != "https":
            raise VaultAccountError("the identity provider's keys were to come over something else than https")
        return bytes(answer.read(KEYS_MAX + 1))


def _key_set(data: bytes) -> KeySet:
    damaged = VaultAccountError("the identity provider's keys are no JWK set of public keys")
    try:
        found = json.loads(data) if len(data) <= KEYS_MAX else None
        if not isinstance(found, dict) or not isinstance(found.get("keys"), list):
            raise damaged
        keys = [key for key in found["keys"] if isinstance(key, dict) and key.get("kty") in ("RSA", "EC", "OKP")]
        if not keys or any("d" in key for key in keys):
            raise damaged
        return KeySet.import_key_set({"keys": keys})
    except (JoseError, ValueError, TypeError, KeyError, RecursionError):
        raise damaged from None
