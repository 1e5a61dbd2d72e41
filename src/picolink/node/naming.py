"""What a name may be made of."""

_NAME = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_"


def check_name(name: str, also: str = "") -> str:
    """`name`, if it has letters, digits, `-`, `_` and what `also` allows; UsageError if not."""
    if not 0 < len(name) <= 40 or any(c not in _NAME and c not in also for c in name):
        from ..core.errors import UsageError

        raise UsageError("the name %r: use letters, digits, - and _ only, 40 at most" % name)
    return name


def name_of_node(name: str, uid: bytes) -> str:
    """A node's checked name; without one, that of /picolink.json or, on a host, the computer's."""
    if not name:
        from .config import node_name

        name = node_name(uid)
    return check_name(name)
