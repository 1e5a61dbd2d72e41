"""USB keeps the contract, with stray prints between the frames."""

from link_contract import LinkContract

from picosim import VirtualBoard


class TestUsb(LinkContract):
    prints = True

    def address(self, board: VirtualBoard) -> str:
        return board.usb_path

    def cut(self, board: VirtualBoard) -> None:
        board.unplug()
        board.plug()
