"""Whoever is to be told is told, by commands and by real requests; nobody who cannot be told stops a backup, and no secret gets out."""

import json
import os
import stat
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from automatic.conftest import Scene
from chatseal.automatic import hooks
from chatseal.automatic.hooks import Command, Url, parse_hook


class Pinged(ThreadingHTTPServer):
    """Takes pings, and answers with `code`."""

    def __init__(self) -> None:
        self.bodies: list[tuple[str, dict[str, Any]]] = []
        self.code, self.delay, self.location = 200, 0.0, ""
        super().__init__(("127.0.0.1", 0), Answer)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/ping/SECRET-UUID"


class Answer(BaseHTTPRequestHandler):
    server: Pinged

    def do_POST(self) -> None:
        time.sleep(self.server.delay)
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.bodies.append((self.path, json.loads(body)))
        self.send_response(self.server.code)
        if self.server.location:
            self.send_header("Location", self.server.location)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def pinged() -> Iterator[Pinged]:
    with serving(Pinged()) as server:
        yield server


@contextmanager
def serving(server: Pinged) -> Iterator[Pinged]:
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def script(folder: Path, text: str) -> Path:
    path = folder / "told.sh"
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(stat.S_IRWXU)
    return path


def test_success_and_failure_are_told_apart_with_what_failed(scene: Scene, pinged: Pinged) -> None:
    told = scene.folder / "told"
    line = script(scene.folder, f'echo "$CHATSEAL_STATUS: $CHATSEAL_MESSAGE" > {told}; cat >> {told}')
    scene.write(scene.job(), f"[notify]\non-success = '{pinged.url}'\non-failure = ['{pinged.url}/fail', '{line}']\n")
    assert scene.run().troubles == ()
    ((path, body),) = pinged.bodies
    assert path == "/ping/SECRET-UUID"
    assert (body["status"], body["message"]) == ("ok", "chats: all is well")
    assert {step["step"]: step["status"] for step in body["steps"]}["backup"] == "ok"
    assert scene.run().troubles == ()
    assert len(pinged.bodies) == 1  # nothing was due
    scene.store.rename(scene.folder / "away")
    scene.later(days=1)
    scene.run()
    path, body = pinged.bodies[-1]
    assert path == "/ping/SECRET-UUID/fail"
    assert body["status"] == "failed"
    assert body["message"].startswith("chats: backup failed: there is no store at")
    first, rest = told.read_text().split("\n", 1)
    assert first == f"failed: {body['message']}"
    assert json.loads(rest) == body


def test_what_was_left_out_is_told_as_a_failure(scene: Scene, pinged: Pinged) -> None:
    scene.write(scene.job().replace("source']", f"source', '{scene.folder}/gone']"), f"[notify]\non-failure = '{pinged.url}'\n")
    scene.run()
    assert pinged.bodies[0][1]["status"] == "partly"
    assert "without 1 name" in pinged.bodies[0][1]["message"]


def test_nobody_who_cannot_be_told_stops_a_backup_and_no_url_is_shown(scene: Scene, pinged: Pinged) -> None:
    pinged.code = 500
    bad = script(scene.folder, "exit 7")
    scene.write(scene.job(), f"[notify]\non-success = ['{pinged.url}', '{bad}', '/nowhere/command', 'http://127.0.0.1:9/SECRET']\n")
    ran = scene.run()
    assert ran.exit_code == 0
    assert ran.troubles == (
        "the URL at 127.0.0.1 answered 500",
        f"{bad} ended with exit code 7",
        "/nowhere/command did not start: No such file or directory",
        "the URL at 127.0.0.1 was not reached",
    )
    assert "SECRET" not in repr(ran)


def test_a_redirection_is_not_followed(pinged: Pinged) -> None:
    with serving(Pinged()) as other:
        pinged.code, pinged.location = 307, other.url
        assert Url(pinged.url).tell({}) == "the URL at 127.0.0.1 answered 307"
        assert other.bodies == []


def test_who_does_not_answer_in_time_is_left(pinged: Pinged, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hooks, "URL_SECONDS", 0.2)
    pinged.delay = 1.0
    began = time.monotonic()
    assert Url(pinged.url).tell({}) == "the URL at 127.0.0.1 was not reached"
    assert time.monotonic() - began < 1.0


def test_a_command_that_does_not_end_is_ended_with_its_children(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hooks, "COMMAND_SECONDS", 0.5)
    child = scene.folder / "child"
    line = script(scene.folder, f"sleep 60 & echo $! > {child}; wait")
    assert Command((str(line),)).tell({}) == f"{line} did not end in 0.5 seconds"
    process = int(child.read_text())
    for _ in range(100):
        if not is_alive(process):
            break
        time.sleep(0.05)
    assert not is_alive(process)


def is_alive(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().split()[2] != "Z"
    except FileNotFoundError:
        return False


def test_a_command_is_not_told_where_the_key_is_nor_run_by_a_shell(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHATSEAL_KEY_FILE", "/the/key")
    seen = scene.folder / "seen"
    line = script(scene.folder, f'env > {seen}; echo "$1" >> {seen}')
    hook = parse_hook(f"{line} '$(touch {scene.folder}/touched)'")
    assert hook.tell({"status": "ok"}) == ""
    assert "/the/key" not in seen.read_text()
    assert "CHATSEAL_STATUS=ok" in seen.read_text()
    assert "$(touch" in seen.read_text()
    assert not os.path.exists(scene.folder / "touched")


def test_neither_a_url_nor_a_command_is_shown() -> None:
    assert "SECRET" not in repr([parse_hook("https://example.com/SECRET"), parse_hook("mail SECRET")])
