"""TCP keeps the contract, through a proxy that cuts and reads short."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
from both import SEED, count
from cutting_proxy import CuttingProxy
from link_contract import LinkContract

import picolink
from picosim import VirtualBoard

CPYTHON_ONLY = "virtual boards"


class TestTcp(LinkContract):
    links = ("tcp-listen::5263",)

    @pytest.fixture(autouse=True)
    def _proxy(self, board: VirtualBoard) -> Iterator[None]:
        self.proxy = CuttingProxy((board.address, 5263), SEED)
        yield
        self.proxy.close()

    def address(self, board: VirtualBoard) -> str:
        return f"tcp:127.0.0.1:{self.proxy.port}"

    def cut(self, board: VirtualBoard) -> None:
        self.proxy.cut()

    def test_two_hosts_one_of_them_killed(self, board: VirtualBoard) -> None:
        n = count(10_000)
        with self.connect(board) as one, picolink.connect(f"tcp:{board.address}") as other:
            results: list[bool] = []

            def job(host: picolink.Board) -> None:
                results.append(list(host.stream("numbers", n)) == [i * 3 for i in range(n)])

            threads = [threading.Thread(target=job, args=(host,)) for host in (one, other)]
            for thread in threads:
                thread.start()
            self.test_a_host_killed_in_mid_frame(board)
            for thread in threads:
                thread.join()
            assert results == [True, True]

    def test_several_threads_call_at_once(self, board: VirtualBoard) -> None:
        with self.connect(board) as host:
            results: list[int] = []

            def job(first: int) -> None:
                results.extend(host.call("echo", first + i) for i in range(100))

            threads = [threading.Thread(target=job, args=(i * 100,)) for i in range(4)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            assert sorted(results) == list(range(400))
