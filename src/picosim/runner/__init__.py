"""What runs a virtual board: the process behind it, and the interpreter in that."""
