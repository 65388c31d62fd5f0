"""Dialog: asking a person at the terminal. Questions go to the terminal itself, so that standard output stays the result's."""

import secrets
import sys
from collections.abc import Callable, Sequence

import click

from chatseal import BackupKey
from chatseal.cli.words import escape
from chatseal.errors import KeySourceError
from chatseal.keys import sources

TRIES = 3
_CLEAR = "\x1b[{}F\x1b[J"  # to the beginning of that many lines before, and erase from there on


def say(text: str = "") -> None:
    click.echo(text, err=True)


def require_terminal(remedy: str) -> None:
    """Raise KeySourceError where nobody can be asked."""
    if not (sources.is_terminal() and sys.stderr is not None and sys.stderr.isatty()):
        raise KeySourceError("there is no terminal to ask at").with_remedy(remedy)


def line(prompt: str) -> str:
    """One line that a person types, visibly."""
    click.echo(prompt, err=True, nl=False)
    text = sys.stdin.readline()
    if not text:
        raise KeyboardInterrupt
    return text.strip()


def choose(question: str, answers: Sequence[tuple[str, str]]) -> str:
    """One of *answers* (word, what it means), by its number or its word; the first if nothing is typed."""
    say(question)
    say()
    for number, (_, meaning) in enumerate(answers, 1):
        say(f"  {number}  {meaning}")
    say()
    words = [word for word, _ in answers]
    while True:
        typed = line(f"Choose 1 to {len(answers)} [1]: ").lower()
        if typed == "":
            return words[0]
        if typed in words:
            return typed
        if typed.isdigit() and 1 <= int(typed) <= len(words):
            return words[int(typed) - 1]
        say("That is none of them.")


def ask(prompt: str, usual: str, check: Callable[[str], str | None] = lambda text: None) -> str:
    """A text, *usual* if nothing is typed. *check* says what is wrong with it, or None."""
    while True:
        text = line(f"{prompt} [{escape(usual)}]: ") or usual
        if (wrong := check(text)) is None:
            return text
        say(wrong)


def show_key(key: BackupKey) -> None:
    """The 64 digits, their groups numbered, and gone from the screen when the person says so."""
    groups = key.digits.split()
    rows = [" ".join(f"{i + 1:2} {groups[i]} " for i in range(row, row + 4)) for row in range(0, 16, 4)]
    say("This is your key. Write it down now; the small numbers count the groups.")
    say()
    for row in rows:
        say(f"    {row}")
    say()
    line("Press Enter when you have it: it goes from the screen then. ")
    if sys.stderr.isatty():
        click.echo(_CLEAR.format(len(rows) + 4), err=True, nl=False)


def prove(key: BackupKey) -> None:
    """Make the person type two groups of the key back. Raises KeySourceError after three wrong tries."""
    groups = key.digits.split()
    first, second = sorted(secrets.SystemRandom().sample(range(16), 2))
    for left in reversed(range(TRIES)):
        typed = line(f"To be sure: type group {first + 1} and group {second + 1}: ").lower().split()
        if typed == [groups[first], groups[second]]:
            return
        say("That is not what is in the key." + (" Look again." if left else ""))
    raise KeySourceError("the key was not written down; nothing was set up").with_remedy("Run `chatseal setup` again: it makes a new key.")
