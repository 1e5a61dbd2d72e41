"""A command of a node, as it was declared."""

from ..core.seldom import starting

MYPY = False
if MYPY:
    from collections.abc import Callable
    from typing import Any


class Command:
    """What runs, and what it takes."""

    @starting
    def __init__(
        self, function: "Callable[..., Any]", help: str = "", blocking_s: float = 0,
        stream: bool = False,
    ) -> None:  # fmt: skip
        self.function = function
        self.help = help
        self.blocking_s = blocking_s
        self.stream = stream
        self.declared: list[tuple[str, str]] | None = None
        self.check: Callable[[list[Any], dict[str, Any]], None] | None = None

    @starting
    def declare(self, ordered: tuple[str, ...], named: dict[str, str]) -> None:
        """Notes what arguments it takes (node/args.py)."""
        if ordered or named:
            from .args import checker, specs

            self.declared = specs(ordered, named)
            self.check = checker(self.declared)
