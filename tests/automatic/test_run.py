"""What happens by itself: each step when it is due, one run at a time, and no failure that is lost."""

import subprocess
import sys
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from automatic.conftest import KEY, NOON, Scene, Watched
from chatseal import Store
from chatseal.automatic import plan, run, state, status
from chatseal.automatic.state import RunningError
from chatseal.snapshots import proofs
from snapshots.scene import noise


def snapshots(scene: Scene) -> int:
    with Store(scene.store, KEY) as store:
        return len(store.snapshots())


def break_store(scene: Scene) -> Path:
    """The store's disk is not there."""
    return scene.store.rename(scene.folder / "away")


def mend_store(scene: Scene) -> None:
    (scene.folder / "away").rename(scene.store)


# --- several stores ------------------------------------------------------------------------------------------------------


def test_a_job_with_several_stores_copies_after_every_backup(scene: Scene) -> None:
    second, third = scene.folder / "second", scene.source / "third"  # what lies in the source is not backed up into itself
    scene.write(scene.job().replace(f"'{scene.store}'", f"['{scene.store}', '{second}', '{third}']"))
    assert scene.steps()[:2] == ["backup", "copy"]
    for url in (second, third):
        with Store(url, KEY) as store:
            assert len(store.snapshots()) == 1
            assert not any("third" in entry.path for entry in store.snapshot().entries())
    scene.later(days=1)
    second.rename(scene.folder / "unmounted")
    ran = scene.run()
    assert [(done.step, done.status) for done in ran.steps] == [("backup", "ok"), ("copy", "failed")]
    assert ran.exit_code == 3
    assert f"there was a store at {second}" in scene.state().failures[0].message
    with Store(third, KEY) as store:
        assert len(store.snapshots()) == 2, "one that fails does not keep the others from getting theirs"
    (scene.folder / "unmounted").rename(second)
    scene.later(days=1)
    assert scene.run().exit_code == 0
    assert scene.state().failures == ()
    with Store(second, KEY) as store:
        assert len(store.snapshots()) == 3


# --- what is due ---------------------------------------------------------------------------------------------------------


def test_the_first_run_does_everything_and_the_next_nothing_until_it_is_due(scene: Scene) -> None:
    first = scene.run()
    assert "backup" in [done.step for done in first.steps]
    assert first.steps[-1].step == "drill"
    assert first.exit_code == 0
    assert scene.steps() == []
    scene.later(hours=14)
    assert scene.steps() == []
    scene.later(hours=2)  # 04:00
    assert scene.steps() == ["backup"]
    assert snapshots(scene) == 2


def test_days_on_which_the_machine_was_off_are_made_up_for_once(scene: Scene) -> None:
    scene.run()
    scene.later(days=5)
    assert scene.steps()[0] == "backup"
    assert scene.steps() == []


def test_an_hourly_timer_backs_up_once_a_day_and_drills_once_a_month(scene: Scene) -> None:
    done: list[str] = []
    for _ in range(62 * 24):
        scene.later(hours=1)
        found = plan.read(scene.config)
        (job,) = found.jobs
        for step in ("backup", "drill"):
            known = state.of(state.read(), job.name, job.store)
            when = run.due_of(job, known, step, scene.now)
            if when is not None and when <= scene.now:
                done.append(step)
                state.keep({"chats": known.with_success(step, int(scene.now.timestamp()))})
    assert 61 <= done.count("backup") <= 63
    assert done.count("drill") in (2, 3)


def test_without_due_a_backup_is_made_in_any_case(scene: Scene) -> None:
    scene.run()
    assert [done.step for done in scene.run(only_due=False).steps] == ["backup"]


def test_what_is_never_to_be_done_is_never_done(scene: Scene) -> None:
    scene.write(scene.job(), "[schedule]\nbackup='never'\nprune='never'\ndrill='never'\n")
    assert scene.steps() == []


def test_a_clock_that_was_wrong_when_it_was_backed_up_does_not_stop_backups(scene: Scene) -> None:
    scene.run()
    future = int((scene.now + timedelta(days=4000)).timestamp())
    state.keep({"chats": scene.state().with_success("backup", future)})
    assert "backup" in scene.steps()


def test_a_job_with_another_store_than_before_begins_anew(scene: Scene) -> None:
    scene.run()
    Store.create(scene.folder / "other", KEY).close()
    scene.write(scene.job(store=scene.folder / "other"))
    (one,) = status.look(plan.read(scene.config), scene.now).jobs
    assert (one.age, one.proof) == (None, None)
    steps = scene.steps()
    assert (steps[0], steps[-1]) == ("backup", "drill")


def test_a_drill_by_hand_counts(scene: Scene) -> None:
    scene.write(scene.job(), "[schedule]\ndrill='never'\n")
    scene.run()
    with Store(scene.store, KEY) as store:
        store.drill()
    scene.now = datetime.now().astimezone()
    scene.write(scene.job())
    assert "drill" not in scene.steps()


def test_what_could_not_be_read_is_no_success_but_a_backup(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    scene.write(scene.job().replace("source']", f"source', '{scene.folder}/not-here']"))
    ran = scene.run()
    assert ran.steps[0].status == "partly"
    assert ran.exit_code == 3
    assert scene.state().skipped == 1
    assert scene.state().backup


def test_what_a_policy_does_not_keep_is_forgotten_after_a_backup_and_pruned_when_that_is_due(scene: Scene) -> None:
    scene.write(scene.job(more="[job.chats.retention]\nkeep-last = 1"), "[schedule]\ndrill='never'\n")
    assert [done.step for done in scene.run().steps] == ["backup", "forget", "prune"]
    with Store(scene.store, KEY) as store:
        other = scene.folder / "other"
        other.mkdir()
        (other / "mine").write_bytes(b"mine")
        by_hand = store.backup(other).snapshot
    done: list[str] = []
    for _ in range(8):
        scene.later(days=1)
        (scene.source / "photo.jpg").write_bytes(noise(100_000, int(scene.now.timestamp())))
        steps = scene.steps()
        assert steps[:2] == ["backup", "forget"]
        done += steps
    assert done.count("prune") == 1
    with Store(scene.store, KEY) as store:
        left = store.snapshots()
        assert by_hand in {one.id for one in left}
        own = [one for one in left if one.id != by_hand]
        assert own[-1].id == scene.state().snapshot
        assert len(own) < 9
        assert store.check(share=1.0).broken == ()


def test_nothing_is_forgotten_after_a_backup_that_failed(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    scene.write(scene.job(more="[job.chats.retention]\nkeep-last = 1"))
    scene.run()
    scene.later(days=1)
    before = snapshots(scene)

    def fail(*_: object, **__: object) -> None:
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr(Store, "backup", fail)
        assert [done.step for done in scene.run().steps] == ["backup"]
    assert snapshots(scene) == before


# --- failures ------------------------------------------------------------------------------------------------------------


def test_a_failure_is_kept_tried_again_and_forgotten_when_it_goes_well(scene: Scene) -> None:
    break_store(scene)
    ran = scene.run()
    assert [(done.step, done.status) for done in ran.steps] == [("backup", "failed")]
    assert ran.exit_code == 10
    failure = scene.state().failed("backup")
    assert failure is not None
    assert "there is no store at" in failure.message
    assert scene.steps() == []  # not every minute
    scene.later(hours=1)
    scene.run()
    failure = scene.state().failed("backup")
    assert failure is not None
    assert failure.times == 2
    mend_store(scene)
    scene.later(hours=2)
    assert scene.run().exit_code == 0
    assert scene.state().failures == ()


def test_a_job_that_fails_keeps_no_other_from_being_done(scene: Scene) -> None:
    scene.write(scene.job("bad", store=scene.folder / "nowhere"), scene.job("good"))
    ran = scene.run()
    assert {done.job: done.status for done in ran.steps} == {"bad": "failed", "good": "ok"}
    assert ran.exit_code == 3


def test_a_drill_that_finds_something_is_a_failure_and_the_backup_is_none(scene: Scene) -> None:
    scene.run()
    for pack in (scene.store / "packs").rglob("*"):
        if pack.is_file():
            pack.write_bytes(pack.read_bytes()[:-1] + b"?")
    scene.later(days=31)
    ran = scene.run()
    assert (ran.steps[0].step, ran.steps[0].status) == ("backup", "ok")
    assert (ran.steps[-1].step, ran.steps[-1].status) == ("drill", "failed")
    assert ran.exit_code == 13
    failure = scene.state().failed("drill")
    assert failure is not None
    assert "does not come back: source/" in failure.message


def test_a_bug_is_remembered_like_a_failure(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Store, "backup", lambda *_, **__: 1 / 0)
    assert scene.run().exit_code == 1
    failure = scene.state().failed("backup")
    assert failure is not None
    assert "ZeroDivisionError" in failure.message


def test_a_run_that_was_cut_off_is_seen_as_such_and_the_next_one_goes_on(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    def cut(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Store, "backup", cut)
        with pytest.raises(KeyboardInterrupt):
            scene.run()
    (one,) = status.look(plan.read(scene.config), scene.now).jobs
    assert one.interrupted == scene.now.replace(microsecond=0)
    assert not one.is_well
    assert scene.run().exit_code == 0
    (one,) = status.look(plan.read(scene.config), scene.now).jobs
    assert one.interrupted is None


# --- one at a time -------------------------------------------------------------------------------------------------------


HOLDING = """
import time
from chatseal.automatic import state
with state.alone():
    print("there", flush=True)
    time.sleep(60)
"""


def test_a_second_run_says_so_and_a_killed_one_holds_nobody_up(scene: Scene) -> None:
    with subprocess.Popen([sys.executable, "-c", HOLDING], stdout=subprocess.PIPE) as other:
        try:
            assert other.stdout is not None
            assert other.stdout.readline() == b"there\n"
            assert state.is_running()
            with pytest.raises(RunningError) as refused:
                scene.run()
            assert refused.value.exit_code == 11
        finally:
            other.kill()
    assert not state.is_running()
    assert scene.run().exit_code == 0


@pytest.mark.parametrize(
    "text", [b"", b"{", b'{"version":1,"jobs":[]}', b'{"version":1,"jobs":{"chats":{}}}', b"\xff" * 9, b'{"version":9,"jobs":{}}']
)
def test_a_state_that_makes_no_sense_means_that_all_is_due(scene: Scene, text: bytes) -> None:
    scene.run()
    assert state.path().stat().st_mode & 0o777 == 0o600
    state.path().write_bytes(text)
    assert "backup" in scene.steps()


def test_of_jobs_that_are_no_more_the_oldest_are_forgotten(scene: Scene) -> None:
    scene.run()
    state.keep({"chats": scene.state(), **{f"job{n}": state.JobState(ran=n) for n in range(state.JOBS_MAX + 5)}})
    known = state.read()
    assert len(known) == state.JOBS_MAX
    assert "chats" in known
    assert "job5" not in known


# --- status --------------------------------------------------------------------------------------------------------------


def test_status_knows_age_proof_and_when_the_next_is_due(scene: Scene) -> None:
    (none,) = status.look(plan.read(scene.config), scene.now).jobs
    assert (none.age, none.proof, none.is_well, none.is_late) == (None, None, False, False)
    assert none.is_older(timedelta(days=9999))
    scene.run()
    scene.later(hours=1)
    (one,) = status.look(plan.read(scene.config), scene.now).jobs
    assert one.age == timedelta(hours=1)
    assert one.is_well
    assert one.due == scene.now.replace(hour=3, minute=15) + timedelta(days=1)
    assert one.proof is not None
    assert one.proof.snapshot == scene.state().snapshot
    assert proofs.read(scene.state().store_id)
    assert one.is_older(timedelta(minutes=59))
    assert not one.is_older(timedelta(minutes=61))
    scene.later(hours=30)
    (late,) = status.look(plan.read(scene.config), scene.now).jobs
    assert late.is_late
    assert not late.is_well


# --- Prometheus ----------------------------------------------------------------------------------------------------------


def families(file: Path) -> dict[str, dict[str, float]]:
    return {
        family.name: {sample.labels["job"]: sample.value for sample in family.samples}
        for family in text_string_to_metric_families(file.read_text())
    }


def test_prometheus_gets_a_file_that_it_can_read_also_after_a_failure(scene: Scene) -> None:
    textfile = scene.folder / "chatseal.prom"
    scene.write(scene.job(), scene.job("never", store=scene.folder / "nowhere"), f"[metrics]\ntextfile = '{textfile}'\n")
    scene.run()
    found = families(textfile)
    assert found["chatseal_backup_last_success_timestamp_seconds"] == {"chats": NOW, "never": 0}
    assert found["chatseal_run_last_exit_code"] == {"chats": 0, "never": 10}
    assert found["chatseal_failures"] == {"chats": 0, "never": 1}
    assert found["chatseal_backup_last_size_bytes"]["chats"] == scene.state().size
    assert textfile.stat().st_mode & 0o777 == 0o644
    textfile.unlink()
    scene.steps()
    assert families(textfile) == found
    assert [path.name for path in scene.folder.glob("*.prom*")] == ["chatseal.prom"]


NOW = NOON.timestamp()


def test_a_file_for_prometheus_that_cannot_be_written_stops_nothing_and_is_said(scene: Scene) -> None:
    scene.write(scene.job(), "[metrics]\ntextfile = '/dev/null/chatseal.prom'\n")
    ran = scene.run()
    assert ran.exit_code == 0
    assert ran.troubles == ("/dev/null/chatseal.prom was not written: not a directory",)


def test_who_looks_on_sees_every_step_begin_and_end(scene: Scene) -> None:
    watch = Watched()
    steps = scene.run(watch=watch).steps
    assert tuple(watch.steps) == steps
    assert watch.begun == [("chats", done.step) for done in steps]
