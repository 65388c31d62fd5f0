"""Timers: what is written is what systemd, launchd and cron read, calls the right command, has no secret, and touches nothing else."""

import os
import plistlib
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from automatic.conftest import Scene
from chatseal.automatic import plan
from chatseal.automatic.schedules import call as calls
from chatseal.automatic.schedules import cron
from chatseal.automatic.schedules.call import Call, ScheduleError
from chatseal.automatic.schedules.cron import Cron
from chatseal.automatic.schedules.kinds import KINDS
from chatseal.automatic.schedules.launchd import Launchd
from chatseal.automatic.schedules.systemd import Systemd

EVIL = "/opt/a b/50% $HOME/\"q\" 'x' \\back/`id`/#"
KEY = "[key]\nfile = '/home/ada/backup.key'\n"


def needs(tool: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(shutil.which(tool) is None, reason=f"{tool} is not here")


@pytest.fixture
def home(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home of the test, and a configuration in it that a timer can work with."""
    home = scene.folder / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    monkeypatch.setenv("CHATSEAL_CONFIG", str(scene.config))
    scene.write(KEY, scene.job(), "[schedule]\nat = '02:47'\n")
    return home


@pytest.fixture
def call(home: Path, scene: Scene) -> Call:
    return calls.of_plan(plan.read(scene.config))


def evil(call: Call) -> Call:
    return Call((EVIL, *call.words[1:]), {**call.environment, "CHATSEAL_CONFIG": EVIL}, call.minute)


def test_the_call_is_this_program_with_its_places_and_no_secret(call: Call, scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "SECRET")
    monkeypatch.setenv("CHATSEAL_KEY_FILE", "/SECRET")
    call = calls.of_plan(plan.read(scene.config))
    assert call.words[-3:] == ("run", "--due", "--quiet")
    assert os.path.isabs(call.words[0])
    assert set(call.environment) == {"CHATSEAL_CONFIG", "CHATSEAL_STATE_DIR", "CHATSEAL_CACHE_DIR", "PATH"}
    assert call.environment["CHATSEAL_CONFIG"] == str(scene.config)
    assert call.minute == 47
    for kind in KINDS.values():
        assert "SECRET" not in "".join(kind.text(call).values())
        assert "backup.key" not in "".join(kind.text(call).values())


def test_the_command_that_is_called_runs(call: Call) -> None:
    ended = subprocess.run([*call.words[:-3], "--version"], env=call.environment, capture_output=True, text=True, cwd="/", check=True)
    assert ended.stdout.startswith("chatseal ")


@pytest.mark.parametrize("key", ["", "[key]\nprompt = true\n", "[key]\npassword = true\n", "[key]\nvault = 'https://vault.example'\n"])
def test_what_could_only_fail_at_night_is_refused_by_day(scene: Scene, key: str) -> None:
    scene.write(key, scene.job())
    with pytest.raises(ScheduleError, match="key") as refused:
        calls.of_plan(plan.read(scene.config))
    assert "chatseal setup" in refused.value.remedy
    scene.write(KEY)
    with pytest.raises(ScheduleError, match="no job"):
        calls.of_plan(plan.read(scene.config))


def test_a_path_that_would_break_a_line_is_refused(home: Path, scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/bin:/a\nb")
    with pytest.raises(ScheduleError, match="cannot be printed"):
        calls.of_plan(plan.read(scene.config))


# --- systemd -------------------------------------------------------------------------------------------------------------


def units(home: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in sorted((home / ".config/systemd/user").glob("*.*")) if path.is_file()}


def verified(home: Path, paths: list[Path]) -> str:
    """All that systemd says of units."""
    words = ["systemd-analyze", "verify", "--user", *map(str, paths)]
    return subprocess.run(
        words, env={**os.environ, "XDG_RUNTIME_DIR": str(home)}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    ).stdout


@needs("systemd-analyze")
def test_systemd_finds_nothing_wrong_with_the_units(call: Call, home: Path) -> None:
    Systemd().install(call)
    folder = home / ".config/systemd/user"
    paths = [folder / "chatseal.service", folder / "chatseal.timer"]
    assert verified(home, paths) == ""
    for path, right, wrong in zip(paths, ("LockPersonality=", "Persistent=true"), ("LockPerson=", "Persistent=perhaps"), strict=True):
        text = path.read_text()
        path.write_text(text.replace(right, wrong))
        assert path.name in verified(home, paths)  # it would have said so
        path.write_text(text)


@needs("systemd-analyze")
def test_the_timer_comes_every_hour_at_its_minute_and_makes_up_for_missed_hours(call: Call, home: Path) -> None:
    timer = Systemd().text(call)[str(home / ".config/systemd/user/chatseal.timer")]
    when = re.search(r"^OnCalendar=(.*)$", timer, re.M)
    assert when is not None
    ended = subprocess.run(["systemd-analyze", "calendar", "--iterations=3", when[1]], capture_output=True, text=True, check=True)
    assert len(re.findall(r":47:00", ended.stdout)) >= 3
    assert "Persistent=true" in timer


@needs("systemd-analyze")
def test_a_program_of_any_name_is_found_by_systemd(call: Call, home: Path) -> None:
    program = home / "50% of $HOME `id`; & \u00e9"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o700)
    Systemd().install(Call((str(program), *call.words[-3:]), call.environment, 1))
    folder = home / ".config/systemd/user"
    assert verified(home, [folder / "chatseal.service"]) == ""
    program.unlink()
    assert str(program) in verified(home, [folder / "chatseal.service"])
    with pytest.raises(ScheduleError, match="quotation mark"):
        Systemd().text(Call((EVIL, *call.words[-3:]), call.environment, 1))


def test_a_setting_of_any_kind_comes_back_out_of_a_unit_as_it_was(call: Call, home: Path) -> None:
    service = Systemd().text(Call(call.words, evil(call).environment, 1))[str(home / ".config/systemd/user/chatseal.service")]
    setting = re.search(r"^Environment=(.*)$", service, re.M)
    assert setting is not None
    assert unquoted(setting[1]) == f"CHATSEAL_CONFIG={EVIL}"


def unquoted(text: str) -> str:
    """A quoted word as systemd.syntax(7) and systemd.unit(5) say that it is read."""
    assert text[0] == text[-1] == '"'
    return re.sub(r"\\(.)", r"\1", text[1:-1]).replace("%%", "%")


def test_installing_twice_writes_the_same_and_removing_leaves_the_others(call: Call, home: Path) -> None:
    folder = home / ".config/systemd/user"
    folder.mkdir(parents=True)
    (folder / "other.timer").write_text("[Timer]\n")
    kind = Systemd()
    notes = kind.install(call)
    assert notes
    before = units(home)
    kind.install(call)
    assert units(home) == before
    seen = kind.look(call)
    assert (seen.installed, seen.current) == (True, True)
    assert not kind.look(Call(call.words, call.environment, 1)).current
    assert kind.remove()
    assert units(home) == {"other.timer": "[Timer]\n"}
    assert not kind.remove()
    assert not kind.look(call).installed


# --- launchd -------------------------------------------------------------------------------------------------------------


def test_launchd_gets_a_property_list_that_its_own_format_reads(call: Call, home: Path) -> None:
    kind = Launchd()
    kind.install(evil(call))
    path = home / "Library/LaunchAgents/chatseal.run.plist"
    with open(path, "rb") as file:
        found = plistlib.load(file)
    assert found["Label"] == path.stem
    assert found["ProgramArguments"] == [EVIL, "run", "--due", "--quiet"] or found["ProgramArguments"][0] == EVIL
    assert found["StartCalendarInterval"] == {"Minute": 47}
    assert found["EnvironmentVariables"]["CHATSEAL_CONFIG"] == EVIL
    assert found["RunAtLoad"] is True
    assert path.stat().st_mode & 0o022 == 0
    assert kind.look(evil(call)).current
    assert kind.remove()
    assert not path.exists()


@needs("plutil")
def test_a_mac_finds_nothing_wrong_with_the_property_list(call: Call, home: Path) -> None:
    Launchd().install(call)
    subprocess.run(["plutil", "-lint", str(home / "Library/LaunchAgents/chatseal.run.plist")], check=True)


# --- cron ----------------------------------------------------------------------------------------------------------------


@pytest.fixture
def crontab() -> Iterator[list[str]]:
    """The real crontab of who runs this, given back as it was."""
    if shutil.which("crontab") is None:
        pytest.skip("crontab is not here")
    before = listed()
    if any(line.endswith(cron.MARK) for line in before):
        pytest.skip("whoever runs this has backups in the crontab")
    yield before
    if before:
        subprocess.run(["crontab", "-"], input="".join(line + "\n" for line in before).encode(), check=True)
    else:
        subprocess.run(["crontab", "-r"], capture_output=True, check=False)
    assert listed() == before


def listed() -> list[str]:
    ran = subprocess.run(["crontab", "-l"], capture_output=True, text=True, check=False)
    return ran.stdout.splitlines() if ran.returncode == 0 else []


def test_a_real_crontab_takes_the_line_once_and_keeps_all_others(call: Call, crontab: list[str]) -> None:
    other = "# mine\n5 4 * * 7 echo 100\\% of 'it'"
    subprocess.run(["crontab", "-"], input="".join(f"{line}\n" for line in [*crontab, *other.splitlines()]).encode(), check=True)
    kind, before = Cron(), listed()
    kind.install(call)
    kind.install(call)
    assert listed() == [*before, kind.text(call)["crontab"].rstrip("\n")]
    assert kind.look(call).current
    assert not kind.look(Call(call.words, call.environment, 1)).current
    assert kind.remove()
    assert listed() == before
    assert not kind.remove()


def test_a_shell_reads_the_line_as_it_was_meant(call: Call, scene: Scene) -> None:
    program = scene.folder / "50% of 'a b'"
    program.write_text(f'#!{sys.executable}\nimport os, sys\nprint(sys.argv[1:], os.environ["CHATSEAL_CONFIG"])\n')
    program.chmod(0o700)
    line = Cron().text(Call((str(program), *call.words[-3:]), {**call.environment, "CHATSEAL_CONFIG": EVIL}, 7))["crontab"]
    fields = line.split(maxsplit=5)
    assert fields[:5] == ["7", "*", "*", "*", "*"]
    assert "%" not in fields[5].replace("\\%", "")
    command = fields[5].replace("\\%", "%")  # as crontab(5) says that cron does
    ended = subprocess.run(["/bin/sh", "-c", command], capture_output=True, text=True, check=True)
    assert ended.stdout == f"['run', '--due', '--quiet'] {EVIL}\n"


def test_a_line_that_cron_would_cut_is_refused(call: Call) -> None:
    with pytest.raises(ScheduleError, match="too long"):
        Cron().text(Call(call.words, {**call.environment, "PATH": "/x" * 500}, 1))


def test_a_crontab_that_cannot_be_read_is_not_overwritten(call: Call, scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = scene.folder / "bin"
    folder.mkdir()
    (folder / "crontab").write_text(f'#!/bin/sh\n[ "$1" = -l ] && {{ echo "you may not" >&2; exit 1; }}\ntouch {scene.folder}/written\n')
    (folder / "crontab").chmod(0o700)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    with pytest.raises(ScheduleError, match="cannot be read"):
        Cron().install(call)
    assert not (scene.folder / "written").exists()
