"""What others said, as errors may repeat it: nothing that a screen obeys, and nobody's secrets.

Pure.
"""

import re

__all__ = ["place", "text"]

_USER = re.compile(r"//[^/?#]*@")
_REST = re.compile(r"[?#].*", re.DOTALL)


def text(said: str, most: int = 200) -> str:
    """The beginning of a text, without what is no plain character."""
    return "".join(c if c.isprintable() else "?" for c in said[:most])


def place(url: str) -> str:
    """A URL without user, password and query: these may be somebody's key to it."""
    return text(_REST.sub("", _USER.sub("//...@", url[:8192])))
