"""Names of objects, and of the folders that are listed: one grammar for every store, checked before anything is sent or opened."""

import re
from typing import Final

NAME_MAX: Final = 128
_NAME = re.compile(rf"[a-z0-9][a-z0-9/.-]{{0,{NAME_MAX - 1}}}")


def is_name(text: str) -> bool:
    """Whether *text* is the name of an object. A store that lists others shows things that are not ours."""
    return _NAME.fullmatch(text) is not None and all(part.strip(".") for part in text.split("/"))


def check_name(name: str) -> None:
    """Raise ValueError unless *name* is one."""
    if not is_name(name):
        raise ValueError("not a name of an object: [a-z0-9][a-z0-9/.-]{0,127}, no part empty or of dots alone")


def check_prefix(prefix: str) -> None:
    """Raise ValueError unless *prefix* is empty or a folder's name and a slash."""
    if prefix and not (prefix.endswith("/") and is_name(prefix[:-1])):
        raise ValueError("a list is of everything, or of a folder, such as `packs/`")


def check_range(offset: int, length: int) -> None:
    """Raise ValueError for a range that no object can have."""
    if offset < 0 or length < 0:
        raise ValueError("offset and length are not negative")
