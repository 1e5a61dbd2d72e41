"""Loopback on MicroPython."""

from .link import open_async

__all__ = ["open_async"]
