"""`chatseal-vault serve`: the service."""

from pathlib import Path

import click

from chatseal.cli.command import Command, pass_output
from chatseal.cli.options import FileName
from chatseal.cli.output import Output
from chatseal.cli.vault_operator.options import vault_options
from chatseal.vault.accounts import HouseholdAccounts
from chatseal.vault.rates import Limit
from chatseal.vault.service import journal, server
from chatseal.vault.service.app import App, is_loopback
from chatseal.vault.service.desk import ACCOUNT_LIMIT, ADDRESS_LIMIT, Desk
from chatseal.vault.service.files import Files

DEFAULT = "127.0.0.1:8480"


@click.command(
    cls=Command,
    synopsis="--folder DIR [--listen HOST:PORT] [--tls-cert FILE --tls-key FILE] [OPTIONS]",
    examples=[
        ("To this machine alone", "chatseal-vault serve --folder /srv/vault"),
        ("To others", "chatseal-vault serve --folder /srv/vault --listen 0.0.0.0:8443 --tls-cert cert.pem --tls-key key.pem"),
    ],
)
@vault_options
@click.option("--listen", metavar="HOST:PORT", default=DEFAULT, show_default=True, help="Where to listen; port 0 is any free one.")
@click.option("--tls-cert", metavar="FILE", type=FileName(), help="Certificate, with its chain, in PEM. Required off this machine.")
@click.option("--tls-key", metavar="FILE", type=FileName(), help="Its private key, in PEM.")
@click.option("--proxy", metavar="ADDRESS", default="", help="A proxy whose X-Forwarded-For is believed.")
@click.option("--open-metrics", is_flag=True, help="Serve /metrics to everybody, not to this machine alone.")
@click.option(
    "--address-rate",
    metavar="N",
    type=click.IntRange(1, 10**6),
    default=ADDRESS_LIMIT.minute,
    show_default=True,
    help="Requests a minute from one address.",
)
@click.option(
    "--account-rate",
    metavar="N",
    type=click.IntRange(1, 10**6),
    default=ACCOUNT_LIMIT.minute,
    show_default=True,
    help="Requests a minute of one account.",
)
@click.option("--log-level", type=click.Choice(journal.LEVELS), default="info", show_default=True, help="What goes to standard error.")
@pass_output
def command(
    out: Output,
    files: Files,
    listen: str,
    tls_cert: str | None,
    tls_key: str | None,
    proxy: str,
    open_metrics: bool,
    address_rate: int,
    account_rate: int,
    log_level: str,
) -> None:
    """Serve the vault until it is told to end; what was asked until then is answered.

    A line with the address is printed when the first request can be answered. Records of what happens go to standard error, a JSON
    object a line: kinds, times and hashed names, never what was said. Off this machine it needs TLS.
    """
    host, port = _address(listen)
    if (tls_cert is None) != (tls_key is None):
        raise click.UsageError("--tls-cert and --tls-key go together")
    if tls_cert is None and not is_loopback(host):
        raise click.UsageError(f"{host} is not this machine alone: give --tls-cert and --tls-key")
    tls = (Path(tls_cert), Path(tls_key)) if tls_cert and tls_key else None
    journal.begin(log_level)
    with files.keeper() as keeper:
        by_address, by_account = _limit(address_rate, ADDRESS_LIMIT), _limit(account_rate, ACCOUNT_LIMIT)
        desk = Desk(keeper, HouseholdAccounts(files.accounts), by_address, by_account)
        app = App(desk, keeper, is_secure=tls is not None, open_metrics=open_metrics)
        with server.listen(host, port) as bound:
            url = f"{'https' if tls else 'http'}://{f'[{host}]' if ':' in host else host}:{bound.getsockname()[1]}"
            key = keeper.identity.public.shown
            started = {"url": url, "fingerprint": key}
            server.run(app, keeper, bound, tls=tls, proxies=proxy, started=lambda: out.show(started, f"{url}\nfingerprint  {key}"))


def _limit(minute: int, usual: Limit) -> Limit:
    return Limit(minute, max(1, minute * usual.burst // usual.minute))


def _address(text: str) -> tuple[str, int]:
    host, colon, port = text.rpartition(":")
    if not colon or not host or not port.isdigit() or int(port) > 65535:
        raise click.UsageError(f"{text} is not HOST:PORT")
    return host.removeprefix("[").removesuffix("]"), int(port)
