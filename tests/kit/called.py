"""What others can call: the reusable workflow and the action, with their inputs and outputs."""

from pathlib import Path
from typing import Any

import yaml

__all__ = ["ACTION", "WORKFLOW", "action", "called_names", "workflow"]

_ROOT = Path(__file__).parents[2]
WORKFLOW = _ROOT / ".github" / "workflows" / "release-mini-program.yml"
ACTION = _ROOT / "action.yml"


def workflow() -> dict[str, dict[str, Any]]:
    """The workflow's `inputs`, `secrets` and `outputs`."""
    document: dict[Any, Any] = yaml.safe_load(WORKFLOW.read_bytes())
    called: dict[str, dict[str, Any]] = document[True]["workflow_call"]  # YAML's word for `on`
    return {name: called.get(name, {}) for name in ("inputs", "secrets", "outputs")}


def action() -> dict[str, dict[str, Any]]:
    """The action's `inputs` and `outputs`."""
    document: dict[str, Any] = yaml.safe_load(ACTION.read_bytes())
    return {name: document.get(name, {}) for name in ("inputs", "outputs")}


def called_names() -> set[str]:
    """The names of all of them."""
    return {name for part in (workflow(), action()) for names in part.values() for name in names}
