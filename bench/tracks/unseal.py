"""Unseal and verify by level and threads, as a share of zstd decompression alone."""

import chatseal
import inputs
import limit
import subjects
from rounds import Run, take_turns
from subjects import KEY
from tracks import MIB, ROUNDS, SIZE


class Unseal:
    """A level and its frames. Each way is measured against the limit that is nearest to it."""

    params = ([-5, 1, 3], [1, 2])
    param_names = ("level", "threads")
    timeout = 600

    def setup(self, level: int, threads: int) -> None:
        data = inputs.load(inputs.chat(SIZE))
        self.frames = limit.Compression([data], level, MIB, 1).frames()
        self.target = limit.touched(len(data))
        with inputs.scratch() as scratch:
            sealed = scratch / "source.seal"
            chatseal.seal(data, sealed, KEY, level=level)
            self.sealed = inputs.load(sealed)

    def _share(self, run: Run, threads: int, *, whole: bool) -> float:
        alone = limit.Decompression(self.frames, threads, whole=whole)
        return take_turns({"unseal": run, "limit": alone.run}, ROUNDS).share("unseal", "limit")

    def track_verify(self, level: int, threads: int) -> float:
        """Against zstd into a buffer of each thread."""
        return self._share(subjects.verify(self.sealed, threads=threads), threads, whole=False)

    def track_to_buffer(self, level: int, threads: int) -> float:
        """Against zstd into one touched buffer."""
        return self._share(subjects.unseal_to_buffer(self.sealed, self.target, threads=threads), threads, whole=True)

    def track_to_path(self, level: int, threads: int) -> float:
        """Against zstd into one touched buffer; the writing is ours alone."""
        with inputs.scratch() as scratch:
            return self._share(subjects.unseal_to_path(self.sealed, scratch / "target", threads=threads), threads, whole=True)

    for _track in (track_verify, track_to_buffer, track_to_path):
        _track.unit = "share"  # type: ignore[attr-defined]
    del _track
