"""Addresses: which store a text names, and that a text that names none is not repeated."""

from pathlib import Path

import pytest

from chatseal.errors import StoreAddressError, StoreRefusedError, exit_code
from chatseal.objects.addresses import open_store
from chatseal.objects.cloud_store import CloudStore
from chatseal.objects.local_store import LocalStore
from chatseal.objects.rclone_store import RcloneStore
from servers import rclone


@pytest.mark.parametrize("form", ["{}", "file://{}", "file://localhost{}", "FILE://{}"])
def test_a_path_and_a_file_address_are_a_folder(tmp_path: Path, form: str) -> None:
    store = open_store(form.format(tmp_path / "s"), create=True)
    assert isinstance(store, LocalStore)
    assert store.url == str(tmp_path / "s")
    store.put("a", b"x")
    assert (tmp_path / "s/a").exists()


def test_opening_makes_nothing(tmp_path: Path) -> None:
    for create in (False, True):
        open_store(str(tmp_path / "s"), create=create)
        assert not (tmp_path / "s").exists()
    with pytest.raises(FileNotFoundError):
        open_store(str(tmp_path / "s")).put("a", b"x")


def test_a_file_address_is_decoded_and_a_path_is_not(tmp_path: Path) -> None:
    assert open_store(f"file://{tmp_path}/a%20%3F%23b").url == str(tmp_path / "a ?#b")
    assert open_store(f"{tmp_path}/a%20?#b").url == str(tmp_path / "a%20?#b")


def test_a_path_that_looks_like_an_address_can_be_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert open_store("./memory:").url == str(tmp_path / "memory:")
    assert open_store("c:/x").url == str(tmp_path / "c:/x")


@pytest.fixture
def accounts(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "AWS_ACCESS_KEY_ID": "id",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "GOOGLE_SKIP_SIGNATURE": "true",
        "AZURE_STORAGE_ACCOUNT_NAME": "account",
        "AZURE_STORAGE_ACCOUNT_KEY": "c2VjcmV0",
    }.items():
        monkeypatch.setenv(name, value)


CLOUDS = [
    ("s3://bucket", "s3://bucket"),
    ("s3://bucket/", "s3://bucket"),
    ("S3://bucket/a/b_c.d-E/", "s3://bucket/a/b_c.d-E"),
    ("gs://my_bucket.example/x", "gs://my_bucket.example/x"),
    ("az://container/x", "az://container/x"),
    ("azure://container", "az://container"),
]


@pytest.mark.parametrize(("url", "shown"), CLOUDS)
@pytest.mark.usefixtures("accounts")
def test_a_cloud_address_is_a_bucket_and_a_prefix(url: str, shown: str) -> None:
    store = open_store(url)
    assert isinstance(store, CloudStore)
    assert store.url == shown
    assert repr(store) == f"CloudStore({shown!r})"


REMOTES = [
    ("rclone:drive:", "rclone:drive:"),
    ("rclone:drive:chats", "rclone:drive:chats"),
    ("rclone:My NAS:backups/my chats/", "rclone:My NAS:backups/my chats"),
    ("RCLONE:nas-1:/srv/chats", "rclone:nas-1:/srv/chats"),
]


@pytest.mark.skipif(bool(rclone.missing()), reason=rclone.missing())
@pytest.mark.parametrize(("url", "shown"), REMOTES)
def test_an_rclone_address_is_a_remote_and_a_path(url: str, shown: str) -> None:
    store = open_store(url)
    assert isinstance(store, RcloneStore)
    assert store.url == shown


SECRET = "hunter2swordfish"
BAD = [
    "",
    "a\0b",
    "memory:",
    "memory://",
    f"https://user:{SECRET}@example.org/x",
    f"{SECRET}://bucket",
    f"{SECRET}:bucket",
    f"sftp:user:{SECRET}@host:/x",
    f"file://{SECRET}/x",
    f"file://user:{SECRET}@localhost/x",
    f"file:relative/{SECRET}",
    f"file:///x?{SECRET}",
    f"file:///x#{SECRET}",
    f"file:///x%00{SECRET}",
    f"s3://AKIA:{SECRET}@bucket/x",
    f"s3://{SECRET}@bucket",
    f"s3://bucket/x?sig={SECRET}",
    f"s3://bucket/x#{SECRET}",
    f"az://container?sv=1&sig={SECRET}",
    f"s3:bucket/{SECRET}",
    f"s3:///{SECRET}",
    f"s3://bucket/a/../{SECRET}",
    f"s3://bucket/a//{SECRET}",
    f"s3://bucket/a b{SECRET}",
    f"s3://bucket/{SECRET}\n",
    f"s3://BUCKET/{SECRET}",
    f"s3://b/{SECRET}",
    f"s3://bucket/{SECRET * 32}",
    "rclone:",
    "rclone::",
    "rclone:remote",
    f"rclone::webdav,pass={SECRET}:x",
    f"rclone:remote,pass={SECRET}:x",
    f"rclone:remote:user:{SECRET}@host/x",
    f"rclone:remote:x?{SECRET}",
    f"rclone:remote:x#{SECRET}",
    f"rclone:-v{SECRET}:x",
    f"rclone:remote:../{SECRET}",
    f"rclone:remote:a//{SECRET}",
    f"rclone:remote:a\n{SECRET}",
    f"rclone:remote:{SECRET * 32}",
]


@pytest.mark.parametrize("url", BAD)
@pytest.mark.usefixtures("accounts")
def test_what_is_no_address_is_refused_and_not_repeated(url: str) -> None:
    with pytest.raises(StoreAddressError) as raised:
        open_store(url)
    assert exit_code(raised.value) == 2
    assert raised.value.remedy
    told = f"{raised.value!r} {raised.value} {raised.value.remedy} {raised.value.__context__!r} {raised.value.__cause__!r}"
    assert SECRET not in told


def test_an_account_that_the_environment_does_not_name_is_told_by_its_service(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AZURE_STORAGE_ACCOUNT_NAME", raising=False)
    monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_KEY", "c2VjcmV0")
    with pytest.raises(StoreRefusedError, match="Azure Blob Storage") as raised:
        open_store("az://container")
    assert raised.value.__context__ is None


@pytest.mark.parametrize("url", ["az://container", "gs://bucket"])
@pytest.mark.usefixtures("accounts")
def test_a_token_is_not_sent_in_the_open(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZURE_STORAGE_ENDPOINT", f"http://{SECRET}.example.org")
    monkeypatch.setenv("GOOGLE_BASE_URL", f"http://{SECRET}.example.org")
    with pytest.raises(StoreRefusedError, match="not https") as raised:
        open_store(url)
    assert SECRET not in str(raised.value)
