"""The golden vectors of spec/vectors: both interpreters read and write exactly these bytes."""

import json
from binascii import hexlify, unhexlify
from struct import pack

from both import skip_on_micropython

from picolink.core import frames, lengths, textstream, values
from picolink.core.attach import Attach
from picolink.core.dialer import Dialer
from picolink.core.endpoint import Endpoint
from picolink.core.packets import HELLO_FORMAT, RAW, Hello, hello_packets
from picolink.core.port import Port
from picolink.core.states import CLOSED
from picolink.core.textstream import Decoder

FOLDER = __file__[: -len("tests/core/test_vectors.py")] + "spec/vectors/"


def load(name):
    with open(FOLDER + name + ".json", encoding="utf-8") as file:
        return json.load(file)


def text(data):
    return hexlify(data).decode()


def test_frames():
    vectors = load("frames")
    for row in vectors["frames"]:
        packet = unhexlify(row["packet"])
        assert text(textstream.encode(packet)) == row["frame"]
        assert text(textstream.encode(packet, textstream.PROMPT)) == row["repl_safe"]
        for frame in (unhexlify(row["frame"]), unhexlify(row["repl_safe"])):
            assert frame[0] == 0
            assert frames.body_length(frame[1], frame[2]) == len(frame) - 3
            assert textstream.decode_body(frame, 3, len(frame)) == packet
    assert vectors["streams"]
    for row in vectors["streams"]:
        stream = unhexlify(row["stream"])
        for size in (len(stream), 1, 3):
            printed = []
            decoder = Decoder(printed.append)
            packets = []
            for at in range(0, len(stream), size):
                packets += decoder.feed(stream[at : at + size])
            assert [text(p) for p in packets] == row["packets"]
            assert text(b"".join(printed)) == row["text"]


def test_lengths():
    vectors = load("lengths")
    for row in vectors["packets"]:
        packet = unhexlify(row["packet"])
        assert text(lengths.encode(packet)) == row["stream"]
        assert lengths.Decoder(vectors["max_bytes"]).feed(unhexlify(row["stream"])) == [packet]
    for stream in vectors["refused"]:
        try:
            lengths.Decoder(vectors["max_bytes"]).feed(unhexlify(stream))
        except ValueError:
            continue
        raise AssertionError("accepted: " + stream)


def test_hellos():
    rows = load("hellos")
    assert len(rows) >= 5
    for row in rows:
        uid = unhexlify(row["uid"])
        lanes = row["short"] + row["long"]
        body = pack(
            HELLO_FORMAT, row["version"], row["flags"], unhexlify(row["session"]), row["tag"],
            row["echo"], row["clock"], row["mtu_bytes"], row["window_bytes"], row["limit_bytes"],
            lanes[0], lanes[1], lanes[2], lanes[3], lanes[4], lanes[5], len(uid),
        ) + uid + row["name"].encode()  # fmt: skip
        assert text(body) == row["body"]
        hello = Hello(body)
        assert (hello.flags, hello.tag, hello.echo) == (row["flags"], row["tag"], row["echo"])
        assert (hello.uid, hello.name, list(hello.lanes)) == (uid, row["name"], lanes)
        for mtu, pieces in row["packets"].items():
            assert [text(p) for p in hello_packets(body, int(mtu), row["number"])] == pieces


class Side:
    """One party, which chooses the numbers that the vectors tell."""

    def __init__(self, name, uid, numbers):
        self.numbers = [pack("<I", number) for number in numbers]
        self.messages = []
        self.endpoint = Endpoint(uid, name, self, lambda n: self.numbers.pop(0), 4096, 16384, 4)
        self.port = Port(256)

    def on_message(self, session, kind, ref, body):
        self.messages.append({"kind": kind, "ref": ref, "body": text(body)})

    def on_state(self, session, why):
        pass

    def on_room(self, session, room_bytes):
        pass

    def on_attach(self, session, port):
        pass


def attached(tag, first, number):
    """A party with a session whose next packet is to have this tag and number."""
    side = Side("node", b"uid", [first, tag])
    session = side.endpoint.new_session(b"sessionX")
    attach = Attach(session, side.port, tag, 0)
    hello = pack(
        HELLO_FORMAT, 1, 1, b"sessionX", 0x0BADBEEF, 0, 0, 512, 4096, 16384, 0, 0, 3, 0, 0, 3, 1
    )
    session.attach_to(attach, Hello(hello + b"u"), 0)
    attach.top = (number - 1) & 0xFFFF
    return side, session, attach


def test_packets():
    rows = load("packets")
    assert len(rows) == 32
    for row in rows:
        side, session, attach = attached(row["tag"], 3, row["number"])
        # Two packets of ours are under way; the bitmap misses the one between them.
        for back in (3, 1):
            attach.number = (row["top"] - back) & 0xFFFF
            attach.sent((attach.number, 1, 10, None, 0, 0))
        attach.number = (row["top"] + 1) & 0xFFFF
        side.endpoint.receive(side.port, unhexlify(row["packet"]), 5000)
        assert side.endpoint.malformed == side.endpoint.stale == session.ignored == 0
        assert (session.state == CLOSED) == row.get("bye", False)
        if "bye" in row:
            continue
        assert attach.top == row["number"]
        assert attach.flight_bytes == 0
        if "clock" in row:
            assert session.offset_ms == (5000 - row["clock"]) & 0x3FFFFFFF
        inbox = session.long if row.get("kind", 0) & 0x20 else session.short
        if "offset" in row:
            (partial,) = inbox.partial.values()
            assert len(partial.body) == row["total"]
            assert partial.have == [(row["offset"], row["total"])]
            assert not side.messages
        elif "kind" in row:
            assert side.messages == [
                {"kind": row["kind"] & 0x1F, "ref": row["ref"], "body": row["body"]}
            ]
            assert inbox.low == row["id"] + 1
        else:
            assert not side.messages
        assert (attach.ack_at_ms >= 0) == ("kind" in row or "clock" in row)


def test_a_bitmap_names_what_is_missing():
    for row in load("packets"):
        if row["what"] != "acknowledgement, with a bitmap":
            continue
        side, _, attach = attached(row["tag"], 3, row["number"])
        for back in (2, 1, 0):
            attach.number = (row["top"] - back) & 0xFFFF
            attach.sent((attach.number, 1, 10, None, 0, 0))
        attach.number = (row["top"] + 1) & 0xFFFF
        side.endpoint.receive(side.port, unhexlify(row["packet"]), 5000)
        assert [entry[0] for entry in attach.flight] == [(row["top"] - 2) & 0xFFFF]
        return
    raise AssertionError("no such vector")


def test_conversation():
    vectors = load("conversation")
    sides = {}
    for name in ("host", "board"):
        about = vectors[name]
        sides[name] = Side(about["name"], unhexlify(about["uid"]), about["chooses"])
    for number, step in enumerate(vectors["steps"]):
        side = sides[step["by"]]
        now_ms = step["now_ms"]
        endpoint = side.endpoint
        sessions = list(endpoint.sessions.values())
        does = step["does"]
        if does == "dial":
            session = sessions[0] if sessions else endpoint.new_session(unhexlify(step["session"]))
            Dialer(endpoint, side.port, session, side, now_ms)
        elif does == "receive":
            endpoint.receive(side.port, unhexlify(step["packet"]), now_ms)
        elif does == "send":
            sessions[0].send(step["kind"], step["ref"], unhexlify(step["body"]))
        elif does == "lose the link":
            endpoint.port_lost(side.port, "", now_ms)
            side.port = Port(256)
        elif does == "close":
            endpoint.close(sessions[0], now_ms)
        else:
            assert does == "tick"
            endpoint.tick(side.port, now_ms)
        said = []
        while True:
            packet = endpoint.next_packet(side.port, now_ms)
            if packet is None:
                break
            said.append(text(packet))
        assert (number, said) == (number, step["says"])
        assert (number, side.messages) == (number, step.get("hears", []))
        side.messages = []
    for side in sides.values():
        assert not side.endpoint.sessions and not side.numbers
        assert side.endpoint.malformed == 0


@skip_on_micropython("the generator runs on CPython")
def test_the_generator_still_makes_them(tmp_path):
    import pathlib
    import subprocess
    import sys

    root = pathlib.Path(__file__).resolve().parents[2]
    script = root / "tools" / "make_vectors.py"
    subprocess.run([sys.executable, str(script), str(tmp_path)], check=True)
    made = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    kept = {path.name: path.read_bytes() for path in (root / "spec" / "vectors").glob("*.json")}
    assert made == kept


def test_values():
    vectors = load("values")
    for row in vectors["values"]:
        body = unhexlify(row["body"])
        assert shown(values.decode(RAW if row["raw"] else 0, body)) == row["value"], row
        flag, again = values.encode(values.decode(RAW if row["raw"] else 0, body))
        assert shown(values.decode(flag, again)) == row["value"], row
    for row in vectors["none"]:
        try:
            values.decode(RAW if row["raw"] else 0, unhexlify(row["body"]))
        except ValueError:
            continue
        raise AssertionError("accepted: " + row["what"])


def shown(value):
    if isinstance(value, bytes):
        return {"bytes": text(value)}
    if isinstance(value, list):
        return [shown(item) for item in value]
    if isinstance(value, dict):
        return {key: shown(item) for key, item in value.items()}
    return value
