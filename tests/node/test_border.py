"""What users' functions raise ends nothing of ours: every call from our loops into the program.

Each kind of function raises each kind of exception on a node in this process, on both interpreters.
Afterwards the same link, the node's timer and another peer are served as before. What raised, or
had no memory, is tried again.
"""

import asyncio

from both import MICROPYTHON, cases, raises

from picolink.core.errors import LinkError, PicolinkError, RemoteError
from picolink.core.timing import TIMES
from picolink.node.client import dial, subscription
from picolink.node.client import peer as peers
from picolink.node.closing import stop
from picolink.node.node import Node
from picolink.node.opening import open_all
from picolink.node.tasks import kept

HEAP_KB = 800
SHORT_S = 5


class Interrupt(BaseException):
    """Stands for a real Ctrl-C."""


class Own(BaseException):
    """No Exception either."""


class Unprintable(Exception):
    def __str__(self):
        raise ValueError("no text")

    __repr__ = __str__


KINDS = [
    (KeyError, "key"), (ValueError, "value"), (OSError, 5, "sensor"), (LinkError, "not ours"),
    (PicolinkError, "a program's own"), (MemoryError,), (Unprintable,), (AssertionError,),
    (asyncio.CancelledError,), (SystemExit, 1), (KeyboardInterrupt,), (GeneratorExit,),
    (StopIteration,), (Own, "not an Exception"),
]  # fmt: skip
if not MICROPYTHON:
    KINDS += [(RecursionError, "deep"), (UnicodeDecodeError, "utf-8", b"x", 0, 1, "bad")]


class Exceptions:
    """One of each kind that a function may let out, new each time: on MicroPython the traceback of
    an exception that is raised again grows."""

    def __len__(self):
        return len(KINDS)

    def __getitem__(self, number):
        kind = KINDS[number]
        return kind[0](*kind[1:])


EXCEPTIONS = Exceptions()


class Pair:
    """A serving node and two peers of it, in this event loop."""

    serial = 0

    async def __aenter__(self):
        Pair.serial += 1
        self.errors = []
        self.node = Node("served", uid=b"served%d" % Pair.serial, on_error=self.errors.append)
        self.name = "border%d" % Pair.serial
        self.hosts = [Node("host%d" % i, uid=b"peer%d-%d" % (Pair.serial, i)) for i in (0, 1)]
        return self

    async def open(self):
        await open_all(self.node, ["loopback-listen:" + self.name])
        self.peers = []
        for host in self.hosts:
            await open_all(host, [])
            peer = host.peer("loopback:" + self.name)
            await peer.ready(SHORT_S)
            self.peers.append(peer)

    async def __aexit__(self, *_):
        for peer in self.peers:
            await peer.close()
        for node in self.hosts + [self.node]:
            stop(node)

    async def served(self):
        """Asserts that both peers, and the node's timer, are served."""
        for peer in self.peers:
            assert await peer.call("alive", timeout_s=SHORT_S) == "yes"
        ticks = []

        def tick(now_ms):
            ticks.append(now_ms)

        self.node.on_tick.append(tick)
        self.node.host.call_by(self.node.now_ms() + 1)
        await until(lambda: ticks)
        self.node.on_tick.remove(tick)


async def until(ready):
    """Waits for what the event loop brings."""
    for _ in range(5000):
        if ready():
            return
        await asyncio.sleep(0.001)
    raise AssertionError("it did not come in 5 s")


async def nothing_due(node):
    """Waits until the node has nothing to do but to ask, now and then, for signs of life."""
    await until(lambda: node.host.due_ms > node.now_ms() + TIMES["keepalive"] // 2)


def declare_alive(node):
    @node.command
    def alive():
        return "yes"


def command(node, error):
    @node.command
    def fails():
        raise error


def blocking(node, error):
    @node.command(blocking_s=1, name="fails")
    def fails():
        raise error


def later(node, error):
    @node.command
    async def fails():
        await asyncio.sleep(0)
        raise error


def at_once(node, error):
    @node.command
    async def fails():
        raise error


def kind_of(error):
    if isinstance(error, StopIteration) and not MICROPYTHON:
        return (type(error).__name__, "RuntimeError")  # what CPython makes of it in a coroutine
    return (type(error).__name__,)


@cases([(d, i) for d in range(4) for i in range(len(EXCEPTIONS))])
async def test_a_command_that_raises_has_begun_and_failed(declare, number):
    error = EXCEPTIONS[number]
    if MICROPYTHON and declare >= 2 and isinstance(error, (StopIteration, GeneratorExit)):
        return  # there a coroutine that raises them has returned
    async with Pair() as pair:
        (command, blocking, later, at_once)[declare](pair.node, error)
        declare_alive(pair.node)
        await pair.open()
        with raises(RemoteError) as caught:
            await pair.peers[0].call("fails", timeout_s=SHORT_S)
        assert caught.value.kind in kind_of(error), caught.value
        assert len(pair.errors) == 1
        await pair.served()
        assert not pair.peers[0].session.data.calls.open
        for session in pair.node.endpoint.sessions.values():
            assert not session.data.running


@cases([(d, i) for d in range(2) for i in range(len(EXCEPTIONS))])
async def test_a_stream_that_raises_ends_with_that(where, number):
    error = EXCEPTIONS[number]
    if where and isinstance(error, StopIteration):
        return  # a generator's own way to end
    async with Pair() as pair:

        @pair.node.stream
        def fails():
            if not where:
                raise error
            return items()

        def items():
            yield 1
            if isinstance(error, GeneratorExit) and MICROPYTHON:
                raise KeyError("a generator that raises GeneratorExit has ended there")
            raise error

        declare_alive(pair.node)
        await pair.open()
        stream = await pair.peers[0].stream("fails")
        with raises(RemoteError):
            async for item in stream:
                assert item == 1
        assert len(pair.errors) == 1
        await pair.served()
        for session in pair.node.endpoint.sessions.values():
            assert not session.data.outgoing


@cases([(d, i) for d in range(2) for i in range(len(EXCEPTIONS))])
async def test_a_subscriber_that_raises_gets_the_next_item(declare, number):
    error = EXCEPTIONS[number]
    if MICROPYTHON and declare and isinstance(error, (StopIteration, GeneratorExit)):
        return
    got = []
    others = []
    async with Pair() as pair:
        if declare:

            @pair.node.subscribe("door")
            async def take(reading):
                got.append(reading.value)
                raise EXCEPTIONS[number]

        else:

            @pair.node.subscribe("door")
            def take(reading):
                got.append(reading.value)
                raise EXCEPTIONS[number]

        @pair.node.subscribe("door")
        def other(reading):
            others.append(reading.value)

        declare_alive(pair.node)
        await pair.open()
        host = pair.hosts[0]
        await until(lambda: len(host.topics.get("door", ())) == 2)
        for i in range(100):  # more than the credit that a subscription begins with
            host.publish("door", i)
            await until(lambda n=i + 1: len(got) == len(others) == n)
        assert got == others == list(range(100))
        await until(lambda: len(pair.errors) >= 100)
        await pair.served()


def test_what_is_meant_for_our_loops_passes_a_subscriber():
    def interrupted(item):
        raise Interrupt

    passes, subscription.passes = subscription.passes, lambda error: isinstance(error, Interrupt)
    try:
        with raises(Interrupt):
            subscription._each(Node("x", uid=b"12345678"), interrupted, [1], None, None)
    finally:
        subscription.passes = passes


async def test_the_room_of_every_item_is_given_back_whatever_became_of_it():
    got = []
    ended = []
    async with Pair() as pair:
        pair.node.endpoint.window_bytes = 512  # room for 8 items

        async def late(number):
            await asyncio.sleep(0)
            ended.append(number)
            if number % 8 == 3:
                raise ValueError("late")

        @pair.node.subscribe("door")
        def take(reading):
            number = reading.value
            got.append(number)
            if number % 4 == 1:
                raise KeyError(number)
            if number % 4 == 2:
                return number
            if number % 4 == 3:
                return late(number)

        declare_alive(pair.node)
        await pair.open()
        host = pair.hosts[0]
        await until(lambda: host.topics.get("door"))
        for i in range(0, 100, 5):  # some of each kind in a message
            for number in range(i, i + 5):
                host.publish("door", number)
            await until(lambda n=i + 5: len(got) == n)
        assert got == list(range(100))
        await until(lambda: len(ended) == 25)
        await until(lambda: len(pair.errors) == 25 + 13)
        await pair.served()


@cases([(d, i) for d in range(2) for i in range(len(EXCEPTIONS))])
async def test_a_reading_that_raises_is_told_and_taken_again(declare, number):
    error = EXCEPTIONS[number]
    if MICROPYTHON and declare and isinstance(error, (StopIteration, GeneratorExit)):
        return
    values = [error, 1]

    def measure():
        value = values[0] if len(values) > 1 else 1
        values[:-1] = []
        if isinstance(value, BaseException):
            raise value
        return value

    async with Pair() as pair:
        if declare:

            @pair.node.reading("level", every_s=0.01)
            async def level():
                return measure()

        else:
            pair.node.reading("level", every_s=0.01)(measure)

        declare_alive(pair.node)
        await pair.open()
        subscription = await pair.peers[0].subscribe("level")
        first = await subscription.__anext__()
        kinds = kind_of(error)
        assert first.value is None and first.time_quality.split(":")[0] in kinds
        assert (await subscription.__anext__()).value == 1
        subscription.close()
        await until(lambda: "level" not in pair.node.topics)  # else its timer takes the next
        values[:] = [error, 1]
        with raises(RemoteError):
            await pair.peers[0].read("level", timeout_s=SHORT_S)
        assert (await pair.peers[1].read("level", timeout_s=SHORT_S)).value == 1
        await pair.served()


@cases([(i,) for i in range(len(EXCEPTIONS))])
async def test_on_error_may_raise_too(number):
    async with Pair() as pair:

        @pair.node.command
        def fails():
            raise KeyError("first")

        def tell(error):
            raise EXCEPTIONS[number]

        declare_alive(pair.node)
        await pair.open()
        pair.node.on_error = tell
        with raises(RemoteError, "first"):
            await pair.peers[0].call("fails", timeout_s=SHORT_S)
        await pair.served()


@cases([(slept, i) for slept in (0, 1) for i in range(len(EXCEPTIONS))])
async def test_a_task_of_the_program_s_that_raises_ends_nothing(slept, number):
    ran = []

    async def task():
        if slept:
            await asyncio.sleep(0)
        ran.append(slept)
        raise EXCEPTIONS[number]

    async with Pair() as pair:
        declare_alive(pair.node)
        await pair.open()
        task = pair.node.spawn(task())
        await until(lambda: ran)
        await pair.served()
        if isinstance(EXCEPTIONS[number], (asyncio.CancelledError, GeneratorExit)):
            return  # it was ended
        await until(lambda: pair.errors)
        if not MICROPYTHON:
            assert task.done()
            assert len(pair.errors) == 1


async def test_a_task_that_is_let_go_of_is_no_failure():
    async def task():
        await asyncio.sleep(60)

    if MICROPYTHON:
        return  # nothing closes a coroutine there
    async with Pair() as pair:
        await pair.open()
        coroutine = kept(pair.node, task())
        coroutine.send(None)
        coroutine.close()
        assert not pair.errors


async def test_a_generator_by_mistake_is_told_and_frees_its_place():
    async with Pair() as pair:

        @pair.node.command
        def counts():
            yield 1
            yield 2

        declare_alive(pair.node)
        await pair.open()
        for _ in range(20):  # more than calls that may be under way
            with raises(RemoteError, "@node.stream"):
                await pair.peers[0].call("counts", timeout_s=SHORT_S)
        await pair.served()


@cases([(object(),), (float("nan"),), ({"a": {1, 2}},), ("x" * 20000,), (b"x" * 20000,)])
async def test_a_result_that_can_not_be_sent_is_an_answer_all_the_same(value):
    async with Pair() as pair:

        @pair.node.command
        def gives():
            return value

        declare_alive(pair.node)
        await pair.open()
        with raises(PicolinkError):
            await pair.peers[0].call("gives", timeout_s=SHORT_S)
        await pair.served()


async def test_a_cancelled_command_stops_and_one_cancelled_first_never_begins():
    began = []
    ended = []
    async with Pair() as pair:

        @pair.node.command
        async def slow(n):
            began.append(n)
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                ended.append(n)
                raise

        declare_alive(pair.node)
        await pair.open()
        peer = pair.peers[0]
        calls = peer.session.data.caller()
        one = calls.start("slow", (1,), {}, 0, peer.node.now_ms())
        peer.session.attach.port.drain()
        await until(lambda: began == [1])
        calls.cancel(one)
        peer.session.attach.port.drain()
        await until(lambda: ended == [1])
        # Call and cancel in one go: the task of the command was never begun.
        two = calls.start("slow", (2,), {}, 0, peer.node.now_ms())
        peer.session.attach.port.drain()
        calls.cancel(two)
        peer.session.attach.port.drain()
        await pair.served()
        for session in pair.node.endpoint.sessions.values():
            assert not session.data.running and not session.data.cancelled
        assert began == [1]


@cases([
    ([1, b"abc"],), ([b"abc", 2],), ([b"one", b"two"],), ({"a": b"x"},), (b"plain",), ([1, 2],),
    ("text",), (None,), ([],), ([[]],),
])  # fmt: skip
async def test_items_of_every_shape_arrive_equal(value):
    async with Pair() as pair:

        @pair.node.stream
        def twice():
            yield value
            yield value

        pair.node.reading("shape", every_s=0.01)(lambda: value)

        declare_alive(pair.node)
        await pair.open()
        peer = pair.peers[0]
        items = []
        async for item in await peer.stream("twice"):
            items.append(item)
        assert items == [value, value]
        readings = await peer.subscribe("shape")
        for _ in range(3):
            assert (await readings.__anext__()).value == value
        assert (await peer.read("shape")).value == value
        topic = await peer.subscribe("topic")
        await until(lambda: pair.node.topics.get("topic"))
        for _ in range(2):
            pair.node.publish("topic", value)
        for _ in range(2):
            assert (await topic.__anext__()).value == value
        readings.close()
        topic.close()


async def test_what_was_due_and_raised_is_called_again_soon():
    async with Pair() as pair:
        declare_alive(pair.node)
        await pair.open()
        await nothing_due(pair.node)
        ticks = []

        def tick(now_ms):
            ticks.append(now_ms)
            if len(ticks) == 1:
                raise KeyError("once")

        pair.node.on_tick.append(tick)
        pair.node.host.call_by(0)
        await until(lambda: len(ticks) > 1)
        assert ticks[1] - ticks[0] < TIMES["keepalive"] // 2
        assert isinstance(pair.errors[0], KeyError)


async def test_whatever_the_opening_of_a_link_raises_it_is_tried_again():
    open_link = peers.open_link
    raised = []

    async def fails_once(address, node):
        if not raised:
            raised.append(KeyError("a driver's own fault"))
            raise raised[0]
        return await open_link(address, node)

    peers.open_link = fails_once
    try:
        async with Pair() as pair:
            declare_alive(pair.node)
            await pair.open()
            await pair.served()
    finally:
        peers.open_link = open_link
    assert raised


@cases([("dialer",), ("hello",)])
async def test_a_peer_that_has_no_memory_to_greet_does_so_later(what):
    dialer = dial.Dialer
    raised = []

    class Short(dialer):
        def __init__(self, endpoint, port, session, owner, now_ms):
            say_hello = endpoint.say_hello

            def fails(*_):
                endpoint.say_hello = say_hello
                raised.append(what)
                raise MemoryError

            if not raised and what == "dialer":
                fails()
            if not raised:
                endpoint.say_hello = fails
            dialer.__init__(self, endpoint, port, session, owner, now_ms)

    async with Pair() as pair:
        declare_alive(pair.node)
        await pair.open()
        dial.Dialer = Short
        try:
            for session in list(pair.node.endpoint.sessions.values()):
                port = session.attach.port
                pair.node.endpoint.close(session, pair.node.now_ms())
                port.drain()
            await until(lambda: raised)
            await pair.served()
        finally:
            dial.Dialer = dialer


async def test_a_packet_for_which_there_was_no_memory_goes_soon():
    async with Pair() as pair:
        declare_alive(pair.node)
        await pair.open()
        host, peer = pair.hosts[0], pair.peers[0]
        await nothing_due(host)
        link = peer._driver.link
        send = link.send
        failed = []

        def fails_once(packet):
            link.send = send
            failed.append(packet)
            raise MemoryError

        link.send = fails_once
        began_ms = host.now_ms()
        assert await peer.call("alive", timeout_s=SHORT_S) == "yes"
        assert failed and host.now_ms() - began_ms < TIMES["keepalive"] // 2


def test_what_is_meant_for_our_loops_passes_on_error():
    from picolink.node import traceback

    def stops(error):
        raise Interrupt

    node = Node("border-error")
    node.on_error = stops
    passes, traceback.passes = traceback.passes, lambda error: isinstance(error, Interrupt)
    try:
        with raises(Interrupt):
            node.report(ValueError("told"))
    finally:
        traceback.passes = passes


def test_a_message_that_there_is_no_memory_for_is_no_failure_of_its_class():
    from picolink.node.traceback import message_of

    class Large(Exception):
        def __str__(self):
            raise MemoryError

    assert message_of(Large()) == "(no memory for its message)"
    assert message_of(Unprintable()) == "(no message: its __str__ failed)"


def test_how_a_function_ended_is_told_once_whatever_is_raised_where_it_is_told():
    from picolink.node import invoke

    node = Node("border-once")
    errors = []
    node.on_error = errors.append
    told = []

    def done(what, value, error):
        told.append((what, value, error))
        raise ValueError("told")

    assert invoke.call(node, lambda: 7, (), {}, done, "x") is None
    assert told == [("x", 7, None)] and len(errors) == 1


def test_a_link_that_can_not_be_watched_is_none_of_the_node_s():
    from picolink.node.driver import Driver

    class Blind:
        address = "blind:"
        mtu_bytes = takes_bytes = 512
        window_bytes = 0

        def watch(self, node, callback):
            raise MemoryError

    node = Node("border-blind")
    with raises(MemoryError):
        Driver(node, Blind())
    assert not node.drivers
