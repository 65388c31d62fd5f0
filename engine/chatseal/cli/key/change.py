"""Change: one change of holders done to each of many files, what came of it, and what it cannot undo."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path

from chatseal import HolderChange
from chatseal.cli import amounts
from chatseal.cli.many import NothingThereError, exit_code_of, files_in
from chatseal.cli.output import Output
from chatseal.cli.progress import Bar
from chatseal.cli.words import escape, explain
from chatseal.events import Report

COPIES = (
    "Copies of the old file still open with the old keys: delete them, also in snapshots of file systems and versions that a storage"
    " provider keeps."
)
MIRRORS = "Its time of modification stays, and often its length: a tool that compares only those does not copy it anew (rsync: --checksum)."
FILE_KEY = (
    "Whoever has opened the old file may have kept its file key, which still opens the payload; for a fresh one use `chatseal key rotate"
    " --reseal`."
)

Work = Callable[[str, Report], HolderChange]
Words = Callable[[str, HolderChange], str]


def are_many(targets: Sequence[str]) -> bool:
    """Whether there is more than one file to change, or a folder."""
    return len(targets) > 1 or Path(targets[0]).is_dir()


def change_all(targets: Sequence[str], work: Work, out: Output, *, doing: str, did: Words, remains: Sequence[str] = ()) -> int:
    """Do *work* to each of *targets*, and to each file below a folder among them; the exit code.

    *did* says for people what became of a file, *remains* what is left for them to do."""
    if are_many(targets):
        return _change_many(targets, work, out, doing, did, remains)
    (target,) = targets
    out.subject = target
    with Bar(out, f"{doing} {target}") as bar:
        change = work(target, bar.report)
    _report(target, change, out, did, remains)
    _remind([change], out, remains)
    return 0


def _change_many(targets: Sequence[str], work: Work, out: Output, doing: str, did: Words, remains: Sequence[str]) -> int:
    codes: list[int] = []
    changes: list[HolderChange] = []
    with Bar(out, doing) as bar:
        for target in _files(targets):
            bar.call(f"{doing} {target}")
            try:
                change = work(target, bar.report)
            except Exception as error:
                failure = explain(error, target)
                codes.append(failure.exit_code)
                if out.json:
                    out.result({"target": target, **failure.record()}, "")
                else:
                    out.tell(failure)
            else:
                codes.append(0)
                changes.append(change)
                _report(target, change, out, did, remains)
    if not codes:
        raise NothingThereError(f"there is no file in {', '.join(targets)}")
    _remind(changes, out, remains)
    return exit_code_of(codes)


def _files(targets: Sequence[str]) -> list[str]:
    """The files to change. Below a folder, links are left alone: what they lead to is not the folder's."""
    found: list[str] = []
    for target in targets:
        files = files_in([target])
        found += [str(file) for file in files if not file.is_symlink()] if os.path.isdir(target) else map(str, files)
    return found


def _report(target: str, change: HolderChange, out: Output, did: Words, remains: Sequence[str]) -> None:
    record = {
        "target": target,
        "changed": change.changed,
        "added": list(change.added),
        "removed": list(change.removed),
        "slots": change.slots,
        "resealed": change.resealed,
        "other_names": change.other_names,
    }
    out.result(record | ({"remains": list(remains)} if remains and change.changed else {}), did(escape(target), change))
    if change.other_names and change.changed:
        plural = "s (hard links) that lead" if change.other_names > 1 else " (a hard link) that leads"
        out.warn(f"{target} had {change.other_names} more name{plural} to the old file, with the old holders")
    if not change.owner_kept:
        out.warn(f"{target} belongs to another user or group now: whose it was could not be kept")


def _remind(changes: Sequence[HolderChange], out: Output, remains: Sequence[str]) -> None:
    if not out.json and any(change.changed for change in changes):
        for sentence in remains:
            out.result({}, f"  {sentence}")


def numbers(slots: Sequence[int]) -> str:
    """Slots by their numbers: "slot 1", "slots 1 and 3"."""
    if len(slots) == 1:
        return f"slot {slots[0]}"
    return f"slots {', '.join(map(str, slots[:-1]))} and {slots[-1]}"


def left(count: int) -> str:
    """How many slots there are now."""
    return f"it has {amounts.count(count, 'slot')} now"
