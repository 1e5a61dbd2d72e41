"""What links share on a computer: abilities, addresses as people type them, what is wrong and why.
CPython only."""
