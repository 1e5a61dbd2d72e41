"""A node on a computer: the blocking and the asyncio API, threads, signals, forks. CPython only."""
