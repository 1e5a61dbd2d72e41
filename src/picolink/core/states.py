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

TRANSITIONS = {
    (NEW, "dial"): GREETING,
    (NEW, "hello"): ANSWERING,
    (GREETING, "dial"): GREETING,
    (GREETING, "attach"): ATTACHED,
    (GREETING, "lost"): DORMANT,
    (ANSWERING, "hello"): ANSWERING,
    (ANSWERING, "attach"): ATTACHED,
    (ANSWERING, "lost"): DORMANT,
    (ATTACHED, "dial"): MOVING,
    (ATTACHED, "hello"): MOVING,
    (ATTACHED, "lost"): DORMANT,
    (MOVING, "dial"): MOVING,
    (MOVING, "hello"): MOVING,
    (MOVING, "attach"): ATTACHED,
    (MOVING, "abandon"): ATTACHED,  # the hello came to nothing; the old link stays
    (MOVING, "lost"): DORMANT,
    (DORMANT, "dial"): GREETING,
    (DORMANT, "hello"): ANSWERING,
    (DORMANT, "attach"): ATTACHED,  # of two hellos under way one came to nothing
    (NEW, "close"): CLOSED,
    (GREETING, "close"): CLOSED,
    (ANSWERING, "close"): CLOSED,
    (ATTACHED, "close"): CLOSED,
    (MOVING, "close"): CLOSED,
    (DORMANT, "close"): CLOSED,
}
