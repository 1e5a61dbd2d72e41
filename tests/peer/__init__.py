"""A second implementation of the protocol, written from ``spec/protocol.md`` alone.

It shares no code with picolink: where both agree, the specification says enough. It is meant to be
read beside the specification, and to misbehave on purpose where a test wants that.

``wire`` packets and hellos, ``framing`` frames and lengths, ``values`` what bodies say,
``links`` TCP and serial ports, ``lanes`` and ``session`` acknowledgements and messages, ``calls``
what they mean, ``nodes`` the real nodes that it meets.
"""
