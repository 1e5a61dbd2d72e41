"""The simulated UART: wires at the pace of their baud rate, with the faults that wires have."""
