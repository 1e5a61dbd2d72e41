"""I2C: two wires, on which only the controller speaks; packets lie in a mailbox (spec 13)."""
