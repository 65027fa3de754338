"""slbench: the benchmark and evaluation suite for sign-language understanding."""

__version__ = "0.1.0"
