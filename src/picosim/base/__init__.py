"""What every part of the simulator stands on: events, lines between processes, Linux."""
