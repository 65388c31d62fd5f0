"""Peers: the tools that are compared, each called as its own documentation recommends for keeping one encrypted copy of a file.

Each works in a Place of its own with keys and passwords that were made for it, and finds them in files or in its environment, never in
its arguments. Nothing of the person's own configuration, caches or keys is seen: the environment is a new one."""

import os
import re
import secrets
import shlex
import shutil
import subprocess
import sys
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

import chatseal
from chatseal import BackupKey
from chatseal._version import VERSION
from chatseal.compare import pipeline

_KEPT = ("PATH", "LD_LIBRARY_PATH", "PYTHONPATH", "PYTHONPYCACHEPREFIX", "PYTHONDONTWRITEBYTECODE")
_CPUINFO = Path("/proc/cpuinfo")
_PATIENCE = 10  # seconds for a version or the end of an agent
_VERSION = re.compile(r"\d+(?:\.\d+)+[\w.+-]*")
ZSTD, AGE, GNUPG = {"zstd": "zstd"}, {"age": "age", "age-keygen": "age"}, {"gpg": "gnupg", "gpgconf": "gnupg"}
BORG_LEVELS, ULTRA = range(1, 23), 20

Pipeline = Sequence[Sequence[str]]


@dataclass(frozen=True)
class Place:
    """Where one tool works once: a folder with its keys (`home`), what it stores (`store`) and what comes back (`back`)."""

    folder: Path
    threads: int
    variables: dict[str, str] = field(default_factory=dict)  # what the tool wants in its environment

    @classmethod
    def make(cls, folder: Path, threads: int) -> "Place":
        place = cls(folder, threads)
        for each in (folder, place.home, place.store, place.back, place.temporary):
            each.mkdir(mode=0o700)
        return place

    @property
    def home(self) -> Path:
        return self.folder / "home"

    @property
    def store(self) -> Path:
        return self.folder / "store"

    @property
    def back(self) -> Path:
        return self.folder / "back"

    @property
    def temporary(self) -> Path:
        return self.folder / "tmp"

    @property
    def password(self) -> Path:
        """A file with a password; made when it is first asked for."""
        path = self.home / "password"
        if not path.exists():
            with open(path, "x", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
                file.write(secrets.token_hex(32) + "\n")
        return path

    @property
    def environment(self) -> dict[str, str]:
        kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
        own = {"HOME": str(self.home), "TMPDIR": str(self.temporary), "LC_ALL": "C.UTF-8", "GOMAXPROCS": str(self.threads)}
        return {**kept, **own, **self.variables}

    def run(self, *commands: Sequence[str]) -> None:
        """Something to make ready, which no clock sees."""
        for command in commands:
            pipeline.run(command, folder=self.back, environment=self.environment)


@dataclass(frozen=True)
class Setting:
    """How strongly a tool compresses, in its own words. `level` is zstd's, None if it is not zstd that does it or there is no choice."""

    words: str
    level: int | None = None


@dataclass(frozen=True)
class Work:
    """A pipeline to run, and the file that it writes its standard output to."""

    pipeline: Pipeline
    stdout: Path | None = None


class Peer(ABC):
    """A tool, or several joined by a pipe. `programs` are those it needs, with the package of Debian that has each."""

    name: str
    word: str  # the name as an option's value
    programs: ClassVar[Mapping[str, str]]
    threaded = True  # whether it can use more than one thread

    def missing(self) -> list[str]:
        """Packages of the programs that are not installed."""
        return sorted({package for program, package in self.programs.items() if shutil.which(program) is None})

    def versions(self) -> dict[str, str]:
        """The tools' own words for what they are, by program."""
        return {program: _version([program, "--version"]) for program in self.programs}

    def remark(self) -> str:
        """What the command line does not tell of how it is set up."""
        return ""

    @abstractmethod
    def setting(self, level: int) -> Setting:
        """The setting nearest to zstd's *level*; always the same one if there is no choice."""

    def prepare(self, place: Place) -> None:  # noqa: B027  # some need nothing
        """Make keys and an empty store. Not timed."""

    @abstractmethod
    def backup(self, place: Place, source: Path, setting: Setting, number: int) -> Work:
        """Store *source*; *number* is 0 for the first time, 1 for the next day."""

    @abstractmethod
    def restore(self, place: Place, source: Path, number: int) -> Work:
        """Bring back what backup *number* stored."""

    def restored(self, place: Place, source: Path) -> Path:
        """Where what was brought back lies."""
        return place.back / "file"

    def close(self, place: Place) -> None:  # noqa: B027  # most start nothing
        """End what was started beside the pipelines."""


class Chatseal(Peer):
    """This package's own command. It stores whole files: of the next day too."""

    name, word = "chatseal", "chatseal"
    programs: ClassVar[Mapping[str, str]] = {}

    def versions(self) -> dict[str, str]:
        return {"chatseal": VERSION}

    def setting(self, level: int) -> Setting:
        return Setting(f"level {level}", level)

    def prepare(self, place: Place) -> None:
        assert chatseal.__file__ is not None
        here = str(Path(chatseal.__file__).parents[1])
        place.variables["PYTHONPATH"] = os.pathsep.join(filter(None, [here, os.environ.get("PYTHONPATH")]))
        BackupKey.generate().write(place.home / "key")

    def backup(self, place: Place, source: Path, setting: Setting, number: int) -> Work:
        return Work(
            [[*self._command("seal", place), "--level", str(setting.level), str(source), "-o", str(place.store / f"{number}.seal")]]
        )

    def restore(self, place: Place, source: Path, number: int) -> Work:
        return Work([[*self._command("unseal", place), str(place.store / f"{number}.seal"), "-o", str(place.back / "file")]])

    def _command(self, verb: str, place: Place) -> list[str]:
        options = ["--key-file", str(place.home / "key"), "--threads", str(place.threads), "--quiet"]
        return [sys.executable, "-m", "chatseal", verb, *options]


class _Zstd(Peer):
    """zstd, and behind a pipe what encrypts."""

    def setting(self, level: int) -> Setting:
        return Setting(f"level {level}", level)

    def compress(self, place: Place, source: Path, setting: Setting) -> list[str]:
        level = setting.level or 0
        options = [f"--fast={-level}"] if level < 0 else ["--ultra", f"-{level}"] if level >= ULTRA else [f"-{level}"]
        return ["zstd", "-q", *options, f"-T{place.threads}", "-c", str(source)]


class ZstdAge(_Zstd):
    """For a recipient, as a backup's owner would keep the identity elsewhere."""

    name, word = "zstd | age", "age"
    programs: ClassVar[Mapping[str, str]] = {**ZSTD, **AGE}

    def versions(self) -> dict[str, str]:
        return {program: _version([program, "--version"]) for program in ("zstd", "age")}

    def prepare(self, place: Place) -> None:
        identity, recipients = str(place.home / "identity"), str(place.home / "recipients")
        place.run(["age-keygen", "-o", identity], ["age-keygen", "-y", "-o", recipients, identity])

    def backup(self, place: Place, source: Path, setting: Setting, number: int) -> Work:
        age = ["age", "-R", str(place.home / "recipients")]
        return Work([self.compress(place, source, setting), age], place.store / f"{number}.age")

    def restore(self, place: Place, source: Path, number: int) -> Work:
        age = ["age", "-d", "-i", str(place.home / "identity"), str(place.store / f"{number}.age")]
        return Work([age, ["zstd", "-q", "-d", "-c"]], place.back / "file")


class _Gpg(Peer):
    """A home and an agent of its own, which is ended afterwards."""

    programs: ClassVar[Mapping[str, str]] = GNUPG

    def versions(self) -> dict[str, str]:
        return {program: version for program, version in super().versions().items() if program != "gpgconf"}

    def prepare(self, place: Place) -> None:
        home = place.home / "gnupg"
        home.mkdir(mode=0o700)
        place.variables["GNUPGHOME"] = str(home)
        nothing = ["--output", str(place.home / "nothing"), "--symmetric", os.devnull]
        place.run(self.gpg(place, *nothing))  # starts the agent, which measures once how long hashing a password takes

    def close(self, place: Place) -> None:
        for words in (["--kill", "gpg-agent"], ["--remove-socketdir"]):
            with suppress(OSError, subprocess.SubprocessError):
                command = ["gpgconf", *words]
                subprocess.run(
                    command, env=place.environment, stdin=subprocess.DEVNULL, capture_output=True, timeout=_PATIENCE, check=False
                )

    def gpg(self, place: Place, *words: str) -> list[str]:
        return ["gpg", "--batch", "--quiet", "--pinentry-mode", "loopback", "--passphrase-file", str(place.password), *words]

    def encrypt(self, place: Place, number: int, *words: str) -> list[str]:
        return self.gpg(place, "--cipher-algo", "AES256", "--output", str(place.store / f"{number}.gpg"), "--symmetric", *words)


class Gpg(_Gpg):
    """With a password, and with the compression that it has itself, at its own level."""

    name, word = "gpg", "gpg"
    threaded = False

    def setting(self, level: int) -> Setting:
        return Setting("its own zlib, 6")

    def backup(self, place: Place, source: Path, setting: Setting, number: int) -> Work:
        return Work([self.encrypt(place, number, str(source))])

    def restore(self, place: Place, source: Path, number: int) -> Work:
        return Work([self.gpg(place, "--output", str(place.back / "file"), "--decrypt", str(place.store / f"{number}.gpg"))])


class ZstdGpg(_Gpg, _Zstd):
    """The same behind zstd, and its own compression off."""

    name, word = "zstd | gpg", "zstd-gpg"
    programs: ClassVar[Mapping[str, str]] = {**ZSTD, **GNUPG}

    def backup(self, place: Place, source: Path, setting: Setting, number: int) -> Work:
        return Work([self.compress(place, source, setting), ["gpg", "--compress-algo", "none", *self.encrypt(place, number)[1:]]])

    def restore(self, place: Place, source: Path, number: int) -> Work:
        return Work([self.gpg(place, "--decrypt", str(place.store / f"{number}.gpg")), ["zstd", "-q", "-d", "-c"]], place.back / "file")


class Restic(Peer):
    """It cuts, hashes and indexes what it stores, and sends no chunk twice. Its default compression, which is about zstd's level 3."""

    name, word = "restic", "restic"
    programs: ClassVar[Mapping[str, str]] = {"restic": "restic"}

    def versions(self) -> dict[str, str]:
        return {"restic": _version(["restic", "version"])}

    def setting(self, level: int) -> Setting:
        return Setting("auto")

    def prepare(self, place: Place) -> None:
        place.variables["RESTIC_PASSWORD_FILE"] = str(place.password)
        place.variables["RESTIC_CACHE_DIR"] = str(place.home / "cache")
        place.run(self._command(place, "init"))

    def backup(self, place: Place, source: Path, setting: Setting, number: int) -> Work:
        return Work([self._command(place, "backup", "--compression", setting.words, str(source))])

    def restore(self, place: Place, source: Path, number: int) -> Work:
        return Work([self._command(place, "restore", "latest", "--target", str(place.back))])

    def restored(self, place: Place, source: Path) -> Path:
        return place.back / source.relative_to(source.anchor)

    def _command(self, place: Place, *words: str) -> list[str]:
        return ["restic", "--quiet", "--repo", str(place.store), *words]


class Borg(Peer):
    """As restic, on one thread. The mode is the one that its documentation gives for the processor."""

    name, word = "borg", "borg"
    programs: ClassVar[Mapping[str, str]] = {"borg": "borgbackup"}
    threaded = False

    def setting(self, level: int) -> Setting:
        return Setting(f"zstd,{level}", level) if level in BORG_LEVELS else Setting("lz4")

    def remark(self) -> str:
        return f"after borg init --encryption {_borg_mode()}"

    def prepare(self, place: Place) -> None:
        place.variables["BORG_BASE_DIR"] = str(place.home)
        place.variables["BORG_PASSCOMMAND"] = shlex.join(["cat", str(place.password)])
        place.run(["borg", "init", "--encryption", _borg_mode(), str(place.store)])

    def backup(self, place: Place, source: Path, setting: Setting, number: int) -> Work:
        return Work([["borg", "create", "--compression", setting.words, f"{place.store}::{number}", str(source)]])

    def restore(self, place: Place, source: Path, number: int) -> Work:
        return Work([["borg", "extract", f"{place.store}::{number}"]])

    def restored(self, place: Place, source: Path) -> Path:
        return place.back / source.relative_to(source.anchor)


class Rclone(Peer):
    """A crypt remote over a folder: it encrypts whole files, and does not compress."""

    name, word = "rclone crypt", "rclone"
    programs: ClassVar[Mapping[str, str]] = {"rclone": "rclone"}

    def versions(self) -> dict[str, str]:
        return {"rclone": _version(["rclone", "version"])}

    def setting(self, level: int) -> Setting:
        return Setting("no compression")

    def remark(self) -> str:
        return "secret: a crypt remote over the folder STORE"

    def prepare(self, place: Place) -> None:
        obscured = subprocess.run(
            ["rclone", "obscure", "-"], input=place.password.read_bytes(), env=place.environment, capture_output=True, timeout=_PATIENCE
        )
        if obscured.returncode != 0:
            raise pipeline.PipelineError("rclone obscure failed: " + " ".join(obscured.stderr.decode(errors="replace").split())[-500:])
        config = {
            "RCLONE_CONFIG": str(place.home / "rclone.conf"),
            "RCLONE_CACHE_DIR": str(place.home / "cache"),
            "RCLONE_CONFIG_SECRET_TYPE": "crypt",
            "RCLONE_CONFIG_SECRET_REMOTE": str(place.store),
            "RCLONE_CONFIG_SECRET_PASSWORD": obscured.stdout.decode().strip(),
        }
        place.variables.update(config)
        (place.home / "rclone.conf").touch(mode=0o600)

    def backup(self, place: Place, source: Path, setting: Setting, number: int) -> Work:
        return Work([["rclone", "--quiet", "copyto", "--ignore-times", str(source), "secret:file"]])

    def restore(self, place: Place, source: Path, number: int) -> Work:
        return Work([["rclone", "--quiet", "copyto", "secret:file", str(place.back / "file")]])


PEERS: tuple[Peer, ...] = (Chatseal(), ZstdAge(), ZstdGpg(), Gpg(), Restic(), Borg(), Rclone())


def _borg_mode() -> str:
    """BLAKE2b where the processor has no instructions for SHA-256."""
    with suppress(OSError):
        if re.search(r"^(?:flags|Features)\s*:.*\b(?:sha_ni|sha2)\b", _CPUINFO.read_text(), re.MULTILINE):
            return "repokey"
    return "repokey-blake2"


def _version(command: list[str]) -> str:
    environment = {name: value for name, value in os.environ.items() if name in _KEPT} | {"HOME": os.devnull, "LC_ALL": "C.UTF-8"}
    try:
        said = subprocess.run(
            command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace", timeout=_PATIENCE
        )
    except (OSError, subprocess.SubprocessError):
        return "unknown"
    found = _VERSION.search(said.stdout)
    return found[0] if found else "unknown"
