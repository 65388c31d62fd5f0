"""Bucket: an empty place on a server, and the environment in which it is found and entered."""

import hashlib
import hmac
import http.client
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Self

import pytest

from chatseal.objects.cloud_clients import Patience
from chatseal.objects.cloud_store import CloudStore
from servers.proxy import Proxy

REGION = "us-east-1"
FOREIGN = ("AWS_", "AZURE_", "GOOGLE_", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy", "SSL_CERT_")
NO_FILES = {"AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull, "NO_PROXY": "*", "no_proxy": "*"}


@dataclass(frozen=True)
class Bucket:
    """`environment` has all that a client needs; *endpoint* names the variable in it that a proxy takes the place of."""

    scheme: str
    name: str
    prefix: str
    port: int
    endpoint: str
    environment: Mapping[str, str]
    secrets: tuple[str, ...] = field(repr=False)  # what no error may say

    @property
    def url(self) -> str:
        return f"{self.scheme}://{self.name}/{self.prefix}"

    def elsewhere(self) -> Self:
        """The same bucket under another prefix, empty."""
        return replace(self, prefix=f"tests/{secrets.token_hex(6)}")

    def through(self, proxy: Proxy) -> Self:
        """The same, with a proxy before the server."""
        address = self.environment[self.endpoint].replace(f":{self.port}", f":{proxy.port}")
        return replace(self, environment={**self.environment, self.endpoint: address})

    def enter(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Make the environment of this process the bucket's."""
        for name in list(os.environ):
            if name.startswith(FOREIGN):
                monkeypatch.delenv(name)
        for name, value in {**NO_FILES, **self.environment}.items():
            monkeypatch.setenv(name, value)

    def open(self, patience: Patience | None = None) -> CloudStore:
        """With the environment of this process."""
        return CloudStore(self.scheme, self.name, self.prefix, patience=patience)


def make_s3_bucket(port: int, name: str, access_key: str, secret_key: str) -> None:
    """One signed request (AWS signature version 4)."""
    now = datetime.now(UTC)
    day, moment = f"{now:%Y%m%d}", f"{now:%Y%m%dT%H%M%SZ}"
    empty = hashlib.sha256(b"").hexdigest()
    headers = {"host": f"127.0.0.1:{port}", "x-amz-content-sha256": empty, "x-amz-date": moment}
    signed = ";".join(headers)
    request = "\n".join(["PUT", f"/{name}", "", *(f"{key}:{value}" for key, value in headers.items()), "", signed, empty])
    scope = f"{day}/{REGION}/s3/aws4_request"
    text = "\n".join(["AWS4-HMAC-SHA256", moment, scope, hashlib.sha256(request.encode()).hexdigest()])
    key = f"AWS4{secret_key}".encode()
    for word in scope.split("/"):
        key = hmac.digest(key, word.encode(), "sha256")
    signature = hmac.digest(key, text.encode(), "sha256").hex()
    authorization = f"AWS4-HMAC-SHA256 Credential={access_key}/{scope}, SignedHeaders={signed}, Signature={signature}"
    connection = http.client.HTTPConnection("127.0.0.1", port)
    connection.request("PUT", f"/{name}", headers={**headers, "Authorization": authorization})
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    assert answer.status == 200, body
