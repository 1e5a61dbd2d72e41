"""`sys.bench`: gives and takes bytes, so that whoever calls can measure the link."""

from ...core.errors import BadArguments
from ..args import check_int

MYPY = False
if MYPY:
    from ..talk import Talk

_given = b""  # what was given last: making it takes longer than sending it


def serve(talk: "Talk", ref: int, data: "str | bytes" = b"", give_bytes: int = 0) -> "int | bytes":
    """So many bytes, every value in turn; else how much `data` has come. BadArguments above
    what either node takes at once."""
    global _given
    if not isinstance(data, (str, bytes, bytearray)):
        raise BadArguments("data: it takes a text or bytes")
    session = talk.session
    most = min(session.peer_limit_bytes, session.limit_bytes) - 4  # of the length of the JSON part
    check_int("give_bytes", give_bytes, 0, most)
    if give_bytes > 0:
        if len(_given) != give_bytes:
            _given = b""
            _given = (bytes(range(256)) * (give_bytes // 256 + 1))[:give_bytes]
        return _given
    return len(data)
