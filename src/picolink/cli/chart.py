"""A chart of the latest values as text: braille dots, two by four a character."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

#: Bits of the braille dots of a character: column, then row from the top.
_DOTS = ((0x01, 0x02, 0x04, 0x40), (0x08, 0x10, 0x20, 0x80))
_ROWS = 4
MAX_VALUES = 4096
_MIN_COLUMNS = 12


class Series:
    """The latest values of a reading, with what is known of all of them."""

    def __init__(self) -> None:
        self.values: deque[float | None] = deque(maxlen=MAX_VALUES)
        self.count = 0
        self.missed = 0
        self.lowest: float | None = None
        self.highest: float | None = None

    def add(self, value: object, missed: int = 0) -> None:
        """Takes a value; what is no number leaves a gap."""
        self.count += 1
        self.missed += missed
        number = float(value) if isinstance(value, (int, float)) else None
        if number is not None:
            self.lowest = number if self.lowest is None else min(self.lowest, number)
            self.highest = number if self.highest is None else max(self.highest, number)
        self.values.extend([None] * min(missed, 8))
        self.values.append(number)


def draw(values: Sequence[float | None], columns: int, rows: int) -> list[str]:
    """The newest values as `rows` lines at most `columns` wide, with the scale at the left."""
    rows = max(1, rows)
    numbers = [value for value in values if value is not None]
    low, high = (min(numbers), max(numbers)) if numbers else (0.0, 1.0)
    if high == low:  # a flat line runs through the middle
        low, high = low - 1, high + 1
    labels = [f"{value:.6g}" for value in (high, low)]
    label_columns = max(map(len, labels))
    width = columns - label_columns - 2
    if width < 1:
        label_columns, width = 0, max(1, columns)
    newest = list(values)[-2 * width :]
    numbers = [value for value in newest if value is not None]
    if numbers and min(numbers) < max(numbers):
        low, high = min(numbers), max(numbers)
        labels = [f"{value:.6g}"[:label_columns] for value in (high, low)]
    cells = [[0] * width for _ in range(rows)]
    last = rows * _ROWS - 1
    before: int | None = None
    for x, value in enumerate(newest):
        if value is None:
            before = None
            continue
        y = round((high - value) / (high - low) * last)
        # Up and down to the middle between this point and the one before: a line, no dust.
        start, end = (y, y) if before is None else (min(y, before), max(y, before))
        for dot in range(start, end + 1):
            cells[dot // _ROWS][x // 2] |= _DOTS[x % 2][dot % _ROWS]
        before = y
    lines = []
    for row, line in enumerate(cells):
        text = "".join(chr(0x2800 + bits) for bits in line)
        if label_columns:
            label = {0: labels[0], rows - 1: labels[1]}.get(row, "")
            text = f"{label:>{label_columns}} ┤{text}"
        lines.append(text)
    return lines


def frame(title: str, status: str, series: Series, columns: int, rows: int) -> list[str]:
    """Title, chart and status line, no wider or higher than that."""
    columns = max(columns, _MIN_COLUMNS)
    body = draw(series.values, columns, max(1, rows - 2))
    return [title[:columns], *body, status[:columns]][: max(rows, 1)]
