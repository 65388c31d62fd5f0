"""Base64: RFC 4648, section 4, without padding, one spelling for each value (docs/format.md, section 1)."""

import binascii


def encode64(data: bytes | memoryview) -> str:
    """RFC 4648 base64 without padding."""
    return _encode(data).decode("ascii")


def decode64(text: bytes) -> bytes:
    """The bytes of canonical base64 without padding; ValueError for anything else."""
    try:
        data = binascii.a2b_base64(text + b"=" * (-len(text) % 4))
    except binascii.Error:
        raise ValueError("not base64") from None
    if _encode(data) != text:  # other characters were passed over, or there is another spelling
        raise ValueError("not canonical base64")
    return data


def _encode(data: bytes | memoryview) -> bytes:
    return binascii.b2a_base64(data, newline=False).rstrip(b"=")
