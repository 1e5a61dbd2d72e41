"""`sys.wifi`: how a board's Wi-Fi is, in words; what is wrong, and what to do."""

from ...core.errors import UnknownCommand

MYPY = False
if MYPY:
    from typing import Any

    from ..talk import Talk


def serve(talk: "Talk", ref: int, apart: bool = False) -> "Any":
    """A text; `apart`: a list of [kind, why, what to do], with kind "" where all is well."""
    wifi = talk.node.wifi
    if wifi is None:
        raise UnknownCommand("sys.wifi: this node looks after no Wi-Fi")
    return wifi.findings() if apart else wifi.explain()
