"""`chatseal-vault certificate`: a certificate to develop with."""

from pathlib import Path

import click

from chatseal.cli.command import EXITS_OF_LITTLE, Command, pass_output
from chatseal.cli.options import FileName
from chatseal.cli.output import Output
from chatseal.keys import key_file
from chatseal.vault.service.certificate import DAYS, development


@click.command(
    cls=Command,
    synopsis="--cert FILE --key FILE [--name NAME ...]",
    examples=[
        ("For this machine", "chatseal-vault certificate --cert dev.pem --key dev.key"),
        ("For a telephone in the same network", "chatseal-vault certificate --cert dev.pem --key dev.key --name 192.168.1.20"),
    ],
    exits=EXITS_OF_LITTLE,
)
@click.option("--cert", metavar="FILE", required=True, type=FileName(), help="Where to write the certificate.")
@click.option("--key", metavar="FILE", required=True, type=FileName(), help="Where to write its private key.")
@click.option(
    "--name",
    "names",
    metavar="NAME",
    multiple=True,
    default=("localhost", "127.0.0.1", "::1"),
    show_default="localhost, 127.0.0.1, ::1",
    help="A name or address of this machine; several times for several.",
)
@pass_output
def command(out: Output, cert: str, key: str, names: tuple[str, ...]) -> None:
    """Make a TLS certificate that signs itself, for 90 days, and its private key. To develop with: nobody trusts it but who is told to.

    Others need a certificate of an authority, for which ACME clients are made.
    """
    try:
        certificate, private = development(names)
    except ValueError:
        raise click.UsageError("--name is neither the name of a machine nor an address") from None
    key_file.write_new(key, private, "a private key")
    key_file.write_new(cert, certificate, "a certificate", mode=0o644)
    out.result({"cert": cert, "key": key, "names": names}, f"made a certificate for {', '.join(names)}, for {DAYS} days")
    if Path(cert).parent == Path(key).parent:
        out.advise("The certificate may be given away; the key may not.")
