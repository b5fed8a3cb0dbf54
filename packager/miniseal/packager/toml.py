"""The project's TOML files, read strictly.

TOML itself refuses duplicate keys. Added here: a bound, UTF-8, and one error code per file. It does
not know any schema.
"""

import tomllib

from miniseal.formats.errors import Code

__all__ = ["TOML_LIMIT", "read_toml"]

TOML_LIMIT = 256 * 1024
"""Bytes of `miniseal.toml` or `miniseal.lock`."""

_LINE_LIMIT = 4096
# tomllib needs time quadratic in the number of dots of one key


def read_toml(data: bytes, what: str, code: Code) -> dict[str, object]:
    """Parse one TOML document of at most `TOML_LIMIT` bytes; `what` names it in errors.

    Raises:
        MinisealError: `code`.
    """
    if len(data) > TOML_LIMIT:
        raise code(f"{what} is too large", found=f"{len(data)} bytes", expected="at most 256 KiB")
    if max(map(len, data.split(b"\n"))) > _LINE_LIMIT:
        raise code(f"{what} has a line that is too long", expected=f"at most {_LINE_LIMIT} bytes")
    try:
        return tomllib.loads(data.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise code(
            f"{what} is not UTF-8", found=f"a stray byte at offset {error.start}", expected="UTF-8"
        ) from error
    except (ValueError, RecursionError) as error:
        reason = "nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise code(f"{what} is not TOML: {reason[:200]}") from error
