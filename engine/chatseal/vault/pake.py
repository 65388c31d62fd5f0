"""PAKE: OPAQUE (RFC 9807, ristretto255-SHA512, 3DH) in the few calls that a vault needs. The password is never sent, nor is its hash.

    client                                     service, for one record
    ClientRegistration  --- request 32 --->    RecordServer.respond
             .finish    <-- response 64 ---
                        --- upload 192 ---->   check_upload, and kept
    ClientLogin         --- KE1 96 -------->   RecordServer.login
             .finish    <-- KE2 320 --------
                        --- KE3 64 -------->   ServerLogin.finish

The context is empty and the identities are the public keys. Key stretching within OPAQUE is the library's own, Argon2id with 19 MiB,
2 passes, 1 lane and a salt of zeros: what makes a guess cost is done before (stretch.py). Lengths are checked here, for the library takes
some that are too long. All raise VaultMessageError for bytes that cannot be what they should; what the library says is not passed on."""

from collections.abc import Callable
from typing import NoReturn, TypeVar

import opaque_snake

from chatseal.errors import VaultMessageError, VaultPasswordError
from chatseal.keys.secret import Secret

STRETCHED_LEN = 32
RECORD_ID_LEN = 16
MAC_LEN = 64
REQUEST_LEN, RESPONSE_LEN, UPLOAD_LEN = 32, 64, 192
KE1_LEN, KE2_LEN, KE3_LEN = 96, 320, 64
EXPORT_KEY_LEN = 64

ORDER = 2**252 + 27742317777372353535851937790883648493  # of the group ristretto255

# What the library would show in place of a record's key where there is no record; we have none without. It is the point that RFC 9496,
# section 4.3.4, makes of SHA-512(labels.FIXED_POINT), so nobody knows a private key to it. A test makes it again with libsodium.
FIXED_POINT = bytes.fromhex("1cc17e7ec84f78f471cb2212cc4e33b9a23376a85fa682427b83a93928923637")

T = TypeVar("T")


class _Hidden:
    """Shows nothing, and is not pickled."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"{type(self).__name__}(...)"

    def __reduce__(self) -> NoReturn:
        raise TypeError(f"a {type(self).__name__} is not pickled")


class ClientRegistration(_Hidden):
    """A registration on the client's side. `request` is what to send first. For one thread, and one `finish`."""

    __slots__ = ("_state", "_stretched", "request")

    def __init__(self, stretched: Secret) -> None:
        """With the stretched password, 32 bytes."""
        self._stretched = stretched
        message, self._state = opaque_snake.OpaqueClient().start_registration(_words(stretched))
        self.request: bytes = message.to_bytes()

    def finish(self, response: bytes) -> tuple[bytes, Secret]:
        """The upload for the service, and the export key (64 bytes), which stays here. Takes some 20 ms. Raises VaultMessageError."""
        answer = _read(opaque_snake.RegistrationResponse.from_bytes, response, RESPONSE_LEN)
        result = _checked(lambda: opaque_snake.OpaqueClient().finish_registration(answer, self._state, _words(self._stretched)))
        return result.upload.to_bytes(), Secret(result.export_key)


class ClientLogin(_Hidden):
    """A login on the client's side. `ke1` is what to send first. For one thread, and one `finish`."""

    __slots__ = ("_state", "_stretched", "ke1")

    def __init__(self, stretched: Secret) -> None:
        """With the stretched password, 32 bytes."""
        self._stretched = stretched
        message, self._state = opaque_snake.OpaqueClient().start_login(_words(stretched))
        self.ke1: bytes = message.to_bytes()

    def finish(self, ke2: bytes) -> tuple[bytes, Secret]:
        """KE3 for the service, and the export key (64 bytes). Takes some 20 ms.

        Raises VaultPasswordError for a wrong password, another record and an answer that was changed, alike; VaultMessageError for
        bytes that are no KE2 whatever the password."""
        answer = _read(opaque_snake.CredentialResponse.from_bytes, ke2, KE2_LEN)
        result = _checked(lambda: opaque_snake.OpaqueClient().finish_login(answer, self._state, _words(self._stretched)))
        if (export_key := result.session_keys.export_key) is None:
            raise VaultMessageError(_NOT_A_MESSAGE)
        return result.finalization.to_bytes(), Secret(export_key)


class RecordServer(_Hidden):
    """The service's half for one record: made for a request, and let go of with it. May be used by several threads."""

    __slots__ = ("_record_id", "_server")

    def __init__(self, record_id: bytes, oprf: bytes, ake: bytes) -> None:
        """From the record's id (16 bytes) and two macs (64 bytes each) over it and its salt: the OPRF's seed, and what the private key is
        made of, a number from 1 to ORDER - 1. Raises ValueError for other lengths."""
        if (len(record_id), len(oprf), len(ake)) != (RECORD_ID_LEN, MAC_LEN, MAC_LEN):
            raise ValueError("a record has an id of 16 bytes and two macs of 64")
        private = (int.from_bytes(ake, "little") % (ORDER - 1) + 1).to_bytes(32, "little")
        self._server = opaque_snake.OpaqueServer(bytes(oprf) + private + FIXED_POINT)
        self._record_id = record_id.hex()

    def respond(self, request: bytes) -> bytes:
        """The response to a registration's request. Raises VaultMessageError."""
        asked = _read(opaque_snake.RegistrationRequest.from_bytes, request, REQUEST_LEN)
        return _checked(lambda: self._server.create_registration_response(asked, self._record_id)).to_bytes()

    def login(self, ke1: bytes, upload: bytes) -> tuple[bytes, "ServerLogin"]:
        """KE2, which lets whoever has it test one password, and what checks the answer to it. Raises VaultMessageError."""
        asked = _read(opaque_snake.CredentialRequest.from_bytes, ke1, KE1_LEN)
        kept = _read(opaque_snake.PasswordFile.from_bytes, upload, UPLOAD_LEN)
        answer, state = _checked(lambda: self._server.create_credential_response(asked, self._record_id, kept))
        return answer.to_bytes(), ServerLogin(self._server, state)


class ServerLogin(_Hidden):
    """A login that waits for its KE3. It lives in this process alone, for one `finish`; two threads that try are one too many."""

    __slots__ = ("_server", "_state")

    def __init__(self, server: opaque_snake.OpaqueServer, state: opaque_snake.ServerLoginState) -> None:
        self._server, self._state = server, state

    def finish(self, ke3: bytes) -> None:
        """Return if the client has shown that it knows the password. Raises VaultPasswordError, and VaultMessageError for another length
        or a second call."""
        said = _read(opaque_snake.CredentialFinalization.from_bytes, ke3, KE3_LEN)
        _checked(lambda: self._server.finish_login(said, self._state))


def check_upload(upload: bytes) -> None:
    """Raise VaultMessageError unless *upload* can be the end of a registration."""
    _read(opaque_snake.RegistrationUpload.from_bytes, upload, UPLOAD_LEN)


def check_ke1(ke1: bytes) -> None:
    """Raise VaultMessageError unless *ke1* can begin a login: to be asked before a guess is spent on it."""
    _read(opaque_snake.CredentialRequest.from_bytes, ke1, KE1_LEN)


_NOT_A_MESSAGE = "this is no message of the vault's protocol, or not the one that is due"


def _words(stretched: Secret) -> str:
    # Hexadecimal digits: what every implementation of OPAQUE takes for a password, those of browsers included.
    if len(stretched.view) != STRETCHED_LEN:
        raise ValueError(f"a stretched password is {STRETCHED_LEN} bytes")
    return stretched.view.hex()


def _read(reader: Callable[[bytes], T], data: bytes, length: int) -> T:
    if not isinstance(data, bytes) or len(data) != length:
        raise VaultMessageError(_NOT_A_MESSAGE)
    return _checked(lambda: reader(data))


def _checked(call: Callable[[], T]) -> T:
    try:
        return call()
    except opaque_snake.AuthenticationError:
        raise VaultPasswordError("the password does not open this record of the vault") from None
    except opaque_snake.OpaqueError:
        raise VaultMessageError(_NOT_A_MESSAGE) from None
