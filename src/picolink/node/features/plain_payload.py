"""Commands called with a bare text, and values as bare texts: what tools that know nothing of
picolink send and get, by MQTT topics (mqtt_topics) and Bluetooth characteristics (gatt)."""

import json

from ...core.errors import BadArguments, UsageError
from ...core.packets import RAW
from ...core.values import encode
from ..invoke import call, end

MYPY = False
if MYPY:
    from collections.abc import Callable
    from typing import Any

    from ..command import Command
    from ..node import Node

    Done = Callable[[Any, BaseException | None], object]


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
    except (ValueError, RuntimeError):  # the latter of brackets in brackets in ...
        return [text], {}, None
    if isinstance(value, list):
        return value, {}, None
    if isinstance(value, dict) and ("id" in value or "args" in value or "named" in value):
        args, named = value.get("args", []), value.get("named", {})
        if not isinstance(args, list) or not isinstance(named, dict):
            raise ValueError('"args" is a list, "named" an object')
        return args, named, value.get("id")
    return [value], {}, None


def find(node: "Node", command: "Any") -> "Command":
    """A command by its name, or that of a function."""
    if isinstance(command, str):
        if command not in node.commands:
            raise UsageError("there is no command %r" % command)
        return node.commands[command]
    for known in node.commands.values():
        if known.function is command:
            return known
    from ..command import Command

    return Command(command)


def meant(
    command: "Command", args: "list[Any]", named: "dict[str, Any]", payload: bytes
) -> "list[Any]":
    """`args` as read from a bare payload, or the payload as text where the command takes that: "5",
    not the number; "on", though it came with a newline, as programs that send lines do."""
    if command.check is not None and len(args) == 1 and not named:
        try:
            command.check(args, named)
        except BadArguments:
            try:
                text = str(payload, "utf-8")
            except ValueError:
                return args
            line = text.rstrip("\r\n")
            for other in ([text], [line] if line else []):
                try:
                    command.check(other, named)
                    return other
                except BadArguments:
                    pass  # what is read is named when it is refused
    return args


def run(
    node: "Node", command: "Command", args: "list[Any]", named: "dict[str, Any]", done: "Done"
) -> None:
    """Runs a command; `done` gets its value, or what it raised."""

    def ended(begun: bool, value: "Any", error: BaseException | None) -> None:
        if begun and error is not None:
            from ..traceback import once_begun

            error = once_begun(node, error)
        done(value, error)

    try:
        if command.stream:
            raise BadArguments("it is a stream: only what gives one value is called in this way")
        if command.check is not None:
            command.check(args, named)
    except Exception as error:
        end(node, ended, False, None, error)
    else:
        call(node, command.function, args, named, ended, True)


def fault(error: BaseException) -> "tuple[str, str]":
    """Kind and message of an error, as a caller is told."""
    from ..traceback import kind_of, message_of

    return getattr(error, "told_as", None) or kind_of(error), message_of(error)
