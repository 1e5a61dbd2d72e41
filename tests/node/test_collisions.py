"""Topics that would stand for two things are refused, with both named."""

from both import cases, raises

from picolink import Node
from picolink.core.errors import UsageError
from picolink.mqtt import Mqtt
from picolink.node.features.mqtt_topics.home_assistant import distinct


def node_with(*readings, name="x"):
    node = Node(name, uid=b"12345678")
    for reading in readings:
        node.reading(reading)(lambda: 1)
    node.command(name="led.set")(lambda state="?": state)
    return node


@cases(
    [
        ("status", "'status' would be published under lab/x/status, where it says whether"),
        ("call/led/set", "'call/led/set' would be published under lab/x/call/led/set, where comm"),
        ("call.led", "lab/x/call/led, where commands are called"),
        ("call", "where commands are called"),
        ("reply/led/set", "where commands are answered"),
        ("reply.led", "where commands are answered"),
        ("_s/0/in", "where sessions are carried"),
        ("_s", "where sessions are carried"),
    ]
)
def test_names_of_readings_that_picolink_needs(name, why):
    with raises(UsageError, why):
        Mqtt("mqtt://127.0.0.1:1/lab").client_of(node_with(name))


@cases([("status/x",), ("statuses",), ("calls/x",), ("room/call/x",), ("room/status",), ("_sx",),
        ("x/json",)])  # fmt: skip
def test_names_that_may_be(name):
    Mqtt("mqtt://127.0.0.1:1/lab").client_of(node_with(name))


def test_two_readings_under_one_topic():
    with raises(UsageError, "'room.temp' and the reading 'room/temp' would both be published"):
        Mqtt("mqtt://127.0.0.1:1/lab").client_of(node_with("room.temp", "room/temp"))
    Mqtt("mqtt://127.0.0.1:1/lab").client_of(node_with("room.temp", "room_temp"))


@cases([(("x", "x/json"),), (("x/json", "x"),), (("x", "x.json"),)])
def test_json_beside_a_reading_of_that_name(readings):
    node = node_with(*readings)
    Mqtt("mqtt://127.0.0.1:1/lab").client_of(node)
    with raises(UsageError, "lab/x/x/json"):
        Mqtt("mqtt://127.0.0.1:1/lab?json=yes").client_of(node)


@cases([("lab/x/status",), ("lab/x/call/led/set",), ("lab/x/reply/led",), ("lab/x/_s/1/in",),
        ("lab/x/r",)])  # fmt: skip
def test_mapped_topics_that_picolink_needs(topic):
    node = node_with("r")
    broker = Mqtt("mqtt://127.0.0.1:1/lab")
    broker.reading(topic, "r")
    with raises(UsageError, topic):
        broker.client_of(node)
    broker = Mqtt("mqtt://127.0.0.1:1/lab")
    broker.command(topic, "led.set")
    with raises(UsageError, topic):
        broker.client_of(node)
    if topic != "lab/x/r":  # there a reply is at home
        broker = Mqtt("mqtt://127.0.0.1:1/lab")
        broker.command("lamp", "led.set", reply=topic)
        with raises(UsageError, topic):
            broker.client_of(node)


def test_what_is_mapped_is_looked_at_when_it_is_declared():
    broker = Mqtt("mqtt://127.0.0.1:1/lab")
    broker.reading("a/b", "r")
    with raises(UsageError, "'r' and the reading 'q' would both be published under a/b"):
        broker.reading("a/b", "q")
    broker = Mqtt("mqtt://127.0.0.1:1/lab")
    broker.reading("a/b", "r")
    with raises(UsageError, "run the command there"):
        broker.command("a/b", "led.set")
    broker = Mqtt("mqtt://127.0.0.1:1/lab")
    for wanted, reply in (("lamp", "lamp"), ("lab/+", "lab/lamp"), ("#", "x")):
        with raises(UsageError, "go on for ever"):
            Mqtt("mqtt://127.0.0.1:1/lab").command(wanted, "led.set", reply=reply)
    broker.command("one", "led.set", reply="two")
    with raises(UsageError, "go on for ever"):
        broker.command("two", "led.set", reply="one")
    for topic in ("$SYS/x", "$share/a/b"):
        with raises(UsageError, "that is the broker's"):
            Mqtt("mqtt://127.0.0.1:1/lab").reading(topic, "r")
        with raises(UsageError, "that is the broker's"):
            Mqtt("mqtt://127.0.0.1:1/lab").command("lamp", "led.set", reply=topic)
    broker = Mqtt("mqtt://127.0.0.1:1/lab")
    broker.command("all/#", "led.set")  # may take in more than is ours
    broker.command("all/off", "led.set", reply="is")
    broker.client_of(node_with("r"))


@cases([("mqtt://h/lab/+",), ("mqtt://h/#",), ("mqtt://h/$SYS",), ("mqtt://h/$share/x",)])
def test_prefixes_below_which_nobody_publishes(address):
    with raises(UsageError, "the prefix"):
        Mqtt(address)


def test_names_of_nodes_that_another_one_needs():
    for name in ("call", "reply", "_s", "status"):
        with raises(UsageError, name):
            Mqtt("mqtt://127.0.0.1:1/lab").client_of(node_with(name=name))


def test_identifiers_for_home_assistant():
    assert distinct(["room.temp", "bed/soil.wet", "state"]) == {
        "room.temp": "room_temp", "bed/soil.wet": "bed_soil_wet", "state": "state",
    }  # fmt: skip
    names = ["room.temp", "room_temp", "room/temp", "room_temp-d", "a.b_c", "a_b.c", "x..y", "x.y"]
    one = distinct(names)
    assert one["room_temp"] == "room_temp" and one["room_temp-d"] == "room_temp-d"
    assert one["room.temp"] == "room_temp-d-" and one["room/temp"] == "room_temp-s"
    assert one["x.y"] == "x_y" and len(set(one.values())) == len(names)
    names.reverse()
    assert distinct(names) == one
