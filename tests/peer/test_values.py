"""Values as a real node reads and writes them (section 7), by what its `echo` gives back."""

import struct

import pytest

from peer import values, wire

CPYTHON_ONLY = "the second implementation runs on CPython alone"


def echo(peer, text, raw=b"", flags=None):
    """Calls `echo` with one argument, as JSON text (and raw bytes behind); returns the answer."""
    call_text = b'["echo",' + text + b"]"
    if flags is None:
        call = peer.begin_raw(bytes(4) + call_text)
    else:
        body = struct.pack("<II", 0, len(call_text)) + call_text + raw
        call = peer.begin_raw(body, flags)
    peer.wait(call)
    return call


SAME = [
    None,
    True,
    False,
    0,
    -1,
    2**53,
    -(2**53),
    1.5,
    -2.25e-7,
    1e300,
    "",
    "plain",
    'quotes " and \\ and / and \b\f\n\r\t',
    "\0\1\x1b\x1f\x7f",
    "Grüße °C € 😀 \u2028 \ufffd \U0010ffff",
    [],
    {},
    [[], {}, [[]]],
    {"": 1, "ü": 2, "😀": [3]},
    {"$": 1},
    {"$": [0, 1]},
    {"$$": {"$": "x"}},
    {"$": 1, "other": 2},
    b"",
    b"\0\x1b\xff" * 50,
    [b"a", b"", b"bc"],
    {"k": b"v", "list": [b"\0", {"deep": b"\1"}]},
    [b"a", {"$": [0, 1]}],
    [b"a", {"$$": 1}, {"$$$": b"b"}],
    [b"a", {"$": {"$": b"c"}}],
    [b"a", {"$x": 1}, {"x$": 2}],
]


@pytest.mark.parametrize("value", SAME, ids=lambda v: repr(v)[:30])
def test_values_come_back_as_they_went(peer, value):
    """7.1, 7.2."""
    if isinstance(value, list):
        assert peer.call("echo", [value]) == [value]
    back = peer.call("echo", value)
    assert back == value
    assert type(back) is type(value)


SAID = [
    (b'"\\u00fc\\ud83d\\ude00"', "ü😀"),
    (b'"\\/\\b\\f\\n\\r\\t\\u0000"', "/\b\f\n\r\t\0"),
    (b'{"a":1,"a":2}', {"a": 2}),
    (b'{"a":1,"b":0,"a":[3]}', {"b": 0, "a": [3]}),
    (b"1E2", 100),
    (b"-0", 0),
    (b"1e-5", 1e-5),
    (b' [ 1 , 2 ] \t\r\n', [1, 2]),
    (b'{"\\u0024":1}', {"$": 1}),
    (b"0.1", 0.1),
    (b"9007199254740992", 2**53),
]  # fmt: skip


@pytest.mark.parametrize(("text", "value"), SAID, ids=lambda v: repr(v)[:20])
def test_json_of_other_writers_is_read(peer, text, value):
    """7.1: RFC 8259; of equal keys the last."""
    call = echo(peer, text)
    assert call.error is None, call.error
    assert call.reply == value


NONE = [
    b"NaN",
    b"Infinity",
    b"-Infinity",
    b"nan",
    b".5",
    b"+1",
    b"0x10",
    b"1e",
    b"--1",
    b"1_000",
    b"True",
    b"None",
    b"nul",
    b"'single'",
    b'"\0"',
    b'"\\u12"',
    b'"\\ud83d"',
    b'"\\ude00"',
    b'"\\ude00\\ud83d"',
    b'"\\ud83dx"',
    b'{"\\ud83d":1}',
    b'"\xed\xa0\x80"',
    b'"\xff"',
    b'"\xc3"',
    b'"\xc0\x80"',
    b'"\xf4\x90\x80\x80"',
    b"{a:1}",
    b"// comment\n1",
    b"1]//",
    b"\xef\xbb\xbf1",
    b"\xa01",
    b"\x0c1",
    b"1\x00",
]


@pytest.mark.parametrize("text", NONE)
def test_what_is_no_value_is_bad_arguments(peer, text):
    """7.1, 7.6: and nothing of it is run."""
    peer.call("forget")
    call = echo(peer, text)
    assert call.error is not None, f"taken for {call.reply!r}"
    assert call.error.kind == "BadArguments", call.error
    assert peer.call("what_happened")["begun"] == []


NEARLY = [
    b"01",
    b"1.",
    b'"a\nb"',
    b'"tab\there"',
    b'"\\x41"',
    b'"\\u+123"',
    b"[1,]",
    b"[1 2]",
    b"[,1]",
    b'{"a":1,}',
    b'{"a" 1}',
    b"{1:1}",
    b"{null:1}",
    b'{"a"}',
    b"",
]


@pytest.mark.parametrize("text", NEARLY)
def test_what_is_nearly_json_may_be_taken(peer, text):
    """7.6: a board's own parser does. What comes back is JSON, or the error of a call not begun."""
    call = echo(peer, text)
    assert call.error is None or call.error.kind == "BadArguments", call.error
    assert peer.call("echo", 1) == 1


@pytest.mark.parametrize("text", [b"1e999", b"-1e999", b"1" + b"0" * 400, b"[1e400]"])
def test_numbers_without_a_finite_number_are_refused_or_taken(peer, text):
    """7.5, 7.1: but the answer never holds infinity or NaN; the node's own is an error."""
    call = echo(peer, text)
    if call.error is not None:
        assert call.error.kind not in ("Busy", "Expired", "Cancelled")
    assert peer.call("echo", 1) == 1


@pytest.mark.parametrize("raw", [False, True], ids=["json", "raw"])
@pytest.mark.parametrize("brackets", [(b"[", b"]"), (b'{"a":', b"}")], ids=["lists", "maps"])
def test_values_are_taken_up_to_16_deep(peer, brackets, raw):
    """7.5: one list is 1 deep. The call's own list is the first."""
    for deep in (1, 2, 14, 15):
        text = brackets[0] * deep + b"7" + brackets[1] * deep
        call = echo(peer, text, b"x", wire.RAW if raw else None)
        assert call.error is None, (deep, call.error)
        assert values.to_json(call.reply) == text


@pytest.mark.parametrize("deep", [17, 40, 1000, 5000])
def test_deeper_values_do_no_harm(peer, deep):
    """7.5, 7.6, 1.3: refused as bad arguments, or taken."""
    for raw in (None, wire.RAW):
        for brackets in ((b"[", b"]"), (b'{"a":', b"}")):
            if deep * 6 > 15000 and len(brackets[0]) > 1:
                continue
            call = peer.begin_raw(b"")
            peer.sending[wire.LONG if call.message.kind & wire.LONG else 0].messages.clear()
            call = echo_unread(peer, brackets[0] * deep + b"7" + brackets[1] * deep, raw)
            if call.answers[0].what == wire.ERROR:
                kind = values.read(call.answers[0].body, False)[0]
                # It can't be read, there is no memory to, or it was, and can't be written.
                assert kind in ("BadArguments", "TooBig", "Busy", "BadArgumentsError")
    assert peer.call("echo", 1) == 1


def echo_unread(peer, text, flags):
    """The same as `echo` for answers that this peer may not want to read itself."""
    hear = peer.on_message
    answers = []
    peer.on_message = answers.append
    call_text = b'["echo",' + text + b"]"
    if flags is None:
        call = peer.begin_raw(bytes(4) + call_text)
    else:
        call = peer.begin_raw(struct.pack("<II", 0, len(call_text)) + call_text + b"x", flags)
    peer.run(lambda: answers)
    peer.on_message = hear
    peer.open.pop(call.ref)
    call.answers = answers
    return call


RAW_CALLS = [
    (b'{"$":[0,3]}', b"abc", b"abc"),
    (b'{"$":[3,0]}', b"abc", b""),
    (b'{"$":[1,1]}', b"abc", b"b"),
    (b'[{"$":[0,2]},{"$":[1,2]}]', b"abc", [b"ab", b"bc"]),
    (b'{"$$":[0,1]}', b"abc", {"$": [0, 1]}),
    (b'{"$$$":5}', b"", {"$$": 5}),
    (b'{"$":[0,1],"a":1}', b"abc", {"$": [0, 1], "a": 1}),
    (b'{"a$":1}', b"abc", {"a$": 1}),
    (b"5", b"unused", 5),
    (b'{"":1}', b"abc", {"": 1}),
]


@pytest.mark.parametrize(("text", "raw", "value"), RAW_CALLS)
def test_markers_are_read(peer, text, raw, value):
    """7.2."""
    call = echo(peer, text, raw, wire.RAW)
    assert call.error is None, call.error
    assert call.reply == value


WRONG_MARKERS = [b'{"$":[0,4]}', b'{"$":[4,0]}', b'{"$":[-1,1]}', b'{"$":[0,-1]}', b'{"$":[0]}']
WRONG_MARKERS += [b'{"$":[0,1,2]}', b'{"$":["0","1"]}', b'{"$":null}', b'{"$":5}', b'{"$":{}}']
WRONG_MARKERS += [b'{"$":[0.0,1.0]}', b'{"$":[0,1.5]}', b'{"$":[null,1]}', b'{"$":[true,true]}']
WRONG_MARKERS += [b'{"$":"ab"}', b'{"$":[4294967296,1]}', b'[{"k":{"$":[9,9]}}]']


@pytest.mark.parametrize("text", WRONG_MARKERS)
def test_markers_that_are_none_are_bad_arguments(peer, text):
    """7.2, 7.6."""
    call = echo(peer, text, b"abc", wire.RAW)
    assert call.error is not None, f"taken for {call.reply!r}"
    assert call.error.kind == "BadArguments", call.error


@pytest.mark.parametrize("body", [b"", b"\1", b"\1\0\0", b"\xff\xff\xff\xff[]", b"\5\0\0\0[1]"])
def test_raw_bodies_whose_length_is_wrong(peer, body):
    """7.2, 7.6."""
    call = peer.begin_raw(bytes(4) + body, wire.RAW)
    peer.wait(call)
    assert call.error.kind == "BadArguments"


def test_a_call_that_is_raw_bytes_alone_is_no_call(peer):
    """6.1, 7.2: length 0."""
    call = peer.begin_raw(bytes(8) + b'["echo",1]', wire.RAW)
    peer.wait(call)
    assert call.error.kind == "BadArguments"
