"""A page about one run: what it scores where, what it confuses, and what it says."""
