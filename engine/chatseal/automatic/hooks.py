"""Hooks: a command that is run, or a URL that is asked, to tell somebody how a run went. What they are told has no secret in it."""

import json
import os
import shlex
import signal
import ssl
import subprocess
import urllib.error
import urllib.request
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Protocol
from urllib.parse import urlsplit

COMMAND_SECONDS = 60.0
URL_SECONDS = 10.0
_HERE = ("127.0.0.1", "::1", "localhost")
_OWN = ("CHATSEAL_KEY_FILE", "CREDENTIALS_DIRECTORY")  # where a secret is, is none of a hook's business


class Hook(Protocol):
    """Somebody who is told."""

    def tell(self, about: Mapping[str, object]) -> str:
        """Tell *about* a run, as JSON has it. What went wrong, for people, or nothing; raises nothing.

        Repeats nothing of a URL's path or of what a command printed: both may be secrets."""


@dataclass(frozen=True, slots=True)
class Url:
    """Gets a POST with JSON. An address like those of healthchecks.io is a secret by itself, so it is never shown."""

    url: str = field(repr=False)

    def tell(self, about: Mapping[str, object]) -> str:
        data = json.dumps(about).encode()
        headers = {"Content-Type": "application/json", "User-Agent": "chatseal"}
        request = urllib.request.Request(self.url, data, headers, method="POST")
        opener = urllib.request.build_opener(_NoRedirects, urllib.request.HTTPSHandler(context=ssl.create_default_context()))
        name = f"the URL at {urlsplit(self.url).hostname}"
        try:
            with opener.open(request, timeout=URL_SECONDS):
                return ""
        except urllib.error.HTTPError as error:
            with error:
                return f"{name} answered {error.code}"
        except (OSError, ValueError):
            return f"{name} was not reached"


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """A redirection is an answer of 3xx: it could lead from https to anywhere."""

    def redirect_request(self, *_: Any) -> None:
        return None


@dataclass(frozen=True, slots=True)
class Command:
    """Is run without a shell. It reads JSON from standard input, and has its words in the environment, as CHATSEAL_STATUS and so on."""

    words: tuple[str, ...] = field(repr=False)

    def tell(self, about: Mapping[str, object]) -> str:
        name = self.words[0]
        environment = {key: value for key, value in os.environ.items() if key not in _OWN}
        environment |= {f"CHATSEAL_{key.upper()}": str(value) for key, value in about.items() if isinstance(value, (str, int))}
        try:
            with subprocess.Popen(
                self.words,
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env=environment,
                start_new_session=True,
            ) as running:
                try:
                    running.communicate(json.dumps(about).encode() + b"\n", COMMAND_SECONDS)
                except BaseException:
                    with suppress(ProcessLookupError):
                        os.killpg(running.pid, signal.SIGKILL)  # and what it has started
                    raise
        except subprocess.TimeoutExpired:
            return f"{name} did not end in {COMMAND_SECONDS:g} seconds"
        except (OSError, ValueError) as error:
            return f"{name} did not start: {getattr(error, 'strerror', None) or 'its words are no command'}"
        return f"{name} ended with exit code {running.returncode}" if running.returncode else ""


def parse_hook(text: str) -> Hook:
    """A URL, or the line of a command. Raises ValueError, which does not repeat it."""
    if "://" in text.partition(" ")[0]:
        try:
            parts = urlsplit(text)
            is_right = (parts.scheme == "https" and parts.hostname) or (parts.scheme == "http" and parts.hostname in _HERE)
        except ValueError:
            is_right = False
        if not is_right or " " in text or parts.username is not None:
            raise ValueError("a URL begins with https://, or with http:// on this machine, and has no user in it")
        return Url(text)
    try:
        words = shlex.split(text)
    except ValueError:
        raise ValueError("a quotation mark is not closed") from None
    if not words:
        raise ValueError("it has no words")
    return Command(tuple(words))
