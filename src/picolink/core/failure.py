"""The two errors that a node always has at hand; the others are loaded when they are raised."""


class PicolinkError(Exception):
    """The root of all errors that picolink raises on purpose. `begun`: whether the command of a
    call that ended with it had been begun, where the kind of error alone does not tell."""

    begun = False


class LinkError(PicolinkError):
    """What the link did."""
