"""What a signature and padding cost, as a share of the same work without them, in the same rounds."""

from functools import partial

import chatseal
import inputs
import limit
from chatseal import SigningKey
from rounds import Run, take_turns, timed
from subjects import KEY, Sink
from tracks import ROUNDS, SIZE

SIGNER = SigningKey(bytes(range(32)))


class Signed:
    """From memory to a sink, and back to nowhere."""

    params = ([-5, 1, 3], [1, 2])
    param_names = ("level", "threads")
    timeout = 600

    def setup(self, level: int, threads: int) -> None:
        self.data = inputs.load(inputs.chat(SIZE))
        sealed = bytearray().join(chatseal.seal_chunks([self.data], KEY, level=level, sign=SIGNER))
        self.sealed = limit.touched(len(sealed))
        self.sealed[:] = sealed

    def _share(self, with_it: Run, without: Run) -> float:
        return take_turns({"with": with_it, "without": without}, ROUNDS).share("with", "without")

    def _seal(self, level: int, threads: int, *, sign: SigningKey | None = None, padded: bool = False) -> Run:
        seal = partial(chatseal.seal, self.data, key=KEY, level=level, threads=threads, sign=sign, padded=padded)
        return lambda: timed(lambda: seal(Sink()))

    def track_seal_signed(self, level: int, threads: int) -> float:
        """Every frame is hashed by the worker that has compressed it."""
        return self._share(self._seal(level, threads, sign=SIGNER), self._seal(level, threads))

    def track_seal_padded(self, level: int, threads: int) -> float:
        """The padding itself is encrypted by one thread at the end."""
        return self._share(self._seal(level, threads, padded=True), self._seal(level, threads))

    def track_verify_author(self, level: int, threads: int) -> float:
        """Every frame is hashed by the worker that has decompressed it."""
        verify = partial(chatseal.verify, self.sealed, KEY, threads=threads)
        author = SIGNER.verifying_key
        return self._share(lambda: timed(lambda: verify(author=author)), lambda: timed(verify))

    for _track in (track_seal_signed, track_seal_padded, track_verify_author):
        _track.unit = "share"  # type: ignore[attr-defined]
    del _track
