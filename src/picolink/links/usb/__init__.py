"""USB: frames among the text of a serial port that the REPL and `print` use too (spec 2)."""
