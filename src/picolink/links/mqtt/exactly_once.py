"""Messages of QoS 2. A client asks for QoS 1 at most; what a persistent session of an older program
was subscribed to may come at 2 yet. A board loads this then.

A message is delivered when it comes first, and its number kept until the broker lets go of it.
"""

from .packets import puback

MYPY = False
if MYPY:
    from .client import Client
    from .connection import Connection

PUBREC = 0x50
PUBCOMP = 0x70
_MOST = 256  # numbers that are kept: no broker has so many under way unless it is told to


def received(client: "Client", connection: "Connection", packet_id: int) -> None:
    """It has come, whole: the broker is told."""
    if packet_id not in client.held:
        client.held.append(packet_id)
        if len(client.held) > _MOST:
            client.held.pop(0)
    connection.answer(puback(packet_id, PUBREC))


def released(client: "Client", connection: "Connection", packet_id: int) -> None:
    """The broker will not send it again."""
    if packet_id in client.held:
        client.held.remove(packet_id)
    connection.answer(puback(packet_id, PUBCOMP))
