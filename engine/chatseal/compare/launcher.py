"""Launcher: a program that starts commands joined by pipes, waits for each, and tells what they took, as JSON on its standard output.

    python -S -E launcher.py '[[["zstd", "-c"], ["age", "-R", "..."]], "FILE FOR STDIN", "FILE FOR STDOUT"]'

The kernel counts what a process was before exec into its peak, so a large parent would be measured instead of a small child. Hence this
one has a few megabytes, and imports neither the package nor anything it can do without.

Its standard input is a pipe that whoever started it holds open and writes nothing into. When that ends, its holder is gone, killed
perhaps, and so all that was started here is killed: at once, though the holder was gone before this began."""

import json
import os
import signal
import subprocess
import sys
import threading
import time


def launch(pipeline: list[list[str]], stdin: str, stdout: str) -> dict[str, object]:
    """Seconds of wall clock and of processors; for each process the bytes of its largest resident set, and its exit status."""
    children: list[subprocess.Popen[bytes]] = []
    began = time.perf_counter()
    with open(stdin, "rb") as source, open(stdout, "wb") as target:
        upstream = source.fileno()
        for number, command in enumerate(pipeline):
            last = number == len(pipeline) - 1
            next_read, write = (-1, target.fileno()) if last else os.pipe()
            children.append(subprocess.Popen(command, stdin=upstream, stdout=write))
            if upstream != source.fileno():
                os.close(upstream)
            if not last:
                os.close(write)
            upstream = next_read
    cpu, peaks, statuses = 0.0, [], []
    for child in children:
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)  # waited for already
        statuses.append(child.returncode)
        cpu += usage.ru_utime + usage.ru_stime
        peaks.append(usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024))
    return {"seconds": time.perf_counter() - began, "cpu_seconds": cpu, "peaks": peaks, "statuses": statuses}


def die_with_holder() -> None:
    """Wait for the end of standard input, and kill the process group that this process leads."""
    while os.read(0, 1):
        pass
    os.killpg(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    threading.Thread(target=die_with_holder, daemon=True).start()
    try:
        print(json.dumps(launch(*json.loads(sys.argv[1]))))
    except OSError as error:
        sys.exit(f"{error.filename}: {error.strerror}")
