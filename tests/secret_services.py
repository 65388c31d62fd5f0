"""A real Secret Service: GNOME's keyring on a message bus of its own, unlocked with a password, that asks nobody."""

import importlib.util
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

_PROGRAMS = {"dbus-daemon": "dbus-daemon", "gnome-keyring-daemon": "gnome-keyring"}  # and Debian's packages
_MISSING = [package for program, package in _PROGRAMS.items() if shutil.which(program) is None]
_LIBRARIES = [name for name in ("keyring", "secretstorage") if importlib.util.find_spec(name) is None]
needed = pytest.mark.skipif(bool(_MISSING or _LIBRARIES), reason=f"needs {', '.join(_MISSING + _LIBRARIES)}")

_PASSWORD = b"open sesame"
_PATIENCE = 30  # seconds; only a service that does not come up meets it
# No folders of services: whoever would be asked for a password cannot be started.
_BUS = """<busconfig><type>session</type><listen>unix:path={socket}</listen><auth>EXTERNAL</auth><policy context="default">
<allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/><allow own="*"/></policy></busconfig>"""


class Service:
    """Unlocked from the beginning."""

    def __init__(self) -> None:
        self._start()

    def _start(self) -> None:
        command = ["gnome-keyring-daemon", "--unlock", "--foreground", "--components=secrets"]
        self._running = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            assert self._running.stdin is not None
            self._running.stdin.write(_PASSWORD)
            self._running.stdin.close()
            _wait(_is_unlocked, self._running)
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        self._running.terminate()
        self._running.wait()

    def lock(self) -> None:
        """As when the person locks it."""
        import secretstorage

        bus = secretstorage.dbus_init()
        try:
            secretstorage.get_default_collection(bus).lock()
        finally:
            bus.close()

    def begin_again(self) -> None:
        """As when the person logs out and in."""
        self.stop()
        self._start()


@contextmanager
def message_bus(patch: pytest.MonkeyPatch) -> Iterator[None]:
    """A bus that nobody else is on, in the environment of this process."""
    folder = Path(tempfile.mkdtemp(prefix="cs-bus-"))  # sockets need a short name
    (folder / "bus.conf").write_text(_BUS.format(socket=folder / "bus"))
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "GNOME_KEYRING_CONTROL", "PYTHON_KEYRING_BACKEND"):
        patch.delenv(name, raising=False)
    for name, value in (("DBUS_SESSION_BUS_ADDRESS", f"unix:path={folder}/bus"), ("XDG_RUNTIME_DIR", str(folder)), ("HOME", str(folder))):
        patch.setenv(name, value)
    for name in ("DATA", "CONFIG", "CACHE"):
        patch.setenv(f"XDG_{name}_HOME", str(folder / name.lower()))
    command = ["dbus-daemon", f"--config-file={folder}/bus.conf", "--nofork", "--nopidfile"]
    try:
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as running:
            try:
                _wait(lambda: (folder / "bus").exists(), running)
                yield
            finally:
                running.terminate()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def secret_service(patch: pytest.MonkeyPatch) -> Iterator[Service]:
    """A service with an empty collection, on a bus of its own."""
    with message_bus(patch):
        service = Service()
        try:
            yield service
        finally:
            service.stop()


def _is_unlocked() -> bool:
    import secretstorage

    try:
        bus = secretstorage.dbus_init()
        try:
            return not secretstorage.get_default_collection(bus).is_locked()
        finally:
            bus.close()
    except secretstorage.exceptions.SecretStorageException:
        return False


def _wait(there: Callable[[], bool], running: "subprocess.Popen[bytes]") -> None:
    ends = time.monotonic() + _PATIENCE
    while not there():
        assert running.poll() is None
        assert time.monotonic() < ends
        time.sleep(0.02)
