"""How calls end, what subscribers miss, what outlives a link: whole nodes on a virtual clock."""

import gc

from both import cases, raises, random_for
from faults import Cable, Wire, World
from virtual_nodes import Party, joined

from picolink.core.errors import (
    BadArguments,
    Busy,
    NotDone,
    PicolinkError,
    RemoteError,
    TooBig,
    Unknown,
    UnknownCommand,
    UsageError,
)
from picolink.core.packets import CANCEL, REPLY
from picolink.links.tcp.link import TcpLink

HEAP_KB = 4000


def two(**faults):
    world = World(random_for("calls"))
    host, board, cable = joined(world, **faults)
    return world, host, board, cable


def test_values_go_there_and_back():
    _, host, board, _ = two()

    def echo(value):
        return value

    board.command(echo)
    plain = (None, True, 0, -5, 1.5, "é", "", [1, [2, {"a": None}]], {"k": [1]}, ["y" * 3000])
    for value in plain + (b"", b"\x00\xff", [b"one", {"two": b"2"}], b"x" * 5000):
        assert host.call("echo", value) == value
        assert host.call("echo", value=value) == value
    for size in (1, 5000):  # whole, and in fragments
        data, (inner,) = host.call("echo", [b"x" * size, [b"y" * size]])
        assert type(data) is type(inner) is type(host.call("echo", b"z" * size)) is bytes


def test_both_sides_call():
    _, host, board, _ = two()
    host.command(name="who")(lambda: "host")
    board.command(name="who")(lambda: "board")
    assert host.call("who") == "board"
    assert board.call("who") == "host"


def test_wrong_calls_are_answered():
    _, host, board, _ = two()

    @board.command(state="on|off", help="x")
    def led(state="on"):
        return state

    @board.command("level: 0..100 %", "time_s: 1..60")
    def fade(level, time_s=1):
        return level * time_s

    @board.command
    def bad():
        return {}["key"]

    @board.command
    def nonsense():
        return object()

    @board.stream
    def endless():
        while True:
            yield 1

    @board.command
    def plain(one):
        return one

    @board.command
    def inner():
        return plain()

    assert host.call("led", "off") == "off"
    assert host.call("fade", 50, time_s=2) == 100
    with raises(BadArguments, "state='blue': it takes on|off"):
        host.call("led", "blue")
    for long in ("x" * 3000, ["x" * 3000]):  # which a board may have no memory to say again
        try:
            host.call("led", long)
        except BadArguments as error:
            assert 60 < len(str(error)) < 100 and "...: it takes on|off" in str(error)
        else:
            raise AssertionError
    with raises(BadArguments, "level=101: it takes 0..100 %"):
        host.call("fade", 101)
    with raises(BadArguments, "no argument 'colour'"):
        host.call("fade", 1, colour="red")
    with raises(BadArguments, "3 arguments"):
        host.call("fade", 1, 2, 3)
    with raises(UnknownCommand, "board has no command nope"):
        host.call("nope")
    for wrong in ((), (1, 2)):
        with raises(BadArguments, "plain: "):
            host.call("plain", *wrong)
    with raises(BadArguments, "fade: "):
        host.call("fade")
    with raises(RemoteError, "TypeError"):  # the command's own mistake
        host.call("inner")
    with raises(BadArguments, "only JSON values"):
        host.call("nonsense")
    with raises(BadArguments, "is a stream"):
        host.call("endless")
    with raises(RemoteError, "KeyError") as caught:
        host.call("bad")
    assert "bad" in caught.value.traceback
    assert caught.value.kind == "KeyError"
    assert host.call("led") == "on"  # the next good one is served


def test_names_are_checked():
    _, _, board, _ = two()
    for name in ("", "with space", "x" * 41, "tab\t", "näme"):
        with raises(UsageError, "use letters"):
            board.command(name=name or "\n")(lambda: 1)


def test_too_big():
    _, host, board, _ = two()
    board.command(name="echo")(lambda value: value)
    with raises(TooBig, "board, which takes 16384"):
        host.call("echo", b"x" * 20000)
    assert host.call("echo", 1) == 1


def test_a_full_window_is_busy():
    _, host, board, cable = two()
    board.command(name="echo")(lambda value: value)
    calls = []
    with raises(Busy, "wait for replies"):
        for i in range(1000):
            calls.append(host.begin("echo", i))
    assert host.world.run(lambda: all(call.done for call in calls))
    assert [call.result() for call in calls] == list(range(len(calls)))
    cable.cut()  # nothing leaves: short ones and long ones wait
    for i in range(64):
        host.begin("echo", "x" * (600 if i % 2 else 6))
    with raises(Busy, "64 messages for board wait already"):
        host.begin("echo", 65)


def test_deadline_passes_while_the_peer_is_deaf():
    world, host, board, _ = two()
    ran = []
    board.command(name="note")(lambda i: ran.append(i))
    board.asleep_until_ms = world.now_ms + 5000
    call = host.begin("note", 1, timeout_ms=1000)
    ticker(world, host)
    assert world.run(lambda: call.done)
    with raises(Unknown, "may be done"):
        call.result()
    world.run(None, 10_000)
    assert ran == []  # expired and cancelled: never begun late


def test_deadline_passes_without_a_link():
    world, host, board, cable = two()
    ran = []
    board.command(name="note")(lambda i: ran.append(i))
    host.redial = None
    cable.cut()
    call = host.begin("note", 1, timeout_ms=1000)
    ticker(world, host)
    assert world.run(lambda: call.done)
    with raises(NotDone, "never sent"):
        call.result()
    cable.dial(host.session())
    world.run(None, 5000)
    assert ran == []


def test_a_stream_that_gives_no_items_was_run():
    world, host, board, _ = two()
    ran = []

    class Exits:
        def __iter__(self):
            raise SystemExit

    for number, value in enumerate((5, None, "ab", Exits())):
        board.stream(name="s%d" % number)(lambda value=value: (ran.append(value), value)[1])
        call, got = host.gather("s%d" % number)
        assert world.run(lambda call=call: call.done, 5000)
        if value == "ab":
            assert got == ["a", "b"] and call.result() is None
            continue
        with raises(PicolinkError) as caught:
            call.result()
        assert caught.value.begun and ran[-1] is value
        if number < 2:
            assert isinstance(caught.value, BadArguments) and "a stream is" in str(caught.value)


def test_large_items_make_nobody_busy():
    world, host, board, _ = two()
    board.command(name="five")(lambda: 5)
    call, got = host.follow("picture", window=1000)
    assert world.run(lambda: "picture" in board.topics)
    board.endpoint.limit_bytes = board.session().limit_bytes = 1000
    for _ in range(20):
        board.publish("picture", "x" * 9000)
        assert host.call("five") == 5
    assert got and not call.done


def test_the_answer_that_was_too_large_was_run():
    world, host, board, _ = two()
    call = host.begin("nothing")
    host.calls().on_message(REPLY, call.ref, b"")  # as where there is no memory for it
    with raises(TooBig) as caught:
        call.result()
    assert caught.value.begun


def test_all_calls_end_with_the_session_whatever_the_end_of_one_raises():
    world, host, board, cable = two()
    board.asleep_until_ms = world.now_ms + 5000
    calls = [host.begin("note", i, timeout_ms=0) for i in range(3)]
    ended = []

    def fails():
        ended.append(0)
        raise MemoryError

    calls[0].on_end = fails
    calls[1].on_end = lambda: ended.append(1)
    host.endpoint.close(host.session(), world.now_ms)
    assert [call.done for call in calls] == [True] * 3
    assert sorted(ended) == [0, 1]
    for call in calls:
        with raises(NotDone, "not sent"):
            call.result()


def do_later(node):
    """What a driver does once all was sent."""
    while node.later:
        node.later.pop(0)()


def ticker(world, node):
    def tick():
        node.calls().expire(world.now_ms)
        world.at(50, tick)

    tick()


def test_a_cancel_that_comes_first_is_remembered():
    world, host, board, _ = two()
    ran = []
    board.command(name="note")(lambda i: ran.append(i))
    talk = board.session().data
    call = host.begin("note", 1)
    talk.on_message(CANCEL, call.ref, b"\x00")
    assert world.run(lambda: call.done)
    with raises(NotDone, "cancelled before it began"):
        call.result()
    assert ran == []
    assert host.call("note", 2) is None  # the mark is gone


def test_a_blocking_command_kills_no_session():
    world, host, board, _ = two()

    def long_work():
        board.asleep_until_ms = world.now_ms + 30_000  # its clock goes on, it hears nothing
        return "done"

    board.command(blocking_s=30)(long_work)
    board.command(name="echo")(lambda value: value)
    do_later(board)
    call = host.begin("long_work", timeout_ms=None)
    ticker(world, host)
    # The driver's part: what is to be done later is done once BEGUN has been sent.
    world.run(lambda: bool(board.later), 1000)
    world.run(None, 20)
    do_later(board)
    assert world.run(lambda: call.done, 60_000)
    assert call.result() == "done"
    assert not [entry for entry in host.diary if entry[0] in ("dormant", "closed")]
    assert host.call("echo", 1) == 1


def test_items_arrive_as_they_were_and_numbered():
    world, host, board, _ = two()
    _, got = host.follow("t")
    assert world.run(lambda: board.topics.get("t"))
    values = [
        0, 1, "two", b"", b"\x00", b"[5]", b"x" * 1279, bytes(range(256)) * 12, [b"in", 9],
        {"ten": b"10"}, "end",
    ]  # fmt: skip
    for value in values:  # neighbours without bytes go in one message
        board.publish("t", value)
    assert world.run(lambda: len(got) == len(values), 5000)
    assert [reading.value for reading in got] == values
    assert [type(reading.value) for reading in got] == [type(value) for value in values]
    assert [(reading.seq, reading.missed) for reading in got] == [(i, 0) for i in range(len(got))]

    def items():
        for value in values:
            yield value

    board.stream(items)
    call, streamed = host.gather("items")
    assert world.run(lambda: call.done)
    assert streamed == values
    assert [type(value) for value in streamed] == [type(value) for value in values]


def test_what_was_dropped_before_the_first_item_came_is_counted():
    world, host, board, _ = two()
    _, got = host.follow("t")
    assert world.run(lambda: board.topics.get("t"))
    for value in [b""] * 20 + [bytes(1279)] * 30 + ["end"]:  # more bytes than a queue holds
        board.publish("t", value)
    assert world.run(lambda: got and got[-1].value == "end", 5000)
    assert got[0].missed == got[0].seq > 20
    assert len(got) + sum(reading.missed for reading in got) == 51


def test_readings_in_one_message_are_numbered():
    from picolink.node.client.reading import Counter, readings

    class Taken:
        meta = {"unit": "C"}

    _, host, _, _ = two()
    counter = Counter()
    counter.missed(4, 1)
    values = [[20 + i, 1000 + i, "C"] for i in range(3)]
    got = readings(host.session(), Taken, counter, 7, values, 5000, 0)
    assert [(each.value, each.unit, each.seq, each.missed) for each in got] == [
        (20, "C", 7, 2), (21, "C", 8, 0), (22, "C", 9, 0),
    ]  # fmt: skip


def test_a_subscriber_that_stops_reading_loses_its_own_and_counts_them():
    world, host, board, _ = two()
    slow_got = []
    from picolink.node.client.calls import Items
    from picolink.node.client.reading import Counter, readings

    counter = Counter()
    items = Items(8, lambda seq, values: slow_got.extend(
        readings(host.session(), items, counter, seq, values, world.now_ms, 0)))  # fmt: skip
    items.granted = 8
    slow = host.begin("sys.subscribe", "t", 16, 8, items=items)
    _, fast_got = host.follow("t")
    world.run(lambda: len(board.topics.get("t", ())) == 2)
    for i in range(200):
        board.publish("t", i)
        world.run(None, 5)
    assert [reading.value for reading in fast_got] == list(range(200))
    assert [reading.value for reading in slow_got] == list(range(8))
    host.calls().grant(slow, 8)
    for _ in range(6):
        world.run(None, 200)
        host.calls().grant(slow, 8)
    assert [reading.value for reading in slow_got] == list(range(8)) + list(range(184, 200))
    assert slow_got[8].missed == 176
    assert sum(reading.missed for reading in slow_got) == 176


def test_nobody_subscribed_nothing_is_sent():
    world, host, board, cable = two()
    world.run(None, 1000)
    sent = cable.sent
    for i in range(100):
        board.publish("t", i)
    world.run(None, 1000)
    assert cable.sent == sent


def test_a_stream_can_be_ended_early():
    world, host, board, _ = two()
    made = []

    def endless():
        i = 0
        while True:
            made.append(i)
            yield i
            i += 1

    board.stream(endless)
    call, got = host.gather("endless")
    assert world.run(lambda: len(got) > 100)
    host.calls().cancel(call)
    world.run(None, 1000)
    count = len(made)
    world.run(None, 5000)
    assert len(made) == count
    assert board.session().data.outgoing == {}


def test_long_answers_that_nobody_waits_for_any_more_are_not_sent():
    world, host, board, _ = two(mtu_bytes=64, delay_ms=20)
    board.command(name="get")(lambda: "x" * 4000)
    board.command(name="one")(lambda: 1)
    calls = [host.begin("get") for _ in range(8)]
    waiting = board.session().out.long.waiting
    assert world.run(lambda: len(waiting) == 8 and waiting[0].begun(), 5000)
    for call in calls[:-1]:
        host.calls().give_up(call, "too late")
    assert world.run(lambda: sum([len(message.body) for message in waiting]) < 9000, 100)
    assert len(waiting) == 8 and waiting[0].ref == calls[0].ref  # it was begun, and goes on
    assert world.run(lambda: calls[-1].done) and calls[-1].result() == "x" * 4000
    assert host.call("one") == 1 and not board.session().out.long.open


@cases([(20_000, 60_000), (50_000, 60_000), (20_000, 16_000)])
def test_what_waits_before_a_slow_way_over_tcp_is_not_sent_again(bytes_per_s, size):
    """Kernels and routers keep seconds of it; TCP itself repeats what is lost."""
    gc.collect()
    world = World(random_for("slow"))
    host = Party(world, "host", window_bytes=65536)
    board = Party(world, "board", window_bytes=65536)
    wire = Wire(world, host, board, 10 * bytes_per_s, window_bytes=65536, mtu_bytes=2048,
                queue_bytes=10_000_000)  # fmt: skip
    host.endpoint.limit_bytes = 100_000
    for end in wire.ends:
        end.port.stalls = TcpLink.stalls
    board.command(name="get")(lambda: "x" * size)
    board.command(name="one")(lambda: 1)
    wire.dial()
    assert world.run(lambda: host.session().attach is not None)
    assert host.call("one") == 1
    long = host.begin("get")
    short = host.begin("one")
    assert world.run(lambda: long.done and short.done)
    assert board.session().resent == 0
    assert wire.bytes[1] < 1.1 * size


def test_a_stream_that_fails_brings_what_it_had():
    _, host, board, _ = two(late_ms=30)

    def three():
        yield 1
        yield 2
        raise ValueError("no third")

    board.stream(three)
    call, got = host.gather("three")
    assert host.world.run(lambda: call.done)
    assert got == [1, 2]
    with raises(RemoteError, "no third"):
        call.result()


def test_100_kb_go_on_over_another_link():
    gc.collect()  # what other tests left lies between
    world = World(random_for("move"))
    host, board, usb = joined(world, kind="text", mtu_bytes=1000, delay_ms=5)
    for node in (host, board):
        node.endpoint.limit_bytes = 200_000
        node.session().limit_bytes = 200_000
        node.session().peer_limit_bytes = 200_000
    big = bytes(range(256)) * 400
    board.command(name="size")(lambda data: len(data) if data == big else "damaged")
    board.command(name="get")(lambda: big)
    board.command(name="echo")(lambda value: value)
    there = host.begin("size", big)
    back = host.begin("get")
    world.run(None, 60)
    assert not there.done and not back.done
    tcp = Cable(world, host, board, kind="tcp", mtu_bytes=4000)
    host.redial = None
    tcp.dial(host.session())
    assert host.call("echo", "overtakes") == "overtakes"
    usb.remove()
    assert world.run(lambda: there.done and back.done)
    assert there.result() == len(big)
    assert back.result() == big
    assert len(board.endpoint.sessions) == 1
