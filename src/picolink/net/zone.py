"""Local time, by a rule as POSIX writes it: `CET-1CEST,M3.5.0,M10.5.0/3` (POSIX.1-2017, 8.3; with
the hours that RFC 9636 adds). Names, seconds east of Greenwich, and when each half of the year
begins: nothing else has to be known of a place, and hosts have the rule of each."""

from ..core.errors import UsageError

MYPY = False
if MYPY:
    Date = tuple[str, list[int], int]  # how, its numbers, seconds into that day


class Zone:
    """A rule, read. Raises `UsageError` for what is none."""

    def __init__(self, rule: str) -> None:
        self._text = rule
        try:
            self.name = self._name()
            self.offset_s = -self._seconds()
            self.summer_name = ""
            self.summer_s = self.offset_s
            self._dates: list[Date] = []
            if self._text:
                self.summer_name = self._name()
                self.summer_s = self.offset_s + 3600
                if self._text[0] != ",":
                    self.summer_s = -self._seconds()
                self._dates = [self._date(), self._date()]
            if self._text:
                raise ValueError
        except (ValueError, IndexError):
            raise UsageError(
                "%r is no rule of local time: one is CET-1CEST,M3.5.0,M10.5.0/3, another UTC0"
                % rule
            ) from None

    def at(self, unix_s: int) -> "tuple[int, str]":
        """Seconds east of Greenwich at a time, and what the local time is called then."""
        if self._dates:
            year = _year(unix_s + self.offset_s)
            start, end = [_begin_s(year, date) for date in self._dates]
            start -= self.offset_s
            end -= self.summer_s
            # South of the equator summer is what lies outside of the two.
            if start <= unix_s < end if start < end else not end <= unix_s < start:
                return self.summer_s, self.summer_name
        return self.offset_s, self.name

    # Reading a rule from the left: each takes its part off `_text`.

    def _name(self) -> str:
        text = self._text
        if text[0] == "<":
            name, _, self._text = text[1:].partition(">")
        else:
            end = 0
            while end < len(text) and text[end].isalpha():
                end += 1
            name, self._text = text[:end], text[end:]
        if len(name) < 3:
            raise ValueError
        return name

    def _seconds(self) -> int:
        end = 0
        while end < len(self._text) and self._text[end] in "+-0123456789:":
            end += 1
        text, self._text = self._text[:end], self._text[end:]
        sign = -1 if text[0] == "-" else 1
        parts = [int(part) for part in text.lstrip("+-").split(":")] + [0, 0]
        if len(parts) > 5 or parts[0] > 167 or max(parts[1:]) > 59:
            raise ValueError
        return sign * (parts[0] * 3600 + parts[1] * 60 + parts[2])

    def _date(self) -> "Date":
        if self._text[0] != ",":
            raise ValueError
        text = self._text[1:]
        end = 0
        while end < len(text) and text[end] not in ",/":
            end += 1
        how = text[0] if text[0] in "MJ" else ""
        numbers = [int(part) for part in text[len(how) : end].split(".")]
        low_high = [(1, 12), (1, 5), (0, 6)] if how == "M" else [(1 if how else 0, 365)]
        if len(numbers) != len(low_high):
            raise ValueError
        for number, (low, high) in zip(numbers, low_high):  # strict is CPython's
            if not low <= number <= high:
                raise ValueError
        self._text = text[end:]
        at_s = 7200
        if self._text[:1] == "/":
            self._text = self._text[1:]
            at_s = self._seconds()
        return how, numbers, at_s


def days(year: int, month: int, day: int) -> int:
    """Days from 1970-01-01 to a date of the Gregorian calendar. Years begin in March here, so that
    the leap day is their last and months' lengths are a straight line."""
    if month <= 2:
        year -= 1
        month += 12
    return (
        365 * year + year // 4 - year // 100 + year // 400
        + (153 * (month - 3) + 2) // 5 + day - 719469
    )  # fmt: skip


def _year(unix_s: int) -> int:
    """The year in which a moment lies."""
    day = unix_s // 86400
    year = 1970 + day * 400 // 146097
    if days(year + 1, 1, 1) <= day:
        year += 1
    elif days(year, 1, 1) > day:
        year -= 1
    return year


def _begin_s(year: int, date: "Date") -> int:
    """When a date of the rule is in `year`, in seconds since 1970 of that local time."""
    how, numbers, at_s = date
    if how == "M":
        month, week, weekday = numbers
        first = days(year, month, 1)
        day = first + (weekday - first - 4) % 7 + 7 * (week - 1)  # 1970-01-01 was a Thursday
        after = days(year, month + 1, 1) if month < 12 else days(year + 1, 1, 1)
        if day >= after:
            day -= 7  # the fifth is the last
    else:
        day = days(year, 1, 1) + numbers[0]
        if how and (numbers[0] < 60 or days(year, 3, 1) - days(year, 2, 1) == 28):
            day -= 1  # J counts from 1, and never a 29th of February
    return day * 86400 + at_s
