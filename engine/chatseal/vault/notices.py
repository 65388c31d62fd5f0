"""Notices: owners are told of failures, destruction and what is announced. The audit chain is the queue, so that none is lost by a crash,
and no answer waits for one."""

import json
import shlex
import ssl
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

from chatseal.errors import KeyFormatError
from chatseal.keys import key_file
from chatseal.part_file import write_whole
from chatseal.vault.audit import NOBODY, Entry, Kind
from chatseal.vault.records import Intent, Reason, RecordStore

TOLD = (Kind.REGISTERED, Kind.REPLACED, Kind.FAILED, Kind.EXPIRED, Kind.DESTROYED, Kind.ANNOUNCED, Kind.WITHDRAWN, Kind.RESTORED)
SECONDS = 10.0  # for one notice
PAGE = 100
AGE_MS = 7 * 24 * 3600 * 1000  # older ones are left out: who repairs a webhook does not want last year's
RETRY_SECONDS = (2.0, 10.0, 60.0, 300.0)


class Sender(Protocol):
    """Takes a notice somewhere. May take ten seconds."""

    def send(self, notice: bytes) -> bool:
        """Whether it has arrived. Raises nothing. *notice* is a JSON object in ASCII."""


class Webhook:
    """Posts notices to a URL, which may hold a secret of its own: it comes from a file that nobody else can read."""

    def __init__(self, url: str) -> None:
        """Raises KeyFormatError unless it is https://, or http:// to this machine."""
        parts = urlsplit(url)
        if not (parts.scheme == "https" and parts.hostname) and not (
            parts.scheme == "http" and parts.hostname in ("127.0.0.1", "::1", "localhost")
        ):
            raise KeyFormatError("a webhook is an address with https://").with_remedy("Put the address alone into the file.")
        self._url = url
        self._opener = urllib.request.build_opener(_NoRedirects, urllib.request.HTTPSHandler(context=ssl.create_default_context()))

    @classmethod
    def from_file(cls, path: str) -> "Webhook":
        """The webhook in a file. Raises KeyFormatError, KeyExposedError or OSError."""
        return cls(key_file.read(path).strip())

    def send(self, notice: bytes) -> bool:
        """Post it; true for an answer of 2xx."""
        request = urllib.request.Request(self._url, notice, {"Content-Type": "application/json"}, method="POST")
        try:
            with self._opener.open(request, timeout=SECONDS) as answer:
                return 200 <= int(answer.status) < 300
        except (OSError, ValueError, urllib.error.URLError):
            return False


class Command:
    """Runs a command for each notice, which it reads from standard input. Nothing of it stands in the arguments."""

    def __init__(self, line: str) -> None:
        """A line as in a shell, which is not asked. Raises ValueError if it is none."""
        self._words = shlex.split(line)
        if not self._words:
            raise ValueError("no command")

    def send(self, notice: bytes) -> bool:
        """Run it; true for exit code 0."""
        try:
            ran = subprocess.run(self._words, input=notice, timeout=SECONDS, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        except (OSError, ValueError, subprocess.TimeoutExpired):
            return False
        return ran.returncode == 0


class Notices:
    """Sends what the audit chain holds since the last time. For one thread.

    `place` is a file with the index of the last entry that was told: after a crash one notice may come twice, and none is left out."""

    def __init__(self, store: RecordStore, place: Path, senders: tuple[Sender, ...], name: Callable[[bytes], str | None]) -> None:
        """*name* gives the name of an account, if anybody knows it. A vault that never told anything begins now. Raises OSError."""
        self._store, self._place, self._senders, self._name = store, place, senders, name
        self._failures = 0
        self._told = self._read()

    def turn(self) -> tuple[int, float]:
        """Send what there is; how many were sent, and the seconds to wait before the next turn. Raises as the store does, or OSError."""
        sent = 0
        while entries := self._store.entries(self._told, PAGE):
            for entry in entries:
                if self._is_told(entry):
                    if not self._send(notice(entry, self._name)):
                        self._failures += 1
                        return sent, RETRY_SECONDS[min(self._failures, len(RETRY_SECONDS)) - 1]
                    self._failures, sent = 0, sent + 1
                    self._write(entry.head.index)
                self._told = entry.head.index
            self._write(self._told)
        return sent, 1.0

    def _send(self, data: bytes) -> bool:
        arrived = [sender.send(data) for sender in self._senders]  # all of them, also after one that failed
        return all(arrived)

    @staticmethod
    def _is_told(entry: Entry) -> bool:
        return entry.event.kind in TOLD and time.time_ns() // 1_000_000 - entry.event.time < AGE_MS

    def _read(self) -> int:
        try:
            text = self._place.read_text("ascii").strip()
        except FileNotFoundError:
            text = ""
        head = self._store.head().index
        if not (text.isdigit() and len(text) < 20 and int(text) <= head):  # a database that was restored begins now, too
            self._write(head)
            return head
        return int(text)

    def _write(self, index: int) -> None:
        write_whole(self._place, f"{index}\n".encode(), overwrite=True)


def notice(entry: Entry, name: Callable[[bytes], str | None]) -> bytes:
    """What is said of an event: what, when, whose, and of a guess its number. Of an account that nobody can name only its tag."""
    event = entry.event
    detail = {Kind.DESTROYED: Reason, Kind.ANNOUNCED: Intent, Kind.WITHDRAWN: Intent}.get(event.kind)
    said = {
        "event": event.kind.name.lower(),
        "account": None if event.account == NOBODY else name(event.account),
        "tag": event.account[:8].hex(),
        "time": event.time // 1000,
        "generation": event.generation,
        "guess": event.slot or None,
        "why": detail(event.detail).name.lower() if detail and event.detail else None,
        "index": entry.head.index,
    }
    return json.dumps(said).encode()


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: object) -> None:  # a notice goes where the operator said
        return None
