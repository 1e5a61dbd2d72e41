"""The services of section 6.15, with right and wrong arguments."""

import pytest

from peer import wire

CPYTHON_ONLY = "the second implementation runs on CPython alone"
TOO_BIG = 1 << 30

WRONG = {
    "sys.subscribe": [
        (),
        ("",),
        (1,),
        (None,),
        (["a"],),
        (b"raw",),
        ("a", 0),
        ("a", -1),
        ("a", "5"),
        ("a", 1.5),
        ("a", True),
        ("a", [1]),
        ("a", 64, -1),
        ("a", 64, 1 << 29),
        ("a", 64, 1 << 40),
        ("a", 64, "16"),
        ("a", 64, 2.5),
        ("a", 64, True),
        ("a", 64, 16, 1),
    ],
    "sys.read": [(), (1,), (None,), ("light", 1), (["light"],), ({},), (b"light",)],
    "sys.describe": [(1,), (None,)],
    "sys.stats": [(1,), ("x",)],
    "sys.time": [
        (-1,),
        ("now",),
        (1.5,),
        (True,),
        (4102444800001,),
        ([],),
        (None, 5),
        (None, "x" * 65),
        (None, b"UTC"),
        (None, None, 1),
    ],
    "sys.log": [(1,), (None,), ([],), (b"x",), ("a", "b")],
    "sys.deliver": [
        (),
        (1,),
        (1, 0),
        (-1, 0, []),
        (TOO_BIG, 0, []),
        ("1", 0, []),
        (None, 0, []),
        (True, 0, []),
        (1.5, 0, []),
        (1, -1, []),
        (1, 316224000001, []),
        (1, "0", []),
        (1, 0.5, []),
        (1, True, []),
        (1, 0, None),
        (1, 0, {}),
        (1, 0, "x"),
        (1, 0, [1]),
        (1, 0, ["abc"]),
        (1, 0, [[]]),
        (1, 0, [["a"]]),
        (1, 0, [["a", 1]]),
        (1, 0, [["", 1, ""]]),
        (1, 0, [[1, 1, ""]]),
        (1, 0, [["a", 1, 1]]),
        (1, 0, [["a", 1, "", 5]]),
        (1, 0, [["a", 1, "", "why", 1]]),
        (1, 0, [["a", 1, ""]] * 65),
        (1, 0, [["a", "x" * 8200, ""]]),
        (1, 0, [], -1),
        (1, 0, [], TOO_BIG),
        (1, 0, [], "0"),
        (1, 0, [], True),
        (1, 0, [], 1.5),
        (1, 0, [], 0, 0),
    ],
    "sys.bench": [
        (1,),
        (None,),
        ([],),
        ("", -1),
        ("", 16381),
        ("", 1 << 40),
        ("", "5"),
        ("", 1.5),
        ("", True),
        ("", 0, 0),
    ],
}


@pytest.mark.parametrize("service", WRONG)
def test_wrong_arguments_are_bad_arguments(peer, service):
    """6.15: not of the type or in the range of the table."""
    told = {}
    for number, args in enumerate(WRONG[service]):
        if service == "sys.deliver" and args and args[0] is not True and args[0] == 1:
            args = (7000 + number, *args[1:])  # a record that the node has not taken yet
        call = peer.begin(service, *args)
        peer.run(lambda call=call: call.done or call.begun)
        kind = call.error.kind if call.error else call.reply
        if kind != "BadArguments":
            told[str(args)[:60]] = kind
    assert told == {}


@pytest.mark.parametrize("service", WRONG)
def test_unknown_names_of_arguments_are_bad_arguments(peer, service):
    """6.15, 6.1."""
    assert peer.error([service, {"no_such": 1}]).kind == "BadArguments"


def test_read(peer):
    """6.15: one item as in 6.13."""
    value, clock, unit = peer.call("sys.read", "light")[:3]
    assert (value, unit) == (50, "%") and 0 <= clock < wire.CLOCKS
    assert peer.call(["sys.read", {"name": "light"}])[0] == 50
    value, _, _, why = peer.call("sys.read", "nothing")
    assert value is None and why
    assert peer.error("sys.read", "no such").kind == "UnknownCommand"
    assert peer.error("sys.read", "").kind in ("UnknownCommand", "BadArguments")
    assert peer.error("sys.read", "echo").kind == "UnknownCommand"


def test_describe(peer):
    """6.15."""
    told = peer.call("sys.describe")
    assert told["name"] == "subject"
    assert bytes.fromhex(told["uid"]) == peer.peer.uid
    assert told["firmware"] and told["machine"]
    assert isinstance(told["links"], list) and isinstance(told["not_open"], list)
    assert {"light", "nothing"} <= set(told["readings"])
    light = told["readings"]["light"]
    assert (light["unit"], light["every_s"]) == ("%", 0.05)
    commands = told["commands"]
    assert commands["numbers"]["stream"] and not commands["echo"].get("stream")
    assert commands["block"]["blocking_s"] == 2
    assert commands["sized"]["args"] == [["n", "0..100000"]]


def test_stats(peer):
    """6.15."""
    told = peer.call("sys.stats")
    for name in ("uptime_ms", "stale", "malformed", "damaged"):
        assert isinstance(told[name], int)
    mine = {"peer", "state", "resent", "ignored", "srtt_ms", "waiting_bytes", "subscriptions"}
    assert all(mine <= set(session) for session in told["sessions"])
    assert told["sessions"]


def test_malformed_packets_are_counted(way):
    """1.3."""
    peer = way.peer()
    before = peer.call("sys.stats")
    peer.settle()
    for packet in (b"\x80abc", b"\x20", b"\xff" * 30, b"\x48\1"):
        peer.attach.link.send(packet)
    after = peer.call("sys.stats")
    counts = ("malformed", "stale", "damaged")
    assert sum(after[c] for c in counts) >= sum(before[c] for c in counts) + 3


def test_time(peer):
    """6.15."""
    told = peer.call("sys.time")
    assert {"uptime_ms", "unix_ms", "quality", "zone", "text", "why"} <= set(told)
    assert told["quality"] in ("unknown", "rtc", "peer", "ntp", "system")
    assert peer.call("sys.time", None, None)["quality"] == told["quality"]


def test_log(peer):
    """6.15: the line is added first; 32 lines of 200 characters; a topic tells each."""
    topic = peer.subscribe("sys.log")
    peer.run(lambda: topic.begun)
    lines = peer.call("sys.log", "hello log")
    assert lines[-1].endswith("hello log")
    peer.run(lambda: any("hello log" in str(item) for item in topic.items))
    peer.credit(topic, 1000)
    for i in range(40):
        lines = peer.call("sys.log", f"{i} " + "x" * 300)
    assert len(lines) == 32
    assert max(map(len, lines)) <= 200
    assert lines == peer.call("sys.log")
    peer.cancel(topic)
    peer.wait(topic)


def test_deliver(peer):
    """6.15: a record whose id was taken is answered, and not taken again."""
    topic = peer.subscribe(f"{peer.name}/garden")
    peer.run(lambda: topic.begun)
    record = (peer.random.randrange(1 << 30), 1000, [["garden", 21.5, "°C"]], 0)
    first = peer.call("sys.deliver", *record)
    assert first is True or first > 10**12
    assert peer.call("sys.deliver", *record)
    assert peer.call("sys.deliver", (record[0] + 1) % (1 << 30), None, [], 5)
    assert peer.call("sys.deliver", (record[0] + 2) % (1 << 30), 0, [["garden", None, "", "dead"]])
    peer.run(lambda: len(topic.items) >= 2)
    assert [item[0] for item in topic.items] == [21.5, None]


def test_bench(peer):
    """6.15: 0x00 to 0xFF in turn."""
    assert peer.call("sys.bench") == 0
    assert peer.call("sys.bench", "x" * 7) == 7
    assert peer.call("sys.bench", b"\0" * 9) == 9
    assert peer.call("sys.bench", "", 1000) == (bytes(range(256)) * 4)[:1000]
    most = min(peer.limit, peer.peer.limit) - 4
    assert len(peer.call("sys.bench", b"", most)) == most
    assert peer.error("sys.bench", b"", most + 1).kind == "BadArguments"


def test_bench_keeps_to_the_lower_limit(way):
    """6.15: of both nodes, less 4."""
    peer = way.unattached()
    peer.limit = 500
    peer.dial(way.link())
    assert len(peer.call("sys.bench", "", 496)) == 496
    assert peer.error("sys.bench", "", 497).kind == "BadArguments"


def test_wifi_is_unknown_where_there_is_none(peer):
    """6.15."""
    assert peer.error("sys.wifi").kind == "UnknownCommand"
