"""Peak memory, beside a reference that does all the setting up and none of the work."""

import subprocess
from contextlib import ExitStack

import chatseal
import inputs
import subjects
from subjects import KEY
from tracks import SIZE


class Memory:
    """A file sealed and unsealed at the defaults."""

    params = ([1, 2],)
    param_names = ("threads",)

    def setup(self, threads: int) -> None:
        self.database = inputs.chat(SIZE)
        self.undo = ExitStack()
        self.sealed = self.undo.enter_context(inputs.scratch()) / "source.seal"
        # in another process, so that this one's peak is its own
        seal = subjects.script("chatseal.seal(sys.argv[1], sys.argv[2], KEY)", self.database, self.sealed)
        subprocess.run(seal, env=subjects.environment(), check=True)

    def teardown(self, threads: int) -> None:
        self.undo.close()

    def peakmem_reference(self, threads: int) -> None:
        pass

    def peakmem_seal(self, threads: int) -> None:
        chatseal.seal(self.database, subjects.Sink(), KEY, threads=threads)

    def peakmem_unseal(self, threads: int) -> None:
        chatseal.unseal(self.sealed, subjects.Sink(), KEY, threads=threads)
