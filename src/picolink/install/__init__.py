"""Brings picolink onto a real board, or off it: `picolink install`, `picolink uninstall`.

Host only; over USB, at the board's raw REPL, on the transport of the `mpremote` package.
`installer` has the order of things, and why a cut at any of them leaves a board that starts.
"""
