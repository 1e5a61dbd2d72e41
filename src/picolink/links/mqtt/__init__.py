"""MQTT 3.1.1: a client of our own, on a board and on a computer."""

from .client import Client
from .packets import Message, Piece

__all__ = ["Client", "Message", "Piece"]
