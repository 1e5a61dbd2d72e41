"""The golden vectors, read by the second implementation."""

import json
from pathlib import Path

import pytest

from peer import framing, values, wire
from peer.session import Session
from peer.wire import Data, Hello, Lane, Message

CPYTHON_ONLY = "the second implementation runs on CPython alone"
VECTORS = Path(__file__).parents[2] / "spec" / "vectors"


def vectors(name):
    return json.loads((VECTORS / f"{name}.json").read_text("utf-8"))


def bytes_of(value):
    return bytes.fromhex(value)


@pytest.mark.parametrize("vector", vectors("frames")["frames"])
def test_frames_are_written_as_in_the_vectors(vector):
    """2.1 to 2.4."""
    packet = bytes_of(vector["packet"])
    assert framing.frame(packet).hex() == vector["frame"]
    assert framing.frame(packet, framing.PROMPT).hex() == vector["repl_safe"]
    for written in (vector["frame"], vector["repl_safe"]):
        assert framing.FrameReader().feed(bytes_of(written)) == [packet]


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
@pytest.mark.parametrize("vector", vectors("frames")["streams"], ids=lambda v: v["name"])
def test_streams_are_read_the_same_however_they_are_cut(vector, size):
    """2.5 to 2.7."""
    reader, stream, packets = framing.FrameReader(), bytes_of(vector["stream"]), []
    for at in range(0, len(stream), size):
        packets += reader.feed(stream[at : at + size])
    assert [p.hex() for p in packets] == vector["packets"]
    assert reader.text.hex() == vector["text"]


def test_lengths():
    """3.1, 3.2."""
    told = vectors("lengths")
    for vector in told["packets"]:
        assert framing.prefixed(bytes_of(vector["packet"])).hex() == vector["stream"]
        reader = framing.LengthReader(told["max_bytes"])
        assert reader.feed(bytes_of(vector["stream"])) == [bytes_of(vector["packet"])]
    for stream in told["refused"]:
        with pytest.raises(framing.BadLength):
            framing.LengthReader(told["max_bytes"]).feed(bytes_of(stream))


@pytest.mark.parametrize("vector", vectors("hellos"), ids=lambda v: v["what"])
def test_hellos(vector):
    """4.11 to 4.13."""
    said = Hello(
        vector["version"],
        vector["flags"],
        bytes_of(vector["session"]),
        vector["tag"],
        vector["echo"],
        vector["clock"],
        vector["mtu_bytes"],
        vector["window_bytes"],
        vector["limit_bytes"],
        Lane(*vector["short"]),
        Lane(*vector["long"]),
        bytes_of(vector["uid"]),
        vector["name"],
    )
    assert said.encode().hex() == vector["body"]
    assert Hello.decode(bytes_of(vector["body"])) == said
    for size, packets in vector["packets"].items():
        assert [p.hex() for p in wire.pieces(said.encode(), 42, int(size))] == packets
        for turned in (packets, packets[::-1]):
            put_together = wire.Pieces()
            bodies = [put_together.add(bytes_of(p)) for p in turned]
            assert bodies == [None] * (len(packets) - 1) + [said.encode()]


@pytest.mark.parametrize("vector", vectors("packets"), ids=lambda v: v["packet"])
def test_packets(vector):
    """4.1, 4.2, 5.1, 5.2, 5.7."""
    message = None
    if "kind" in vector:
        part = (vector["offset"], vector["total"]) if "offset" in vector else None
        body = bytes_of(vector["body"])
        message = Message(vector["kind"], vector["id"], vector["ref"], body, part)
    said = Data(
        vector["tag"],
        vector["number"],
        vector["top"],
        vector.get("seen"),
        vector.get("clock"),
        vector.get("bye", False),
        message,
    )
    assert said.encode().hex() == vector["packet"]
    assert Data.decode(bytes_of(vector["packet"])) == said


def with_bytes(value):
    """The value that a vector stands for."""
    if isinstance(value, dict) and set(value) == {"bytes"}:
        return bytes_of(value["bytes"])
    if isinstance(value, dict):
        return {key: with_bytes(inner) for key, inner in value.items()}
    return [with_bytes(inner) for inner in value] if isinstance(value, list) else value


@pytest.mark.parametrize("vector", vectors("values")["values"], ids=lambda v: v["body"])
def test_values(vector):
    """7.1, 7.2."""
    value = with_bytes(vector["value"])
    assert values.read(bytes_of(vector["body"]), vector["raw"]) == value
    raw, body = values.write(value)
    assert values.read(body, raw) == value


@pytest.mark.parametrize("vector", vectors("values")["none"], ids=lambda v: v["what"])
def test_bodies_that_are_no_value(vector):
    """7.1, 7.2, 7.6."""
    with pytest.raises(values.NoValue):
        values.read(bytes_of(vector["body"]), vector["raw"])


class NoLink:
    """Keeps what is sent on it."""

    carries = 256
    hello_size = 128

    def __init__(self):
        self.sent = []

    def send(self, packet):
        self.sent.append(packet)


def hello_of(packets):
    put_together = wire.Pieces()
    return Hello.decode([put_together.add(p) for p in packets][-1])


def test_the_conversation_is_understood():
    """One of our sessions is put in the place of the host; it hears what the host hears."""
    told = vectors("conversation")
    link, host, attached = NoLink(), Session(), []
    heard, own, messages = [], None, []
    host.on_message = messages.append
    for step in told["steps"]:
        packets = [bytes_of(p) for p in step["says"]]
        if step["by"] != "host":
            continue
        if step["does"] == "dial":
            own = hello_of(packets)
            host.id = own.session
            host.sending[0].first = own.short.first
        elif step["does"] == "receive":
            packet = bytes_of(step["packet"])
            before = len(messages)
            if packet[0] == wire.HELLO:
                answer = hello_of([packet])
                assert answer.echo == own.tag
                host.attach_to(link, own, answer)
                attached.append(answer)
            elif packet[0] == wire.GONE:
                assert packet[1:] != answer.tag.to_bytes(4, "little"), "of the attach before (4.27)"
            else:
                host.attach.number = answer.tag % wire.NUMBERS + 30  # what the host had sent
                host.take(packet)
            heard += [
                {"kind": m.kind & 0x0F, "ref": m.ref, "body": m.body.hex()}
                for m in messages[before:]
            ]
    wanted = [
        {"kind": h["kind"], "ref": h["ref"], "body": h["body"]}
        for step in told["steps"]
        if step["by"] == "host"
        for h in step.get("hears", [])
    ]
    assert len(attached) == 2
    assert heard == wanted
