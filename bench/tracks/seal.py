"""Seal by level, frame size and threads, as a share of libzstd alone; sizes; serial share; many files."""

from functools import partial

import chatseal
import inputs
import limit
import subjects
from rounds import take_turns
from subjects import KEY, SelfReport
from tracks import MIB, ROUNDS, SIZE


class Seal:
    """Memory to a sink in memory, against libzstd alone in the same rounds."""

    params = ([-5, 1, 3], [64 << 10, MIB], [1, 2])
    param_names = ("level", "frame_size", "threads")
    timeout = 600

    def setup(self, level: int, frame_size: int, threads: int) -> None:
        self.data = inputs.load(inputs.chat(SIZE))

    def track_share_of_limit(self, level: int, frame_size: int, threads: int) -> float:
        times = take_turns(
            {
                "seal": subjects.seal_to_sink(self.data, level, threads=threads, frame_size=frame_size),
                "limit": limit.Compression([self.data], level, frame_size, threads).run,
            },
            ROUNDS,
        )
        return times.share("seal", "limit")

    track_share_of_limit.unit = "share"  # type: ignore[attr-defined]


class SealFiles:
    """Between files, as the command does it."""

    params = ([-5, 1, 3], [1, 2])
    param_names = ("level", "threads")
    timeout = 600

    def setup(self, level: int, threads: int) -> None:
        self.database = inputs.chat(SIZE)
        self.data = inputs.load(self.database)

    def track_share_of_limit(self, level: int, threads: int) -> float:
        with inputs.scratch() as scratch:
            times = take_turns(
                {
                    "seal": subjects.seal_to_path(self.database, scratch / "target.seal", level, threads=threads),
                    "limit": limit.Compression([self.data], level, MIB, threads).run,
                },
                ROUNDS,
            )
        return times.share("seal", "limit")

    track_share_of_limit.unit = "share"  # type: ignore[attr-defined]

    def track_serial_share(self, level: int, threads: int) -> float:
        """Steps in order, as the pipeline counts them, over the time of the work on one thread."""
        work = SelfReport(partial(chatseal.seal, self.data, subjects.Sink(), KEY, level=level, threads=threads))
        times = take_turns({"work": work, "one": subjects.seal_to_sink(self.data, level, threads=1)}, ROUNDS)
        return 100 * sum(work.ordered) / len(work.ordered) / times.median("one")

    track_serial_share.unit = "%"  # type: ignore[attr-defined]


class Sizes:
    """Sealed bytes over the bytes of independent 1 MiB frames at the same level."""

    params = ([-5, 1, 3, 9],)
    param_names = ("level",)
    timeout = 600

    def setup(self, level: int) -> None:
        self.data = inputs.load(inputs.chat(SIZE))

    def track_over_frames(self, level: int) -> float:
        sink = subjects.Sink()
        chatseal.seal(self.data, sink, KEY, level=level)
        return 100 * (sink.length / len(limit.Compression([self.data], level, MIB, 1).frames().packed) - 1)

    track_over_frames.unit = "%"  # type: ignore[attr-defined]


class ManyFiles:
    """200 files, log-normal in size."""

    params = ([1, 2],)
    param_names = ("threads",)
    timeout = 600

    def setup(self, threads: int) -> None:
        self.source = inputs.files(200, SIZE, SIZE)
        self.pieces = [inputs.load(path) for path in sorted(self.source.iterdir())]

    def track_share_of_limit(self, threads: int) -> float:
        with inputs.scratch() as scratch:
            times = take_turns(
                {
                    "files": subjects.seal_files(self.source, scratch, 3, threads=threads),
                    "limit": limit.Compression(self.pieces, 3, MIB, threads).run,
                },
                ROUNDS,
            )
        return times.share("files", "limit")

    track_share_of_limit.unit = "share"  # type: ignore[attr-defined]
