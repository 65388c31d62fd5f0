"""The page's scripts on node, called from here."""

import json
import subprocess
from pathlib import Path
from types import TracebackType
from typing import Any, Self

DISPATCH = Path(__file__).with_name("scripts.mjs")
PATIENCE = 20


class PageError(Exception):
    """What a script threw at whoever called it: its reason."""

    def __init__(self, reason: str, wait: int) -> None:
        super().__init__(reason)
        self.reason, self.wait = reason, wait


class Scripts:
    """One process of node."""

    def __init__(self, page: Path) -> None:
        self._page = page

    def __enter__(self) -> Self:
        command = ["node", str(DISPATCH), str(self._page)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(PATIENCE)
        self._process.stdout.close()

    def call(self, module: str, name: str, *given: Any) -> Any:
        """What the function *name* of the module gives. Raises PageError for the page's own errors."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"module": module, "name": name, "given": given}, default=_spelled) + "\n")
        self._process.stdin.flush()
        answer = json.loads(self._process.stdout.readline(), object_hook=_read)
        assert "error" not in answer, answer["error"]
        if "reason" in answer:
            raise PageError(answer["reason"], answer["wait"])
        return answer["found"]


def _spelled(value: object) -> dict[str, str]:
    assert isinstance(value, (bytes, memoryview))
    return {"bytes": value.hex()}


def _read(value: dict[str, Any]) -> Any:
    return bytes.fromhex(value["bytes"]) if value.keys() == {"bytes"} else value
