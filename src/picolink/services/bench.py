"""`sys.bench`: gives and takes bytes, so that whoever calls can measure the link."""

MYPY = False
if MYPY:
    from ..node.talk import Talk


def serve(talk: "Talk", ref: int, data: "str | bytes" = b"", give_bytes: int = 0) -> "int | bytes":
    """So many bytes, every value in turn; else how much `data` has come."""
    if give_bytes > 0:
        return (bytes(range(256)) * (give_bytes // 256 + 1))[:give_bytes]
    return len(data)
