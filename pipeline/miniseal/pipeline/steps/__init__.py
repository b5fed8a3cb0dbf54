"""The release pipeline's steps, one file each: declared inputs in, a frozen outcome out."""

__all__: list[str] = []
