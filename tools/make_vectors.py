"""Writes the golden vectors of the protocol to spec/vectors. All bytes are hexadecimal.

usage: python tools/make_vectors.py [FOLDER]

They are made once and then stand: whoever changes them changes the wire. tests/core/test_vectors.py
checks that both interpreters read and write exactly these bytes.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from struct import pack
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "src"))

from picolink.core import lengths, textstream  # noqa: E402
from picolink.core.dialer import Dialer  # noqa: E402
from picolink.core.endpoint import Endpoint  # noqa: E402
from picolink.core.packets import (  # noqa: E402
    BEGUN,
    CALL,
    CANCEL,
    CREDIT,
    ERROR,
    HELLO_FORMAT,
    ITEMS,
    LONG,
    NOTHING,
    PART,
    RAW,
    REPLY,
    hello_packets,
)
from picolink.core.port import Port  # noqa: E402
from picolink.core.session import Session  # noqa: E402
from picolink.core.textstream import PROMPT, Decoder  # noqa: E402
from picolink.core.values import encode  # noqa: E402
from picolink.links.ble import advertising  # noqa: E402
from picolink.links.i2c import layout  # noqa: E402
from picolink.links.i2c.controller import Controller  # noqa: E402
from picolink.links.i2c.target import Target  # noqa: E402

Row = dict[str, Any]


def make_frames() -> Row:
    """Packets and their frames; streams, and what is in them."""
    packets = [
        b"\x80",
        b"\x80plain",
        b"\x00\x1b\x00\x1b",
        b"\x01\x02\x03\x04\x05\x0a\x0d",
        bytes(range(256)),
        bytes(100) + b"\x1b" * 100,
        bytes(27) + b"a" * 73,  # as many escapes as a frame may have
        bytes(28) + b"a" * 72,  # and one more
        b"\n" * 28 + b"a" * 72,  # towards a prompt alone
    ]
    one = textstream.encode(b"\x80one", PROMPT)
    two = textstream.encode(b"\x80two")
    streams = {
        "two frames": one + two,
        "text before, between and behind": b"hello\n" + one + b"T=21.5\r\n" + two + b">>> ",
        "a frame cut off by the next": one[:6] + two,
        "a frame with a wrong CRC": one[:-1] + bytes((one[-1] ^ 0x40,)) + two,
        "a lone 0x00": b"\x00" + two,
        "text behind a 0x00": b"\x00oops" + two,
        "a length with a low bit": b"\x00\x80\x7f" + two,
        "an empty frame": b"\x00\x80\x80" + two,
        "base64": textstream.encode(bytes(40)) + two,
        "base64 that is none": b"\x00\xc0\x8cgG9uZQ==!!!!" + two,
        "base64 with a wrong CRC": b"\x00\xc0\x90gG9uZQ==AAAAAA==" + two,
    }
    rows = []
    for name, stream in streams.items():
        text: list[bytes] = []
        found = Decoder(text.append).feed(stream)
        rows.append(
            {
                "name": name,
                "stream": stream.hex(),
                "packets": [p.hex() for p in found],
                "text": b"".join(text).hex(),
            }
        )
    return {
        "frames": [
            {
                "packet": p.hex(),
                "frame": textstream.encode(p).hex(),
                "repl_safe": textstream.encode(p, PROMPT).hex(),
            }
            for p in packets
        ],
        "streams": rows,
    }


def make_lengths() -> Row:
    """Packets behind their length; streams that are refused."""
    return {
        "max_bytes": 600,
        "packets": [
            {"packet": p.hex(), "stream": lengths.encode(p).hex()}
            for p in (b"\x80", b"\x80plain", bytes(600))
        ],
        "refused": [s.hex() for s in (b"\x00\x00\x00\x00", b"\x00\x00\x02\x59", b"GET / HTTP")],
    }


def make_hellos() -> list[Row]:
    """Fields of hellos, their bodies, and the packets that carry them at some MTUs."""
    base = {
        "version": 1, "flags": 1, "session": "0102030405060708", "tag": 0x12345678, "echo": 0,
        "clock": 1000, "mtu_bytes": 512, "window_bytes": 4096, "limit_bytes": 16384,
        "short": [0, 0, 0xABCD], "long": [0, 0, 0xABCD], "uid": "e66058388347a02d", "name": "host",
    }  # fmt: skip
    answer = {
        "echo": 0x12345678, "tag": 0x0ABCDEF0, "clock": 77, "mtu_bytes": 256, "window_bytes": 2048,
        "limit_bytes": 8192, "short": [0, 0, 7], "long": [0, 0, 7], "uid": "0011", "name": "board",
    }  # fmt: skip
    resume = {
        "flags": 0, "short": [0xFFFF, 0b110, 0xABCD], "long": [3, 0, 0xABCD], "clock": 0x3FFFFFFF
    }  # fmt: skip
    refusal = {"flags": 3, "tag": 0, "echo": 0x12345678, "name": "board has 4 sessions already"}
    rows = []
    for name, changes in (
        ("first", {}),
        ("answer", answer),
        ("resume", resume),
        ("refusal", answer | refusal),
        ("name beyond ASCII", {"name": "Gewächshaus"}),
    ):
        row: Row = base | changes
        uid = bytes.fromhex(row["uid"])
        body = (
            pack(
                HELLO_FORMAT, row["version"], row["flags"], bytes.fromhex(row["session"]),
                row["tag"], row["echo"], row["clock"], row["mtu_bytes"], row["window_bytes"],
                row["limit_bytes"], *row["short"], *row["long"], len(uid),
            )
            + uid
            + row["name"].encode()
        )  # fmt: skip
        pieces = {
            str(mtu): [p.hex() for p in hello_packets(body, mtu, 0x2A)] for mtu in (20, 64, 512)
        }
        rows.append({"what": name, **row, "body": body.hex(), "number": 0x2A, "packets": pieces})
    return rows


def make_packets() -> list[Row]:
    """Packets with every combination of flags, and what each part of them says."""
    tag, number, top, seen, clock = 0x12345678, 0x5679, 0xBEEF, 0x3FFFFFFD, 123456
    rows: list[Row] = []

    def add(what: str, flags: int, rest: bytes = b"", **says: Any) -> None:
        packet = pack("<BIHH", 0x80 | flags, tag, number, top)
        row: Row = {"what": what, "tag": tag, "number": number, "top": top}
        if flags & 1:
            packet += pack("<I", seen)
            row["seen"] = seen
        if flags & 2:
            packet += pack("<I", clock)
            row["clock"] = clock
        rows.append({**row, **says, "packet": (packet + rest).hex()})

    def message(kind: int, ident: int, ref: int, body: bytes) -> bytes:
        return pack("<BHH", kind, ident, ref) + body

    call = b"\x00\x00\x00\x00" + b'["led_set","on"]'
    raw = b"\x00\x00\x00\x00" + bytes(range(8))
    for flags, suffix in ((0, ""), (1, ", with a bitmap")):
        add("acknowledgement" + suffix, flags)
        add("sign of life" + suffix, flags | 2)
        add("end of the session" + suffix, flags | 4, bye=True)
        for what, kind, body in (
            ("nothing", NOTHING, b"\x00"),
            ("call", CALL, call),
            ("reply", REPLY, b"true"),
            ("error", ERROR, b'["Busy","","",0]'),
            ("items", ITEMS, b"\x00\x00\x00\x00\x00\x00[1,2]"),
            ("begun", BEGUN, b'{"items":1}'),
            ("cancel", CANCEL, b"\x00\x02\x00"),
            ("credit", CREDIT, b"\x20\x00\x00\x00"),
        ):
            says = {"kind": kind, "id": 3, "ref": 9, "body": body.hex()}
            add(what + suffix, flags, message(kind, 3, 9, body), **says)
        add(
            "reply of raw bytes" + suffix, flags, message(REPLY | RAW, 3, 9, raw),
            kind=REPLY | RAW, id=3, ref=9, body=raw.hex(),
        )  # fmt: skip
        add(
            "reply in the long lane" + suffix, flags, message(REPLY | LONG, 3, 9, b"1"),
            kind=REPLY | LONG, id=3, ref=9, body=b"1".hex(),
        )  # fmt: skip
        for kind in (REPLY | PART, REPLY | PART | LONG, REPLY | PART | LONG | RAW):
            add(
                "fragment" + suffix, flags, message(kind, 3, 9, pack("<II", 100, 104) + b"tail"),
                kind=kind, id=3, ref=9, offset=100, total=104, body=b"tail".hex(),
            )  # fmt: skip
    return rows


class Side:
    """One party of the conversation, with the numbers that it is to choose."""

    def __init__(self, name: str, uid: bytes, numbers: list[int]) -> None:
        self.numbers = [pack("<I", number) for number in numbers]
        self.messages: list[tuple[int, int, bytes]] = []
        self.endpoint = Endpoint(uid, name, self, self.random, 4096, 16384, 4)
        self.port = Port(256)

    def random(self, size: int) -> bytes:
        return self.numbers.pop(0)

    def on_message(self, session: Session, kind: int, ref: int, body: "bytes | memoryview") -> None:
        self.messages.append((kind, ref, bytes(body)))

    def on_state(self, session: Session, why: str) -> None: ...
    def on_room(self, session: Session, room_bytes: int) -> None: ...
    def on_attach(self, session: Session, port: Port) -> None: ...
    def on_refused(self, session: Session, why: str) -> None: ...
    def on_forgotten(self, session: Session) -> None: ...
    def on_silence(self, session: Session) -> None: ...


def make_conversation() -> Row:
    """A whole conversation: each step is what a side does, and the packets that it says then."""
    # In the order in which they are drawn: first message id (its low 16 bits), then tags.
    numbers = {
        "host": [0x0000FFFE, 0x11110010, 0x33330030],
        "board": [0x00000500, 0x22220020, 0x44440040],
    }
    sides = {
        "host": Side("host", b"uid-host", list(numbers["host"])),
        "board": Side("board", b"uid-board", list(numbers["board"])),
    }
    steps: list[Row] = []

    def step(by: str, now_ms: int, does: str, **more: Any) -> list[bytes]:
        side = sides[by]
        endpoint = side.endpoint
        session = next(iter(endpoint.sessions.values()), None)
        if does == "dial":
            if session is None:
                session = endpoint.new_session(bytes.fromhex(more["session"]))
            Dialer(endpoint, side.port, session, side, now_ms)
        elif does == "receive":
            endpoint.receive(side.port, bytes.fromhex(more["packet"]), now_ms)
        elif does == "send":
            assert session is not None
            session.send(more["kind"], more["ref"], bytes.fromhex(more["body"]))
        elif does == "lose the link":
            endpoint.port_lost(side.port, "", now_ms)
            side.port = Port(256)
        elif does == "close":
            assert session is not None
            endpoint.close(session, now_ms)
        elif does == "tick":
            endpoint.tick(side.port, now_ms)
        said = []
        while True:
            packet = endpoint.next_packet(side.port, now_ms)
            if packet is None:
                break
            said.append(packet)
        row: Row = {"by": by, "now_ms": now_ms, "does": does, **more}
        row["says"] = [p.hex() for p in said]
        if side.messages:
            row["hears"] = [{"kind": k, "ref": r, "body": b.hex()} for k, r, b in side.messages]
            side.messages.clear()
        steps.append(row)
        return said

    def give(to: str, now_ms: int, packets: list[bytes]) -> list[bytes]:
        said = []
        for packet in packets:
            said += step(to, now_ms, "receive", packet=packet.hex())
        return said

    call = (pack("<I", 0) + b'["led_set","on"]').hex()
    said = step("host", 1000, "dial", session="0102030405060708")
    step("host", 1000, "send", kind=CALL, ref=1, body=call)  # waits: they have not met yet
    said = give("board", 1002, said)  # answers
    said = give("host", 1004, said)  # confirms
    said = give("board", 1006, said)  # acknowledges
    said = give("host", 1008, said)  # sends the call
    give("board", 1010, said)
    said = step("board", 1012, "send", kind=REPLY, ref=1, body=b'"on"'.hex())
    give("host", 1014, said)  # whose acknowledgement waits for a packet to ride on
    said = step("host", 1039, "tick")
    give("board", 1041, said)
    # A long message, of which the second fragment is lost.
    said = step("host", 1100, "send", kind=REPLY, ref=2, body=bytes(range(200)).hex() * 3)
    answers = give("board", 1102, [said[0], *said[2:]])
    give("host", 1104, answers)
    said = step("host", 1104 + 400, "tick")
    answers = give("board", 1506, said)
    give("host", 1508, answers)
    # The link breaks with a call and its reply under way; a new one goes on with both.
    step("host", 2000, "send", kind=CALL, ref=3, body=call)
    step("board", 2000, "send", kind=CALL, ref=1, body=call)
    step("host", 2010, "lose the link")
    step("board", 2010, "lose the link")
    said = step("host", 2100, "dial")
    said = give("board", 2102, said)
    said = give("host", 2104, said)
    said = give("board", 2106, said)
    said = give("host", 2108, said)
    # A packet of the attach that is over.
    old = bytes.fromhex(steps[3]["says"][0])
    answers = give("board", 2200, [old])
    give("host", 2202, answers)
    said = step("host", 2300, "close")
    give("board", 2302, said)
    return {
        "mtu_bytes": 256,
        "window_bytes": 4096,
        "limit_bytes": 16384,
        "max_sessions": 4,
        "host": {"name": "host", "uid": b"uid-host".hex(), "chooses": numbers["host"]},
        "board": {"name": "board", "uid": b"uid-board".hex(), "chooses": numbers["board"]},
        "steps": steps,
    }


def make_mailbox() -> Row:
    """Transfers on an I2C bus in their order, and what either side does between them."""
    target = Target(bytearray(layout.MEMORY_BYTES), 41)
    steps: list[Row] = []
    damage = 0

    def read(register: int, n: int) -> bytes:
        data = bytes(target.memory[register : register + n])
        steps.append({"read": register, "bytes": data.hex()})
        return data

    def write(register: int, data: bytes) -> None:
        nonlocal damage
        steps.append({"write": register, "bytes": data.hex()})
        if damage:
            steps[-1]["arrives"] = (bytes((data[0] ^ 0x10,)) + data[1:]).hex()
            data = bytes.fromhex(steps[-1]["arrives"])
            damage -= 1
        target.memory[register : register + len(data)] = data
        target.look(True)
        arrived()

    def arrived() -> None:
        for packet in target.packets:
            steps.append({"target hears": packet.hex()})
        target.packets.clear()

    controller = Controller(read, write, lambda: 0, 65)
    controller.begin()

    def polls(times: int) -> None:
        for _ in range(times):
            controller.poll(0)
            for packet in controller.packets:
                steps.append({"controller hears": packet.hex()})
            controller.packets.clear()

    def controller_sends(packet: bytes) -> None:
        steps.append({"controller sends": packet.hex()})
        controller.waiting.append(packet)

    def target_sends(packet: bytes) -> None:
        steps.append({"target sends": packet.hex()})
        target.send(packet)

    controller_sends(b"\x80short")
    polls(1)
    controller_sends(bytes(range(256)))  # two frames
    polls(2)
    damage = 1
    controller_sends(b"\x80damaged on its way")
    polls(2)
    target_sends(b"\x80an answer")
    target_sends(bytes(range(256)) * 2 + b"\x80a long one")
    polls(3)
    # Both at once: the frame is written, then the other one is read.
    controller_sends(b"\x80there")
    target_sends(b"\x80and back")
    polls(2)
    return {"number": 41, "steps": steps}


def make_advertising() -> Row:
    """What a Bluetooth peripheral of a name advertises; what is read out of other payloads."""
    names = ["shed", "n" * 29, "a-name-of-more-than-29-bytes-1", "Gewächshaus"]
    payloads = [
        b"",
        b"\x05",
        b"\x05\x09ab",
        b"\x03\x09\xff\xfe",
        b"\x00\x00\x03\x09ab",
        b"\xff" * 31,
    ]
    nodes = []
    for name in names:
        advertisement, response = advertising.payloads(name)
        nodes.append(
            {"name": name, "advertisement": advertisement.hex(), "response": response.hex()}
        )
    return {
        "uuids": {"service": advertising.SERVICE, "rx": advertising.RX, "tx": advertising.TX},
        "nodes": nodes,
        "read": [{"payload": p.hex(), "name": advertising.name_in(p)} for p in payloads],
    }


def make_values() -> Row:
    """Bodies and their values, where bytes are {"bytes": hexadecimal}; bodies that are none."""

    def shown(value: Any) -> Any:
        if isinstance(value, bytes):
            return {"bytes": value.hex()}
        if isinstance(value, list):
            return [shown(item) for item in value]
        if isinstance(value, dict):
            return {key: shown(item) for key, item in value.items()}
        return value

    values: list[Any] = [
        None, True, 0, -7, 21.5, "", "Grüße °C", "\U0001f600", [], {}, [1, [2, {"a": None}]],
        {"$": 1}, {"$": [0, 2]}, {"$$": "x"}, b"", b"\x00\xff", [b"ab", b"c"], {"k": [b""]},
        [b"ab", {"$": [0, 2]}], [b"ab", {"$": 1, "b": 2}], [{"$$": {"$$$": b"ab"}}],
    ]  # fmt: skip
    rows = []
    for value in values:
        flag, body = encode(value)
        rows.append({"value": shown(value), "raw": bool(flag), "body": body.hex()})
    rows.append({"value": "\U0001f600", "raw": False, "body": b'"\\ud83d\\ude00"'.hex()})
    rows.append({"value": {"a": 2}, "raw": False, "body": b'{"a":1,"a":2}'.hex()})

    def raw(text: bytes, behind: bytes) -> bytes:
        return pack("<I", len(text)) + text + behind

    none = [
        ("empty", False, b""), ("cut off", False, b"[1"), ("NaN", False, b"NaN"),
        ("infinity", False, b"-Infinity"), ("two values", False, b"1 2"),
        ("no UTF-8", False, b'"\xff"'), ("a surrogate as bytes", False, b'"\xed\xa0\x80"'),
        ("half of a pair", False, b'"\\ud83d"'), ("the other half", False, b'"\\ude00x"'),
        ("no length", True, b"\x01\x00"), ("a length beyond the end", True, b"\x09\x00\x00\x001"),
        ("a marker beyond the bytes", True, raw(b'{"$":[1,2]}', b"ab")),
        ("a negative offset", True, raw(b'{"$":[-1,1]}', b"ab")),
        ("a marker of texts", True, raw(b'{"$":["0","1"]}', b"ab")),
        ("a marker of one number", True, raw(b'{"$":[0]}', b"ab")),
        ("a marker that is no list", True, raw(b'{"$":3}', b"ab")),
    ]  # fmt: skip
    return {
        "values": rows,
        "none": [{"what": what, "raw": flag, "body": body.hex()} for what, flag, body in none],
    }


VECTORS = {
    "frames": make_frames,
    "lengths": make_lengths,
    "hellos": make_hellos,
    "packets": make_packets,
    "conversation": make_conversation,
    "values": make_values,
    "mailbox": make_mailbox,
    "advertising": make_advertising,
}


def main() -> None:
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "spec" / "vectors"
    folder.mkdir(parents=True, exist_ok=True)
    for name, make in VECTORS.items():
        text = json.dumps(make(), indent=1, ensure_ascii=False)
        folder.joinpath(name + ".json").write_text(text + "\n", "utf-8")


if __name__ == "__main__":
    main()
