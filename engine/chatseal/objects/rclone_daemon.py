"""rclone daemon: one `rclone rcd` as a child process, asked over loopback with a password that only it and this process know."""

import base64
import contextlib
import http.client
import json
import os
import re
import secrets
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final, cast
from urllib.parse import quote

from chatseal.errors import StoreFailedError
from chatseal.objects.rclone_errors import RcloneError

OLDEST: Final = (1, 60)
START_SECONDS: Final = 60.0  # until it listens; only a machine on its knees meets it
END_SECONDS: Final = 10.0
ANSWER_MAX: Final = 128 << 20  # bytes of an answer: a list of 700 000 objects
_SAID_MAX: Final = 1 << 16
_LISTENS = re.compile(rb"http://127\.0\.0\.1:(\d{1,5})/")
_HOST: Final = "127.0.0.1"
_DAY: Final = "24h"
# What others want of rclone: to hide files, to copy otherwise, to write logs. It would break what a store promises.
_DROPPED = re.compile(
    r"RCLONE_(?:RC|METRICS|LOG|SYSLOG|STATS|PROGRESS|DUMP|FILTER|INCLUDE|EXCLUDE|FILES_FROM|HASH_FILTER|SUFFIX|PARTIAL_SUFFIX|METADATA)(?:_.*)?"
    r"|RCLONE_(?:VERBOSE|QUIET|USE_JSON_LOG|INTERACTIVE|DRY_RUN|MIN_AGE|MAX_AGE|MIN_SIZE|MAX_SIZE|MAX_DEPTH|IGNORE_CASE|DELETE_EXCLUDED"
    r"|IMMUTABLE|IGNORE_EXISTING|UPDATE|SIZE_ONLY|CHECKSUM|IGNORE_SIZE|COMPARE_DEST|COPY_DEST|BACKUP_DIR|MAX_TRANSFER|MAX_DURATION"
    r"|CUTOFF_MODE|NO_TRAVERSE|NO_CHECK_DEST|INPLACE|CPUPROFILE|MEMPROFILE)"
    r"|CHATSEAL_.*|CREDENTIALS_DIRECTORY"
)
_OURS: Final = {
    "RCLONE_ASK_PASSWORD": "false",
    "RCLONE_IGNORE_TIMES": "true",  # an object that is put over may have the length of the old one
    # Times by the server's own clock, where rclone can leave them to it.
    "RCLONE_USE_SERVER_MODTIME": "true",
    "RCLONE_SFTP_SET_MODTIME": "false",
    "RCLONE_LOCAL_NO_SET_MODTIME": "true",
    "RCLONE_DRIVE_USE_CREATED_DATE": "true",
    "RCLONE_RC_ADDR": f"{_HOST}:0",
    "RCLONE_RC_SERVE": "true",
    "RCLONE_RC_SERVER_READ_TIMEOUT": _DAY,
    "RCLONE_RC_SERVER_WRITE_TIMEOUT": _DAY,
}


def find() -> str:
    """Where rclone is. Raises StoreFailedError with the remedy if it is not installed."""
    found = shutil.which("rclone")
    if found is None:
        raise StoreFailedError("a store at rclone: needs the program rclone, which is not installed").with_remedy(
            "Install it, `apt-get install rclone` or from https://rclone.org/install, and set the remote up with `rclone config`."
        )
    return found


class Daemon:
    """A running `rclone rcd`. Any thread may ask; it ends with `close`, and with this process however that ends.

    User and password of the daemon go by its environment, which no other user of the machine can read."""

    def __init__(self) -> None:
        """Starts it. Raises StoreFailedError if it does not listen soon, or is too old."""
        user, password = secrets.token_hex(8), secrets.token_hex(32)
        self._authorization = "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()
        environment = {name: value for name, value in os.environ.items() if _DROPPED.fullmatch(name) is None}
        environment |= {**_OURS, "RCLONE_RC_USER": user, "RCLONE_RC_PASS": password}
        interpreter = sys.executable or shutil.which("python3")
        if not interpreter:
            raise StoreFailedError("there is no Python interpreter to run beside this program, which ends rclone with it")
        program = Path(__file__).with_name("rclone_launcher.py").read_text(encoding="utf-8")
        self._process = subprocess.Popen(
            [interpreter, "-I", "-S", "-c", program, find()],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment,
            process_group=0,  # Ctrl-C at the terminal is for this process to handle
        )
        self._listens = threading.Event()
        self._port = 0
        self._thread = threading.Thread(target=self._hear, name="chatseal-rclone", daemon=True)
        try:
            self.folder = Path(os.fsdecode(self._line().rstrip(b"\r\n")))
            self._thread.start()
            if not self._listens.wait(START_SECONDS) or not self._port:
                raise StoreFailedError("rclone does not start").with_remedy("`rclone rcd` says why.")
            self._check_version()
        except BaseException:
            self.close()
            raise

    @property
    def is_running(self) -> bool:
        return self._process.poll() is None

    def ask(self, command: str, members: Mapping[str, object]) -> dict[str, Any]:
        """What rclone answers to *command*, such as `operations/stat`. Blocks as long as rclone works on it. Raises RcloneError."""
        body = json.dumps(members).encode()
        with self._exchange("POST", f"/{command}", {"Content-Type": "application/json"}, body) as response:
            answer = response.read(ANSWER_MAX + 1)
            if len(answer) > ANSWER_MAX:
                raise StoreFailedError(f"rclone's answer is longer than {ANSWER_MAX} bytes")
            found = _parse(answer)
            if response.status != 200:
                raise RcloneError(response.status, str(found.get("error", "")))
            return found

    @contextlib.contextmanager
    def open(self, fs: str, name: str, span: tuple[int, int] | None) -> Iterator[http.client.HTTPResponse]:
        """The content of an object, or of the bytes from *span*[0] to *span*[1], both inclusive. Raises RcloneError."""
        headers = {} if span is None else {"Range": f"bytes={span[0]}-{span[1]}"}
        with self._exchange("GET", f"/{quote(f'[{fs}]', safe='')}/{quote(name)}", headers, None) as response:
            if response.status not in (200, 206):
                raise RcloneError(response.status, str(_parse(response.read(_SAID_MAX)).get("error", "")))
            yield response

    def close(self) -> None:
        """End rclone, and remove what waited to be sent. A second call does nothing."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with contextlib.suppress(OSError):
            self._process.stdin.close()
        try:
            self._process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if self._thread.ident is not None:
            self._thread.join()
        self._process.stdout.close()

    # --- the child ------------------------------------------------------------------------------------------------------

    def _line(self) -> bytes:
        assert self._process.stdout is not None
        return self._process.stdout.readline(_SAID_MAX)

    def _hear(self) -> None:
        """Wait for the line with the port, then let rclone say what it likes: nothing of it is kept, it may hold a credential."""
        while line := self._line():
            if not self._port and (found := _LISTENS.search(line)):
                self._port = int(found[1])
                self._listens.set()
        self._listens.set()

    def _check_version(self) -> None:
        said = self.ask("core/version", {})
        version = said.get("decomposed")
        if not isinstance(version, list) or tuple(version[:2]) < OLDEST:
            raise StoreFailedError(f"this rclone is too old: {'.'.join(map(str, OLDEST))} or later is needed").with_remedy(
                "Install a newer one from https://rclone.org/install."
            )

    @contextlib.contextmanager
    def _exchange(self, method: str, path: str, headers: Mapping[str, str], body: bytes | None) -> Iterator[http.client.HTTPResponse]:
        """One request on a connection of its own. Raises RcloneError with status 0 if rclone is gone, or breaks off."""
        connection = http.client.HTTPConnection(_HOST, self._port)
        try:
            connection.request(method, path, body, {**headers, "Authorization": self._authorization, "Connection": "close"})
            with connection.getresponse() as response:
                yield response
        except (OSError, http.client.HTTPException):
            raise RcloneError(0, "") from None
        finally:
            connection.close()


def _parse(answer: bytes) -> dict[str, Any]:
    try:
        found = json.loads(answer)
    except ValueError:
        found = None
    return cast("dict[str, Any]", found) if isinstance(found, dict) else {}
