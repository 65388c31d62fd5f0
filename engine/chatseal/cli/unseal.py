"""`chatseal unseal`: sealed files in, plaintext out."""

import click

import chatseal
from chatseal.cli import amounts
from chatseal.cli.command import Command, pass_output
from chatseal.cli.key_options import Keys, author, opening_keys
from chatseal.cli.many import are_many, check_folder, report_all, signed_by
from chatseal.cli.options import DASH, author_option, force_option, memory_option, sources_argument, target_option, threads_option
from chatseal.cli.output import Output
from chatseal.cli.progress import Bar
from chatseal.cli.streams import name_of, standard_input, standard_output


@click.command(
    cls=Command,
    synopsis="SRC... -o DST --key-file K [OPTIONS]",
    examples=[
        ("One file", "chatseal unseal msgstore.db.seal -o msgstore.db --key-file my.key"),
        ("Many files and folders into a folder, without their ending .seal", "chatseal unseal backup/ -o restored/ --key-file my.key"),
        ("A stream", "ssh nas cat chats.tar.seal | chatseal unseal - -o - --key-file my.key | tar x"),
        ("Only if its author sealed it", "chatseal unseal chat.db.seal -o chat.db --key-file my.key --from author.sign.pub"),
        ("With the password of the vault that the file names", "chatseal unseal chat.db.seal -o chat.db --vault"),
        ("With a private key, what was sealed --to its public key", "chatseal unseal chat.db.seal -o chat.db --key-file home.key"),
    ],
)
@sources_argument
@target_option("The file to write, `-` for standard output, or a folder for many.")
@opening_keys
@author_option
@threads_option
@memory_option
@force_option("Overwrite the target; write to a terminal.")
@pass_output
def command(
    out: Output,
    sources: tuple[str, ...],
    target: str,
    keys: Keys,
    author_file: str | None,
    threads: int | None,
    memory: int | None,
    force: bool,
) -> int:
    """Check, decrypt and decompress the sealed file SRC into DST, which only you can read.

    With several SRC, a folder as SRC or a folder as DST, each file loses its ending .seal and goes into the folder DST, and folders
    keep their tree. A file that fails does not stop the others.

    A file under its name is whole and checked. In a pipe, what comes out is checked but may end early, and with --from its author is
    only known at the end: look at the exit code. Without --from a signature is not checked.
    """
    many = are_many(sources, target)
    if many:
        check_folder(sources, target)
    key, demanded = keys.openers(out, sources), author(author_file, out)
    if many:
        bar = Bar(out, "unsealing")
        try:
            reports = chatseal.unseal_many(
                sources, target, key, threads=threads, memory=memory, overwrite=force, author=demanded, progress=bar.report
            )
        except ValueError as error:  # two files would get one name
            raise click.UsageError(str(error)) from None
        return report_all(reports, bar, out, "unsealed", sources)
    source = sources[0]
    out.subject = name_of(source)
    with Bar(out, f"unsealing {out.subject}") as bar:
        summary = chatseal.unseal(
            standard_input() if source == DASH else source,
            standard_output(out, terminal=force) if target == DASH else target,
            key,
            threads=threads,
            memory=memory,
            overwrite=force,
            author=demanded,
            progress=bar.report,
        )
    record = {"source": source, "target": target, **amounts.record(summary)}
    done = f"unsealed {out.subject}: {amounts.amount(summary.plain_bytes)} in {amounts.speed(summary)}"
    out.result(record, done + signed_by(summary, demanded))
    return 0
