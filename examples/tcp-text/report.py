"""Sends lines of its input as reports, without picolink: python report.py HOST < FILE

A report is up to 512 bytes, without a line end. All go over one connection; a server that closes
it after an answer gets a new one for the next.
"""

import socket
import sys

host = sys.argv[1]
connection = None
for line in sys.stdin:
    report = line.strip().encode()[:512]
    if connection is None:
        connection = socket.create_connection((host, 5263), timeout=5)
    connection.sendall(report)
    answer = connection.recv(1024)
    if b"Success" not in answer:
        sys.exit(f"not taken: {report!r}: {answer!r}")
    print(answer.decode())
    connection.settimeout(0.02)
    try:
        closed = connection.recv(1) == b""
    except TimeoutError:
        closed = False
    connection.settimeout(5)
    if closed:
        connection.close()
        connection = None
