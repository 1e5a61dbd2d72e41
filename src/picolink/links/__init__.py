"""Links: one folder per medium, found through the registry."""
