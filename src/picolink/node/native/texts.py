"""Values as bare payloads, and payloads as arguments."""

import json

from ...core.packets import RAW
from ...core.values import encode

MYPY = False
if MYPY:
    from typing import Any


def as_text(value: "Any") -> "str | bytes":
    """A value as others read it: text and bytes as they are, all else as JSON."""
    if isinstance(value, str):
        return value
    if isinstance(value, (bytes, bytearray, memoryview)):
        return bytes(value)
    flag, text = encode(value)
    if flag == RAW:
        raise ValueError("bytes inside a list or dict: no topic takes that")
    return text


def arguments(payload: bytes) -> "tuple[list[Any], dict[str, Any], Any]":
    """Arguments, named ones and the id (None) of a payload: nothing; bare text, which is one
    argument, a number where it reads as one; a JSON list; or {"id":, "args":, "named":}."""
    try:
        text = str(payload, "utf-8")
    except ValueError:
        return [payload], {}, None
    if not text:
        return [], {}, None
    try:
        value = json.loads(text)
    except ValueError:
        return [text], {}, None
    if isinstance(value, list):
        return value, {}, None
    if isinstance(value, dict) and ("id" in value or "args" in value or "named" in value):
        args, named = value.get("args", []), value.get("named", {})
        if not isinstance(args, list) or not isinstance(named, dict):
            raise ValueError('"args" is a list, "named" an object')
        return args, named, value.get("id")
    return [value], {}, None
