"""What time servers say, judged; DNS beside it. On both interpreters."""

from struct import pack

from both import cases, raises, random_for

from picolink.net import dns, ntp

COOKIE = b"\x01cookie\xff"
NOW_MS = 1_795_283_071_250  # 2026-11-21


def good():
    return ntp.answer(ntp.request(COOKIE), NOW_MS)


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
    assert ntp.judge(ntp.answer(ntp.request(COOKIE), in_2040_ms), COOKIE) == (in_2040_ms, "")


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
    assert dns.asked(question) == "Time.example.org"
    answer = dns.answer(question, ["10.0.0.1", "192.168.1.7"])
    assert dns.addresses(answer, 0x1234) == ["10.0.0.1", "192.168.1.7"]
    assert dns.addresses(dns.answer(question, []), 0x1234) == []
    assert dns.addresses(answer, 0x1235) is None and dns.addresses(question, 0x1234) is None
    assert dns.asked(answer) is None


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
    answer = dns.answer(dns.request("time.example.org", 7), ["10.0.0.1"])
    for base in (answer, good(), chance.bytes(64)):
        for cut in range(len(base)):
            dns.addresses(base[:cut], 7)
            dns.asked(base[:cut])
            ntp.judge(base[:cut], COOKIE)
        for _ in range(300):
            spoilt = bytearray(base)
            for _ in range(1 + chance.below(4)):
                spoilt[chance.below(len(spoilt))] = chance.below(256)
            dns.addresses(bytes(spoilt), 7)
            dns.asked(bytes(spoilt))
            ntp.judge(bytes(spoilt), COOKIE)
