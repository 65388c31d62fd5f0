"""Recovery sheet: the page as a file, written like a key file."""

import os
from collections.abc import Sequence
from datetime import date
from importlib import import_module
from typing import Literal

from chatseal.errors import ChatsealError
from chatseal.keys import key_file
from chatseal.keys.backup_key import BackupKey

FORMATS = ("pdf", "svg", "html")
PAPERS = ("a4", "letter")


class SheetLibraryError(ChatsealError):
    """All else works without what draws a sheet."""

    remedy = "Install it with `pip install 'chatseal[people]'`."


def recovery_sheet(
    key: BackupKey,
    path: str | os.PathLike[str],
    *,
    name: str = "",
    stores: Sequence[str] = (),
    vaults: Sequence[str] = (),
    paper: Literal["a4", "letter"] = "a4",
    made: date | None = None,
) -> None:
    """Write a page to print with *key* on it to a new file that only its owner can read: PDF, SVG or HTML by its ending.

    Raises TargetExistsError, ValueError, OSError, and ChatsealError where segno or reportlab is missing."""
    data = draw(key, format_of(path), name=name, stores=stores, vaults=vaults, paper=paper, made=made)
    key_file.write_new(path, data, "a recovery sheet")


def format_of(path: str | os.PathLike[str]) -> str:
    """The format that the ending of *path* names. Raises ValueError if it names none."""
    ending = os.path.splitext(os.fspath(path))[1].lower().removeprefix(".")
    if ending not in FORMATS:
        raise ValueError(f"{os.fspath(path)} does not end in .pdf, .svg or .html")
    return ending


def check_libraries() -> None:
    """Raise ChatsealError where segno or reportlab is missing."""
    for name in ("segno", "reportlab"):
        try:
            import_module(name)
        except ModuleNotFoundError:
            raise SheetLibraryError(f"a recovery sheet needs the package {name}, which is not installed") from None


def draw(
    key: BackupKey,
    format: str,
    *,
    name: str = "",
    stores: Sequence[str] = (),
    vaults: Sequence[str] = (),
    paper: str = "a4",
    made: date | None = None,
) -> bytes:
    """The file of a recovery sheet. Raises ValueError, and ChatsealError where segno or reportlab is missing."""
    from chatseal.keys.sheet.content import content

    if paper not in PAPERS:
        raise ValueError(f"a recovery sheet is for one of the papers {', '.join(PAPERS)}")
    says = content(key, name, stores, vaults, made or date.today(), any_font=format != "pdf")
    check_libraries()
    from chatseal.keys.sheet.html import html
    from chatseal.keys.sheet.layout import page
    from chatseal.keys.sheet.pdf import pdf
    from chatseal.keys.sheet.svg import svg

    drawn = page(says, paper)
    if format == "pdf":
        return pdf(drawn)
    return (svg(drawn) if format == "svg" else html(drawn, says)).encode("utf-8")
