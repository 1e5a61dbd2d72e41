"""Each process on a processor of its own, so that ratios mean something."""

import os


def cpus() -> list[int]:
    """The processors that this process may use."""
    return sorted(os.sched_getaffinity(0))


def pin(pid: int, index: int) -> None:
    """Keeps process `pid`, with its threads and children, to one processor."""
    available = cpus_of_machine
    cpu = available[index % len(available)]
    for process in [pid, *children(pid)]:
        for thread in os.listdir(f"/proc/{process}/task"):
            os.sched_setaffinity(int(thread), {cpu})


def children(pid: int) -> list[int]:
    """All processes that `pid` has started, and theirs."""
    result = []
    for thread in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{thread}/children") as file:
            for child in file.read().split():
                result += [int(child), *children(int(child))]
    return result


cpus_of_machine = cpus()
