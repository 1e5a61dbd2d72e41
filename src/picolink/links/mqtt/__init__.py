"""MQTT 3.1.1: a client of our own, on a board and on a computer."""
