"""`chatseal verify`: do all that unseal does, but write."""

from collections.abc import Generator, Sequence
from pathlib import Path

import click

import chatseal
from chatseal import FileReport, Progress, VerifyingKey
from chatseal.cli import amounts
from chatseal.cli.command import Command, pass_output
from chatseal.cli.key_options import Keys, author, opening_keys
from chatseal.cli.many import check_no_dash, files_in, report_all, signed_by
from chatseal.cli.options import DASH, author_option, memory_option, sources_argument, threads_option
from chatseal.cli.output import Output
from chatseal.cli.progress import Bar
from chatseal.cli.streams import name_of, standard_input
from chatseal.keys.slots import Opener


@click.command(
    cls=Command,
    synopsis="SRC... --key-file K [OPTIONS]",
    examples=[
        ("One file", "chatseal verify msgstore.db.seal --key-file my.key"),
        ("All files below a folder, for a script", "chatseal verify backup/ --key-file my.key --json"),
        ("Also that its author sealed it", "chatseal verify chat.db.seal --key-file my.key --from author.sign.pub"),
        ("Without a copy on this disk", "ssh nas cat chats.seal | chatseal verify - --key-file my.key"),
    ],
)
@sources_argument
@opening_keys
@author_option
@threads_option
@memory_option
@pass_output
def command(out: Output, sources: tuple[str, ...], keys: Keys, author_file: str | None, threads: int | None, memory: int | None) -> int:
    """Check every byte of the sealed file SRC, from the first to the last, and write nothing.

    Exit code 0 says: this key opens the file, nothing of it is changed, missing or too much, and all of it decompresses. Of several
    SRC, or all files below a folder, one that fails does not stop the others. With --from it also says who sealed the file; without, a
    signature is not checked.
    """
    if len(sources) > 1 or Path(sources[0]).is_dir():
        check_no_dash(sources)
        bar = Bar(out, "verifying")
        reports = _verify_many(files_in(sources), keys.openers(out, sources), author(author_file, out), threads, memory, bar)
        return report_all(reports, bar, out, "verified", sources)
    key, demanded = keys.openers(out, sources), author(author_file, out)
    source = sources[0]
    out.subject = name_of(source)
    with Bar(out, f"verifying {out.subject}") as bar:
        summary = chatseal.verify(
            standard_input() if source == DASH else source, key, threads=threads, memory=memory, author=demanded, progress=bar.report
        )
    record = {"source": source, **amounts.record(summary)}
    done = f"verified {out.subject}: {amounts.amount(summary.plain_bytes)} of plaintext in {amounts.speed(summary)}"
    out.result(record, done + signed_by(summary, demanded))
    return 0


def _verify_many(
    files: Sequence[Path], key: Sequence[Opener], demanded: VerifyingKey | None, threads: int | None, memory: int | None, bar: Bar
) -> Generator[FileReport]:
    done = 0

    def inside(here: Progress) -> None:
        bar.update(done + here.done, None)

    for file in files:
        try:
            summary = chatseal.verify(file, key, threads=threads, memory=memory, author=demanded, progress=inside)
        except Exception as error:
            yield FileReport(str(file), "", None, error)
        else:
            yield FileReport(str(file), "", summary, None)
            done += summary.plain_bytes
