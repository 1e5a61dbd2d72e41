"""The MQTT client against a broker that the test writes: what real ones do seldom, on both
interpreters. Real brokers: test_mqtt_brokers.py."""

import asyncio
import io

from both import MICROPYTHON, cases, count, raises, random_for

from picolink.core.errors import BadAddress, Busy, CannotConnect, LinkError, Refused, UsageError
from picolink.links.mqtt import Client, dialing
from picolink.links.mqtt.address import Broker, matches
from picolink.links.mqtt.clock import diff_ms, now_ms
from picolink.links.mqtt.connection import TIMES, Connection
from picolink.links.mqtt.dialing import NO_BROKER, report, stolen

USUAL = dict(TIMES)
WELCOME = b"\x20\x02\x00\x00"
LIMIT_S = 20


def setup():
    TIMES.update({"retry": 20, "retry_max": 80, "answer": 2000, "brief": 2000})


def teardown():
    TIMES.update(USUAL)


class Script:
    """A broker that does what the test says, connection by connection."""

    def __init__(self, serve):
        self.serve = serve
        self.connections = 0
        self.errors = []
        self.left = asyncio.Event()

    async def __aenter__(self):
        random = random_for("port")
        for _ in range(50):
            self.port = random.between(20000, 60000) ^ (id(self) >> 8 & 0xFF)
            try:
                self.server = await asyncio.start_server(self._accept, "127.0.0.1", self.port)
                break
            except OSError:
                pass
        self.address = "mqtt://127.0.0.1:%d" % self.port
        return self

    async def __aexit__(self, *_):
        self.server.close()
        await self.server.wait_closed()

    async def _accept(self, reader, writer):
        self.connections += 1
        link = Talk(reader, writer)
        try:
            await self.serve(link, self.connections)
        except (OSError, EOFError):
            pass
        except Exception as error:
            self.errors.append(error)
        finally:
            self.left.set()
            try:
                writer.close()
                await writer.wait_closed()
            except OSError:
                pass


class Talk:
    """One connection, from the broker's side."""

    def __init__(self, reader, writer):
        self.reader = reader
        self.writer = writer

    async def packet(self):
        """The next packet: first byte, body."""
        first = (await self.reader.readexactly(1))[0]
        n = shift = 0
        while True:
            digit = (await self.reader.readexactly(1))[0]
            n |= (digit & 127) << shift
            shift += 7
            if digit < 128:
                return first, await self.reader.readexactly(n) if n else b""

    async def say(self, data):
        self.writer.write(data)
        await self.writer.drain()

    async def welcome(self, answer=WELCOME):
        first, body = await self.packet()
        assert first == 0x10, first
        await self.say(answer)
        return body


async def within(coroutine):
    return await asyncio.wait_for(coroutine, LIMIT_S)


async def until(client, why):
    """Waits until the client gives this reason for having no connection."""
    while why not in client.why:
        client._changed.clear()
        await client._changed.wait()


@cases(
    [
        ("mqtt://host", ("host", 1883, None, None, "", False)),
        ("mqtts://ann:p%40ss@host:99/green/house?verify=no",
         ("host", 99, "ann", "p@ss", "green/house", True)),
        ("mqtt://ann@[::1]:1884/x/", ("::1", 1884, "ann", None, "x", False)),
    ]
)  # fmt: skip
def test_addresses(text, parts):
    b = Broker(text)
    assert (b.host, b.port, b.user, b.password, b.prefix, b.tls) == parts
    assert "p@ss" not in str(b)


@cases([("http://x", "a broker is"), ("mqtt://", "names no broker"), ("mqtt://h:x", "the port"),
        ("mqtt://h:70000", "the port"), ("mqtt://a:%zz@h", "%25")])  # fmt: skip
def test_addresses_that_are_none(text, why):
    with raises(BadAddress, why):
        Broker(text)


@cases(
    [
        ("a/b", "a/b", True), ("a/+", "a/b", True), ("a/+", "a/b/c", False), ("#", "a/b", True),
        ("a/#", "a", True), ("a/#", "a/b/c", True), ("a/#", "b/c", False), ("+/+", "/x", True),
        ("+", "a/b", False), ("#", "$SYS/x", False), ("$SYS/#", "$SYS/x", True),
        ("a/+", "a", False),
    ]
)  # fmt: skip
def test_filters(wanted, topic, yes):
    assert matches(wanted, topic) is yes


def test_what_the_user_says_wrong():
    client = Client("mqtt://127.0.0.1:1")
    for topic in ("", "a/+", "a/#", None, "a\x00b"):
        with raises(UsageError):
            client.post(topic, b"")
    for topic in ("", "a+", "a/#/b", 5):
        with raises(UsageError):
            client.on(topic, print)
    with raises(UsageError, "client_id"):
        Client("mqtt://x", clean=False)
    with raises(UsageError, "needs the address"):
        Client()
    with raises(UsageError, "none to publish to"):
        Client("mqtt://x", will=("a/#", b"", 0, False))


async def test_the_same_id_and_dup_again_in_order():
    seen = []
    enough = asyncio.Event()

    async def serve(link, turn):
        await link.welcome()
        while True:
            first, body = await link.packet()
            if first & 0xF0 != 0x30:
                return
            seen.append((turn, first, body[3:5], body[5:]))
            if turn == 2:
                await link.say(b"\x40\x02" + body[3:5])
            elif len(seen) == 3:
                return  # and no PUBACK
            if len(seen) == 8:
                enough.set()

    async with Script(serve) as broker:
        client = Client(broker.address, window=3)
        sent = [client.post("t", "%d" % i, qos=1) for i in range(5)]
        assert not sent[0].begun
        await client.connect()
        await within(enough.wait())
        await client.close()
    assert [(turn, first) for turn, first, _, _ in seen] == (
        [(1, 0x32)] * 3 + [(2, 0x3A)] * 3 + [(2, 0x32)] * 2
    )
    ids = [packet_id for _, _, packet_id, _ in seen]
    assert ids[:3] == ids[3:6] and len(set(ids)) == 5
    assert [data for _, _, _, data in seen] == [b"0", b"1", b"2", b"0", b"1", b"2", b"3", b"4"]


async def test_no_more_is_taken_than_there_is_room_for():
    async def serve(link, turn):
        await link.welcome()
        assert (await link.packet())[0] == (await link.packet())[0] == 0x32
        first, body = await link.packet()  # the client says that it goes: only then
        assert first == 0xE0

    async with Script(serve) as broker:
        client = Client(broker.address, window=2, queue=4)
        await client.connect()
        published = [client.post("t", b"x", qos=1) for _ in range(4)]
        with raises(Busy, "4 messages wait"):
            client.post("t", b"x", qos=1)
        waiting = asyncio.create_task(client.publish("t", b"x", qos=1))
        await asyncio.sleep(0)
        await client.close()
        with raises(LinkError, "closed before"):
            raise published[3].failure
        with raises(LinkError, "nothing was sent"):
            await within(waiting)
        with raises(LinkError, "nothing was sent"):
            client.post("t", b"x")
        await within(broker.left.wait())
        assert broker.errors == []


async def test_without_a_connection_qos_0_is_dropped_and_counted():
    client = Client("mqtt://127.0.0.1:1")
    client.post("t", b"x")
    await client.publish("t", b"x")
    assert client.dropped == 2


@cases(
    [
        (b"\x20\x02\x00\x04", Refused, "user or password"),
        (b"\x20\x02\x00\x05", Refused, "not allowed"),
        (b"\x20\x02\x00\x02", Refused, "client id"),
        (b"\x20\x02\x00\x63", Refused, "99"),
    ]
)
async def test_refusals(answer, kind, why):
    async def serve(link, turn):
        await link.welcome(answer)
        await link.packet()

    async with Script(serve) as broker:
        with raises(kind, why):
            await Client(broker.address).connect()


@cases(
    [
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "no MQTT"),
        (b"\x30\x03\x00\x01t", "before it has taken us"),
        (b"\x20\x03\x00\x00\x00", "CONNACK"),
        (b"", "before it had taken us: is that an MQTT broker's port"),
    ]
)
async def test_who_is_no_broker(answer, why):
    async def serve(link, turn):
        await link.packet()
        await link.say(answer)
        if answer:
            await link.packet()

    async with Script(serve) as broker:
        client = Client(broker.address)
        client.start()
        await within(until(client, why))
        with raises(CannotConnect, "did not answer in 0.1 s: "):
            await client.connect(timeout_s=0.1)


class Ended:
    """A connection that the other end closed at once; or its client."""

    why = "closed"
    by_peer = True
    client_id = "twin"

    def __init__(self, welcome):
        self.welcome = welcome

    def age_ms(self):
        return 1


def test_who_took_us_is_a_broker():
    for brief in range(4):
        why, count = stolen(Ended(True), Ended(True), brief)
        assert NO_BROKER not in why and count == brief + 1
        assert ("the same id, 'twin'" in why) == (count >= 3)
        assert NO_BROKER in stolen(Ended(False), Ended(False), brief)[0]


async def test_who_says_nothing():
    TIMES["answer"] = 100

    async def serve(link, turn):
        while True:
            await link.packet()

    async with Script(serve) as broker:
        client = Client(broker.address)
        client.start()
        await within(until(client, "does not answer"))
        await client.close()


MALFORMED = [
    b"\x00\x00", b"\x36\x05\x00\x01t\x00\x01", b"\x62\x01\x00", b"\x32\x03\x00\x01t",
    b"\x30\x05\x00\x03a/#", b"\x30\x04\x00\x02\xff\xfe", b"\x20\x02\x00\x00", b"\x40\x01\x00",
    b"\x90\x03\x00\x09\x00", b"\x90\x04\x00\x01\x00\x00",
    b"\x30\xff\xff\xff\xff\x7f", b"\x90\xff\xff\x7f", b"\x32\x05\x00\x01t\x00\x00",
]  # fmt: skip


async def test_malformed_packets_end_the_connection_and_the_client_goes_on():
    heard = []
    done = asyncio.Event()

    async def serve(link, turn):
        await link.welcome()
        await link.packet()  # SUBSCRIBE
        if turn <= len(MALFORMED):
            await link.say(b"\x90\x03\x00\x01\x00" + MALFORMED[turn - 1])
            await link.packet()
        else:
            await link.say(b"\x30\x07\x00\x04goodx")
            await link.packet()

    async with Script(serve) as broker:
        client = Client(broker.address)
        client.on("#", lambda message: (heard.append(message), done.set()))
        reasons = []
        client.on_down = lambda: reasons.append(client.why)
        await client.connect()
        await within(done.wait())
        await client.close()
        assert broker.connections == len(MALFORMED) + 1
    assert [m.topic for m in heard] == ["good"]
    assert all("no MQTT" in why for why in reasons[: len(MALFORMED)]), reasons


def hostile(random):
    """Something that a broker might send, and something that it may not."""
    kind = random.between(0, 5)
    topic = random.choice((b"t", b"call/x", b"t" * 300, b"$SYS/x", b"\xff", b"", b"a/+"))
    body = bytes((len(topic) >> 8, len(topic) & 255)) + topic
    data = random.bytes(random.between(0, 40))
    if kind == 0:
        return random.bytes(random.between(1, 60))
    if kind == 1:  # a message of any QoS, DUP, retained, some of them cut short
        packet = body + bytes((0, random.between(0, 3))) + data
        first = 0x30 | random.between(0, 15)
    elif kind == 2:
        packet, first = data[:3], random.choice((0x20, 0x40, 0x50, 0x62, 0x70, 0x90, 0xB0, 0xD0))
    elif kind == 3:  # no payload
        packet, first = body, 0x30 | random.between(0, 1)
    elif kind == 4:
        packet, first = b"\x00\x01" + data, 0x90
    else:
        packet, first = bytes((0, random.between(0, 9))), random.choice((0x40, 0x62))
    n = len(packet)
    return bytes((first, n & 127 | 128, n >> 7)) + packet


async def test_whatever_a_broker_sends_the_client_goes_on():
    random = random_for("hostile")
    rounds = count(2000)
    unhandled = []
    done = asyncio.Event()

    async def serve(link, turn):
        await link.welcome()
        if turn > rounds:
            await link.packet()  # SUBSCRIBE
            await link.say(b"\x30\x09\x00\x06good/xx")
            return await link.packet()
        for _ in range(random.between(1, 6)):
            await link.say(hostile(random))
        await asyncio.sleep(0)

    def failing(message):
        raise KeyError(message.topic)

    asyncio.get_event_loop().set_exception_handler(lambda loop, what: unhandled.append(what))
    TIMES.update({"retry": 0, "retry_max": 0})
    async with Script(serve) as broker:
        client = Client(broker.address, max_message_bytes=200)
        client.on("call/#", failing)
        client.on("good/#", lambda message: done.set())
        client.on("#", len, qos=1, pieces=len)
        reported = []
        dialing.report = reported.append
        try:
            client.start()
            await within(done.wait())
        finally:
            dialing.report = report
        await client.close()
        asyncio.get_event_loop().set_exception_handler(None)
        assert broker.errors == [] and unhandled == []
    assert reported and len(client.held) <= 256


async def test_a_handler_that_raises_harms_nobody():
    heard = []
    done = asyncio.Event()

    def bad(message):
        heard.append(message.payload)
        if len(heard) == 2:
            done.set()
        raise ValueError("on purpose")

    async def worse(message):
        raise KeyError("on purpose")

    async def serve(link, turn):
        await link.welcome()
        await link.packet()  # SUBSCRIBE, to both
        await link.say(b"\x90\x04\x00\x01\x01\x00")
        await link.say(b"\x32\x06\x00\x01t\x00\x071")
        assert await link.packet() == (0x40, b"\x00\x07")
        await link.say(b"\x30\x04\x00\x01t2")
        await link.packet()

    async with Script(serve) as broker:
        client = Client(broker.address)
        client.on("t", bad, qos=2)  # which is asked for as 1
        client.on("+", worse)
        await client.connect()
        await within(done.wait())
        await client.close()
        await within(broker.left.wait())
        assert broker.errors == [] and broker.connections == 1
    assert heard == [b"1", b"2"]


async def test_subscriptions_are_asked_for_again_unless_the_broker_has_them():
    asked = []
    done = asyncio.Event()
    hello = b"\x00\x02me"

    async def serve(link, turn):
        # The second time the broker has the session, but for what it did not answer; then not.
        assert hello in await link.welcome(b"\x20\x02\x01\x00" if turn == 2 else WELCOME)
        while True:
            first, body = await link.packet()
            assert first == 0x82, first
            asked.append((turn, body[2:]))
            if b"late" in body and turn < 3:
                return  # without an answer: again, on the next connection
            if turn == 3:
                await link.say(b"\x90\x05" + body[:2] + b"\x01\x80\x01")
                done.set()
                await link.packet()
            await link.say(b"\x90\x03" + body[:2] + (b"\x80" if b"no" in body else b"\x01"))

    async with Script(serve) as broker:
        client = Client(broker.address, client_id="me", clean=False)
        await client.connect()
        await client.subscribe("a/b", print, qos=2)
        with raises(Refused, "does not let us subscribe"):
            await within(client.subscribe("no", print))
        late = client.on("late", print, qos=1)
        await within(done.wait())
        await within(late.agreed())
        await client.close()
        await within(broker.left.wait())
        assert broker.errors == []
    first, second, third = b"\x00\x03a/b\x01", b"\x00\x02no\x00", b"\x00\x04late\x01"
    assert asked == [
        (1, first), (1, second), (1, third), (2, third), (3, first + second + third),
    ]  # fmt: skip


async def test_an_answer_goes_to_the_one_that_asked():
    async def serve(link, turn):
        await link.welcome()
        _, body = await link.packet()
        await link.packet()  # UNSUBSCRIBE
        await link.say(b"\x90\x04" + body[:2] + b"\x80\x01")
        await link.packet()

    async with Script(serve) as broker:
        client = Client(broker.address)
        client.on("gone", print)
        kept = client.on("kept", print, qos=1)
        client.on_up = lambda: client.off("gone")
        await client.connect()
        await within(kept.agreed())
        assert kept.granted == 1
        await client.close()


async def test_a_sign_of_life_is_asked_for_and_missed():
    TIMES["answer"] = 150
    pings = []
    lost = asyncio.Event()

    async def serve(link, turn):
        await link.welcome()
        while True:
            first, _ = await link.packet()
            pings.append(first)
            if len(pings) == 1:
                await link.say(b"\xd0\x00")

    async with Script(serve) as broker:
        client = Client(broker.address, keepalive_s=1)
        client.on_down = lost.set
        await client.connect()
        await within(lost.wait())
        assert client.why == "the broker does not answer"
        await client.close()
    assert pings[:2] == [0xC0, 0xC0]


@cases([(1,), (2,), (3,), (6,)])
async def test_a_packet_goes_in_each_interval_of_the_keepalive(keepalive_s):
    """Also after CONNACK and PINGRESP that come soon, and while a PINGRESP is late."""
    TIMES["answer"] = 10000
    gaps = []
    enough = asyncio.Event()

    async def serve(link, turn):
        await link.welcome()
        before = now_ms()
        while True:
            assert await link.packet() == (0xC0, b"")
            gaps.append(diff_ms(now_ms(), before))
            before = now_ms()
            if len(gaps) != 1 or keepalive_s > 2:  # the first is not answered
                await link.say(b"\xd0\x00")
            if len(gaps) == (3 if keepalive_s < 3 else 1):
                enough.set()

    async with Script(serve) as broker:
        client = Client(broker.address, keepalive_s=keepalive_s)
        await client.connect()
        await within(enough.wait())
        assert broker.errors == [] and broker.connections == 1
        await client.close()
    assert max(gaps) <= keepalive_s * 1000, gaps


async def test_what_is_no_keepalive():
    for keepalive_s in (-1, 0.5, 65536, "1"):
        with raises(UsageError, "keepalive_s"):
            Client("mqtt://x", keepalive_s=keepalive_s)


async def test_connections_that_end_at_once_are_made_less_and_less_often():
    times = []
    TIMES.update({"retry": 20, "retry_max": 320})
    enough = asyncio.Event()

    async def serve(link, turn):
        times.append(now_ms())
        await link.welcome()
        await link.packet()
        await link.say(b"\x00\x00")  # which is no MQTT, each time
        if turn == 7:
            enough.set()
        await link.packet()

    async with Script(serve) as broker:
        client = Client(broker.address)
        client.on("t", print)
        await client.connect()
        await within(enough.wait())
        await client.close()
    assert diff_ms(times[-1], times[-2]) >= 140, times


async def test_a_message_of_qos_2_is_delivered_once():
    """What a persistent session was once subscribed to may come so: delivered when it comes first,
    through a lost connection, until it is released; in pieces too."""
    heard = []
    pieces = []
    answers = []
    done = asyncio.Event()
    publish = b"\x34\x08\x00\x01t\x00\x07one"
    large = b"\x34\xad\x02\x00\x01t\x00\x09" + bytes(296)

    async def serve(link, turn):
        await link.welcome(b"\x20\x02\x01\x00")
        await link.packet()  # SUBSCRIBE, which is not answered
        if turn == 1:
            for packet in (publish, bytes((publish[0] | 8,)) + publish[1:], large):
                await link.say(packet)
                answers.append(await link.packet())
            return
        for packet in (b"\x3c" + publish[1:], b"\x3c" + large[1:]):  # again: DUP
            await link.say(packet)
            answers.append(await link.packet())
        for n in (7, 7, 9, 5):  # released, again, and what is not known
            await link.say(bytes((0x62, 2, 0, n)))
            answers.append(await link.packet())
        await link.say(publish.replace(b"one", b"two"))  # its number is free
        answers.append(await link.packet())
        done.set()
        await link.packet()

    async with Script(serve) as broker:
        client = Client(broker.address, client_id="me", clean=False, max_message_bytes=200)
        client.on("t", heard.append, qos=1, pieces=pieces.append)
        await client.connect()
        await within(done.wait())
        await client.close()
        await within(broker.left.wait())
        assert broker.errors == [] and broker.connections == 2
    assert [(m.payload, m.qos) for m in heard] == [(b"one", 2), (b"two", 2)]
    assert sum([len(piece.data) for piece in pieces]) == 296
    received, nine = (0x50, b"\x00\x07"), (0x50, b"\x00\x09")
    assert answers == [received, received, nine, received, nine] + [
        (0x70, b"\x00\x07"), (0x70, b"\x00\x07"), (0x70, b"\x00\x09"), (0x70, b"\x00\x05"),
        received,
    ]  # fmt: skip


async def test_numbers_of_qos_2_that_are_never_released_have_a_bound():
    done = asyncio.Event()

    async def serve(link, turn):
        await link.welcome()
        for n in range(1, 301):
            await link.say(b"\x34\x05\x00\x01t" + bytes((n >> 8, n & 255)))
            assert (await link.packet())[0] == 0x50
        done.set()
        await link.packet()

    async with Script(serve) as broker:
        client = Client(broker.address)
        await client.connect()
        await within(done.wait())
        assert len(client.held) == 256
        await client.close()


async def test_the_second_broker_serves_while_the_first_is_away():
    async def serve(link, turn):
        await link.welcome()
        await link.packet()

    async with Script(serve) as broker:
        client = Client("mqtt://127.0.0.1:1", broker.address)
        await client.connect()
        assert client.connected and client.connects == 1
        await client.close()


async def test_two_of_one_id_are_told():
    async def serve(link, turn):
        await link.welcome()

    async with Script(serve) as broker:
        client = Client(broker.address, client_id="twin")
        told = asyncio.Event()
        client.on_down = lambda: told.set() if "same id" in client.why else None
        await client.connect()
        await within(told.wait())
        assert "'twin'" in client.why
        await client.close()


class Slow(io.IOBase):
    """A source that gives a little at a time, as a file or socket may."""

    def __init__(self, data, fails_at=None):
        self.data = data
        self.at = 0
        self.fails_at = fails_at

    def readinto(self, buffer):
        if self.fails_at is not None and self.at >= self.fails_at:
            raise OSError(5)
        n = min(len(buffer), 100, len(self.data) - self.at)
        buffer[:n] = self.data[self.at : self.at + n]
        self.at += n
        return n

    def seek(self, at):
        self.at = at


async def test_a_large_message_is_streamed_and_begins_anew_after_a_cut():
    data = bytes(range(256)) * (80 if MICROPYTHON else 4000)
    got = []

    async def serve(link, turn):
        await link.welcome()
        if turn == 1:
            await link.reader.readexactly(2000)
            return
        first, body = await link.packet()
        got.append((first, body[2:5], body[7:] == data))
        await link.say(b"\x40\x02" + body[5:7])
        first, body = await link.packet()
        got.append((first, body[2:5], body[5:] == data))
        await link.packet()

    async with Script(serve) as broker:
        client = Client(broker.address)
        await client.connect()
        await within(client.publish_from("log", Slow(data), len(data)))
        await within(client.publish_from("log", Slow(data), len(data), qos=0))
        await client.close()
        await within(broker.left.wait())
    assert got == [(0x3A, b"log", True), (0x30, b"log", True)]


async def test_a_source_that_fails_is_told_and_not_tried_for_ever():
    async def serve(link, turn):
        await link.welcome()
        while True:
            await link.packet()

    async with Script(serve) as broker:
        client = Client(broker.address)
        up = asyncio.Event()
        client.on_up = up.set
        for qos in (1, 0):
            for source, why in ((Slow(bytes(5000), 300), "5"), (Slow(bytes(500)), "too soon")):
                up.clear()
                client.start()
                await within(up.wait())
                with raises(OSError, why):
                    await within(client.publish_from("log", source, 5000, qos=qos))
        assert not len(client.publisher.unacked)
        await client.close()


async def test_large_messages_are_taken_in_pieces_or_skipped_and_acknowledged():
    pieces = []
    acks = []
    done = asyncio.Event()

    async def serve(link, turn):
        await link.welcome()
        await link.packet()
        for name, packet_id in (("b", 1), ("c", 2)):
            payload = bytes(1000)
            head = b"\x32\xed\x07\x00\x01" + name.encode() + bytes((0, packet_id))
            await link.say(head + payload)
            acks.append(await link.packet())
        await link.say(b"\x30\x04\x00\x01b!")
        await link.packet()

    async with Script(serve) as broker:
        client = Client(broker.address, max_message_bytes=300)
        client.on("b", lambda message: done.set(), pieces=pieces.append)
        await client.connect()
        await within(done.wait())
        assert sum([len(piece.data) for piece in pieces]) == 1000
        assert pieces[0].total == 1000 and client.oversize == 1
        await client.close()
    assert acks == [(0x40, b"\x00\x01"), (0x40, b"\x00\x02")]


async def test_a_broker_that_does_not_read_is_left():
    lost = asyncio.Event()

    async def serve(link, turn):
        await link.welcome()
        flood = b"\x32\x05\x00\x01t\x00\x01" * 100
        for _ in range(100_000):
            await link.say(flood)

    async with Script(serve) as broker:
        client = Client(broker.address)
        client.on_down = lost.set
        client.on("t", len)
        await client.connect()
        client.publisher._queue_bytes = 1 << 30
        n = 0
        while not lost.is_set() and n < 4000:
            client.post("flood", bytes(1000))  # until nothing more is taken
            n += 1
            if n % 50 == 0:
                await asyncio.sleep(0)
        await within(lost.wait())
        assert "does not read" in client.why, client.why
        await client.close()


async def test_a_broker_that_forgot_the_session_begins_its_numbers_anew():
    heard = []
    done = asyncio.Event()

    async def serve(link, turn):
        await link.welcome()
        await link.packet()
        await link.say(b"\x34\x06\x00\x01t\x00\x07%d" % turn)  # QoS 2, and the same number
        assert (await link.packet())[0] == 0x50
        if turn == 2:
            done.set()
            await link.packet()

    async with Script(serve) as broker:
        client = Client(broker.address)
        client.on("t", heard.append, qos=1)
        await client.connect()
        await within(done.wait())
        await client.close()
    assert [message.payload for message in heard] == [b"1", b"2"] and not broker.errors


async def test_after_a_connection_that_lasted_the_next_is_tried_at_once():
    TIMES.update({"retry": 20, "retry_max": 3000, "brief": 30})
    begun, ended = [], []
    enough = asyncio.Event()

    async def serve(link, turn):
        begun.append(now_ms())
        if turn == 8:
            enough.set()
        await link.welcome()
        await asyncio.sleep(0.08)  # so long it lasts
        ended.append(now_ms())
        await link.say(b"\x00\x00")
        await link.packet()

    async with Script(serve) as broker:
        client = Client(broker.address)
        await client.connect()
        await within(enough.wait())
        await client.close()
    assert diff_ms(begun[7], ended[6]) < 500


async def test_all_that_wait_for_one_place_get_it_in_turn():
    seen = []

    async def serve(link, turn):
        await link.welcome()
        while True:
            first, body = await link.packet()
            if first & 0xF0 != 0x30:
                return
            seen.append(body[5:])
            await link.say(b"\x40\x02" + body[3:5])

    async with Script(serve) as broker:
        client = Client(broker.address, window=1, queue=1)
        await client.connect()
        await within(asyncio.gather(*[client.publish("t", "%d" % i, qos=1) for i in range(4)]))
        await client.close()
    assert sorted(seen) == [b"0", b"1", b"2", b"3"]


class Full:
    """A wire that takes nothing while it is full."""

    full = True

    def watch(self, callback):
        pass

    def write(self, data):
        return 0 if self.full else len(data)

    def on_writable(self, callback):
        self.go_on = callback


async def test_a_broker_that_reads_slowly_is_not_left():
    wire = Full()
    connection = Connection(wire, 1000, 60, print, int)
    for _ in range(3000):  # of four bytes each, more than may be owed at once
        wire.full = True
        connection.send(b"\x30\x03\x00\x01t")
        connection.answer(b"\x40\x02\x00\x01")
        wire.full = False
        wire.go_on()
        assert not connection.busy()
    assert connection.why == ""
