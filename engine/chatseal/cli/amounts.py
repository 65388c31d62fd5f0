"""Amounts: bytes, rates, times and numbers as people read them, and as --json has them."""

from chatseal import Summary


def amount(size: float) -> str:
    """*size* bytes in three or four digits and a decimal unit."""
    for unit in ("bytes", "kB", "MB", "GB"):
        if size < 1000 or (unit == "GB" and size < 1e6):
            return f"{size:.0f} {unit}" if unit == "bytes" or size >= 1000 else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} TB"


def count(number: int, what: str) -> str:
    """*number* of *what*, of which several have an s: "1 core", "2 cores", "3 passes"."""
    ending = "" if number == 1 else "es" if what.endswith("s") else "s"
    return f"{number} {what}{ending}"


def rate(bytes_per_second: float) -> str:
    return f"{amount(bytes_per_second)}/s"


def duration(seconds: float) -> str:
    if seconds < 100:
        return f"{seconds:.2f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"


def times(ratio: float) -> str:
    """A compression ratio."""
    return f"{ratio:.2f} x"


def record(summary: Summary) -> dict[str, object]:
    """A summary for --json: sizes in bytes, times in seconds."""
    return {
        "plain_bytes": summary.plain_bytes,
        "sealed_bytes": summary.sealed_bytes,
        "ratio": round(summary.ratio, 4),
        "seconds": round(summary.seconds, 6),
        "bytes_per_second": round(summary.rate),
        "threads": summary.threads,
        **({"signer": summary.signer} if summary.signer is not None else {}),
    }


def speed(summary: Summary) -> str:
    """How long one piece of work took."""
    return f"{duration(summary.seconds)}, {rate(summary.rate)}"
