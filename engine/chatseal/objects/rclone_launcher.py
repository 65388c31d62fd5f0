"""Launcher: a program that runs `rclone rcd`, and ends it when whoever started it is gone, killed perhaps.

    python -I -S -c "$(cat rclone_launcher.py)" /usr/bin/rclone

First it prints the folder in which objects wait to be sent, then what rclone says. Its standard input is a pipe that whoever started it
holds open and writes nothing into; when that ends, so do rclone and the folder. It imports nothing of the package."""

import contextlib
import os
import subprocess
import sys
import tempfile
import threading

PATIENCE = 3.0  # seconds in which rclone may end by itself, and write a token that it has renewed


def end_with_holder(child: "subprocess.Popen[bytes]") -> None:
    """Wait for the end of standard input, and end *child*."""
    with contextlib.suppress(OSError):
        while os.read(0, 64):
            pass
    child.terminate()
    try:
        child.wait(PATIENCE)
    except subprocess.TimeoutExpired:
        child.kill()


def main(rclone: str) -> None:
    with tempfile.TemporaryDirectory(prefix="chatseal-rclone-", ignore_cleanup_errors=True) as folder:
        os.write(1, os.fsencode(folder) + b"\n")
        child = subprocess.Popen([rclone, "rcd"], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=1)
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, 1)  # so that who reads what rclone says notices its end
        threading.Thread(target=end_with_holder, args=(child,), daemon=True).start()
        child.wait()


if __name__ == "__main__":
    main(sys.argv[1])
