"""The two errors that a node always has at hand; the others are loaded when they are raised."""


class PicolinkError(Exception):
    """The root of all errors that picolink raises on purpose."""


class LinkError(PicolinkError):
    """What the link did."""
