"""Marks: text and ink, all that a page is drawn from. Points from the top left corner; black alone, so that every printer can."""

import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

from reportlab.pdfbase.pdfmetrics import stringWidth

from chatseal.keys.sheet.face import Face, has


@dataclass(frozen=True, slots=True, repr=False)  # it would show the key
class Text:
    """One line of text from *x* on, or up to *x* if it *ends* there. *y* is its base line."""

    x: float
    y: float
    text: str
    face: Face
    size: float
    ends: bool = False


Box = tuple[float, float, float, float]  # x, y, width, height


@dataclass(frozen=True, slots=True, repr=False)
class Ink:
    """Black boxes, painted as one shape: no seams between those that touch."""

    boxes: tuple[Box, ...]


Mark = Text | Ink


@dataclass(frozen=True, slots=True, repr=False)
class Page:
    """A page: its size, and its marks in the order in which they are read."""

    width: float
    height: float
    marks: tuple[Mark, ...]


def width(text: str, face: Face, size: float) -> float:
    """How wide *text* is; of what other fonts have to draw, how wide it may be."""
    known = "".join(c for c in text if has(c))
    other = sum(unicodedata.category(c) not in ("Mn", "Me", "Cf") for c in text if not has(c))
    return float(stringWidth(known, face, size)) + other * size


def wrap(text: str, face: Face, size: float, room: float) -> Iterator[str]:
    """The lines of *text* that fit into *room*, broken at spaces; a word that is too long is broken where it must be."""
    line = ""
    for word in text.split():
        longer = f"{line} {word}" if line else word
        if width(longer, face, size) <= room:
            line = longer
            continue
        if line:
            yield line
        *full, line = pieces(word, face, size, room)
        yield from full
    yield line


def pieces(word: str, face: Face, size: float, room: float) -> Iterator[str]:
    """*word* in pieces that fit into *room*, each as long as it can be."""
    begin, taken = 0, 0.0
    for end, character in enumerate(word):
        needed = width(character, face, size)
        if taken + needed > room and end > begin:
            yield word[begin:end]
            begin, taken = end, 0.0
        taken += needed
    yield word[begin:]
