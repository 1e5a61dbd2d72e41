"""Switches the lamp, without picolink: python switch.py HOST on|off|?"""

import socket
import sys

host, command = sys.argv[1:]
with socket.create_connection((host, 8080), timeout=5) as connection:
    connection.sendall(command.encode() + b"\n")
    if command == "?":
        print(connection.recv(5).decode().strip())
