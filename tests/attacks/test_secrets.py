"""Secrets search: the command at work, and looked at from all sides for its keys. Each search is shown to find them where they are."""

import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

import chatseal
from chatseal import BackupKey, PrivateKey
from chatseal.cli import core_dump
from chatseal.format.header import parse
from chatseal.keys.slots import find_file_key
from cli.command import COMMAND, PATIENCE, flip, started
from cli.command import environment as clean
from oracle import header_length
from slow_writer import Draw
from traces import found_in, is_shown_in, keys_below

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")

NOBODY = 65534
PLAIN = Draw("plaintext")(200_000)
IN = "chat.db.seal"
TALKATIVE = "import logging\nlogging.basicConfig(level=logging.DEBUG)\nlogging.debug('logging is on')\n"


@dataclass(frozen=True)
class Scene:
    """A folder with key files, a plaintext and a sealed file, and every secret of them."""

    folder: Path
    digits: str
    secrets: list[bytes]

    def shown_in(self, data: bytes) -> list[str]:
        return found_in(data, *self.secrets)


@pytest.fixture
def scene(monkeypatch: pytest.MonkeyPatch) -> Iterator[Scene]:
    """In a folder that other users can get into, unlike pytest's."""
    folder = Path(tempfile.mkdtemp(prefix="chatseal-secrets-"))
    monkeypatch.chdir(folder)
    key, pair = BackupKey.generate(), PrivateKey.generate()
    key.write("my.key")
    pair.write("pair.key")
    pair.public_key.write("pair.key.pub")
    Path("chat.db").write_bytes(PLAIN)
    chatseal.seal("chat.db", IN, [key, pair.public_key])
    sealed = Path(IN).read_bytes()
    payload_at = header_length(sealed)
    file_key = find_file_key(parse(sealed[:payload_at]), [key], "sealed")
    secrets = [*keys_below(bytes(key.secret), bytes(file_key.view), sealed[payload_at : payload_at + 24]), bytes(pair._secret.view)]
    yield Scene(folder, key.digits, secrets)
    shutil.rmtree(folder)


def environment(**changes: str) -> dict[str, str]:
    """The command's, with logging of everything switched on, in all libraries."""
    Path("talkative").mkdir(exist_ok=True)
    Path("talkative/sitecustomize.py").write_text(TALKATIVE)
    return clean(PYTHONPATH=f"{Path('talkative').resolve()}:{clean()['PYTHONPATH']}", CHATSEAL_DEBUG="1", **changes)


# --- What the command says ---------------------------------------------------------------------------------------------------------


def spoilt(change: Callable[[bytes], bytes]) -> Callable[[Scene], None]:
    def spoil(scene: Scene) -> None:
        Path(IN).write_bytes(change(Path(IN).read_bytes()))

    return spoil


def mistyped(change: Callable[[str], str]) -> Callable[[Scene], None]:
    def mistype(scene: Scene) -> None:
        Path("my.key").write_text(change(scene.digits))

    return mistype


def as_it_is(scene: Scene) -> None:
    """Nothing is wrong."""


def with_a_bug(scene: Scene) -> None:
    """A bug deep in the engine, with keys in every frame above it."""
    Path("talkative/sitecustomize.py").write_text(
        TALKATIVE
        + "import chatseal.keys.slots as slots\ndef bug(*keys):\n    local = keys\n    raise ZeroDivisionError\nslots.HKDF = bug\n"
    )


def without_the_source(scene: Scene) -> None:
    Path(IN).unlink()
    Path("chat.db").unlink()


def half_a_private_key(scene: Scene) -> None:
    Path("my.key").write_text(Path("pair.key").read_text()[:-9])


KEY = ["--key-file", "my.key"]
WAYS: dict[str, tuple[list[str], Callable[[Scene], None], int]] = {
    "key new": (["key", "new", "--out", "new.key"], as_it_is, 0),
    "key pair": (["key", "pair", "--out", "new.key"], as_it_is, 0),
    "key repair, right": (["key", "repair", IN, *KEY], as_it_is, 0),
    "key repair, repaired": (["key", "repair", IN, *KEY, "--out", "right.key"], mistyped(lambda text: text[1:]), 0),
    "key repair, not repaired": (["key", "repair", IN, *KEY], mistyped(lambda text: text[2:]), 12),
    "seal": (["seal", "chat.db", "-o", "x", *KEY, "--to", "pair.key.pub"], as_it_is, 0),
    "seal over a file": (["seal", "chat.db", "-o", IN, *KEY], as_it_is, 1),
    "seal with a bug": (["seal", "chat.db", "-o", "x", *KEY], with_a_bug, 1),
    "unseal": (["unseal", IN, "-o", "x", *KEY], as_it_is, 0),
    "unseal with a bug": (["unseal", IN, "-o", "x", *KEY], with_a_bug, 1),
    "unseal, private key": (["unseal", IN, "-o", "x", "--key-file", "pair.key"], as_it_is, 0),
    "verify": (["verify", IN, *KEY], as_it_is, 0),
    "cat": (["cat", IN, "--range", ":9", *KEY], as_it_is, 0),
    "inspect": (["inspect", IN, *KEY], as_it_is, 0),
    "inspect as JSON": (["inspect", IN, *KEY, "--json"], as_it_is, 0),
    "wrong usage": (["unseal", IN, *KEY], as_it_is, 2),
    "key in place of its file": (["verify", IN, "--key-file", "DIGITS"], as_it_is, 2),
    "mistyped key in place of its file": (["verify", IN, "--key-file", "DIGITS0"], as_it_is, 2),
    "a digit too few": (["verify", IN, *KEY], mistyped(lambda text: text[1:]), 2),
    "a wrong character": (["verify", IN, *KEY], mistyped(lambda text: "O" + text[1:]), 2),
    "a wrong digit": (["verify", IN, *KEY], mistyped(lambda text: ("0" if text[0] != "0" else "1") + text[1:]), 12),
    "public key that should open": (["verify", IN, "--key-file", "pair.key.pub"], as_it_is, 2),
    "private key that should seal": (["seal", "chat.db", "-o", "x", "--key-file", "pair.key"], as_it_is, 2),
    "private key as a public one": (["seal", "chat.db", "-o", "x", "--to", "pair.key"], as_it_is, 2),
    "private key cut off": (["verify", IN, *KEY], half_a_private_key, 2),
    "not there": (["verify", IN, *KEY], without_the_source, 10),
    "not a sealed file": (["verify", "chat.db", *KEY], as_it_is, 13),
    "header damaged": (["verify", IN, *KEY], spoilt(lambda data: flip(data, 300)), 13),
    "header altered": (["verify", IN, *KEY], spoilt(lambda data: flip(data, header_length(data))), 13),  # the salt, which the MAC covers
    "data damaged": (["unseal", IN, "-o", "x", *KEY], spoilt(lambda data: flip(data, 20_000)), 13),
    "truncated": (["unseal", IN, "-o", "x", *KEY], spoilt(lambda data: data[:100_000]), 14),
    "truncated in the header": (["unseal", IN, "-o", "x", *KEY], spoilt(lambda data: data[:5000]), 14),
    "bytes after the end": (["cat", IN, *KEY], spoilt(lambda data: data + b"x"), 13),
}


@pytest.mark.parametrize("way", WAYS)
def test_no_word_of_the_command_shows_a_key_whatever_happens(scene: Scene, way: str) -> None:
    words, prepare, code = WAYS[way]
    env = environment()
    prepare(scene)
    digits = {"DIGITS": scene.digits, "DIGITS0": scene.digits[:30] + "O" + scene.digits[31:]}
    ran = started(*(digits.get(word, word) for word in words), env=env)
    assert ran.code == code, ran.err
    assert "logging is on" in ran.err
    assert "Traceback" in ran.err or code == 0, "--debug is on"
    assert scene.shown_in(ran.out + ran.err.encode()) == []


def test_the_search_of_words_finds_a_key_that_is_shown(scene: Scene) -> None:
    ran = started("key", "repair", IN, "--key-file", "my.key", "--show", env=environment())
    assert scene.shown_in(ran.out)


# --- What others see of it while it works ------------------------------------------------------------------------------------------


class Paused:
    """A seal or an unseal that has its keys, has taken in some of its input and waits for more."""

    def __init__(self, words: list[str], data: bytes, **changes: str) -> None:
        self.process = subprocess.Popen(
            [*COMMAND, *words], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=environment(**changes)
        )
        self._rest = data[len(data) // 2 :]
        assert self.process.stdin is not None
        # Far more than a pipe holds: it goes in because somebody works on it, who has opened his keys by then.
        self.process.stdin.write(data[: len(data) // 2])
        self.process.stdin.flush()

    def __enter__(self) -> "Paused":
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.communicate()

    def finish(self) -> int:
        self.process.communicate(self._rest, timeout=PATIENCE)
        return self.process.returncode

    def family(self) -> list[int]:
        """The process and all that it started."""
        found = [self.process.pid]
        for pid in found:
            for task in Path(f"/proc/{pid}/task").iterdir():
                found += map(int, (task / "children").read_text().split())
        return found


def seen_of(pid: int, name: str) -> bytes:
    """A file of /proc, as far as this user may read it: of this command root alone may read most of them."""
    try:
        return Path(f"/proc/{pid}/{name}").read_bytes()
    except PermissionError:
        assert os.geteuid() != 0
        return b""


def open_files(pid: int) -> list[Path]:
    """What the process has open, files without a name among it; of this command root alone sees that."""
    try:
        return [path for path in Path(f"/proc/{pid}/fd").iterdir() if path.is_file()]
    except PermissionError:
        return []


AT_WORK = ["seal", "unseal"]


@pytest.fixture
def long_plain() -> bytes:
    return Draw("long")(2 << 20)


def paused(work: str, data: bytes, **changes: str) -> Paused:
    """`seal` or `unseal` of *data*, from a pipe into the folder out."""
    Path("out").mkdir(exist_ok=True)
    if work == "seal":
        return Paused(["seal", "-", "-o", "out/target", "--threads", "2", *KEY], data, **changes)
    return Paused(
        ["unseal", "-", "-o", "out/target", "--threads", "2", *KEY], chatseal.seal_bytes(data, BackupKey.from_file("my.key")), **changes
    )


@pytest.mark.parametrize("work", AT_WORK)
def test_no_command_line_and_no_environment_shows_a_key(scene: Scene, long_plain: bytes, work: str) -> None:
    with paused(work, long_plain) as command:
        for pid in command.family():
            seen = b"".join(seen_of(pid, name) for name in ("cmdline", "environ", "comm", "status", "maps"))
            assert b"my.key" in seen
            assert scene.shown_in(seen) == []
        assert command.finish() == 0


@pytest.mark.parametrize("work", AT_WORK)
def test_no_file_that_is_written_on_the_way_shows_a_key(scene: Scene, long_plain: bytes, work: str) -> None:
    Path("tmp").mkdir()
    Path("home").mkdir()
    inputs = {"my.key", "pair.key"}

    def look(command: Paused | None) -> int:
        files = [path for path in scene.folder.rglob("*") if path.is_file() and path.name not in inputs]
        for pid in command.family() if command else []:
            files += open_files(pid)
        for path in files:
            assert scene.shown_in(path.read_bytes()) == [], path
        return len([path for path in files if path.parent.name == "out"])

    with paused(work, long_plain, TMPDIR=str(scene.folder / "tmp"), HOME=str(scene.folder / "home")) as command:
        assert look(command) == 1, "there is a file under way"
        assert command.finish() == 0
    assert look(None) == 1
    assert list(Path("tmp").iterdir()) == list(Path("home").iterdir()) == []
    Path("tmp/leak").write_text(scene.digits)
    with pytest.raises(AssertionError, match="leak"):
        look(None)


# --- What is left of it when it crashes --------------------------------------------------------------------------------------------

UNPROTECTED = (
    "import sys\n"
    "held = open('my.key').read()\n"
    "from chatseal.cli.app import chatseal\n"  # the command without what its entry point does
    "chatseal.main(prog_name='chatseal')\n"
)


def crash(command: list[str], data: bytes, number: signal.Signals) -> bytes:
    """All core files that *command* leaves when it is killed by *number* in the middle of its work."""
    for old in Path().glob("core*"):
        old.unlink()
    line = f"ulimit -c unlimited && exec {shlex.join(command)}"
    with subprocess.Popen(
        ["bash", "-c", line], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=clean()
    ) as process:
        assert process.stdin is not None
        process.stdin.write(data)
        process.stdin.flush()
        process.send_signal(number)
        _, said = process.communicate(timeout=PATIENCE)
    if b"ulimit" in said:
        pytest.skip("this user may not raise the limit on core files")
    assert process.returncode == -number, said
    return b"".join(core.read_bytes() for core in Path().glob("core*"))


@pytest.mark.parametrize("number", [signal.SIGABRT, signal.SIGQUIT, signal.SIGSEGV])
def test_a_command_that_is_killed_leaves_no_core_file(scene: Scene, long_plain: bytes, number: signal.Signals) -> None:
    words = ["seal", "-", "-o", "target", "--threads", "1", *KEY]
    control = crash([sys.executable, "-c", UNPROTECTED, *words], long_plain, number)
    if not control:
        pattern = Path("/proc/sys/kernel/core_pattern").read_text().strip()
        pytest.skip(f"core files go where this test cannot find them: {pattern}")
    assert is_shown_in(control, scene.secrets[0]), "the search has to find the key in a core file that has it"
    assert crash([*COMMAND, *words], long_plain, number) == b""


def test_the_limit_on_core_files_is_zero_for_it_and_for_what_it_would_start(scene: Scene, long_plain: bytes) -> None:
    with paused("seal", long_plain) as command:
        limits = Path(f"/proc/{command.process.pid}/limits").read_text()
    assert re.search(r"^Max core file size +0 +0 ", limits, re.MULTILINE)


OF_A_LIBRARY = """
import os, sys, chatseal
key = chatseal.BackupKey.generate()
held = bytes(key.secret) if sys.argv[1] == "copied" else None
chatseal.unseal_bytes(chatseal.seal_bytes(b"x", key), key)
print(bytes(byte ^ 0x55 for byte in key.secret).hex(), flush=True)  # never the key itself
sys.stdin.read()
"""


@pytest.mark.parametrize("copied", [True, False])
def test_a_core_file_of_a_program_with_the_library_has_no_key_that_only_the_library_holds(scene: Scene, copied: bool) -> None:
    line = f"ulimit -c unlimited && exec {shlex.join([sys.executable, '-c', OF_A_LIBRARY, 'copied' if copied else 'held'])}"
    with subprocess.Popen(["bash", "-c", line], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=clean()) as process:
        assert process.stdout is not None
        key = bytes(byte ^ 0x55 for byte in bytes.fromhex(process.stdout.readline().decode()))
        process.send_signal(signal.SIGABRT)
        process.communicate(timeout=PATIENCE)
    cores = list(Path().glob("core*"))
    if not cores:
        pytest.skip("core files are off here, or go where this test cannot find them")
    assert is_shown_in(cores[0].read_bytes(), key) == copied


# --- Another process of the same user ----------------------------------------------------------------------------------------------

SPY = """
import sys
seen = []
for name in ("mem", "environ", "maps", "auxv"):
    try:
        open(f"/proc/{sys.argv[1]}/{name}", "rb").read(1)
        seen.append(name)
    except OSError as error:
        if error.errno == 5: seen.append(name)  # opened: there is nothing at address 0
print(*seen)
"""


@pytest.fixture
def unprivileged(scene: Scene) -> list[str]:
    """What makes a command one of a user without privileges, who owns the files of the scene."""
    if os.geteuid() != 0:
        return []
    # by way of env: setpriv itself still has the privileges when it begins a program
    nobody = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", "env"]
    of_root = ["setpriv", "--bounding-set=-all", "--inh-caps=-all", "env"]  # where Python is installed for root alone
    for prefix in (nobody, of_root):
        tried = [*prefix, sys.executable, "-c", "import chatseal"]
        if subprocess.run(tried, env=clean(), capture_output=True, check=False).returncode == 0:
            for path in [scene.folder, *scene.folder.iterdir()] if prefix is nobody else []:
                os.chown(path, NOBODY, NOBODY)
            return prefix
    pytest.skip("no user without privileges can run this Python")


def test_another_process_of_the_same_user_cannot_look_into_its_memory(scene: Scene, unprivileged: list[str], long_plain: bytes) -> None:
    def spied(command: list[str]) -> list[str]:
        with subprocess.Popen([*unprivileged, *command], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, env=clean()) as process:
            assert process.stdin is not None
            process.stdin.write(long_plain)
            process.stdin.flush()
            spy = subprocess.run([*unprivileged, sys.executable, "-c", SPY, str(process.pid)], capture_output=True, check=True)
            process.kill()
        return spy.stdout.decode().split()

    words = ["seal", "-", "-o", "target", "--threads", "1", *KEY]
    if "mem" not in spied([sys.executable, "-c", UNPROTECTED, *words]):
        pytest.skip("this system lets no process look into another")
    assert spied([*COMMAND, *words]) == []


@pytest.mark.parametrize(
    "line",
    [
        "verify chat.db.seal --key-file /dev/stdin < my.key",
        "verify chat.db.seal --key-file /dev/stdin",  # a pipe
        "verify chat.db.seal --key-file <(cat my.key)",
        "verify /dev/fd/9 --key-file my.key 9< chat.db.seal",
        "verify /proc/self/fd/9 --key-file my.key 9< chat.db.seal",
        "unseal /dev/stdin -o /dev/stdout --key-file <(cat my.key) < chat.db.seal",
    ],
)
def test_names_of_descriptors_work_without_privileges(scene: Scene, unprivileged: list[str], line: str) -> None:
    ended = subprocess.run(
        [*unprivileged, "bash", "-c", f"{shlex.join(COMMAND)} {line} | cat; exit ${{PIPESTATUS[0]}}"],
        input=Path("my.key").read_bytes(),
        capture_output=True,
        env=clean(),
        timeout=PATIENCE,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr.decode()
    assert ended.stdout.startswith(PLAIN[:1000] if line.startswith("unseal") else b"verified")


def test_a_process_without_core_files_still_opens_its_own_descriptors_by_name() -> None:
    """The same for a user who is not root, with the system's own Python, which everybody can run."""
    python = shutil.which("python3", path="/usr/bin:/bin:/usr/local/bin")
    if python is None:
        pytest.skip("the system has no Python of its own")
    program = f"{Path(core_dump.__file__).read_text()}\nturn_off()\nassert is_off()\n" + (
        "assert open('/dev/stdin').read() == 'through a pipe'\n"
        "assert open('/proc/self/fd/0').read() == ''\n"
        "assert '0' in os.listdir('/proc/self/fd') and os.listdir('/proc/self/task')\n"
        "assert open('/proc/self/status').read()\n"
    )
    user = {"user": NOBODY, "group": NOBODY} if os.geteuid() == 0 else {}
    line = f"printf 'through a pipe' | {python} -c {shlex.quote(program)}"  # a pipe of that user
    ended = subprocess.run(["bash", "-c", line], capture_output=True, cwd="/", check=False, **user)  # type: ignore[call-overload]
    assert (ended.returncode, ended.stderr) == (0, b"")
