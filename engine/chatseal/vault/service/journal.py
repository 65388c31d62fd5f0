"""Journal: what the service writes of itself: a JSON object a line, with hashed ids. No body, no header and no text from outside."""

import json
import logging
import sys
import time

LEVELS = ("debug", "info", "warning", "error")
_MEMBERS = ("operation", "outcome", "status", "account", "origin", "milliseconds", "error", "why", "where", "count", "address", "event")


class Lines(logging.Formatter):
    """A record as a line of JSON: its time, level and message, and the members that are known."""

    def format(self, record: logging.LogRecord) -> str:
        """The line. Of an exception the kind alone: its text may hold what came from outside."""
        found: dict[str, object] = {
            "time": time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created)) + f".{int(record.msecs):03}Z",
            "level": record.levelname.lower(),
            "message": record.getMessage(),
        }
        found |= {name: getattr(record, name) for name in _MEMBERS if hasattr(record, name)}
        if record.exc_info and record.exc_info[0] is not None:
            found["error"] = record.exc_info[0].__name__
        return json.dumps(found)


def begin(level: str) -> None:
    """Write records of this level and above to standard error: ours, and the HTTP server's from warnings up."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(Lines())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    logging.captureWarnings(True)
    logging.getLogger("chatseal.vault").setLevel(level.upper())
