"""The end of a node."""

from .invoke import guarded

MYPY = False
if MYPY:
    from .node import Node


def stop(node: "Node") -> None:
    """Ends all sessions politely and closes the links."""
    now_ms = node.now_ms()
    for session in list(node.endpoint.sessions.values()):
        guarded(node, node.endpoint.close, session, now_ms)
    for driver in node.drivers[:]:
        driver.on_lost = len  # and it is not opened anew
        driver.pump(now_ms)
        driver.lost("the program ended")
    for listener, watch in node.listeners:
        guarded(node, watch.stop)
        guarded(node, listener.close)
    node.listeners.clear()
    if node.wifi is not None:
        guarded(node, node.wifi.stop)
    if node.host is not None:
        node.host.stop()
        node.host = None
