"""Keeping credentials as docker and podman do, and forgetting them.

A configuration file's helper keeps what it is asked to; without one the file itself does, readable
to its owner alone. Whatever else is in the file stays as it is.
"""

import json
from base64 import b64encode
from dataclasses import replace
from pathlib import Path

from miniseal.formats.members import Members
from miniseal.registry.access import Access, Credential
from miniseal.registry.files import Folder, storage
from miniseal.registry.remote.credentials import (
    CREDENTIALS_UNUSABLE,
    helper_of,
    keys_of,
    place_of,
    read_config,
)
from miniseal.registry.remote.retries import Pace
from miniseal.registry.remote.session import Request, Session

__all__ = ["check", "forget", "keep"]


def check(host: str, credential: Credential, access: Access, pace: Pace | None = None) -> None:
    """See whether a registry lets somebody in.

    Raises:
        EnvironmentalError: `auth-refused`, and what a `Session` raises.
        VerificationError: `redirect-refused`, the token service is elsewhere.
    """
    alone = replace(access, credentials={host: credential}, auth_files=())
    request = Request(method="GET", url="/v2/", actions="")
    Session(host, "", alone, pace or Pace()).open(request).close()


def keep(path: Path, host: str, credential: Credential, seconds: float) -> str:
    """Keep a credential in a configuration file, or by its helper; says where that was.

    Raises:
        UsageError: `credentials-unusable`.
        EnvironmentalError: `storage-failed`.
    """
    config = read_config(path) or Members({}, str(path), CREDENTIALS_UNUSABLE)
    if helper := helper_of(config, host, seconds):
        helper.store(keys_of(host)[0], credential)
        return helper.program
    pair = b64encode(f"{credential.username}:{credential.secret}".encode()).decode()
    _write(path, config, {**_others(config, host), keys_of(host)[0]: {"auth": pair}})
    return str(path)


def forget(path: Path, host: str, seconds: float) -> bool:
    """Forget what a configuration file, or its helper, keeps; says whether there was something.

    Raises:
        UsageError: `credentials-unusable`.
        EnvironmentalError: `storage-failed`.
    """
    config = read_config(path)
    if config is None:
        return False
    found = False
    if helper := helper_of(config, host, seconds):
        found = helper.get(keys_of(host)[0]) is not None
        helper.erase(keys_of(host)[0])
    others = _others(config, host)
    if "auths" in config and others.keys() != config.child("auths").values.keys():
        _write(path, config, others)
        found = True
    return found


def _others(config: Members, host: str) -> dict[str, object]:
    """The entries of a file that are not this registry's."""
    entries = config.child("auths").values if "auths" in config else {}
    own = {place_of(key) for key in keys_of(host)}
    return {key: value for key, value in entries.items() if place_of(key) not in own}


def _write(path: Path, config: Members, auths: dict[str, object]) -> None:
    text = json.dumps({**config.values, "auths": auths}, indent="\t") + "\n"
    with storage(f"write {path}"):
        whole = path.resolve()
        whole.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with Folder(str(whole.parent)) as folder:
            folder.write(whole.name, text.encode(), mode=0o600)
