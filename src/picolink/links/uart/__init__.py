"""A UART: two wires and ground, the same on a board and on the host."""
