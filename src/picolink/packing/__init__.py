"""What goes onto a board: which modules, compiled by `mpy-cross`, and how large they are.

    python -m picolink.packing --out build/board --groups usb,tcp     files to copy to /lib
    python -m picolink.packing --sizes                                 bytes per module
    python -m picolink.packing --package-json                          renews board/package.json

Host only. `contents` has the one table to edit when a module comes or goes. On its way a module is
stripped (`slimming`), joined with others (`bundling`), parted from what is seldom wanted (`apart`),
compiled (`compiling`) and given the line numbers of the sources (`lines`).
"""

from .assembling import board_texts as board_texts
from .assembling import compile_all as compile_all
from .assembling import loaded_bytes as loaded_bytes
from .assembling import package_json as package_json
from .assembling import sizes as sizes
from .assembling import write_all as write_all
from .compiling import PackingError as PackingError
from .compiling import cache_folder as cache_folder
from .compiling import compile_source as compile_source
from .compiling import without_types as without_types
from .contents import CHECKOUT as CHECKOUT
from .contents import GROUPS as GROUPS
from .contents import HOST_ONLY as HOST_ONLY
from .contents import SOURCES as SOURCES
from .contents import board_sources as board_sources
