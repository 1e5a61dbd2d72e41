"""Loopback: links between nodes of one program, for tests and to try things out."""
