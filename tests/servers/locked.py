"""Locked bucket: moto with the rights of users enforced, on a bucket that keeps every version of every object (Object Lock).

Two users: the *writer* may put, get and list; the *owner* may do anything, and still cannot remove a version that is locked. `lock` locks
what there is, as a rule of the bucket would at every put: for such a rule moto wants a header that Amazon does not."""

import json
import os
import secrets
import sys
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from servers.bucket import REGION, Bucket
from servers.process import Server, free_port

NAME = "locked"
RIGHTS = {"writer": ["s3:PutObject", "s3:GetObject", "s3:ListBucket"], "owner": ["s3:*"]}
_SETTING_UP = 1 + 3 * len(RIGHTS)  # requests before moto looks who asks


class LockedBucket:
    """One process, and the bucket as each of the two users has it."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="chatseal-locked-")
        self.port = free_port()
        command = [sys.executable, "-W", "ignore", "-m", "moto.server", "-H", "127.0.0.1", "-p", str(self.port)]
        environment = {**os.environ, "INITIAL_NO_AUTH_ACTION_COUNT": str(_SETTING_UP)}
        self._server = Server(command, self.port, Path(self._folder.name) / "log", environment)
        self._server.wait()
        self._prefix = f"tests/{secrets.token_hex(6)}"
        self._keys = self._set_up()
        self.writer, self.owner = (self._bucket(user) for user in RIGHTS)

    def client(self, user: str, service: str = "s3") -> Any:
        """boto3's, with the credential of *user*."""
        import boto3  # type: ignore[import-untyped]

        access_key, secret_key = self._keys[user]
        return boto3.client(
            service,
            endpoint_url=f"http://127.0.0.1:{self.port}",
            region_name=REGION,
            aws_access_key_id=access_key,
            aws_secret_access_key=secret_key,
        )

    def versions(self) -> dict[str, list[str]]:
        """Of each object the versions, oldest first, without those that `init` tries out what it can do with."""
        found: dict[str, list[str]] = {}
        for page in self.client("owner").get_paginator("list_object_versions").paginate(Bucket=NAME):
            for version in sorted(page.get("Versions", []), key=lambda version: version["LastModified"]):
                if "/probe/" not in version["Key"]:
                    found.setdefault(version["Key"], []).append(version["VersionId"])
        return found

    def lock(self, days: int = 30) -> None:
        """Nobody removes a version for so many days."""
        retention = {"Mode": "COMPLIANCE", "RetainUntilDate": datetime.now(UTC) + timedelta(days)}
        for name, versions in self.versions().items():
            for version in versions:
                self.client("owner").put_object_retention(Bucket=NAME, Key=name, VersionId=version, Retention=retention)

    def stop(self) -> None:
        self._server.stop()
        self._folder.cleanup()

    def _set_up(self) -> dict[str, tuple[str, str]]:
        self._keys = {"nobody yet": ("setting-up", "setting-up")}
        s3, iam = self.client("nobody yet"), self.client("nobody yet", "iam")
        s3.create_bucket(Bucket=NAME, ObjectLockEnabledForBucket=True)
        keys = {}
        for user, actions in RIGHTS.items():
            iam.create_user(UserName=user)
            policy = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": actions, "Resource": "*"}]}
            iam.put_user_policy(UserName=user, PolicyName="rights", PolicyDocument=json.dumps(policy))
            made = iam.create_access_key(UserName=user)["AccessKey"]
            keys[user] = made["AccessKeyId"], made["SecretAccessKey"]
        return keys

    def _bucket(self, user: str) -> Bucket:
        access_key, secret_key = self._keys[user]
        environment = {
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{self.port}",
            "AWS_ACCESS_KEY_ID": access_key,
            "AWS_SECRET_ACCESS_KEY": secret_key,
            "AWS_REGION": REGION,
            "AWS_CHECKSUM_ALGORITHM": "SHA256",  # Amazon demands one where versions are locked
        }
        return Bucket("s3", NAME, self._prefix, self.port, "AWS_ENDPOINT_URL", environment, (access_key, secret_key))
