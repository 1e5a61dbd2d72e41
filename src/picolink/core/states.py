"""Every state of a session and every transition, in one table.

docs/session.md shows it as a diagram, made from this table.
"""

NEW = "new"  # nothing said yet
GREETING = "greeting"  # we dialed; the peer's hello is awaited
ANSWERING = "answering"  # the peer dialed; its first packet is awaited
ATTACHED = "attached"  # on a link: messages flow
MOVING = "moving"  # on a link, with a hello under way on another (or on the same one anew)
DORMANT = "dormant"  # without a link; everything undelivered is kept
CLOSED = "closed"  # over

#: What each event makes of each state; what is not named stays as it is.
TRANSITIONS = {
    NEW: {"dial": GREETING, "hello": ANSWERING, "close": CLOSED},
    GREETING: {"dial": GREETING, "attach": ATTACHED, "lost": DORMANT, "close": CLOSED},
    ANSWERING: {"hello": ANSWERING, "attach": ATTACHED, "lost": DORMANT, "close": CLOSED},
    ATTACHED: {"dial": MOVING, "hello": MOVING, "lost": DORMANT, "close": CLOSED},
    MOVING: {
        "dial": MOVING,
        "hello": MOVING,
        "attach": ATTACHED,
        "abandon": ATTACHED,  # the hello came to nothing; the old link stays
        "lost": DORMANT,
        "close": CLOSED,
    },
    DORMANT: {
        "dial": GREETING,
        "hello": ANSWERING,
        "attach": ATTACHED,  # of two hellos under way one came to nothing
        "close": CLOSED,
    },
    CLOSED: {},
}
