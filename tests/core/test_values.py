"""Values on the wire: JSON, and raw bytes behind it."""

from both import cases, raises

from picolink.core.errors import BadArguments
from picolink.core.packets import RAW
from picolink.core.values import decode, encode

VALUES = [
    (None,), (True,), (0,), (-7,), (1.5,), ("",), ("Grüße °C \x00\n\"",), ([],), ({},),
    ([1, [2, {"a": None}]],),
    ({"$": 1, "b": 2},), (b"",), (b"\x00\xff",), ([b"one", 2, {"k": b"three"}],), ({"a": [b""]},),
    ("nan inf",),
]  # fmt: skip


@cases([(i,) for i in range(len(VALUES))])
def test_round_trip(i):
    (value,) = VALUES[i]
    flag, body = encode(value)
    assert decode(flag, body) == value
    assert decode(flag, b"head" + body, 4) == value


@cases([
    (21.5, 0, b"21.5"),
    ("°C", 0, b'"\xc2\xb0C"'),
    (b"\x00\xff", RAW, b"\x00\x00\x00\x00\x00\xff"),
    ([b"ab", b"c"], RAW, b'\x1d\x00\x00\x00[{"$":[0,2]},{"$":[2,1]}]abc'),
])  # fmt: skip
def test_bytes_on_the_wire(value, flag, body):
    got_flag, got = encode(value)
    assert got_flag == flag
    if flag and body[0]:
        body = bytes((body.find(b"abc") - 4,)) + body[1:]
    assert got.replace(b", ", b",").replace(b": ", b":") == body


@cases([(float("nan"),), ([1, float("inf")],), ({"a": -float("inf")},)])
def test_what_json_has_not(value):
    with raises(BadArguments, "only JSON values and bytes can be sent"):
        encode(value)


@cases([
    (0, b"",), (0, b"{",), (0, b"NaN x",), (0, b"\xff\xfe",), (RAW, b"\x00\x00",),
    (RAW, b"\xff\xff\xff\xff1",),
    (RAW, b"\x01\x00\x00\x00{x",), (RAW, b"\x07\x00\x00\x00" + b'{"$":3}'),
])  # fmt: skip
def test_no_value(flag, body):
    with raises(ValueError):
        decode(flag, body)
