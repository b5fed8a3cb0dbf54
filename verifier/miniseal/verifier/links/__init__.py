"""in-toto links: what each step of a release used and made, and who says so.

`checks.layout` decides by them. Import the module that you need.
"""

__all__: list[str] = []
