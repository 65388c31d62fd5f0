"""`chatseal-vault unit`: a systemd unit."""

import shutil
import sys

import click

from chatseal.cli.command import EXITS_OF_LITTLE, Command, pass_output
from chatseal.cli.output import Output

USER = "chatseal-vault"
UNIT = """\
# systemd unit of a chatseal vault. Make its user and its folder first:
#   useradd --system --home-dir /var/lib/{user} --shell /usr/sbin/nologin {user}
#   install -d -m 0700 -o {user} -g {user} /var/lib/{user}
#   sudo -u {user} chatseal-vault init --folder /var/lib/{user}
# and put certificate and key into /etc/{user}/. Keep the anchor on another disk with --anchor where there is one.
[Unit]
Description=chatseal vault
Documentation=man:systemd.exec(5)
After=network-online.target
Wants=network-online.target

[Service]
Type=exec
User={user}
Group={user}
StateDirectory={user}
StateDirectoryMode=0700
LoadCredential=cert.pem:/etc/{user}/cert.pem
LoadCredential=key.pem:/etc/{user}/key.pem
ExecStart={program} serve --folder %S/{user} --listen {listen} --tls-cert %d/cert.pem --tls-key %d/key.pem
Restart=on-failure
RestartSec=2
TimeoutStopSec=30
UMask=0077
LimitCORE=0
LimitMEMLOCK=64M
LimitNOFILE=4096
MemoryMax=1G
TasksMax=64
NoNewPrivileges=yes
CapabilityBoundingSet={capabilities}
AmbientCapabilities={capabilities}
ProtectSystem=strict
ProtectHome=yes
ProtectProc=invisible
ProcSubset=pid
ProtectClock=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
ProtectControlGroups=yes
PrivateTmp=yes
PrivateDevices=yes
DevicePolicy=closed
RemoveIPC=yes
RestrictAddressFamilies=AF_INET AF_INET6
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
LockPersonality=yes
MemoryDenyWriteExecute=yes
KeyringMode=private
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallFilter=~@privileged @resources
SystemCallErrorNumber=EPERM

[Install]
WantedBy=multi-user.target
"""


@click.command(
    cls=Command,
    synopsis="[--listen HOST:PORT]",
    examples=[
        ("Install it", "chatseal-vault unit > /etc/systemd/system/chatseal-vault.service"),
        ("On the usual port", "chatseal-vault unit --listen 0.0.0.0:443"),
    ],
    exits=EXITS_OF_LITTLE,
)
@click.option("--listen", metavar="HOST:PORT", default="0.0.0.0:8443", show_default=True, help="Where the service is to listen.")
@pass_output
def command(out: Output, listen: str) -> None:
    """Print a systemd unit that gives the service nothing but its folder and the network. Its first lines say how to install it."""
    port = listen.rpartition(":")[2]
    if not port.isdigit() or not listen.isprintable() or any(sign in listen for sign in " %$\"'\\"):
        raise click.UsageError("--listen is not HOST:PORT")
    program = shutil.which("chatseal-vault") or f"{sys.prefix}/bin/chatseal-vault"
    bound = "CAP_NET_BIND_SERVICE" if int(port) < 1024 else ""
    text = UNIT.format(user=USER, program=program, listen=listen, capabilities=bound)
    out.show({"unit": text}, text.rstrip("\n"))
