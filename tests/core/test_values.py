"""Values on the wire: JSON, and raw bytes behind it."""

from array import array

from both import MICROPYTHON, cases, raises, skip_on_micropython

from picolink.core.errors import BadArguments
from picolink.core.packets import RAW
from picolink.core.values import decode, encode

VALUES = [
    (None,), (True,), (0,), (-7,), (1.5,), ("",), ("Grüße °C \x00\n\"",), ([],), ({},),
    ([1, [2, {"a": None}]],),
    ({"$": 1, "b": 2},), (b"",), (b"\x00\xff",), ([b"one", 2, {"k": b"three"}],), ({"a": [b""]},),
    ("nan inf",), ([b"beside", {"$": [0, 2]}],), ({"$$": {"$": b"x"}},), ({"$": [0, 2]},),
    ("\U0001f600 \\u0041 \\",), ([[[[[[[[[[[[[[[[b"deep"]]]]]]]]]]]]]]]],),
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


def test_items_of_any_size_travel_as_their_bytes():
    words = memoryview(array("H", [1, 2, 3]))
    assert decode(*encode(words)) == b"\x01\x00\x02\x00\x03\x00"
    assert decode(*encode([words, b"end"])) == [b"\x01\x00\x02\x00\x03\x00", b"end"]


def test_a_users_dollar_beside_bytes_is_told_from_a_marker():
    flag, body = encode([b"ab", {"$": [0, 1]}, {"$$": 1}])
    assert flag == RAW and body[4:].replace(b" ", b"") == (
        b'[{"$":[0,2]},{"$$":[0,1]},{"$$$":1}]ab'
    )
    flag, body = encode({"$": [0, 1]})  # no bytes: nothing to tell apart
    assert flag == 0 and body.replace(b" ", b"") == b'{"$":[0,1]}'


@cases([
    (b'{"$":[0,3]}',), (b'{"$":[-1,1]}',), (b'{"$":[0,-1]}',), (b'{"$":["0",1]}',), (b'{"$":[0]}',),
])  # fmt: skip
def test_a_marker_beyond_the_bytes_is_none(text):
    with raises(ValueError):
        decode(RAW, bytes((len(text), 0, 0, 0)) + text + b"ab")


def test_keys_are_texts():
    assert decode(*encode({7: b"x", None: 2, True: 3})) == {"7": b"x", "null": 2, "true": 3}
    assert decode(*encode({1: "x"})) == {"1": "x"}
    with raises(BadArguments):
        encode({(1, 2): b""})


@cases([(b'"\\ud800"',), (b'["\\uDC00\\ud800"]',), (b'"\xed\xa0\x80"',), (b'"\\ud83dx"',)])
def test_half_a_surrogate_pair_is_no_text(text):
    with raises(ValueError):
        decode(0, text)


def test_a_surrogate_pair_is_one_character():
    assert decode(0, b'["\\ud83d\\ude00", "\\\\ud83d", "\\u00e4\\ud83d\\ude00"]') == [
        "\U0001f600", "\\ud83d", "\u00e4\U0001f600",
    ]  # fmt: skip


@cases([(chr(0xD800),), ([chr(0xDFFF)],), ({chr(0xD800): b""},)])
def test_half_a_surrogate_pair_is_not_sent(value):
    with raises(BadArguments):
        encode(value)


def test_what_is_nested_too_deep_is_refused():
    deep = []
    for _ in range(2000):
        deep = [deep]
    with raises(BadArguments):
        encode([deep, b""])
    if not MICROPYTHON:  # a board reads it without recursion
        with raises(ValueError, "nested too deep"):
            decode(0, b"[" * 10000 + b"]" * 10000)


@skip_on_micropython("its JSON has no place to look at a number")
def test_a_number_too_large_is_refused():
    for text in (b"1e999", b"[-1e400]", b"NaN", b"Infinity"):
        with raises(ValueError):
            decode(0, text)
