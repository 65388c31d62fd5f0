"""Layout: where everything on the sheet goes. One column between the margins, read from top to bottom."""

from collections.abc import Iterable
from typing import NamedTuple

import segno

from chatseal.keys.sheet import content as words
from chatseal.keys.sheet.content import Content
from chatseal.keys.sheet.face import Face
from chatseal.keys.sheet.marks import Box, Ink, Mark, Page, Text, pieces, width, wrap

SIZES = {"a4": (595.276, 841.89), "letter": (612.0, 792.0)}  # points

MARGIN = 51.0
INDENT = 92.0  # from the margin to the values of facts
HEADING, BODY, SMALL, TINY = 11.0, 9.5, 8.0, 7.0
LEADING = 13.0
THIN, THICK = 0.6, 3.0
KEY_SIZE = 20.0
QUIET = 4  # modules around a QR code that stay white
NOTE_ROW = 22.0


class Spacing(NamedTuple):
    """How generous the page is with its room."""

    gap: float  # between parts
    row: float  # of the key
    address: float  # size of the text of addresses
    notes: int  # rows that must be left for them


# The first that fits is taken. The last is for three addresses as long as there may be.
SPACINGS = (Spacing(24, 38, 9, 5), Spacing(18, 36, 9, 4), Spacing(13, 34, 8, 3), Spacing(8, 30, 7.5, 2))


def page(content: Content, paper: str) -> Page:
    """The page that says *content*. Raises ValueError if it does not fit."""
    for spacing in SPACINGS:
        drawn = _Pen(*SIZES[paper], spacing).draw(content)
        if drawn is not None:
            return drawn
    raise ValueError("the addresses of stores and vaults do not fit on one page; give fewer or shorter ones")


class _Pen:
    """A place on the page that moves down as marks are made; *y* is the upper edge of what comes next."""

    def __init__(self, page_width: float, page_height: float, spacing: Spacing) -> None:
        self.size = page_width, page_height
        self.gap, self.row, self.address, self.least_notes = spacing
        self.left, self.right = MARGIN, page_width - MARGIN
        self.y, self.bottom = MARGIN, page_height - MARGIN
        self.marks: list[Mark] = []

    def draw(self, content: Content) -> Page | None:
        """The page, or None if it has no room left to write on."""
        self.head(content)
        self.facts(content)
        self.key(content)
        self.warning()
        self.steps()
        end = self.bottom - 20
        rows = int((end - self.y - 8) // NOTE_ROW)
        if rows < self.least_notes:
            return None
        self.notes(end, rows)
        self.foot(content)
        return Page(*self.size, tuple(self.marks))

    # --- The parts of the page ----------------------------------------------------------------------------------------

    def head(self, content: Content) -> None:
        self.y += 9
        self.mark(self.left, self.y, "chatseal", Face.BOLD, 12)
        self.mark(self.right, self.y, f"Made on {content.made}", Face.PLAIN, BODY, ends=True)
        self.y += 8
        self.rule(1.5)
        self.y += 34
        self.mark(self.left, self.y, words.TITLE, Face.BOLD, 25)
        self.y += 18
        self.mark(self.left, self.y, words.PURPOSE, Face.PLAIN, HEADING)
        self.y += self.gap

    def facts(self, content: Content) -> None:
        for number, (name, values) in enumerate(content.facts):
            self.rule(THIN)
            self.y += 5
            face, size, leading, split = (
                (Face.MONO, self.address, self.address + 2, pieces) if number else (Face.BOLD, HEADING, LEADING, wrap)
            )
            self.mark(self.left, self.y + 9.5, name, Face.PLAIN, BODY)
            for place, value in enumerate(values):
                self.y += 2.5 if place else 0
                for line in split(value, face, size, self.right - self.left - INDENT):
                    self.mark(self.left + INDENT, self.y + 9.5, line, face, size)
                    self.y += leading
            self.y += 6 if number else 4
        self.rule(THIN)
        self.y += self.gap

    def key(self, content: Content) -> None:
        """Sixteen cells, and beside them the code, in one frame."""
        top, height = self.y, 4 * self.row
        self.text(words.KEY, Face.BOLD, HEADING, LEADING)
        top = self.y + 5
        across = self.right - self.left - height
        cell = across / 4
        for number, group in enumerate(content.groups):
            row, column = divmod(number, 4)
            x, y = self.left + column * cell, top + row * self.row
            self.mark(x + 5, y + 9.5, str(number + 1), Face.PLAIN, TINY)
            self.mark(x + (cell - width(group, Face.MONO_BOLD, KEY_SIZE)) / 2 + 5, y + self.row / 2 + 6.5, group, Face.MONO_BOLD, KEY_SIZE)
        lines = [(self.left, top + row * self.row, across, THIN / 2) for row in range(1, 4)]
        lines += [(self.left + column * cell, top, THIN / 2, height) for column in range(1, 4)]
        self.ink(*lines, (self.left + across, top, THIN, height))
        self.frame(self.left, top, self.right - self.left, height)
        self.marks.append(Ink(tuple(_code(content.scanned, self.left + across, top, height))))
        self.y = top + height
        self.mark(self.left, self.y + 11, words.DIGITS, Face.PLAIN, SMALL)
        self.mark(self.right, self.y + 11, words.SCAN, Face.PLAIN, SMALL, ends=True)
        self.y += 11 + self.gap

    def warning(self) -> None:
        top = self.y
        self.text(words.WARNING, Face.BOLD, HEADING, LEADING, x=self.left + 14)
        self.y += 2
        for sentence in words.WARNINGS:
            self.paragraph(sentence, self.left + 14)
        self.ink((self.left, top, THICK, self.y - top + 1))
        self.y += self.gap

    def steps(self) -> None:
        self.text(words.RESTORE, Face.BOLD, HEADING, LEADING)
        self.y += 2
        for number, (what, command) in enumerate(words.STEPS, 1):
            self.mark(self.left, self.y + LEADING - BODY / 4, f"{number}.", Face.PLAIN, BODY)
            self.paragraph(what, self.left + 14)
            self.text(command, Face.MONO_BOLD, 9, LEADING, x=self.left + 14)
            self.y += 3
        self.paragraph(words.AFTERWARDS, self.left)
        self.y += self.gap

    def notes(self, end: float, rows: int) -> None:
        self.mark(self.left, self.y + 10, words.NOTES, Face.BOLD, HEADING)
        self.mark(self.left + width(words.NOTES, Face.BOLD, HEADING) + 6, self.y + 10, words.NOTES_HINT, Face.PLAIN, SMALL)
        pitch = (end - self.y - 8) / rows
        self.ink(*((self.left, end - row * pitch, self.right - self.left, THIN / 2) for row in range(rows)))

    def foot(self, content: Content) -> None:
        self.mark(self.left, self.bottom, words.FORMAT, Face.PLAIN, TINY)
        self.mark(self.right, self.bottom, f"{content.footer}, page 1 of 1", Face.PLAIN, TINY, ends=True)

    # --- Marks ----------------------------------------------------------------------------------------------------------

    def mark(self, x: float, y: float, text: str, face: Face, size: float, *, ends: bool = False) -> None:
        self.marks.append(Text(x, y, text, face, size, ends))

    def text(self, text: str, face: Face, size: float, leading: float, *, x: float | None = None) -> None:
        """A line of text, and down by its *leading*."""
        self.mark(self.left if x is None else x, self.y + leading - size / 4, text, face, size)
        self.y += leading

    def paragraph(self, text: str, x: float) -> None:
        for line in wrap(text, Face.PLAIN, BODY, self.right - x):
            self.text(line, Face.PLAIN, BODY, LEADING, x=x)

    def ink(self, *boxes: Box) -> None:
        self.marks.append(Ink(boxes))

    def rule(self, thickness: float) -> None:
        self.ink((self.left, self.y, self.right - self.left, thickness))

    def frame(self, x: float, y: float, w: float, h: float) -> None:
        self.ink((x, y, w, THIN), (x, y + h - THIN, w, THIN), (x, y, THIN, h), (x + w - THIN, y, THIN, h))


def _code(text: str, x: float, y: float, size: float) -> Iterable[Box]:
    """The QR code of *text* with its quiet zone: a box for each run of dark modules in a row."""
    rows = [bytes(row) for row in segno.make_qr(text, error="q").matrix]
    module = size / (len(rows) + 2 * QUIET)
    for number, row in enumerate(rows):
        begin = 0
        while (begin := row.find(1, begin)) >= 0:
            end = row.find(0, begin)
            end = len(row) if end < 0 else end
            yield x + (QUIET + begin) * module, y + (QUIET + number) * module, (end - begin) * module, module
            begin = end
