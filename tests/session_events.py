"""Has a session raise at an event that no state has; a board, and a program, ignore it.

For both interpreters. `conftest.py` installs it for CPython's tests, and looks afterwards whether
any was seen: what a node calls of its own may swallow what is raised.
"""

from ignored_events import IGNORED, events

from picolink.core.states import TRANSITIONS

KNOWN = events(TRANSITIONS, IGNORED)

unknown = []  # events that were seen, in words
_plain = {}  # class -> its `step` as it is


class UnknownEvent(AssertionError):
    """A misspelt event, or one that core/states.py has to name."""


def install(session_class):
    """Has sessions of this class raise; a second time changes nothing."""
    if session_class in _plain:
        return
    step = _plain[session_class] = session_class.step

    def checked(self, event, now_ms, why=""):
        if event not in KNOWN:
            unknown.append("%s, in state %s" % (event, self.state))
            raise UnknownEvent("no state of core/states.py has the event %r" % event)
        step(self, event, now_ms, why)

    session_class.step = checked


def plain_step(session, event, now_ms):
    """What a board does."""
    _plain[type(session)](session, event, now_ms)
