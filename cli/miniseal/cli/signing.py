"""The options of the commands that sign, and the signer that they ask for.

A key is named by path or URI; `--keyless` signs with an OIDC identity through Sigstore. A password
or PIN comes from MINISEAL_KEY_PASSWORD or is asked for on a terminal; it is never an option,
because others see a command line.
"""

import functools
import logging
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from miniseal.cli.files import FILE_UNUSABLE, read_file
from miniseal.formats.errors import UsageError
from miniseal.formats.extras import need

if TYPE_CHECKING:
    from miniseal.attestations import KeySigner, Signer

__all__ = ["Signing", "ask", "key_option", "new_password", "open_key", "signing_options"]

PASSWORD = "MINISEAL_KEY_PASSWORD"  # noqa: S105 - a variable's name


@dataclass(frozen=True, slots=True, kw_only=True)
class Signing:
    """The command line's word on who signs, one member per option.

    Attributes:
        key: path or URI.
        keyless: sign with an identity instead.
        identity_token: an OIDC token, or a file that has it.
        trust_config: of a private Sigstore instance.
        bound_token: ask for a token that no other instance takes.
    """

    key: str | None
    keyless: bool
    identity_token: str | None
    trust_config: Path | None
    bound_token: bool = False

    @property
    def given(self) -> bool:
        """Whether the options name a signer."""
        return self.keyless or self.key is not None

    def signer(self) -> "Signer":
        """The signer; of a key service and of an identity it is known then that they answer.

        Raises:
            UsageError: what the key, the token or the trust configuration is refused for.
            EnvironmentalError: `extra-missing`, `signer-unavailable`.
        """
        if self.keyless:
            return _keyless(self)
        if self.key is None:
            raise click.UsageError("give --key or --keyless")
        return open_key(self.key)


key_option = click.option(
    "--key",
    envvar="MINISEAL_KEY",
    metavar="KEY",
    help="The private key that signs: a path, or a URI of a key service [env: MINISEAL_KEY].",
)
_OPTIONS = (
    key_option,
    click.option(
        "--keyless", is_flag=True, help="Sign with an OIDC identity through Sigstore, not a key."
    ),
    click.option(
        "--identity-token",
        envvar=["MINISEAL_IDENTITY_TOKEN", "SIGSTORE_ID_TOKEN"],
        metavar="TOKEN|FILE",
        help="With --keyless: who you are; the CI system's or a browser's word by default "
        "[env: MINISEAL_IDENTITY_TOKEN, SIGSTORE_ID_TOKEN].",
    ),
    click.option(
        "--trust-config",
        envvar="MINISEAL_TRUST_CONFIG",
        type=click.Path(path_type=Path),
        help="With --keyless: the ClientTrustConfig of a private Sigstore; the public instance by "
        "default [env: MINISEAL_TRUST_CONFIG].",
    ),
    click.option(
        "--bound-token",
        is_flag=True,
        help="With --trust-config: ask the CI system for a token whose audience is the URL of the "
        "certificate authority, so that nobody there can use it elsewhere.",
    ),
)


def signing_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give `command` the options, which reach it as one argument `signing`."""

    @functools.wraps(command)
    def collected(**given: Any) -> Any:  # noqa: ANN401 - click's options, by their names
        own = {each.name: given.pop(each.name) for each in fields(Signing)}
        return command(signing=_checked(own), **given)

    decorated: Callable[..., Any] = collected
    for option in reversed(_OPTIONS):
        decorated = option(decorated)
    return decorated


def _checked(given: dict[str, Any]) -> Signing:
    """What was asked for; what an environment variable says gives way to the command line."""
    context = click.get_current_context()
    typed = {
        name
        for name in given
        if context.get_parameter_source(name) is not ParameterSource.ENVIRONMENT
    }
    if given["keyless"]:
        if given["key"] is not None and "key" in typed:
            raise click.UsageError("--key and --keyless exclude each other")
        if given["bound_token"] and given["trust_config"] is None:
            raise click.UsageError("--bound-token is for --trust-config")
        return Signing(**dict(given, key=None))
    for name in ("identity_token", "trust_config", "bound_token"):
        if given[name] and name in typed:
            raise click.UsageError(f"--{name.replace('_', '-')} is for --keyless")
    return Signing(key=given["key"], keyless=False, identity_token=None, trust_config=None)


def open_key(key: str, *, unlock: bool = True) -> "KeySigner":
    """The signer of a key.

    Args:
        key: path or URI, as `--key` has it.
        unlock: ask for a password or PIN at once; else only where there is no public key without.

    Raises:
        UsageError: `key-invalid`, `key-permissions`, `key-unsupported`, `key-password`.
        EnvironmentalError: `extra-missing`, `signer-unavailable`.
    """
    from miniseal.attestations import extra_of, open_signer  # slow

    extra = extra_of(key)
    if extra is not None:
        need(extra)
        _quiet("securesystemslib")
    if not unlock:
        try:
            return open_signer(key)
        except UsageError as error:
            if error.code != "key-password":
                raise
    return open_signer(key, ask=ask)


def ask(what: str) -> str:
    """A secret, from the environment or a terminal.

    Raises:
        UsageError: `key-password`, where there is neither.
    """
    return _secret(what, twice=False)


def new_password(what: str) -> str:
    """A secret that is to be set, so that a terminal asks twice.

    Raises:
        UsageError: `key-password`, where there is neither.
    """
    return _secret(what, twice=True)


def _secret(what: str, *, twice: bool) -> str:
    from miniseal.attestations.signers.file import KEY_PASSWORD  # slow

    if PASSWORD in os.environ:
        return os.environ[PASSWORD]
    if not sys.stdin.isatty():
        raise KEY_PASSWORD(f"{what} is needed, and there is no terminal to ask on")
    answer: str = click.prompt(
        f"{what[0].upper()}{what[1:]}", hide_input=True, err=True, confirmation_prompt=twice
    )
    return answer


def _keyless(given: Signing) -> "Signer":
    need("keyless")
    _quiet("sigstore")
    from miniseal.attestations import KeylessSigner  # needs the extra `keyless`

    return KeylessSigner.open(
        trust_config=read_file(given.trust_config) if given.trust_config else None,
        token=_token(given.identity_token) if given.identity_token else None,
        interactive=sys.stdin.isatty() and sys.stderr.isatty(),
        bound=given.bound_token,
    )


def _quiet(library: str) -> None:
    """Keep what a library logs from the terminal: an error says it once, or it is none."""
    logging.getLogger(library).addHandler(logging.NullHandler())


def _token(text: str) -> str:
    """The token, or what is in the file of that name; what is neither may be a secret all the same.

    Raises:
        UsageError: `file-unusable`.
    """
    text = text.strip()
    if text.startswith("eyJ"):
        return text
    try:
        data = read_file(Path(text))
    except UsageError:
        raise FILE_UNUSABLE(
            "the identity token is none, and not the name of a file that can be read",
            expected="a token, which begins with eyJ, or a file that has one",
        ) from None
    return data.decode("utf-8", "replace").strip()
