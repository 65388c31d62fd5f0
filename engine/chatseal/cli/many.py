"""Many: one report for each of many files, and one exit code for all of them."""

import os
from collections.abc import Generator, Iterable, Sequence
from contextlib import closing
from pathlib import Path

import click

from chatseal import ChatsealError, FileReport, Summary, VerifyingKey, errors
from chatseal.cli import amounts
from chatseal.cli.options import DASH
from chatseal.cli.output import Output
from chatseal.cli.progress import Bar
from chatseal.cli.words import explain
from chatseal.part_file import is_part


class NothingThereError(ChatsealError):
    """Folders without files: more likely a mistake than a backup of nothing."""

    exit_code = errors.EXIT_NOT_THERE
    remedy = "Check the name of the folder."


def are_many(sources: tuple[str, ...], target: str) -> bool:
    """Whether the work is for many files and a folder: several sources, a folder as source, or a folder as target."""
    return len(sources) > 1 or Path(sources[0]).is_dir() or (target != DASH and (Path(target).is_dir() or target.endswith("/")))


def check_no_dash(sources: tuple[str, ...]) -> None:
    """Raise UsageError if standard input is among many."""
    if DASH in sources:
        raise click.UsageError("standard input has no name to go by among many; take it alone")


def check_folder(sources: tuple[str, ...], target: str) -> None:
    """Raise UsageError if *target* cannot be the folder for many, or *sources* cannot be many."""
    check_no_dash(sources)
    if target == DASH or (os.path.lexists(target) and not Path(target).is_dir()):
        raise click.UsageError(f"many files go into a folder, and {'standard output' if target == DASH else target} is none")


def files_in(sources: Iterable[str]) -> list[Path]:
    """The files that *sources* name, those below folders among them, but not what a killed run has left there."""
    found: list[Path] = []
    for source in map(Path, sources):
        found += sorted(filter(_is_work, source.rglob("*"))) if source.is_dir() else [source]
    return found


def _is_work(path: Path) -> bool:
    """Whether a path below a folder is a file, or might be one; what a killed run has left of a target is none."""
    return (path.is_file() or not path.exists()) and not is_part(path)


def report_all(reports: Generator[FileReport], bar: Bar, out: Output, did: str, sources: tuple[str, ...]) -> int:
    """Tell what came of each file as it ends, *did* as in "sealed"; the exit code. *bar* gets its progress from the work."""
    codes: list[int] = []
    plain = sealed = 0
    # Failing here, or Ctrl-C, stops the work now rather than when somebody collects the iterator.
    bar.call(f"{did} 0 files")
    with bar, closing(reports):
        for report in reports:
            codes.append(_report(report, out))
            if report.summary is not None:
                plain += report.summary.plain_bytes
                sealed += report.summary.sealed_bytes
            bar.call(f"{did} {codes.count(0)} files")
    if not codes:
        raise NothingThereError(f"there is no file in {', '.join(sources)}")
    done = codes.count(errors.EXIT_OK)
    if not out.json:
        failed = f"; {len(codes) - done} failed" if done < len(codes) else ""
        sizes = f": {amounts.amount(plain)} of plaintext, {amounts.amount(sealed)} sealed" if done else ""
        out.result({}, f"{did} {done} of {len(codes)} files{sizes}{failed}")
    return exit_code_of(codes)


def exit_code_of(codes: Sequence[int]) -> int:
    """One exit code for files that ended with *codes*."""
    if not any(codes):
        return errors.EXIT_OK
    if errors.EXIT_OK in codes:
        return errors.EXIT_PARTLY
    return codes[0] if len(codes) == 1 else errors.EXIT_FAILED


def signed_by(summary: Summary, demanded: VerifyingKey | None) -> str:
    """The end of a sentence about one file: who signed it, or is said to have."""
    if summary.signer is None:
        return ""
    return f"; signed by {summary.signer}" + (", as demanded" if demanded is not None else ", not checked: no --from")


def _report(report: FileReport, out: Output) -> int:
    where = {"source": report.source, "target": report.target} if report.target else {"source": report.source}
    if report.summary is not None:
        if out.json:
            out.result({**where, **amounts.record(report.summary)}, "")
        return errors.EXIT_OK
    assert report.error is not None
    failure = explain(report.error, report.source)
    if out.json:
        out.result({**where, **failure.record()}, "")
    else:
        out.tell(failure)
    return failure.exit_code
