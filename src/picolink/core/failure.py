"""The two errors that a node always has at hand; the others are loaded when they are raised."""


class PicolinkError(Exception):
    """The root of all errors that picolink raises on purpose. Of a call that the peer answered with
    an error, `begun` tells whether its command had been begun; None: it is not known."""

    begun: bool | None = None


class LinkError(PicolinkError):
    """What the link did."""
