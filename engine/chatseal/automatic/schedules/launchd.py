"""launchd: a user's agent on macOS. Written with the system's own format; never run by us on a Mac."""

import os
import plistlib
import subprocess
import sys
from pathlib import Path

from chatseal import part_file
from chatseal.automatic.schedules.call import Call, ScheduleError, Seen

LABEL = "chatseal.run"
SECONDS = 30


class Launchd:
    """A property list in ~/Library/LaunchAgents."""

    name = "launchd"

    def is_there(self) -> bool:
        return sys.platform == "darwin"

    def text(self, call: Call) -> dict[str, str]:
        about = {
            "Label": LABEL,
            "ProgramArguments": list(call.words),
            "EnvironmentVariables": call.environment,
            "StartCalendarInterval": {"Minute": call.minute},
            "RunAtLoad": True,  # after a night without power: what was missed while it slept launchd calls by itself
            "ProcessType": "Background",
            "LowPriorityIO": True,
            "Nice": 10,
            "Umask": 0o077,
        }
        return {str(_path()): plistlib.dumps(about).decode()}

    def install(self, call: Call) -> list[str]:
        ((path, text),) = self.text(call).items()
        part_file.make_folder(Path(path).parent)
        part_file.write_whole(Path(path), text.encode(), mode=0o644, overwrite=True)
        if not self.is_there():
            return ["launchd is not here: `launchctl bootstrap gui/$UID` with this file on a Mac"]
        _launchctl("bootout", f"gui/{os.getuid()}/{LABEL}")
        if _launchctl("bootstrap", f"gui/{os.getuid()}", path):
            raise ScheduleError("launchd does not take the agent").with_remedy("`launchctl print gui/$UID/chatseal.run` says why.")
        return ["macOS asks once whether chatseal may read folders such as Documents: give the program full disk access if it does not ask"]

    def remove(self) -> bool:
        if self.is_there():
            _launchctl("bootout", f"gui/{os.getuid()}/{LABEL}")
        found = _path().exists()
        _path().unlink(missing_ok=True)
        return found

    def look(self, call: Call) -> Seen:
        ((path, text),) = self.text(call).items()
        installed = Path(path).exists()
        current = installed and Path(path).read_text(errors="replace") == text
        active = _launchctl("print", f"gui/{os.getuid()}/{LABEL}") == 0 if installed and self.is_there() else None
        return Seen(self.name, path, installed, current, active)


def _path() -> Path:
    return Path(os.path.expanduser("~/Library/LaunchAgents")) / f"{LABEL}.plist"


def _launchctl(*words: str) -> int:
    try:
        return subprocess.run(["launchctl", *words], stdin=subprocess.DEVNULL, capture_output=True, timeout=SECONDS, check=False).returncode
    except (OSError, subprocess.TimeoutExpired):
        return 1
