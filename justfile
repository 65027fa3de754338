# Tasks of everyday work; `just` lists them.

setup:
    pip install --editable ".[dev]"
    pre-commit install

lint:
    ruff check .
    ruff format --check .

types:
    mypy --strict slbench

test:
    pytest

bench:
    pytest tests/benchmarks/bench_*.py
