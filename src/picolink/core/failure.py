"""The two errors that a node always has at hand; the others are loaded when they are raised."""

import sys


class PicolinkError(Exception):
    """The root of all errors that picolink raises on purpose. `begun`: whether the command of a
    call that ended with it had been begun, where the kind of error alone does not tell.

    On a computer each error has a `kind` besides, one word that stays the same whatever the text
    says: that of its class ("bad_address") unless the place that made it knows better. Where the
    text ends with what to do next, `why` has what comes before that, and `advice` has that;
    otherwise both are "". `command`: what was asked for, where the peer has nothing of that name.
    """

    begun = False
    if sys.implementation.name != "micropython":  # a board has no room for these
        kind = "picolink_error"
        why = ""
        advice = ""
        command = ""

        def __init__(
            self, *args: object, kind: str = "", advice: str = "", joint: str = ". "
        ) -> None:
            """The text is the first argument; with `advice`, that and `joint` and the advice."""
            if advice:
                self.why, self.advice = str(args[0]), advice
                args = (self.why + joint + advice,)
            super().__init__(*args)
            if kind:
                self.kind = kind

        def __init_subclass__(cls, **named: object) -> None:
            super().__init_subclass__(**named)
            if "kind" not in cls.__dict__:
                letters = ["_" + c.lower() if c.isupper() else c for c in cls.__name__]
                cls.kind = "".join(letters).lstrip("_")


class LinkError(PicolinkError):
    """What the link did."""
