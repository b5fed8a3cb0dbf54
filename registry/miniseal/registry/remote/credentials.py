"""The credentials that docker and podman keep: `config.json`, `auth.json`, and their helpers.

A file's helper is asked before what the file itself holds, and files in their order. A helper is a
program of this user's; it gets a bounded time. What is found is for one registry and is shown to
nobody.
"""

import os
import re
import signal
import subprocess
import tempfile
from base64 import b64decode
from collections.abc import Iterator
from pathlib import Path

from miniseal.formats.errors import Code, FormatError, UsageError
from miniseal.formats.members import Members
from miniseal.formats.strictjson import loads
from miniseal.registry.access import Access, Credential

__all__ = [
    "CREDENTIALS_UNUSABLE",
    "Helper",
    "find",
    "helper_of",
    "keys_of",
    "place_of",
    "read_config",
]

CREDENTIALS_UNUSABLE = Code(
    "credentials-unusable",
    UsageError,
    meaning="credentials for a registry are kept in a way that cannot be read",
    cause="a damaged configuration file of docker or podman, or a credential helper that is "
    "missing, fails or does not end",
    remedy="correct the file that the message names, or log in again",
)

_LIMIT = 1024 * 1024
_HELPER = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")
_SCHEME = re.compile(r"https?://")
_DOCKER_HUB = "docker.io"
_DOCKER_HUB_KEY = "https://index.docker.io/v1/"
_NOT_FOUND = "credentials not found"
_TOKEN_USER = "<token>"  # noqa: S105 - the name that helpers give instead of a user's


def find(host: str, repository: str, access: Access) -> Credential | None:
    """The credential for a repository of the registry `host`; None if there is none.

    Raises:
        UsageError: `credentials-unusable`.
    """
    if host in access.credentials:
        return access.credentials[host]
    for config in _configs(access):
        helper = helper_of(config, host, access.helper_seconds)
        found = helper.get(_server(host)) if helper else None
        if found := found or _kept(config, host, repository):
            return found
    return None


def _configs(access: Access) -> Iterator[Members]:
    """Each is read only when those before it had nothing."""
    if access.auth_text:
        yield _parsed(access.auth_text.encode(), "DOCKER_AUTH_CONFIG")
    for path in access.auth_files:
        if (config := read_config(path)) is not None:
            yield config


def read_config(path: Path) -> Members | None:
    """The members of a configuration file; None if there is no such file.

    Raises:
        UsageError: `credentials-unusable`.
    """
    try:
        with path.open("rb") as file:
            data = file.read(_LIMIT + 1)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise CREDENTIALS_UNUSABLE(f"cannot read {path}", found=error.strerror) from error
    return _parsed(data or b"{}", str(path))


def _parsed(data: bytes, what: str) -> Members:
    try:
        value = loads(data, limit=_LIMIT, what=what, floats=True)
    except FormatError as error:
        raise CREDENTIALS_UNUSABLE(f"{what} is malformed: {error.message}") from error
    return Members(value, what, CREDENTIALS_UNUSABLE)


def helper_of(config: Members, host: str, seconds: float) -> "Helper | None":
    """The credential helper that a configuration names for a registry, or for all of them.

    Raises:
        UsageError: `credentials-unusable`.
    """
    chosen = config.string_map("credHelpers")
    name = next((chosen[key] for key in keys_of(host) if key in chosen), None)
    if name is None and config.values.get("credsStore") != "":  # docker's word for none
        name = config.optional_string("credsStore")
    return Helper(name, seconds) if name else None


def keys_of(host: str) -> tuple[str, ...]:
    """What configuration files call a registry."""
    if host == _DOCKER_HUB:
        return (_DOCKER_HUB_KEY, "index.docker.io", _DOCKER_HUB)
    return (host,)


class Helper:
    """A credential helper.

    Attributes:
        program: its name, `docker-credential-NAME`.
    """

    __slots__ = ("_seconds", "program")

    def __init__(self, name: str, seconds: float) -> None:
        """Name it.

        Raises:
            UsageError: `credentials-unusable`, it is no plain name.
        """
        if not _HELPER.fullmatch(name):
            raise CREDENTIALS_UNUSABLE("not a credential helper's name", found=repr(name)[:100])
        self.program = f"docker-credential-{name}"
        self._seconds = seconds

    def get(self, server: str) -> Credential | None:
        """What it keeps for a registry; None if it has nothing.

        Raises:
            UsageError: `credentials-unusable`.
        """
        code, said = self._run("get", server.encode())
        if code:
            if _NOT_FOUND in said.decode("utf-8", "replace"):
                return None
            raise self._failed(f"exit code {code}")
        try:
            value = loads(said, limit=_LIMIT, what=self.program)
        except FormatError as error:
            raise self._failed("something that is not JSON") from error
        members = Members(value, self.program, CREDENTIALS_UNUSABLE)
        username, secret = _text(members, "Username"), _text(members, "Secret")
        return Credential(username="" if username == _TOKEN_USER else username, secret=secret)

    def store(self, server: str, credential: Credential) -> None:
        """Keep a credential.

        Raises:
            UsageError: `credentials-unusable`.
        """
        from json import dumps

        username = credential.username or _TOKEN_USER
        what = {"ServerURL": server, "Username": username, "Secret": credential.secret}
        code, _ = self._run("store", dumps(what).encode())
        if code:
            raise self._failed(f"exit code {code}")

    def erase(self, server: str) -> None:
        """Forget what is kept for a registry, if anything is."""
        self._run("erase", server.encode())

    def _run(self, verb: str, said: bytes) -> tuple[int, bytes]:
        """Its exit code and what it wrote. Files, not pipes: its children may keep those open."""
        with tempfile.TemporaryFile() as standard_input, tempfile.TemporaryFile() as output:
            standard_input.write(said)
            standard_input.seek(0)
            try:
                process = subprocess.Popen(
                    [self.program, verb],
                    stdin=standard_input,
                    stdout=output,
                    stderr=subprocess.DEVNULL,
                    start_new_session=True,
                )
            except OSError as error:
                raise self._failed(error.strerror) from error
            try:
                code = process.wait(self._seconds)
            except subprocess.TimeoutExpired as error:
                raise self._failed(f"no end after {self._seconds:g} seconds") from error
            finally:
                if process.poll() is None:
                    os.killpg(process.pid, signal.SIGKILL)
                    process.wait()
            output.seek(0)
            return code, output.read(_LIMIT + 1)

    def _failed(self, found: str | None) -> Exception:
        return CREDENTIALS_UNUSABLE(f"{self.program} does not serve", found=found)


def _server(host: str) -> str:
    return keys_of(host)[0]


def _kept(config: Members, host: str, repository: str) -> Credential | None:
    """What the file itself holds: for the repository, for what it is in, or for the registry."""
    if "auths" not in config:
        return None
    entries = {place_of(key): key for key in reversed(config.child("auths").values)}
    steps = repository.split("/")
    places = [f"{host}/{'/'.join(steps[:size])}" for size in range(len(steps), 0, -1)]
    for place in (*places, *map(place_of, keys_of(host))):
        if place in entries:
            found = _entry(config.child("auths").child(entries[place]))
            if found is not None:
                return found
    return None


def place_of(key: str) -> str:
    """What a key of `auths` is about: a host, perhaps with a path, and without `/v1/`."""
    bare = _SCHEME.sub("", key).rstrip("/")
    return bare.removesuffix("/v1").removesuffix("/v2")


def _entry(members: Members) -> Credential | None:
    if members.values.get("identitytoken"):
        return Credential(username="", secret=_text(members, "identitytoken"))
    if members.values.get("auth"):
        text = _decoded(_text(members, "auth"))
        if text is None:
            raise CREDENTIALS_UNUSABLE(f"{members.what}.auth is not base64 of text")
        username, _, secret = text.partition(":")
        return Credential(username=username, secret=secret.rstrip("\0")) if username else None
    if members.values.get("username"):
        secret = _text(members, "password") if members.values.get("password") else ""
        return Credential(username=_text(members, "username"), secret=secret)
    return None


def _decoded(text: str) -> str | None:
    """Not an error, which would hold what it could not read."""
    try:
        return b64decode(text, validate=True).decode()
    except ValueError:
        return None


def _text(members: Members, name: str) -> str:
    """A member that no error may show."""
    value = members.values.get(name)
    if not isinstance(value, str) or not value:
        raise CREDENTIALS_UNUSABLE(f"{members.what}.{name} is no text")
    return value
