"""The table of a session's states: whole, reachable, and the only one that is used."""

import session_events
from both import raises, skip_on_micropython
from ignored_events import IGNORED

from picolink.core import states
from picolink.core.session import Session
from picolink.core.states import ANSWERING, ATTACHED, CLOSED, DORMANT, GREETING, MOVING, NEW

STATES = (NEW, GREETING, ANSWERING, ATTACHED, MOVING, DORMANT, CLOSED)
EVENTS = {event for row in states.TRANSITIONS.values() for event in row}


def setup():
    session_events.install(Session)


class Owner:
    def __init__(self):
        self.seen = []

    def on_state(self, session, why):
        self.seen.append((session.state, why))


def test_every_state_can_be_reached_and_left():
    reached = {NEW}
    while True:
        more = {to for state in reached for to in states.TRANSITIONS[state].values()}
        if more <= reached:
            break
        reached |= more
    assert reached == set(STATES)
    for state in STATES:
        assert (state == CLOSED) == ("close" not in states.TRANSITIONS[state])


def test_a_session_follows_the_table():
    for state in STATES:
        for event in EVENTS:
            owner = Owner()
            session = Session(b"12345678", owner, 0, 100)
            session.state = state
            session.step(event, 77, "because")
            expected = states.TRANSITIONS[state].get(event, state)
            assert session.state == expected
            if expected == state:
                assert owner.seen == [] and session.since_ms == 0
            else:
                assert owner.seen == [(expected, "because")]
                in_vain = expected == MOVING or event == "abandon"
                assert session.since_ms == (0 if in_vain else 77)


def test_each_state_names_every_event():
    """As a transition, or as one that is ignored on purpose: not as both."""
    for state in STATES:
        row, ignored = states.TRANSITIONS[state], IGNORED[state]
        assert set(row) | set(ignored) == EVENTS, state
        assert set(row) & set(ignored) == set(), state
        assert all(ignored.values())
    assert set(IGNORED) == set(STATES) == set(states.TRANSITIONS)
    assert session_events.KNOWN == EVENTS


def test_an_event_that_is_in_no_state_raises_in_tests():
    for state in STATES:
        session = Session(b"12345678", Owner(), 0, 100)
        session.state = state
        with raises(session_events.UnknownEvent, "'atach'"):
            session.step("atach", 77)
        assert session.state == state
    assert session_events.unknown[0] == "atach, in state new"
    assert len(session_events.unknown) == len(STATES)
    session_events.unknown.clear()


def test_on_a_board_such_an_event_is_harmless():
    session = Session(b"12345678", Owner(), 0, 100)
    session_events.plain_step(session, "atach", 77)
    assert session.state == NEW and session.owner.seen == []


@skip_on_micropython("reads the source")
def test_no_event_outside_the_table_and_none_unused():
    import pathlib
    import re

    source = ""
    for path in pathlib.Path(states.__file__).parent.glob("*.py"):
        source += path.read_text("utf-8")
    used = set(re.findall(r'(?:\.step|\.detach)\(\s*"(\w+)"', source))
    assert used == EVENTS


def test_since_when_it_is_attached_no_hello_in_vain_changes():
    """Of two sessions of one name the one that was attached last is the present one."""
    session = Session(b"12345678", Owner(), 0, 100)
    for now_ms, event, since_ms in (
        (10, "hello", 10), (20, "attach", 20), (30, "hello", 20), (40, "abandon", 20),
        (50, "hello", 20), (60, "attach", 60), (70, "hello", 60), (80, "lost", 80),
    ):  # fmt: skip
        session.step(event, now_ms)
        assert session.since_ms == since_ms
