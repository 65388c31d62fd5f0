"""`chatseal seal`: plaintext in, sealed files out."""

import click

import chatseal
from chatseal.cli import amounts
from chatseal.cli.command import Command, pass_output
from chatseal.cli.key_options import Keys, sealing_keys, signer
from chatseal.cli.many import are_many, check_folder, report_all
from chatseal.cli.options import (
    DASH,
    KeyFileName,
    Size,
    force_option,
    memory_option,
    sources_argument,
    target_option,
    threads_option,
)
from chatseal.cli.output import Output
from chatseal.cli.progress import Bar
from chatseal.cli.streams import name_of, standard_input, standard_output
from chatseal.sealing.budget import FRAME_SIZE, FRAME_SIZE_MAX, FRAME_SIZE_MIN, LEVEL, LEVEL_MAX, LEVEL_MIN


@click.command(
    cls=Command,
    synopsis="SRC... -o DST --key-file K [--to PUBKEY]... [OPTIONS]",
    examples=[
        ("One file", "chatseal seal msgstore.db -o msgstore.db.seal --key-file my.key"),
        (
            "Many files and folders into a folder, with one line of JSON a file",
            "chatseal seal photos/ msgstore.db -o backup/ --key-file my.key --json",
        ),
        ("A stream", "tar c chats | chatseal seal - -o chats.tar.seal --key-file my.key"),
        ("On a machine that cannot open what it seals", "chatseal seal chat.db -o chat.db.seal --to home.key.pub"),
        ("For two holders: either can open it", "chatseal seal chat.db -o chat.db.seal --key-file my.key --to friend.key.pub"),
        ("With the key that a vault keeps", "chatseal seal chat.db -o chat.db.seal --vault https://vault.example --vault-user ada"),
        ("So that others can tell that it is yours", "chatseal seal chat.db -o chat.db.seal --key-file my.key --sign me.sign"),
        ("As small as it gets", "chatseal seal chat.db -o chat.db.seal --key-file my.key --level 19 --frame-size 8M"),
    ],
)
@sources_argument
@target_option("The sealed file, `-` for standard output, or a folder for many.")
@sealing_keys
@click.option(
    "--level",
    metavar="N",
    type=click.IntRange(LEVEL_MIN, LEVEL_MAX),
    default=LEVEL,
    show_default=True,
    help=f"zstd's: {LEVEL_MIN} is fast, {LEVEL_MAX} small.",
)
@click.option(
    "--frame-size",
    metavar="SIZE",
    type=Size(FRAME_SIZE_MIN, FRAME_SIZE_MAX),
    default=FRAME_SIZE,
    help="Plaintext compressed together, 64K to 16M: larger is smaller, but slower to read a part of. [default: 1M]",
)
@click.option("--sign", "signing_file", metavar="FILE", type=KeyFileName(), help="File with a signing key: show who sealed it.")
@click.option("--pad", "padded", is_flag=True, help="Pad, so that the length says less of the content: 3% longer, up to 12% if small.")
@threads_option
@memory_option
@force_option("Overwrite the target; write to a terminal.")
@pass_output
def command(
    out: Output,
    sources: tuple[str, ...],
    target: str,
    keys: Keys,
    level: int,
    frame_size: int,
    signing_file: str | None,
    padded: bool,
    threads: int | None,
    memory: int | None,
    force: bool,
) -> int:
    """Compress and encrypt SRC into the sealed file DST, on all cores.

    With several SRC, a folder as SRC or a folder as DST, each file becomes NAME.seal in the folder DST, and folders keep their tree.
    A file that fails does not stop the others.

    The options for keys say who can open it; without one, CHATSEAL_KEY_FILE or systemd's credential chatseal-key does. Keys are
    never read from the command line itself. A password can be guessed by whoever has the file; a key cannot.

    Whoever can open a file can also make one that looks the same. With --sign, those who have your verifying key can demand yours.
    """
    many = are_many(sources, target)
    if many:
        check_folder(sources, target)
    key, sign = keys.holders(out), signer(signing_file, out)
    if many:
        bar = Bar(out, "sealing")
        try:
            reports = chatseal.seal_many(
                sources,
                target,
                key,
                level=level,
                frame_size=frame_size,
                threads=threads,
                memory=memory,
                overwrite=force,
                sign=sign,
                padded=padded,
                progress=bar.report,
            )
        except ValueError as error:  # two files would get one name
            raise click.UsageError(str(error)) from None
        return report_all(reports, bar, out, "sealed", sources)
    source = sources[0]
    out.subject = name_of(source)
    with Bar(out, f"sealing {out.subject}") as bar:
        summary = chatseal.seal(
            standard_input() if source == DASH else source,
            standard_output(out, terminal=force) if target == DASH else target,
            key,
            level=level,
            frame_size=frame_size,
            threads=threads,
            memory=memory,
            overwrite=force,
            sign=sign,
            padded=padded,
            progress=bar.report,
        )
    sizes = f"{amounts.amount(summary.plain_bytes)} to {amounts.amount(summary.sealed_bytes)} ({amounts.times(summary.ratio)})"
    out.result(
        {"source": source, "target": target, **amounts.record(summary)}, f"sealed {out.subject}: {sizes} in {amounts.speed(summary)}"
    )
    return 0
