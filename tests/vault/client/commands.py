"""Commands of a person with an account at a real service, and what they need on the disk."""

from collections.abc import Callable
from pathlib import Path

from cli.command import Ran

PASSWORD, OTHER = "correct lamp battery ostrich", "another lamp battery ostrich"
Vault = Callable[..., Ran]


def private(path: Path, text: str) -> Path:
    path.write_text(text)
    path.chmod(0o600)
    return path


def forget(tmp_path: Path) -> None:
    """The device has not met the vault."""
    for file in (tmp_path / "state").rglob("*.json"):
        file.unlink()
