"""The story that `miniseal demo` tells; every command in it is really run."""

from miniseal.cli.demo.story import tell

__all__ = ["tell"]
