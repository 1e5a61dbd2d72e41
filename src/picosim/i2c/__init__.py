"""The simulated I2C: a bus at the pace of its clock, with the faults that real ones have."""
