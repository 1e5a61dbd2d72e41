"""What networks need besides links: Wi-Fi."""
