"""What a test file needs that runs on CPython (under pytest) and on MicroPython.

Such files use plain ``test_*`` functions (``async def`` too), bare ``assert`` and an optional
``setup()`` and ``teardown()`` around each test; no pytest, no fixtures. See CONTRIBUTING.md.
"""

import os
import sys

MICROPYTHON = sys.implementation.name == "micropython"
#: Full counts (``make soak``) instead of a twentieth of them.
SOAK = os.getenv("PICOLINK_SOAK") not in (None, "", "0")
#: The seed of everything random in a test; a failure prints it, see `random_for`.
SEED = int(os.getenv("PICOLINK_SEED") or 1)


def count(full, least=1):
    """`full` under ``make soak``, else a twentieth of it, but no fewer than `least`."""
    return full if SOAK else max(full // 20, least)


class Random:
    """A seeded generator that gives the same numbers on both interpreters (xorshift32)."""

    def __init__(self, seed):
        self.seed = seed
        self._state = (seed * 2654435761 + 0x9E3779B9) & 0xFFFFFFFF or 1

    def bits(self):
        """The next 32 bits, as an integer."""
        x = self._state
        x ^= (x << 13) & 0xFFFFFFFF
        x ^= x >> 17
        x ^= (x << 5) & 0xFFFFFFFF
        self._state = x
        return x

    def below(self, n):
        """An integer from 0 to n - 1."""
        return self.bits() % n

    def between(self, low, high):
        """An integer from low to high, both included."""
        return low + self.bits() % (high - low + 1)

    def chance(self, share):
        """True with the probability `share` (0 to 1)."""
        return self.bits() < share * 4294967296

    def choice(self, items):
        """One of `items`."""
        return items[self.bits() % len(items)]

    def bytes(self, n):
        """`n` random bytes."""
        return bytes([self.bits() >> 8 & 0xFF for _ in range(n)])


def random_for(name):
    """A `Random` from the run's seed and `name`; says how to replay where the test fails."""
    print("replay with PICOLINK_SEED=%d" % SEED)
    number = SEED
    for character in name:
        number = (number * 31 + ord(character)) & 0x3FFFFFFF
    return Random(number)


class raises:
    """``with raises(ValueError, "part of the message") as caught:``, then ``caught.value``."""

    def __init__(self, exc, match=None):
        self.exc = exc
        self.match = match
        self.value = None

    def __enter__(self):
        return self

    def __exit__(self, kind, value, traceback):
        if kind is None:
            raise AssertionError("expected %s, nothing was raised" % (self.exc,))
        if not issubclass(kind, self.exc):
            return False
        self.value = value
        if self.match is not None and self.match not in str(value):
            raise AssertionError("%r is not in the message %r" % (self.match, str(value)))
        return True


if MICROPYTHON:

    class _Cases:
        # A function takes no attributes here, so the decorators return an object.
        def __init__(self, function, values):
            self.function = function
            self.values = values

    def cases(values):
        """``@cases([(1, 2), (3, 4)])``: the test is run once with each tuple as arguments."""
        return lambda function: _Cases(function, values)

    def skip_on_micropython(reason):
        """``@skip_on_micropython("why")``: the test is run by CPython only."""
        return lambda function: function

    def skip_on_cpython(reason):
        """``@skip_on_cpython("why")``: the test is run by MicroPython only."""
        return lambda function: function

else:
    import inspect

    import pytest

    def cases(values):
        """``@cases([(1, 2), (3, 4)])``: the test is run once with each tuple as arguments."""

        def mark(function):
            names = list(inspect.signature(function).parameters)
            rows = [v[0] if len(names) == 1 and isinstance(v, tuple) else v for v in values]
            return pytest.mark.parametrize(names if len(names) > 1 else names[0], rows)(function)

        return mark

    def skip_on_micropython(reason):
        """``@skip_on_micropython("why")``: the test is run by CPython only."""
        return lambda function: function

    def skip_on_cpython(reason):
        """``@skip_on_cpython("why")``: the test is run by MicroPython only."""
        return pytest.mark.skip(reason=reason)
