"""Text dialects on a link that is a list: what is run, what is answered, what is not."""

import asyncio

from both import count, raises, random_for

from picolink.core.errors import UsageError
from picolink.links.write_buffer import WriteBuffer
from picolink.node.driver import Driver
from picolink.node.features.lines import Lines
from picolink.node.node import Node

HEAP_KB = 800


class Wire(WriteBuffer):
    """A link whose both ends the test holds."""

    stream = True
    reliable = True
    mtu_bytes = 512
    takes_bytes = 512
    window_bytes = 0
    pollable = 0

    def __init__(self, address="tcp:127.0.0.1:4000", room_bytes=100000):
        self.address = address
        self.said = b""
        self.room_bytes = room_bytes
        self.closed = False
        self.on_text = len

    def receive(self):
        return []

    def _write(self, data):
        if self.closed:
            raise OSError(9)
        room = max(0, self.room_bytes - len(self.said))
        self.said += data[:room]
        return min(room, len(data))

    def close(self):
        self.closed = True


class Loop:
    """The node's host: what it waits for the test calls."""

    due_ms = 0

    def __init__(self):
        self.writable = []

    def watch(self, link, callback):
        return self

    def stop(self):
        pass

    def call_by(self, at_ms):
        pass

    def spawn(self, coroutine):
        return asyncio.create_task(coroutine)

    def on_writable(self, pollable, callback):
        self.writable.append(callback)


def fresh(name="shed"):
    """A node, the list of what its functions did, and a switch for the log's clock."""
    node = Node(name, b"uid-" + name.encode())
    node.host = Loop()
    node.ran = []
    return node


def opened(node, address="uart:0", wire=None):
    """A link of the node, opened by `address`."""
    wire = wire or Wire()
    driver = Driver(node, wire)
    driver.opened = address
    wire.driver = driver
    return wire


def lamp(node, link="uart:0", **more):
    """The dialect of the issue's first example."""

    @node.text("led_on", link=link, **more)
    def on():
        node.ran.append("on")
        return "on"

    @node.text("led_off", link=link)
    def off():
        node.ran.append("off")
        return "off"


def printed(node):
    """Collects what the node publishes as its log: on a board the console does that."""
    lines = []
    node.publish = lambda topic, line: lines.append(line)
    return lines


def test_a_word_calls_its_function():
    node = fresh()
    lamp(node)
    wire = opened(node)
    for sent in (b"led_on\r", b"led_off\n", b"led_on\r\n", b" led_off \r"):
        wire.on_text(sent)
    assert node.ran == ["on", "off", "on", "off"]
    assert wire.said == b"on\r\noff\r\n" * 2


def test_halves_and_joined_lines():
    node = fresh()
    lamp(node)
    text = b"led_on\rled_off\r\nled_on\nled_on\r\rled_off\n"
    ran = ["on", "off", "on", "on", "off"]
    for size in range(1, len(text) + 1):
        node.ran = []
        wire = opened(node)
        for at in range(0, len(text), size):
            wire.on_text(text[at : at + size])
        assert node.ran == ran, size
        assert wire.said == b"on\r\noff\r\non\r\non\r\noff\r\n"


def test_what_is_answered_is_what_was_declared():
    node = fresh()
    values = {"a": "on", "b": None, "c": 21.5, "d": {"x": [1, True]}, "e": b"\x01raw", "f": "é"}
    for word, value in values.items():
        node.text(word, link="uart:0", reply=";")(lambda value=value: value)
    node.text("silent", link="uart:0", reply=None)(lambda: "nobody hears this")
    node.text("bare", link="uart:0", reply="")(lambda: "x")
    expected = {"a": b"on;", "b": b"", "c": b"21.5;", "e": b"\x01raw;", "f": "é;".encode()}
    expected["silent"] = b""
    expected["bare"] = b"x"
    for word, said in expected.items():
        wire = opened(node)
        wire.on_text(word.encode() + b"\n")
        assert wire.said == said, word
    wire = opened(node)
    wire.on_text(b"d\n")
    assert wire.said.replace(b" ", b"") == b'{"x":[1,true]};'


def test_without_a_word_the_function_gets_the_text():
    node = fresh()
    node.text(link="uart:0")(lambda text: "<%s>" % text)
    node.text("ping", link="uart:0")(lambda: "pong")
    wire = opened(node)
    wire.on_text(b"ping\nset 21.5, x\n")
    assert wire.said == b"pong\r\n<set 21.5, x>\r\n"


def test_another_end():
    node = fresh()
    node.text(link="uart:0", end=";;", reply=".")(lambda text: text)
    wire = opened(node)
    for piece in (b"one", b";", b";two;;\r", b"x;;"):
        wire.on_text(piece)
    assert wire.said == b"one.two."  # a CR is no text where another end was chosen


def test_a_chunk_as_it_came():
    node = fresh()
    got = []

    @node.text(link="uart:0", end=None, reply="")
    def whatever(text):
        got.append(text)
        return "Success"

    wire = opened(node)
    wire.on_text(b"t=21.5")
    wire.on_text(b"x" * 512)
    wire.on_text(b"y" * 512 + b"z" * 10)
    wire.on_text(b"two\r\nlines\t1\r\n")
    assert got == ["t=21.5", "x" * 512, "y" * 512, "z" * 10, "two\r\nlines\t1"]
    assert wire.said == b"Success" * 5


async def test_a_text_that_silence_ends():
    node = fresh()
    got = []
    done = asyncio.Event()

    @node.text(link="uart:0", end=None, quiet_ms=60)
    def whatever(text):
        got.append(text)
        if text[-1] in "!5":
            done.set()
        return "ok"

    wire = opened(node)
    for piece in (b"t=", b"2", b"1", b".5"):
        wire.on_text(piece)
        await asyncio.sleep(0)
    assert got == []
    await asyncio.wait_for(done.wait(), 5)
    assert got == ["t=21.5"] and wire.said == b"ok\r\n"
    done.clear()
    for piece in (b"x" * 500, b"x" * 500, b"x" * 500, b"y!"):
        wire.on_text(piece)
        assert len(wire.driver._typed._held) <= 512
    await asyncio.wait_for(done.wait(), 5)
    assert "".join(got[1:]) == "x" * 1500 + "y!" and max([len(text) for text in got]) == 512


def test_never_run():
    node = fresh()
    node.text(link="uart:0", unknown="?\r\n")(node.ran.append)
    wire = opened(node)
    for line in (b"!led_on", b"led\x00_on", b"\xffled_on", "é".encode(), b"led_on\x1b", b"a\tb"):
        wire.on_text(line + b"\r\n")
    wire.on_text(b"x" * 513 + b"\n")
    assert node.ran == []
    assert wire.said == b""  # noise is not answered either
    wire.on_text(b"x" * 512 + b"\n")
    assert node.ran == ["x" * 512]


def test_never_where_a_session_is_attached():
    node = fresh()
    lamp(node)
    wire = opened(node)
    wire.driver.port.attach = object()
    wire.on_text(b"led_on\r")
    assert node.ran == [] and wire.said == b""
    wire.driver.port.attach = None
    wire.on_text(b"led_on\r")
    assert node.ran == ["on"]


def test_never_where_we_dialed():
    node = fresh()
    lamp(node, link="")
    wire = Wire()
    Driver(node, wire, on_lost=len)
    wire.on_text(b"led_on\r")
    assert node.ran == [] and wire.said == b""


def test_a_peer_that_never_ends_its_line():
    node = fresh()
    lamp(node)
    wire = opened(node)
    for _ in range(3000):
        wire.on_text(b"led_on led_on led_on ")
        assert len(wire.driver._typed._lines._held) <= 513
    wire.on_text(b"\r")
    assert node.ran == []
    wire.on_text(b"led_on\r")
    assert node.ran == ["on"]


def test_noise_presses_no_button():
    node = fresh()
    random = random_for("noise")
    lamp(node)
    log = printed(node)
    wire = opened(node)
    for _ in range(count(1000)):
        wire.on_text(random.bytes(1000))
    assert node.ran == [] and wire.said == b"" and len(log) < 100


def test_a_wrong_command_is_told_and_answered_only_if_the_dialect_says_so():
    for unknown, said in ((None, b""), ("?\r\n", b"?\r\n")):
        node = fresh()
        lamp(node, unknown=unknown)
        log = printed(node)
        wire = opened(node)
        wire.on_text(b"led_onn\r")
        assert node.ran == [] and wire.said == said
        line = node.texts["uart:0"]
        assert line._told == 1
        for text in log:  # on a board the console is the log
            assert text == (
                'shed: "led_onn" on tcp:127.0.0.1:4000 is unknown; known are: led_on, led_off'
            )


def test_the_log_is_not_flooded():
    node = fresh()
    lamp(node)
    wire = opened(node)
    clock = [1000]
    node.now_ms = lambda: clock[0]
    for _ in range(100):
        wire.on_text(b"wrong\r")
    dialect = node.texts["uart:0"]
    assert dialect._told == 100
    clock[0] += 5000
    wire.on_text(b"wrong\r")
    assert dialect._told == 1


def test_a_function_that_raises_ends_nothing():
    node = fresh()

    @node.text("boom", link="uart:0", unknown="ERR\n")
    def boom():
        raise ValueError("no sensor")

    node.text("fine", link="uart:0")(lambda: "fine")
    node.text("odd", link="uart:0")(lambda: object())
    wire = opened(node)
    wire.on_text(b"boom\nfine\nodd\nfine\n")
    assert wire.said == b"ERR\nfine\r\nERR\nfine\r\n"


async def test_coroutines_answer_in_the_order_of_the_texts():
    node = fresh()
    done = asyncio.Event()

    @node.text(link="uart:0", unknown="ERR\r\n")
    async def measure(text):
        await asyncio.sleep({"slow": 0.05}.get(text, 0))
        if text == "bad":
            raise ValueError(text)
        if text == "end":
            done.set()
        return text

    node.text("now", link="uart:0")(lambda: "at once")
    wire = opened(node)
    wire.on_text(b"slow\nnow\nbad\nquick\nend\n")
    await asyncio.wait_for(done.wait(), 5)
    await asyncio.sleep(0)
    assert wire.said == b"slow\r\nat once\r\nERR\r\nquick\r\nend\r\n"
    # No more wait than fit: the rest is told and dropped.
    done.clear()
    wire.on_text(b"slow\n" + b"x\n" * 7 + b"end\n" + b"dropped\n" * 5)
    await asyncio.wait_for(done.wait(), 5)
    await asyncio.sleep(0)
    assert b"dropped" not in wire.said and wire.said.endswith(b"x\r\nend\r\n")


async def test_an_answer_after_the_link_has_gone():
    node = fresh()
    done = asyncio.Event()

    @node.text("slow", link="uart:0")
    async def slow():
        await asyncio.sleep(0.02)
        done.set()
        return "late"

    for end in ("lost", "closed"):
        done.clear()
        wire = opened(node)
        wire.on_text(b"slow\n")
        if end == "lost":
            wire.driver.lost("unplugged")
        wire.closed = True
        await asyncio.wait_for(done.wait(), 5)
        await asyncio.sleep(0)
        assert wire.said == b""
        assert wire.driver not in node.drivers


# Closing


def test_close_after_each_text():
    node = fresh()
    lamp(node, link="tcp-listen::8080", close=True)
    for sent, said in ((b"led_on\nled_off\n", b"on\r\n"), (b"wrong\n", b"")):
        wire = opened(node, "tcp-listen::8080")
        wire.on_text(sent)
        assert wire.said == said and wire.closed
    assert node.ran == ["on"] and node.drivers == []


def test_close_waits_until_all_is_sent():
    node = fresh()
    node.text("page", link="tcp-listen", close=True, reply="")(lambda: "x" * 5000)
    wire = opened(node, "tcp-listen::80", Wire(room_bytes=2000))
    wire.on_text(b"page\n")
    wire.driver.drain()
    assert len(wire.said) == 2000 and not wire.closed
    wire.room_bytes = 10000
    for callback in node.host.writable:
        callback()
    assert len(wire.said) == 5000 and wire.closed


def test_a_peer_that_does_not_read_loses_the_link():
    node = fresh()
    node.text("page", link="tcp-listen", reply="")(lambda: "x" * 500)
    wire = opened(node, "tcp-listen::80", Wire(room_bytes=0))
    for _ in range(20):
        if not wire.closed:
            wire.on_text(b"page\n")
        assert len(wire.rest) <= 2048
    assert wire.closed


# Endless talk


def joined(one, other, one_more=None):
    """Two nodes' links, each of which hears what the other says; returns how often they spoke."""
    turns = 0
    at = [0, 0]
    wires = (one, other)
    while turns < 1000:
        moved = False
        for i in (0, 1):
            new = wires[i].said[at[i] :]
            if new:
                at[i] += len(new)
                moved = True
                turns += 1
                wires[1 - i].on_text(new)
        if not moved:
            break
    return turns


def test_two_nodes_do_not_refuse_each_other_for_ever():
    first, second = fresh("first"), fresh("second")
    lamp(first, unknown="what?\r\n")
    lamp(second, unknown="ERR\r\n")
    one, other = opened(first), opened(second)
    one.on_text(b"hello\r")
    assert 2 <= joined(one, other) < 40
    assert first.ran == [] and second.ran == []
    one.on_text(b"led_on\r")  # and it is not deaf afterwards
    assert first.ran == ["on"]


def test_an_echo_ends():
    for wire_like in (True, False):
        node = fresh()
        lamp(node, unknown="?\r\n")
        node.text("on", link="uart:0")(lambda node=node: node.ran.append("echo") or "on")
        wire = opened(node)
        wire.reliable = not wire_like
        wire.on_text(b"led_on\r" if wire_like else b"wrong\r")
        heard = 0
        for _ in range(50):
            new = wire.said[heard:]
            heard = len(wire.said)
            if not new:
                break
            wire.on_text(new)
        assert not new, "it talks to itself"
        assert "echo" not in node.ran


def test_a_node_and_a_login_prompt_fall_silent():
    """A login answers every line, also those that begin with `!`."""
    node = fresh()
    node.command(help="x", name="led_set")(lambda: node.ran.append("on"))
    wire = opened(node)
    clock = [1000]
    node.now_ms = lambda: clock[0]
    turns = 0
    heard = 0
    wire.on_text(b"raspberrypi login: \r\n")
    while heard < len(wire.said) and turns < 100:
        heard = len(wire.said)
        turns += 1
        clock[0] += 3000  # a login takes its time
        wire.on_text(b"Login incorrect\r\n")
    assert turns == 8 and node.ran == []
    assert wire.said.startswith(b"! UnknownCommand: raspberrypi; there are: led_set\r\n! ")
    wire.on_text(b"led_set\nwrong\n")  # it is not deaf, and after a right line it answers again
    assert node.ran == ["on"] and wire.said.endswith(
        b"ok\r\n! UnknownCommand: wrong; there are: led_set\r\n"
    )


# Which link


def test_the_link_that_it_names():
    fits = {
        "uart:0": ("uart:0", "uart:0?tx=0&rx=1"),
        "uart:0?baud=9600": ("uart:0", "uart:0?tx=0&rx=1"),
        "uart": ("uart:0", "uart:0?tx=0&rx=1", "uart:01"),
        "tcp-listen::8080": ("tcp-listen::8080",),
        "tcp-listen": ("tcp-listen::8080", "tcp-listen::80801"),
        "usb": ("usb:",),
        "usb:": ("usb:",),
        "": ("uart:0", "uart:0?tx=0&rx=1", "uart:01", "uarts:0", "usb:"),
    }
    fits[""] += fits["tcp-listen"]
    for link, fitting in fits.items():
        for address in fits[""]:
            node = fresh()
            lamp(node, link=link)
            opened(node, address, Wire("x:")).on_text(b"led_on\r")
            assert (node.ran == ["on"]) == (address in fitting), (link, address)


def test_the_nearest_dialect_and_typed_lines_elsewhere():
    node = fresh()
    for link in ("uart", "uart:1"):
        node.text("who", link=link)(lambda link=link: link)
    node.command(help="typed", name="who")(lambda: "typed")
    for address, said in (("uart:0", b"uart\r\n"), ("uart:1?baud=9600", b"uart:1\r\n")):
        wire = opened(node, address)
        wire.on_text(b"who\n")
        assert wire.said == said
    wire = opened(node, "usb:")
    wire.on_text(b"who\n")
    assert wire.said == b"typed\r\n"
    wire = opened(node, "uart:0")
    wire.on_text(b"sys.describe\n")
    assert wire.said == b""  # the dialect replaces them


def test_a_typed_line_is_answered_by_one_line():
    node = fresh()
    node.command(name="poem")(lambda: "one\ntwo\r\n")
    wire = opened(node, "usb:")
    wire.on_text(b"poem\n")
    assert wire.said == b'"one\\ntwo\\r\\n"\r\n'


def test_the_first_typed_line_comes_in_whatever_pieces():
    for pieces, runs in (
        ((b"lam", b"p\n"), True),
        ((b"l", b"a", b"m", b"p", b"\r"), True),
        ((b"", b"  lamp", b"\n"), True),
        ((b"\x0b\x15\x02", b"lamp\n"), False),  # no line that is wholly printable
        ((b"!", b"lamp\n"), False),
        ((b"x" * 256, b"lamp\n"), False),
        ((b"x" * 250, b"x" * 250, b"\nlamp\n"), True),
    ):
        node = fresh()
        node.command(name="lamp")(lambda node=node: node.ran.append("lamp"))
        wire = opened(node, "usb:")
        for piece in pieces:
            wire.on_text(piece)
        assert node.ran == (["lamp"] if runs else []), pieces
        wire.on_text(b"lamp\n")
        assert node.ran[-1:] == ["lamp"]


# Declaring


def test_what_makes_no_sense():
    node = fresh()
    lamp(node, end=None)
    with raises(UsageError, "two functions for the text 'led_on' on uart:0"):
        node.text("led_on", link="uart:0")(len)
    with raises(UsageError, "end=';' for text on uart:0, and None before"):
        node.text("x", link="uart:0", end=";")(len)
    with raises(UsageError, "say what ends a text"):
        node.text("x", link="uart:1", end="")(len)
    for word in ("!x", "é", "a\nb", ""):
        with raises(UsageError, "can't be typed"):
            node.text(word, link="uart:1")(len)


def test_a_function_can_be_a_command_and_a_text():
    node = fresh()

    @node.text("led_on", link="uart:0")
    @node.command
    def led_on():
        return "on"

    assert node.commands["led_on"].function is led_on
    wire = opened(node)
    wire.on_text(b"led_on\r")
    assert wire.said == b"on\r\n"


async def test_whatever_comes_nothing_is_raised():
    """Random pieces of words, line ends, noise, in all kinds of dialects."""
    random = random_for("pieces")
    parts = [b"led_on", b"led_off", b"\r", b"\n", b"\r\n", b"!", b" ", b";", b"\x00", b"\xff\xfe"]
    parts += [b"slow\n", b"boom\n", b"x" * 600, b"{}", "°".encode()]
    for end in ("\n", ";", None):
        for quiet_ms in (0, 1) if end is None else (0,):
            node = fresh()
            node.host = Loop()
            lamp(node, end=end, quiet_ms=quiet_ms, unknown="?\n")

            @node.text("slow", link="uart:0")
            async def slow():
                await asyncio.sleep(0)
                return "done"

            @node.text("boom", link="uart:0")
            def boom():
                raise OSError(5)

            wire = opened(node)
            for _ in range(count(2000)):
                wire.on_text(b"".join([random.choice(parts) for _ in range(random.below(5))]))
                wire.on_text(random.bytes(random.below(4)) + b"")
                if random.chance(0.2):
                    await asyncio.sleep(0)
            assert wire.driver in node.drivers and not wire.closed
            wire.on_text((end or "").encode())
            await asyncio.sleep(0.02)
            node.ran.clear()
            wire.on_text(b"led_off" + (end or "").encode())
            await asyncio.sleep(0.02)
            assert node.ran == ["off"], (end, quiet_ms)


def test_a_flood_hides_no_command():
    flood = b"no such command here\n" * 60 + b"\x00garbage\xff" * 100
    lines = Lines()
    assert lines.skip(flood + b"\nled_", [b"led_set"])
    assert not lines.skip(b"set on\n", [b"led_set"])
    assert lines.feed(b"set on\n") == [b"led_set on"]
    assert lines.skip(b"x" * 1000, [b"led_set"])
    assert lines.feed(b"\nled_set on\n")[-1] == b"led_set on"
