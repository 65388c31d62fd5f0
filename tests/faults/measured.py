"""Measured: does one piece of work and says the most memory it had. Run as a program, so that nothing else is in it.

python measured.py WAY SOURCE TARGET THREADS        (- for SOURCE and TARGET is standard input and output; WAY bare does nothing)"""

import sys
from pathlib import Path


def peak_resident() -> int:
    """Bytes. Of this program alone: what the process was before it is not counted, as it is in ru_maxrss."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) << 10
    raise AssertionError("the system does not say")


def _run(way: str, source: str, target: str, threads: int) -> None:
    import chatseal
    from chatseal import BackupKey

    key = BackupKey(bytes(32))
    reads = open(0, "rb", buffering=0, closefd=False) if source == "-" else source  # noqa: SIM115
    writes = open(1, "wb", buffering=0, closefd=False) if target == "-" else target  # noqa: SIM115
    signer = chatseal.SigningKey(bytes(32))
    if way == "seal":
        chatseal.seal(reads, writes, key, threads=threads, overwrite=True)
    elif way == "seal signed and padded":
        chatseal.seal(reads, writes, key, threads=threads, overwrite=True, sign=signer, padded=True)
    elif way == "unseal signed and padded":
        chatseal.unseal(reads, writes, key, threads=threads, overwrite=True, author=signer.verifying_key)
    elif way == "unseal":
        chatseal.unseal(reads, writes, key, threads=threads, overwrite=True)
    elif way == "reseal":
        chatseal.rotate_key(source, key, key, reseal=True, threads=threads)
    else:
        chatseal.verify(reads, key, threads=threads)


if __name__ == "__main__":
    if sys.argv[1] != "bare":
        _run(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]))
    print(peak_resident(), file=sys.stderr)
