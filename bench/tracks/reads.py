"""4 KiB at random places of a sealed file, in memory."""

import random
from contextlib import ExitStack

import chatseal
import inputs
from subjects import KEY
from tracks import MIB, SIZE


class Reads:
    """By frame size: one frame is decrypted and decompressed for a read."""

    params = ([64 << 10, MIB, 4 * MIB],)
    param_names = ("frame_size",)

    def setup(self, frame_size: int) -> None:
        self.undo = ExitStack()
        self.sealed = self.undo.enter_context(inputs.scratch()) / "source.seal"
        chatseal.seal(inputs.chat(SIZE), self.sealed, KEY, frame_size=frame_size)
        self.chance = random.Random(1)
        self.file = self.undo.enter_context(chatseal.open(self.sealed, key=KEY))

    def teardown(self, frame_size: int) -> None:
        self.undo.close()

    def time_read_4_kib(self, frame_size: int) -> None:
        self.file.seek(self.chance.randrange(SIZE // 2))
        self.file.read(4096)

    def time_open(self, frame_size: int) -> None:
        chatseal.open(self.sealed, key=KEY).close()
