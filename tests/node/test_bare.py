"""Bare payloads and bare values: whatever is sent is answered, and a consumer that takes no such
value is no matter of the others."""

import json

from both import MICROPYTHON, cases

from picolink import Node
from picolink.links.mqtt.packets import Message, Piece
from picolink.node.features.gatt import Characteristic
from picolink.node.features.mqtt_topics.commands import Calls
from picolink.node.features.mqtt_topics.readings import Feed
from picolink.node.features.plain_payload import arguments, meant
from picolink.node.outgoing import Outgoing
from picolink.node.publishing import put

BASE = "lab/x"


class Asked:
    """A node whose commands are called by topics; `replies`: what was answered."""

    def __init__(self):
        self.node = node = Node("x", uid=b"12345678")
        self.got = []
        self.replies = []

        @node.command("state: on|off|2", help="a choice")
        def led(state="none"):
            self.got.append(state)
            return state

        @node.command("data: bytes")
        def raw(data):
            self.got.append(bytes(data))
            return data

        @node.command("text: str")
        def say(text):
            self.got.append(text)

        @node.command
        def anything(*args):
            self.got.append(args)

        self.calls = Calls(node, lambda topic, payload: self.replies.append((topic, payload)), BASE)

    def call(self, path, payload):
        """The answer to a call; None where there is none."""
        self.replies.clear()
        self.calls.heard(Message(BASE + "/call/" + path, payload, 1, False, False))
        if not self.replies:
            return None
        ((topic, answer),) = self.replies
        assert topic == BASE + "/reply/" + path
        try:
            return answer if isinstance(answer, str) else str(answer, "utf-8")
        except ValueError:
            return answer


def test_what_is_no_utf_8_is_answered():
    asked = Asked()
    assert asked.call("led", b"\xff\xfe").startswith("! BadArguments: state=")
    assert asked.call("raw", b"\xff\xfe") == b"\xff\xfe"
    assert asked.call("say", b"\xff").startswith("! BadArguments")
    assert asked.call("anything", b"\xff") == "ok"
    assert asked.call("none", b"\xff").startswith("! UnknownCommand")
    assert asked.got == [b"\xff\xfe", (b"\xff",)]


def test_a_newline_behind_a_choice_does_not_matter():
    asked = Asked()
    for payload in (b"on", b"on\n", b"on\r\n", b"on\n\n"):
        assert asked.call("led", payload) == "on"
    assert asked.call("led", b"2\r\n") == "2"
    assert asked.call("led", b"\n") == "none"
    assert asked.call("led", b"pink\n").startswith("! BadArguments: state='pink\\n'")
    assert asked.call("say", b"a line\n") == "ok" and asked.got[-1] == "a line\n"
    assert asked.call("anything", b"a line\n") == "ok" and asked.got[-1] == ("a line\n",)


@cases([(b"[" * 5000,), (b'{"a":' * 3000,), (b'{"args": 5}',), (b'{"id": "' + b"x" * 65 + b'"}',),
        (b"\xed\xa0\x80",), (b"\x00",), (b'{"named": []}',)])  # fmt: skip
def test_whatever_is_sent_is_answered(payload):
    asked = Asked()
    assert asked.call("led", payload).startswith("! BadArguments")
    assert asked.got == []


def test_what_is_too_large_is_answered():
    asked = Asked()
    for offset, retain in ((0, False), (100, False), (0, True)):
        asked.calls.too_large(Piece(BASE + "/call/led", b"x", offset, 9000, 1, retain))
    ((topic, answer),) = asked.replies
    assert topic == BASE + "/reply/led"
    assert answer == "! BadArguments: 9000 bytes are more than is taken at once"


def test_no_more_replies_are_kept_than_ids():
    asked = Asked()
    late = []
    command = asked.node.commands["anything"]
    asked.node.aside = lambda *call: late.append(call)  # it ends when the test says so
    for i in range(20):
        assert asked.call("anything", json.dumps({"id": i, "args": []}).encode()) is None
    asked.node.aside = None
    for _, _, _, done, what, _ in late:
        done(what, 1, None)
    command.function = lambda: 1
    for i in range(20, 40):
        assert json.loads(asked.call("anything", json.dumps({"id": i}).encode()))["value"] == 1
    assert len(asked.calls._ids) == len(asked.calls._replies) == 8


class Broker:
    """Where feeds publish."""

    def __init__(self):
        self.posts = []

    def post(self, topic, payload, retain=False):
        self.posts.append((topic, payload))


class Clumsy:
    """A consumer that takes nothing."""

    queue = ()
    limit = 1
    attach = None

    def __init__(self):
        self.session = self

    def put(self, item):
        raise KeyError("on purpose")


class Session:
    """Of a subscriber."""

    attach = None
    wanted = False
    data = type("Talk", (), {"outgoing": {}})


def test_a_feed_that_fails_takes_the_value_from_nobody():
    node = Node("x", uid=b"12345678")
    broker = Broker()
    reading = type("Reading", (), {"unit": "m", "node": node})
    feeds = [
        Feed(broker, reading, "a", "%.1f", False, "a/json"),
        Clumsy(),
        Feed(broker, reading, "b", "", False, "b/json"),
        Outgoing(Session(), 1, 64, 64),
    ]
    for turn in range(5):
        put(node, feeds, ["auto", turn, "m"])
    assert [payload for topic, payload in broker.posts if topic == "b"] == ["auto"] * 5
    assert len([1 for topic, _ in broker.posts if topic == "a/json"]) == 5
    assert len(feeds[3].queue) == 5
    assert len(feeds[0].told) == 1
    put(node, feeds, [1.25, 9, "m"])
    assert ("a", "1.2") in broker.posts or ("a", "1.3") in broker.posts


def test_a_value_that_has_no_topic_form():
    node = Node("x", uid=b"12345678")
    broker = Broker()
    reading = type("Reading", (), {"unit": "", "node": node})
    first, second = [Feed(broker, reading, name, "", False, "") for name in "ab"]
    second.put = lambda item: broker.posts.append(("b", "taken"))
    put(node, [first, second], [[b"bytes in a list"], 0, ""])
    put(node, [first, second], [{"x": b"\xff"}, 0, ""])
    assert broker.posts == [("b", "taken")] * 2 and len(first.told) == 1


def test_bytes_have_no_json_form():
    node = Node("x", uid=b"12345678")
    broker = Broker()
    reading = type("Reading", (), {"unit": "", "node": node})
    feed = Feed(broker, reading, "a", "", False, "a/json")
    for value in (b"\xff", [b"\xff"]):
        put(node, [feed], [value, 0, ""])
    assert broker.posts.pop(0) == ("a", b"\xff")
    for topic, payload in broker.posts:
        told = json.loads(str(payload, "utf-8"))
        assert topic == "a/json" and told["value"] is None and "bytes" in told["why"]
    assert len(broker.posts) == 2
    asked = Asked()
    asked.node.commands["anything"].function = lambda: b"\xff"
    told = json.loads(asked.call("anything", b'{"id": "1"}'))
    assert told["error"] == "BadArgumentsError"  # it was run


def test_a_characteristic_that_fails_takes_the_value_from_nobody():
    node = Node("x", uid=b"12345678")
    broker = Broker()
    reading = type("Reading", (), {"unit": "", "node": node})
    characteristic = Characteristic(0x2A6E, "", "mode", "%.1f")
    characteristic._node = node
    feed = Feed(broker, reading, "mode", "", False, "")
    for _ in range(3):
        put(node, [characteristic, feed], ["auto", 0, ""])
    assert broker.posts == [("mode", "auto")] * 3 and len(characteristic.told) == 1


def test_the_failure_is_told_once():
    told = []
    node = Node("x", uid=b"12345678")
    node.report = lambda error, text="": told.append(text)
    broker = Broker()
    reading = type("Reading", (), {"unit": "", "node": node})
    feed = Feed(broker, reading, "lab/mode", "%.1f", False, "")
    for _ in range(5):
        put(node, [feed], ["auto", 0, ""])
    assert len(told) == 1 and told[0].startswith("lab/mode takes no such value:\nTraceback")


def test_half_a_surrogate_pair_is_answered():
    asked = Asked()
    assert asked.call("say", b'"\\ud800"') == "ok"
    asked.node.commands["anything"].function = lambda: "\ud800"
    answer = asked.call("anything", b"")
    assert MICROPYTHON or answer.startswith("! BadArgumentsError: its result")


def test_a_call_that_comes_twice_while_it_runs_is_run_once():
    asked = Asked()
    running = []
    asked.node.aside = lambda *call: running.append(call)
    for _ in range(2):
        assert asked.call("anything", b'{"id": 1, "args": []}') is None
    assert len(running) == 1


def test_meant_gives_what_is_read_where_nothing_fits():
    asked = Asked()
    led = asked.node.commands["led"]
    args, named, _ = arguments(b"5")
    assert meant(led, args, named, b"5") == [5]
