"""Machine: what a measurement was made on."""

import os
import platform
import re
from pathlib import Path

from chatseal import _core

CPU_FLAGS = ("aes", "vaes", "vpclmulqdq", "avx2", "avx512f")


def _first(pattern: str, path: str) -> str:
    try:
        found = re.search(pattern, Path(path).read_text(), re.MULTILINE)
    except OSError:
        return ""
    return found[1].strip() if found else ""


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def facts() -> dict[str, str]:
    """Processor, system, libraries, and how busy the machine is without us."""
    memory = _first(r"^MemTotal:\s*(\d+)", "/proc/meminfo")
    flags = _first(r"^flags\s*:(.*)$", "/proc/cpuinfo").split()
    return {
        "cpu": _first(r"^model name\s*:(.*)$", "/proc/cpuinfo") or platform.processor(),
        "cpu flags": " ".join(flag for flag in CPU_FLAGS if flag in flags),
        "cores": str(cores()),
        "memory": f"{int(memory) / 1e6:.1f} GB" if memory else "",
        "system": f"{platform.system()} {platform.release()}",
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "libzstd": _core.versions()["zstd"],
        "libcrypto": _core.versions()["openssl"],
        "load before": " ".join(f"{load:.2f}" for load in os.getloadavg()) if hasattr(os, "getloadavg") else "",
    }


def describe() -> str:
    """The facts, one a line."""
    return "\n".join(f"{name:12} {value}" for name, value in facts().items() if value)
