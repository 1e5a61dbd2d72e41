"""TCP: length-prefixed packets (spec 3), port 5263."""
