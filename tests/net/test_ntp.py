"""What time servers say, judged; DNS beside it. On both interpreters."""

from struct import pack

from both import cases, raises, random_for

from picolink.net import dns, ntp
from picolink.net.dns import _A_IN, _past_name
from picolink.net.ntp import _1970_S, _ERA_S

COOKIE = b"\x01cookie\xff"
NOW_MS = 1_795_283_071_250  # 2026-11-21


def told(packet, unix_ms):
    """What a time server answers to the question `packet` at a time."""
    seconds = (unix_ms // 1000 + _1970_S) % _ERA_S
    stamp = pack(">II", seconds, unix_ms % 1000 * 4294967)
    return pack(">BBBb", 0x24, 1, 6, -10) + bytes(12) + stamp + packet[40:48] + stamp + stamp


def asked(packet):
    """The name that a question is about; None where it is none."""
    try:
        end = _past_name(packet, 12)
        if packet[2] & 0x80 or packet[end : end + 4] != _A_IN:
            return None
        labels = []
        at = 12
        while packet[at]:
            labels.append(packet[at + 1 : at + 1 + packet[at]].decode())
            at += 1 + packet[at]
        return ".".join(labels)
    except (IndexError, ValueError):
        return None


def answered(question, found):
    """The answer to a question: these addresses, or that there is no such name."""
    end = _past_name(question, 12) + 4
    head = question[:2] + pack(">HHHHH", 0x8180 if found else 0x8183, 1, len(found), 0, 0)
    records = [
        b"\xc0\x0c" + _A_IN + pack(">IH", 60, 4) + bytes([int(part) for part in address.split(".")])
        for address in found
    ]
    return head + question[12:end] + b"".join(records)


def good():
    return told(ntp.request(COOKIE), NOW_MS)


def test_a_good_answer():
    question = ntp.request(COOKIE)
    assert len(question) == 48 and question[0] == 0x23 and question[40:] == COOKIE
    unix_ms, why = ntp.judge(good(), COOKIE)
    assert why == "" and abs(unix_ms - NOW_MS) <= 1


@cases(
    [
        ("no answer", lambda p: p[:47]),
        ("another question", lambda p: p[:24] + b"otherone" + p[32:]),
        ("no server", lambda p: b"\x23" + p[1:]),
        ("refuses: RATE", lambda p: p[:1] + b"\x00" + p[2:12] + b"RATE" + p[16:]),
        ("refuses: ", lambda p: p[:1] + b"\x00" + p[2:12] + b"\x00\xff\x1b\n" + p[16:]),
        ("does not know the time", lambda p: p[:1] + b"\x10" + p[2:]),
        ("does not know the time", lambda p: b"\xe4" + p[1:]),
        ("no time", lambda p: p[:40] + bytes(8)),
        ("in the past", lambda p: p[:40] + pack(">II", 3_818_000_000, 0)),  # 2020
    ]
)
def test_an_answer_that_is_not_believed(why, spoil):
    assert why in ntp.judge(spoil(good()), COOKIE)[1]


def test_the_next_era_of_ntp():
    in_2040_ms = 2_208_988_800_000
    assert ntp.judge(told(ntp.request(COOKIE), in_2040_ms), COOKIE) == (in_2040_ms, "")


@cases(
    [
        ([], None),
        ([5000], 5000),
        ([5000, 5100, 9_000_000], 5100),
        ([9_000_000, 5000, 5100], 5100),
        ([5000, 9_000_000], None),  # who is right?
        ([5000, 5001, 9_000_000, 9_000_001], None),
        ([5000, 6900, 7100], 6900),
    ]
)
def test_most_servers_are_right(answers, time):
    assert ntp.agreed(answers) == time


def test_a_name_is_asked_for_and_found():
    question = dns.request("Time.example.org.", 0x1234)
    assert asked(question) == "Time.example.org"
    answer = answered(question, ["10.0.0.1", "192.168.1.7"])
    assert dns.addresses(answer, 0x1234) == ["10.0.0.1", "192.168.1.7"]
    assert dns.addresses(answered(question, []), 0x1234) == []
    assert dns.addresses(answer, 0x1235) is None and dns.addresses(question, 0x1234) is None
    assert asked(answer) is None


@cases([("",), ("a..b",), ("x" * 64 + ".org",)])
def test_what_is_no_name(name):
    with raises(ValueError, "no name"):
        dns.request(name, 1)


def test_an_alias_before_the_address():
    question = dns.request("www.example.org", 7)
    alias = b"\xc0\x0c\x00\x05\x00\x01" + pack(">IH", 60, 6) + b"\x03abc\xc0\x10"
    address = b"\x03abc\xc0\x10\x00\x01\x00\x01" + pack(">IH", 60, 4) + b"\x0a\x00\x00\x02"
    head = pack(">HHHHHH", 7, 0x8180, 1, 2, 0, 0)
    assert dns.addresses(head + question[12:] + alias + address, 7) == ["10.0.0.2"]


def test_nothing_that_comes_raises():
    chance = random_for("noise")
    answer = answered(dns.request("time.example.org", 7), ["10.0.0.1"])
    for base in (answer, good(), chance.bytes(64)):
        for cut in range(len(base)):
            dns.addresses(base[:cut], 7)
            asked(base[:cut])
            ntp.judge(base[:cut], COOKIE)
        for _ in range(300):
            spoilt = bytearray(base)
            for _ in range(1 + chance.below(4)):
                spoilt[chance.below(len(spoilt))] = chance.below(256)
            dns.addresses(bytes(spoilt), 7)
            asked(bytes(spoilt))
            ntp.judge(bytes(spoilt), COOKIE)
