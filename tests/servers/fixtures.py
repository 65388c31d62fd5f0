"""Fixtures: an empty bucket on each server. A server starts when the first test wants it and stops when the tests are over."""

import atexit
import secrets
from collections.abc import Callable
from functools import cache

import pytest

from servers import azurite, moto, rclone, swift
from servers.bucket import REGION, Bucket, make_s3_bucket

NAME = "backups"


def _fresh() -> str:
    return f"tests/{secrets.token_hex(6)}"


def s3_bucket(port: int, access_key: str, secret_key: str) -> Bucket:
    environment = {
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
        "AWS_ACCESS_KEY_ID": access_key,
        "AWS_SECRET_ACCESS_KEY": secret_key,
        "AWS_REGION": REGION,
    }
    return Bucket("s3", NAME, _fresh(), port, "AWS_ENDPOINT_URL", environment, (access_key, secret_key))


@cache
def start_swift() -> Bucket:
    server = swift.Swift()
    atexit.register(server.stop)
    make_s3_bucket(server.port, NAME, swift.ACCESS_KEY, swift.SECRET_KEY)
    return s3_bucket(server.port, swift.ACCESS_KEY, swift.SECRET_KEY)


@cache
def start_azurite() -> Bucket:
    server = azurite.Azurite()
    atexit.register(server.stop)
    server.make_container(NAME)
    environment = {
        "AZURE_STORAGE_ACCOUNT_NAME": azurite.ACCOUNT,
        "AZURE_STORAGE_ACCOUNT_KEY": azurite.KEY,
        "AZURE_STORAGE_ENDPOINT": f"http://127.0.0.1:{server.port}/{azurite.ACCOUNT}",
    }
    return Bucket("az", NAME, _fresh(), server.port, "AZURE_STORAGE_ENDPOINT", environment, (azurite.KEY,))


@cache
def start_moto() -> Bucket:
    server = moto.Moto()
    atexit.register(server.stop)
    access_key, secret_key = "moto-access-71c2", "moto-secret-0e4d"
    make_s3_bucket(server.port, NAME, access_key, secret_key)
    return s3_bucket(server.port, access_key, secret_key)


@cache
def start_rclone(kind: rclone.Kind) -> rclone.RcloneServer:
    server = rclone.RcloneServer(kind)
    atexit.register(server.stop)
    return server


def _enter_remote(kind: rclone.Kind, monkeypatch: pytest.MonkeyPatch) -> rclone.Remote:
    if reason := rclone.missing():
        pytest.skip(reason)
    remote = start_rclone(kind).remote()
    remote.enter(monkeypatch)
    return remote


def _enter(reason: str, start: Callable[[], Bucket], monkeypatch: pytest.MonkeyPatch) -> Bucket:
    if reason:
        pytest.skip(reason)
    bucket = start().elsewhere()
    bucket.enter(monkeypatch)
    return bucket


@pytest.fixture
def swift_bucket(monkeypatch: pytest.MonkeyPatch) -> Bucket:
    """OpenStack Swift, spoken to as S3; a real server."""
    return _enter(swift.missing(), start_swift, monkeypatch)


@pytest.fixture
def azurite_bucket(monkeypatch: pytest.MonkeyPatch) -> Bucket:
    """Azurite, the emulator of Azure Blob Storage."""
    return _enter(azurite.missing(), start_azurite, monkeypatch)


@pytest.fixture
def moto_bucket(monkeypatch: pytest.MonkeyPatch) -> Bucket:
    """moto, an emulator of S3."""
    return _enter(moto.missing(), start_moto, monkeypatch)


@pytest.fixture
def webdav_remote(monkeypatch: pytest.MonkeyPatch) -> rclone.Remote:
    """`rclone serve webdav`, a real server, reached by rclone."""
    return _enter_remote("webdav", monkeypatch)


@pytest.fixture
def sftp_remote(monkeypatch: pytest.MonkeyPatch) -> rclone.Remote:
    """`rclone serve sftp`, a real server, reached by rclone."""
    return _enter_remote("sftp", monkeypatch)
