"""cron: a line in the user's crontab."""

import os
import shlex
import shutil
import subprocess

from chatseal.automatic.schedules.call import Call, ScheduleError, Seen

MARK = "# chatseal schedule install"
LINE_MAX = 990  # cron cuts what is longer than 998
TABLE_MAX = 1 << 20
SECONDS = 30


class Cron:
    """The last part of our line is a comment, by which it is known again."""

    name = "cron"

    def is_there(self) -> bool:
        return shutil.which("crontab") is not None

    def text(self, call: Call) -> dict[str, str]:
        return {"crontab": _line(call) + "\n"}

    def install(self, call: Call) -> list[str]:
        line, before = _line(call), _read()
        _write([*_others(before), line])
        return ["cron mails what it says, if this machine has mail; `chatseal status` tells in any case"]

    def remove(self) -> bool:
        if not self.is_there():
            return False
        before = _read()
        others = _others(before)
        if others == before:
            return False
        _write(others)
        return True

    def look(self, call: Call) -> Seen:
        lines = _read() if self.is_there() else []
        own = [line for line in lines if line.endswith(MARK)]
        return Seen(self.name, "crontab", bool(own), own == [_line(call)], None)


def _line(call: Call) -> str:
    environment = " ".join(f"{name}={shlex.quote(value)}" for name, value in call.environment.items())
    command = f"{environment} {shlex.join(call.words)}".replace("%", "\\%")  # cron's sign for a new line
    line = f"{call.minute} * * * * {command} {MARK}"
    if len(line.encode()) > LINE_MAX:
        raise ScheduleError("the line for the crontab would be too long").with_remedy("Try again with a shorter PATH.")
    return line


def _others(lines: list[str]) -> list[str]:
    return [line for line in lines if not line.endswith(MARK)]


def _read() -> list[str]:
    """The lines of the crontab; none if there is none. Raises ScheduleError."""
    ran = _crontab("-l")
    if ran.returncode == 0 and len(ran.stdout) <= TABLE_MAX:
        return ran.stdout.decode("utf-8", "surrogateescape").splitlines()
    if ran.returncode == 1 and b"no crontab" in ran.stderr:
        return []
    raise ScheduleError("the crontab cannot be read, so it is not written either").with_remedy("`crontab -l` says why.")


def _write(lines: list[str]) -> None:
    ran = _crontab("-", given="".join(line + "\n" for line in lines).encode("utf-8", "surrogateescape")) if lines else _crontab("-r")
    if ran.returncode:
        raise ScheduleError("cron does not take the line").with_remedy("`crontab -e` says why.")


def _crontab(word: str, given: bytes = b"") -> "subprocess.CompletedProcess[bytes]":
    try:
        return subprocess.run(["crontab", word], input=given, capture_output=True, timeout=SECONDS, check=False, env=_environment())
    except FileNotFoundError:
        raise ScheduleError("there is no cron here").with_remedy("Choose another --kind.") from None
    except subprocess.TimeoutExpired:
        raise ScheduleError("cron does not answer") from None


def _environment() -> dict[str, str]:
    return {**os.environ, "LC_ALL": "C"}  # the words that are looked for above
