"""Padding: how long a stream becomes when its length shall say little (docs/format.md, section 4)."""

MAGIC_PADDING = 0x184D2A5C
CONTENT_MAX = 1 << 30
FRAMES_MAX = 1024
COST = 8 + 8  # of a padding frame without content: its header, and its entry in the seek table


def padme(length: int) -> int:
    """*length*, at least 1, rounded up by Padmé: of its binary digits only the first few may be other than zero.

    So many as the exponent, the number of digits but one, has digits itself; and the leading one."""
    exponent = length.bit_length() - 1
    zeros = max(0, exponent - exponent.bit_length())
    return (length + (1 << zeros) - 1) >> zeros << zeros


def padding_of(stream_length: int, *, content_max: int = CONTENT_MAX) -> list[int]:
    """Contents of the padding frames that bring a stream of *stream_length* bytes, table included, to its padded length."""
    for frames in range(1, FRAMES_MAX + 1):
        least = stream_length + frames * COST
        left = padme(least) - least
        if left <= frames * content_max:
            return [max(0, min(content_max, left - number * content_max)) for number in range(frames)]
    raise ValueError("no stream is so long")
