"""How commands reach registries: their options, and what the environment says.

The options of a command are kept in its context, so that a command which takes references has one
decorator for them and nothing else to pass on.
"""

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import click

from miniseal import registry
from miniseal.cli.files import FILE_UNUSABLE
from miniseal.formats.errors import Code, UsageError
from miniseal.formats.reference import Reference
from miniseal.registry import Access, Credential, Store

__all__ = [
    "CREDENTIALS_INCOMPLETE",
    "REFERENCE_INCOMPLETE",
    "access",
    "auth_files",
    "login_file",
    "open_store",
    "options",
]

CREDENTIALS_INCOMPLETE = Code(
    "credentials-incomplete",
    UsageError,
    meaning="the environment has a part of a registry's credentials",
    cause="one of MINISEAL_REGISTRY_HOST, MINISEAL_REGISTRY_USER and MINISEAL_REGISTRY_PASSWORD is "
    "not set",
    remedy="set all three, or none: credentials are for one registry",
)

REFERENCE_INCOMPLETE = Code(
    "reference-incomplete",
    UsageError,
    meaning="a reference names a repository, but nothing in it",
    cause="the tag or the digest was left out",
    remedy="add :TAG or @sha256:..",
)

_HOST, _USER = "MINISEAL_REGISTRY_HOST", "MINISEAL_REGISTRY_USER"
_PASSWORD = "MINISEAL_REGISTRY_PASSWORD"  # noqa: S105 - a variable's name
_META = "miniseal.access"


def _keep(context: click.Context, parameter: click.Parameter, value: object) -> None:
    context.meta[f"{_META}.{parameter.name}"] = value


_OPTIONS = (
    click.option(
        "--plain-http",
        envvar="MINISEAL_PLAIN_HTTP",
        multiple=True,
        metavar="HOST[:PORT]",
        expose_value=False,
        callback=_keep,
        help="Speak to this registry without TLS; loopback needs no permission "
        "[env: MINISEAL_PLAIN_HTTP].",
    ),
    click.option(
        "--ca-file",
        envvar="MINISEAL_CA_FILE",
        type=click.Path(path_type=Path),
        expose_value=False,
        callback=_keep,
        help="Certificates of authorities to trust for registries, in PEM; loopback speaks TLS "
        "then [env: MINISEAL_CA_FILE].",
    ),
    click.option(
        "--token-host",
        "token_hosts",
        envvar="MINISEAL_TOKEN_HOSTS",
        multiple=True,
        metavar="HOST[:PORT]",
        expose_value=False,
        callback=_keep,
        help="A token service that may see a registry's credentials, on a domain of its own "
        "[env: MINISEAL_TOKEN_HOSTS].",
    ),
)


def options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give `command` the options of registries; no argument reaches it."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def access(environ: Mapping[str, str] = os.environ) -> Access:
    """What the options of the running command and the environment say.

    Raises:
        UsageError: `credentials-incomplete`.
    """
    context = click.get_current_context(silent=True)
    given = context.meta if context is not None else {}
    return Access(
        plain_http=given.get(f"{_META}.plain_http", ()),
        ca_file=given.get(f"{_META}.ca_file"),
        token_hosts=given.get(f"{_META}.token_hosts", ()),
        credentials=_credentials(environ),
        auth_text=environ.get("DOCKER_AUTH_CONFIG", ""),
        auth_files=auth_files(environ),
    )


def open_store(reference: str | Reference) -> Store:
    """The store that a reference names, reached as options and environment say.

    Raises:
        UsageError: `reference-malformed`, `ca-file-invalid`,
            `credentials-incomplete`.
        EnvironmentalError: `extra-missing`.
    """
    return registry.open_store(reference, access())


def auth_files(environ: Mapping[str, str]) -> tuple[Path, ...]:
    """Where podman and docker keep credentials, in the order in which they are asked."""
    home = environ.get("HOME")
    podman = (
        environ.get("REGISTRY_AUTH_FILE"),
        _below(environ.get("XDG_RUNTIME_DIR"), "containers/auth.json"),
        _below(environ.get("XDG_CONFIG_HOME") or _below(home, ".config"), "containers/auth.json"),
    )
    return tuple(Path(name) for name in (*podman, _docker(environ)) if name)


def login_file(environ: Mapping[str, str]) -> Path:
    """Where `login` keeps credentials: the file that podman is told of, or else docker's.

    Raises:
        UsageError: `file-unusable`, nothing says where that is.
    """
    found = environ.get("REGISTRY_AUTH_FILE") or _docker(environ)
    if not found:
        raise FILE_UNUSABLE("no place for credentials", expected="HOME or DOCKER_CONFIG to be set")
    return Path(found)


def _docker(environ: Mapping[str, str]) -> str | None:
    return _below(
        environ.get("DOCKER_CONFIG") or _below(environ.get("HOME"), ".docker"), "config.json"
    )


def _below(folder: str | None, name: str) -> str | None:
    return f"{folder}/{name}" if folder else None


def _credentials(environ: Mapping[str, str]) -> dict[str, Credential]:
    host, username, secret = (environ.get(name) for name in (_HOST, _USER, _PASSWORD))
    if not (host or username or secret):
        return {}
    if not (host and username and secret):
        raise CREDENTIALS_INCOMPLETE("credentials in the environment are not complete")
    return {host: Credential(username=username, secret=secret)}
