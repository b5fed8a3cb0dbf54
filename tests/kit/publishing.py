"""A publisher as tests use one: a key, a vulnerability database, and `miniseal release`."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from kit.commands import Run, run_miniseal
from miniseal.attestations import generate_key

__all__ = ["Publisher"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Publisher:
    """Who signs.

    Attributes:
        key: the private key; its public one is beside it.
        database: the folder of the vulnerability database.
    """

    key: Path
    database: Path

    @classmethod
    def new(cls, folder: Path, database: Path) -> "Publisher":
        """A publisher with a new key in `folder`."""
        key = folder / "publisher.key"
        generate_key(key)
        return cls(key=key, database=database)

    def words(self, project: Path, layout: Path) -> tuple[str, ...]:
        """The command line of a release of `project` into `layout`."""
        return (
            *("release", str(project), "--to", f"oci:{layout}", "--key", str(self.key)),
            *("--vulnerability-db", str(self.database), "--progress", "json"),
        )

    def release(
        self,
        project: Path,
        layout: Path,
        *more: str | Path,
        env: Mapping[str, str] | None = None,
        prefix: tuple[str, ...] = (),
    ) -> Run:
        """Release, with `more` options; a later option wins over an earlier one."""
        return run_miniseal(*self.words(project, layout), *more, env=env, prefix=prefix)

    def policy(self, project: Path, folder: Path) -> Path:
        """A platform's policy in `folder`, made by `policy init`, that admits `project`."""
        path = folder / "policy.toml"
        run_miniseal("policy", "init", project, "--key", f"{self.key}.pub", "-o", path).ok()
        return path
