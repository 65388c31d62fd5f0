"""Base64: RFC 4648, section 4, without padding, one spelling for each value (docs/format.md, section 1)."""

import base64
import binascii
import re

_BASE64 = re.compile(rb"[A-Za-z0-9+/]*")


def encode64(data: bytes | memoryview) -> str:
    """RFC 4648 base64 without padding."""
    return base64.b64encode(data).rstrip(b"=").decode("ascii")


def decode64(text: bytes) -> bytes:
    """The bytes of canonical base64 without padding; ValueError for anything else."""
    if not _BASE64.fullmatch(text):
        raise ValueError("not base64")
    try:
        data = base64.b64decode(text + b"=" * (-len(text) % 4), validate=True)
    except binascii.Error:
        raise ValueError("not base64") from None
    if encode64(data).encode() != text:
        raise ValueError("not canonical base64")
    return data
