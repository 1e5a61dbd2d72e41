"""What the bodies of calls and answers say: section 7 of the specification."""

from __future__ import annotations

import json
import struct
from typing import Any

DEEPEST = 16


class NoValue(ValueError):
    """A body that is no value, or one that this receiver refuses (7.5, 7.6)."""


def write(value: Any) -> tuple[bool, bytes]:
    """(whether it goes with RAW, the body)."""
    if isinstance(value, bytes):
        return True, bytes(4) + value
    raw = bytearray()
    if not _holds_bytes(value):
        return False, to_json(value)
    text = to_json(_mark(value, raw))
    return True, struct.pack("<I", len(text)) + text + bytes(raw)


def read(body: bytes, raw: bool) -> Any:
    if not raw:
        return _parse(body)
    if len(body) < 4:
        raise NoValue("no length")
    (size,) = struct.unpack_from("<I", body)
    if size == 0:
        return body[4:]
    if 4 + size > len(body):
        raise NoValue("a length beyond the end")
    return _unmark(_parse(body[4 : 4 + size]), body[4 + size :])


def to_json(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()


def _parse(text: bytes) -> Any:
    def no_number(name: str) -> None:
        raise NoValue(name)

    try:
        value = json.loads(text.decode(), parse_constant=no_number)
    except (ValueError, RecursionError) as e:
        raise NoValue(str(e)) from e
    _check(value, 0)
    return value


def _check(value: Any, depth: int) -> None:
    if isinstance(value, str):
        try:
            value.encode()
        except UnicodeEncodeError as e:
            raise NoValue("half of a surrogate pair") from e
    elif isinstance(value, float) and value - value != 0:
        raise NoValue("no finite number")
    elif isinstance(value, (list, dict)):
        if depth == DEEPEST:
            raise NoValue("nested too deep")
        for inner in value if isinstance(value, list) else [*value, *value.values()]:
            _check(inner, depth + 1)


def _holds_bytes(value: Any) -> bool:
    if isinstance(value, dict):
        value = list(value.values())
    return any(map(_holds_bytes, value)) if isinstance(value, list) else isinstance(value, bytes)


def _mark(value: Any, raw: bytearray) -> Any:
    """Replaces raw bytes by markers, and gives maps that look like one a `$` more (7.2)."""
    if isinstance(value, bytes):
        raw += value
        return {"$": [len(raw) - len(value), len(value)]}
    if isinstance(value, list):
        return [_mark(inner, raw) for inner in value]
    if isinstance(value, dict):
        more = "$" if _marker(value) else ""
        return {key + more: _mark(inner, raw) for key, inner in value.items()}
    return value


def _unmark(value: Any, raw: bytes) -> Any:
    if isinstance(value, list):
        return [_unmark(inner, raw) for inner in value]
    if not isinstance(value, dict):
        return value
    if not _marker(value):
        return {key: _unmark(inner, raw) for key, inner in value.items()}
    ((key, inner),) = value.items()
    if key != "$":
        return {key[1:]: _unmark(inner, raw)}
    if not (isinstance(inner, list) and len(inner) == 2 and all(type(n) is int for n in inner)):
        raise NoValue("a marker that is no offset and length")
    offset, size = inner
    if min(offset, size) < 0 or offset + size > len(raw):
        raise NoValue("a marker beyond the bytes")
    return raw[offset : offset + size]


def _marker(value: dict) -> bool:
    return len(value) == 1 and set(*value) == {"$"}
