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

# The picture in the README, from the committed record.
picture:
    python -c "from pathlib import Path; from rich.console import Console; \
    from slbench.records import parse_record; from slbench.report.tables import run_table; \
    record = next(Path('results/fingerspelling-islr/uni-sign-mini').glob('*.json')); \
    console = Console(record=True, width=76, markup=False); \
    console.print(run_table(parse_record(record.read_text(), str(record)))); \
    console.save_svg('docs/run.svg', title='slbench run --model uni-sign-mini --task fingerspelling-islr')"

# The board in the repository, from records, published figures and rules.
board:
    slbench leaderboard --format markdown --output leaderboard/README.md
    slbench leaderboard --format html --output leaderboard/index.html

# The picture of the board's page in the README.
board-picture: board
    chromium --headless=new --no-sandbox --hide-scrollbars --window-size=1100,900 --screenshot=docs/leaderboard.png \
    "file://$PWD/leaderboard/index.html#family=slt&task=csl-daily-slt/test/BLEU-4"
