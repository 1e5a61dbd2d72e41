"""What networks need besides links: Wi-Fi, the time of day."""
