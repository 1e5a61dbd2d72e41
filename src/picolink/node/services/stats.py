"""`sys.stats`: what a node counts: packets dropped, resent, memory."""

import gc

MYPY = False
if MYPY:
    from typing import Any

    from ..talk import Talk


def serve(talk: "Talk", ref: int) -> "dict[str, Any]":
    """Counters of the endpoint, of each session, and the memory (bytes, on a board)."""
    node = talk.node
    endpoint = node.endpoint
    sessions = []
    for session in endpoint.sessions.values():
        attach = session.attach
        sessions.append(
            {
                "peer": session.peer_name,
                "state": session.state,
                "resent": session.resent,
                "ignored": session.ignored,
                "srtt_ms": attach.srtt_ms if attach is not None else None,
                "waiting_bytes": session.out.short.bytes + session.out.long.bytes,
                "subscriptions": len(session.data.outgoing),
            }
        )
    result = {
        "uptime_ms": node.now_ms() - node.started_ms,
        "stale": endpoint.stale,
        "malformed": endpoint.malformed,
        # abilities.Counting
        "damaged": sum(getattr(driver.link, "damaged", 0) for driver in node.drivers),
        "sessions": sessions,
    }
    if hasattr(gc, "mem_free"):
        result["free_bytes"] = gc.mem_free()
        result["used_bytes"] = gc.mem_alloc()  # type: ignore[attr-defined]
    return result
