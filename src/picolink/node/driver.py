"""Drives the core over one link: drain, send, re-arm. The same on both interpreters."""

from ..core.port import Port
from ..core.seldom import seldom, starting
from ..core.timing import TIMES
from .invoke import guarded

MYPY = False
if MYPY:
    from collections.abc import Callable
    from typing import Any

    from ..links.base import Link
    from .node import Node
_LINE_BYTES = 256  # at most, as `lines.Lines` has it


class Driver:
    """One open link of a node."""

    _begun = b""  # of a typed line, without an end: what runs those is loaded once one ends

    @starting
    def __init__(
        self, node: "Node", link: "Link", on_lost: "Callable[[str], object] | None" = None
    ) -> None:
        self.node = node
        self.link = link
        self.on_lost = on_lost
        self.opened = link.address  # of a connection: of what it came to
        self.reopens = False  # once lost, the link waits for whoever comes next
        self.port = Port(link.mtu_bytes, link.takes_bytes, link.window_bytes)
        self.port.stalls = getattr(link, "stalls", 1)  # abilities.Stalling
        self.port.wake = self.wake
        self.port.drain = self.drain
        watch = getattr(link, "watch", None)  # abilities.Watching
        if watch is None:
            self._watch = node.host.watch(link, self.on_readable)
        else:
            self._watch = watch(node, self.on_readable)
        self._writing = False
        self._typed: Any = None  # what hears text: typed.Typed or dialect.Conversation
        link.on_text = self.on_text
        node.drivers.append(self)

    def on_readable(self) -> None:
        """The link has something."""
        node = self.node
        now_ms = node.now_ms()
        try:
            packets = self.link.receive()
        except Exception as error:
            self._broke(error)
            return
        try:
            for packet in packets:
                node.endpoint.receive(self.port, packet, now_ms)
        except BaseException as error:  # no memory: what was not taken counts as lost
            node.trouble(error)
        self.pump(now_ms)

    def pump(self, now_ms: int) -> None:
        """Sends what there is to send, as far as the link takes it."""
        node = self.node
        link = self.link
        while True:
            try:
                unsent = link.unsent
                while not unsent:
                    packet = node.endpoint.next_packet(self.port, now_ms)
                    if packet is None:
                        break
                    link.send(packet)
                    unsent = link.unsent
                if unsent and not self._writing:
                    self._stalled()
            except Exception as error:  # the link's: what it calls of ours lets nothing out
                self._broke(error)
                return
            if not node.later:
                break
            guarded(node, node.later.pop(0))
            now_ms = node.now_ms()
        # Nothing is due sooner than an acknowledgement, if one is owed, or a time-out: a timer set
        # for that is enough.
        port = self.port
        attach = port.attach
        owes = attach is None or attach.ack_at_ms >= 0 or port.other or port.quiet_until_ms
        if node.host.due_ms > now_ms + TIMES["ack" if owes else "rto_min"]:
            deadline_ms = self._deadline_ms(now_ms)
            if deadline_ms is not None:
                node.host.call_by(deadline_ms)

    def _deadline_ms(self, now_ms: int) -> int | None:
        deadline_ms = self.node.endpoint.deadline_ms(self.port)
        if deadline_ms is not None and self.link.unsent:
            # What is due can't be sent now: asking at once, again and again, would not help.
            deadline_ms = max(deadline_ms, now_ms + TIMES["ack"])
        return deadline_ms

    def drain(self) -> None:
        """Sends now what there is to send."""
        self.pump(self.node.now_ms())

    @seldom
    def _broke(self, error: Exception) -> None:
        """The link raised, and is over. No memory is no reason: what was to be sent comes again."""
        if isinstance(error, MemoryError) and not self.link.stream:
            self.node.report(error)
            self.node.host.call_by(self.node.now_ms() + TIMES["rto_min"])
        else:
            self.lost(str(error) or type(error).__name__)

    @seldom
    def _stalled(self) -> None:
        """The link takes no more: waits until it does. One without a pollable says so itself."""
        pollable = self.link.pollable
        if pollable is not None:
            self._writing = True
            self.node.host.on_writable(pollable, self._on_writable)

    @seldom
    def _on_writable(self) -> None:
        self._writing = False
        try:
            self.link.flush()
        except Exception as error:
            self._broke(error)
            return
        self.drain()
        if self._typed is not None:
            guarded(self.node, self._typed.sent)

    def wake(self) -> None:
        """Something was queued: it is sent in this turn of the event loop."""
        self.node.host.call_by(0)

    def tick(self, now_ms: int) -> int | None:
        """Does what is due; returns when there is more to do, or None."""
        self.node.endpoint.tick(self.port, now_ms)
        self.drain()
        return self._deadline_ms(now_ms)

    def on_text(self, text: bytes) -> None:
        """What stood between frames: typed lines, where no session has the link."""
        if self.port.attach is None:
            typed = self._typed
            guarded(self.node, self._type if typed is None else typed.feed, text)

    @seldom
    def _type(self, text: bytes) -> None:
        if self.on_lost is not None:
            return  # we dialed: the other side's log (spec 8.1)
        if self._typed is None:
            if self.node.texts is None:
                text = self._begun + text
                if len(text) <= _LINE_BYTES and b"\n" not in text and b"\r" not in text:
                    self._begun = text
                    return
                self._begun = b""
                from .features.typed import Typed

                self._typed = Typed(self)
            else:
                from .features.dialect import hearer

                self._typed = hearer(self)
        self._typed.feed(text)

    @seldom
    def spoken(self) -> bool:
        """Whether its peer talks to us without a session, or is about to: by text, by a hello, or
        where a dialect waits for its words."""
        typed = self._typed is not None or self._begun
        return bool(typed or self.port.answered is not None or self.node.texts)

    @seldom
    def lost(self, why: str) -> None:
        """The link is gone: its sessions wait for another."""
        node = self.node
        if self not in node.drivers:
            return
        node.drivers.remove(self)
        guarded(node, self._watch.stop)
        guarded(node, self.link.close)
        guarded(node, node.endpoint.port_lost, self.port, why, node.now_ms())
        if self.on_lost is not None:
            guarded(node, self.on_lost, why)
        elif self.reopens:
            reopen(node, self.link)
        node.forget()


@seldom
def reopen(node: "Node", link: "Any") -> None:
    """Has a link that was lost wait for whoever comes next; where that fails, tries again."""
    try:
        Driver(node, link.reopen()).reopens = True
    except Exception as error:
        from .after import after

        node.report(error)
        after(node, TIMES["retry_max"], lambda: reopen(node, link))
