"""What asv follows from commit to commit: mostly ratios within one run, which a faster machine leaves as they are.

TRACK_SIZE sets the bytes of the chat database (default 64M), TRACK_ROUNDS the rounds in turn behind each ratio (default 5)."""

import os
import sys
from pathlib import Path

BENCH = str(Path(__file__).resolve().parent.parent)
if BENCH not in sys.path:  # asv imports this package by its folder, and not what lies beside it
    sys.path.insert(0, BENCH)

import inputs  # noqa: E402

SIZE = inputs.size(os.environ.get("TRACK_SIZE", "64M"))
ROUNDS = int(os.environ.get("TRACK_ROUNDS", "5"))
MIB = 1 << 20
