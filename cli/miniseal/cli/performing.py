"""What commands that take results of other jobs share."""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, cast

import click

if TYPE_CHECKING:
    from miniseal.pipeline.handover import Part

__all__ = ["inputs", "option", "read"]

option = click.option(
    "--performed",
    multiple=True,
    metavar="DIR@sha256:HEX",
    help="What `miniseal perform` has left for this job, by its digest; once for each part.",
)

_INPUTS_LIMIT = 64 * 1024


def read(named: Iterable[str]) -> "tuple[Part, ...]":
    """The parts that `--performed` names.

    Raises:
        UsageError: `results-unusable`.
        VerificationError: `results-mismatch`.
        FormatError: `results-malformed`.
    """
    from miniseal.formats.digest import check_digest
    from miniseal.formats.errors import FormatError
    from miniseal.pipeline.handover import read_part  # needs the extra `pipeline`

    parts: list[Part] = []
    for text in named:
        folder, _, digest = text.rpartition("@")
        try:
            check_digest(digest)
        except FormatError as error:
            raise click.UsageError(
                f"--performed needs DIR@sha256:HEX, not {text[:100]!r}"
            ) from error
        parts.append(read_part(Path(folder), digest))
    return tuple(parts)


def inputs(text: str | None) -> dict[str, object] | None:
    """The inputs of a workflow, a JSON object; None where none are given."""
    from miniseal.formats.errors import FormatError
    from miniseal.formats.strictjson import loads

    if text is None:
        return None
    data = text.encode("utf-8", "surrogateescape")
    try:
        value = loads(data, limit=_INPUTS_LIMIT, what="--workflow-inputs", floats=True)
    except FormatError as error:
        raise click.UsageError(f"--workflow-inputs: {error.message}") from error
    if not isinstance(value, dict):
        raise click.UsageError("--workflow-inputs needs a JSON object")
    return cast("dict[str, object]", value)
