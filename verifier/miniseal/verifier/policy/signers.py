"""Who a signer is: keys, or what a Sigstore certificate says; and what certificates hang on.

A rule by which somebody else could pass as the signer is refused, and so is one that no certificate
can meet. What Fulcio writes into certificates is in its documentation (`docs/oid-info.md`).
"""

import re

from miniseal.verifier.policy.model import Document, Signer, Trust, Tuf
from miniseal.verifier.policy.patterns import is_email_pattern
from miniseal.verifier.policy.values import (
    check_age,
    check_exact,
    check_pattern,
    check_range,
    check_time,
    check_url,
    invalid,
)

__all__ = ["check_signer", "check_trust"]

_SOURCE = ("source_repository_id", "source_owner_id")
_EXACT = (*_SOURCE, "runner_environment", "build_trigger")
_KEYLESS = ("issuer", "identity", "identity_pattern", "source_ref", *_EXACT)
_RUNNERS = ("github-hosted", "self-hosted")

_GITHUB_ISSUER = re.compile(
    r"https://(token\.actions\.githubusercontent\.com|token\.actions\.[^/]+\.ghe\.com)(/.*)?"
    r"|https://[^/]+/_services/token/?"
)
_FIXED = re.compile(r"https?://[^/*]+/[^/*]+/.*|(?!https?:)[a-z][a-z0-9+.-]*://[^/*]+/.*")
"""A pattern of URIs whose host, and below it the first folder (an owner), are fixed."""


def check_signer(where: str, signer: Signer, document: Document) -> None:
    """Refuse a signer that is nobody, two things at once, or anybody.

    Raises:
        UsageError: `policy-invalid`.
    """
    named = [name for name in _KEYLESS if getattr(signer, name) is not None]
    if signer.keys and named:
        raise invalid(f"{where}.{named[0]}", "stands beside keys", expected="keys, or an identity")
    if signer.keys:
        _check_keys(where, signer)
    elif named:
        _check_keyless(where, signer)
        if document.trust is None:
            raise invalid(where, "is keyless, and there is no [trust] to verify it with")
    else:
        raise invalid(f"{where}.keys", "is empty", expected="keys, or issuer and identity")


def _check_keys(where: str, signer: Signer) -> None:
    check_range(f"{where}.threshold", signer.threshold, 1, len(signer.keys))
    for index, key in enumerate(signer.keys):
        if key.not_after is not None:
            check_time(f"{where}.keys[{index}].not_after", key.not_after)


def _check_keyless(where: str, signer: Signer) -> None:
    if signer.threshold != 1:
        raise invalid(
            f"{where}.threshold",
            "is of distinct keys, and a keyless signer is one identity",
            signer.threshold,
            "1",
        )
    if signer.issuer is None:
        raise invalid(f"{where}.issuer", "is missing: any issuer could name the identity")
    check_exact(f"{where}.issuer", signer.issuer)
    check_url(f"{where}.issuer", signer.issuer, plain=True)
    identity = _identity(where, signer)
    for name in _EXACT:
        value = getattr(signer, name)
        if value is not None:
            check_exact(f"{where}.{name}", value)
    if signer.source_ref is not None:
        check_pattern(f"{where}.source_ref", signer.source_ref)
    if _is_github(signer.issuer, identity):
        _check_github(where, signer, identity)
    elif is_email_pattern(identity):
        _check_person(where, signer)


def _identity(where: str, signer: Signer) -> str:
    """The identity, exact or as a pattern."""
    if signer.identity is not None and signer.identity_pattern is not None:
        raise invalid(f"{where}.identity_pattern", "stands beside identity", expected="one of them")
    if signer.identity is not None:
        check_exact(f"{where}.identity", signer.identity, "identity_pattern")
        return signer.identity
    if signer.identity_pattern is None:
        raise invalid(f"{where}.identity", "is missing: anybody of that issuer could sign")
    pattern = signer.identity_pattern
    check_pattern(f"{where}.identity_pattern", pattern, "the identity, as exact as can be")
    if "*" in pattern and not (_FIXED.fullmatch(pattern) or is_email_pattern(pattern)):
        raise invalid(
            f"{where}.identity_pattern",
            "does not fix whose identity it is",
            pattern,
            "https://HOST/OWNER/... or *@DOMAIN, with * only behind the owner or before the @",
        )
    return pattern


def _is_github(issuer: str, identity: str) -> bool:
    """Whether certificates come from GitHub Actions, of github.com or of an own server."""
    return (
        _GITHUB_ISSUER.fullmatch(issuer.lower()) is not None
        or identity.lower().startswith("https://github.com/")
        or "/.github/workflows/" in identity.lower()
    )


def _check_github(where: str, signer: Signer, identity: str) -> None:
    for name in _SOURCE:
        value = getattr(signer, name)
        if value is None:
            raise invalid(
                f"{where}.{name}",
                "is missing: identity names the called workflow, which others may call too",
                expected="the number that `gh api repos/OWNER/REPO --jq '.id, .owner.id'` prints",
            )
        if not re.fullmatch(r"[1-9][0-9]{0,18}", value):
            raise invalid(f"{where}.{name}", "is no number of GitHub's", value, 'such as "1234567"')
    workflow = r"https://[^/*]+/[^/*]+/.+" + ("" if signer.identity is None else r"/.+@.+")
    if not re.fullmatch(workflow, identity):
        raise invalid(
            f"{where}.identity",
            "is no workflow, as GitHub's certificates name it",
            identity,
            "https://github.com/OWNER/REPO/.github/workflows/FILE@REF",
        )
    if signer.source_ref is not None and not signer.source_ref.startswith("refs/"):
        raise invalid(
            f"{where}.source_ref", "is no full ref", signer.source_ref, "such as refs/heads/main"
        )
    if signer.runner_environment not in {None, *_RUNNERS}:
        raise invalid(
            f"{where}.runner_environment",
            "is none of GitHub's",
            signer.runner_environment,
            " or ".join(_RUNNERS),
        )


def _check_person(where: str, signer: Signer) -> None:
    for name in (*_EXACT, "source_ref"):
        if getattr(signer, name) is not None:
            raise invalid(f"{where}.{name}", "can never be met: a person's certificate has none")


def check_trust(trust: Trust) -> None:
    """Refuse `[trust]` that does not say where one trusted root comes from.

    Raises:
        UsageError: `policy-invalid`.
    """
    if (trust.trusted_root is None) == (trust.tuf is None):
        raise invalid("trust", "does not name one source", expected="trusted_root or [trust.tuf]")
    if trust.tuf is None:
        if trust.max_age is not None:
            raise invalid("trust.max_age", "is of what `refresh` brings", expected="[trust.tuf]")
        return
    if trust.max_age is None:
        raise invalid(
            "trust.max_age", "is missing: nobody would notice that refreshing stopped", None, "7d"
        )
    check_age("trust.max_age", trust.max_age)
    _check_tuf(trust.tuf)


def _check_tuf(tuf: Tuf) -> None:
    check_exact("trust.tuf.url", tuf.url)
    check_url("trust.tuf.url", tuf.url)
    check_exact("trust.tuf.target", tuf.target)
    if not all(part.strip(".") for part in tuf.target.split("/")) or "\\" in tuf.target:
        raise invalid("trust.tuf.target", "is no path among the targets", tuf.target)
