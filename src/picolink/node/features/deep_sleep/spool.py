"""What could not be delivered, in one small file until it is: a record of each waking.

A line of JSON each, that begins with its newline: one that a power cut tore harms no other.
A record is [id, ms since 1970 or None, how many older ones were dropped before it, items].
"""

import json
import os

MYPY = False
if MYPY:
    from typing import Any

    Record = list[Any]

PATH = "/picolink-kept.json"
MAX_RECORDS = 60  # fewer than the ids that a receiver remembers
MAX_BYTES = 8192


def load() -> "tuple[list[Record], bool]":
    """The records, oldest first, and whether there is a file."""
    records: list[Record] = []
    try:
        with open(PATH, "rb") as file:
            for line in file:
                try:
                    record = json.loads(line)
                except ValueError:
                    continue  # its own newline, or torn
                if isinstance(record, list) and len(record) == 4:
                    records.append(record)
    except OSError:
        return records, False
    return records, True


def keep(records: "list[Record]", added: bool) -> None:
    """Writes `records`, without the oldest where they are too many. `added`: the file has all but
    the last."""
    lines = ["\n" + json.dumps(record) for record in records]
    whole = not added
    size = sum([len(line.encode()) for line in lines])
    while len(lines) > 1 and (len(lines) > MAX_RECORDS or size > MAX_BYTES):
        size -= len(lines.pop(0).encode())
        records[1][2] += records.pop(0)[2] + 1
        whole = True
    if not whole:
        with open(PATH, "a") as file:
            file.write(lines[-1])
        return
    if len(records):
        lines[0] = "\n" + json.dumps(records[0])
    with open(PATH + ".part", "w") as file:
        for line in lines:
            file.write(line)
    os.rename(PATH + ".part", PATH)  # whole or not at all


def forget() -> None:
    """All of it was delivered."""
    os.remove(PATH)
