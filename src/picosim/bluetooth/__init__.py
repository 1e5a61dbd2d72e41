"""Bluetooth between virtual boards and this computer, over PyPI `bumble`.

`public.py` is what a world holds; `process.py` the process behind it, started when somebody first
uses Bluetooth: in it are the radio (`medium.py`, `controller.py`, `connection.py`) and a stack for
each board (`stack.py`, `server.py`, `client.py`). Computers bring a stack of their own and speak
HCI with a controller there: `host.py`, below the real `bleak` (`bleak_client.py`,
`bleak_scanner.py`, `backend.py`).
"""
