"""Words: what people and scripts are told of a failure. Every text and exit code of the command line for errors is decided here.

A failure is one line, a remedy if there is one, and an exit code. Nothing that comes from outside reaches a terminal unescaped,
and no text repeats what could be a key."""

import errno
import re
from dataclasses import asdict, dataclass
from pathlib import PurePath

import click

from chatseal import errors
from chatseal.errors import ChatsealError, exit_code
from chatseal.keys.backup_key import is_nearly_a_key

EXIT_WORDS = {
    errors.EXIT_OK: "done",
    errors.EXIT_FAILED: "failed, for none of the reasons below; of many files: all of them",
    errors.EXIT_USAGE: "wrong usage, a key file without a key, one that others can read, or a weak password for a vault",
    errors.EXIT_PARTLY: "some of the files failed, the others are done",
    errors.EXIT_NOT_THERE: "a file, folder, store, snapshot or name in it, or a vault's record, is not there",
    errors.EXIT_BUSY: "a file or database is in use; a vault is not reached, or takes no guess yet",
    errors.EXIT_WRONG_KEY: "wrong key, or wrong password of a vault",
    errors.EXIT_DAMAGED: "damaged, altered, not a sealed file, not of the author demanded, or not the store or vault that was there",
    errors.EXIT_TRUNCATED: "truncated: the end is missing",
    errors.EXIT_NO_SPACE: "no space left",
    errors.EXIT_INTERRUPTED: "interrupted",
}

_KEY = re.compile(r"(?:[0-9A-Fa-f][\s-]*){64}")
_PART_OF_A_KEY = re.compile(r"(?:[0-9A-Fa-f][\s-]*){24,}")
_OF_THE_SUBJECT = (errors.IntegrityError, errors.WrongKeyError, errors.KeyFormatError)  # others name what they are about
_ABOUT = {
    errno.ENOENT: ("{} does not exist", "Check the name."),
    errno.EACCES: ("permission denied for {}", "Check who may read or write it, and the folder that it is in."),
    errno.EPERM: ("permission denied for {}", "Check who may read or write it, and the folder that it is in."),
    errno.EISDIR: ("{} is a folder", "Name a file."),
    errno.ENOTDIR: ("{} is below a file, not below a folder", "Check the name."),
    errno.EROFS: ("{} is on a read-only file system", "Choose another place."),
    errno.ENAMETOOLONG: ("the name {} is too long", "Choose a shorter name."),
    errno.ENOSPC: (
        "no space left for {}",
        "Free some space or choose another place, and try again; nothing incomplete is left under a name.",
    ),
    errno.EDQUOT: ("no space left for {}: the quota is used up", "Free some space or choose another place, and try again."),
    errno.EFBIG: ("no space left for {}: the file system or a limit allows no larger file", "Choose another place."),
    errno.EPIPE: ("whoever read the output has stopped reading", "Look for the failure of the command after the pipe."),
    errno.EIO: (
        "{} cannot be read or written: input/output error",
        "The disk or the connection to it may be failing; look at the system's log.",
    ),
    errno.EBUSY: ("{} is in use", "Try again later."),
    errno.ETXTBSY: ("{} is in use", "Try again later."),
    errno.EAGAIN: ("{} is in non-blocking mode", "Put `cat` between, as in `cat | chatseal ...`."),
    errno.EBADF: ("{} is closed", "Run the command with it open, or name a file."),
}


@dataclass(frozen=True, slots=True)
class Failure:
    """What is told of an error. `error` is the name of its class, for scripts."""

    error: str
    message: str
    remedy: str
    exit_code: int

    def record(self) -> dict[str, object]:
        """For --json."""
        return asdict(self)

    def lines(self, command: str) -> str:
        """For people, from *command*: one line, and the remedy below it."""
        return f"{command}: {self.message}" + (f"\n  {self.remedy}" if self.remedy else "")


def escape(text: str) -> str:
    """*text* on one line with nothing in it that a terminal would obey: control and format characters as backslash escapes."""
    return "".join(c if c.isprintable() else _escaped(c) for c in text)


def _escaped(character: str) -> str:
    if 0xDC80 <= ord(character) <= 0xDCFF:  # a byte of a file's name that is no UTF-8 (PEP 383)
        return f"\\x{ord(character) - 0xDC00:02x}"
    return character.encode("unicode_escape").decode("ascii")


def is_like_a_key(text: str) -> bool:
    """Whether *text* has 64 hexadecimal digits in a row, however they are grouped, or is a key with a mistake in it."""
    return _KEY.search(text) is not None or is_nearly_a_key(text)


def explain(error: BaseException, subject: str | None = None) -> Failure:
    """What to tell of *error*; *subject* is the file that was worked on, for messages that do not name it."""
    name = type(error).__name__
    if isinstance(error, KeyboardInterrupt):
        return Failure("Interrupted", "interrupted", "", errors.EXIT_INTERRUPTED)
    if isinstance(error, click.ClickException):
        return Failure(name, _usage(error), _help(error), errors.EXIT_USAGE)
    if isinstance(error, ChatsealError):
        return Failure(name, escape(_named(error, subject)), error.remedy, exit_code(error))
    if isinstance(error, OSError):
        return Failure(name, *_of_the_system(error), exit_code(error))
    if isinstance(error, MemoryError):
        return Failure(
            name, "not enough memory", "Fewer --threads, a smaller --memory or a smaller --frame-size need less.", errors.EXIT_FAILED
        )
    return Failure(
        name,
        f"unexpected {name}: this is a bug in chatseal",
        "Please report it, with what the same command prints with --debug and what `chatseal doctor` prints.",
        errors.EXIT_FAILED,
    )


def _named(error: ChatsealError, subject: str | None) -> str:
    message = str(error)
    if subject is None or PurePath(subject).name in message or not isinstance(error, _OF_THE_SUBJECT):
        return message
    return f"{subject}: {message}"


def _usage(error: click.ClickException) -> str:
    message = _PART_OF_A_KEY.sub("(digits that may be a key)", error.format_message())
    return escape(" ".join(message.split())).removesuffix(".")


def _help(error: click.ClickException) -> str:
    context = getattr(error, "ctx", None)
    path = context.command_path if context is not None else "chatseal"
    return f"`{path} --help` explains it."


def _of_the_system(error: OSError) -> tuple[str, str]:
    name = None if error.filename is None else escape(str(error.filename))
    if error.errno in _ABOUT:
        message, remedy = _ABOUT[error.errno]
        return message.format(name or "the output"), remedy
    message = escape((error.strerror or str(error)).lower())
    return f"{name}: {message}" if name else message, ""
