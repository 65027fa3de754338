"""`python -m slbench`."""

from slbench.cli import main

main()
