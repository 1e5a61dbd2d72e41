"""Faults put back on purpose: each is one that picolink had, or nearly. The oracle has to find it.

A mutation is a function that changes a kit's copy of the package through `put(place, name, value)`,
which also undoes it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from whole import seams

Put = Callable[[Any, str, Any], Any]
Mutation = Callable[[Any, Put], None]
MUTATIONS: dict[str, Mutation] = {}


def mutation(function: Mutation) -> Mutation:
    MUTATIONS[function.__name__] = function
    return function


@contextmanager
def put_back(name: str) -> Iterator[None]:
    """Puts a fault into all kits, for a while."""
    undo: list[tuple[Any, str, Any]] = []

    def put(place: Any, attribute: str, value: Any) -> Any:
        before = getattr(place, attribute)
        undo.append((place, attribute, before))
        setattr(place, attribute, value(before))
        return before

    try:
        for kit in seams.KITS:
            MUTATIONS[name](seams.kit(kit), put)
        yield
    finally:
        for place, attribute, before in reversed(undo):
            setattr(place, attribute, before)


# Exactly once, and the true outcome


@mutation
def a_loss_forgets_that_it_was_sent(kit: Any, put: Put) -> None:
    def sent(real: Any) -> Any:
        return lambda call: real(call) and not call.message.holes

    put(kit.package("node.client.calls"), "_sent", sent)


@mutation
def what_was_sent_is_not_done_when_the_session_ends(kit: Any, put: Put) -> None:
    put(
        kit.package("node.client.calls").Calls, "_over",
        lambda real: lambda self, name, why, sent: real(self, name, why, False),
    )  # fmt: skip


@mutation
def what_timed_out_is_not_done(kit: Any, put: Put) -> None:
    put(
        kit.package("node.client.calls").Calls, "_timeout",
        lambda real: lambda self, name, sent: real(self, name, False),
    )  # fmt: skip


@mutation
def a_new_link_forgets_what_came_last(kit: Any, put: Put) -> None:
    def attach_to(real: Any) -> Any:
        def forgetful(self: Any, *arguments: Any) -> None:
            known = self.met
            real(self, *arguments)
            if known:
                self.short.low = (self.short.low - 1) & 0xFFFF

        return forgetful

    put(kit.package("core.session").Session, "attach_to", attach_to)


@mutation
def a_command_that_raises_cancelled_was_not_run(kit: Any, put: Put) -> None:
    failing = kit.package("node.error_reply")

    def answer(real: Any) -> Any:
        def wrong(talk: Any, ref: int, error: BaseException, messages: int, begun: bool) -> None:
            if isinstance(error, kit.asyncio.CancelledError | SystemExit):
                error = failing.NotBegun("Cancelled", "cancelled while it ran")
            real(talk, ref, error, messages, begun)

        return wrong

    put(failing, "answer", answer)


@mutation
def an_error_is_told_by_its_name(kit: Any, put: Put) -> None:
    def answer(real: Any) -> Any:
        return lambda talk, ref, error, messages, begun: real(talk, ref, error, messages, False)

    put(kit.package("node.error_reply"), "answer", answer)


# One function's exception, and everybody else


@mutation
def the_border_lets_exceptions_out(kit: Any, put: Put) -> None:
    def call(real: Any) -> Any:
        def open_border(node: Any, function: Any, args: Any, named: Any, *more: Any) -> Any:
            if node.aside is not None:
                return real(node, function, args, named, *more)
            raised: list[BaseException] = []

            def heard(*arguments: Any, **named: Any) -> Any:
                try:
                    return function(*arguments, **named)
                except BaseException as error:
                    raised.append(error)
                    raise

            result = real(node, heard, args, named, *more)
            if raised:
                raise raised[0]
            return result

        return open_border

    border = kit.package("node.invoke").call
    for module in kit.modules:
        if module.__dict__.get("call") is border:
            put(module, "call", call)
        if "guarded" in module.__dict__:
            put(module, "guarded", lambda real: lambda node, function, *args: function(*args))


@mutation
def a_callback_that_raises_keeps_its_credit(kit: Any, put: Put) -> None:
    def call(real: Any) -> Any:
        def greedy(node: Any, function: Any, args: Any, named: Any, done: Any, what: Any) -> Any:
            def only_if_good(what: Any, value: Any, error: Any) -> None:
                if error is None:
                    done(what, value, error)

            return real(node, function, args, named, only_if_good, what)

        return greedy

    def end(real: Any) -> Any:
        def greedy(node: Any, done: Any, what: Any, value: Any, error: Any) -> None:
            if error is None:
                real(node, done, what, value, error)

        return greedy

    put(kit.package("node.client.subscription"), "call", call)
    put(kit.package("node.client.subscription"), "end", end)


@mutation
def a_command_that_fails_keeps_its_place(kit: Any, put: Put) -> None:
    def answer(real: Any) -> Any:
        def greedy(self: Any, ref: int, value: Any, error: Any) -> None:
            there = ref in self.running
            real(self, ref, value, error)
            if there and error is not None:
                self.running[ref] = None

        return greedy

    put(kit.package("node.talk").Talk, "answer", answer)


@mutation
def a_stream_that_is_closed_leaves_its_generator(kit: Any, put: Put) -> None:
    def close(self: Any) -> None:
        self.closed = self.over = True

    put(kit.package("node.streams").Stream, "close", lambda real: close)


# Time


@mutation
def nothing_wakes_the_thread_that_polls(kit: Any, put: Put) -> None:
    if kit.name == "threads":
        put(kit.package("node.host.loop_thread").Host, "wake", lambda real: lambda self: None)


@mutation
def the_next_deadline_is_forgotten(kit: Any, put: Put) -> None:
    def expire(real: Any) -> Any:
        def once(self: Any, now_ms: int) -> None:
            real(self, now_ms)

        return once

    put(kit.package("node.client.calls").Calls, "expire", expire)


@mutation
def a_dead_link_is_never_noticed(kit: Any, put: Put) -> None:
    timing = kit.package("core.timing")
    times = dict(timing.TIMES, dead=1 << 28)
    for module in kit.modules:
        if module.__dict__.get("TIMES") is timing.TIMES and module.__name__ != timing.__name__:
            put(module, "TIMES", lambda real: times)


# Places


@mutation
def a_full_node_lets_no_dormant_session_go(kit: Any, put: Put) -> None:
    def admit(self: Any, session: Any, uid: bytes, now_ms: int) -> bool:
        if self._has_room():
            self.sessions[session.id] = session
            return True
        return False

    endpoint = kit.package("core.endpoint").Endpoint
    put(endpoint, "_oldest", lambda real: lambda self, uid, now_ms: None)
    put(endpoint, "_admit", lambda real: admit)


@mutation
def items_are_handed_over_as_they_come(kit: Any, put: Put) -> None:
    def drain(self: Any) -> None:
        while self.meta is not None and self.early:
            number = next(iter(self.early))
            seq, values = self.early.pop(number)
            self.next = (self.next + 1) & 0xFFFF
            self.on_items(seq, values)

    put(kit.package("node.client.calls").Items, "drain", lambda real: drain)
