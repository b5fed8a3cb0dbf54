"""The modules that a Go program in wasm was built from, as the Go linker wrote them into it.

The scanner reads this from other kinds of executables and passes over wasm. The text lies in a data
segment between two marks (Go's `cmd/go/internal/modload`, `debug.ParseBuildInfo`); the version of
the standard library is in the `producers` section. Go leaves the text out when a program is built
without modules.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

from miniseal.formats.wasm.inspect import data_segments, inspect
from miniseal.pipeline.trivy.coverage import SCAN_INCOMPLETE

__all__ = ["GoModule", "bill_of", "modules"]

_START = bytes.fromhex("3077af0c9274080241e1c107e6d618e6")
_END = bytes.fromhex("f932433186182072008242104116d8f2")
_LIMIT = 4 * 1024 * 1024
_PATH = re.compile(r"(?=.{1,1000}$)[A-Za-z0-9._~-]+(/[A-Za-z0-9._~-]+)*")
_VERSION = re.compile(r"v[0-9A-Za-z.+_-]{1,200}")
_UNRELEASED = "(devel)"
_RELEASE = re.compile(r"go(\d+\.\d+(\.\d+)?)\b")


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class GoModule:
    """A module, or Go's standard library under the name `stdlib`.

    Attributes:
        path: for example `golang.org/x/text`.
        version: for example `v0.3.7`.
    """

    path: str
    version: str

    @classmethod
    def of(cls, words: list[str]) -> Self:
        """Read a line's path and version; raises SCAN_INCOMPLETE."""
        if len(words) < 3 or not (_PATH.fullmatch(words[1]) and _VERSION.fullmatch(words[2])):
            raise SCAN_INCOMPLETE(
                "the list of modules in a Go program cannot be read",
                found=ascii("\t".join(words))[:200],
            )
        return cls(path=words[1], version=words[2])


def modules(wasm: bytes) -> tuple[GoModule, ...]:
    """What the program was built from, sorted; empty where the module does not say.

    Raises:
        FormatError: as `inspect`.
        VerificationError: `scan-incomplete`, where what it says cannot be read.
    """
    found = {module for text in _texts(wasm) for module in _modules(text)}
    if found:
        found |= {GoModule(path="stdlib", version=version) for version in _releases(wasm)}
    return tuple(sorted(found))


def bill_of(found: tuple[GoModule, ...]) -> dict[str, object]:
    """A CycloneDX document that lists the modules, for the scanner to look up."""
    from packageurl import PackageURL  # needs the pipeline's extra

    components = [
        {
            "type": "library",
            "bom-ref": str(number),
            "name": module.path,
            "version": module.version,
            "purl": PackageURL(
                "golang",
                module.path.rpartition("/")[0] or None,
                module.path.rpartition("/")[2],
                module.version,
            ).to_string(),
        }
        for number, module in enumerate(found)
    ]
    return {"bomFormat": "CycloneDX", "specVersion": "1.6", "version": 1, "components": components}


def _texts(wasm: bytes) -> Iterator[str]:
    for segment in data_segments(wasm):
        start = segment.find(_START)
        while start >= 0:
            end = segment.find(_END, start)
            if end < 0 or end - start > _LIMIT:
                break
            yield segment[start + len(_START) : end].decode("utf-8", "replace")
            start = segment.find(_START, end)


def _modules(text: str) -> Iterator[GoModule]:
    """Every `dep` line, or what a `=>` line below it puts in its place.

    What has no version, as another module of the same workspace, cannot be looked up; nor can a
    replacement by a folder, so the original counts.
    """
    last: GoModule | None = None
    for line in text.splitlines():
        words = line.split("\t")
        if words[0] == "=>" and last is not None:
            last = GoModule.of(words) if len(words) > 2 and words[2].startswith("v") else last
            continue
        if last is not None:
            yield last
        is_released = words[0] == "dep" and words[2:3] != [_UNRELEASED]
        last = GoModule.of(words) if is_released else None
    if last is not None:
        yield last


def _releases(wasm: bytes) -> Iterator[str]:
    for producer in inspect(wasm).producers:
        release = _RELEASE.match(producer.version)
        if producer.name.startswith("Go cmd/") and release:
            yield f"v{release[1]}"
