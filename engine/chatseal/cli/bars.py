"""Bars: amounts by month as a picture: lines of blocks at a terminal, or a small SVG that needs no library."""

import sys
from collections.abc import Sequence
from xml.sax.saxutils import escape

from chatseal.cli import amounts

WIDTH = 32  # characters of the longest bar
_EIGHTHS = " ▏▎▍▌▋▊▉█"
_BAR, _GAP, _HEIGHT, _LEFT, _TOP, _BOTTOM = 36, 12, 220, 20, 50, 40  # pixels

Bar = tuple[str, int]  # what it is called, and its bytes


def can_draw() -> bool:
    """Whether standard output can show blocks."""
    try:
        _EIGHTHS.encode(getattr(sys.stdout, "encoding", None) or "ascii")
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def lines(bars: Sequence[Bar], *, blocks: bool) -> list[str]:
    """One line for each bar, of blocks or of #; none is empty whose amount is not zero."""
    most = max((size for _, size in bars), default=0) or 1
    found = []
    for _, size in bars:
        eighths = max(round(size / most * WIDTH * 8), 1 if size else 0)
        whole, rest = divmod(eighths, 8)
        found.append(("█" * whole + (_EIGHTHS[rest] if rest else "")) if blocks else "#" * max(whole, 1 if size else 0))
    return found


def svg(bars: Sequence[Bar], title: str) -> bytes:
    """The same as an SVG picture, each bar with its amount above it."""
    most = max((size for _, size in bars), default=0) or 1
    width = max(360, 2 * _LEFT + len(bars) * (_BAR + _GAP))
    height = _TOP + _HEIGHT + _BOTTOM
    base = _TOP + _HEIGHT
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}"'
        ' font-family="sans-serif" font-size="10" text-anchor="middle">',
        f'<rect width="{width}" height="{height}" fill="white"/>',
        f'<text x="{width // 2}" y="22" font-size="13">{escape(title)}</text>',
        f'<line x1="{_LEFT}" y1="{base}" x2="{width - _LEFT}" y2="{base}" stroke="#444444"/>',
    ]
    for number, (name, size) in enumerate(bars):
        left, tall = _LEFT + number * (_BAR + _GAP) + _GAP // 2, size / most * (_HEIGHT - 16)
        middle = left + _BAR / 2
        parts += [
            f'<rect x="{left}" y="{base - tall:.1f}" width="{_BAR}" height="{tall:.1f}" fill="#0b4f8a"/>',
            f'<text x="{middle}" y="{base - tall - 4:.1f}">{escape(amounts.amount(size))}</text>',
            f'<text x="{middle}" y="{base + 16}">{escape(name)}</text>',
        ]
    return "\n".join([*parts, "</svg>\n"]).encode("utf-8")
