"""Channel: a request to a vault and its answer, over HTTPS. No answer is looked into before its signature is checked."""

import base64
import binascii
import ssl
import time
from collections.abc import Callable
from typing import Self

import httpx

from chatseal.errors import KeyFormatError, VaultMessageError, VaultSignatureError, VaultUnreachableError
from chatseal.keys.secret import Secret
from chatseal.vault import address
from chatseal.vault.identity import ServiceKey
from chatseal.vault.messages import ANSWERS, MESSAGE_MAX, Answer, Ask, AskService, Nonce, Refusal, ServiceAnswer, decode_answer, encode
from chatseal.vault.owner import SIGNATURE_LEN

SIGNATURE = "Vault-Signature"
TOKEN_MAX = 4000  # characters, of an Authorization header
CONNECT_SECONDS = 10.0
SECONDS = 30.0  # for one answer; an attempt lives for 60

_UNSENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.UnsupportedProtocol)
_OF_A_PROXY = (502, 503, 504)

Trust = Callable[[bytes, bytes, bytes], None]  # raises unless the signature, over the request, goes with the answer


class Channel:
    """The way to the vault at a URL for whoever has an account's token. Close it, or use it as a context. For one thread.

    TLS is verified with the system's certificates, or those that SSL_CERT_FILE names. Redirections are not followed, nothing is asked
    twice, and an answer is read up to 4096 bytes, as it comes: nothing is decompressed."""

    def __init__(self, url: str, token: str = "") -> None:
        """Connects to nothing yet. Raises VaultAddressError, KeyFormatError."""
        self.url = address.canonical(url)
        if token and not (len(token) <= TOKEN_MAX and token.isascii() and token.isprintable() and " " not in token):
            raise KeyFormatError(
                f"the token of a vault's account is one word of printable ASCII, {TOKEN_MAX} characters at most"
            ).with_remedy("It is what `chatseal-vault accounts add` printed, or what the service gave you.")
        self._token = Secret(token.encode())
        is_secure = self.url.startswith("https:")
        self._client = httpx.Client(
            verify=ssl.create_default_context() if is_secure else False,
            timeout=httpx.Timeout(SECONDS, connect=CONNECT_SECONDS),
            follow_redirects=False,
            trust_env=is_secure,  # proxies; what stays on this machine stays
            headers={"Accept-Encoding": "identity", "Content-Type": "application/json", "User-Agent": "chatseal"},
        )

    def close(self) -> None:
        """Close the connection, and wipe the token."""
        self._client.close()
        self._token.wipe()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Channel({self.url})"

    def ask(self, message: Ask, key: ServiceKey) -> Answer:
        """The answer to *message*, signed by *key*: the one that is due, or a Refusal.

        Raises VaultUnreachableError (whose `was_sent` says whether the vault may have it), VaultSignatureError, VaultMessageError."""
        body = encode(message)
        answer, signature = self._post(message.operation, body, is_known=not isinstance(message, AskService))
        key.verify(signature, message.operation, body, answer)
        return decode_answer(answer, ANSWERS[type(message)])

    def service_key(self, nonce: Nonce) -> ServiceKey:
        """The key that the service says is its own, and that signed the answer which says so: to be compared by its fingerprint before it
        is believed. The token is not sent. Raises as `ask`."""
        ask = AskService(nonce=nonce)
        body = encode(ask)
        data, signature = self._post(ask.operation, body, is_known=False)
        answer = decode_answer(data, ServiceAnswer)
        if isinstance(answer, Refusal):
            raise VaultUnreachableError("the vault does not say who it is now", was_sent=True)
        try:
            key = ServiceKey(answer.key)
        except KeyFormatError:
            raise VaultMessageError("the vault's answer holds no key") from None
        key.verify(signature, ask.operation, body, data)
        return key

    def _post(self, operation: str, body: bytes, *, is_known: bool) -> tuple[bytes, bytes]:
        """The answer's body and its signature, as they came."""
        headers = {"Authorization": f"Bearer {bytes(self._token.view).decode()}"} if is_known and len(self._token.view) else {}
        until = time.monotonic() + SECONDS
        try:
            with self._client.stream("POST", f"{self.url}v1/{operation}", content=body, headers=headers) as response:
                data = _read(response, until)
                status, signature = response.status_code, response.headers.get(SIGNATURE, "")
        except _UNSENT as error:
            raise _unreachable(self.url, error) from None
        except (httpx.HTTPError, httpx.StreamError, httpx.InvalidURL) as error:
            raise _unreachable(self.url, error, was_sent=True) from None
        if not signature and status in _OF_A_PROXY:
            raise VaultUnreachableError(f"{self.url} cannot answer now: what stands before it says so", was_sent=True)
        try:
            found = base64.b64decode(signature, validate=True)
        except (binascii.Error, ValueError):
            found = b""
        if len(found) != SIGNATURE_LEN:
            raise VaultSignatureError(
                f"what came from {self.url} is not signed: that is no vault, or somebody changed it on the way"
            ).with_remedy("Check the address. If it is right, do not type the password again before its operator has explained it.")
        return data, found


def _read(response: httpx.Response, until: float) -> bytes:
    found = bytearray()
    for piece in response.iter_raw(MESSAGE_MAX):
        found += piece
        if len(found) > MESSAGE_MAX:
            raise VaultMessageError(f"the answer is longer than the {MESSAGE_MAX} bytes that a vault sends")
        if time.monotonic() > until:
            raise httpx.ReadTimeout("the answer takes too long")
    return bytes(found)


def _unreachable(url: str, error: Exception, *, was_sent: bool = False) -> VaultUnreachableError:
    if isinstance(error.__cause__ or error.__context__, ssl.SSLCertVerificationError) or "CERTIFICATE_VERIFY_FAILED" in str(error):
        return VaultUnreachableError(f"{url} shows a certificate that this machine does not trust").with_remedy(
            "If it is the operator's own, name the file with it in SSL_CERT_FILE; otherwise somebody may stand in between."
        )
    if isinstance(error, httpx.TimeoutException):
        return VaultUnreachableError(f"{url} does not answer in time", was_sent=was_sent)
    what = "broke off before its answer was whole" if was_sent else "cannot be reached"
    return VaultUnreachableError(f"{url} {what}", was_sent=was_sent)
