"""AWS profile: what the files of the `aws` command say, for keys that are not in the environment.

obstore reads the environment and the services that give roles to machines, but not these files."""

import configparser
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from chatseal.errors import StoreRefusedError

_KEYS: Final = {"aws_access_key_id": "access_key_id", "aws_secret_access_key": "secret_access_key", "aws_session_token": "session_token"}
_REGION, _ENDPOINT = ("AWS_REGION", "AWS_DEFAULT_REGION"), ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT")
_OTHER_WAYS = ("sso_session", "sso_start_url", "role_arn", "credential_process", "web_identity_token_file", "source_profile")


def settings(environment: Mapping[str, str]) -> dict[str, str]:
    """Settings of obstore's S3Store that the profile gives and the environment does not: keys, region, endpoint.

    Raises StoreRefusedError for a profile that is named and does not exist, or that gets its keys in another way."""
    given = environment.get("AWS_PROFILE") or environment.get("AWS_DEFAULT_PROFILE") or ""
    profile = _profile(environment, given or "default")
    if given and not profile:
        raise StoreRefusedError("AWS_PROFILE names a profile that is in none of the files of the aws command")
    found: dict[str, str] = {}
    if "AWS_ACCESS_KEY_ID" not in environment:
        found = {ours: profile[theirs] for theirs, ours in _KEYS.items() if theirs in profile}
        if given and "access_key_id" not in found:
            raise _other_way() if any(way in profile for way in _OTHER_WAYS) else StoreRefusedError("AWS_PROFILE's profile has no keys")
    if "region" in profile and not any(name in environment for name in _REGION):
        found["region"] = profile["region"]
    if "endpoint_url" in profile and not any(name in environment for name in _ENDPOINT):
        found["endpoint"] = profile["endpoint_url"]
    return found


def _other_way() -> StoreRefusedError:
    return StoreRefusedError("the profile of AWS_PROFILE gets its keys by a role, single sign-on or a command").with_remedy(
        'Put them into the environment: `eval "$(aws configure export-credentials --format env)"`.'
    )


def _profile(environment: Mapping[str, str], name: str) -> dict[str, str]:
    """What both files say of a profile; that of credentials comes first."""
    home = Path(environment.get("HOME", "~")).expanduser() / ".aws"
    config = _section(Path(environment.get("AWS_CONFIG_FILE") or home / "config"), name if name == "default" else f"profile {name}")
    return config | _section(Path(environment.get("AWS_SHARED_CREDENTIALS_FILE") or home / "credentials"), name)


def _section(path: Path, name: str) -> dict[str, str]:
    parser = configparser.RawConfigParser(strict=False, default_section="\0")
    try:
        parser.read_string(path.expanduser().read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except (OSError, UnicodeDecodeError, configparser.Error):
        failed = True
    else:
        failed = False
    if failed:  # outside, because the error that was caught quotes lines
        raise StoreRefusedError(f"{path} cannot be read")
    return dict(parser[name]) if parser.has_section(name) else {}
