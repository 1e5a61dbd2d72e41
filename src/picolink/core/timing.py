"""The protocol's time constants, in milliseconds."""

TIMES = {
    "ack": 25,  # an acknowledgement waits this long for a packet to ride on
    "rto_first": 400,  # retransmission timeout before a round trip was measured
    "rto_min": 150,
    "rto_max": 8000,
    "hello": 300,  # the first wait for an answer to a hello; doubles up to hello_max
    "hello_max": 600,
    "pending": 10000,  # an answered hello that nobody confirms is forgotten
    "keepalive": 5000,  # silence after which a sign of life is asked for
    "dead": 15000,  # silence after which the link counts as lost
    "dormant": 60000,  # a session without a link may be evicted after this
    "partial": 200,  # an unfinished frame among text is given up
    "retry": 250,  # the first wait before dialing again; doubles up to retry_max
    "retry_max": 5000,
    "call": 10000,  # a call's deadline where the caller names none
}
