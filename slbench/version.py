"""The version, for the package, its records and its metric signatures."""

__version__ = "0.1.0"
