"""OPAQUE as RFC 9807 says it, slowly: ristretto255-SHA512 and 3DH over the group operations of the system's libsodium, for the tests alone.

Written from the RFC (and RFC 9497 for the OPRF, RFC 9380 for hashing to scalars); nothing of it is shared with the code under test.
Every value that is drawn by chance can be given, so that the official vectors can be followed."""

import ctypes
import ctypes.util
import hashlib
import hmac
import secrets
from collections.abc import Callable
from dataclasses import dataclass

import pytest

_PATH = ctypes.util.find_library("sodium") or "libsodium.so.23"
try:
    _LIBRARY: ctypes.CDLL | None = ctypes.CDLL(_PATH)
except OSError:
    _LIBRARY = None

needs_libsodium = pytest.mark.skipif(_LIBRARY is None, reason="libsodium is not installed: the package libsodium23 has it")

Stretch = Callable[[bytes], bytes]


class Refused(Exception):
    """What the other side sent does not fit: a wrong password, or a changed message."""


def _call(name: str, out: int, *inputs: bytes, lengths: tuple[int, ...]) -> bytes:
    assert _LIBRARY is not None
    assert [len(data) for data in inputs] == list(lengths), name
    result = ctypes.create_string_buffer(out)
    if getattr(_LIBRARY, name)(result, *inputs) not in (0, None):
        raise Refused(name)
    return result.raw


def multiply(scalar: bytes, point: bytes) -> bytes:
    return _call("crypto_scalarmult_ristretto255", 32, scalar, point, lengths=(32, 32))


def base(scalar: bytes) -> bytes:
    return _call("crypto_scalarmult_ristretto255_base", 32, scalar, lengths=(32,))


def invert(scalar: bytes) -> bytes:
    return _call("crypto_core_ristretto255_scalar_invert", 32, scalar, lengths=(32,))


def point_from_hash(digest: bytes) -> bytes:
    return _call("crypto_core_ristretto255_from_hash", 32, digest, lengths=(64,))


def reduce(wide: bytes) -> bytes:
    """64 bytes to a scalar. The one function that libsodium says nothing about in its result."""
    assert _LIBRARY is not None
    assert len(wide) == 64
    result = ctypes.create_string_buffer(32)
    _LIBRARY.crypto_core_ristretto255_scalar_reduce(result, wide)
    return result.raw


def random_scalar() -> bytes:
    return reduce(secrets.token_bytes(64))


def sha512(*parts: bytes) -> bytes:
    return hashlib.sha512(b"".join(parts)).digest()


def mac(key: bytes, *parts: bytes) -> bytes:
    return hmac.digest(key, b"".join(parts), "sha512")


def counted(data: bytes) -> bytes:
    return len(data).to_bytes(2, "big") + data


def expand_message(message: bytes, tag: bytes, length: int) -> bytes:
    """RFC 9380, section 5.3.1."""
    assert length <= 64
    tag += bytes([len(tag)])
    first = sha512(bytes(128), message, length.to_bytes(2, "big"), b"\0", tag)
    return sha512(first, b"\1", tag)[:length]


_SUITE = b"OPRFV1-\x00-ristretto255-SHA512"


def derive_key_pair(seed: bytes, info: bytes) -> tuple[bytes, bytes]:
    """RFC 9497, section 3.2.1."""
    for counter in range(256):
        private = reduce(expand_message(seed + counted(info) + bytes([counter]), b"DeriveKeyPair" + _SUITE, 64))
        if private != bytes(32):
            return private, base(private)
    raise AssertionError("256 zeros")


def derive_dh_key_pair(seed: bytes) -> tuple[bytes, bytes]:
    """A private key and its public key, or what is for one login only."""
    return derive_key_pair(seed, b"OPAQUE-DeriveDiffieHellmanKeyPair")


def blind(password: bytes, scalar: bytes) -> bytes:
    return multiply(scalar, point_from_hash(expand_message(password, b"HashToGroup-" + _SUITE, 64)))


def finalize(password: bytes, scalar: bytes, evaluated: bytes) -> bytes:
    return sha512(counted(password), counted(multiply(invert(scalar), evaluated)), b"Finalize")


def extract(secret: bytes) -> bytes:
    return mac(bytes(64), secret)


def expand(key: bytes, info: bytes, length: int) -> bytes:
    found = block = b""
    for number in range(1, -(-length // 64) + 1):
        block = mac(key, block, info, bytes([number]))
        found += block
    return found[:length]


def expand_label(secret: bytes, label: bytes, context: bytes) -> bytes:
    return expand(secret, (64).to_bytes(2, "big") + counted8(b"OPAQUE-" + label) + counted8(context), 64)


def counted8(data: bytes) -> bytes:
    return bytes([len(data)]) + data


def xor(one: bytes, other: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(one, other, strict=True))


def identity(stretched: bytes) -> bytes:
    return stretched


@dataclass(frozen=True)
class Setting:
    """What both sides must have alike: the context, the identities (empty: the public keys), the key stretching function."""

    stretch: Stretch = identity
    context: bytes = b""
    client: bytes = b""
    server: bytes = b""

    def randomized(self, password: bytes, scalar: bytes, evaluated: bytes) -> bytes:
        output = finalize(password, scalar, evaluated)
        return extract(output + self.stretch(output))

    def envelope(self, randomized: bytes, nonce: bytes, server_public: bytes) -> tuple[bytes, bytes, bytes, bytes]:
        """The client's private and public key, the tag of the envelope, the export key."""
        private, public = derive_dh_key_pair(expand(randomized, nonce + b"PrivateKey", 32))
        auth_key, export_key = expand(randomized, nonce + b"AuthKey", 64), expand(randomized, nonce + b"ExportKey", 64)
        tag = mac(auth_key, nonce, server_public, counted(self.server or server_public), counted(self.client or public))
        return private, public, tag, export_key

    def keys(
        self, secrets_: tuple[bytes, bytes, bytes], ke1: bytes, inner: bytes, client_public: bytes, server_public: bytes
    ) -> tuple[bytes, bytes, bytes]:
        """The server's MAC, the client's MAC, the session key. *inner* is KE2 without its MAC."""
        preamble = b"".join(
            (b"OPAQUEv1-", counted(self.context), counted(self.client or client_public), ke1, counted(self.server or server_public), inner)
        )
        prk, hashed = extract(b"".join(secrets_)), sha512(preamble)
        handshake, session = expand_label(prk, b"HandshakeSecret", hashed), expand_label(prk, b"SessionKey", hashed)
        server_mac = mac(expand_label(handshake, b"ServerMAC", b""), hashed)
        return server_mac, mac(expand_label(handshake, b"ClientMAC", b""), sha512(preamble + server_mac)), session


class Client:
    """One password, one registration or login."""

    def __init__(self, password: bytes, setting: Setting, *, scalar: bytes = b"") -> None:
        self.password, self.setting, self.scalar = password, setting, scalar or random_scalar()

    def request(self) -> bytes:
        return blind(self.password, self.scalar)

    def upload(self, response: bytes, *, nonce: bytes = b"") -> tuple[bytes, bytes]:
        """The upload and the export key."""
        randomized = self.setting.randomized(self.password, self.scalar, response[:32])
        nonce = nonce or secrets.token_bytes(32)
        _, public, tag, export_key = self.setting.envelope(randomized, nonce, response[32:])
        return public + expand(randomized, b"MaskingKey", 64) + nonce + tag, export_key

    def ke1(self, *, nonce: bytes = b"", share: bytes = b"") -> bytes:
        self.share = share or random_scalar()
        self.sent = self.request() + (nonce or secrets.token_bytes(32)) + base(self.share)
        return self.sent

    def ke3(self, ke2: bytes) -> tuple[bytes, bytes, bytes]:
        """KE3, the session key, the export key. Raises Refused."""
        evaluated, masking_nonce, masked, server_share = ke2[:32], ke2[32:64], ke2[64:192], ke2[224:256]
        randomized = self.setting.randomized(self.password, self.scalar, evaluated)
        pad = expand(expand(randomized, b"MaskingKey", 64), masking_nonce + b"CredentialResponsePad", 128)
        clear = xor(masked, pad)
        server_public, nonce, tag = clear[:32], clear[32:64], clear[64:]
        private, public, expected, export_key = self.setting.envelope(randomized, nonce, server_public)
        if not hmac.compare_digest(tag, expected):
            raise Refused("the envelope")
        shared = (multiply(self.share, server_share), multiply(self.share, server_public), multiply(private, server_share))
        server_mac, client_mac, session = self.setting.keys(shared, self.sent, ke2[:256], public, server_public)
        if not hmac.compare_digest(server_mac, ke2[256:]):
            raise Refused("the server's MAC")
        return client_mac, session, export_key


class Server:
    """One seed, one private key."""

    def __init__(self, seed: bytes, private: bytes, setting: Setting) -> None:
        self.seed, self.private, self.public, self.setting = seed, private, base(private), setting

    def oprf_key(self, name: bytes) -> bytes:
        return derive_key_pair(expand(self.seed, name + b"OprfKey", 32), b"OPAQUE-DeriveKeyPair")[0]

    def response(self, request: bytes, name: bytes) -> bytes:
        return multiply(self.oprf_key(name), request) + self.public

    def ke2(
        self, ke1: bytes, name: bytes, upload: bytes, *, masking_nonce: bytes = b"", nonce: bytes = b"", share: bytes = b""
    ) -> tuple[bytes, bytes, bytes]:
        """KE2, and the KE3 and the session key to expect."""
        client_public, masking_key, envelope = upload[:32], upload[32:96], upload[96:]
        masking_nonce, nonce, share = masking_nonce or secrets.token_bytes(32), nonce or secrets.token_bytes(32), share or random_scalar()
        masked = xor(expand(masking_key, masking_nonce + b"CredentialResponsePad", 128), self.public + envelope)
        inner = multiply(self.oprf_key(name), ke1[:32]) + masking_nonce + masked + nonce + base(share)
        shared = (multiply(share, ke1[64:]), multiply(self.private, ke1[64:]), multiply(share, client_public))
        server_mac, client_mac, session = self.setting.keys(shared, ke1, inner, client_public, self.public)
        return inner + server_mac, client_mac, session
