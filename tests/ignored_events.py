"""Which events a state of a session ignores on purpose. The code ignores them unasked.

Together with `states.TRANSITIONS` this names every pair of a state and an event, and
docs/session.md shows both. An event that is in neither raises under the tests
(tests/session_events.py).
"""

from picolink.core.states import ANSWERING, ATTACHED, CLOSED, DORMANT, GREETING, MOVING, NEW

MYPY = False
if MYPY:
    from typing import Any

_NO_LINK = "it is on no link that stays; such a hello is lost"

#: state -> event -> why it changes nothing there.
IGNORED: "dict[str, dict[str, str]]" = {
    NEW: {
        "attach": "no hello was said that could be confirmed",
        "lost": "it had no link yet",
        "abandon": _NO_LINK,
    },
    GREETING: {
        "hello": "the peer dials it too; it attaches by whichever hello is confirmed",
        "abandon": _NO_LINK,
    },
    ANSWERING: {
        "dial": "we dial it too; it attaches by whichever hello is confirmed",
        "abandon": _NO_LINK,
    },
    ATTACHED: {
        "attach": "the second of two hellos is confirmed too; it goes on over that one",
        "abandon": "of two hellos one was confirmed, and the other came to nothing",
    },
    MOVING: {},
    DORMANT: {
        "lost": "the second of two hellos came to nothing too",
        "abandon": _NO_LINK,
    },
    CLOSED: {
        "dial": "over is over; whoever dials begins a new session",
        "hello": "what comes late changes nothing",
        "attach": "what comes late changes nothing",
        "lost": "its link, or a hello of it, is lost after its end",
        "abandon": "its hello came to nothing after its end",
        "close": "both sides may close it",
    },
}


def events(*tables: "dict[str, dict[str, Any]]") -> "set[str]":
    """The names of all events in tables of states."""
    return {event for table in tables for row in table.values() for event in row}
