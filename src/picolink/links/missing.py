"""Why an address opens no link. A board loads this when it happens."""

from ..core.errors import BadAddress, CannotConnect
from ..core.failure import PicolinkError


def missing(scheme: str, schemes: "list[str]", error: Exception) -> PicolinkError:
    """What to raise where no link of `scheme` could be loaded."""
    if scheme not in schemes:
        return BadAddress("no link has the scheme %r; there are: %s" % (scheme, ", ".join(schemes)))
    for part in ("socket", "network", "bluetooth"):
        if "'%s'" % part in str(error):
            return CannotConnect(
                "this board's firmware has no %s, which the link %s needs: it takes a board with "
                "a W and the firmware made for it" % (part, scheme)
            )
    return CannotConnect(
        "the link %s is not installed here (%s): picolink install --links brings it to a board"
        % (scheme, error)
    )
