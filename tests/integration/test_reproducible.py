"""Two clones of this repository build the same bytes, wherever and by whomever it is done."""

import subprocess
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from kit.golden import KINDS, NAMES, build, golden
from miniseal.cli.workshop import tool_cache

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True, kw_only=True)
class Builder:
    """Who clones and builds, and where."""

    place: str
    umask: str
    env: dict[str, str] = field(default_factory=dict[str, str])


BUILDERS = (
    Builder(place="one", umask="022", env={"TZ": "UTC", "LANG": "C", "HOME": "/nonexistent"}),
    Builder(
        place="somewhere else/far below/Ünder",
        umask="077",
        env={
            "TZ": "Pacific/Kiritimati",
            "LANG": "tr_TR.UTF-8",
            "LC_ALL": "tr_TR.UTF-8",
            "USER": "somebody",
            "PYTHONHASHSEED": "4711",
            "SOURCE_DATE_EPOCH": "1234567890",
        },
    ),
)


@pytest.mark.parametrize("builder", BUILDERS, ids=["plain", "odd"])
def test_a_clone_builds_the_digests_that_are_written_down(tmp_path: Path, builder: Builder) -> None:
    clone = tmp_path / builder.place / "clone"
    mask = ("sh", "-c", f'umask {builder.umask}; exec "$@"', "sh")
    subprocess.run(
        [*mask, "git", "clone", "--quiet", "--depth", "1", ROOT.as_uri(), clone], check=True
    )
    home = {"HOME": str(tmp_path), "MINISEAL_CACHE": str(tool_cache().folder.parent)}

    built = {
        name: build(clone, name, tmp_path / name, env={**home, **builder.env}, prefix=mask)
        for name in NAMES
    }

    assert built == golden(clone)


def test_the_written_digests_are_whole() -> None:
    table = golden(ROOT)

    assert tuple(table) == NAMES
    assert all(tuple(digests) == KINDS for digests in table.values())
    found = {digest for digests in table.values() for digest in digests.values()}
    assert len(found) == len(NAMES) * len(KINDS)
