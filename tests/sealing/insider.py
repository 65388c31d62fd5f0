"""An insider: somebody who may open a file, and so can make one of any stream that is right in everything else."""

from pathlib import Path

from chatseal import BackupKey
from corpus import KEY_BYTES
from sealing import ways
from slow_writer import PAYLOAD_CONTEXT, Draw, cobblestone, end_line, header_lines, key_slot, padded

KEY = BackupKey(KEY_BYTES)


def insider(stream: bytes, *, size_line: bool = True) -> bytes:
    """A file of any stream by somebody who may open it: header, MAC and records are all right."""
    draw = Draw("insider")
    file_key = draw(32)
    payload = cobblestone(file_key, PAYLOAD_CONTEXT, stream, draw(24))
    before = padded(header_lines([key_slot(KEY_BYTES, file_key, draw(24))], len(payload) if size_line else None))
    return before + end_line(before, file_key, payload) + payload


def disagreement(data: bytes, plain: bytes) -> str:
    """How the forward readers end, who must agree; and no reader may show anything but *plain*."""
    forward = {way(data, KEY, Path()).end for way in ways.FORWARD[2:]}
    assert len(forward) == 1
    random = ways.random_access(data, KEY, Path())
    assert random.released is not None
    assert plain.startswith(random.released), "random access shows another face"
    return forward.pop()
