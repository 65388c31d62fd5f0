"""Owners are told; nobody waits for it, and nothing secret is said."""

import json
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from chatseal.errors import KeyFormatError
from chatseal.vault.notices import Command, Notices, Webhook
from chatseal.vault.sqlite_records import SqliteRecords
from vault.service.person import RIGHT, Person
from vault.service.running import made, serving

ATTEMPT_MS = 400


@contextmanager
def listening(status: Callable[[], int]) -> Iterator[tuple[str, list[dict[str, object]]]]:
    """A webhook that answers with a status, and what it was told."""
    told: list[dict[str, object]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            said = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            if (code := status()) == 200:
                told.append(said)
            self.send_response(code)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/hook-of-the-household", told
        finally:
            server.shutdown()
            thread.join()


def until(holds: Callable[[], object]) -> None:
    deadline = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_failures_and_the_end_are_told_by_a_webhook_and_a_command(place: Path) -> None:
    files, tokens = made(place, "grandma")
    heard, arguments = place / "heard", place / "arguments"
    program = place / "tell.py"
    program.write_text(
        f"import sys\nopen({str(heard)!r}, 'a').write(sys.stdin.read() + '\\n')\nopen({str(arguments)!r}, 'a').write(repr(sys.argv[1:]))\n"
    )
    codes = iter([500, 200])
    with listening(lambda: next(codes, 200)) as (url, told):
        secret = place / "webhook"
        secret.write_text(url + "\n")
        secret.chmod(0o600)
        options = ("--notify-url-file", str(secret), "--notify-command", f"{sys.executable} {program} fixed")
        with serving(files, tokens, *options, attempt=ATTEMPT_MS) as service:
            person = Person(service, "grandma")
            person.register()
            person.guess_wrong()
            for _ in range(9):
                person.tell(person.login_start(RIGHT)[1])
            until(lambda: any(one["event"] == "destroyed" for one in told))
            events = [one["event"] for one in told]
            assert set(events) == {"destroyed", "expired", "failed", "registered"}
            assert events.index("registered") == 0
            assert [one["guess"] for one in told if one["event"] == "failed"] == [1]
            assert next(one["why"] for one in told if one["event"] == "destroyed") == "limit"
            assert {one["account"] for one in told} == {"grandma"}
            until(lambda: heard.read_text().count('"destroyed"') >= 1)
            assert set(arguments.read_text().replace("][", "]\n[").splitlines()) == {"['fixed']"}
            journal = service.journal.read_text()
    assert "hook-of-the-household" not in journal
    for text in (heard.read_text(), json.dumps(told)):
        assert not any(hidden in text for hidden in (tokens["grandma"], RIGHT, person.secret.hex()))


def test_a_webhook_that_is_down_stops_no_answer_and_is_told_later(place: Path) -> None:
    is_up = threading.Event()
    files, tokens = made(place, "grandma")
    with listening(lambda: 200 if is_up.is_set() else 503) as (url, told):
        (place / "webhook").write_text(url)
        (place / "webhook").chmod(0o600)
        with serving(files, tokens, "--notify-url-file", str(place / "webhook")) as service:
            person = Person(service, "grandma")
            person.register()
            assert person.guess_wrong() == "wrong"
            assert person.recover() == person.secret
            until(lambda: any(line["message"].startswith("a notice did not arrive") for line in service.lines()))  # type: ignore[attr-defined]
            service.kill()
        is_up.set()
        with serving(files, tokens, "--notify-url-file", str(place / "webhook")):
            until(lambda: len(told) == 2)
    assert [one["event"] for one in told] == ["registered", "failed"]


def test_a_command_that_fails_or_is_not_there_has_not_told(place: Path) -> None:
    assert not Command("false").send(b"{}")
    assert not Command(str(place / "missing")).send(b"{}")
    assert Command("true").send(b"{}")
    with pytest.raises(ValueError):
        Command(" ")
    with pytest.raises(ValueError):
        Command("'")


@pytest.mark.parametrize("url", ["http://example.org/hook", "ftp://example.org", "hook", "", "https://", "http://127.0.0.1.example.org/"])
def test_a_webhook_is_https_or_on_this_machine(url: str) -> None:
    with pytest.raises(KeyFormatError) as raised:
        Webhook(url)
    assert "example" not in str(raised.value) + raised.value.remedy


def test_a_place_that_is_damaged_begins_now(place: Path) -> None:
    files, _ = made(place)
    with SqliteRecords(files.database) as store:
        for text in ("", "x", "-1", "999999", "9" * 30):
            (place / "notified").write_text(text)
            assert Notices(store, place / "notified", (), lambda _: None).turn() == (0, 1.0)
            assert (place / "notified").read_text() == f"{store.head().index}\n"
