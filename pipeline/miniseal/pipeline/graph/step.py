"""A step: what it reads, what it needs to run, what it gives, and what its result depends on.

A step that declares its inputs is a pure function of them: its key is their digest, and a result
under that key is as good as a run. One that declares none runs every time.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from importlib import metadata
from typing import Any, Generic, Protocol, TypeVar

from miniseal.formats.digest import sha256
from miniseal.formats.strictjson import canonical

__all__ = ["Codec", "Results", "Step", "after", "json_codec"]

_C = TypeVar("_C")
_T = TypeVar("_T")


class Results(Protocol):
    """What the steps before gave."""

    def __getitem__(self, step: "Step[Any, _T]", /) -> _T:
        """The result of `step`, which the asking step must have declared."""
        ...


@dataclass(frozen=True, kw_only=True)  # as `Step`
class Codec(Generic[_T]):
    """A result as bytes, for the cache.

    Attributes:
        encode: the same bytes for the same result.
        decode: raises `ValueError` for bytes that `encode` did not make.
    """

    encode: Callable[[_T], bytes]
    decode: Callable[[bytes], _T]


@dataclass(frozen=True, kw_only=True, eq=False)  # no slots: `Step[A, B](...)` notes its types
class Step(Generic[_C, _T]):
    """One step of a graph whose steps share a context of type `_C`.

    Attributes:
        name: for people, events and the command line.
        does: in a few words.
        run: gives the result; is called when all of `reads` and `uses` have theirs.
        reads: steps whose results the inputs are made of.
        uses: steps whose results are needed only when this one runs.
        inputs: everything the result depends on, by a name that a person understands; it gives None
            where that cannot be known. A step without them runs every time.
        codec: of the result; a step with inputs has one.
        pure: whether running it starts and changes nothing, so that a plan may.
        shows: facts about the result, for events.
        version: rises when `run` gives something else for the same inputs.
    """

    name: str
    does: str
    run: Callable[[_C, Results], Awaitable[_T]]
    reads: "tuple[Step[_C, Any], ...]" = ()
    uses: "tuple[Step[_C, Any], ...]" = ()
    inputs: Callable[[_C, Results], Mapping[str, str] | None] | None = None
    codec: Codec[_T] | None = None
    pure: bool = False
    shows: Callable[[_T], Mapping[str, object]] = field(default=lambda _: {})
    version: int = 1

    def __post_init__(self) -> None:
        """Refuse inputs without a codec, and a codec without inputs."""
        if (self.inputs is None) != (self.codec is None):
            raise ValueError(f"{self.name} has inputs or a codec, but not both")

    @property
    def needs(self) -> "tuple[Step[_C, Any], ...]":
        """All steps that it may ask for."""
        return (*self.reads, *self.uses)

    def depends(self, context: _C, of: Results) -> dict[str, str] | None:
        """Its inputs, and the Miniseal that runs it: another one may run it, or look, otherwise."""
        inputs = None if self.inputs is None else self.inputs(context, of)
        return None if inputs is None else {**inputs, "miniseal": metadata.version("miniseal")}

    def key(self, inputs: Mapping[str, str]) -> str:
        """What the cache knows the result by: 64 hex digits over the name, version and inputs."""
        document = {"step": self.name, "version": self.version, "inputs": dict(inputs)}
        return sha256(canonical(document)).removeprefix("sha256:")


def after(steps: Iterable[Step[_C, Any]], names: Iterable[str]) -> frozenset[str]:
    """The steps with these names, and all that depend on them; `steps` are in order."""
    found = set(names)
    for step in steps:
        if any(needed.name in found for needed in step.needs):
            found.add(step.name)
    return frozenset(found)


def json_codec(kind: type[_T]) -> Codec[_T]:
    """A codec for dataclasses and plain values."""

    def encode(value: _T) -> bytes:
        from pydantic import TypeAdapter  # slow, and only for what is kept

        return TypeAdapter(kind).dump_json(value)

    def decode(data: bytes) -> _T:
        from pydantic import TypeAdapter  # as above

        return TypeAdapter(kind).validate_json(data)  # its error is a ValueError

    return Codec(encode=encode, decode=decode)
