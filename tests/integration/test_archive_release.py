"""A release straight into an archive, and from there to a host."""

from collections.abc import Callable
from pathlib import Path

from kit.commands import Run
from miniseal.registry.archive import ArchiveStore

APP = "com.example.tip"


def test_a_release_into_an_archive_is_installed_from_it(
    miniseal: Callable[..., Run],
    project: Callable[[str], Path],
    key: Path,
    vulnerability_db: Path,
    tmp_path: Path,
) -> None:
    source, policy = project("tip"), tmp_path / "policy" / "policy.toml"
    archive = tmp_path / "out" / "tip.tar"
    release = ("release", source, "--to", f"oci-archive:{archive}", "--key", key)
    database = ("--vulnerability-db", vulnerability_db)
    miniseal("policy", "init", source, "--key", f"{key}.pub", "-o", policy).ok()

    released = miniseal(*release, *database).ok()
    again = miniseal(*release, *database).ok()
    tags = ArchiveStore(archive).tags()
    reference = f"oci-archive:{archive}:{min(tags)}"
    installed = miniseal(
        *("install", APP, reference, "--policy", policy, "--state", tmp_path / "state")
    ).ok()
    assert installed["package"]["digest"] == released["package"]
    assert again["unchanged"] is True
    assert [each.name for each in archive.parent.iterdir()] == ["tip.tar"]
