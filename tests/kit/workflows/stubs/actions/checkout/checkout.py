"""Fetches a commit of a repository that the test has in a folder; see the README of the stubs."""

import json
import os
import shutil
import subprocess
from pathlib import Path


def main() -> None:
    """Check out; the job then has a home of its own, as it would on a machine of its own."""
    name, ref, depth = (os.environ[each] for each in ("REPOSITORY", "REF", "DEPTH"))
    workspace = Path(os.environ["GITHUB_WORKSPACE"]).resolve()
    target = (workspace / os.environ["FOLDER"]).resolve()
    if not target.is_relative_to(workspace):
        raise SystemExit(f"{target} is not in the workspace")
    served = Path(os.environ["MINISEAL_TEST_RUN"], "repositories.json").read_text(encoding="utf-8")
    folder = json.loads(served).get(name)
    if folder is None:
        raise SystemExit(f"repository {name!r} not found")
    if not ref:
        ref = os.environ["CALLER_COMMIT"] if name == os.environ["CALLER"] else "HEAD"
    _empty(target)
    git = ("git", "-C", str(target), "-c", "advice.detachedHead=false")
    subprocess.run(["git", "init", "--quiet", target], check=True)
    subprocess.run([*git, "remote", "add", "origin", f"https://github.com/{name}"], check=True)
    limit = () if depth == "0" else (f"--depth={depth}",)
    fetch = ("fetch", "--quiet", "--no-tags", *limit, f"file://{folder}", ref)
    subprocess.run([*git, *fetch], check=True)
    subprocess.run([*git, "checkout", "--quiet", "--force", "FETCH_HEAD"], check=True)
    told = subprocess.run([*git, "rev-parse", "HEAD"], check=True, stdout=subprocess.PIPE)
    _say("GITHUB_OUTPUT", f"commit={told.stdout.decode().strip()}")
    home = Path(os.environ["RUNNER_TEMP"], "home")
    home.mkdir(exist_ok=True)
    _say("GITHUB_ENV", f"HOME={home}")
    _say("GITHUB_ENV", f"XDG_CACHE_HOME={home / '.cache'}")


def _empty(folder: Path) -> None:
    """As the real one, take away what is there already."""
    folder.mkdir(parents=True, exist_ok=True)
    for path in folder.iterdir():
        shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()


def _say(file: str, line: str) -> None:
    with Path(os.environ[file]).open("a", encoding="utf-8") as out:
        out.write(f"{line}\n")


if __name__ == "__main__":
    main()
