"""I2C on a board: `i2c-target:0/0x43?sda=0&scl=1`, and `i2c:0/0x43?sda=0&scl=1&freq=400000`."""

MYPY = False
if MYPY:
    from typing import Any

open_buses: "dict[int, Any]" = {}  # number -> the target, or the bus that we control


async def open_async(scheme: str, where: str, options: "dict[str, str]") -> "Any":
    """Opens a board's I2C as a target, or as the controller of one."""
    from .options import settings

    chosen = settings(scheme, where, options)
    if scheme == "i2c":
        from .board_controller import control

        return control(*chosen)
    if scheme == "i2c-registers":
        from .board_registers import RegisterTarget as kind
    else:
        from .board_target import TargetLink as kind
    from .board_serving import serve

    return serve(kind, *chosen[:3])
