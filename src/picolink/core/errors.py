"""The error tree. Every message says what happened, why it is likely, and what to do.

PicolinkError
|- UsageError              what you did wrong
|  |- BadAddress           an address string that opens nothing
|  |- BadArguments         arguments that a command does not take
|  |- TooBig               a message larger than the peer accepts
|  `- Busy                 too much under way already; wait for replies
|- PeerError               what the peer did or refused
|  |- RemoteError          a command raised there (kind, traceback)
|  |- UnknownCommand       no command, reading or topic of that name there
|  `- Refused              it does not talk to us (version, no room, not paired)
|- LinkError               what the link did
|  |- CannotConnect        no link, or nobody answers on it
|  `- PortBusy             another program holds it
`- CallError               a call that was not confirmed as done; `outcome` says which way
   |- NotDone              it was never begun: safe to call again
   `- Unknown              sent, and not confirmed before the peer vanished or the deadline passed
"""

from .failure import LinkError as LinkError
from .failure import PicolinkError as PicolinkError


class UsageError(PicolinkError):
    """What the caller did wrong."""


class BadAddress(UsageError):
    """The address string opens no link."""


class BadArguments(UsageError):
    """The command does not take these arguments."""


class TooBig(UsageError):
    """The message is larger than the peer accepts."""


class Busy(UsageError):
    """Too much is under way, here or at the peer; the call was not begun."""


class PeerError(PicolinkError):
    """What the peer did, or refused to do."""


class RemoteError(PeerError):
    """A command raised at the peer. `kind` is the exception's name there, `traceback` its text."""

    begun = True

    def __init__(self, message: str, kind: str = "", traceback: str = "") -> None:
        super().__init__(message)
        self.kind = kind
        self.traceback = traceback


class UnknownCommand(PeerError):
    """The peer has no command, reading or topic of that name."""


class Refused(PeerError):
    """The peer does not talk to this node: another protocol version, no room, not paired."""


class CannotConnect(LinkError):
    """No link could be opened, or nobody answers on it."""


class PortBusy(LinkError):
    """Another program holds the port."""


class CallError(PicolinkError):
    """A call that was not confirmed as done. `outcome` is "not done" or "unknown"."""

    outcome = "unknown"


class NotDone(CallError):
    """The call was never begun at the peer: calling again is safe."""

    outcome = "not done"


class Unknown(CallError):
    """The call was sent, and whether it was done is not known."""
