"""Address: the URL of a vault, in one spelling, so that what a device remembers of it is found again."""

from ipaddress import ip_address
from urllib.parse import urlsplit

from chatseal.errors import VaultAddressError
from chatseal.format.vault_place import URL_MAX

_PORTS = {"https": 443, "http": 80}


def canonical(url: str) -> str:
    """The URL of a vault: https, http to this machine alone; host and port, perhaps a path, which ends with a slash; nothing else.

    Raises VaultAddressError, which does not repeat the text: it may hold a secret."""
    if not (0 < len(url) <= URL_MAX and url.isascii() and url.isprintable() and " " not in url):
        raise VaultAddressError(f"the URL of a vault is printable ASCII without spaces, {URL_MAX} characters at most")
    try:
        parts = urlsplit(url)
        host, port, scheme = parts.hostname, parts.port, parts.scheme.lower()
    except ValueError:
        raise _wrong() from None
    if scheme not in _PORTS or not host or parts.username is not None or parts.password is not None or parts.query or parts.fragment:
        raise _wrong()
    if any(character in url for character in "?#\\%") or any(part in (".", "..") for part in parts.path.split("/")):
        raise _wrong()
    if scheme == "http" and not is_loopback(host):
        raise VaultAddressError("a vault is asked over https; http is for a vault on this machine alone").with_remedy(
            "Write https:// before its name; `chatseal-vault` makes a certificate for trying out."
        )
    where = f"[{host}]" if ":" in host else host
    if port is not None and port != _PORTS[scheme]:
        where += f":{port}"
    found = f"{scheme}://{where}{parts.path.rstrip('/')}/"
    if len(found) > URL_MAX:
        raise VaultAddressError(f"the URL of a vault has {URL_MAX} characters at most")
    return found


def is_loopback(host: str) -> bool:
    """Whether *host* is this machine and cannot be another."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _wrong() -> VaultAddressError:
    return VaultAddressError("this is not the URL of a vault")
