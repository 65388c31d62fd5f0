"""Child: whole processes, timed, with the most memory each of them had resident.

The kernel counts what a process was before exec into its peak, so a large parent would be measured instead of a small child.
Therefore this file is also a program, a launcher of a few megabytes without site-packages, that starts a pipeline and waits for
each of its processes:

    python -S -E child.py '[[["zstd", "-c"], ["age", "..."]], "FILE FOR STDIN", "FILE FOR STDOUT"]'"""

import json
import os
import subprocess
import sys
import time


class Ran:
    """What one pipeline took. Seconds of wall clock, bytes of the largest resident set of each process, the last lines of stderr."""

    def __init__(self, seconds: float, peaks: list[int], status: int, said: str) -> None:
        self.seconds, self.peaks, self.status, self.said = seconds, peaks, status, said


class ChildFailed(Exception):
    """A process ended with another status than 0."""


def run(*pipeline: list[str], stdin: str = os.devnull, stdout: str = os.devnull, environment: "dict[str, str] | None" = None) -> Ran:
    """Run commands joined by pipes through the launcher. Raises ChildFailed."""
    order = json.dumps([list(pipeline), stdin, stdout])
    launcher = [sys.executable, "-S", "-E", __file__, order]
    done = subprocess.run(launcher, capture_output=True, text=True, env=environment, check=False)
    if done.returncode != 0:
        raise ChildFailed(f"{pipeline[0][0]} could not be started: {done.stderr[-500:]}")
    ran = Ran(*json.loads(done.stdout))
    if ran.status != 0:
        raise ChildFailed(f"{' | '.join(command[0] for command in pipeline)} ended with {ran.status}: {ran.said[-500:]}")
    return ran


def _launch(pipeline: list[list[str]], stdin: str, stdout: str) -> None:
    began = time.perf_counter()
    children = []
    with open(stdin, "rb") as source, open(stdout, "wb") as target, open(os.devnull, "wb"):
        reads, said = os.pipe()
        upstream: int = source.fileno()
        for number, command in enumerate(pipeline):
            last = number == len(pipeline) - 1
            next_read, write = (-1, target.fileno()) if last else os.pipe()
            children.append(subprocess.Popen(command, stdin=upstream, stdout=write, stderr=said))
            if upstream != source.fileno():
                os.close(upstream)
            if not last:
                os.close(write)
            upstream = next_read
        os.close(said)
        with open(reads, "rb") as stderr:
            words = stderr.read()
    status, peaks = 0, []
    for child in children:
        _, code, usage = os.wait4(child.pid, 0)
        status = status or os.waitstatus_to_exitcode(code)
        peaks.append(usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024))
        child.returncode = 0  # waited for already
    seconds = time.perf_counter() - began
    print(json.dumps([seconds, peaks, status, words.decode(errors="replace")]))


if __name__ == "__main__":
    _launch(*json.loads(sys.argv[1]))
