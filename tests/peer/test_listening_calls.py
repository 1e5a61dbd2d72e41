"""This peer listens, and picolink calls it: answers, streams, readings, from the other side."""

import concurrent.futures
import contextlib
import struct
import threading

import pytest

import picolink
from peer import wire
from peer.listening import calling, outcome, with_board

CPYTHON_ONLY = "the second implementation runs on CPython alone"


def answer_with(peer, kind, bodies):
    """The calls of `x` are answered with these bodies, one each; `y` with "fine"."""
    waiting = list(bodies)

    def garbage(peer, asked):
        peer.asked.pop(asked.message.ref)
        peer.queue(kind, asked.message.ref, waiting.pop(0))
        return asked

    peer.commands["x"] = garbage
    peer.commands["y"] = lambda peer, asked: "fine"


def test_calls_of_all_kinds(listening):
    """6.1, 6.4, 6.5, 7.2."""

    def work(board):
        return [
            board.call("echo", 1),
            board.call("echo", b"\0\1", {"$": [b"x"]}),
            board.call("echo", "x" * 9000),
            board.call("named", 1, state="on"),
            outcome(lambda: board.call("fail")),
            outcome(lambda: board.call("no such")),
        ]

    peer, future = listening.dialed_by(with_board(work))

    def fail(peer, asked):
        raise ValueError("of the stranger")

    peer.commands["echo"] = lambda peer, asked: asked.args
    peer.commands["named"] = lambda peer, asked: [asked.args, asked.named]
    peer.commands["fail"] = fail
    one, two, three, named, failed, unknown = listening.finish(peer, future)
    assert (one, two, three) == ([1], [b"\0\1", {"$": [b"x"]}], ["x" * 9000])
    assert named == [[1], {"state": "on"}]
    assert isinstance(failed, picolink.RemoteError) and failed.kind == "ValueError"
    assert "of the stranger" in str(failed)
    assert isinstance(unknown, picolink.UnknownCommand)


@pytest.mark.parametrize("kind", ["Busy", "Cancelled", "Expired"])
def test_kinds_of_not_begun_are_not_done(listening, kind):
    """6.5.1, 6.9."""
    peer, future = listening.dialed_by(calling("x"))

    def refuse(peer, asked):
        asked.fail(kind, "not begun")
        return asked

    peer.commands["x"] = refuse
    error = listening.finish(peer, future)
    assert isinstance(error, (picolink.NotDone, picolink.Busy)), error


def test_kinds_with_error_behind_are_of_a_call_that_began(listening):
    """6.5.1: neither `NotDone` nor `Busy`; docs/errors.md has the last two."""
    kinds = ["BusyError", "CancelledError", "ExpiredError", "BadArgumentsError", "TooBigError"]
    peer, future = listening.dialed_by(
        with_board(lambda b: [outcome(lambda kind=kind: b.call("x", kind)) for kind in kinds])
    )
    peer.commands["x"] = lambda peer, asked: asked.fail(asked.args[0], "it began") or asked
    *remote, bad, big = listening.finish(peer, future)
    assert all(isinstance(e, picolink.RemoteError) for e in remote), remote
    assert [e.kind for e in remote] == kinds[:3]
    assert isinstance(bad, picolink.BadArguments) and bad.begun is True
    assert isinstance(big, picolink.TooBig) and big.begun is True


def test_a_deadline_is_said_and_mapped_by_our_clock(listening):
    """6.2: one more than the caller's clock; near the wrap of ours."""
    peer, future = listening.dialed_by(
        with_board(lambda b: b.call("x", timeout_s=2)), clock=wire.CLOCKS - 100
    )
    said = []

    def note(peer, asked):
        left = wire.distance(peer.clock(), asked.deadline, wire.CLOCKS)
        said.append(left)

    peer.commands["x"] = note
    listening.finish(peer, future)
    assert 1500 < said[0] <= 2100


def test_no_deadline_where_none_is_given(listening):
    """6.2."""
    peer, future = listening.dialed_by(with_board(lambda b: b.call("x", timeout_s=0)))
    peer.commands["x"] = lambda peer, asked: asked.deadline is None
    assert listening.finish(peer, future) is True


def test_a_call_without_an_answer_is_unknown_when_its_deadline_passes(listening):
    """6.9; and it is cancelled by the id of its message (6.7)."""
    peer, future = listening.dialed_by(calling("x", timeout_s=0.3))
    heard, hear = [], peer.on_message
    peer.on_message = lambda m: (heard.append(m), hear(m))
    peer.commands["x"] = lambda peer, asked: asked
    error = listening.finish(peer, future)
    assert isinstance(error, picolink.Unknown)
    (call,) = [m for m in heard if m.what == wire.CALL]
    cancels = [m for m in heard if m.what == wire.CANCEL]
    assert [(m.ref, m.body) for m in cancels] in (
        [],
        [(call.ref, struct.pack("<BH", call.kind & wire.LONG, call.id))],
    )


def test_an_answer_that_is_no_value_is_an_error(listening):
    """7.6."""
    bodies = [b"", b"NaN", b'"\xff"', b"[1", b'"\\ud800"']
    peer, future = listening.dialed_by(
        with_board(
            lambda b: (
                [outcome(lambda: b.call("x", timeout_s=2)) for _ in bodies[1:]] + [b.call("y")]
            )
        )
    )
    answer_with(peer, wire.REPLY, bodies[1:])
    *errors, fine = listening.finish(peer, future)
    assert all(isinstance(e, picolink.PicolinkError) for e in errors), errors
    assert fine == "fine"


def test_an_error_that_is_none_is_an_error_all_the_same(listening):
    """6.5, 7.6."""
    bodies = [b"null", b"[]", b'["ValueError"]', b"[1,2,3,4]", b'{"a":1}', b"\xff"]
    bodies += [b'["ValueError","m","",0,true,"more"]', b'["ValueError","m","","x"]']
    peer, future = listening.dialed_by(
        with_board(
            lambda b: [outcome(lambda: b.call("x", timeout_s=2)) for _ in bodies] + [b.call("y")]
        )
    )
    answer_with(peer, wire.ERROR, bodies)
    *errors, fine = listening.finish(peer, future, 20)
    assert all(isinstance(e, picolink.PicolinkError) for e in errors), errors
    assert fine == "fine"


def stream_of(n, per_message=3, late_begun=False, backwards=False, error=None):
    """A command of ours that streams n items, as far as the credit goes."""

    def command(peer, asked):
        state = {"sent": 0}

        def more():
            while state["sent"] < min(n, asked.may_send):
                upto = min(state["sent"] + per_message, n, asked.may_send)
                asked.items(list(range(state["sent"], upto)))
                state["sent"] = upto
            if state["sent"] == n and not state.get("over"):
                state["over"] = True
                asked.fail(error, "in the middle") if error else asked.reply(asked.sent_messages)

        peer.going.append(more)
        if not late_begun:
            asked.begun(items=1)
        more()
        if late_begun:
            asked.begun(items=1)
        return asked

    return command


def serve_streams(peer):
    """Looks after each message whether a stream may go on."""
    peer.going = []
    hear = peer.on_message

    def heard(message):
        hear(message)
        for more in list(peer.going):
            more()

    peer.on_message = heard
    return peer


def test_picolink_reads_a_stream_and_gives_credit(listening):
    """6.10 to 6.12."""
    peer, future = listening.dialed_by(with_board(lambda b: list(b.stream("count", 100))))
    serve_streams(peer).commands["count"] = stream_of(100)
    assert listening.finish(peer, future) == list(range(100))


def test_items_before_their_begun_wait_for_it(listening):
    """6.11."""
    peer, future = listening.dialed_by(with_board(lambda b: list(b.stream("count", 10))))
    serve_streams(peer).commands["count"] = stream_of(10, late_begun=True)
    assert listening.finish(peer, future) == list(range(10))


def test_an_error_in_the_middle_comes_behind_the_items(listening):
    """6.5: the number of messages of items sent before it."""

    def work(board):
        got = []
        try:
            for item in board.stream("count", 7):
                got.append(item)
        except picolink.RemoteError as e:
            return got, e.kind

    peer, future = listening.dialed_by(with_board(work))
    serve_streams(peer).commands["count"] = stream_of(7, error="ValueError")
    assert listening.finish(peer, future) == (list(range(7)), "ValueError")


def test_messages_of_items_are_put_in_order(listening):
    """6.11: the second message of items overtakes the first, the reply both."""
    peer, future = listening.dialed_by(with_board(lambda b: list(b.stream("count", 4))))

    def command(peer, asked):
        peer.asked.pop(asked.message.ref)
        ref = asked.message.ref
        peer.queue(wire.REPLY, ref, b"2")
        peer.queue(wire.ITEMS, ref, struct.pack("<HI", 1, 2) + b"[2,3]")
        peer.queue(wire.ITEMS, ref, struct.pack("<HI", 0, 0) + b"[0,1]")
        peer.queue(wire.BEGUN, ref, b'{"items":1}')
        return asked

    peer.commands["count"] = command
    assert listening.finish(peer, future) == [0, 1, 2, 3]


def test_items_beyond_the_credit_are_cancelled(listening):
    """6.14, 14.1: who reads slowly does not keep what it gave no credit for."""
    enough = threading.Event()

    def work(board):
        with contextlib.suppress(picolink.PicolinkError):
            for _item in board.stream("flood"):
                enough.wait(5)
        return board.call("echo")

    peer, future = listening.dialed_by(with_board(work))
    flooding, cancelled = [], []

    def flood(peer, asked):
        asked.begun(items=1)
        asked.on_cancel = lambda: (cancelled.append(1), asked.reply(asked.sent_messages))
        flooding.append(asked)
        return asked

    peer.commands["flood"] = flood
    peer.commands["echo"] = lambda peer, asked: "fine"
    peer.run(lambda: flooding)
    while not cancelled and flooding[0].sent < 5000:
        flooding[0].items([flooding[0].sent])
        peer.run(lambda: not peer.sending[0].messages or cancelled)
    enough.set()
    assert cancelled, f"{flooding[0].sent} items were taken"
    assert listening.finish(peer, future) == "fine"


def test_readings_are_subscribed_with_queue_and_credit(listening):
    """6.13: value, clock, unit, and missed where numbers have a gap."""

    def work(board):
        return [(r.value, r.unit, r.seq, r.missed) for r in board.readings("light", count=4)]

    peer, future = listening.dialed_by(with_board(work))
    arguments = []

    def subscribe(peer, asked):
        arguments.extend([asked.args, asked.named])
        asked.begun(items=1, unit="lx")
        asked.items([[1, peer.clock(), "lx"], [2, peer.clock(), "lx"]])
        asked.items([[5, peer.clock(), "lx"]], skipped=2)
        asked.items([[None, peer.clock(), "lx", "broken"]])
        asked.on_cancel = lambda: asked.reply(asked.sent_messages)
        return asked

    peer.commands["sys.subscribe"] = subscribe
    got = listening.finish(peer, future)
    assert arguments[0][0] == "light"
    assert [g[0] for g in got] == [1, 2, 5, None]
    assert {g[1] for g in got} == {"lx"}
    assert [g[3] for g in got] == [0, 0, 2, 0]


def test_commands_of_the_host_are_called_by_us(listening):
    """6: both nodes are equal. What it raises is told as of any node."""
    node = picolink.Node("desk")

    @node.command
    def double(n):
        return 2 * n

    @node.command
    def cancelled():
        raise concurrent.futures.CancelledError("as any other")

    peer, future = listening.dialed_by(with_board(lambda b: b.call("wait", timeout_s=8), node=node))
    waiting = []
    peer.commands["wait"] = lambda peer, asked: waiting.append(asked) or asked
    assert peer.call("double", 21) == 42
    assert peer.error("double").kind == "BadArguments"
    assert peer.error("cancelled").kind == "CancelledError"
    assert peer.error("nothing").kind == "UnknownCommand"
    peer.run(lambda: waiting)
    waiting[0].reply(None)
    listening.finish(peer, future)


def test_a_blocking_peer_is_waited_for(listening):
    """6.8, 4.30: begun says so; the silence is none. Cut short here: 1 s."""
    peer, future = listening.dialed_by(with_board(lambda b: b.call("block", timeout_s=5)))
    blocked = []

    def block(peer, asked):
        asked.begun(blocking_s=3)
        blocked.append(asked)
        return asked

    peer.commands["block"] = block
    peer.run(lambda: blocked)
    peer.settle()
    before = len(peer.heard)
    peer.attach.link.receive(1.0)
    blocked[0].reply("done")
    assert listening.finish(peer, future) == "done"
    assert len(peer.heard) - before < 20
