"""Check GitHub workflows and actions with zizmor and actionlint: `make check`.

actionlint, and shellcheck for the scripts within workflows, are got where they are not there; the
other services are not. What a linter is told to overlook, and why, is beside the finding or in the
linters' own files in `.github`. Standard library only.
"""

import subprocess
import sys
from pathlib import Path

from services import build, cache, programs

__all__ = ["commands", "main"]

_ROOT = Path(__file__).resolve().parent.parent.parent
_PACKAGES = ("shellcheck",)


def main(root: Path = _ROOT) -> None:
    """Run the linters on a repository, where there is something to check.

    Raises:
        SystemExit: they found something, which is shown.
    """
    if not (words := commands(root)):
        return
    with cache.building():
        build.get_packages(_PACKAGES)
        build.get_programs(programs.ACTIONLINT)
    ended = {Path(each[0]).name: subprocess.run(each, cwd=root, check=False) for each in words}
    if failed := [name for name, done in ended.items() if done.returncode]:
        raise SystemExit(f"{' and '.join(failed)} found something")


def commands(root: Path) -> list[list[str]]:
    """What to run in a repository: nothing where it has neither workflows nor an action."""
    actions = [*root.glob("action.y*ml"), *root.glob(".github/actions/*/action.y*ml")]
    workflows = sorted(root.glob(".github/workflows/*.y*ml"))
    found: list[list[str]] = []
    if actions or workflows:
        places = [".github", *(path.name for path in root.glob("action.y*ml"))]
        here = [place for place in places if (root / place).exists()]
        zizmor = str(Path(sys.executable).with_name("zizmor"))
        found.append([zizmor, "--pedantic", "--offline", "--strict-collection", "--quiet", *here])
    if workflows:
        actionlint = str(programs.ACTIONLINT.entry() / "actionlint")
        names = [str(path.relative_to(root)) for path in workflows]
        found.append([actionlint, "-shellcheck=shellcheck", "-pyflakes=", *names])
    return found


if __name__ == "__main__":
    main()
