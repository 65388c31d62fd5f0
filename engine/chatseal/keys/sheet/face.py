"""Face: the fonts of a sheet, and which characters they have. No font is shipped: every PDF reader has these."""

from enum import StrEnum


class Face(StrEnum):
    """A font that every PDF reader has, by its name there."""

    PLAIN = "Helvetica"
    BOLD = "Helvetica-Bold"
    MONO = "Courier"
    MONO_BOLD = "Courier-Bold"


def has(character: str) -> bool:
    """Whether those fonts have *character*."""
    try:
        character.encode("cp1252")
    except UnicodeEncodeError:
        return False
    return True
