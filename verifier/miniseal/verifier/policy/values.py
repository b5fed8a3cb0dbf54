"""Checks of one value of a policy, whatever member it is in; each refuses as `policy-invalid`.

What several members mean together is not known here.
"""

import re
from collections.abc import Iterable
from datetime import datetime, timedelta

from miniseal.formats.digest import check_digest
from miniseal.formats.errors import Code, FormatError, UsageError
from miniseal.formats.strictjson import MAX_INTEGER
from miniseal.verifier.policy.model import Document
from miniseal.verifier.policy.patterns import seconds

__all__ = [
    "POLICY_INVALID",
    "check_age",
    "check_digests",
    "check_exact",
    "check_pattern",
    "check_range",
    "check_signers",
    "check_texts",
    "check_time",
    "check_unique",
    "check_url",
    "invalid",
    "is_plain",
]

POLICY_INVALID = Code(
    "policy-invalid",
    UsageError,
    meaning="a policy cannot be read, contradicts itself, or demands nothing",
    cause="an unknown or missing member, a name that nothing defines, or a missing key file",
    remedy="correct the member that the message names; docs/reference/policy.md lists them all",
)

_URL = re.compile(r"(https?)://(\[[0-9a-f:]+\]|[a-z0-9.-]+)(:[0-9]{1,5})?(/[!-~]*)?")
_LOOPBACK = re.compile(r"localhost|127(\.[0-9]{1,3}){3}|\[::1\]")
_TEXT_LIMIT = 2048


def invalid(
    member: str, message: str, found: object = None, expected: str | None = None
) -> Exception:
    """A `policy-invalid` about one member."""
    text = None if found is None else repr(found)[:100]
    return POLICY_INVALID(f"policy: {member} {message}", found=text, expected=expected)


def check_age(where: str, text: str) -> None:
    """Refuse what is no age."""
    if seconds(text) is None:
        raise invalid(where, "is no age", text, "a number and d, h, m or s, such as 14d")


def check_time(where: str, time: datetime) -> None:
    """Refuse what is not in UTC and of whole seconds."""
    if time.utcoffset() != timedelta(0) or time.microsecond:
        raise invalid(where, "is no time in UTC", str(time), "YYYY-MM-DDTHH:MM:SSZ")


def check_range(where: str, number: int, least: int, most: int = MAX_INTEGER) -> None:
    """Refuse a number that is not between the two, or one of them."""
    if not least <= number <= most:
        raise invalid(where, "is out of range", number, f"{least} to {most}")


def check_texts(where: str, texts: tuple[str, ...], least: int = 0) -> None:
    """Refuse empty and repeated texts, and fewer than `least`."""
    if len(texts) < least:
        raise invalid(where, "is empty")
    if not all(text.strip() for text in texts):
        raise invalid(where, "has an empty text")
    check_unique(where, texts)


def check_unique(where: str, texts: Iterable[str]) -> None:
    """Refuse repeated texts."""
    seen: set[str] = set()
    for text in texts:
        if text in seen:
            raise invalid(where, "has the same thing twice", text)
        seen.add(text)


def check_digests(where: str, texts: tuple[str, ...], otherwise: str = "no digest") -> None:
    """Refuse what is not `sha256:` and 64 hex; `otherwise` says what it is then."""
    for text in texts:
        try:
            check_digest(text)
        except FormatError as error:
            raise invalid(where, f"is {otherwise}", text) from error


def check_signers(where: str, names: Iterable[str], document: Document, least: int = 1) -> None:
    """Refuse names of signers that the policy does not have."""
    texts = tuple(names)
    check_texts(where, texts, least=least)
    for name in texts:
        if name not in document.signer:
            raise invalid(where, "names a signer that is not there", name, "a [signer.NAME] table")


def check_exact(where: str, text: str, instead: str | None = None) -> None:
    """Refuse a text that is to be compared exactly, and that nothing can be equal to.

    Args:
        where: the member.
        text: its value.
        instead: the member that takes a pattern, if there is one.
    """
    if "*" in text:
        expected = "the exact text" if instead is None else f"the exact text, or {instead}"
        raise invalid(where, "is compared exactly, and has a *", text, expected)
    _check_printable(where, text)


def check_pattern(where: str, text: str, otherwise: str = "leave it out, or say more") -> None:
    """Refuse a pattern that matches everything."""
    if not text.strip("*"):
        raise invalid(where, "matches everything", text, otherwise)
    _check_printable(where, text)


def check_url(where: str, text: str, *, plain: bool = False) -> None:
    """Refuse what is not an https URL of a host (or http of this machine) without user or query.

    Args:
        where: the member.
        text: its value.
        plain: whether http is well of any host.
    """
    if (
        _URL.fullmatch(text) is None
        or (is_plain(text) and not plain)
        or set(text) & {"?", "#"}
        or len(text) > _TEXT_LIMIT
    ):
        raise invalid(where, "is no URL that can be trusted", text, "https://HOST/PATH")


def is_plain(url: str) -> bool:
    """Whether what comes from a URL could be anybody's who is in between."""
    match = _URL.fullmatch(url)
    return match is not None and match[1] == "http" and not _LOOPBACK.fullmatch(match[2])


def _check_printable(where: str, text: str) -> None:
    if not text or not text.isprintable() or " " in text or len(text) > _TEXT_LIMIT:
        raise invalid(where, "can never be met", text, "a text without spaces")
