"""A configuration with one job, in an empty folder, with places of its own, and a clock that the test sets."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from chatseal import BackupKey, Store
from chatseal.automatic import plan, run, state
from chatseal.automatic.run import Done, Ran
from chatseal.events import Report
from snapshots.scene import database, noise

KEY = BackupKey(bytes(range(32)))
NOON = datetime.now().astimezone().replace(hour=12, minute=0, second=0, microsecond=0)  # of today: proofs are by the real clock


@dataclass
class Watched:
    """Remembers what it saw."""

    steps: list[Done] = field(default_factory=list)
    begun: list[tuple[str, str]] = field(default_factory=list)

    def begin(self, job: str, step: str) -> Report | None:
        self.begun.append((job, step))
        return None

    def end(self, done: Done) -> None:
        self.steps.append(done)


class Scene:
    """The folder with the configuration, a database, a photo and a store."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.now = folder, NOON
        self.config, self.store, self.source = folder / "chatseal.toml", folder / "store", folder / "source"
        self.source.mkdir()
        with database(self.source / "chat.db", 50):
            pass
        (self.source / "photo.jpg").write_bytes(noise(100_000))
        Store.create(self.store, KEY).close()

    def job(self, name: str = "chats", more: str = "", store: Path | None = None) -> str:
        return f"[job.{name}]\nsources = ['{self.source}']\nstore = '{store or self.store}'\n{more}\n"

    def write(self, *parts: str) -> None:
        self.config.write_text("\n".join(parts))
        self.config.chmod(0o600)

    def open(self, url: str) -> AbstractContextManager[Store]:
        return Store(url, KEY)

    def run(self, *, only_due: bool = True, watch: Watched | None = None, clock: Callable[[], datetime] | None = None) -> Ran:
        """What the timer does at `now`."""
        found = plan.read(self.config)
        return run.run(found, found.jobs, self.open, watch or Watched(), only_due=only_due, clock=clock or (lambda: self.now))

    def steps(self) -> list[str]:
        """The steps that are done at `now`."""
        return [done.step for done in self.run().steps]

    def later(self, **amount: float) -> None:
        self.now += timedelta(**amount)

    def state(self, job: str = "chats") -> state.JobState:
        return state.read()[job]


@pytest.fixture
def scene(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Scene:
    monkeypatch.setenv("CHATSEAL_STATE_DIR", str(tmp_path / "places" / "state"))
    monkeypatch.setenv("CHATSEAL_CACHE_DIR", str(tmp_path / "places" / "cache"))
    scene = Scene(tmp_path)
    scene.write(scene.job())
    return scene
