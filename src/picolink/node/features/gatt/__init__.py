"""Commands and readings as plain Bluetooth characteristics (`Node.gatt`): UTF-8 text, for phone
apps and programs that know nothing of picolink. They are offered where the node runs
`ble-peripheral:`."""

from ....core.errors import BadArguments, UsageError
from ....core.values import decode
from ..plain_payload import arguments, as_text, fault, find, meant, run

MYPY = False
if MYPY:
    from typing import Any

    from ...command import Command
    from ...node import Node

_READ, _WRITE_NO_RESPONSE, _WRITE, _NOTIFY = 0x02, 0x04, 0x08, 0x10
_DESCRIPTION = 0x2901  # the descriptor by which apps show a name
_LARGEST_BYTES = 512  # that is written at once


class Characteristic:
    """One of them. Its value is kept in the stack, to be read at any time; who subscribed is
    notified. With a reading, it is one of its subscribers
    (node/outgoing.py)."""

    queue = ()  # nothing waits here
    limit = 1
    attach = None  # of its session, which it is itself: there is none to be woken

    def __init__(self, uuid: "Any", command: "Any", reading: str, format: str) -> None:
        self.session = self
        self.uuid = uuid
        self.label = "characteristic %s" % uuid  # where it is said what it did not take
        self.told: tuple[str, ...] = ()  # kinds of errors that were
        self.command = command
        self.reading = reading
        self._format = format
        self._ble: Any = None
        self._node: Any = None
        self._handle = 0
        self._runs: Command | None = None

    def definition(self, uuid: "Any") -> "Any":
        """What MicroPython registers."""
        flags = _READ | _NOTIFY
        if self.command:
            flags |= _WRITE | _WRITE_NO_RESPONSE
        return uuid(self.uuid), flags, ((uuid(_DESCRIPTION), _READ),)

    def open(self, node: "Node", ble: "Any", handle: int, description: int) -> None:
        """It is there from now on."""
        self._node, self._ble, self._handle = node, ble, handle
        name = self.reading
        if self.command:
            self._runs = find(node, self.command)
            name = self.command if isinstance(self.command, str) else self.command.__name__
            ble.gatts_set_buffer(handle, _LARGEST_BYTES)
        ble.gatts_write(description, name)
        if self.reading:
            if self.reading not in node.readings:
                raise UsageError("there is no reading %r to be a characteristic" % self.reading)
            node.topics.setdefault(self.reading, []).append(self)  # type: ignore[arg-type]
            node.readings[self.reading].start()

    def _tell(self, value: "Any") -> None:
        try:
            self._ble.gatts_write(self._handle, value, True)
        except OSError:
            pass  # no room to notify; it can be read, and the next value comes

    def put(self, item: "tuple[int, bytes]") -> None:
        """A value of the reading: [value, clock, unit, why there is none]."""
        value = decode(*item)[0]
        if value is not None:
            try:
                self._tell(self._format % value if self._format else as_text(value))
            except Exception as error:
                from ...traceback import tell_once

                tell_once(self._node, self, error)

    def full(self) -> bool:
        """It never is."""
        return False

    def written(self, payload: bytes) -> None:
        """Runs the command with what was written; its result is the new value."""
        assert self._runs is not None
        try:
            args, named, _ = arguments(payload)
        except ValueError as error:
            self._done(None, BadArguments(str(error)))
            return
        run(self._node, self._runs, meant(self._runs, args, named, payload), named, self._done)

    def _done(self, value: "Any", error: BaseException | None) -> None:
        text: Any = "ok"
        try:
            if value is not None and not self.reading:
                text = as_text(value)
        except ValueError as problem:
            error = BadArguments(str(problem))
        if error is not None:
            self._tell("! %s: %s" % fault(error))
        elif not self.reading:
            self._tell(text)


class Gatt:
    """All of a node."""

    def __init__(self) -> None:
        self._services: list[tuple[Any, list[Characteristic]]] = []
        self._by_handle: dict[int, Characteristic] = {}

    def add(self, service: "Any", characteristic: Characteristic) -> None:
        """One more; those of one service stand together."""
        for uuid, members in self._services:
            if uuid == service:
                members.append(characteristic)
                return
        self._services.append((service, [characteristic]))

    def services(self, uuid: "Any") -> "list[Any]":
        """The definitions that MicroPython registers."""
        return [
            (uuid(service), tuple([member.definition(uuid) for member in members]))
            for service, members in self._services
        ]

    def open(self, node: "Node", ble: "Any", handles: "Any") -> None:
        """They were registered, under these handles: of each characteristic its value's, and that
        of its description."""
        for (_, members), values in zip(self._services, handles):
            for i, member in enumerate(members):
                self._by_handle[values[2 * i]] = member
                member.open(node, ble, values[2 * i], values[2 * i + 1])

    def written(self, handle: int, payload: bytes) -> None:
        """A central has written."""
        member = self._by_handle.get(handle)
        if member is not None:
            member.written(payload)


def declare(
    node: "Node", service: "Any", characteristic: "Any", command: "Any", reading: str, format: str
) -> None:
    """Adds a characteristic to a node."""
    if not command and not reading:
        raise UsageError(
            "a characteristic wants a command= to be written, a reading= to be read, or both"
        )
    if getattr(node, "gatts", None) is None:
        node.gatts = Gatt()  # type: ignore[attr-defined]
    node.gatts.add(service, Characteristic(characteristic, command, reading, format))  # type: ignore[attr-defined]
