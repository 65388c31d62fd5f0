"""`chatseal run` and `chatseal status`: what scripts, timers and people at a terminal get."""

import json
import time
from pathlib import Path

import pytest

from cli.command import Ran, Run
from cli.terminal import Terminal
from snapshots.scene import database


@pytest.fixture
def jobs(run: Run, here: Path, configured: Path, my: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A configuration with a job and its store; the folder of the state is `state`."""
    monkeypatch.setenv("CHATSEAL_STATE_DIR", str(here / "state"))
    monkeypatch.setenv("CHATSEAL_CACHE_DIR", str(here / "cache"))
    with database(here / "chat.db", 40):
        pass
    assert run("init", "store", "--key-file", my).code == 0
    assert run("setup", "--lock", "key", "--use", my).code == 0
    with open(configured, "a") as file:
        file.write(f"\n[job.chats]\nsources = ['{here}/chat.db']\nstore = '{here}/store'\n")
    return configured


def age(here: Path, **seconds: int) -> None:
    """Let what is remembered have been so many seconds earlier; a drill by its proof, too."""
    path = here / "state" / "jobs.json"
    document = json.loads(path.read_text())
    for name, amount in seconds.items():
        document["jobs"]["chats"][name] -= amount
    path.write_text(json.dumps(document))
    for path in (here / "state" / "proofs").iterdir() if "drill" in seconds else ():
        document = json.loads(path.read_text())
        for proof in document["proofs"]:
            proof["proven"] -= seconds["drill"]
        path.write_text(json.dumps(document))


def steps(ran: Ran) -> dict[str, str]:
    found = [json.loads(line) for line in ran.out.splitlines()]
    return {one["step"]: one["status"] for one in found if "step" in one}


def test_a_run_backs_up_and_drills_and_says_so_and_then_nothing_is_due(run: Run, jobs: Path) -> None:
    ended = run("run")
    assert (ended.code, ended.err) == (0, "")
    text = ended.out.decode()
    assert "chats: snapshot " in text
    assert "40 rows in 1 database: everything comes back" in text
    again = run("run", "--due")
    assert (again.code, again.out) == (0, b"nothing is due\n")
    assert run("run", "--due", "--quiet").out == b""


def test_json_has_a_line_for_each_step(run: Run, jobs: Path) -> None:
    found = steps(run("run", "--json"))
    assert found["backup"] == found["drill"] == "ok"
    assert steps(run("run", "--due", "--json")) == {}


def test_a_job_that_is_not_there_and_a_file_without_jobs_are_wrong_usage(run: Run, jobs: Path) -> None:
    run("run", "other").failed(2, "there is no job 'other'; the configuration has chats")
    jobs.write_text("[key]\nfile='/x'\n")
    run("run").failed(2, "names no job")
    run("status").failed(2, "names no job")


def test_a_mistake_in_the_configuration_is_named(run: Run, jobs: Path) -> None:
    jobs.write_text(jobs.read_text() + "exclud = ['a']\n")
    run("run").remedied(2, "job.chats.exclud")


def test_a_store_that_is_away_is_a_failure_that_status_and_the_next_command_show_and_recovery_ends_it(
    run: Run, jobs: Path, here: Path
) -> None:
    (here / "store").rename(here / "away")
    ended = run("run")
    assert ended.code == 10
    assert "chats: backup failed: there is no store at" in ended.err
    shown = run("status")
    assert shown.code == 0
    assert "chats: NOT WELL" in shown.out.decode()
    assert "backup, " in shown.out.decode()
    environment = {"CHATSEAL_STATE_DIR": str(here / "state"), "CHATSEAL_CONFIG": str(jobs)}
    code, text = Terminal("doctor", "--help", **environment).end()
    person = Terminal("inspect", "chat.db", **environment)
    assert person.end()[0] == 13
    code, text = Terminal("key", "new", "--out", here / "new.key", **environment).end()
    assert code == 0
    assert "The backup of chats failed: there is no store at" in text.replace("\r\n", " ")
    code, text = Terminal("key", "new", "--out", here / "newer.key", **environment).end()
    assert "failed" not in text
    (here / "away").rename(here / "store")
    assert run("run").code == 0
    assert "chats: well" in run("status").out.decode()


def test_status_for_monitoring_fails_if_there_is_no_young_backup(run: Run, jobs: Path, here: Path) -> None:
    assert run("status", "--max-age", "26h").code == 1
    assert run("run").code == 0
    assert run("status", "--max-age", "26h").code == 0
    age(here, backup=27 * 3600, drill=40 * 86400)
    old = run("status", "--max-age", "26h", "--quiet")
    assert (old.code, old.out) == (1, b"")
    assert "no backup that is young enough: chats" in old.err
    assert run("status").code == 0
    assert run("status", "--max-age", "often").code == 2
    assert steps(run("run", "--due", "--json")) == {"backup": "ok", "drill": "ok"}


def test_status_as_json_says_all_of_it(run: Run, jobs: Path, here: Path) -> None:
    assert run("run").code == 0
    found = json.loads(run("status", "--json").out)
    assert (found["job"], found["well"], found["left_out"], found["failures"], found["too_old"]) == ("chats", True, 0, [], None)
    assert found["last_backup"] <= time.time() < found["next_due"]
    assert found["proven_snapshot"] == found["snapshot"]
    assert found["proven_whole"] is True


def test_the_timer_asks_nobody_for_a_password(run: Run, jobs: Path) -> None:
    text = jobs.read_text()
    begin, end = text.index("file = "), text.index("\n\n[job")
    jobs.write_text(text[:begin] + "password = true" + text[end:])
    ended = run("run")
    assert ended.code != 0
    assert "chats: backup failed: " in ended.err


def test_a_run_without_a_key_fails_like_any_other_and_is_remembered(run: Run, jobs: Path) -> None:
    text = jobs.read_text()
    jobs.write_text(text[text.index("[job") :])
    ended = run("run")
    assert ended.code == 1
    assert "chats: backup failed: no key is given" in ended.err
    assert json.loads(run("status", "--json").out)["failures"][0]["message"].startswith("no key is given")


def test_setup_changes_the_key_and_leaves_the_jobs(run: Run, jobs: Path, here: Path) -> None:
    assert run("setup", "--lock", "key", "--keep", "file", "--key-out", here / "other.key").code == 0
    assert "[job.chats]" in jobs.read_text()
    assert run("setup", "--opt-out").code == 0
    assert "[job.chats]" in jobs.read_text()
    assert "\n[key]" not in jobs.read_text()


def test_what_the_stores_keeper_has_taken_away_shows_in_run_and_status(run: Run, jobs: Path, here: Path) -> None:
    assert run("run").code == 0
    (snapshot,) = (here / "store" / "snapshots").iterdir()
    snapshot.unlink()
    assert "nobody has forgotten it" in run("run").err
    text = run("status").out.decode()
    assert text.startswith("chats: NOT WELL\n")
    assert "  gone       1 object without having been forgotten" in text
    assert json.loads(run("status", "--json").out)["omitted"] == [f"snapshots/{snapshot.name}"]
    assert run("forget", "--gone", "--store", here / "store").code == 0
    assert run("status").out.startswith(b"chats: well\n")
