"""What the simulator asks of Linux."""

from __future__ import annotations

import mmap
import os
import signal
import struct
import subprocess
import sys
import time

from picosim.base import system

COUNTS = """
import mmap, struct, sys
memory = mmap.mmap(int(sys.argv[1]), 8)
n = 0
while True:
    n += 1
    struct.pack_into("<Q", memory, 0, n)
"""


def test_a_process_that_is_held_still_does_nothing() -> None:
    shared = os.memfd_create("count")
    os.ftruncate(shared, 8)
    with mmap.mmap(shared, 8) as memory:

        def count() -> int:
            return int(struct.unpack_from("<Q", memory, 0)[0])

        with subprocess.Popen([sys.executable, "-c", COUNTS, str(shared)], pass_fds=[shared]) as it:
            try:
                deadline = time.monotonic() + 10
                for _ in range(200):
                    before = count()
                    while count() == before:
                        assert time.monotonic() < deadline
                    with system.stopped(it.pid):
                        held = count()
                        time.sleep(0.0002)  # what is tested: nothing happens meanwhile
                        assert count() == held
            finally:
                it.kill()
    os.close(shared)
    assert it.returncode == -signal.SIGKILL


def test_one_that_has_ended_is_still_enough() -> None:
    with subprocess.Popen(["true"]) as it:
        os.waitid(os.P_PID, it.pid, os.WEXITED | os.WNOWAIT)
        with system.stopped(it.pid):
            assert not system.catches(it.pid, signal.SIGINT)
