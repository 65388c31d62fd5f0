"""Stores that rclone reaches: what an rclone needs to be, what ends with what, what a crash leaves, and what nobody is told."""

import json
import logging
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import replace
from pathlib import Path

import pytest

from chatseal.errors import ObjectMissingError, StoreFailedError, StoreRefusedError
from chatseal.objects import rclone_daemon
from chatseal.objects.addresses import open_store
from chatseal.objects.rclone_store import PART_LIFE, PARTS, SECOND, Patience, RcloneStore
from chatseal.objects.uploads import Uploads
from cli.command import environment, started
from corpus import MIB, noise
from servers.process import PATIENCE
from servers.proxy import Fault, Proxy
from servers.rclone import HASTY, Remote
from snapshots.scene import add_messages, database

CONFIG = "config"


@pytest.fixture(params=["webdav", "sftp"])
def remote(request: pytest.FixtureRequest) -> Remote:
    found: Remote = request.getfixturevalue(f"{request.param}_remote")
    return found


def calls_of(store: RcloneStore) -> list[Callable[[], object]]:
    return [
        lambda: store.put("packs/a", b"x"),
        lambda: store.get("packs/a", 10),
        lambda: store.get_range("packs/a", 0, 10),
        lambda: store.info("packs/a"),
        lambda: list(store.list("")),
        lambda: store.delete("packs/a"),
    ]


def told(error: BaseException) -> str:
    """All that an error can show to whoever prints it, its context too."""
    return f"{error!r} {error} {getattr(error, 'remedy', '')} {error.__cause__!r} {error.__context__!r}"


# --- the program ------------------------------------------------------------------------------------------------------------


def test_without_rclone_the_words_say_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(StoreFailedError, match="not installed") as raised:
        open_store("rclone:remote:path")
    assert "apt-get install rclone" in raised.value.remedy


def test_an_rclone_that_is_too_old_is_refused(sftp_remote: Remote, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rclone_daemon, "OLDEST", (9999, 0))
    with closing(sftp_remote.open()) as store, pytest.raises(StoreFailedError, match=r"too old: 9999\.0 or later") as raised:
        list(store.list(""))
    assert "rclone.org" in raised.value.remedy


def test_an_rclone_that_does_not_start_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "rclone").write_text("#!/bin/sh\necho a secret >&2\nexit 1\n")
    (tmp_path / "rclone").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    with closing(RcloneStore("remote")) as store, pytest.raises(StoreFailedError, match="does not start") as raised:
        list(store.list(""))
    assert "secret" not in told(raised.value)


def test_an_rclone_that_is_killed_is_started_again(sftp_remote: Remote) -> None:
    with closing(sftp_remote.open()) as store:
        store.put("packs/a", b"x")
        for pid in rclones_below(os.getpid()):
            os.kill(pid, signal.SIGKILL)
        assert store.get("packs/a", 1) == b"x"


def test_settings_that_others_want_of_rclone_do_not_hide_objects(sftp_remote: Remote, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "EXCLUDE": "packs/**",
        "MAX_SIZE": "0",
        "DRY_RUN": "true",
        "RC_ADDR": "127.0.0.1:1",
        "IGNORE_EXISTING": "true",
    }.items():
        monkeypatch.setenv(f"RCLONE_{name}", value)
    with closing(sftp_remote.open()) as store:
        store.put("packs/a", b"one")
        store.put("packs/a", b"two")
        assert [(info.name, info.size) for info in store.list("packs/")] == [("packs/a", 3)]
        assert store.get("packs/a", 3) == b"two"


# --- refusals ---------------------------------------------------------------------------------------------------------------


def test_a_remote_that_rclone_does_not_know_is_told(sftp_remote: Remote) -> None:
    with closing(RcloneStore("nobodys", "x", patience=HASTY)) as store:
        for call in calls_of(store):
            with pytest.raises(StoreFailedError, match="no remote of that name") as raised:
                call()
            assert "rclone listremotes" in raised.value.remedy


def test_a_wrong_password_is_refused_at_once_and_shown_nowhere(
    remote: Remote, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    wrong = replace(remote, password="wrong-password-71e0")
    wrong.enter(monkeypatch)
    monkeypatch.setenv("RCLONE_LOW_LEVEL_RETRIES", "1")  # it would try the password ten times within ten seconds, a call
    with caplog.at_level(logging.DEBUG), closing(wrong.open()) as store:
        for call in calls_of(store):
            with pytest.raises(StoreRefusedError, match="refuses") as raised:
                call()
            assert not any(secret in told(raised.value) + repr(store) for secret in (*wrong.secrets, *remote.secrets))
    assert not any(secret in caplog.text + "".join(capfd.readouterr()) for secret in (*wrong.secrets, *remote.secrets))


def test_a_server_that_is_gone_is_given_up_and_told(remote: Remote, monkeypatch: pytest.MonkeyPatch) -> None:
    with Proxy(remote.port, then=Fault("refuse")) as proxy:
        gone = remote.through(proxy)
        gone.enter(monkeypatch)
        monkeypatch.setenv("RCLONE_LOW_LEVEL_RETRIES", "1")
        with closing(gone.open(Patience(retry_for=0.5, first_pause=0.1))) as store:
            for call in calls_of(store)[1:3]:
                with pytest.raises(StoreFailedError, match=r"rclone does not get it done|broken off") as raised:
                    call()
                assert not any(secret in told(raised.value) for secret in remote.secrets)


def test_every_call_gets_over_a_line_that_breaks(webdav_remote: Remote, monkeypatch: pytest.MonkeyPatch) -> None:
    faults = [None, Fault("refuse"), Fault("cut answer"), Fault("cut answer", 100), Fault("cut request", 20), Fault("cut request", MIB)]
    data = noise(2 * MIB)
    with Proxy(webdav_remote.port, faults) as proxy:
        broken = webdav_remote.through(proxy)
        broken.enter(monkeypatch)
        with closing(broken.open()) as store:
            for _ in range(2):
                store.put("packs/a", data)
                proxy.cut_all()
                assert store.get("packs/a", len(data)) == data
                proxy.cut_all()
                assert [info.size for info in store.list("packs/")] == [len(data)]
                proxy.cut_all()
        assert proxy.connections > len(faults)


# --- what others see ----------------------------------------------------------------------------------------------------------


def children_of(pid: int) -> list[int]:
    with suppress(OSError):
        return [int(word) for task in Path(f"/proc/{pid}/task").iterdir() for word in (task / "children").read_text().split()]
    return []


def below(pid: int) -> Iterator[int]:
    for child in children_of(pid):
        yield child
        yield from below(child)


def rclones_below(pid: int) -> list[int]:
    return [one for one in below(pid) if (words := argv_of(one)) and words[-1] == b"rcd"]


def argv_of(pid: int) -> list[bytes]:
    with suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes().rstrip(b"\0").split(b"\0")
    return []


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="needs /proc")
def test_no_secret_is_in_the_arguments_of_any_process(remote: Remote) -> None:
    with closing(remote.open()) as store:
        store.put("packs/a", b"x")
        pids = list(below(os.getpid()))
        assert rclones_below(os.getpid())
        words = b" ".join(word for pid in pids for word in argv_of(pid) if argv_of(pid)[1:2] != [b"serve"])
        [environ] = (Path(f"/proc/{pid}/environ").read_bytes() for pid in rclones_below(os.getpid()))
        password = environ.partition(b"RCLONE_RC_PASS=")[2].partition(b"\0")[0]
        assert len(password) == 64
        assert not any(secret.encode() in words for secret in (*remote.secrets, password.decode()))


def test_nobody_without_its_password_is_answered(sftp_remote: Remote) -> None:
    with closing(sftp_remote.open()) as store:
        store.put("packs/a", b"x")
        ports = {port for pid in rclones_below(os.getpid()) for port in listening(pid)}
        assert len(ports) == 1
        for path in ("core/version", "config/dump", f"%5B{sftp_remote.name}:%5D/packs/a"):
            request = urllib.request.Request(f"http://127.0.0.1:{min(ports)}/{path}", method="POST")
            with pytest.raises(urllib.error.HTTPError, match="401"):
                urllib.request.urlopen(request)


def listening(pid: int) -> list[int]:
    """Ports of loopback on which a process listens."""
    sockets = {os.readlink(link) for link in Path(f"/proc/{pid}/fd").iterdir()}
    lines = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return [int(line[1].split(":")[1], 16) for line in lines if line[3] == "0A" and f"socket:[{line[9]}]" in sockets]


HOLDER = """
import json, os, sys, time
from chatseal.objects.addresses import open_store
store = open_store(sys.argv[1])
store.put("packs/a", b"x")
print(str(store._daemon().folder), flush=True)
time.sleep(600)
"""


def test_rclone_ends_with_a_parent_that_is_killed(sftp_remote: Remote) -> None:
    holder = subprocess.Popen([sys.executable, "-c", HOLDER, sftp_remote.url], stdout=subprocess.PIPE, env=environment())
    assert holder.stdout is not None
    try:
        folder = Path(os.fsdecode(holder.stdout.readline().strip()))
        left = list(below(holder.pid))
        assert folder.is_dir()
        assert folder.stat().st_mode & 0o777 == 0o700
        assert rclones_below(holder.pid)
    finally:
        holder.kill()
        holder.wait()
        holder.stdout.close()
    last = time.monotonic() + PATIENCE
    while (any(argv_of(pid) for pid in left) or folder.exists()) and time.monotonic() < last:
        time.sleep(0.02)
    assert not folder.exists()
    assert not any(argv_of(pid) for pid in left)


# --- putting over -------------------------------------------------------------------------------------------------------------


def test_a_crash_between_the_two_steps_of_replacing_loses_nothing(remote: Remote) -> None:
    """rclone deletes what is there, and then gives the part its name: here everybody has crashed in between."""
    old, new = b"the old config", b"the config that replaces it"
    with closing(remote.open()) as store:
        store.put(CONFIG, old)
        store.put(CONFIG, new)
        store._daemon().ask("operations/deletefile", {"fs": f"{remote.name}:{remote.path}", "remote": CONFIG})
        assert store.get(CONFIG, 100) == new
        assert store.get_range(CONFIG, 4, 3) == new[4:7]
        assert store.info(CONFIG).size == len(new)
        assert [(info.name, info.size) for info in store.list("")] == [(CONFIG, len(new))]
        store.put(CONFIG, old)
        assert (remote.folder / remote.path / CONFIG).read_bytes() == store.get(CONFIG, 100) == old
        store.delete(CONFIG)
        assert list(store.list("")) == []
        with pytest.raises(ObjectMissingError):
            store.get(CONFIG, 100)


REPLACER = """
import itertools, sys
from chatseal.objects.addresses import open_store
store = open_store(sys.argv[1])
for turn in itertools.count():
    store.put("config", bytes([turn % 256]) * 200_000)
    if turn == 1:
        print("replaces", flush=True)
"""


def test_who_is_killed_while_replacing_leaves_one_of_both_whole(sftp_remote: Remote) -> None:
    with closing(sftp_remote.open()) as store:
        for kill in range(4):
            writer = subprocess.Popen([sys.executable, "-c", REPLACER, sftp_remote.url], stdout=subprocess.PIPE, env=environment())
            assert writer.stdout is not None
            assert writer.stdout.readline() == b"replaces\n"
            for pid in below(writer.pid):  # the whole machine, so to say: rclone does not come to the end of its call either
                os.kill(pid, signal.SIGSTOP)
            time.sleep(0.003 * kill)
            for pid in [*below(writer.pid), writer.pid]:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            writer.wait()
            writer.stdout.close()
            data = store.get(CONFIG, MIB)
            assert len(data) == 200_000
            assert len(set(data)) == 1
            assert [(info.name, info.size) for info in store.list("")] == [(CONFIG, 200_000)]


def test_what_a_killed_run_left_is_removed_a_day_later(sftp_remote: Remote) -> None:
    parts = sftp_remote.folder / sftp_remote.path / PARTS
    parts.mkdir(parents=True)
    for name in ("old", "young"):
        (parts / name).write_bytes(b"half")
    os.utime(parts / "old", (time.time() - PART_LIFE - 60,) * 2)
    with closing(sftp_remote.open()) as store:
        assert list(store.list("")) == []
        store.put("packs/a", b"x")
        assert [path.name for path in parts.iterdir()] == ["young"]


def test_only_what_is_put_over_is_kept_twice(sftp_remote: Remote) -> None:
    with closing(sftp_remote.open()) as store:
        store.put("packs/a", b"once")
        store.put(CONFIG, b"1")
        store.put(CONFIG, b"2")
    second = sftp_remote.folder / sftp_remote.path / SECOND
    assert [path.name for path in second.iterdir()] == [CONFIG]


def test_rclone_keeps_the_pace_of_uploads(sftp_remote: Remote) -> None:
    began = time.monotonic()
    with closing(sftp_remote.open()) as store, Uploads(store, limit=2 * MIB) as uploads:
        for name in "abcd":
            uploads.submit(f"packs/{name}", noise(MIB // 2))
    assert time.monotonic() - began > 0.7


# --- the whole way --------------------------------------------------------------------------------------------------------------


def test_a_backup_comes_back_through_rclone(webdav_remote: Remote, tmp_path: Path) -> None:
    env = environment(
        **webdav_remote.environment,
        CHATSEAL_STATE_DIR=str(tmp_path / "state"),
        CHATSEAL_CACHE_DIR=str(tmp_path / "cache"),
        CHATSEAL_STORE=webdav_remote.url,
        CHATSEAL_KEY_FILE=str(tmp_path / "my.key"),
    )

    def run(*words: str) -> bytes:
        ran = started(*words, env=env, cwd=tmp_path)
        assert ran.code == 0, ran.err
        assert not any(secret in ran.err + ran.out.decode() for secret in webdav_remote.secrets)
        return ran.out

    run("key", "new", "--out", "my.key", "--quiet")
    run("init", webdav_remote.url)
    with database(tmp_path / "chat.db", 400) as connection:
        run("backup", "chat.db", "--json")
        add_messages(connection, 5, seed=3)
        second = json.loads(run("backup", "chat.db", "--json"))
    assert second["bytes_added"] < (tmp_path / "chat.db").stat().st_size / 2
    assert json.loads(run("check", "--read-data", "--json"))["snapshots"] == 2
    run("restore", "latest", "--to", "restored")
    assert (tmp_path / "restored/chat.db").read_bytes() == (tmp_path / "chat.db").read_bytes()
