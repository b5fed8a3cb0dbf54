"""Whether a tree may have configuration files that the scanner checks.

The checks take most of a scan's time, and a mini-program's tree seldom has a file for them. They
are left out only where every file is known to be none: of a kind that is no configuration, or JSON
without a word that templates, manifests and plans must have. Whatever is not known is checked.
"""

import os
import re
from pathlib import Path

__all__ = ["may_configure"]

_JSON_LIMIT = 16 * 1024 * 1024
_OTHERS = frozenset(
    {
        *(".avif", ".bmp", ".c", ".cjs", ".cpp", ".css", ".csv", ".gif", ".go", ".h", ".hpp"),
        *(".htm", ".html", ".ico", ".jpeg", ".jpg", ".js", ".jsx", ".lock", ".map", ".md", ".mjs"),
        *(".mp3", ".mp4", ".ogg", ".otf", ".pdf", ".png", ".py", ".rs", ".svg", ".toml", ".ts"),
        *(".tsx", ".ttf", ".txt", ".wasm", ".wat", ".wav", ".webm", ".webp", ".wit", ".woff"),
        *(".woff2", ".zig"),
    }
)
_NAMES = frozenset({".gitignore", "go.mod", "go.sum", "license", "makefile", "miniseal.lock"})
# In each template of CloudFormation and Azure, in Kubernetes and in plans; and an escape, with
# which any word could be written.
_WORDS = re.compile(
    rb"Resources|\$schema|contentVersion|apiVersion|planned_values|resource_changes|\\u"
)
_CONTAINER_FILE = re.compile(r"(docker|container)file")


def may_configure(tree: Path) -> bool:
    """Whether any file below `tree` may be one whose settings the scanner checks.

    Raises:
        OSError: the tree cannot be read.
    """
    return any(
        _may_be_checked(Path(folder, name)) for folder, _, names in os.walk(tree) for name in names
    )


def _may_be_checked(path: Path) -> bool:
    name = path.name.lower()
    if _CONTAINER_FILE.search(name):
        return True
    if path.suffix.lower() == ".json":
        with path.open("rb") as file:
            data = file.read(_JSON_LIMIT + 1)
        return len(data) > _JSON_LIMIT or _WORDS.search(data) is not None
    return path.suffix.lower() not in _OTHERS and name not in _NAMES
