"""Both halves of OPAQUE as the tests use them: ours, and the oracle set to the library's own key stretching."""

from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from chatseal.keys.secret import Secret
from chatseal.vault.pake import FIXED_POINT, ORDER, ClientLogin, ClientRegistration, RecordServer
from vault.rfc9807 import Client, Server, Setting

RECORD = bytes(range(16))
OTHER_RECORD = bytes(range(1, 17))
OPRF, AKE = b"\x5a" * 64, b"\xc3" * 64
PRIVATE = (int.from_bytes(AKE, "little") % (ORDER - 1) + 1).to_bytes(32, "little")
RIGHT, WRONG = b"\x11" * 32, b"\x12" * 32
GHOST = FIXED_POINT + b"\x77" * 64 + bytes(96)  # RFC 9807, section 10.9: what stands in for a record that does not exist


def weak_argon2id(output: bytes) -> bytes:
    return Argon2id(salt=bytes(16), length=64, iterations=2, lanes=1, memory_cost=19456).derive(output)


SETTING = Setting(stretch=weak_argon2id)


def our_server(record_id: bytes = RECORD, oprf: bytes = OPRF, ake: bytes = AKE) -> RecordServer:
    return RecordServer(record_id, oprf, ake)


def oracle_server() -> Server:
    return Server(OPRF, PRIVATE, SETTING)


def oracle_client(stretched: bytes = RIGHT) -> Client:
    return Client(stretched.hex().encode(), SETTING)


def our_login(stretched: bytes = RIGHT) -> ClientLogin:
    return ClientLogin(Secret(stretched))


def registered(stretched: bytes = RIGHT, server: RecordServer | None = None) -> tuple[bytes, bytes]:
    """The upload of a registration, and its export key."""
    client = ClientRegistration(Secret(stretched))
    upload, export_key = client.finish((server or our_server()).respond(client.request))
    return upload, bytes(export_key.view)
