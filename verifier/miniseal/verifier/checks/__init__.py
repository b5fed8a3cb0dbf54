"""The checks of an admission, one each: pure functions that return what they found, or raise.

They see evidence and content that were verified already. Import the module that you need.
"""

__all__: list[str] = []
