"""Commands that are called by topics: `call/<command>`, and any topic that the user has mapped."""

import json

from ...core.errors import BadArguments, PicolinkError, UnknownCommand, UsageError
from ..node import Command
from .texts import arguments, as_text

MYPY = False
if MYPY:
    from collections.abc import Callable
    from typing import Any

    from ...links.mqtt.packets import Message
    from ..node import Node

    Done = Callable[[Any, Exception | None], object]
    Post = Callable[[str, Any], object]

_REMEMBERED = 8  # calls by id, so that what comes twice is not run twice


def find(node: "Node", command: "Any") -> Command:
    """A command by its name, or that of a function."""
    if isinstance(command, str):
        if command not in node.commands:
            raise UsageError("there is no command %r to be called by a topic" % command)
        return node.commands[command]
    for known in node.commands.values():
        if known.function is command:
            return known
    return Command(command)


def meant(
    command: Command, args: "list[Any]", named: "dict[str, Any]", payload: bytes
) -> "list[Any]":
    """`args` as read from a bare payload, or the payload as text where the command takes that: "5",
    not the number."""
    if command.check is not None and len(args) == 1 and not named:
        try:
            command.check(args, named)
        except BadArguments:
            text = [str(payload, "utf-8")]
            try:
                command.check(text, named)
                return text
            except BadArguments:
                pass  # what is read is named when it is refused
    return args


def run(
    node: "Node", command: Command, args: "list[Any]", named: "dict[str, Any]", done: "Done"
) -> None:
    """Runs a command; `done` gets its value, or what it raised."""
    try:
        if command.stream:
            raise BadArguments("it is a stream: topics call commands that give one value")
        if command.check is not None:
            command.check(args, named)
        value = command.function(*args, **named)
        if hasattr(value, "send"):
            node.spawn(_later(value, done))
        else:
            done(value, None)
    except Exception as error:
        done(None, error)


async def _later(coroutine: "Any", done: "Done") -> None:
    try:
        value = await coroutine
    except Exception as error:
        done(None, error)
    else:
        done(value, None)


def _told(error: Exception) -> "tuple[str, str]":
    """Kind and message of an error, as a caller is told; a program's own fault is printed."""
    kind = type(error).__name__
    if not isinstance(error, PicolinkError):
        from ..trace import called_wrongly, format_traceback

        text = format_traceback(error)
        if called_wrongly(error, text):
            kind = "BadArguments"
        else:
            print(text)
    return kind, str(error)


def mapped(
    node: "Node", command: Command, post: "Post", reply: str, retained: bool
) -> "Callable[[Message], None]":
    """What hears a topic that runs `command`, with bare payloads."""

    def done(value: "Any", error: Exception | None) -> None:
        if error is not None:
            print("mqtt: %s: %s" % _told(error))
        elif reply and value is not None:
            post(reply, as_text(value))

    def heard(message: "Message") -> None:
        if message.retain and not retained:
            return
        try:
            args, named, _ = arguments(message.payload)
        except ValueError as error:
            done(None, BadArguments(str(error)))
            return
        run(node, command, meant(command, args, named, message.payload), named, done)

    return heard


class Calls:
    """`call/<command>`, answered under `reply/<command>`."""

    def __init__(self, node: "Node", post: "Post", base: str) -> None:
        self._node = node
        self._post = post
        self._call = base + "/call/"
        self._reply = base + "/reply/"
        self._ids: list[Any] = []
        self._replies: dict[Any, tuple[str, Any]] = {}

    def heard(self, message: "Message") -> None:
        """Runs what was called."""
        if message.retain or not message.topic.startswith(self._call):
            return
        path = message.topic[len(self._call) :]
        topic = self._reply + path
        number: str | None = None

        def done(value: "Any", error: Exception | None) -> None:
            answer = self._answer(number, value, error)
            if number is not None:
                self._replies[number] = (topic, answer)
            self._post(topic, answer)

        try:
            args, named, told = arguments(message.payload)
            number = None if told is None else str(told)
        except ValueError as error:
            done(None, BadArguments(str(error)))
            return
        if number is not None:
            if number in self._ids:  # it has come before
                if number in self._replies:
                    self._post(*self._replies[number])
                return
            self._ids.append(number)
            if len(self._ids) > _REMEMBERED:
                self._replies.pop(self._ids.pop(0), None)
        name = path.replace("/", ".")
        command = self._node.commands.get(name)
        if command is None:
            known = ", ".join(sorted(self._node.commands))
            done(None, UnknownCommand("%s; there are: %s" % (name, known)))
        else:
            if number is None:
                args = meant(command, args, named, message.payload)
            run(self._node, command, args, named, done)

    def _answer(self, number: "str | None", value: "Any", error: Exception | None) -> "Any":
        """The payload of a reply: bare, or with the id of the call."""
        if error is not None:
            kind, why = _told(error)
            if number is None:
                return "! %s: %s" % (kind, why)
            return json.dumps({"id": number, "error": kind, "message": why})
        try:
            if number is None:
                return "ok" if value is None else as_text(value)
            return json.dumps({"id": number, "value": value})
        except (ValueError, TypeError):
            return self._answer(number, None, BadArguments("its result is no JSON"))
