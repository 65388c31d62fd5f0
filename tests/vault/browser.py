"""The OPAQUE package of browsers, on node: what the vault's page computes with."""

import base64
import json
import os
import shutil
import subprocess
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pytest

ROOT = Path(__file__).parents[2]
SCRIPT = Path(__file__).with_name("browser_opaque.cjs")
PACKAGE = "node_modules/@serenity-kit/opaque"
PATIENCE = 20
# The package's default costs more than what our library computes within OPAQUE: both sides must say the same.
STRETCHING = {"argon2id-custom": {"iterations": 2, "memory": 19456, "parallelism": 1}}


def package() -> Path:
    """Where `make test` puts it, or CHATSEAL_OPAQUE_JS."""
    return Path(os.environ.get("CHATSEAL_OPAQUE_JS") or ROOT / "build/page") / PACKAGE


def missing() -> str:
    """Why it cannot be used here, or nothing."""
    if shutil.which("node") is None:
        return "the OPAQUE package of browsers needs node"
    return "" if package().exists() else "the OPAQUE package of browsers is not installed: `make page` does it, with npm"


needs_browser = pytest.mark.skipif(bool(missing()), reason=missing() or "it is there")


def text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def data(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


class Browser:
    """One process. Members that are bytes go over and come back as the package spells them."""

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(["node", SCRIPT, package()], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(PATIENCE)
        self._process.stdout.close()

    def call(self, name: str, **given: Any) -> dict[str, bytes] | None:
        """What the package gives for these members. None where it says that the password is wrong."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        ready = {member: text(value) if isinstance(value, bytes) else value for member, value in given.items()}
        self._process.stdin.write(json.dumps({"call": name, "with": ready}) + "\n")
        self._process.stdin.flush()
        answer = json.loads(self._process.stdout.readline())
        assert "error" not in answer, answer
        found = answer["found"]
        return None if found is None else {member: data(value) for member, value in found.items()}

    def ask(self, name: str, **given: Any) -> dict[str, bytes]:
        """The same, where an answer is due."""
        found = self.call(name, **given)
        assert found is not None
        return found
