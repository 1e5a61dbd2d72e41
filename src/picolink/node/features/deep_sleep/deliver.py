"""Takes every reading once and delivers it, after those that are kept from earlier wakings.

A waking's readings are a record; its random id lets a receiver tell one that it has got already,
when the acknowledgement was lost and the record was kept and sent again. Who it is delivered to is
a node (ToNode) or a broker (publishing.py).
"""

import asyncio
from os import urandom

from ....core.failure import PicolinkError
from ....core.values import encode
from ....net.clock import Clock
from ...invoke import passes
from ...traceback import kind_of, message_of
from . import TIMES, spool

MYPY = False
if MYPY:
    from typing import Any

    from ...node import Node
    from .spool import Record

_ID_MAX = (1 << 30) - 1  # a small integer on a board too


class ToNode:
    """Each record is one call of `sys.deliver` (node/services/deliver.py), whose reply is the
    acknowledgement."""

    def __init__(self, node: "Node", to: str) -> None:
        self._node = node
        self._peer = node.peer(to)

    async def send(
        self, record: "Record", age_ms: "int | None", clock: Clock, deadline_ms: int
    ) -> None:
        """Returns when the receiver has it; a PicolinkError where it does not say so in time."""
        node = self._node
        await self._peer.ready((deadline_ms - node.now_ms()) / 1000)
        now_ms = node.now_ms()
        left_ms = max(deadline_ms - now_ms, 1)
        told = await self._peer.call(
            "sys.deliver", record[0], age_ms, record[3], record[2], timeout_s=left_ms / 1000
        )
        if told is not True and clock.quality != "ntp":  # its own clock drifts
            clock.set(told, (now_ms + node.now_ms()) // 2)

    async def close(self) -> None:
        """The node ends its sessions itself."""


class Delivery:
    """Deliveries of a node to one receiver."""

    def __init__(self, node: "Node", to: "Any") -> None:
        self._node = node
        if isinstance(to, str):
            self.receiver: Any = ToNode(node, to)
            # Not node.time, which would ask time servers: the receiver's reply tells the time.
            self._clock = node._clock or Clock(node.now_ms)
        else:
            from .to_broker import ToBroker

            self._clock = node.time
            self.receiver = ToBroker(node, to)

    async def deliver(self, timeout_s: float) -> bool:
        """Takes all readings and delivers them; what is not acknowledged in time is spool. Whether
        all was."""
        node = self._node
        deadline_ms = node.now_ms() + int(timeout_s * 1000)
        at_ms = node.now_ms()
        fresh: Record = [self._new_id(), None, 0, await self._take()]
        old, there = spool.load()
        left = old + [fresh]
        why = ""
        try:
            while left:
                await self._send(left[0], at_ms if left[0] is fresh else None, deadline_ms)
                left.pop(0)
        except PicolinkError as error:
            why = str(error)
        done = len(old) + 1 - len(left)
        if left:
            fresh[1] = self._clock.unix_ms(at_ms)
            try:
                spool.keep(left, len(left) == len(old) + 1)
                what = "%d kept" % len(left)
            except OSError as error:
                what = "and this one is lost, for the flash can't be written (%s)" % error
            print("%s: %d of %d delivered, %s: %s" % (node.name, done, done + len(left), what, why))
            return False
        if there:
            spool.forget()
        print("%s: %d delivered" % (node.name, done))
        return True

    async def _send(self, record: "Record", at_ms: "int | None", deadline_ms: int) -> None:
        now_ms = self._node.now_ms()
        unix_ms = self._clock.unix_ms(now_ms)
        age_ms = None  # of what was kept by a board that did not know the time
        if at_ms is not None:
            age_ms = now_ms - at_ms
        elif record[1] is not None and unix_ms is not None:
            age_ms = max(unix_ms - record[1], 0)
        await self.receiver.send(record, age_ms, self._clock, deadline_ms)

    def _new_id(self) -> int:
        return int.from_bytes(urandom(4), "little") & _ID_MAX

    async def _take(self) -> "list[Any]":
        """[name, value, unit, why there is no value] of each reading, by name."""
        items: list[Any] = []
        for name in sorted(self._node.readings):
            reading = self._node.readings[name]
            try:
                value = reading.function()
                if hasattr(value, "send"):
                    value = await asyncio.wait_for(value, TIMES["read"] / 1000)
                if encode(value)[0]:  # of bytes, anywhere in it
                    raise TypeError("bytes are not delivered")
                item = reading.item(value)  # null for NaN, and why
                items.append([name, item[0]] + item[2:])
            except BaseException as error:  # a sensor that fails: the others are delivered
                if passes(error):
                    raise
                why = "%s: %s" % (kind_of(error), message_of(error))
                items.append([name, None, reading.unit, why])
        return items
