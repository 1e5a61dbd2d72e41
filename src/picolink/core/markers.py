"""Values with raw bytes inside (spec 7): markers in the JSON say where they stand behind it."""

import json
import sys
from struct import pack

from .packets import RAW

MYPY = False
if MYPY:
    from typing import Any

_SEPARATORS = (",", ":")


class _Parts:
    """The raw bytes of a value, as they are found."""

    def __init__(self, escapes: bool) -> None:
        self.raw: list[Any] = []
        self.size = 0
        self.escapes = escapes
        self.escaped = False  # whether there was something to escape

    def of(self, value: "Any") -> "Any":
        """`value` with its bytes moved to `raw`. MicroPython would write any object, and NaN."""
        if value is None or isinstance(value, (str, int, bool)):
            return value
        if isinstance(value, float):
            if value - value != 0:
                raise ValueError("NaN or infinity")
            return value
        if isinstance(value, (list, tuple)):
            return [self.of(item) for item in value]
        if isinstance(value, dict):
            found = {_key(key): self.of(item) for key, item in value.items()}
            if len(found) == 1:
                (key,) = found
                if key and not key.strip("$"):  # it would read as a marker, or as one escaped
                    self.escaped = True
                    if self.escapes:
                        return {"$" + key: found[key]}
            return found
        if isinstance(value, (bytes, bytearray, memoryview)):
            data = bytes(value) if isinstance(value, memoryview) else value
            self.raw.append(data)
            self.size += len(data)
            return {"$": [self.size - len(data), len(data)]}
        raise TypeError(type(value).__name__)


def _key(key: "Any") -> str:
    """The key of a map, as JSON has it on CPython."""
    if isinstance(key, str):
        return key
    if key is None or isinstance(key, (bool, int, float)):
        return json.dumps(key)
    raise TypeError("a key that is a " + type(key).__name__)


def encode_parts(value: "Any") -> tuple[int, bytes]:
    """`value` as the flag of its message's kind (RAW or 0) and the bytes of its body.

    BadArguments where it has no JSON: NaN, infinity, objects, what is nested too deep.
    """
    try:
        parts = _Parts(True)
        plain = parts.of(value)
        if parts.escaped and not parts.raw:
            plain = _Parts(False).of(value)  # without raw bytes there are no markers
        if sys.implementation.name == "micropython":
            text = json.dumps(plain, separators=_SEPARATORS).encode()
            if b"\xed" in text:
                from .surrogates import check

                check(text)
        else:
            text = json.dumps(plain, separators=_SEPARATORS, ensure_ascii=False).encode()
    except (TypeError, ValueError, RuntimeError) as error:  # RuntimeError: nested too deep
        from .errors import BadArguments

        raise BadArguments("%s: only JSON values and bytes can be sent" % error) from None
    if parts.raw:
        return RAW, pack("<I", len(text)) + text + b"".join(parts.raw)
    return 0, text


def join(value: "Any", raw: bytes) -> "Any":
    """Undoes `encode_parts`; ValueError where a marker is none."""
    try:
        return _join(value, raw)
    except TypeError:
        raise ValueError("a bytes marker is no offset and length") from None
    except RuntimeError:
        raise ValueError("it is nested too deep") from None


def _join(value: "Any", raw: bytes) -> "Any":
    if isinstance(value, dict):
        if len(value) == 1:
            (key,) = value
            if key == "$":
                at, size = value["$"]
                if type(at) is not int or type(size) is not int:
                    raise TypeError
                if at < 0 or size < 0 or at + size > len(raw):
                    raise ValueError("a bytes marker beyond the bytes")
                return raw[at : at + size]
            if key and not key.strip("$"):
                return {key[1:]: _join(value[key], raw)}
        return {key: _join(item, raw) for key, item in value.items()}
    if isinstance(value, list):
        return [_join(item, raw) for item in value]
    return value
