"""`chatseal-vault serve`: the service."""

from pathlib import Path

import click

from chatseal.cli.command import Command as ClickCommand
from chatseal.cli.command import pass_output
from chatseal.cli.options import FileName
from chatseal.cli.output import Output
from chatseal.cli.vault_operator.options import vault_options
from chatseal.vault.accounts import Accounts, HouseholdAccounts
from chatseal.vault.notices import Command, Notices, Sender, Webhook
from chatseal.vault.rates import Limit
from chatseal.vault.service import journal, server
from chatseal.vault.service.app import App, is_loopback
from chatseal.vault.service.desk import ACCOUNT_LIMIT, ADDRESS_LIMIT, Desk
from chatseal.vault.service.files import Files
from chatseal.vault.sqlite_records import SqliteRecords

DEFAULT = "127.0.0.1:8480"


@click.command(
    cls=ClickCommand,
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
@click.option("--notify-url-file", metavar="FILE", type=FileName(), help="File with the webhook that notices are posted to.")
@click.option("--notify-command", metavar="COMMAND", help="Command that reads each notice, a JSON object, from standard input.")
@click.option("--oidc-issuer", metavar="URL", help="Take signed tokens (JWT) of this identity provider in place of the list of accounts.")
@click.option("--oidc-audience", metavar="TEXT", help="The audience that its tokens have to name.")
@click.option("--oidc-keys", metavar="URL", help="Its JWK set: an https:// address, or a file.")
@click.option("--oidc-claim", metavar="NAME", default="sub", show_default=True, help="The claim with the account's name.")
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
    notify_url_file: str | None,
    notify_command: str | None,
    oidc_issuer: str | None,
    oidc_audience: str | None,
    oidc_keys: str | None,
    oidc_claim: str,
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
    senders = _senders(notify_url_file, notify_command)
    accounts = _accounts(files, oidc_issuer, oidc_audience, oidc_keys, oidc_claim)
    with files.alone(), SqliteRecords(files.database) as store:
        keeper = files.keeper_of(store)
        desk = Desk(keeper, accounts, _limit(address_rate, ADDRESS_LIMIT), _limit(account_rate, ACCOUNT_LIMIT))
        notices = Notices(store, files.database.with_name("notified"), senders, desk.name) if senders else None
        app = App(desk, keeper, is_secure=tls is not None, open_metrics=open_metrics)
        with server.listen(host, port) as bound:
            journal.begin(log_level)
            url = f"{'https' if tls else 'http'}://{f'[{host}]' if ':' in host else host}:{bound.getsockname()[1]}"
            key = keeper.identity.public.shown
            started = {"url": url, "fingerprint": key}
            server.run(
                app,
                keeper,
                bound,
                tls=tls,
                proxies=proxy,
                notices=notices,
                started=lambda: out.show(started, f"{url}\nfingerprint  {key}"),
            )


def _senders(url_file: str | None, line: str | None) -> tuple[Sender, ...]:
    found: list[Sender] = []
    if url_file is not None:
        found.append(Webhook.from_file(url_file))
    if line is not None:
        try:
            found.append(Command(line))
        except ValueError:
            raise click.UsageError("--notify-command is no command") from None
    return tuple(found)


def _accounts(files: Files, issuer: str | None, audience: str | None, keys: str | None, claim: str) -> Accounts:
    if issuer is None and audience is None and keys is None:
        return HouseholdAccounts(files.accounts)
    if issuer is None or audience is None or keys is None:
        raise click.UsageError("--oidc-issuer, --oidc-audience and --oidc-keys go together")
    from chatseal.vault.oidc import OidcAccounts

    return OidcAccounts(issuer, audience, keys, claim=claim)


def _limit(minute: int, usual: Limit) -> Limit:
    return Limit(minute, max(1, minute * usual.burst // usual.minute))


def _address(text: str) -> tuple[str, int]:
    host, colon, port = text.rpartition(":")
    if not colon or not host or not port.isdigit() or int(port) > 65535:
        raise click.UsageError(f"{text} is not HOST:PORT")
    return host.removeprefix("[").removesuffix("]"), int(port)
