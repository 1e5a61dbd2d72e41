"""What failed once is tried again, and nothing of it is lost: whole nodes on a virtual clock. More
of it: test_border.py (in an event loop), test_second_tries_host.py (in threads)."""

from struct import pack

from both import cases, random_for
from faults import World
from virtual_nodes import Party, joined

from picolink.core.errors import BadArguments, RemoteError, Unknown
from picolink.core.packets import BEGUN, CALL, CANCEL, CREDIT, ERROR, ITEMS, REPLY
from picolink.core.values import encode
from picolink.node.after import after
from picolink.node.client import calls as calls_module
from picolink.node.client import subscription
from picolink.node.client.calls import Items
from picolink.node.connections import Connections
from picolink.node.driver import reopen

HEAP_KB = 2000


try:
    import micropython
except ImportError:  # CPython, where memory does not end

    class micropython:
        heap_lock = heap_unlock = int


def two():
    world = World(random_for("second tries"))
    host, board, _ = joined(world)
    return world, host, board


def out_of_memory(session, kind, times=1):
    """Has the next messages of a kind find no memory; returns the list that they go to."""
    send = session.send
    failed = []

    def fails(what, ref, body):
        if what & 15 == kind and len(failed) < times:
            failed.append(body)
            raise MemoryError
        return send(what, ref, body)

    session.send = fails
    return failed


class Full:
    """A list that grows only at the second try."""

    def __init__(self, items):
        self.items = items
        self.full = True

    def append(self, item):
        if self.full:
            self.full = False
            raise MemoryError
        self.items.append(item)


# Calls and subscriptions


def test_a_try_again_for_which_there_is_no_memory_is_not_lost():
    world, host, _ = two()

    def short():
        done.append(1)
        if len(done) < 3:
            raise MemoryError

    def wrong():
        done.append(1)
        raise ValueError("wrong")

    for function, times in ((short, 3), (wrong, 1)):
        done = []
        ticks = host.on_tick
        host.on_tick = Full(ticks)
        after(host, 100, function)
        assert not host.on_tick.full
        host.on_tick = ticks
        world.now_ms += 50
        host.tick()
        assert not done
        for _ in range(5):
            world.now_ms += 1000
            host.tick()
        assert len(done) == times and not ticks


def test_a_stream_whose_end_overtook_its_begin_waits_for_its_items():
    world, host, _ = two()
    got = []
    call = host.begin("numbers", items=Items(64, lambda seq, values: got.extend(values)))
    assert call.message.lane.take_back(CALL, call.ref)  # the test itself answers
    calls = host.calls()
    host.session().short.bits = 2  # something is missing that was said before
    calls.on_message(REPLY, call.ref, encode(1)[1])
    for _ in range(3):
        world.now_ms += 20_000
        calls.expire(world.now_ms)
        assert not call.done
    calls.on_message(BEGUN, call.ref, encode({"items": 1})[1])
    host.session().short.bits = 0
    world.now_ms += 20_000
    calls.expire(world.now_ms)
    assert not call.done
    calls.on_message(ITEMS, call.ref, pack("<HI", 0, 0) + b"[7]")
    assert call.done and got == [7] and call.result() is None


@cases([(0,), (5,), (-5,), (None,), ("x",), ("7",), ([1, 2],), ({"a": 1},), (2.5,), (True,)])
def test_a_stream_of_what_is_none_is_told_so(value):
    world, host, board = two()
    board.command(name="odd")(lambda: value)
    call, got = host.gather("odd")
    if type(value) is int:  # it may be how many messages there were
        assert not world.run(lambda: call.done, 1000)
        world.now_ms += 5000
        host.calls().expire(world.now_ms)
    else:
        assert world.run(lambda: call.done, 1000)
    assert isinstance(call.error, BadArguments) and call.error.begun and not got
    assert str(call.error) == "odd is no stream: use call(); it was run"


def test_a_stream_without_items_ends():
    world, host, board = two()
    board.stream(name="none")(lambda: iter(()))
    call, got = host.gather("none")
    assert world.run(lambda: call.done, 1000)
    assert call.result() is None and not got


def test_an_answer_that_no_begin_came_before_is_no_stream_s():
    world, host, board = two()
    board.command(name="number")(lambda: 5)
    call, _ = host.gather("number")
    assert not world.run(lambda: call.done, 1000)
    host.session().short.bits = 2  # something is missing: it may be the begin
    for _ in range(3):
        world.now_ms += 5000
        assert host.calls().expire(world.now_ms) == world.now_ms + 2000
        assert not call.done
    host.session().short.bits = 0
    world.now_ms += 5000
    host.calls().expire(world.now_ms)
    assert isinstance(call.error, BadArguments) and call.error.begun
    assert str(call.error) == "number is no stream: use call(); it was run"


def test_room_that_there_was_no_memory_to_tell_of_is_told_later():
    world, host, board = two()
    call, _ = host.follow("door")
    world.run(lambda: "door" in board.topics)
    failed = out_of_memory(host.session(), CREDIT)
    host.calls().grant(call, call.items.window)
    assert failed and call.items.granted <= call.items.window
    host.calls().expire(world.now_ms)
    assert call.items.granted > call.items.window


def test_items_that_there_was_no_memory_to_send_keep_their_number():
    world, host, board = two()
    _, got = host.follow("door")
    world.run(lambda: "door" in board.topics)
    failed = out_of_memory(board.session(), ITEMS)
    for i in range(5):
        board.publish("door", i)
    world.run(lambda: len(got) == 5, 20_000)
    assert failed and [reading.value for reading in got] == list(range(5))


def test_a_subscription_that_there_was_no_memory_for_is_asked_for_again():
    world, host, board = two()
    begin = subscription.begin
    failed = []

    def fails_once(*args):
        if not failed:
            failed.append(args)
            raise MemoryError
        return begin(*args)

    host.subscribe("door")(lambda reading: None)
    subscription.begin = fails_once
    try:
        for meet in host.on_meet:
            try:
                meet(host.session())
            except MemoryError:
                pass  # the node reports it
        for _ in range(30):
            world.run(None, 500)
            host.tick()
    finally:
        subscription.begin = begin
    assert failed and board.topics.get("door")


def test_a_call_ends_also_where_there_is_no_memory_to_cancel_it():
    world, host, board = two()
    board.command(name="never", blocking_s=1)(lambda: None)  # nobody runs what it puts off
    board.later.clear()
    call = host.begin("never", timeout_ms=500)
    assert world.run(lambda: bool(board.later), 400)
    failed = out_of_memory(host.session(), CANCEL)
    world.now_ms += 1000
    host.tick()
    assert failed and call.done and isinstance(call.error, Unknown)


def test_a_cancel_for_which_there_was_no_memory_twice_is_sent_yet():
    world, host, board = two()

    @board.stream
    def numbers():
        while True:
            yield 1

    call, got = host.gather("numbers")
    assert world.run(lambda: bool(got), 1000)
    failed = out_of_memory(host.session(), CANCEL, 2)
    host.calls().abandon(call)
    for _ in range(3):
        host.calls().expire(world.now_ms)
    assert len(failed) == 2
    assert world.run(lambda: not board.session().data.outgoing, 1000)


def test_an_error_that_there_was_no_memory_to_tell_of_is_told_all_the_same():
    world, host, board = two()

    def wrong():
        raise ValueError("wrong")

    board.command(wrong)
    failed = out_of_memory(board.session(), ERROR, 2)
    call = host.begin("wrong")
    assert world.run(lambda: call.done, 1000)
    assert len(failed) == 2 and isinstance(call.error, RemoteError)


def test_an_answer_that_there_was_no_memory_for_is_read_once_more():
    world, host, _ = two()
    decode = calls_module.decode
    failed = []

    def answered(times):
        """A call whose answer finds no memory so often."""
        failed.clear()

        def fails(*args):
            if len(failed) < times:
                failed.append(args)
                raise MemoryError
            return decode(*args)

        call = host.begin("nothing")
        assert world.run(call.message.begun) and not call.done
        calls_module.decode = fails
        try:
            host.calls().on_message(REPLY, call.ref, b"7")
        finally:
            calls_module.decode = decode
        assert len(failed) == times and call.done
        return call

    assert answered(1).result() == 7
    assert isinstance(answered(2).error, Unknown)


def test_a_stream_cancelled_before_its_command_returned_is_closed():
    world, host, board = two()
    waiting, closed = [], []

    class Lines:
        def __iter__(self):
            return self

        def __next__(self):
            return "a line"

        def close(self):
            closed.append(self)

    board.stream(name="lines")(Lines)
    board.aside = lambda *call: waiting.append(call)  # as in a thread that has other work
    call = host.begin("lines", items=Items(64, lambda seq, values: None))
    assert world.run(lambda: bool(waiting), 1000)
    host.calls().cancel(call)
    assert world.run(lambda: not board.session().data.outgoing, 1000)
    while waiting:
        function, args, named, done, what, _ = waiting.pop(0)
        done(what, function(*args, **named), None)
    assert len(closed) == 1


def test_a_peer_that_says_it_blocks_for_ever_is_waited_for_a_day():
    world, host, _ = two()
    call = host.begin("nothing")
    host.calls().on_message(BEGUN, call.ref, encode({"blocking_s": 1e9})[1])
    patient_ms = host.session().patient_until_ms - world.now_ms
    assert 0 < patient_ms <= 86_400_000


def test_a_busy_stream_starves_no_other():
    world, host, board = two()

    @board.stream
    def endless():
        while True:
            yield 1

    got = [0, 0]
    for i in (0, 1):

        def take(seq, values, i=i):
            got[i] += len(values)

        call = host.begin("endless", items=Items(1 << 20, take))
        assert world.run(lambda i=i: got[i] >= 16, 2000)
        host.calls().grant(call, 16)  # as much as it likes, from now on
        if not i:
            world.run(None, 200)
    before = list(got)
    world.run(None, 500)
    more = [got[i] - before[i] for i in (0, 1)]
    assert min(more) * 4 > max(more) > 100, more


# Links and listeners


class Link:
    """One that opens again only at the second try."""

    stream = reliable = unsent = False
    pollable = None
    window_bytes = 0
    mtu_bytes = takes_bytes = 1000
    address = "a link"
    tries = 0

    def watch(self, node, callback):
        return self

    def reopen(self):
        self.tries += 1
        if self.tries == 1:
            raise OSError(16, "busy")
        return self


class Listener:
    """One that has a connection the system has no room for."""

    address = "a listener"
    watched = 0

    def watch(self, node, callback):
        self.watched += 1
        return self

    def stop(self):
        self.watched -= 1

    def accept(self):
        raise OSError(24, "too many open files")


def test_a_link_that_could_not_be_opened_again_is_tried_later():
    world = World(random_for("reopen"))
    node = Party(world, "node")
    link = Link()
    reopen(node, link)
    assert not node.drivers and link.tries == 1
    world.now_ms += 10_000
    node.tick()
    assert [(driver.link, driver.reopens) for driver in node.drivers] == [(link, True)]


def test_a_listener_that_can_take_nobody_goes_on_after_a_pause():
    world = World(random_for("pause"))
    node = Party(world, "node")
    listener = Listener()
    Connections(node, listener)._accept()
    assert listener.watched == 0
    world.now_ms += 2000
    node.tick()
    assert listener.watched == 1


class NoRoom(list):
    def __add__(self, other):
        raise MemoryError


def test_a_cancel_for_which_there_was_no_memory_to_look_is_sent_later():
    world, host, board = two()
    board.stream(name="numbers")(lambda: iter(range(100)))
    call, got = host.gather("numbers")
    assert world.run(lambda: bool(got), 1000)
    lane = host.session().out.short
    lane.open = NoRoom(lane.open)
    try:
        host.calls().abandon(call)
    except MemoryError:
        pass
    lane.open = list(lane.open)
    assert call.done
    for _ in range(3):
        host.calls().expire(world.now_ms)
    assert world.run(lambda: not board.session().data.outgoing, 1000)


def test_room_is_heard_of_without_memory():
    """The receiver says it once: a credit that is lost is lost for good."""
    world, host, board = two()
    host.follow("door")
    assert world.run(lambda: bool(board.topics.get("door")), 1000)
    (outgoing,) = board.topics["door"]
    body = memoryview(pack("<I", 300))
    locks = micropython.heap_lock, micropython.heap_unlock
    grant = outgoing.grant
    locks[0]()
    try:
        grant(body)
    finally:
        locks[1]()
    assert outgoing.credit == 300


def test_a_cancel_that_there_was_no_memory_to_obey_is_obeyed_later():
    world, host, board = two()
    call, _ = host.follow("door")
    assert world.run(lambda: "door" in board.topics, 1000)

    drop = board.drop

    def fails(outgoing):
        board.drop = drop
        raise MemoryError

    board.drop = fails
    host.calls().cancel(call)
    for _ in range(20):
        world.run(None, 1000)
        host.tick()
        board.tick()
    assert not board.session().data.outgoing and not board.topics
