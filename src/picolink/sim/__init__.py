"""The virtual Pico W boards of picosim, under the name that they had when they were a part of
picolink: `from picolink.sim import World`. Host only.

`picolink.sim.X` is the very module `picosim.X`. New programs import `picosim`.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from importlib.abc import Loader
from importlib.machinery import ModuleSpec
from typing import TYPE_CHECKING, Any

from ..links.host.virtual import needed

if TYPE_CHECKING:
    from picosim import *  # noqa: F403


#: Modules of picosim that had other names when it was a part of picolink.
_NOW = {
    "board_process": "runner.run", "printed": "runner.output",
    "bluetooth.adapter": "bluetooth.host", "bluetooth.air": "bluetooth.public",
    "bluetooth.port": "bluetooth.ports", "bluetooth.radio": "bluetooth.medium",
    "i2c.bus": "i2c.medium", "i2c.device": "i2c.host", "i2c.port": "i2c.ports",
    "i2c.wire": "i2c.public", "uart.line": "uart.medium", "uart.port": "uart.ports",
    "uart.wire": "uart.public", "wifi.air": "wifi.medium", "wifi.door": "wifi.host",
}  # fmt: skip
for _folder, _names in (
    ("base", "announce environment events given lines paced system"),
    ("runner", "flash interpreter pty_path supervisor usb_port"),
):
    _NOW |= {_name: f"{_folder}.{_name}" for _name in _names.split()}


class _Forwarding(Loader):
    """Finds and loads `picolink.sim.X` as the simulator's X."""

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        if not name.startswith(__name__ + "."):
            return None
        real = importlib.util.find_spec(_real(name))
        if real is None:
            return None
        return ModuleSpec(name, self, is_package=real.submodule_search_locations is not None)

    def create_module(self, spec: ModuleSpec) -> Any:
        module = importlib.import_module(_real(spec.name))
        spec.loader_state = module.__spec__
        return module

    def exec_module(self, module: Any) -> None:
        module.__spec__ = module.__spec__.loader_state  # it stays the module that it was

    def get_code(self, name: str) -> Any:
        """For `python -m picolink.sim.X`."""
        real: Any = importlib.util.find_spec(_real(name))
        return real.loader.get_code(real.name)


def _real(name: str) -> str:
    simulator: str = needed().names.__name__
    module = name.removeprefix(__name__ + ".")
    return f"{simulator}.{_NOW.get(module, module)}"


def __getattr__(name: str) -> Any:
    return getattr(needed().names, name)


sys.meta_path.insert(0, _Forwarding())  # before what finds files by the path of a package
