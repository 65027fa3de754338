"""The command line: parse, call, print. Heavy packages are imported inside commands."""

from slbench.cli.app import main

__all__ = ["main"]
