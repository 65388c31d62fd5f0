"""Getting into a cloud: credentials from the environment and from profiles, wrong ones, wrong clocks, and that none is ever told."""

import os
import socket
import ssl
import subprocess
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from chatseal.errors import ChatsealError, ObjectMissingError, StoreFailedError, StoreRefusedError
from chatseal.objects.addresses import open_store
from chatseal.objects.cloud_clients import Patience
from chatseal.objects.cloud_store import CloudStore
from faults import shims
from servers.bucket import Bucket
from servers.process import free_port
from servers.proxy import Fault, Proxy

HASTY = Patience(connect=5, answer=20, put=20, retries=1, first_pause=0.01, longest_pause=0.05, retry_for=30)
NAME = "packs/a"
SECRET = "hunter2swordfish"


def calls(store: CloudStore) -> list[Callable[[], object]]:
    return [
        lambda: store.put(NAME, b"x"),
        lambda: store.put(NAME, b"x", absent=True),
        lambda: store.get(NAME, 10),
        lambda: store.get_range(NAME, 0, 10),
        lambda: store.info(NAME),
        lambda: list(store.list("")),
        lambda: store.delete(NAME),
        store.can_put_absent,
    ]


def told(error: BaseException, *, with_locals: bool = True) -> str:
    """All that a log could say of an error: texts, reprs, remedy, context, and the locals of the engine's frames."""
    texts = []
    at: BaseException | None = error
    while at is not None:
        texts += [repr(at), str(at), repr(at.args), repr(getattr(at, "remedy", "")), repr(getattr(at, "__notes__", ""))]
        for frame, line in traceback.walk_tb(at.__traceback__):
            if frame.f_code.co_filename.startswith(str(shims.ENGINE)):
                texts += [f"{frame.f_code.co_qualname}:{line}", repr(frame.f_locals) if with_locals else ""]
        at = at.__cause__ or at.__context__
    return "\n".join(texts)


# --- what is wrong is told, and no secret -------------------------------------------------------------------------------


@pytest.mark.parametrize("server", ["swift", "azurite"])
@pytest.mark.parametrize("wrong", ["secret", "account"])
def test_wrong_credentials_are_refused_by_every_call_and_not_told(
    server: str, wrong: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    bucket: Bucket = request.getfixturevalue(f"{server}_bucket")
    variables = {
        ("swift", "secret"): ("AWS_SECRET_ACCESS_KEY", SECRET),
        ("swift", "account"): ("AWS_ACCESS_KEY_ID", SECRET),
        ("azurite", "secret"): ("AZURE_STORAGE_ACCOUNT_KEY", "aHVudGVyMnN3b3JkZmlzaA=="),
        ("azurite", "account"): ("AZURE_STORAGE_ACCOUNT_NAME", SECRET),
    }
    name, value = variables[server, wrong]
    monkeypatch.setenv(name, value)
    store = bucket.open(HASTY)
    for call in calls(store):
        with pytest.raises(StoreRefusedError) as raised:
            call()
        assert raised.value.remedy
        text = told(raised.value)
        for secret in (*bucket.secrets, SECRET, value):
            assert secret not in text


@pytest.mark.parametrize("server", ["swift", "azurite", "moto"])
def test_a_bucket_that_is_not_there_is_told_with_a_remedy(server: str, request: pytest.FixtureRequest) -> None:
    bucket: Bucket = request.getfixturevalue(f"{server}_bucket")
    store = CloudStore(bucket.scheme, "not-there", patience=HASTY)
    for call in (lambda: store.put(NAME, b"x"), lambda: store.get(NAME, 10), lambda: list(store.list("")), store.can_put_absent):
        with pytest.raises(StoreFailedError, match="no such bucket") as raised:
            call()
        assert "Make it first" in raised.value.remedy


FAULTS = [
    Fault("refuse"),
    Fault("cut answer", 10),
    Fault.status(500, body=SECRET.encode() * 100),
    Fault.status(400, body=b"<Code>" + SECRET.encode()),
]


@pytest.mark.parametrize("fault", FAULTS, ids=["refused", "cut", "500", "400"])
@pytest.mark.parametrize("server", ["moto", "azurite"])
def test_no_error_of_any_call_tells_a_secret(
    server: str, fault: Fault, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A shared access signature is a part of every address that Azure is asked, and so of the library's own texts."""
    bucket: Bucket = request.getfixturevalue(f"{server}_bucket")
    with Proxy(bucket.port, then=fault) as proxy:
        bucket.through(proxy).enter(monkeypatch)
        if server == "azurite":
            monkeypatch.delenv("AZURE_STORAGE_ACCOUNT_KEY")
            monkeypatch.setenv("AZURE_STORAGE_SAS_TOKEN", f"sv=2021-12-02&sig={SECRET}%3D&sp=rwdl")
        else:
            monkeypatch.setenv("AWS_SESSION_TOKEN", SECRET + "-token")
        store = bucket.open(HASTY)
        assert SECRET not in repr(store) + str(store) + store.url
        for call in calls(store):
            with pytest.raises(ChatsealError) as raised:
                call()
            text = told(raised.value)
            for secret in (*bucket.secrets, SECRET):
                assert secret not in text
    assert not any(secret in caplog.text for secret in (*bucket.secrets, SECRET))


def test_an_account_without_any_credentials_is_told_soon(moto_bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    """Machines of the cloud get theirs from an address in their network; here nobody listens there."""
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    monkeypatch.setenv("AWS_METADATA_ENDPOINT", f"http://127.0.0.1:{free_port()}")
    with pytest.raises(StoreRefusedError, match="no credentials") as raised:
        moto_bucket.open()
    assert "environment" in raised.value.remedy


def test_without_the_package_the_remedy_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "obstore", None)
    monkeypatch.setitem(sys.modules, "obstore.store", None)
    for url in ("s3://bucket", "gs://bucket", "az://container"):
        with pytest.raises(StoreFailedError, match="not installed") as raised:
            open_store(url)
        assert "pip install 'chatseal[cloud]'" in raised.value.remedy


# --- profiles -----------------------------------------------------------------------------------------------------------


def write(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, config: str, credentials: str) -> None:
    (tmp_path / "config").write_text(config)
    (tmp_path / "credentials").write_text(credentials)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))


def keys(bucket: Bucket) -> str:
    access, secret = bucket.environment["AWS_ACCESS_KEY_ID"], bucket.environment["AWS_SECRET_ACCESS_KEY"]
    return f"aws_access_key_id = {access}\naws_secret_access_key={secret}\n"


@pytest.mark.parametrize("profile", ["", "home"])
@pytest.mark.parametrize("where", ["credentials", "config"])
def test_a_profile_is_enough(profile: str, where: str, swift_bucket: Bucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    endpoint = swift_bucket.environment["AWS_ENDPOINT_URL"]
    for name in swift_bucket.environment:
        monkeypatch.delenv(name)
    more = f"region = us-east-1\nendpoint_url = {endpoint}\ns3 =\n  max_concurrent_requests = 20\n"
    config = f"[profile {profile}]\n" if profile else "[default]\n"
    credentials = f"[{profile or 'default'}]\n{keys(swift_bucket)}" if where == "credentials" else "[other]\naws_access_key_id = x\n"
    write(monkeypatch, tmp_path, config + more + (keys(swift_bucket) if where == "config" else ""), credentials)
    if profile:
        monkeypatch.setenv("AWS_PROFILE", profile)
    store = swift_bucket.open(HASTY)
    store.put(NAME, b"by a profile")
    assert store.get(NAME, 100) == b"by a profile"


def test_the_environment_comes_before_a_profile(swift_bucket: Bucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = f"aws_access_key_id = wrong\naws_secret_access_key = wrong\nregion = wrong\nendpoint_url = http://127.0.0.1:{free_port()}\n"
    write(monkeypatch, tmp_path, "[default]\n" + wrong, "[default]\n" + wrong)
    swift_bucket.open(HASTY).put(NAME, b"by the environment")


WRONG_PROFILES = [
    ("", "", "in none of the files"),
    ("[profile home]\nregion = x\n", "", "no keys"),
    (f"[profile home]\nsso_session = {SECRET}\n", "", "single sign-on"),
    (f"[profile home]\nrole_arn = {SECRET}\nsource_profile = x\n", "", "by a role"),
    (f"[profile home]\ncredential_process = echo {SECRET}\n", "", "a command"),
    ("", f"{SECRET}\n", "cannot be read"),
    ("", f"[home]\n{SECRET}\n", "cannot be read"),
]


@pytest.mark.parametrize(("config", "credentials", "message"), WRONG_PROFILES)
def test_a_profile_that_gives_no_keys_is_told_and_nothing_of_its_file(
    config: str, credentials: str, message: str, tmp_path: Path, moto_bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    monkeypatch.setenv("AWS_PROFILE", "home")
    write(monkeypatch, tmp_path, config, credentials)
    with pytest.raises(StoreRefusedError, match=message) as raised:
        moto_bucket.open()
    assert SECRET not in told(raised.value, with_locals=False)


# --- certificates -------------------------------------------------------------------------------------------------------


class Authority:
    """One that nobody knows, and a server of its own on loopback that answers 404 to whoever trusts it."""

    def __init__(self, folder: Path) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self.file, own = folder / "authority.pem", folder / "server.pem"
        self.file.write_bytes(self._sign("authority", self._key.public_key(), is_authority=True))
        key = ec.generate_private_key(ec.SECP256R1())
        private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        own.write_bytes(self._sign("server", key.public_key(), is_authority=False) + private)
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(own)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"https://127.0.0.1:{self._listener.getsockname()[1]}"
        self.heard: list[bytes] = []
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _sign(self, name: str, key: ec.EllipticCurvePublicKey, *, is_authority: bool) -> bytes:
        now, day = datetime.now(UTC), timedelta(days=1)
        names = [x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)]) for text in (name, "authority")]
        builder = x509.CertificateBuilder().subject_name(names[0]).issuer_name(names[1]).public_key(key)
        builder = builder.serial_number(1 + is_authority).not_valid_before(now - day).not_valid_after(now + day)
        builder = builder.add_extension(x509.BasicConstraints(is_authority, None), critical=True)
        if not is_authority:
            place = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))])
            builder = builder.add_extension(place, critical=False)
        return builder.sign(self._key, SHA256()).public_bytes(Encoding.PEM)

    def _serve(self) -> None:
        while True:
            try:
                plain, _ = self._listener.accept()
            except OSError:
                return
            with plain:
                try:
                    with self._context.wrap_socket(plain, server_side=True) as line:
                        self.heard.append(line.recv(10_000))
                        line.sendall(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
                except OSError:
                    continue

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()


@pytest.fixture
def authority(tmp_path: Path) -> Iterator[Authority]:
    made = Authority(tmp_path)
    yield made
    made.close()


def test_a_certificate_that_nobody_vouches_for_is_not_trusted(
    authority: Authority, moto_bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", authority.url)
    with pytest.raises(StoreFailedError, match="certificate") as raised:
        moto_bucket.open(HASTY).get(NAME, 10)
    assert "SSL_CERT_FILE" in raised.value.remedy
    assert authority.heard == []


def test_an_authority_of_ones_own_can_be_named(authority: Authority, moto_bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", authority.url)
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))
    with pytest.raises(ObjectMissingError):
        moto_bucket.open(HASTY).get(NAME, 10)
    assert authority.heard[0].startswith(b"GET /backups/")


# --- clocks -------------------------------------------------------------------------------------------------------------

PROGRAM = """
import sys, time
from chatseal.errors import ChatsealError
from chatseal.objects.addresses import open_store
store = open_store(sys.argv[1])
try:
    store.put("packs/a", b"x")
    print(f"{store.info('packs/a').modified} {time.time()}")
except ChatsealError as error:
    print(type(error).__name__, error, error.remedy)
"""


def run_with_clock(bucket: Bucket, shift: int, tmp_path: Path) -> str:
    if sys.platform != "linux":
        pytest.skip("the clock's shim is for Linux")
    shim = tmp_path / "clock_shim.so"
    source = Path(__file__).parents[1] / "servers/clock_shim.c"
    subprocess.run([*shims.COMPILE, "-o", str(shim), str(source)], check=True)
    environment = {**os.environ, "LD_PRELOAD": str(shim), "CLOCK_SHIM_SECONDS": str(shift), "PYTHONPATH": str(shims.ENGINE)}
    return subprocess.run([sys.executable, "-c", PROGRAM, bucket.url], env=environment, check=True, capture_output=True, text=True).stdout


@pytest.mark.parametrize("shift", [-3600, 3600])
def test_a_clock_that_is_an_hour_off_is_told_with_a_remedy(shift: int, swift_bucket: Bucket, tmp_path: Path) -> None:
    said = run_with_clock(swift_bucket, shift, tmp_path)
    assert said.startswith("StoreRefusedError")
    assert "clock" in said
    assert "Set the clock" in said


@pytest.mark.parametrize("server", ["swift", "azurite", "moto"])
def test_times_are_the_servers_whatever_this_machines_clock_says(server: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    bucket: Bucket = request.getfixturevalue(f"{server}_bucket")
    modified, here = map(float, run_with_clock(bucket, 600, tmp_path).split())
    mine = bucket.open()
    mine.put("packs/b", b"x")
    assert 500 < here - modified < 700
    assert mine.info("packs/b").modified >= mine.info(NAME).modified


def test_ctrl_c_during_a_put_ends_the_process_cleanly(swift_bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    program = """
import sys
from chatseal.objects.addresses import open_store
store = open_store(sys.argv[1])
print("ready", flush=True)
store.put("packs/a", bytearray(8 << 20))
"""
    with Proxy(swift_bucket.port, then=Fault("stall request", 1 << 20)) as proxy:
        through = swift_bucket.through(proxy)
        through.enter(monkeypatch)
        environment = {**os.environ, "PYTHONPATH": str(shims.ENGINE)}
        process = subprocess.Popen([sys.executable, "-c", program, through.url], env=environment, stdout=-1, stderr=-1, text=True)
        assert process.stdout is not None
        process.stdout.readline()
        while proxy.connections == 0:
            pass
        process.send_signal(2)
        _, said = process.communicate(timeout=60)
    assert process.returncode in (-2, 130)
    assert "KeyboardInterrupt" in said
    assert not any(word in said for word in ("panicked", "Fatal", "BufferError", "Exception ignored"))
