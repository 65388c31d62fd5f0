"""Pages: the documents for people, taken apart: fenced blocks, sections, tables, links."""

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]

_FENCE = re.compile(r"^```(?P<info>[^\n`]*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
_HEADING = re.compile(r"^(#+) (.*)$", re.MULTILINE)
_TABLE = re.compile(r"(?:^\|.*\|\n)+", re.MULTILINE)
_BAR = re.compile(r"(?<!\\)\|")
_CODE = re.compile(r"`([^`]+)`")
_LINK = re.compile(r"\]\(([^)\s]+)\)")


@dataclass(frozen=True)
class Block:
    """A fenced block: `info` is what stands behind the opening fence, `line` the number of its first line of text."""

    page: Path
    line: int
    info: str
    text: str


def page_id(page: Path) -> str:
    """The path as it is written in links from the root."""
    return page.relative_to(ROOT).as_posix()


def blocks(page: Path) -> list[Block]:
    """All fenced blocks of *page* in order."""
    text = page.read_text(encoding="utf-8")
    return [Block(page, text.count("\n", 0, found.start("text")) + 1, found["info"], found["text"]) for found in _FENCE.finditer(text)]


def prose(text: str) -> str:
    """*text* without its fenced blocks."""
    return _FENCE.sub("", text)


def sections(page: Path, level: int) -> dict[str, str]:
    """The text below each heading of *level*, by the heading without backquotes; deeper headings belong to the text."""
    # Blocks are blanked first: a comment in a script begins like a heading.
    text = page.read_text(encoding="utf-8")
    blanked = _FENCE.sub(lambda found: re.sub(r"[^\n]", " ", found[0]), text)
    headings = [found for found in _HEADING.finditer(blanked) if len(found[1]) <= level]
    ends = [found.start() for found in headings[1:]] + [len(text)]
    return {found[2].replace("`", ""): text[found.end() : end] for found, end in zip(headings, ends, strict=True) if len(found[1]) == level}


def rows(text: str) -> list[list[str]]:
    """The cells of every row of every table in *text*, without headings."""
    found: list[list[str]] = []
    for table in _TABLE.findall(prose(text)):
        found += [[cell.strip().replace("\\|", "|") for cell in _BAR.split(line)[1:-1]] for line in table.splitlines()[2:]]
    return found


def code(text: str) -> list[str]:
    """What stands between backquotes, blocks left out."""
    return _CODE.findall(prose(text))


def links(page: Path) -> list[str]:
    """The targets of all links in *page*."""
    return _LINK.findall(prose(page.read_text(encoding="utf-8")))
