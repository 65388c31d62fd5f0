"""A whole cycle as a person lives it: set up, scheduled, run by what was installed, broken, noticed, mended, proven. Every step is a real
process; time passes in what the machine remembers."""

import json
import os
import re
import shlex
import sqlite3
import subprocess
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from cli.command import BYTECODE, COMMAND, PACKAGE, Ran, environment, started
from cli.terminal import Terminal

HOUR, DAY = 3600, 86400


@dataclass
class Machine:
    """A home, and in it a chat database, its configuration, a store on a disk that can be taken away, and what a hook was told."""

    home: Path

    @property
    def state(self) -> Path:
        return self.home / ".local/state/chatseal"

    def environment(self) -> dict[str, str]:
        env = environment(HOME=str(self.home))
        for name in ("CHATSEAL_CONFIG", "CHATSEAL_STATE_DIR", "CHATSEAL_CACHE_DIR", "XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME"):
            env.pop(name, None)
        return env

    def chatseal(self, *words: str | Path) -> Ran:
        return started(*words, env=self.environment(), cwd=self.home)

    def person(self, *words: str) -> str:
        """What somebody sees at a terminal."""
        env = self.environment()
        code, shown = Terminal(*words, **{name: env[name] for name in ("HOME",)}, CHATSEAL_CONFIG=str(self.config)).end()
        assert code == 0
        return shown.replace("\r\n", " ")

    @property
    def config(self) -> Path:
        return self.home / ".config/chatseal/chatseal.toml"

    def timer(self) -> subprocess.CompletedProcess[bytes]:
        """Do what the installed service says, with the environment that it gives and no more."""
        unit = (self.home / ".config/systemd/user/chatseal.service").read_text()
        (line,) = re.findall(r"^ExecStart=(.*)$", unit, re.M)
        given = dict(shlex.split(setting)[0].split("=", 1) for setting in re.findall(r"^Environment=(.*)$", unit, re.M))
        # what systemd gives to every service, and where the tests have their code
        given |= {"HOME": str(self.home), "PYTHONPATH": PACKAGE, "PYTHONPYCACHEPREFIX": BYTECODE}
        return subprocess.run(shlex.split(line), env=given, cwd="/", capture_output=True, check=False, timeout=60)

    def passes(self, seconds: int) -> None:
        """Let so much time pass: all that is remembered is so much longer ago."""
        path = self.state / "jobs.json"
        document = json.loads(path.read_text())
        for job in document["jobs"].values():
            for name in ("backup", "prune", "forget", "drill", "ran"):
                job[name] = max(0, job[name] - seconds)
            for failure in job["failures"]:
                failure["time"] -= seconds
        path.write_text(json.dumps(document))
        for path in (self.state / "proofs").glob("*.json"):
            document = json.loads(path.read_text())
            for proof in document["proofs"]:
                proof["proven"] -= seconds
            path.write_text(json.dumps(document))

    def status(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.chatseal("status", "--json").out)
        return found

    def told(self) -> list[dict[str, Any]]:
        path = self.home / "told"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    def write_message(self, text: str) -> None:
        with closing(sqlite3.connect(self.home / "chat.db", isolation_level=None)) as connection:
            connection.execute("INSERT INTO message VALUES (?)", (text,))


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    home = tmp_path / "home"
    home.mkdir()
    with closing(sqlite3.connect(home / "chat.db", isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("CREATE TABLE message (text)")
    hook = home / "tell"
    hook.write_text(f"#!/bin/sh\ncat >> {home}/told\n")
    hook.chmod(0o700)
    return Machine(home)


def test_a_whole_cycle(machine: Machine) -> None:
    home, disk = machine.home, machine.home / "disk"
    disk.mkdir()

    # set up once
    assert machine.chatseal("setup", "--lock", "key", "--keep", "file").code == 0
    assert machine.chatseal("init", disk / "store").code == 0
    with open(machine.config, "a") as file:
        file.write(f"\n[job.chats]\nsources = ['~/chat.db']\nstore = '{disk}/store'\n")
        file.write(f"[notify]\non-success = '{home}/tell'\non-failure = '{home}/tell'\n[metrics]\ntextfile = '{home}/chatseal.prom'\n")
    installed = machine.chatseal("schedule", "install", "--kind", "systemd")
    assert installed.code == 0, installed.err
    assert (home / ".config/systemd/user/chatseal.timer").exists()
    assert machine.chatseal("schedule", "status").code == 0

    # the first night: everything, and it is proven
    machine.write_message("first")
    assert machine.chatseal("status", "--max-age", "26h").code == 1
    first = machine.timer()
    assert (first.returncode, first.stdout, first.stderr) == (0, b"", b"")
    assert machine.told()[-1]["status"] == "ok"
    one = machine.status()
    assert one["well"]
    assert one["proven_snapshot"] == one["snapshot"]
    assert machine.chatseal("status", "--max-age", "26h").code == 0

    # every hour: nothing, and nobody is told
    assert machine.timer().returncode == 0
    assert len(machine.told()) == 1
    assert machine.status()["snapshot"] == one["snapshot"]

    # some days later the disk is not there
    machine.write_message("second")
    machine.passes(3 * DAY)
    disk.rename(home / "gone")
    failed = machine.timer()
    assert failed.returncode == 10
    assert b"chats: backup failed: there is no store at" in failed.stderr
    assert (machine.told()[-1]["status"], len(machine.told())) == ("failed", 2)
    assert 'chatseal_run_last_exit_code{job="chats"} 10' in (home / "chatseal.prom").read_text()
    two = machine.status()
    assert not two["well"]
    assert [failure["step"] for failure in two["failures"]] == ["backup"]
    assert machine.chatseal("status", "--max-age", "26h").code == 1
    assert "NOT WELL" in machine.chatseal("status").out.decode()

    # whoever sits down at the machine sees it, once
    assert "The backup of chats failed" in machine.person("key", "new", "--out", str(home / "a.key"))
    assert "failed" not in machine.person("key", "new", "--out", str(home / "b.key"))

    # it is not tried again at once, but an hour later
    assert machine.timer().returncode == 0
    assert len(machine.told()) == 2
    machine.passes(HOUR)
    assert machine.timer().returncode == 10
    assert machine.status()["failures"][0]["times"] == 2

    # the disk is back: what was missed is made up for
    (home / "gone").rename(disk)
    machine.passes(2 * HOUR)
    assert machine.timer().returncode == 0
    three = machine.status()
    assert three["well"]
    assert three["snapshot"] != one["snapshot"]
    assert machine.told()[-1]["status"] == "ok"

    # a month later it is proven again; and a damaged store is not
    machine.passes(31 * DAY)
    assert machine.timer().returncode == 0
    four = machine.status()
    assert four["proven_snapshot"] == four["snapshot"] != three["snapshot"]
    packs = [path for path in (disk / "store/packs").rglob("*") if path.is_file()]
    for pack in packs:
        pack.write_bytes(pack.read_bytes()[:-1] + b"?")
    machine.passes(31 * DAY)
    assert machine.timer().returncode == 13
    five = machine.status()
    assert [failure["step"] for failure in five["failures"]] == ["drill"]
    assert five["proven_snapshot"] == four["snapshot"]

    # what was proven by hand is known, too: a new store of the same job
    assert machine.chatseal("init", home / "store2").code == 0
    machine.config.write_text(machine.config.read_text().replace(f"{disk}/store", f"{home}/store2"))
    assert machine.timer().returncode == 0
    key = machine.config.parent / "backup.key"
    drilled = machine.chatseal("drill", "--store", home / "store2", "--key-file", key, "--json")
    assert json.loads(drilled.out)["databases"] == [{"path": "chat.db", "whole": True, "rows": {"message": 2}}]
    assert "chats: well" in machine.chatseal("status").out.decode()

    # and it ends
    assert machine.chatseal("schedule", "remove", "--kind", "systemd").code == 0
    assert not (home / ".config/systemd/user/chatseal.timer").exists()


def test_a_timer_that_is_killed_in_the_middle_leaves_a_state_that_status_names_and_the_next_mends(machine: Machine) -> None:
    home = machine.home
    assert machine.chatseal("setup", "--lock", "key", "--keep", "file").code == 0
    assert machine.chatseal("init", home / "store").code == 0
    stuck = home / "stuck"
    stuck.write_text(f"#!/bin/sh\n[ -e {home}/once ] && echo content || {{ touch {home}/once; sleep 60; }}\n")
    stuck.chmod(0o700)
    with open(machine.config, "a") as file:
        file.write(f"\n[job.dump]\ncommand = '{stuck}'\nstore = '{home}/store'\n")
    words = [*COMMAND, "run", "--due"]
    with subprocess.Popen(words, env=machine.environment(), cwd=home, start_new_session=True, stderr=subprocess.DEVNULL) as running:
        try:
            while not (home / "once").exists():
                assert running.poll() is None
            assert "a run is at work now" in machine.chatseal("status").err
            busy = machine.chatseal("run")
            assert busy.code == 11
            assert "another `chatseal run` is at work" in busy.err
        finally:
            os.killpg(running.pid, 9)
    assert "did not end" in machine.chatseal("status").out.decode()
    assert machine.status()["interrupted"]
    assert machine.chatseal("run", "--due").code == 0
    assert machine.status()["well"]
