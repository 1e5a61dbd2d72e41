"""Virtual boards on I2C."""

from i2c_pairs import pair, world

__all__ = ["pair", "world"]
