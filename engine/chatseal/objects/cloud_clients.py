"""Cloud clients: obstore's stores, made from an address, the environment, and how patient we are."""

import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from chatseal.errors import StoreFailedError, StoreRefusedError
from chatseal.objects import aws_profile

if TYPE_CHECKING:
    from obstore.store import AzureStore, GCSStore, S3Store

    Client = S3Store | GCSStore | AzureStore

SERVICES: Final = {"s3": "S3", "gs": "Google Cloud Storage", "az": "Azure Blob Storage"}
_ENDPOINTS: Final = {
    "s3": ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT"),
    "gs": ("GOOGLE_BASE_URL",),
    "az": ("AZURE_STORAGE_ENDPOINT", "AZURE_ENDPOINT"),
}
# Variables of which one is there when credentials are given, and where a machine of the cloud asks for those of its role without.
_GIVEN: Final = {
    "s3": (
        "AWS_ACCESS_KEY_ID",
        "AWS_WEB_IDENTITY_TOKEN_FILE",
        "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
        "AWS_CONTAINER_CREDENTIALS_FULL_URI",
        "AWS_SKIP_SIGNATURE",
    ),
    "gs": (
        "GOOGLE_APPLICATION_CREDENTIALS",
        "GOOGLE_SERVICE_ACCOUNT",
        "GOOGLE_SERVICE_ACCOUNT_PATH",
        "GOOGLE_SERVICE_ACCOUNT_KEY",
        "GOOGLE_BEARER_TOKEN",
        "GOOGLE_SKIP_SIGNATURE",
    ),
    "az": (
        "AZURE_STORAGE_ACCOUNT_KEY",
        "AZURE_STORAGE_ACCESS_KEY",
        "AZURE_STORAGE_MASTER_KEY",
        "AZURE_STORAGE_SAS_KEY",
        "AZURE_STORAGE_SAS_TOKEN",
        "AZURE_STORAGE_TOKEN",
        "AZURE_STORAGE_CLIENT_SECRET",
        "AZURE_CLIENT_SECRET",
        "AZURE_FEDERATED_TOKEN_FILE",
        "AZURE_USE_AZURE_CLI",
        "AZURE_MSI_ENDPOINT",
        "AZURE_IDENTITY_ENDPOINT",
        "AZURE_STORAGE_USE_EMULATOR",
        "AZURE_SKIP_SIGNATURE",
    ),
}
_ROLES: Final = {
    "s3": ("AWS_METADATA_ENDPOINT", "http://169.254.169.254"),
    "gs": ("GCE_METADATA_ROOT", "http://metadata.google.internal"),
    "az": ("", "http://169.254.169.254"),
}
_GOOGLE_FILE = ".config/gcloud/application_default_credentials.json"
ROLE_PATIENCE: Final = 1.0  # seconds; it is a neighbour in the network, or not there
_LOOPBACK = ("127.0.0.1", "::1", "localhost")


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a server is waited for, in seconds, and how often it is asked again.

    The defaults wait 1 minute and 15 seconds between the first attempt and the last one: a router that restarts is sat out. `answer` is
    the time without a byte of an answer, which for a put begins with its first byte; so a larger one has `put`: 32 MiB in 15 minutes are
    37 kB a second."""

    connect: float = 15
    answer: float = 60
    put: float = 900
    retries: int = 10
    first_pause: float = 0.25
    longest_pause: float = 15
    retry_for: float = 180  # from the beginning of a call: later than this it is not repeated as it was signed
    begin: int = 3  # times that a put is begun anew, which took longer than that


def make(scheme: str, bucket: str, prefix: str, patience: Patience, answer: float) -> "Client":
    """A client of obstore, which connects only when it is used. *answer*: seconds that an answer may take.

    Raises StoreFailedError if obstore is not installed, StoreRefusedError if the environment does not say how to get in."""
    try:
        from obstore.store import AzureStore, GCSStore, S3Store
    except ModuleNotFoundError:
        raise StoreFailedError("a store in a cloud needs the package obstore, which is not installed").with_remedy(
            "Install it with `pip install 'chatseal[cloud]'`."
        ) from None
    config: dict[str, Any] = dict(aws_profile.settings(os.environ)) if scheme == "s3" else {}
    _check_credentials(scheme, os.environ, config)
    options: dict[str, Any] = {
        "prefix": prefix or None,
        "client_options": {
            "allow_http": _may_be_plain(scheme, os.environ, config),
            "connect_timeout": timedelta(seconds=patience.connect),
            "read_timeout": timedelta(seconds=answer),
            "timeout": timedelta(hours=24),  # of a whole answer, however long: what stalls is noticed by `read_timeout`
        },
        "retry_config": {
            "max_retries": patience.retries,
            "retry_timeout": timedelta(seconds=patience.retry_for),
            "backoff": {
                "init_backoff": timedelta(seconds=patience.first_pause),
                "max_backoff": timedelta(seconds=patience.longest_pause),
                "base": 2,
            },
        },
    }
    try:
        match scheme:
            case "s3":
                return S3Store(bucket, **options, **config)
            case "gs":
                return GCSStore(bucket, **options)
            case _:
                return AzureStore(bucket, **options)
    except Exception:  # its text may quote what is wrong
        pass
    raise StoreRefusedError(f"the environment does not say how to get into {SERVICES[scheme]}, or says it wrongly")


def _check_credentials(scheme: str, environment: Mapping[str, str], config: Mapping[str, str]) -> None:
    """Without this, who forgot to give credentials would wait until all retries of asking for the machine's role are over."""
    if "access_key_id" in config or any(environment.get(name) for name in _GIVEN[scheme]):
        return
    if scheme == "gs" and (Path.home() / _GOOGLE_FILE).exists():
        return
    variable, address = _ROLES[scheme]
    try:
        parts = urlsplit(environment.get(variable) or address)
        with socket.create_connection((parts.hostname or "", parts.port or 80), ROLE_PATIENCE):
            return
    except (OSError, ValueError):
        pass
    raise StoreRefusedError(f"there are no credentials for {SERVICES[scheme]}: none are given, and this machine has no role there")


def _may_be_plain(scheme: str, environment: Mapping[str, str], config: Mapping[str, str]) -> bool:
    """Whether the endpoint is one of http. Requests to S3 are signed; to the others a token would travel in the open: StoreRefusedError."""
    endpoint = next((environment[name] for name in _ENDPOINTS[scheme] if environment.get(name)), config.get("endpoint", ""))
    try:
        parts = urlsplit(endpoint)
        is_plain, host = parts.scheme.lower() == "http", parts.hostname
    except ValueError:
        return False
    if is_plain and scheme != "s3" and host not in _LOOPBACK:
        raise StoreRefusedError(f"the endpoint of {SERVICES[scheme]} is not https, and credentials would be sent there unprotected")
    return is_plain
