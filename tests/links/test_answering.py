"""What a node answers who asks the network for nodes. On both interpreters."""

import json

from both import SEED, Random, cases, count

from picolink.links.tcp.answering import ANSWER, MOST_PER_S, QUESTION, Answerer
from picolink.links.tcp.telling import tell


class _Thing:
    """Whatever it is given."""

    def __init__(self, **told):
        for name, value in told.items():
            setattr(self, name, value)


def _no_watch(link, callback):
    return _Thing(stop=lambda: None)


def node(links=("tcp-listen::5263",), drivers=(), wifi=None):
    def on(address):
        return _Thing(address=address)

    return _Thing(
        name="greenhouse", endpoint=_Thing(uid=b"\x01\x02\xff"), wifi=wifi,
        host=_Thing(watch=_no_watch),
        listeners=[(on(address), None) for address in links],
        drivers=[_Thing(link=on(address)) for address in drivers],
    )  # fmt: skip


class Answering:
    """An answerer for a while."""

    def __init__(self, **of):
        self.answerer = Answerer(node(**of), "tcp-listen:127.0.0.1:5300", _Thing(stop=lambda: None))

    def __enter__(self):
        return self.answerer

    def __exit__(self, *_):
        self.answerer.stop()


def question(size=512, number=b"0123abcd"):
    asked = QUESTION + number
    return asked + b" " * (size - len(asked))


def test_it_tells_who_it_is():
    with Answering(
        links=("tcp-listen::5300", "mqtt://me@h/x"), drivers=("usb:", "tcp:1.2.3.4:5")
    ) as a:
        answer = a.answer(question(), 5000)
    assert answer[:18] == ANSWER + b"0123abcd"
    about = json.loads(answer[18:])
    assert about["name"] == "greenhouse" and about["uid"] == "0102ff"
    assert about["links"] == [
        "tcp-listen::5300",
        "usb:",
    ]  # whom else it talks to is nobody's business
    assert about["firmware"].split()[0] in ("cpython", "micropython") and about["version"]
    assert about["machine"]


@cases([18, 19, 60, 100, 150, 200, 300, 512, 1024])
def test_an_answer_is_no_longer_than_its_question(size):
    links = tuple("tcp-listen:192.168.100.100:%d" % port for port in range(10000, 10006))
    with Answering(links=links) as a:
        answer = a.answer(question(size), 0)
    assert answer is None or len(answer) <= size
    assert (answer is None) == (size < 100), answer
    if answer:
        assert json.loads(answer[18:])["uid"] == "0102ff"


def test_few_are_given_in_a_second():
    with Answering() as a:
        given = [a.answer(question(), 5000 + i) is not None for i in range(999)]
        assert given == [True] * MOST_PER_S + [False] * (999 - MOST_PER_S)
        assert a.answer(question(), 6001) is not None


@cases(
    [b"", b"picolink?", b"picolink! 0123abcd {}", QUESTION, QUESTION + b"0123abcd", b"\x00" * 512]
)
def test_what_is_no_question_is_not_answered(data):
    with Answering() as a:
        assert a.answer(data, 0) is None


def test_answers_are_no_questions():
    with Answering() as a:
        answer = a.answer(question(), 0)
        assert a.answer(answer, 0) is None  # two nodes can't answer each other for ever


def test_bad_bytes_never_raise():
    random = Random(SEED)
    with Answering() as a:
        for i in range(count(20000)):
            data = bytearray(question(18 + random.below(600)))
            for _ in range(random.below(20)):
                data[random.below(len(data))] = random.below(256)
            answer = a.answer(bytes(data), 2000 * i)
            assert answer is None or len(answer) <= len(data)


def test_the_radio_is_asked_where_there_is_one():
    import sys

    class Gone:
        def isconnected(self):
            return True

        def status(self, what):
            raise OSError("leaving")

    class Joined(Gone):
        def status(self, what):
            assert what == "rssi"
            return -61

    had = sys.modules.get("network")
    sys.modules["network"] = _Thing(hostname=lambda: "green")
    try:
        for wifi, host, signal in (
            (_Thing(sta=Joined()), "green", -61),
            (_Thing(sta=Gone()), "green", None),
            (("lab", "password"), None, None),
            (None, None, None),
        ):
            about = tell(node(wifi=wifi))
            assert about.get("host") == host and about.get("rssi") == signal
    finally:
        del sys.modules["network"]
        if had:
            sys.modules["network"] = had
