"""Scene: the folder in which a case is played, and what may be found there afterwards."""

from dataclasses import dataclass
from pathlib import Path

from chatseal import ChatsealError
from faults import work

OLDER = b"an older file"


@dataclass(frozen=True)
class Scene:
    """A source that must not change, and a target beside it. *older*: there is a file under the target's name already."""

    way: str
    folder: Path
    older: bool = False

    @property
    def source(self) -> Path:
        return self.folder / "source"

    @property
    def target(self) -> Path:
        return self.folder / ("source.seal" if self.way == "seal_many" else "target")

    def set(self) -> None:
        """The beginning of a case."""
        self.folder.mkdir(exist_ok=True)
        if not self.source.exists():
            self.source.write_bytes(work.source_of(self.way))
        self.target.unlink(missing_ok=True)
        if self.older:
            self.target.write_bytes(OLDER)

    def names(self) -> list[str]:
        return sorted(path.name for path in self.folder.iterdir())

    def is_tidy(self) -> bool:
        """The source is untouched and nothing lies about but the target, if that is there."""
        names = set(self.names()) - {self.source.name, self.target.name}
        assert not names, f"left behind: {names}"
        if self.way in work.WAYS and work.makes_a_sealed_file(self.way):
            assert self.source.read_bytes() == work.PLAIN
        else:
            assert work.plain_of("seal", self.source.read_bytes()) == work.PLAIN
        return True

    def has_nothing_new(self) -> bool:
        """There is no target, or the older one."""
        if self.older:
            assert self.target.read_bytes() == OLDER
        else:
            assert not self.target.exists()
        return True

    def has_a_whole_target(self) -> bool:
        assert work.plain_of(self.way, self.target.read_bytes()) == work.PLAIN
        return True

    def has_all_or_nothing(self) -> bool:
        if not self.target.exists() or self.target.read_bytes() == OLDER:
            return self.has_nothing_new()
        return self.has_a_whole_target()

    def has_a_true_beginning(self) -> bool:
        """A target in turn: what came out before the fault is right as far as it goes, and a sealed file is not whole."""
        released = self.target.read_bytes() if self.target.exists() else b""
        if not work.makes_a_sealed_file(self.way):
            assert work.PLAIN.startswith(released)
            return True
        try:
            work.plain_of(self.way, released)
        except ChatsealError:
            return True
        raise AssertionError("a sealed file whose writing failed opens")
