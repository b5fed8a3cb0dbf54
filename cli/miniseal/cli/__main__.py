"""`python -m miniseal.cli`."""

from miniseal.cli.main import run

run()
