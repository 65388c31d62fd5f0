"""systemd: a user's timer and service."""

import os
import shutil
import subprocess
from pathlib import Path

from chatseal import part_file
from chatseal.automatic.schedules.call import Call, ScheduleError, Seen

NAME = "chatseal"
SECONDS = 30
SERVICE = """\
# Written by `chatseal schedule install`, which writes it anew each time. No secret is in it.
[Unit]
Description=chatseal: backups that are due

[Service]
Type=oneshot
ExecStart={command}
{environment}
Nice=10
IOSchedulingClass=idle
UMask=0077
LimitCORE=0
NoNewPrivileges=yes
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK
RestrictRealtime=yes
RestrictSUIDSGID=yes
LockPersonality=yes
SystemCallArchitectures=native
# What needs a name space (ProtectSystem= and its like) is not here: not every system lets a user's services have one.
"""
TIMER = """\
# Written by `chatseal schedule install`. What is due, `chatseal run` knows.
[Unit]
Description=chatseal: backups that are due, every hour

[Timer]
OnCalendar=*-*-* *:{minute:02}:00
Persistent=true
AccuracySec=1min

[Install]
WantedBy=timers.target
"""


class Systemd:
    """Units in the user's folder of systemd."""

    name = "systemd"

    def is_there(self) -> bool:
        return shutil.which("systemctl") is not None and _systemctl("show-environment") == 0

    def text(self, call: Call) -> dict[str, str]:
        environment = "\n".join(f"Environment={_quoted(f'{name}={value}')}" for name, value in call.environment.items())
        program, *words = call.words
        if any(sign in program for sign in "\"'\\"):
            raise ScheduleError("systemd takes no program whose path has a quotation mark or a backslash in it")
        # in the first word alone $ stands for itself
        command = " ".join([_quoted(program), *(_quoted(word).replace("$", "$$") for word in words)])
        service = SERVICE.format(command=command, environment=environment)
        return {str(_path("service")): service, str(_path("timer")): TIMER.format(minute=call.minute)}

    def install(self, call: Call) -> list[str]:
        for path, text in self.text(call).items():
            part_file.make_folder(Path(path).parent)
            part_file.write_whole(Path(path), text.encode(), mode=0o644, overwrite=True)
        if not self.is_there():
            return ["systemd does not answer here: it will call it when `systemctl --user enable --now chatseal.timer` was run"]
        if _systemctl("daemon-reload") or _systemctl("enable", "--now", f"{NAME}.timer") or _systemctl("restart", f"{NAME}.timer"):
            raise ScheduleError("systemd does not take the timer").with_remedy("`systemctl --user status chatseal.timer` says why.")
        return ["it is called while you are logged in; `loginctl enable-linger` has it called at other times, too"]

    def remove(self) -> bool:
        if self.is_there():
            _systemctl("disable", "--now", f"{NAME}.timer")
        found = False
        for path in (_path("timer"), _path("service"), _path("timer").parent / "timers.target.wants" / f"{NAME}.timer"):
            if os.path.lexists(path):
                path.unlink()
                found = True
        if found and self.is_there():
            _systemctl("daemon-reload")
        return found

    def look(self, call: Call) -> Seen:
        installed = _path("timer").exists() and _path("service").exists()
        current = installed and all(Path(path).read_text(errors="replace") == text for path, text in self.text(call).items())
        active = (_systemctl("is-active", "--quiet", f"{NAME}.timer") == 0) if installed and self.is_there() else None
        return Seen(self.name, str(_path("timer")), installed, current, active)


def _path(kind: str) -> Path:
    folder = os.environ.get("XDG_CONFIG_HOME") or os.path.expanduser("~/.config")
    return Path(folder) / "systemd" / "user" / f"{NAME}.{kind}"


def _quoted(text: str) -> str:
    """A word as systemd reads it back."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%") + '"'


def _systemctl(*words: str) -> int:
    try:
        ran = subprocess.run(["systemctl", "--user", *words], stdin=subprocess.DEVNULL, capture_output=True, timeout=SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return 1
    return ran.returncode
