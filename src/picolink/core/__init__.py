"""The protocol, without input, output or a clock: bytes in, events out."""
