"""Commands that are called by topics: `call/<command>`, and any topic that the user has mapped."""

import json

from ....core.errors import BadArguments, UnknownCommand
from ....core.values import encode
from ....links.mqtt.publisher import as_bytes
from ..plain_payload import arguments, as_text, fault, meant, run

MYPY = False
if MYPY:
    from collections.abc import Callable
    from typing import Any

    from ....links.mqtt.packets import Message, Piece
    from ...command import Command
    from ...node import Node

    Post = Callable[[str, Any], object]

_REMEMBERED = 8  # calls by id, so that what comes twice is not run twice
_LONGEST_ID = 64  # characters


def mapped(
    node: "Node", command: "Command", post: "Post", reply: str, retained: bool
) -> "Callable[[Message], None]":
    """What hears a topic that runs `command`, with bare payloads."""

    def done(value: "Any", error: BaseException | None) -> None:
        if error is not None:
            print("mqtt: %s: %s" % fault(error))
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

        def done(value: "Any", error: BaseException | None) -> None:
            answer = self._answer(number, value, error)
            if number in self._ids:
                self._replies[number] = (topic, answer)
            self._post(topic, answer)

        try:
            args, named, told = arguments(message.payload)
            if told is not None:
                told = str(told)
                told.encode()  # UnicodeError where it is half a surrogate pair
                if len(told) > _LONGEST_ID:
                    raise ValueError("an id of %d characters; %d do" % (len(told), _LONGEST_ID))
                number = told
        except Exception as error:  # whatever is sent is answered
            done(None, BadArguments(str(error) or type(error).__name__))
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

    def too_large(self, piece: "Piece") -> None:
        """Answers a call that is too large to be held, where it begins."""
        if not piece.offset and not piece.retain and piece.topic.startswith(self._call):
            error = BadArguments("%d bytes are more than is taken at once" % piece.total)
            path = piece.topic[len(self._call) :]
            self._post(self._reply + path, self._answer(None, None, error))

    def _answer(self, number: "str | None", value: "Any", error: BaseException | None) -> "Any":
        """The payload of a reply: bare, or with the id of the call."""
        if error is not None:
            kind, why = fault(error)
            if number is None:
                return "! %s: %s" % (kind, why)
            return json.dumps({"id": number, "error": kind, "message": why})
        try:
            if number is None:
                # As bytes: half a surrogate pair has no UTF-8, and is no answer.
                return as_bytes("ok" if value is None else as_text(value))
            flag, text = encode({"id": number, "value": value})
            if flag:
                raise ValueError
            return text
        except Exception:  # whatever it is: the call is answered
            from ...traceback import once_begun

            no_text = BadArguments("its result has no form as text")
            return self._answer(number, None, once_begun(self._node, no_text))
