"""What a release looks like: its events folded into steps, and one HTML page about all of it.

`recorder` collects, `model` is what a page is made from, `page` draws it. Import the module that
you need: a page needs a template engine, a recorder nothing.
"""

__all__: list[str] = []
