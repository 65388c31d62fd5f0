"""Content: what a recovery sheet says, each thing once, whatever it is drawn with."""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from chatseal._version import VERSION
from chatseal.keys.backup_key import SCANNED, BackupKey
from chatseal.keys.sheet.face import has

NAME_MAX = 160  # characters of a name; it is a label, and is cut
ADDRESS_MAX = 300  # characters of where a store or vault is; it is needed whole, and is refused if it is longer
ADDRESSES_MAX = 8
_MARKS_MAX = 4  # accents on top of each other; more would climb over other lines
_JOINERS = "\u200c\u200d"  # invisible, but what writes Persian, Hindi and emoji right
_REPLACED = "\ufffd"
_MONTHS = (  # the same in every locale
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)

TITLE = "Recovery sheet"
PURPOSE = "With the key on this page, encrypted backups can be opened again."
KEY = "Backup key"
DIGITS = "Digits are 0 to 9 and a to f, in the order of the small numbers. Spaces and upper case do not matter."
SCAN = "The same key, to scan"
WARNING = "Keep this page as you would keep cash"
WARNINGS = (
    "Whoever has it, or a picture of it, can read the backups, and you will not notice.",
    "Whoever loses it, and all other copies of the key, loses the backups. Nobody can help.",
    "Keep it on paper, away from the backups and from what makes them. Never send or photograph it.",
)
RESTORE = "How to restore"
FILE = "chat.db.seal"
STEPS = (  # what to do, and the command that does it
    ("Write the 64 digits, or the text of the QR code, into a file my.key, and let nobody else read it:", "chmod 600 my.key"),
    (f"On a computer with chatseal, where {FILE} stands for your backup:", f"chatseal unseal {FILE} -o chat.db --key-file my.key"),
    (
        "Or with its rescue reader, one file that needs Python with cryptography and pyzstd. "
        "If you have only that file, write rescue.py in place of -m chatseal.rescue:",
        f"python -m chatseal.rescue {FILE} --key-file my.key -o chat.db",
    ),
)
AFTERWARDS = "Delete my.key afterwards. If a stranger may have seen this page, make a new key and back up with it."
NOTES = "Notes"
NOTES_HINT = "where other copies of the key are, who has one"
FORMAT = "Sealed file format chatseal/v1: Cobblestone-256 (C2SP) over zstd"


@dataclass(frozen=True, slots=True, repr=False)  # it would show the key
class Content:
    """A sheet in words. *facts* are labels and what stands behind them, one entry an address."""

    groups: tuple[str, ...]
    scanned: str
    facts: tuple[tuple[str, tuple[str, ...]], ...]
    made: str
    footer: str


def content(key: BackupKey, name: str, stores: Sequence[str], vaults: Sequence[str], made: date, *, any_font: bool) -> Content:
    """What the sheet of *key* says, in the characters that a PDF's own fonts have unless it can be drawn with *any_font*.

    Raises ValueError if there are more, or longer, addresses than a page holds."""
    groups = tuple(key.digits.split())
    facts = [
        ("This key opens", (label(name, any_font) or "the backups sealed with it",)),
        ("Stored at", tuple(address(text, any_font) for text in stores if text.strip())),
        ("Key vault", tuple(address(text, any_font) for text in vaults if text.strip())),
    ]
    if len(stores) + len(vaults) > ADDRESSES_MAX:
        raise ValueError(f"a recovery sheet has room for {ADDRESSES_MAX} stores and vaults")
    made_on = f"{made.day} {_MONTHS[made.month - 1]} {made.year}"
    return Content(groups, SCANNED + "".join(groups).upper(), tuple(fact for fact in facts if fact[1]), made_on, f"chatseal {VERSION}")


def label(text: str, any_font: bool) -> str:
    """A name on one line: what cannot be drawn is replaced by what can, and what is too long is cut."""
    text = _few_marks(" ".join(text[: 4 * NAME_MAX].split()))
    text = "".join(c if _drawn(c, any_font) else _REPLACED if any_font else "?" for c in text)
    return text if len(text) <= NAME_MAX else text[: NAME_MAX - 1].rstrip() + "\u2026"


def address(text: str, any_font: bool) -> str:
    """Where a store or vault is, to be typed again: what cannot be drawn is written as its number. Raises ValueError if it is too long."""
    if len(text) > ADDRESS_MAX:
        raise ValueError(f"the address of a store or vault is longer than the {ADDRESS_MAX} characters that a recovery sheet has room for")
    return "".join(c if _drawn(c, any_font) else c.encode("unicode_escape").decode("ascii") for c in text.strip())


def _drawn(character: str, any_font: bool) -> bool:
    return (character.isprintable() or character in _JOINERS) if any_font else (character.isprintable() and has(character))


def _few_marks(text: str) -> str:
    kept, marks = [], 0
    for character in text:
        marks = marks + 1 if unicodedata.category(character) in ("Mn", "Me") else 0
        if marks <= _MARKS_MAX:
            kept.append(character)
    return "".join(kept)
